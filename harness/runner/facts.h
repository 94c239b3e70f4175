/* SPDX-License-Identifier: MIT */
/* What the server is and can do, found out once a run: what `needs` asks about and how transmission is
 * reached. */
#ifndef NBDTEST_RUNNER_FACTS_H
#define NBDTEST_RUNNER_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "referee/session.h"
#include "runner/status.h"
#include "runner/target.h"
#include "wire/constants.h"
#include "wire/frame.h"

#define FACTS_CONTEXTS_MAX 32
#define FACTS_CONNECTIONS_MAX 4

struct facts {
    char export[NBD_MAX_STRING + 1]; /* NUL-terminated */
    bool export_chosen;              /* the only one in the list, not asked for */
    bool no_way_in; /* the server greets, and lets nobody into transmission: size, flags, ... are not known */
    bool by_name;   /* there is a way in by EXPORT_NAME, and none by GO */
    bool greeting_incomplete; /* it begins as one, and does not end: with no_way_in */
    bool oldstyle;            /* the server greets in oldstyle: no flags, no options */
    uint16_t handshake_flags;
    uint64_t size;
    uint16_t flags_simple; /* transmission flags without structured replies, and with them */
    uint16_t flags_structured;
    uint16_t flags_extended; /* with extended headers */
    bool structured;         /* granted */
    bool extended;
    enum tls_mode tls_mode;
    bool tls_known;         /* there are credentials for clients */
    bool secured;           /* sessions go over to TLS first */
    const char *tls_broken; /* why that does not work, though it should; NULL: it does */
    bool without_tls;       /* the export may be had without TLS */
    bool has_tls_only;      /* there is an export that may not: */
    char tls_only[NBD_MAX_STRING + 1];
    bool has_another; /* there is one on the list besides the export: */
    char another[NBD_MAX_STRING + 1];
    bool refuses_unknown; /* GO for an export that does not exist leads nowhere: there are servers that know
                             any name */
    bool hides_unknown;   /* INFO for an export that does not exist says ERR_TLS_REQD */
    bool compact_refused; /* the server insists on extended headers */
    bool filters;        /* NBD_FLAG_BLOCK_STATUS_PAYLOAD is advertised once a metadata context is selected */
    bool writes_refused; /* with EPERM, though READ_ONLY is clear; set by the run once it may write */
    bool unasked;        /* a GO that does not ask for block sizes is granted; or there is no GO */
    bool has_block_size;
    struct wire_info_block_size block_size; /* advertised, or the defaults, or by trying */
    uint32_t unit;        /* what more than the minimum block has to be asked for to be served; 0: nothing */
    uint32_t options;     /* bit N: option N is there: its answer is neither ERR_UNSUP nor ERR_POLICY */
    unsigned connections; /* served at the same time; FACTS_CONNECTIONS_MAX: at least so many */
    const char *contexts[FACTS_CONTEXTS_MAX]; /* of those asked for: the ones that can be selected */
    size_t context_count;
};

/* A name that no export has. */
#define FACTS_NO_EXPORT "nbdtest-no-such-export"

/* What to look for. */
struct facts_wanted {
    const char *export; /* NULL: "", or the only one in the list */
    uint64_t timeout_ns;
    const char *const *contexts; /* at most FACTS_CONTEXTS_MAX are looked for; borrowed by the facts */
    size_t context_count;
    bool options;     /* find out which options there are */
    bool connections; /* find out how many connections are served */
};

/* STATUS_CONFORMS; or USAGE (no such export, TLS demanded) or UNREACHABLE (also with no_way_in) with the
 * reason, and the list of exports where it helps, in ret_error. */
enum status facts_probe(const struct target *target, const struct facts_wanted *wanted, struct facts *ret,
                        struct buffer *ret_error);

/* The length to count in: the least that is served, 1 or more. */
uint32_t facts_unit(const struct facts *f);

bool facts_has_option(const struct facts *f, uint32_t option);
bool facts_has_context(const struct facts *f, const char *context);

#endif
