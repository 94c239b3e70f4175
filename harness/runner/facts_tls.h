/* SPDX-License-Identifier: MIT */
/* What the server's TLS is like.  For facts.c.  proto.md, "TLS support". */
#ifndef NBDTEST_RUNNER_FACTS_TLS_H
#define NBDTEST_RUNNER_FACTS_TLS_H

#include "runner/facts.h"

/* Finds the mode, and whether sessions go over to TLS first; the server speaks fixed newstyle.
 * STATUS_CONFORMS, also where TLS does not work though it should (facts.tls_broken); USAGE or UNREACHABLE
 * with the reason in ret_error where the user's wishes and the server's do not meet. */
enum status facts_tls_probe(const struct target *target, uint64_t timeout_ns, struct facts *ret,
                            struct buffer *ret_error);

/* Finds out, without TLS, which exports a server in mode SELECTIVETLS gives to whom.  The run's export is
 * known. secured: a target whose connections go over to TLS, where that works; else the same as target. */
void facts_tls_probe_exports(const struct target *target, const struct target *secured, uint64_t timeout_ns,
                             struct facts *ret);

#endif
