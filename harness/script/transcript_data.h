/* SPDX-License-Identifier: MIT */
/* Bytes as values of the language, for transcript.c. */
#ifndef NBDTEST_SCRIPT_TRANSCRIPT_DATA_H
#define NBDTEST_SCRIPT_TRANSCRIPT_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

enum { DATA_HEX_FIRST = 16 }; /* bytes told of data that are not told in full */

void data_put_hex(struct span data, struct buffer *to);

/* Appends data as a value; sized: terms say how long they are.  False when only the first bytes are told. */
bool data_put(struct span data, uint64_t origin, bool sized, struct buffer *to);

/* Appends data that the client sent, of which there were so many bytes, as a value of as many bytes.  False
 * when they are others: what is played again has to keep its lengths. */
bool data_put_sent(struct span data, uint64_t bytes, uint64_t origin, bool sized, struct buffer *to);

#endif
