/* SPDX-License-Identifier: MIT */
/* For tests: what a client says to a session, and what it hears, byte by byte as the specification
 * has them. */
#ifndef NBDTEST_REFERENCE_CONVERSATION_H
#define NBDTEST_REFERENCE_CONVERSATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference/session.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

/* Pieces of messages, to be followed by the rest. */
#define IHAVEOPT 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T'
#define OPTION(number, length) IHAVEOPT, 0, 0, 0, (number), 0, 0, 0, (length)
#define REPLY(option, type, length) \
    0, 3, 0xe8, 0x89, 4, 0x55, 0x65, 0xa9, 0, 0, 0, (option), 0, 0, 0, (type), 0, 0, 0, (length)
#define REQUEST(flags, type, cookie) \
    0x25, 0x60, 0x95, 0x13, 0, (flags), 0, (type), 0xc0, 0, 0, 0, 0, 0, 0, (cookie)
#define RANGE(offset_16, length_16) \
    0, 0, 0, 0, 0, 0, (offset_16) >> 8 & 255, (offset_16)&255, 0, 0, (length_16) >> 8 & 255, (length_16)&255
#define SIMPLE(error, cookie) 0x67, 0x44, 0x66, 0x98, 0, 0, 0, (error), 0xc0, 0, 0, 0, 0, 0, 0, (cookie)
#define CHUNK(flags, type, cookie, length) \
    0x66, 0x8e, 0x33, 0xef, 0, (flags), 0, (type), 0xc0, 0, 0, 0, 0, 0, 0, (cookie), 0, 0, 0, (length)

struct conversation {
    struct reference_export exports[2];
    struct reference_config config;
    struct reference_session *session;
};

/* A server with an export "a" of size bytes, described as "first", and the small "b". */
static inline void begin(struct conversation *c, uint64_t size)
{
    *c = (struct conversation){ .exports = { { .name = "a", .description = "first" }, { .name = "b" } } };
    c->exports[0].store = store_new(size, UINT64_C(1) << 40);
    c->exports[1].store = store_new(512, UINT64_C(1) << 40);
    c->config.exports = c->exports;
    c->config.export_count = 2;
}

static inline void connect(struct conversation *c)
{
    c->session = reference_session_new(&c->config);
}

static inline void end(struct conversation *c)
{
    reference_session_free(c->session);
    store_free(c->exports[0].store);
    store_free(c->exports[1].store);
}

static inline void say(struct conversation *c, const uint8_t *bytes, size_t len)
{
    struct span in = span_of(bytes, len);

    reference_session_feed(c->session, &in);
    assert_true(in.len == 0 || reference_session_over(c->session));
}

/* The next bytes from the server are these. */
static inline void hear(struct conversation *c, const uint8_t *bytes, size_t len)
{
    struct span out = reference_session_output(c->session);

    assert_in_range(out.len, len, SIZE_MAX);
    assert_memory_equal(out.at, bytes, len);
    reference_session_sent(c->session, len);
}

static inline void hear_nothing_more(struct conversation *c)
{
    assert_int_equal(reference_session_output(c->session).len, 0);
}

static inline uint32_t take_32(struct conversation *c)
{
    struct span out = reference_session_output(c->session);
    uint32_t value;

    assert_in_range(out.len, 4, SIZE_MAX);
    value = (uint32_t)out.at[0] << 24 | (uint32_t)out.at[1] << 16 | (uint32_t)out.at[2] << 8 | out.at[3];
    reference_session_sent(c->session, 4);
    return value;
}

/* Some text, as long as the 32 bits before it say. */
static inline void hear_text(struct conversation *c)
{
    uint32_t length = take_32(c);

    assert_in_range(length, 1, 200);
    assert_in_range(reference_session_output(c->session).len, length, SIZE_MAX);
    reference_session_sent(c->session, length);
}

/* An option reply that is an error, 0x80000000 and its number, and a message; nothing more. */
static inline void hear_option_error(struct conversation *c, uint32_t option, uint32_t number)
{
    hear(c, BYTES(0, 3, 0xe8, 0x89, 4, 0x55, 0x65, 0xa9));
    assert_int_equal(take_32(c), option);
    assert_int_equal(take_32(c), 0x80000000 + number);
    hear_text(c);
    hear_nothing_more(c);
}

/* An error chunk that ends a reply, with a message; nothing more. */
static inline void hear_error_chunk(struct conversation *c, uint8_t cookie, uint32_t error)
{
    uint32_t length, message;

    hear(c, BYTES(0x66, 0x8e, 0x33, 0xef, 0, 1, 0x80, 1, 0xc0, 0, 0, 0, 0, 0, 0, cookie));
    length = take_32(c);
    assert_int_equal(take_32(c), error);
    message = reference_session_output(c->session).at[1];
    assert_int_equal(message, length - 6);
    reference_session_sent(c->session, 2 + message);
    hear_nothing_more(c);
}

static inline void greet(struct conversation *c, uint8_t client_flags)
{
    connect(c);
    hear(c, BYTES('N', 'B', 'D', 'M', 'A', 'G', 'I', 'C', IHAVEOPT, 0, 3));
    say(c, BYTES(0, 0, 0, client_flags));
    hear_nothing_more(c);
}

#endif
