/* SPDX-License-Identifier: MIT */
#include "wire/events.h"

#include <assert.h>

#include "wire/constants.h"

static const struct wire_field *const fields[] = {
    [SCAN_KIND_OLDSTYLE] = wire_oldstyle_fields,
    [SCAN_KIND_NEWSTYLE] = wire_handshake_flags_fields,
    [SCAN_KIND_CLIENT_FLAGS] = wire_client_flags_fields,
    [SCAN_KIND_OPTION] = wire_option_fields,
    [SCAN_KIND_OPTION_REPLY] = wire_option_reply_fields,
    [SCAN_KIND_EXPORT] = wire_export_fields,
    [SCAN_KIND_REQUEST] = wire_request_fields,
    [SCAN_KIND_SIMPLE_REPLY] = wire_simple_reply_fields,
    [SCAN_KIND_CHUNK] = wire_chunk_fields,
    [SCAN_KIND_EXTENDED_REQUEST] = wire_extended_request_fields,
    [SCAN_KIND_EXTENDED_REPLY] = wire_extended_reply_fields,
};

static enum scan_expect client_next(const struct scan_head *head, enum scan_expect now)
{
    if (head->kind == SCAN_KIND_CLIENT_FLAGS)
        return SCAN_OPTION;
    if (head->kind == SCAN_KIND_OPTION &&
        (head->option.option == NBD_OPT_EXPORT_NAME || head->option.option == NBD_OPT_GO))
        return SCAN_REQUEST;
    return now;
}

static enum scan_expect server_next(const struct scan_head *head, enum scan_expect now)
{
    if (head->kind == SCAN_KIND_NEWSTYLE)
        return SCAN_OPTION_REPLY;
    if (head->kind == SCAN_KIND_OLDSTYLE || head->kind == SCAN_KIND_EXPORT)
        return SCAN_REPLY;
    if (head->kind == SCAN_KIND_OPTION_REPLY && head->option_reply.option == NBD_OPT_GO &&
        head->option_reply.type == NBD_REP_ACK)
        return SCAN_REPLY;
    return now;
}

static uint64_t no_body(const struct scan_head *head)
{
    (void)head;
    return 0;
}

static uint64_t cookie_body(const struct scan_head *head)
{
    return head->simple_reply.error == 0 ? head->simple_reply.cookie & 0xff : 0;
}

const struct events_owner events_client = { client_next, no_body };
const struct events_owner events_server = { server_next, cookie_body };

void events_init(struct events *e, const struct events_owner *owner, enum scan_expect first)
{
    *e = (struct events){ .owner = owner, .hash = UINT64_C(0xcbf29ce484222325) };
    scan_init(&e->scan, first);
}

static void hash_bytes(struct events *e, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        e->hash = (e->hash ^ bytes.at[i]) * UINT64_C(0x100000001b3);
}

static void hash_number(struct events *e, uint64_t number)
{
    uint8_t bytes[8];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    wire_put_64(&out, number);
    hash_bytes(e, span_of(bytes, sizeof bytes));
}

/* The value of a field of a frame. */
static uint64_t field_of(const void *frame, const struct wire_field *field)
{
    const char *at = (const char *)frame + field->offset;
    uint64_t wide;
    uint32_t word;
    uint16_t half;

    if (field->bits == 64) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    if (field->bits == 32) {
        memcpy(&word, at, sizeof word);
        return word;
    }
    assert(field->bits == 16);
    memcpy(&half, at, sizeof half);
    return half;
}

static void take_head(struct events *e, const struct scan_head *head)
{
    assert(head->at + e->scan.have == e->scan.at);
    e->heads++;
    e->last = *head;
    if (head->kind == SCAN_KIND_SIMPLE_REPLY)
        e->scan.body = e->last.body = e->owner->simple_body(head);
    hash_number(e, head->kind);
    hash_number(e, head->at);
    hash_number(e, e->last.body);
    for (const struct wire_field *f = fields[head->kind]; f->name; f++)
        hash_number(e, field_of(&head->oldstyle, f)); /* all frames of the union begin in one place */
}

static void take_end(struct events *e)
{
    uint64_t have, want;

    scan_progress(&e->scan, &have, &want);
    assert(have == 0 && want == 0);
    e->ends++;
    hash_number(e, e->scan.at);
    e->scan.expect = e->owner->next(&e->last, e->scan.expect);
}

void events_feed(struct events *e, const void *bytes, size_t len)
{
    struct span in = span_of(bytes, len);
    struct scan_ret ret;

    for (;;) {
        const uint8_t *before = in.at;

        switch (scan_next(&e->scan, &in, &ret)) {
        case SCAN_HEAD:
            take_head(e, &ret.head);
            break;
        case SCAN_DATA:
            assert(ret.data.len > 0 && ret.data.at == before);
            e->data_bytes += ret.data.len;
            hash_bytes(e, ret.data);
            break;
        case SCAN_END:
            take_end(e);
            break;
        case SCAN_MORE:
            assert(in.len == 0);
            return;
        case SCAN_LOST:
            e->lost = true;
            return;
        }
    }
}

static bool same_progress(const struct scan *a, const struct scan *b)
{
    uint64_t a_have, a_want, b_have, b_want;

    scan_progress(a, &a_have, &a_want);
    scan_progress(b, &b_have, &b_want);
    return a_have == b_have && a_want == b_want;
}

static bool same_loss(const struct scan_lost *a, const struct scan_lost *b)
{
    return a->frame == b->frame && a->field == b->field && a->at == b->at && a->got == b->got &&
           a->wanted == b->wanted && a->bits == b->bits && a->rule == b->rule;
}

bool events_equal(const struct events *a, const struct events *b)
{
    return a->heads == b->heads && a->ends == b->ends && a->data_bytes == b->data_bytes &&
           a->hash == b->hash && a->lost == b->lost && a->scan.at == b->scan.at &&
           same_progress(&a->scan, &b->scan) && same_loss(&a->scan.lost, &b->scan.lost);
}
