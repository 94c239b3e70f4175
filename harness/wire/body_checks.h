/* SPDX-License-Identifier: MIT */
/* What the tests of wire/body.h share. */
#ifndef NBDTEST_WIRE_BODY_CHECKS_H
#define NBDTEST_WIRE_BODY_CHECKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "wire/body.h"

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

/* What follows the header of a golden frame. */
#define BODY(golden, header) span_of((golden) + WIRE_SIZE_##header, sizeof(golden) - WIRE_SIZE_##header)

static inline void assert_span(struct span got, const char *wanted)
{
    assert_int_equal(got.len, strlen(wanted));
    if (got.len > 0)
        assert_memory_equal(got.at, wanted, got.len);
}

/* What a writer wrote has to be the golden frame. */
#define ASSERT_WRITES(golden, call)                              \
    do {                                                         \
        uint8_t written[sizeof(golden)];                         \
        struct wire_out out = wire_out(written, sizeof written); \
                                                                 \
        call;                                                    \
        assert_false(out.full);                                  \
        assert_int_equal(out.len, sizeof(golden));               \
        assert_memory_equal(written, golden, sizeof(golden));    \
        out = wire_out(written, sizeof written - 1);             \
        call;                                                    \
        assert_true(out.full);                                   \
    } while (0)

/* A body of 4097 letters behind a prefix. */
static inline struct span long_text(uint8_t *to, struct span prefix)
{
    memcpy(to, prefix.at, prefix.len);
    memset(to + prefix.len, 'x', NBD_MAX_STRING + 1);
    return span_of(to, prefix.len + NBD_MAX_STRING + 1);
}

/* Random letters, fewer than most of them, in the bytes at to. */
static inline struct span letters(struct random *random, uint8_t *to, size_t most)
{
    size_t len = (size_t)random_below(random, most);

    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)('a' + random_below(random, 26));
    return span_of(to, len);
}

/* Bytes that often look like lengths and counts, fewer than most of them, in the bytes at to. */
static inline struct span likely_bytes(struct random *random, uint8_t *to, size_t most)
{
    size_t len = (size_t)random_below(random, most);

    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(random_below(random, 3) > 0 ? random_below(random, 4) : random_next(random));
    return span_of(to, len);
}

#endif
