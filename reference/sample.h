/* SPDX-License-Identifier: MIT */
/* For tests: what a client says that tries every option and every command, in order and out of order. */
#ifndef NBDTEST_REFERENCE_SAMPLE_H
#define NBDTEST_REFERENCE_SAMPLE_H

#include "reference/conversation.h"

#define SAMPLE_QUERIES(...) 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, __VA_ARGS__
#define SAMPLE_ALLOCATION 15, 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n'
#define SAMPLE_WILDCARD 5, 'b', 'a', 's', 'e', ':'
#define SAMPLE_LEAF 6, 'b', 'a', 's', 'e', ':', 'x'
#define SAMPLE_OTHER 3, 'x', ':', 'y'

/* Options that are answered whatever came before, and leave the session in haggling. */
#define SAMPLE_OPTIONS                                                                                       \
    OPTION(0x63, 3), 'a', 'b', 'c', OPTION(0x64, 0), OPTION(3, 0), OPTION(3, 2), 1, 2, OPTION(5, 0),         \
        OPTION(6, 14), 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 2, 0, 3, OPTION(6, 8), 0, 0, 0, 0, 0, 1, 0x77, 0x77, \
        OPTION(6, 7), 0, 0, 0, 1, 'x', 0, 0, OPTION(7, 7), 0, 0, 0, 1, 'x', 0, 0, OPTION(6, 7), 0, 0, 0, 9,  \
        'x', 0, 0, OPTION(7, 3), 1, 2, 3

#define SAMPLE_CONTEXTS                                                                               \
    OPTION(9, 27), SAMPLE_QUERIES(SAMPLE_ALLOCATION), OPTION(9, 17), SAMPLE_QUERIES(SAMPLE_WILDCARD), \
        OPTION(9, 18), SAMPLE_QUERIES(SAMPLE_LEAF), OPTION(9, 15), SAMPLE_QUERIES(SAMPLE_OTHER),      \
        OPTION(9, 8), 0, 0, 0, 0, 0, 0, 0, 0, OPTION(9, 12), 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9,      \
        OPTION(10, 17), SAMPLE_QUERIES(SAMPLE_WILDCARD), OPTION(10, 18), SAMPLE_QUERIES(SAMPLE_LEAF), \
        OPTION(10, 8), 0, 0, 0, 0, 0, 0, 0, 0, OPTION(10, 27), SAMPLE_QUERIES(SAMPLE_ALLOCATION)

#define SAMPLE_GO OPTION(7, 8), 0, 0, 0, 0, 0, 1, 0, 3

/* Cookies 0 and all ones, offsets beyond every end, lengths of nothing and of nearly everything. */
#define SAMPLE_ANY(flags, type)                                                                          \
    0x25, 0x60, 0x95, 0x13, 0, (flags), 0, (type), 0, 0, 0, 0, 0, 0, 0, 0, RANGE(100, 1000), 0x25, 0x60, \
        0x95, 0x13, 0, (flags), 0, (type), 255, 255, 255, 255, 255, 255, 255, 255, RANGE(0, 0),          \
        REQUEST(flags, type, 1), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 9,             \
        REQUEST(flags, type, 2), RANGE(1, 65535), REQUEST(flags, type, 3), 0, 0, 0, 0, 0, 0, 0, 0, 0xff, \
        0xff, 0xff, 0xff, REQUEST(flags, type, 4), 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0

#define SAMPLE_REQUESTS                                                                                     \
    REQUEST(0, 1, 1), RANGE(200, 4), 'd', 'a', 't', 'a', REQUEST(1, 1, 2), RANGE(0xfffe, 3), 'x', 'y', 'z', \
        REQUEST(0, 1, 3), RANGE(0, 0), REQUEST(0, 1, 4), 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 'n', 'o',   \
        REQUEST(4, 1, 5), RANGE(0, 2), 'n', 'o', REQUEST(0, 3, 6), RANGE(0, 0), REQUEST(1, 3, 7),           \
        RANGE(0, 0), SAMPLE_ANY(0, 0), SAMPLE_ANY(4, 0), SAMPLE_ANY(1, 0), SAMPLE_ANY(0x40, 0),             \
        SAMPLE_ANY(0, 7), SAMPLE_ANY(8, 7), SAMPLE_ANY(1, 7), SAMPLE_ANY(0, 5), SAMPLE_ANY(0x80, 5),        \
        SAMPLE_ANY(1, 5), SAMPLE_ANY(0, 6), SAMPLE_ANY(2, 6), SAMPLE_ANY(16, 6), SAMPLE_ANY(1, 6),          \
        SAMPLE_ANY(0, 4), SAMPLE_ANY(1, 4), SAMPLE_ANY(0, 6), SAMPLE_ANY(0, 6), SAMPLE_ANY(0, 99),          \
        REQUEST(0, 3, 8), RANGE(0, 0), REQUEST(0, 2, 9), RANGE(0, 0)

