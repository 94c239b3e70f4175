/* SPDX-License-Identifier: MIT */
/* A server for the tests of this folder, within the process: just enough of NBD, with knobs for what can go
 * wrong.  It takes whole frames only, as links within the process deliver them. */
#ifndef NBDTEST_RUNNER_TEST_SERVER_H
#define NBDTEST_RUNNER_TEST_SERVER_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "runner/target.h"
#include "wire/body.h"
#include "wire/constants.h"

struct test_server {
    uint8_t *store;
    size_t size;
    uint16_t handshake_flags, transmission_flags;
    struct wire_info_block_size block_size;
    const char *export; /* the only one there is */
    bool structured;    /* grants STRUCTURED_REPLY and answers READ in chunks, with holes where all is zero */
    bool extended;      /* grants EXTENDED_HEADERS, and knows no request with them but DISC */
    bool no_go;         /* GO is unknown */
    bool repeats_itself;    /* STRUCTURED_REPLY is acknowledged twice */
    bool leaves_data;       /* of options that are unknown: it takes them for the next one, and closes */
    bool leaves_at_unknown; /* closes behind the refusal of an option that is unknown */
    bool demands_tls;
    bool zeroes_nothing;   /* WRITE_ZEROES is answered well and does nothing */
    uint32_t sector;       /* requests that are no multiples of it are refused; 0: none are for that */
    uint64_t request_max;  /* a READ or WRITE of more closes the connection; 0: of no length */
    uint64_t read_max;     /* a READ of more gets EOVERFLOW; 0: of no length */
    bool garbles;          /* a READ of one byte brings another one each time */
    bool chunks_misplaced; /* chunks of a READ say that they begin a byte further */
    bool says_nothing;     /* after the greeting */
    bool dies; /* at a request but for a READ of a sector at most: it closes, and refuses further connections
                */
    unsigned most_connections; /* served at the same time; 0: any number */
    bool one_handshake;        /* at a time: further clients wait for their greeting */
    struct span canned;        /* sent instead of all answers, once a connection */
    uint32_t canned_option;    /* ... or only instead of the answers to this option; 0: of all */
    bool repeats;              /* ... again and again */
    bool closes;               /* ... and then it closes */
    size_t closes_after;       /* closes each connection after so many bytes; 0: never */
    bool wants_whole;          /* a message whose beginning comes by itself ends the connection */
    bool one_at_once;          /* of what comes in one piece, only the first message is seen */
    bool dies_when_cut;        /* when a connection ends amid a message */
    uint16_t kills;            /* a request of this type ends the process that it is in; 0: none does */
    long takes_ns;             /* what it does with a piece of what it is sent takes so long */
    /* what happened */
    bool dead;
    unsigned connections, open, haggling, garbled;
};

struct test_connection {
    struct test_server *server;
    struct buffer out;
    size_t given; /* bytes of out */
    size_t given_in_all;
    bool waits;  /* it is one too many, and not even greeted */
    bool canned; /* from now on */
    bool flags_taken, transmission, structured, extended, no_zeroes, out_of_step;
};

static inline void test_put(struct test_connection *c, const struct wire_out *out)
{
    buffer_add(&c->out, out->at, out->len);
}

static inline void test_reply(struct test_connection *c, uint32_t option, uint32_t type)
{
    uint8_t bytes[64];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    reply_put(&out, option, type, span_of(NULL, 0));
    test_put(c, &out);
}

static inline bool test_has_export(const struct test_server *s, struct span name)
{
    return span_equal(name, span_text(s->export));
}

static inline void test_enter_by_go(struct test_connection *c, uint32_t option)
{
    const struct test_server *s = c->server;
    uint8_t bytes[200];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    reply_put_info_export(&out, option, s->size, s->transmission_flags);
    if (s->block_size.preferred)
        reply_put_info_block_size(&out, option, &s->block_size);
    test_put(c, &out);
    test_reply(c, option, NBD_REP_ACK);
    c->transmission = option == NBD_OPT_GO;
}

