/* SPDX-License-Identifier: MIT */
/* Sizes as users write them: a number, decimal or 0x..., with K, M, G or T for powers of 1024. */
#ifndef NBDTEST_CLI_SIZE_H
#define NBDTEST_CLI_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* Reads one off the front of text; false when there is none, or it is larger than 2^63-1.  *ret_end is what
 * follows. */
bool size_read(const char *text, const char **ret_end, uint64_t *ret);

/* The same where nothing may follow. */
bool size_parse(const char *text, uint64_t *ret);

#endif
