/* SPDX-License-Identifier: MIT */
/* Connecting and haggling.  Transmission is in transfer.c, the bytes below both in client_bytes.c. */
#include "runner/client.h"

#include <stdio.h>

#include "base/escape.h"
#include "runner/client_bytes.h"
#include "wire/body.h"
#include "wire/scan.h"
#include "wire/vocabulary.h"

#define FAREWELL_NS UINT64_C(250000000)
#define LEFT_OVER_NS UINT64_C(250000000) /* until another reply follows one that is left over */

enum {
    FAREWELL_ROUNDS = 16, /* in which a server may still say something */
    REPLIES_MAX = 10000,  /* to one option */
    HANDSHAKE_ROUNDS = 8, /* of TLS on a link within the process */
};

/* ---- handshake ---- */

static bool flawed_greeting(struct client *c, struct span bytes)
{
    struct buffer shown;

    buffer_init(&shown, 200);
    escape_text(&shown, bytes);
    c->broke = c->lost = true;
    client_fail(c, "this is no NBD server: the first bytes it sends are \"%s\"", buffer_text(&shown));
    buffer_free(&shown);
    return false;
}

/* proto.md, "Oldstyle negotiation": the server says all that there is, and the client is in transmission. */
static bool take_oldstyle(struct client *c)
{
    struct wire_oldstyle export;
    struct span bytes;
    struct wire_in in;

    c->greeted = true;
    if (!client_need(c, WIRE_SIZE_oldstyle, &bytes))
        return false;
    in = wire_in(bytes);
    export = wire_get_oldstyle(&in);
    c->oldstyle = true;
    c->size = export.size;
    c->transmission_flags = export.transmission;
    return client_need(c, NBD_EXPORT_PADDING, &bytes);
}

/* proto.md, "Newstyle negotiation". */
static bool take_greeting(struct client *c)
{
    struct wire_greeting greeting;
    struct span bytes;
    struct wire_in in;

    if (!client_need(c, WIRE_SIZE_greeting, &bytes))
        return false;
    in = wire_in(bytes);
    greeting = wire_get_greeting(&in);
    if (greeting.magic == NBD_CLISERV_MAGIC)
        return take_oldstyle(c);
    /* One that is right will do: that the other is wrong is for the cases to say. */
    if (greeting.init_passwd != NBD_INIT_PASSWD && greeting.magic != NBD_OPTS_MAGIC)
        return flawed_greeting(c, bytes);
    c->greeted = true;
    if (!client_need(c, WIRE_SIZE_handshake_flags, &bytes))
        return false;
    in = wire_in(bytes);
    c->handshake_flags = wire_get_handshake_flags(&in).flags;
    return true;
}

static bool send_flags(struct client *c)
{
    uint8_t bytes[WIRE_SIZE_client_flags];
    struct wire_out out = wire_out(bytes, sizeof bytes);
    struct wire_client_flags flags = {
        c->handshake_flags & (NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES),
    };

    c->no_zeroes = (flags.flags & NBD_FLAG_C_NO_ZEROES) != 0;
    wire_put_client_flags(&out, &flags);
    return client_send(c, span_of(bytes, out.len));
}

static bool shake_hands(struct client *c)
{
    for (unsigned round = 0; tls_state(c->link) == TLS_HANDSHAKING; round++) {
        struct span nothing = { NULL, 0 };
        unsigned rounds = 0;

        link_send(c->link, &nothing);
        if (tls_state(c->link) != TLS_HANDSHAKING)
            break;
        if (!client_wait(c, false, &rounds) || (link_descriptor(c->link) < 0 && round > HANDSHAKE_ROUNDS))
            return client_break(c, "no answer in time");
    }
    if (tls_state(c->link) == TLS_ESTABLISHED)
        return true;
    c->turned_down = tls_refused(c->link);
    return client_break(c, tls_reason(c->link));
}

static bool start_tls(struct client *c, const struct target *target)
{
    uint32_t type = 0;

    if (!client_option(c, NBD_OPT_STARTTLS, span_of(NULL, 0), (struct client_replies){ NULL, NULL }, &type))
        return false;
    if (type != NBD_REP_ACK) {
        c->starttls = type;
        return false;
    }
    client_doing(c, "the TLS handshake");
    c->used = c->in.len; /* nothing that came in plain text is read as if it had come under TLS */
    c->link = link_tls(c->link, target->tls, target->tls_host);
    c->secured = true;
    return shake_hands(c);
}