/* False when the connection ends. */
static inline bool test_enter_by_name(struct test_connection *c, struct span name)
{
    const struct wire_export export = { c->server->size, c->server->transmission_flags };
    uint8_t bytes[WIRE_SIZE_export + NBD_EXPORT_PADDING] = { 0 };
    struct wire_out out = wire_out(bytes, sizeof bytes);

    if (!test_has_export(c->server, name))
        return false;
    wire_put_export(&out, &export);
    buffer_add(&c->out, bytes, c->no_zeroes ? WIRE_SIZE_export : sizeof bytes);
    c->transmission = true;
    c->server->haggling--;
    return true;
}

static inline void test_list(struct test_connection *c)
{
    uint8_t bytes[200];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    reply_put_server(&out, NBD_OPT_LIST, span_text(c->server->export), span_of(NULL, 0));
    test_put(c, &out);
    test_reply(c, NBD_OPT_LIST, NBD_REP_ACK);
}

/* "base:allocation" is there. */
static inline void test_contexts(struct test_connection *c, const struct option_data *data)
{
    uint8_t bytes[200];
    struct wire_out out = wire_out(bytes, sizeof bytes);
    struct span queries = data->queries, query;

    if (!c->structured) {
        test_reply(c, NBD_OPT_SET_META_CONTEXT, NBD_REP_ERR_INVALID);
        return;
    }
    while (option_next_query(&queries, &query))
        if (span_equal(query, span_text("base:allocation")))
            reply_put_meta_context(&out, NBD_OPT_SET_META_CONTEXT, 1, query);
    test_put(c, &out);
    test_reply(c, NBD_OPT_SET_META_CONTEXT, NBD_REP_ACK);
}

static inline bool test_option(struct test_connection *c, uint32_t option, struct span data)
{
    const struct test_server *s = c->server;
    struct option_data decoded;
    struct wire_flaw flaw;

    option_decode(option, data, &decoded, &flaw);
    if (option == NBD_OPT_EXPORT_NAME)
        return test_enter_by_name(c, data);
    if (option == NBD_OPT_ABORT)
        return false;
    if (s->canned_option && option == s->canned_option)
        c->canned = buffer_add(&c->out, s->canned.at, s->canned.len);
    else if (s->demands_tls)
        test_reply(c, option, NBD_REP_ERR_TLS_REQD);
    else if (option == NBD_OPT_LIST)
        test_list(c);
    else if (option == NBD_OPT_SET_META_CONTEXT && s->structured)
        test_contexts(c, &decoded);
    else if (option == NBD_OPT_STRUCTURED_REPLY && s->structured) {
        if (s->repeats_itself)
            test_reply(c, option, NBD_REP_ACK);
        test_reply(c, option, (c->structured = true, NBD_REP_ACK));
    } else if (option == NBD_OPT_EXTENDED_HEADERS && s->extended)
        test_reply(c, option, (c->extended = true, NBD_REP_ACK));
    else if ((option != NBD_OPT_GO && option != NBD_OPT_INFO) || s->no_go) {
        test_reply(c, option, (c->out_of_step = s->leaves_data && data.len > 0, NBD_REP_ERR_UNSUP));
        return !s->leaves_at_unknown;
    } else if (!test_has_export(s, decoded.name))
        test_reply(c, option, NBD_REP_ERR_UNKNOWN);
    else
        test_enter_by_go(c, option);
    return true;
}

static inline void test_answer(struct test_connection *c, const struct wire_request *r, uint32_t error)
{
    const struct wire_simple_reply reply = { (uint32_t)NBD_SIMPLE_REPLY_MAGIC, error, r->cookie };
    uint8_t bytes[WIRE_SIZE_simple_reply];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    wire_put_simple_reply(&out, &reply);
    test_put(c, &out);
}

static inline void test_answer_read(struct test_connection *c, const struct wire_request *r)
{
    const uint8_t *data = c->server->store + r->offset;
    uint8_t bytes[64];
    struct wire_out out = wire_out(bytes, sizeof bytes);
    uint64_t offset = r->offset + c->server->chunks_misplaced;
    uint8_t garbage = (uint8_t)c->server->garbled;
    bool zero;

    if (c->server->garbles && r->length == 1) {
        c->server->garbled++;
        data = &garbage;
    }
    zero = r->length > 0 && data[0] == 0 && memcmp(data, data + 1, r->length - 1) == 0;

    if (!c->structured) {
        test_answer(c, r, 0);
        buffer_add(&c->out, data, r->length);
        return;
    }
    if (zero)
        chunk_put_hole(&out, NBD_REPLY_FLAG_DONE, chunk_to(r->cookie), offset, r->length);
    else
        chunk_put_data_header(&out, NBD_REPLY_FLAG_DONE, chunk_to(r->cookie), offset, r->length);
    test_put(c, &out);
    if (!zero)
        buffer_add(&c->out, data, r->length);
}