/* ---- extended headers: proto-extended-headers.md ---- */

#define SAMPLE_WRITTEN 18, 'x', '-', 'n', 'b', 'd', 't', 'e', 's', 't', ':', 'w', 'r', 'i', 't', 't', 'e', 'n'
#define SAMPLE_EXTENDED_GO \
    OPTION(10, 49), 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, SAMPLE_ALLOCATION, 0, 0, 0, SAMPLE_WRITTEN, SAMPLE_GO

#define EXTENDED(flags, type, cookie) \
    0x21, 0xe4, 0x1c, 0x71, 0, (flags), 0, (type), 0xc0, 0, 0, 0, 0, 0, 0, (cookie)

/* Numbers of 64 bits: what is above 2^32, and the lowest 24 bits. */
#define WIDE(high_16, low_24) \
    0, 0, (high_16) >> 8 & 255, (high_16)&255, 0, (low_24) >> 16 & 255, (low_24) >> 8 & 255, (low_24)&255

#define SAMPLE_WIDE(flags, type)                                                                             \
    EXTENDED(flags, type, 1), WIDE(0, 100), WIDE(0, 1000), EXTENDED(flags, type, 2), WIDE(0, 0), WIDE(0, 0), \
        EXTENDED(flags, type, 3), WIDE(1, 0), WIDE(0, 900), EXTENDED(flags, type, 4), WIDE(0, 0),            \
        WIDE(1, 512), EXTENDED(flags, type, 5), WIDE(0, 0), 0, 0, 0, 0, 2, 16, 0, 0,                         \
        EXTENDED(flags, type, 6), WIDE(2, 0), WIDE(9, 9), EXTENDED(flags, type, 7), WIDE(0, 0), 255, 255,    \
        255, 255, 255, 255, 255, 255

#define SAMPLE_EXTENDED_REQUESTS                                                                             \
    EXTENDED(33, 1, 1), WIDE(0, 200), WIDE(0, 4), 'd', 'a', 't', 'a', EXTENDED(32, 1, 2), WIDE(9, 0),        \
        WIDE(0, 2), 'n', 'o', EXTENDED(0, 1, 3), WIDE(0, 0), WIDE(0, 2), 'o', 'h', EXTENDED(32, 7, 4),       \
        WIDE(0, 512), WIDE(0, 12), WIDE(0, 4096), 0, 0, 0, 1, EXTENDED(32, 7, 4), WIDE(0, 512), WIDE(0, 16), \
        WIDE(0, 4096), 0, 0, 0, 2, 0, 0, 0, 1, EXTENDED(32, 7, 5), WIDE(0, 0), WIDE(0, 16), WIDE(0, 4096),   \
        0, 0, 0, 1, 0, 0, 0, 1, EXTENDED(32, 7, 6), WIDE(0, 0), WIDE(0, 16), WIDE(0, 4096), 0, 0, 0, 1, 0,   \
        0, 0, 9, EXTENDED(40, 7, 7), WIDE(0, 0), WIDE(0, 0), EXTENDED(32, 7, 8), WIDE(0, 0), WIDE(0, 9),     \
        WIDE(0, 9), 1, SAMPLE_WIDE(0, 0), SAMPLE_WIDE(4, 0), SAMPLE_WIDE(0, 7), SAMPLE_WIDE(8, 7),           \
        SAMPLE_WIDE(0, 5), SAMPLE_WIDE(0, 6), SAMPLE_WIDE(2, 6), SAMPLE_WIDE(0, 4), SAMPLE_WIDE(64, 3),      \
        SAMPLE_WIDE(0, 99), EXTENDED(32, 5, 9), WIDE(0, 0), WIDE(0, 2), 'n', 'o', EXTENDED(0, 3, 10),        \
        WIDE(0, 0), WIDE(0, 0), EXTENDED(32, 2, 11), WIDE(0, 0), WIDE(0, 1), '!'

