/* SPDX-License-Identifier: MIT */
/* A growing run of bytes whose ceiling is given at birth, so that no peer can make it grow for ever. */
#ifndef NBDTEST_BASE_BUFFER_H
#define NBDTEST_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct buffer {
    uint8_t *bytes; /* owned by the buffer; moves when it grows */
    size_t len;     /* bytes used */
    size_t room;    /* bytes taken from the machine */
    size_t ceiling; /* len never passes this */
};

/* An empty buffer that will hold at most ceiling bytes.  Takes no memory yet. */
void buffer_init(struct buffer *b, size_t ceiling);

/* Gives the memory back; the buffer is then empty and usable again. */
void buffer_free(struct buffer *b);

/* Empties the buffer and keeps its memory. */
void buffer_clear(struct buffer *b);

/* Appends.  False, with nothing appended, when the ceiling would be passed. */
bool buffer_add(struct buffer *b, const void *bytes, size_t len);

/* Appends len bytes to be filled in by the caller and returns the first; NULL at the ceiling.  The bytes are
 * not set to anything; the pointer is valid until the buffer next grows. */
uint8_t *buffer_extend(struct buffer *b, size_t len);

/* Appends len zero bytes.  False, with nothing appended, when the ceiling would be passed. */
bool buffer_add_zero(struct buffer *b, size_t len);

/* Takes memory for len more bytes in one go, where that many are sure to come.  Does nothing at
 * the ceiling. */
void buffer_reserve(struct buffer *b, size_t len);

/* Removes len bytes (at most all of them) from the front. */
void buffer_drop(struct buffer *b, size_t len);

/* Appends formatted text, without a NUL.  False, with nothing appended, when the ceiling would be passed. */
bool buffer_print(struct buffer *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool buffer_vprint(struct buffer *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* What the buffer holds; valid until it next changes. */
static inline struct span buffer_span(const struct buffer *b)
{
    return (struct span){ b->bytes, b->len };
}

/* What the buffer holds as a C string (a NUL is put behind it, not counted in len); valid until it next
 * changes. */
const char *buffer_text(struct buffer *b);

#endif