static inline void test_request(struct test_connection *c, const struct wire_request *r, struct span data)
{
    struct test_server *s = c->server;
    bool writes = r->type == NBD_CMD_WRITE || r->type == NBD_CMD_WRITE_ZEROES;

    if (r->offset > s->size || r->length > s->size - r->offset)
        test_answer(c, r, NBD_EINVAL);
    else if (s->sector > 0 && (r->offset % s->sector != 0 || r->length % s->sector != 0))
        test_answer(c, r, NBD_EINVAL);
    else if (writes && (s->transmission_flags & NBD_FLAG_READ_ONLY))
        test_answer(c, r, NBD_EPERM);
    else if (r->type == NBD_CMD_READ && c->server->read_max > 0 && r->length > c->server->read_max)
        test_answer(c, r, NBD_EOVERFLOW);
    else if (r->type == NBD_CMD_READ)
        test_answer_read(c, r);
    else if (r->type == NBD_CMD_WRITE)
        test_answer(c, r, (memcpy(s->store + r->offset, data.at, data.len), 0));
    else if (r->type == NBD_CMD_WRITE_ZEROES)
        test_answer(c, r, (memset(s->store + r->offset, 0, s->zeroes_nothing ? 0 : r->length), 0));
    else
        test_answer(c, r, NBD_EINVAL);
}

/* Takes one frame.  False when the connection ends. */
static inline bool test_take_frame(struct test_connection *c, struct span *bytes)
{
    struct wire_in in = wire_in(*bytes);

    if (!c->flags_taken) {
        c->no_zeroes = (wire_get_client_flags(&in).flags & NBD_FLAG_C_NO_ZEROES) != 0;
        c->flags_taken = true;
    } else if (!c->transmission) {
        struct wire_option option = wire_get_option(&in);

        if (c->out_of_step || !test_option(c, option.option, wire_get_bytes(&in, option.length)))
            return false;
    } else {
        struct wire_request request = wire_get_request(&in);
        struct span data = wire_get_bytes(&in, request.type == NBD_CMD_WRITE ? request.length : 0);

        if (request.type == NBD_CMD_DISC)
            return false;
        if (c->server->dies && !(request.type == NBD_CMD_READ && request.length <= 512)) {
            c->server->dead = true;
            return false;
        }
        if (c->server->request_max > 0 && request.type <= NBD_CMD_WRITE &&
            request.length > c->server->request_max)
            return false;
        if (c->server->kills && request.type == c->server->kills)
            raise(SIGKILL);
        test_request(c, &request, data);
    }
    *bytes = in.rest;
    return true;
}

/* A frame may come in two pieces: an option's header and its data.  They are put together. */
struct test_end {
    struct test_connection connection;
    struct buffer in;
};

static inline bool test_is_whole(const struct test_connection *c, struct span bytes)
{
    struct wire_in in = wire_in(bytes);
    uint64_t length = 0;

    if (!c->flags_taken)
        return bytes.len >= WIRE_SIZE_client_flags;
    if (!c->transmission) {
        length = wire_get_option(&in).length;
        return bytes.len >= WIRE_SIZE_option + length;
    }
    if (bytes.len >= WIRE_SIZE_request) {
        struct wire_request request = wire_get_request(&in);

        length = request.type == NBD_CMD_WRITE ? request.length : 0;
    }
    return bytes.len >= WIRE_SIZE_request + length;
}

static inline bool test_has_header(const struct test_connection *c, size_t len)
{
    if (!c->flags_taken)
        return len >= WIRE_SIZE_client_flags;
    return len >= (size_t)(c->transmission ? WIRE_SIZE_request : WIRE_SIZE_option);
}

