/* SPDX-License-Identifier: MIT */
/* What the reference server serves to fuzz targets, and to the program that makes their seeds. */
#ifndef NBDTEST_FUZZ_SERVED_H
#define NBDTEST_FUZZ_SERVED_H

#include <stdint.h>

#include "reference/session.h"

enum { SERVED_EXPORTS = 5 };

struct served {
    struct reference_export exports[SERVED_EXPORTS]; /* "", "read only", "small", "asked", "hidden" */
    struct written *written[SERVED_EXPORTS];
    struct reference_config config;
};

/* memory  bytes that the contents of an export may cost */
void served_init(struct served *s, uint64_t memory);
void served_free(struct served *s);

#endif
