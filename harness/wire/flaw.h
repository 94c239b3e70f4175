/* SPDX-License-Identifier: MIT */
/* How the decoders of wire/body.h write down what is wrong: the first fault is kept, later ones are not. */
#ifndef NBDTEST_WIRE_FLAW_H
#define NBDTEST_WIRE_FLAW_H

#include <stddef.h>

#include "base/span.h"
#include "wire/body.h"

/* The requirements that a string has to meet; NULL where the one for all strings holds ("Conventions"). */
struct string_rules {
    const char *length; /* at most NBD_MAX_STRING bytes */
    const char *no_nul;
    const char *utf8;
};

/* Notes a fault.  Fields as in struct wire_flaw. */
void flaw_note(struct wire_flaw *flaw, const char *rule, const char *field, size_t at, const char *reason);

/* Notes what is wrong with a string that begins at bytes from the start of the body. */
void flaw_check_string(struct wire_flaw *flaw, const struct string_rules *rules, const char *field, size_t at,
                       struct span text);

#endif
