/* SPDX-License-Identifier: MIT */
/* Bytes that somebody else owns: where they start and how many there are. */
#ifndef NBDTEST_BASE_SPAN_H
#define NBDTEST_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *at; /* may be NULL when len is 0 */
    size_t len;        /* bytes */
};

static inline struct span span_of(const void *at, size_t len)
{
    return (struct span){ at, len };
}

/* The characters of a C string, without its NUL. */
static inline struct span span_text(const char *text)
{
    return (struct span){ (const uint8_t *)text, strlen(text) };
}

/* Takes the first len bytes, or all there are, off the front of *from. */
static inline struct span span_take(struct span *from, size_t len)
{
    struct span taken = { from->at, len < from->len ? len : from->len };

    if (taken.len > 0)
        from->at += taken.len;
    from->len -= taken.len;
    return taken;
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

#endif