bool client_open(struct client *c, const struct target *target, uint64_t timeout_ns)
{
    char error[300] = "";

    *c = (struct client){ .timeout_ns = timeout_ns, .broke = true };
    client_begin(c);
    client_doing(c, "connecting to %.60s", target->name);
    c->link = target->dial(target->ctx, timeout_ns, error, sizeof error);
    if (!c->link) {
        snprintf(c->error, sizeof c->error, "%s", error);
        return false;
    }
    c->broke = false;
    client_doing(c, "the greeting");
    if (!take_greeting(c) || (!c->oldstyle && !send_flags(c))) {
        client_close(c, false);
        return false;
    }
    c->block_size = (struct wire_info_block_size){ 1, 4096, CLIENT_MAX_REQUEST };
    if (!target->secured || start_tls(c, target))
        return true;
    client_close(c, false);
    return false;
}

/* A server that takes one client at a time may turn the next one away until it has seen this one leave.  One
 * that talks on instead is not listened to. */
static void see_it_close(struct client *c)
{
    unsigned rounds = 0;
    size_t len;

    c->deadline_ns = client_now(c) + FAREWELL_NS;
    for (unsigned i = 0; i < FAREWELL_ROUNDS && client_receive(c, &len) == LINK_OPEN; i++) {
        c->used = c->in.len;
        if (!client_wait(c, false, &rounds))
            return;
    }
}

void client_close(struct client *c, bool in_transmission)
{
    bool requests = in_transmission || c->oldstyle;
    uint8_t bytes[WIRE_SIZE_extended_request];
    struct wire_out out = wire_out(bytes, sizeof bytes);
    const struct wire_request request = { .magic = (uint32_t)NBD_REQUEST_MAGIC, .type = NBD_CMD_DISC };
    const struct wire_extended_request extended = { .magic = (uint32_t)NBD_EXTENDED_REQUEST_MAGIC,
                                                    .type = NBD_CMD_DISC };
    struct span goodbye;

    if (c->link && !c->broke) {
        if (requests && c->extended)
            wire_put_extended_request(&out, &extended);
        else if (requests)
            wire_put_request(&out, &request);
        else
            option_put(&out, NBD_OPT_ABORT, span_of(NULL, 0));
        goodbye = span_of(bytes, out.len);
        link_send(c->link, &goodbye); /* as far as it goes: the connection ends anyway */
        see_it_close(c);
    }
    link_free(c->link);
    c->link = NULL;
    c->broke = true;
    buffer_free(&c->in);
    c->used = 0;
}

static bool send_option(struct client *c, uint32_t option, struct span data)
{
    uint8_t head[WIRE_SIZE_option];
    struct wire_out out = wire_out(head, sizeof head);
    const struct wire_option o = { NBD_OPTS_MAGIC, option, (uint32_t)data.len };

    wire_put_option(&out, &o);
    return client_send(c, span_of(head, out.len)) && client_send(c, data);
}

static void note_refusal(struct client *c, uint32_t type, struct span text)
{
    struct buffer shown;

    buffer_init(&shown, 250);
    vocabulary_print(&vocabulary_replies, type, &shown);
    if (text.len > 0) {
        buffer_print(&shown, ", \"");
        escape_text(&shown, span_of(text.at, text.len < 120 ? text.len : 120));
        buffer_print(&shown, "\"");
    }
    client_fail(c, "the server answers %s", buffer_text(&shown));
    buffer_free(&shown);
}

static bool take_reply(struct client *c, uint32_t *ret_option, uint32_t *ret_type, struct span *ret_data)
{
    struct wire_option_reply reply;
    struct span bytes;
    struct wire_in in;

    if (!client_need(c, WIRE_SIZE_option_reply, &bytes))
        return false;
    in = wire_in(bytes);
    reply = wire_get_option_reply(&in);
    if (reply.magic != NBD_REP_MAGIC)
        return client_lose(c, "what comes is no option reply: its magic is wrong");
    if (reply.length > CLIENT_NEED_MAX)
        return client_lose(c, "the reply announces more than 1 MiB of data");
    *ret_option = reply.option;
    *ret_type = reply.type;
    return client_need(c, reply.length, ret_data);
}

/* A bare reply to the option before is one too many, if another one follows; otherwise its option is wrong,
 * and it answers this one. */
static bool is_left_over(struct client *c, uint32_t replied, uint32_t option)
{
    uint64_t deadline_ns = c->deadline_ns, soon_ns = client_now(c) + LEFT_OVER_NS;
    unsigned rounds = 0;
    size_t len = 0;

    if (replied == option || replied != c->option_before)
        return false;
    c->deadline_ns = soon_ns < deadline_ns ? soon_ns : deadline_ns;
    while (client_unused(c) == 0 && client_receive(c, &len) == LINK_OPEN && len == 0 &&
           client_wait(c, false, &rounds))
        ;
    c->deadline_ns = deadline_ns;
    return client_unused(c) > 0;
}

