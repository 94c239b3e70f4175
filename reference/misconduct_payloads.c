/* SPDX-License-Identifier: MIT */
/* Requests whose length has 64 bits or is that of a payload, and what a server makes of them that does not
 * know how. */
#include "reference/misconduct_parts.h"

static bool has_payload(const struct reference_session *s, const struct request *r)
{
    return s->extended && (r->flags & NBD_CMD_FLAG_PAYLOAD_LEN);
}

/* A payload that the command does not take. */
static bool is_stray(const struct reference_session *s, const struct request *r)
{
    return has_payload(s, r) && r->type != NBD_CMD_WRITE && r->type != NBD_CMD_BLOCK_STATUS &&
           r->type != NBD_CMD_DISC;
}

static bool knows_filters(const struct reference_session *s)
{
    return s->flags & NBD_FLAG_BLOCK_STATUS_PAYLOAD;
}

static bool is_filter(const struct reference_session *s, const struct request *r)
{
    return has_payload(s, r) && r->type == NBD_CMD_BLOCK_STATUS;
}

static const struct {
    enum fault fault;
    uint16_t command;
} cut_rows[] = {
    { FAULT_EXTENDED_ZEROES_LENGTH_32_BITS, NBD_CMD_WRITE_ZEROES },
    { FAULT_EXTENDED_TRIM_LENGTH_32_BITS, NBD_CMD_TRIM },
    { FAULT_EXTENDED_CACHE_LENGTH_32_BITS, NBD_CMD_CACHE },
    { FAULT_EXTENDED_STATUS_LENGTH_32_BITS, NBD_CMD_BLOCK_STATUS },
    { FAULT_EXTENDED_READ_LENGTH_32_BITS, NBD_CMD_READ },
};

static void begin_effect(struct reference_session *s, struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);

    if (!rules || !rules->ranged)
        return;
    if (r->type != NBD_CMD_READ &&
        ((r->length > UINT32_MAX && fault_on(s, FAULT_EFFECT_FROM_4G_CLOSES)) ||
         (r->length > transmission_payload_max(s->export) && fault_on(s, FAULT_EFFECT_OVER_MAXIMUM_CLOSES))))
        s->over = true;
    for (size_t i = 0; i < COUNT(cut_rows); i++)
        if (fault_on(s, cut_rows[i].fault) && cut_rows[i].command == r->type)
            r->length &= UINT32_MAX;
}

static void begin_stray(struct reference_session *s, struct request *r)
{
    if (fault_on(s, FAULT_STRAY_PAYLOAD_NOT_SKIPPED))
        s->scan.body = 0;
    if (fault_on(s, FAULT_STRAY_PAYLOAD_CLOSES))
        s->over = true;
    if (fault_on(s, FAULT_STRAY_PAYLOAD_ACCEPTED))
        r->flags &= (uint16_t)~NBD_CMD_FLAG_PAYLOAD_LEN;
}

static void begin_unknown_filter(struct reference_session *s, struct request *r)
{
    if (fault_on(s, FAULT_FILTER_UNSUPPORTED_NOT_SKIPPED))
        s->scan.body = 0;
    if (fault_on(s, FAULT_FILTER_UNSUPPORTED_ACCEPTED))
        r->flags &= (uint16_t)~NBD_CMD_FLAG_PAYLOAD_LEN;
}

static void begin_compact(struct reference_session *s, struct request *r)
{
    if (!(r->flags & NBD_CMD_FLAG_PAYLOAD_LEN))
        return;
    if (fault_on(s, FAULT_COMPACT_PAYLOAD_FLAG_ACCEPTED))
        r->flags &= (uint16_t)~NBD_CMD_FLAG_PAYLOAD_LEN;
    if (fault_on(s, FAULT_COMPACT_PAYLOAD_FLAG_TAKES_DATA))
        s->scan.body = r->length;
}

void payloads_misconduct_begin(struct reference_session *s, struct request *r)
{
    if (!s->extended)
        begin_compact(s, r);
    else if (is_stray(s, r))
        begin_stray(s, r);
    else if (is_filter(s, r) && !knows_filters(s))
        begin_unknown_filter(s, r);
    else if (!has_payload(s, r))
        begin_effect(s, r);
}

/* What a filter asks for. */
struct asked {
    unsigned contexts; /* those of them that are selected */
    bool twice, unknown;
};

static struct asked asked_by(const struct reference_session *s)
{
    struct asked asked = { 0, false, false };
    struct status_filter filter;
    struct wire_flaw flaw;
    uint32_t id;

    filter_decode(buffer_span(&s->filter), &filter, &flaw);
    while (filter_next_context(&filter.contexts, &id)) {
        unsigned bit = 0;

        for (unsigned i = 0; i < CONTEXT_COUNT; i++)
            if ((s->contexts & 1u << i) && context_rows[i].id == id)
                bit = 1u << i;
        asked.unknown = asked.unknown || bit == 0;
        asked.twice = asked.twice || (asked.contexts & bit);
        asked.contexts |= bit;
    }
    return asked;
}

/* A filter is done though its contexts are not in order; the rest of the request is. */
static void accept(struct reference_session *s, const struct request *r, unsigned contexts)
{
    const char *why;

    if (contexts == 0 || transmission_check(s, r, &why) != 0)
        return;
    s->in.error = 0;
    s->in.contexts = contexts;
}

static void check_filter(struct reference_session *s, const struct request *r)
{
    struct asked asked = asked_by(s);

    if (asked.twice && fault_on(s, FAULT_FILTER_DUPLICATE_ACCEPTED))
        accept(s, r, asked.contexts);
    if (asked.unknown && fault_on(s, FAULT_FILTER_UNKNOWN_ACCEPTED))
        accept(s, r, asked.contexts);
    if ((asked.twice && fault_on(s, FAULT_FILTER_DUPLICATE_CLOSES)) ||
        (asked.unknown && fault_on(s, FAULT_FILTER_UNKNOWN_CLOSES)))
        s->over = true;
    if (s->in.error != 0)
        return;
    if (fault_on(s, FAULT_FILTER_REFUSED)) {
        s->in.error = NBD_EINVAL;
        s->in.why = "so it is decided";
    }
    if (fault_on(s, FAULT_FILTER_LENGTH_OF_PAYLOAD))
        s->in.request.length = s->in.head.body;
    if (fault_on(s, FAULT_FILTER_IGNORED))
        s->in.contexts = s->contexts;
    if (fault_on(s, FAULT_FILTER_LAST_ALONE))
        while (s->in.contexts & (s->in.contexts - 1))
            s->in.contexts &= s->in.contexts - 1;
}

void payloads_misconduct_checked(struct reference_session *s, const struct request *r)
{
    if (is_stray(s, r) && fault_on(s, FAULT_STRAY_PAYLOAD_EPERM))
        s->in.error = NBD_EPERM;
    if (s->extended && r->type == NBD_CMD_BLOCK_STATUS && r->length > store_size(s->export->store) &&
        s->in.error != 0 && fault_on(s, FAULT_EXTENDED_STATUS_BEYOND_EXPORT_EIO))
        s->in.error = NBD_EIO;
    if (is_filter(s, r) && knows_filters(s))
        check_filter(s, r);
}
