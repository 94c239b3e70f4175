/* SPDX-License-Identifier: MIT */
/* Both sides of a connection, spoken by hand, for tests of the referee. */
#ifndef NBDTEST_REFEREE_CONVERSATION_H
#define NBDTEST_REFEREE_CONVERSATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "referee/rule.h"

#define U16(n) (uint8_t)((n) >> 8), (uint8_t)(n)
#define U32(n) U16((uint32_t)(n) >> 16), U16((uint32_t)(n)&0xffff)
#define U64(n) U32((uint64_t)(n) >> 32), U32((uint64_t)(n)&0xffffffff)
#define BYTES(...) span_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define NOTHING span_of(NULL, 0)

#define NBDMAGIC 'N', 'B', 'D', 'M', 'A', 'G', 'I', 'C'
#define IHAVEOPT 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T'
#define REPLY_MAGIC U64(UINT64_C(0x0003e889045565a9))
#define SIMPLE U32(0x67446698)
#define STRUCTURED U32(0x668e33ef)
#define EXTENDED_REPLY U32(0x6e8a278c)

enum { DONE = 1 };                                                                    /* chunk flag */
enum { FUA = 1, NO_HOLE = 2, DF = 4, REQ_ONE = 8, FAST_ZERO = 16, PAYLOAD_LEN = 32 }; /* command flags */
enum { READ = 0, WRITE = 1, DISC = 2, FLUSH = 3, TRIM = 4, CACHE = 5, WRITE_ZEROES = 6, BLOCK_STATUS = 7 };
enum {
    EXPORT_NAME = 1,
    ABORT = 2,
    LIST = 3,
    STARTTLS = 5,
    INFO = 6,
    GO = 7,
    SR = 8,
    LIST_META = 9,
    SET_META = 10,
    EXTENDED_HEADERS_OPT = 11
};
enum { ACK = 1, REP_INFO = 3, META = 4 };
/* HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_TRIM, SEND_WRITE_ZEROES, SEND_CACHE, SEND_FAST_ZERO */
enum { WRITABLE = 0x0001 | 0x0004 | 0x0008 | 0x0020 | 0x0040 | 0x0400 | 0x0800 };
enum { SEND_DF = 0x0080, READ_ONLY = 0x0002, MULTI_CONN = 0x0100, STATUS_PAYLOAD = 0x1000 };

#define EXPORT_SIZE (1u << 20)

struct talk {
    struct session *s;
    struct model *model;
    struct violations v;
    struct message last; /* message, by either side */
    unsigned messages;
    enum session_event event; /* the last but SESSION_MESSAGE */
    bool looked_on;           /* session_look_on() */
};

static inline struct talk talk_with(struct model *model)
{
    struct talk t = { .model = model };

    return t;
}

static inline void say(struct talk *t, enum side from, struct span bytes)
{
    struct message m;

    while ((t->event = session_next(t->s, from, &bytes, &m)) == SESSION_MESSAGE) {
        t->last = m;
        t->messages++;
    }
    assert_int_equal(bytes.len, 0);
}

#define server_says(t, ...) say((t), SIDE_SERVER, BYTES(__VA_ARGS__))
#define client_says(t, ...) say((t), SIDE_CLIENT, BYTES(__VA_ARGS__))

static inline void option(struct talk *t, uint32_t number, struct span data)
{
    client_says(t, IHAVEOPT, U32(number), U32(data.len));
    say(t, SIDE_CLIENT, data);
}

static inline void option_reply(struct talk *t, uint32_t number, uint32_t type, struct span data)
{
    server_says(t, REPLY_MAGIC, U32(number), U32(type), U32(data.len));
    say(t, SIDE_SERVER, data);
}

static inline void info_export(struct talk *t, uint32_t number, unsigned flags)
{
    option_reply(t, number, REP_INFO, BYTES(U16(0), U64(EXPORT_SIZE), U16(flags)));
}

static inline void request(struct talk *t, unsigned type, unsigned flags, uint64_t cookie, uint64_t offset,
                           uint32_t length)
{
    client_says(t, U32(0x25609513), U16(flags), U16(type), U64(cookie), U64(offset), U32(length));
}

static inline void simple(struct talk *t, uint32_t error, uint64_t cookie)
{
    server_says(t, SIMPLE, U32(error), U64(cookie));
}

static inline void chunk(struct talk *t, unsigned flags, unsigned type, uint64_t cookie, struct span payload)
{
    server_says(t, STRUCTURED, U16(flags), U16(type), U64(cookie), U32(payload.len));
    say(t, SIDE_SERVER, payload);
}

static inline void filled(struct talk *t, enum side from, uint8_t with, size_t length)
{
    uint8_t *bytes = malloc(length + 1);

    memset(bytes, with, length);
    say(t, from, span_of(bytes, length));
    free(bytes);
}

/* A whole OFFSET_DATA chunk of equal bytes. */
static inline void data_chunk(struct talk *t, unsigned flags, uint64_t cookie, uint64_t offset, size_t length,
                              uint8_t with)
{
    server_says(t, STRUCTURED, U16(flags), U16(1), U64(cookie), U32(8 + length), U64(offset));
    filled(t, SIDE_SERVER, with, length);
}

/* A WRITE of equal bytes, answered with success. */
static inline void written(struct talk *t, uint64_t offset, uint32_t length, uint8_t with)
{
    request(t, WRITE, 0, 0x3177, offset, length);
    filled(t, SIDE_CLIENT, with, length);
    simple(t, 0, 0x3177);
}

/* ---- starts ---- */

static inline void start(struct talk *t)
{
    t->s = session_new(t->model, &t->v);
    if (t->looked_on)
        session_look_on(t->s);
}