bool client_option(struct client *c, uint32_t option, struct span data, struct client_replies replies,
                   uint32_t *ret_type)
{
    const char *name = vocabulary_name(&vocabulary_options, option);

    client_doing(c, "option %s", name ? name : "of an unknown number");
    if (!send_option(c, option, data))
        return false;
    for (unsigned i = 0; i < REPLIES_MAX; i++) {
        uint32_t type = 0, replied = 0;
        struct span bytes = { NULL, 0 };

        if (!take_reply(c, &replied, &type, &bytes))
            return false;
        if (bytes.len == 0 && is_left_over(c, replied, option))
            continue;
        if (type == NBD_REP_ACK || reply_is_error(type)) {
            *ret_type = type;
            c->option_before = option;
            if (type != NBD_REP_ACK)
                note_refusal(c, type, bytes);
            return true;
        }
        if (replies.each)
            replies.each(replies.ctx, type, bytes);
        /* However often it says something: the whole answer has to be there in time. */
        if (client_now(c) > c->deadline_ns)
            return client_break(c, "the answer does not end in time");
    }
    return client_break(c, "the answer does not end: there are more than 10000 replies");
}

/* What GO said about the export. */
struct learned {
    bool export_seen, block_size_seen;
    struct wire_info_export export;
    struct wire_info_block_size block_size;
};

static void learn(void *ctx, uint32_t type, struct span data)
{
    struct learned *l = ctx;
    struct reply_data reply;
    struct wire_flaw flaw;

    if (type != NBD_REP_INFO)
        return;
    reply_decode(type, data, &reply, &flaw); /* as far as it goes: too long is no harm here */
    if (reply.info == NBD_INFO_EXPORT && data.len >= 2 + WIRE_SIZE_info_export) {
        l->export_seen = true;
        l->export = reply.export;
    }
    if (reply.info == NBD_INFO_BLOCK_SIZE && data.len >= 2 + WIRE_SIZE_info_block_size) {
        l->block_size_seen = true;
        l->block_size = reply.block_size;
    }
}

enum client_way client_go(struct client *c, struct span export, bool asks, uint32_t *ret_type)
{
    static const uint16_t infos[] = { NBD_INFO_EXPORT, NBD_INFO_BLOCK_SIZE };
    uint8_t bytes[WIRE_SIZE_option + 4 + NBD_MAX_STRING + 2 + sizeof infos];
    struct wire_out out = wire_out(bytes, sizeof bytes);
    struct learned l = { 0 };

    if (export.len > NBD_MAX_STRING) {
        client_doing(c, "option GO");
        client_break(c, "the export's name has more than 4096 bytes");
        return CLIENT_FAILED;
    }
    option_put_infos(&out, NBD_OPT_GO, export, infos, asks ? 2 : 0);
    if (!client_option(c, NBD_OPT_GO, span_of(bytes + WIRE_SIZE_option, out.len - WIRE_SIZE_option),
                       (struct client_replies){ learn, &l }, ret_type))
        return CLIENT_FAILED;
    if (*ret_type != NBD_REP_ACK)
        return CLIENT_REFUSED;
    if (!l.export_seen) {
        client_break(c, "the server did not tell the export's size");
        return CLIENT_FAILED;
    }
    c->size = l.export.size;
    c->transmission_flags = l.export.flags;
    c->has_block_size = l.block_size_seen;
    if (l.block_size_seen)
        c->block_size = l.block_size;
    return CLIENT_IN;
}

bool client_export_name(struct client *c, struct span export)
{
    struct wire_export answer;
    struct span bytes;
    struct wire_in in;

    client_doing(c, "option EXPORT_NAME");
    if (!send_option(c, NBD_OPT_EXPORT_NAME, export) || !client_need(c, WIRE_SIZE_export, &bytes))
        return false;
    in = wire_in(bytes);
    answer = wire_get_export(&in);
    if (answer.size == NBD_REP_MAGIC)
        return client_lose(c, "it is answered like other options");
    if (!c->no_zeroes && !client_need(c, NBD_EXPORT_PADDING, &bytes))
        return false;
    c->size = answer.size;
    c->transmission_flags = answer.flags;
    c->by_name = true;
    return true;
}

