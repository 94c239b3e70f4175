/* SPDX-License-Identifier: MIT */
#include "wire/scan.h"

#include "wire/body.h"
#include "wire/constants.h"

/* A number that has to be there.  bits is 0 where a frame has no more of them. */
struct magic {
    size_t at; /* bytes from the start of the frame */
    unsigned bits;
    const uint64_t *value;
    const char *field;
    const char *rule;
};

/* One kind of frame. */
struct shape {
    size_t size; /* bytes of header */
    struct magic magics[2];
    void (*get)(struct wire_in *in, enum scan_expect expect, struct scan_head *ret);
};

static void get_oldstyle(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    wire_get_greeting(in);
    ret->oldstyle = wire_get_oldstyle(in);
    ret->body = NBD_EXPORT_PADDING;
}

static void get_newstyle(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    wire_get_greeting(in);
    ret->newstyle = wire_get_handshake_flags(in);
}

static void get_client_flags(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    ret->client_flags = wire_get_client_flags(in);
}

static void get_option(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    ret->option = wire_get_option(in);
    ret->body = ret->option.length;
}

static void get_option_reply(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    ret->option_reply = wire_get_option_reply(in);
    ret->body = ret->option_reply.length;
}

static void get_export(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    ret->export = wire_get_export(in);
    ret->body = expect == SCAN_EXPORT ? NBD_EXPORT_PADDING : 0;
}

static void get_request(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    const struct command_rules *rules;

    (void)expect;
    ret->request = wire_get_request(in);
    rules = command_rules_of(ret->request.type);
    ret->body =
        rules && rules->data ? ret->request.length : 0; /* nothing is assumed to follow an unknown one */
}

static void get_simple_reply(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    ret->simple_reply = wire_get_simple_reply(in);
}

static void get_chunk(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    ret->chunk = wire_get_chunk(in);
    ret->body = ret->chunk.length;
}

static void get_extended_request(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    ret->extended_request = wire_get_extended_request(in);
    /* WRITE has to have the flag; QEMU's client leaves it out and sends the data all the same. */
    if ((ret->extended_request.flags & NBD_CMD_FLAG_PAYLOAD_LEN) ||
        ret->extended_request.type == NBD_CMD_WRITE)
        ret->body = ret->extended_request.length;
}

static void get_extended_reply(struct wire_in *in, enum scan_expect expect, struct scan_head *ret)
{
    (void)expect;
    ret->extended_reply = wire_get_extended_reply(in);
    ret->body = ret->extended_reply.length;
}

static const struct shape shapes[] = {
    [SCAN_KIND_OLDSTYLE] = { WIRE_SIZE_greeting + WIRE_SIZE_oldstyle,
                             { { 0, 64, &NBD_INIT_PASSWD, "init_passwd", "greeting.oldstyle.magic" },
                               { 8, 64, &NBD_CLISERV_MAGIC, "magic", "greeting.oldstyle.cliserv-magic" } },
                             get_oldstyle },
    [SCAN_KIND_NEWSTYLE] = { WIRE_SIZE_greeting + WIRE_SIZE_handshake_flags,
                             { { 0, 64, &NBD_INIT_PASSWD, "init_passwd", "greeting.magic" },
                               { 8, 64, &NBD_OPTS_MAGIC, "magic", "greeting.ihaveopt" } },
                             get_newstyle },
    [SCAN_KIND_CLIENT_FLAGS] = { WIRE_SIZE_client_flags, { { 0 } }, get_client_flags },
    [SCAN_KIND_OPTION] = { WIRE_SIZE_option,
                           { { 0, 64, &NBD_OPTS_MAGIC, "magic", "opt.request.magic" } },
                           get_option },
    [SCAN_KIND_OPTION_REPLY] = { WIRE_SIZE_option_reply,
                                 { { 0, 64, &NBD_REP_MAGIC, "magic", "rep.header.magic" } },
                                 get_option_reply },
    [SCAN_KIND_EXPORT] = { WIRE_SIZE_export, { { 0 } }, get_export },
    [SCAN_KIND_REQUEST] = { WIRE_SIZE_request,
                            { { 0, 32, &NBD_REQUEST_MAGIC, "magic", "request.magic" } },
                            get_request },
    /* A reply with neither magic is measured by this one: the rule is the one that allows just the
     * two kinds. */
    [SCAN_KIND_SIMPLE_REPLY] = { WIRE_SIZE_simple_reply,
                                 { { 0, 32, &NBD_SIMPLE_REPLY_MAGIC, "magic",
                                     "session.transmission.message-kinds" } },
                                 get_simple_reply },
    [SCAN_KIND_CHUNK] = { WIRE_SIZE_chunk,
                          { { 0, 32, &NBD_STRUCTURED_REPLY_MAGIC, "magic", "chunk.header.magic" } },
                          get_chunk },
    [SCAN_KIND_EXTENDED_REQUEST] = { WIRE_SIZE_extended_request,
                                     { { 0, 32, &NBD_EXTENDED_REQUEST_MAGIC, "magic", "ext.request.magic" } },
                                     get_extended_request },
    [SCAN_KIND_EXTENDED_REPLY] = { WIRE_SIZE_extended_reply,
                                   { { 0, 32, &NBD_EXTENDED_REPLY_MAGIC, "magic", "ext.reply.magic" } },
                                   get_extended_reply },
};

