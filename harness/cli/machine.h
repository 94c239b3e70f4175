/* SPDX-License-Identifier: MIT */
/* What the machine has to offer. */
#ifndef NBDTEST_CLI_MACHINE_H
#define NBDTEST_CLI_MACHINE_H

#include <stdint.h>

/* Bytes of memory that this process may hope for: the machine's, or what its control group is limited to. */
uint64_t machine_memory_bytes(void);

#endif
