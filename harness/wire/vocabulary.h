/* SPDX-License-Identifier: MIT */
/* Names and numbers of the specification, both ways.  Names are without the prefix that their place implies:
 * "GO" among options, "FUA" among command flags. */
#ifndef NBDTEST_WIRE_VOCABULARY_H
#define NBDTEST_WIRE_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

struct word {
    const char *name;
    uint64_t value; /* of a flag: the bit's value, not its number */
};

struct vocabulary {
    const char *what; /* "option", "command flag", ...: for messages */
    const struct word *words;
    size_t count;
};

extern const struct vocabulary vocabulary_options;
extern const struct vocabulary vocabulary_replies;
extern const struct vocabulary vocabulary_infos;
extern const struct vocabulary vocabulary_commands;
extern const struct vocabulary vocabulary_chunks;
extern const struct vocabulary vocabulary_errors;
extern const struct vocabulary vocabulary_handshake_flags;
extern const struct vocabulary vocabulary_client_flags;
extern const struct vocabulary vocabulary_transmission_flags;
extern const struct vocabulary vocabulary_command_flags;
extern const struct vocabulary vocabulary_chunk_flags;
extern const struct vocabulary vocabulary_state_flags;

/* NULL where there is none. */
const char *vocabulary_name(const struct vocabulary *v, uint64_t value);
const struct word *vocabulary_find(const struct vocabulary *v, struct span name);

/* Appends the name of value, or the number in hexadecimal where it has none. */
void vocabulary_print(const struct vocabulary *v, uint64_t value, struct buffer *to);

/* Appends flags as the case language writes them: FUA|DF, unknown bits as one number at the end, 0 for none.
 */
void vocabulary_print_flags(const struct vocabulary *v, uint64_t flags, struct buffer *to);

#endif
