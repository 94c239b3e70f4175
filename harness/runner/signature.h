/* SPDX-License-Identifier: MIT */
/* What the first bytes of a disk give away: partition tables, file systems, volume managers,
 * image formats. */
#ifndef NBDTEST_RUNNER_SIGNATURE_H
#define NBDTEST_RUNNER_SIGNATURE_H

#include "base/span.h"

#define SIGNATURE_BYTES (68 * 1024) /* from the start of the export: all signatures lie within */

/* The name of what is recognised in the first bytes of an export ("an ext2, ext3 or ext4 file system"), or
 * NULL. */
const char *signature_find(struct span start);

#endif