static inline bool test_take(void *ctx, struct span *bytes)
{
    struct test_end *e = ctx;
    struct test_connection *c = &e->connection;

    if (bytes->len == 0)
        return false; /* the client finished */
    nanosleep(&(struct timespec){ 0, c->server->takes_ns }, NULL);
    if (c->waits || c->server->says_nothing) {
        span_take(bytes, bytes->len);
        return true;
    }
    if (c->server->closes_after && c->given_in_all >= c->server->closes_after)
        return false;
    if (c->canned || (c->server->canned.at && !c->server->canned_option)) {
        span_take(bytes, bytes->len);
        if (c->flags_taken)
            buffer_add(&c->out, c->server->canned.at, c->server->canned.len);
        c->flags_taken = true;
        return !c->server->closes;
    }
    if (c->server->wants_whole && e->in.len == 0 && !test_has_header(c, bytes->len))
        return false;
    buffer_add(&e->in, bytes->at, bytes->len);
    span_take(bytes, bytes->len);
    while (e->in.len > 0 && test_is_whole(c, buffer_span(&e->in))) {
        struct span rest = buffer_span(&e->in);

        if (!test_take_frame(c, &rest)) {
            buffer_clear(&e->in);
            return false;
        }
        buffer_drop(&e->in, c->server->one_at_once ? e->in.len : e->in.len - rest.len);
    }
    return true;
}

static inline size_t test_give(void *ctx, uint8_t *to, size_t room)
{
    struct test_connection *c = &((struct test_end *)ctx)->connection;
    const struct test_server *s = c->server;
    size_t len = c->out.len - c->given;

    if (len == 0 && s->repeats && c->flags_taken && (c->canned || !s->canned_option))
        buffer_add(&c->out, s->canned.at, s->canned.len);
    len = c->out.len - c->given < room ? c->out.len - c->given : room;
    if (s->closes_after && len > s->closes_after - c->given_in_all)
        len = s->closes_after - c->given_in_all;
    if (len > 0)
        memcpy(to, c->out.bytes + c->given, len);
    c->given += len;
    c->given_in_all += len;
    if (c->given == c->out.len) {
        buffer_clear(&c->out);
        c->given = 0;
    }
    return len;
}

static inline void test_closed(void *ctx)
{
    struct test_end *e = ctx;

    e->connection.server->open--;
    e->connection.server->haggling -= !e->connection.waits && !e->connection.transmission;
    if (e->connection.server->dies_when_cut && e->in.len > 0)
        e->connection.server->dead = true;
    buffer_free(&e->connection.out);
    buffer_free(&e->in);
    free(e);
}

static inline struct link *test_dial(void *ctx, uint64_t timeout_ns, char *error, size_t error_size)
{
    struct test_server *s = ctx;
    const struct wire_greeting greeting = { NBD_INIT_PASSWD, NBD_OPTS_MAGIC };
    const struct wire_handshake_flags flags = { s->handshake_flags };
    uint8_t bytes[WIRE_SIZE_greeting + WIRE_SIZE_handshake_flags];
    struct wire_out out = wire_out(bytes, sizeof bytes);
    struct test_end *e;

    (void)timeout_ns;
    if (s->dead) {
        snprintf(error, error_size, "the server is gone");
        return NULL;
    }
    e = memory_take(sizeof *e);
    e->connection.server = s;
    buffer_init(&e->connection.out, 128 * 1024 * 1024);
    buffer_init(&e->in, 128 * 1024 * 1024);
    s->connections++;
    e->connection.waits =
        (s->most_connections > 0 && s->open >= s->most_connections) || (s->one_handshake && s->haggling > 0);
    s->haggling += !e->connection.waits;
    s->open++;
    wire_put_greeting(&out, &greeting);
    wire_put_handshake_flags(&out, &flags);
    if (!e->connection.waits)
        test_put(&e->connection, &out);
    return link_memory((struct link_peer){ test_take, test_give, test_closed, e });
}

static inline struct test_server test_server(size_t size)
{
    return (struct test_server){
        .store = memory_take(size),
        .size = size,
        .handshake_flags = NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES,
        .transmission_flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_CAN_MULTI_CONN,
        .block_size = { 1, 4096, 32 * 1024 * 1024 },
        .export = "",
        .structured = true,
    };
}

static inline struct target test_target(struct test_server *s)
{
    return (struct target){ .name = "test server", .dial = test_dial, .ctx = s };
}

#endif
