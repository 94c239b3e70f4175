/* SPDX-License-Identifier: MIT */
/* A target whose connections are recorded to a capture file. */
#ifndef NBDTEST_CLI_CAPTURE_TARGET_H
#define NBDTEST_CLI_CAPTURE_TARGET_H

#include <stddef.h>

#include "runner/target.h"

struct capture_target;

/* Creates the file; target is copied.  NULL with the reason in error. */
struct capture_target *capture_target_new(const char *path, const struct target *target, char *error,
                                          size_t error_size);

/* The target to run against; borrowed from c. */
struct target capture_target_of(struct capture_target *c);

/* Closes the file once all links of the target are freed; complains on stderr where it is not whole.  NULL is
 * allowed. */
void capture_target_free(struct capture_target *c);

#endif