static inline void start_haggling(struct talk *t, uint16_t server_flags, uint32_t client_flags)
{
    start(t);
    server_says(t, NBDMAGIC, IHAVEOPT, U16(server_flags));
    client_says(t, U32(client_flags));
}

static inline void start_simple(struct talk *t, unsigned flags)
{
    start_haggling(t, 3, 3);
    option(t, GO, BYTES(U32(0), U16(1), U16(3)));
    info_export(t, GO, flags);
    option_reply(t, GO, ACK, NOTHING);
}

/* Structured replies, and base:allocation with ID 7. */
static inline void start_structured(struct talk *t, unsigned flags)
{
    static const char base_allocation[] = "base:allocation";

    start_haggling(t, 3, 3);
    option(t, SR, NOTHING);
    option_reply(t, SR, ACK, NOTHING);
    client_says(t, IHAVEOPT, U32(SET_META), U32(12 + 15), U32(0), U32(1), U32(15));
    say(t, SIDE_CLIENT, span_text(base_allocation));
    server_says(t, REPLY_MAGIC, U32(SET_META), U32(META), U32(4 + 15), U32(7));
    say(t, SIDE_SERVER, span_text(base_allocation));
    option_reply(t, SET_META, ACK, NOTHING);
    option(t, GO, BYTES(U32(0), U16(1), U16(3)));
    info_export(t, GO, flags);
    option_reply(t, GO, ACK, NOTHING);
}

/* One query of LIST_META_CONTEXT or SET_META_CONTEXT, for the export "". */
static inline void query(struct talk *t, uint32_t number, const char *text)
{
    size_t len = strlen(text);

    client_says(t, IHAVEOPT, U32(number), U32(12 + len), U32(0), U32(1), U32(len));
    say(t, SIDE_CLIENT, span_text(text));
}

/* ---- extended headers ---- */

/* With base:allocation as ID 7 and x-y:z as ID 8. */
static inline void start_extended(struct talk *t, unsigned flags)
{
    static const char base_allocation[] = "base:allocation";

    start_haggling(t, 3, 3);
    option(t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(t, EXTENDED_HEADERS_OPT, ACK, NOTHING);
    query(t, SET_META, base_allocation);
    server_says(t, REPLY_MAGIC, U32(SET_META), U32(META), U32(4 + 15), U32(7));
    say(t, SIDE_SERVER, span_text(base_allocation));
    option_reply(t, SET_META, META, BYTES(U32(8), 'x', '-', 'y', ':', 'z'));
    option_reply(t, SET_META, ACK, NOTHING);
    option(t, GO, BYTES(U32(0), U16(1), U16(3)));
    info_export(t, GO, flags);
    option_reply(t, GO, REP_INFO, BYTES(U16(3), U32(1), U32(4096), U32(1 << 20)));
    option_reply(t, GO, ACK, NOTHING);
}

/* What the payload is, where there is any, has to follow. */
static inline void extended_request(struct talk *t, unsigned type, unsigned flags, uint64_t cookie,
                                    uint64_t offset, uint64_t length)
{
    client_says(t, U32(0x21e41c71), U16(flags), U16(type), U64(cookie), U64(offset), U64(length));
}

static inline void extended_chunk(struct talk *t, unsigned flags, unsigned type, uint64_t cookie,
                                  uint64_t offset, struct span payload)
{
    server_says(t, EXTENDED_REPLY, U16(flags), U16(type), U64(cookie), U64(offset), U64(payload.len));
    say(t, SIDE_SERVER, payload);
}

/* ---- ends ---- */

static inline bool has_rule(const struct talk *t, const char *rule)
{
    for (size_t i = 0; i < t->v.count; i++)
        if (strcmp(t->v.all[i].rule, rule) == 0)
            return true;
    return false;
}

/* A rule of the experimental extension: extended_test.c has its tests. */
static inline bool is_of_extension(const struct rule *rule)
{
    static const char *const others[] = {
        "opt.extended-headers.no-block-size-reqd", "opt.list-meta-context.base-no-error",
        "opt.set-meta-context.base-no-error",      "flag.block-status-payload.needs-ext",
        "flag.block-status-payload.bit-12",        "chunk.block-status-ext.reserved"
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(rule->id, others[i]) == 0)
            return true;
    return rule->headers == EXTENDED_HEADERS || (strncmp(rule->id, "ext.", 4) == 0 && rule->watch) ||
           strncmp(rule->id, "ext.block-status.", strlen("ext.block-status.")) == 0;
}

/* Nothing that the client did is against a rule. */
static inline bool client_was_good(const struct talk *t)
{
    for (size_t i = 0; i < t->v.count; i++)
        if (t->v.all[i].party == SIDE_CLIENT)
            return false;
    return true;
}

/* The session is over: these rules were broken, and no others by the server. */
static inline void end_talk(struct talk *t, const char *const *expected)
{
    size_t count = 0;

    session_free(t->s);
    for (; expected[count]; count++)
        if (!has_rule(t, expected[count]))
            fail_msg("%s was not noted", expected[count]);
    for (size_t i = 0; i < t->v.count; i++) {
        bool wanted = t->v.all[i].party == SIDE_CLIENT;

        for (size_t k = 0; k < count; k++)
            wanted = wanted || strcmp(expected[k], t->v.all[i].rule) == 0;
        if (!wanted)
            fail_msg("%s was noted: %s", t->v.all[i].rule, t->v.all[i].came);
    }
}

#define ends_with(t, ...) end_talk((t), (const char *const[]){ __VA_ARGS__, NULL })
#define ends_well(t) end_talk((t), (const char *const[]){ NULL })

#endif