/* A fresh connection; with the headers that are wanted, where they are granted. */
static bool start(struct client *c, const struct target *target, uint64_t timeout_ns,
                  enum client_headers headers)
{
    uint32_t option = headers == CLIENT_EXTENDED ? NBD_OPT_EXTENDED_HEADERS : NBD_OPT_STRUCTURED_REPLY;
    uint32_t type = 0;

    if (!client_open(c, target, timeout_ns))
        return false;
    if (headers == CLIENT_SIMPLE || !(c->handshake_flags & NBD_FLAG_FIXED_NEWSTYLE))
        return true;
    if (client_option(c, option, span_of(NULL, 0), (struct client_replies){ NULL, NULL }, &type)) {
        c->structured = headers == CLIENT_STRUCTURED && type == NBD_REP_ACK;
        c->extended = headers == CLIENT_EXTENDED && type == NBD_REP_ACK;
        c->headers_refused = type != NBD_REP_ACK;
        return true;
    }
    client_close(c, false);
    return client_open(c, target, timeout_ns);
}

static bool start_again(struct client *c, const struct target *target, uint64_t timeout_ns,
                        enum client_headers headers)
{
    client_close(c, false);
    return start(c, target, timeout_ns, headers);
}

/* By GO; once more where the connection broke behind headers that were refused: a server may close with each
 * refusal, and has then not been asked. */
static enum client_way go(struct client *c, const struct target *target, uint64_t timeout_ns,
                          struct span export, uint32_t *ret_type)
{
    enum client_way way = client_go(c, export, true, ret_type);

    if (!c->broke || !c->headers_refused)
        return way;
    if (!start_again(c, target, timeout_ns, CLIENT_SIMPLE))
        return CLIENT_FAILED;
    return client_go(c, export, true, ret_type);
}

/* Errors that say something of the export or of the server; others to a well-made GO may say nothing but that
 * its GO is broken: ERR_UNKNOWN, too, where the name was looked for in another place. */
static bool is_refusal(uint32_t type)
{
    return type == NBD_REP_ERR_POLICY || type == NBD_REP_ERR_TLS_REQD || type == NBD_REP_ERR_PLATFORM ||
           type == NBD_REP_ERR_SHUTDOWN || type == NBD_REP_ERR_EXT_HEADER_REQD;
}

static enum client_way enter(struct client *c, const struct target *target, uint64_t timeout_ns,
                             struct span export, enum client_headers headers, uint32_t *ret_type)
{
    char error[sizeof c->error] = "";
    bool asked = false;   /* this connection was asked by GO, and did not break */
    bool unknown = false; /* to GO, for one */

    *ret_type = 0;
    if (!start(c, target, timeout_ns, headers))
        return CLIENT_FAILED;
    if (c->oldstyle)
        return CLIENT_IN;
    if (c->headers_refused)
        headers = CLIENT_SIMPLE;
    if (c->handshake_flags & NBD_FLAG_FIXED_NEWSTYLE) {
        enum client_way way = go(c, target, timeout_ns, export, ret_type);

        if (way == CLIENT_IN || (way == CLIENT_REFUSED && is_refusal(*ret_type)))
            return way;
        unknown = way == CLIENT_REFUSED && *ret_type == NBD_REP_ERR_UNKNOWN;
        if (way == CLIENT_FAILED || *ret_type != NBD_REP_ERR_UNSUP)
            memcpy(error, c->error, sizeof error); /* says more than what follows */
        asked = !c->broke;
        if (c->broke && !start_again(c, target, timeout_ns, headers))
            return CLIENT_FAILED;
    }
    if (client_export_name(c, export))
        return CLIENT_IN;
    /* A server that does not know GO may take its data for the next option. */
    if (asked && start_again(c, target, timeout_ns, headers) && client_export_name(c, export))
        return CLIENT_IN;
    if (*error)
        memcpy(c->error, error, sizeof error);
    return unknown ? CLIENT_REFUSED : CLIENT_FAILED;
}

/* A server may insist on extended headers: proto-extended-headers.md, NBD_OPT_GO. */
enum client_way client_enter(struct client *c, const struct target *target, uint64_t timeout_ns,
                             struct span export, enum client_headers headers, uint32_t *ret_type)
{
    enum client_way way = enter(c, target, timeout_ns, export, headers, ret_type);

    if (way != CLIENT_REFUSED || *ret_type != NBD_REP_ERR_EXT_HEADER_REQD || headers == CLIENT_EXTENDED)
        return way;
    client_close(c, false);
    return enter(c, target, timeout_ns, export, CLIENT_EXTENDED, ret_type);
}
