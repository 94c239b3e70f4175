/* SPDX-License-Identifier: MIT */
/* What the faults that alter messages of the handshake share. */
#ifndef NBDTEST_REFERENCE_MISCONDUCT_HANDSHAKE_H
#define NBDTEST_REFERENCE_MISCONDUCT_HANDSHAKE_H

#include "reference/misconduct_parts.h"

/* Where the fields of an option reply are. */
enum {
    OPTION_AT = 8,
    TYPE_AT = 12,
    LENGTH_AT = 16,
    DATA_AT = WIRE_SIZE_option_reply,
    INFO_AT = DATA_AT + 2,
    CONTEXT_NAME_AT = DATA_AT + 4,
};

/* Alters what stands in the output from start on. */
typedef void edit(struct reference_session *s, size_t start);

/* Greetings, the answer to NBD_OPT_EXPORT_NAME, and what any message tells of the export. */
void greeting_misconduct(struct reference_session *s, size_t start, enum scan_kind kind);

/* Told of an export at start: another size, another flag. */
edit export_size, export_flags;

/* Option replies that tell of metadata contexts. */
void contexts_misconduct(struct reference_session *s, size_t start);

#endif
