/* SPDX-License-Identifier: MIT */
/* Readers and writers of big-endian numbers that cannot leave their bytes ("Conventions": network byte
 * order).
 *
 * Neither has to be checked field by field: a reader that ran short gives zeroes and remembers it, a writer
 * that was full writes nothing more and remembers it. */
#ifndef NBDTEST_WIRE_CURSOR_H
#define NBDTEST_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct wire_in {
    struct span rest;
    bool is_short; /* more was asked for than was there */
};

struct wire_out {
    uint8_t *at;
    size_t len;  /* bytes written */
    size_t room; /* bytes there are */
    bool full;   /* a write did not fit */
};

static inline struct wire_in wire_in(struct span bytes)
{
    return (struct wire_in){ bytes, false };
}

static inline struct wire_out wire_out(void *at, size_t room)
{
    return (struct wire_out){ at, 0, room, false };
}

static inline struct span wire_get_bytes(struct wire_in *in, size_t len)
{
    if (in->rest.len < len) {
        in->is_short = true;
        in->rest.len = 0;
        return span_of(in->rest.at, 0);
    }
    return span_take(&in->rest, len);
}

static inline uint64_t wire_get_number(struct wire_in *in, size_t len)
{
    uint64_t value = 0;

    if (in->rest.len < len) {
        wire_get_bytes(in, len);
        return 0;
    }
    for (size_t i = 0; i < len; i++) /* one load where len is known to the compiler */
        value = value << 8 | in->rest.at[i];
    in->rest.at += len;
    in->rest.len -= len;
    return value;
}

static inline uint16_t wire_get_16(struct wire_in *in)
{
    return (uint16_t)wire_get_number(in, 2);
}

static inline uint32_t wire_get_32(struct wire_in *in)
{
    return (uint32_t)wire_get_number(in, 4);
}

static inline uint64_t wire_get_64(struct wire_in *in)
{
    return wire_get_number(in, 8);
}

static inline void wire_put_bytes(struct wire_out *out, struct span bytes)
{
    if (out->full || out->room - out->len < bytes.len) {
        out->full = true;
        return;
    }
    if (bytes.len > 0)
        memcpy(out->at + out->len, bytes.at, bytes.len);
    out->len += bytes.len;
}

static inline void wire_put_number(struct wire_out *out, uint64_t value, size_t len)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> 8 * (len - 1 - i));
    wire_put_bytes(out, span_of(bytes, len));
}

static inline void wire_put_16(struct wire_out *out, uint16_t value)
{
    wire_put_number(out, value, 2);
}

static inline void wire_put_32(struct wire_out *out, uint32_t value)
{
    wire_put_number(out, value, 4);
}

static inline void wire_put_64(struct wire_out *out, uint64_t value)
{
    wire_put_number(out, value, 8);
}

#endif