/* What may come where; the first of the two is what bytes that are neither are measured by. */
static const struct {
    const char *frame;
    enum scan_kind kinds[2];
} expectations[] = {
    [SCAN_GREETING] = { "greeting", { SCAN_KIND_NEWSTYLE, SCAN_KIND_OLDSTYLE } },
    [SCAN_CLIENT_FLAGS] = { "client flags", { SCAN_KIND_CLIENT_FLAGS, SCAN_KIND_CLIENT_FLAGS } },
    [SCAN_OPTION] = { "option", { SCAN_KIND_OPTION, SCAN_KIND_OPTION } },
    [SCAN_OPTION_REPLY] = { "option reply", { SCAN_KIND_OPTION_REPLY, SCAN_KIND_OPTION_REPLY } },
    [SCAN_EXPORT] = { "export", { SCAN_KIND_EXPORT, SCAN_KIND_EXPORT } },
    [SCAN_EXPORT_NO_ZEROES] = { "export", { SCAN_KIND_EXPORT, SCAN_KIND_EXPORT } },
    [SCAN_REQUEST] = { "request", { SCAN_KIND_REQUEST, SCAN_KIND_REQUEST } },
    [SCAN_REPLY] = { "reply", { SCAN_KIND_SIMPLE_REPLY, SCAN_KIND_CHUNK } },
    [SCAN_EXTENDED_REQUEST] = { "extended request",
                                { SCAN_KIND_EXTENDED_REQUEST, SCAN_KIND_EXTENDED_REQUEST } },
    [SCAN_EXTENDED_REPLY] = { "extended reply", { SCAN_KIND_EXTENDED_REPLY, SCAN_KIND_EXTENDED_REPLY } },
};

/* Magics of frames that were not negotiated: each breaks a rule of its own. */
static const struct stranger {
    enum scan_expect expect;
    const uint64_t *value;
    const char *rule;
} strangers[] = {
    { SCAN_EXTENDED_REPLY, &NBD_SIMPLE_REPLY_MAGIC, "ext.simple-reply.forbidden" },
    { SCAN_EXTENDED_REPLY, &NBD_STRUCTURED_REPLY_MAGIC, "ext.reply.always" },
    { SCAN_EXTENDED_REQUEST, &NBD_REQUEST_MAGIC, "ext.request.always" },
    { SCAN_REPLY, &NBD_EXTENDED_REPLY_MAGIC, "ext.mode.compact-otherwise" },
    { SCAN_REQUEST, &NBD_EXTENDED_REQUEST_MAGIC, "ext.mode.compact-otherwise" },
};

void scan_init(struct scan *s, enum scan_expect expect)
{
    *s = (struct scan){ .expect = expect, .state = SCAN_IN_HEAD };
}

static uint64_t value_of(const struct scan *s, const struct magic *magic)
{
    struct wire_in in = wire_in(span_of(s->head + magic->at, magic->bits / 8));

    return wire_get_number(&in, magic->bits / 8);
}

/* The first of the kind's magics that is there and wrong, or NULL. */
static const struct magic *wrong_magic(const struct scan *s, enum scan_kind kind)
{
    for (size_t i = 0; i < 2; i++) {
        const struct magic *magic = &shapes[kind].magics[i];

        if (magic->bits > 0 && s->have >= magic->at + magic->bits / 8 && value_of(s, magic) != *magic->value)
            return magic;
    }
    return NULL;
}

/* The kind of frame that the bytes seen so far may be.  Where they are none that is expected, *ret_wrong is
 * the magic that says so, else NULL. */
static enum scan_kind kind_of(const struct scan *s, const struct magic **ret_wrong)
{
    const enum scan_kind *kinds = expectations[s->expect].kinds;

    *ret_wrong = NULL;
    for (size_t i = 0; i < 2; i++)
        if (!wrong_magic(s, kinds[i]))
            return kinds[i];
    *ret_wrong = wrong_magic(s, kinds[0]);
    return kinds[0];
}