static const uint8_t sample_extended[] = { 0,
                                           0,
                                           0,
                                           3,
                                           OPTION(11, 1),
                                           0,
                                           OPTION(11, 0),
                                           SAMPLE_OPTIONS,
                                           SAMPLE_CONTEXTS,
                                           SAMPLE_EXTENDED_GO,
                                           SAMPLE_EXTENDED_REQUESTS };
static const uint8_t sample_extended_late[] = {
    0, 0, 0, 3, OPTION(8, 0), OPTION(11, 0), OPTION(8, 0), SAMPLE_GO, SAMPLE_EXTENDED_REQUESTS
};
static const uint8_t sample_extended_bare_go[] = {
    0, 0, 0, 3, OPTION(11, 0), OPTION(7, 6), 0, 0, 0, 0, 0, 0
};
static const uint8_t sample_compact_payload[] = { 0,
                                                  0,
                                                  0,
                                                  3,
                                                  OPTION(8, 0),
                                                  SAMPLE_EXTENDED_GO,
                                                  REQUEST(32, 3, 1),
                                                  RANGE(0, 4),
                                                  REQUEST(32, 4, 1),
                                                  RANGE(0, 4),
                                                  REQUEST(0, 3, 2),
                                                  RANGE(0, 0),
                                                  EXTENDED(0, 3, 3),
                                                  WIDE(0, 0),
                                                  WIDE(0, 0) };

static const uint8_t sample_structured[] = { 0,
                                             0,
                                             0,
                                             3,
                                             SAMPLE_OPTIONS,
                                             SAMPLE_CONTEXTS,
                                             OPTION(8, 1),
                                             0,
                                             OPTION(8, 0),
                                             SAMPLE_OPTIONS,
                                             SAMPLE_CONTEXTS,
                                             SAMPLE_GO,
                                             SAMPLE_REQUESTS };
static const uint8_t sample_simple[] = { 0, 0, 0, 1, SAMPLE_OPTIONS, OPTION(1, 0), SAMPLE_REQUESTS };
static const uint8_t sample_go[] = { 0, 0, 0, 3, SAMPLE_GO, SAMPLE_REQUESTS };
static const uint8_t sample_reselect[] = { 0,
                                           0,
                                           0,
                                           3,
                                           OPTION(8, 0),
                                           SAMPLE_CONTEXTS,
                                           OPTION(10, 18),
                                           SAMPLE_QUERIES(SAMPLE_LEAF),
                                           SAMPLE_GO,
                                           SAMPLE_REQUESTS };
static const uint8_t sample_name[] = { 0, 0, 0, 3, OPTION(1, 0), REQUEST(0, 3, 6), RANGE(0, 0) };
static const uint8_t sample_flags[] = { 0, 0, 0, 4, OPTION(3, 0) };
static const uint8_t sample_unknown[] = { 0, 0, 0, 3, OPTION(1, 1), 'x', OPTION(2, 0) };
static const uint8_t sample_required[] = { 0, 0, 0, 1, OPTION(7, 6), 0, 0, 0, 0, 0, 0 };
static const uint8_t sample_abort[] = { 0, 0, 0, 3, OPTION(2, 1), 'x', OPTION(2, 0) };

static const struct span samples[] = {
    { sample_name, sizeof sample_name },
    { sample_reselect, sizeof sample_reselect },
    { sample_flags, sizeof sample_flags },
    { sample_structured, sizeof sample_structured },
    { sample_simple, sizeof sample_simple },
    { sample_go, sizeof sample_go },
    { sample_unknown, sizeof sample_unknown },
    { sample_abort, sizeof sample_abort },
    { sample_extended, sizeof sample_extended },
    { sample_extended_late, sizeof sample_extended_late },
    { sample_extended_bare_go, sizeof sample_extended_bare_go },
    { sample_compact_payload, sizeof sample_compact_payload },
};

/* Says what is in `said` as far as the session listens, and collects what it answers.  What is heard is taken
 * when all was said, or after every piece. */
static inline bool converse(struct conversation *c, struct span said, size_t piece, struct buffer *heard)
{
    bool over;

    connect(c);
    while (said.len > 0 && !reference_session_over(c->session)) {
        struct span part = span_take(&said, piece), out;
        size_t before;

        do {
            before = part.len;
            reference_session_feed(c->session, &part);
            out = reference_session_output(c->session);
            buffer_add(heard, out.at, out.len);
            reference_session_sent(c->session, out.len);
        } while (part.len > 0 && (part.len < before || out.len > 0));
    }
    over = reference_session_over(c->session);
    reference_session_free(c->session);
    c->session = NULL;
    return over;
}

#endif
