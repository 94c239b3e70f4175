/* SPDX-License-Identifier: MIT */
/* A configuration of a target file, set up: a folder of its own, its files, its server running. */
#ifndef NBDTEST_CLI_STAGE_H
#define NBDTEST_CLI_STAGE_H

#include <stddef.h>

#include "runner/target.h"
#include "runner/target_file.h"

struct stage;

/* path: of the target file; NULL: there is none.  NULL, after telling the user why, with what the server and
 * its set-up said. */
struct stage *stage_new(const struct target_configuration *configuration, const char *path);

/* A text of the configuration with its placeholders replaced; borrowed from s. */
const char *stage_expand(struct stage *s, const char *text);

/* How the server is reached; borrowed from s. */
struct target stage_target(struct stage *s);

/* Stops the server and removes the folder.  NULL is allowed. */
void stage_free(struct stage *s);

#endif