/* How many bytes of the header to look at next: up to the end of a magic, so that a wrong one is found at
 * once. */
static size_t next_stop(const struct scan *s, enum scan_kind kind)
{
    for (size_t i = 0; i < 2; i++) {
        const struct magic *magic = &shapes[kind].magics[i];

        if (magic->bits > 0 && s->have < magic->at + magic->bits / 8)
            return magic->at + magic->bits / 8;
    }
    return shapes[kind].size;
}

/* Moves bytes into the header until it has want of them; false when there were too few. */
static bool gather(struct scan *s, struct span *in, size_t want)
{
    struct span taken = span_take(in, want - s->have);

    if (taken.len > 0)
        memcpy(s->head + s->have, taken.at, taken.len);
    s->have += taken.len;
    s->at += taken.len;
    return s->have == want;
}

/* The rule that a wrong magic breaks. */
static const char *rule_of(const struct scan *s, const struct magic *wrong)
{
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (strangers[i].expect == s->expect && *strangers[i].value == value_of(s, wrong))
            return strangers[i].rule;
    return wrong->rule;
}

static enum scan_event lose(struct scan *s, const struct magic *wrong)
{
    s->lost = (struct scan_lost){
        .frame = expectations[s->expect].frame,
        .field = wrong->field,
        .at = s->start + wrong->at,
        .got = value_of(s, wrong),
        .wanted = *wrong->value,
        .bits = wrong->bits,
        .rule = rule_of(s, wrong),
    };
    s->state = SCAN_IN_LOST;
    return SCAN_LOST;
}

/* The usual case: a whole header stands in the caller's bytes and has the magics of the kind.  Otherwise
 * nothing was done. */
static bool gather_whole(struct scan *s, struct span *in, enum scan_kind kind)
{
    size_t size = shapes[kind].size;

    if (s->have > 0 || in->len < size)
        return false;
    memcpy(s->head, in->at, size);
    s->have = size;
    if (wrong_magic(s, kind)) {
        s->have = 0;
        return false;
    }
    s->at += size;
    span_take(in, size);
    return true;
}

static enum scan_event next_in_head(struct scan *s, struct span *in, struct scan_ret *ret)
{
    const struct magic *wrong = NULL;
    enum scan_kind kind = expectations[s->expect].kinds[0];

    if (!gather_whole(s, in, kind))
        kind = kind_of(s, &wrong);
    while (!wrong && s->have < shapes[kind].size) {
        if (!gather(s, in, next_stop(s, kind)))
            return SCAN_MORE;
        kind = kind_of(s, &wrong);
    }
    if (wrong)
        return lose(s, wrong);

    struct wire_in header = wire_in(span_of(s->head, s->have));
    ret->head = (struct scan_head){ .kind = kind, .at = s->start };
    shapes[kind].get(&header, s->expect, &ret->head);
    s->body = ret->head.body;
    s->state = SCAN_IN_BODY;
    return SCAN_HEAD;
}

static enum scan_event next_in_body(struct scan *s, struct span *in, struct scan_ret *ret)
{
    if (s->body == 0) {
        s->state = SCAN_IN_HEAD;
        s->have = 0;
        s->start = s->at;
        return SCAN_END;
    }
    if (in->len == 0)
        return SCAN_MORE;
    ret->data = span_take(in, s->body < in->len ? (size_t)s->body : in->len);
    s->body -= ret->data.len;
    s->at += ret->data.len;
    return SCAN_DATA;
}

enum scan_event scan_next(struct scan *s, struct span *in, struct scan_ret *ret)
{
    switch (s->state) {
    case SCAN_IN_HEAD:
        return next_in_head(s, in, ret);
    case SCAN_IN_BODY:
        return next_in_body(s, in, ret);
    case SCAN_IN_LOST:
        break;
    }
    return SCAN_LOST;
}

void scan_restart(struct scan *s)
{
    s->state = SCAN_IN_HEAD;
    s->have = 0;
    s->body = 0;
    s->start = s->at;
}

struct span scan_header(const struct scan *s, enum scan_kind kind)
{
    return span_of(s->head, shapes[kind].size);
}

void scan_progress(const struct scan *s, uint64_t *ret_have, uint64_t *ret_want)
{
    const struct magic *wrong;

    *ret_have = s->at - s->start;
    if (s->state == SCAN_IN_BODY)
        *ret_want = s->body < UINT64_MAX - *ret_have ? *ret_have + s->body : UINT64_MAX;
    else
        *ret_want = *ret_have > 0 ? shapes[kind_of(s, &wrong)].size : 0;
}
