/* SPDX-License-Identifier: MIT */
/* Requests that are refused where they may be, or at which the connection is closed, and what others do.  A
 * row says which, and what becomes of them. */
#include "reference/manners_parts.h"

enum {
    READ_MAX = 1024 * 1024,
    DF_MAX = 64 * 1024,
    PAYLOAD_SAFE = 32 * 1024 * 1024, /* proto.md, "Size constraints": no denial of service */
};

enum outcome { REFUSED, GRANTED, CLOSED };

typedef bool condition(const struct reference_session *s, const struct request *r);

/* ---- when; s->in.error is what the server made of the request ---- */

static bool in_order(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return s->in.error == 0;
}

static bool writes(const struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);

    return s->in.error == 0 && rules && rules->writes;
}

static bool of_nothing(const struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);

    return s->in.error == 0 && rules && rules->ranged && r->length == 0;
}

static bool with_df_too_large(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && (r->flags & NBD_CMD_FLAG_DF) && r->length > DF_MAX;
}

static bool of_more_than_read_max(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && s->structured && r->length > READ_MAX;
}

/* Refused for nothing but its length, which several chunks can bring. */
static bool of_two_payloads(const struct reference_session *s, const struct request *r)
{
    return s->in.error == NBD_EOVERFLOW && !(r->flags & NBD_CMD_FLAG_DF) &&
           r->length <= REFERENCE_MAX_PAYLOAD;
}

static bool of_large_effect(const struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);

    return s->in.error == 0 && rules && rules->ranged && !rules->data && r->type != NBD_CMD_READ &&
           r->type != NBD_CMD_BLOCK_STATUS && r->length > transmission_payload_told(s);
}

static bool of_large_slow_effect(const struct reference_session *s, const struct request *r)
{
    return of_large_effect(s, r) && !(r->flags & NBD_CMD_FLAG_FAST_ZERO);
}

static bool with_fast_zero(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && (r->flags & NBD_CMD_FLAG_FAST_ZERO);
}

static bool at_times(const struct reference_session *s, const struct request *r)
{
    return with_fast_zero(s, r) && s->manners->fast_zeroes++ % 2 == 0;
}

static bool beyond_end(const struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);
    uint64_t size = store_size(s->export->store);

    return s->in.error != 0 && rules && rules->ranged && (r->offset > size || r->length > size - r->offset);
}

/* "a server that enforces stricter size constraints than the defaults MUST cleanly error commands" of clients
 * that did not negotiate sizes. */
static bool unaligned(const struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);
    uint32_t minimum = s->export->block_size.minimum;

    return s->in.error != 0 && rules && rules->ranged && minimum > 1 && s->manners->sizes_binding &&
           (r->offset % minimum != 0 || r->length % minimum != 0);
}

static bool of_unknown_command(const struct reference_session *s, const struct request *r)
{
    return !transmission_knows(s, r->type);
}

static bool with_wrong_flag(const struct reference_session *s, const struct request *r)
{
    struct request flagless = *r;
    const char *why;

    flagless.flags = 0;
    return s->in.error != 0 && r->flags != 0 && transmission_check(s, &flagless, &why) == 0;
}

static bool unselected(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return s->in.error != 0 && !s->context_of;
}

static bool of_large_payload(const struct reference_session *s, const struct request *r)
{
    return (r->type == NBD_CMD_WRITE || (r->type == NBD_CMD_READ && !s->structured)) &&
           r->length > PAYLOAD_SAFE;
}

/* "writing to an extent which has NBD_STATE_HOLE clear MUST NOT fail with NBD_ENOSPC" */
static bool tells_holes(const struct reference_session *s)
{
    return !odd(s, ODDITY_STATUS_ZERO) && !odd(s, ODDITY_STATUS_ZERO_ALONE) && !odd(s, ODDITY_STATUS_UNKNOWN);
}

static bool into_hole(const struct reference_session *s, const struct request *r)
{
    enum store_kind kind;

    return tells_holes(s) && s->in.error == 0 && r->length > 0 &&
           store_extent(s->export->store, r->offset, r->length, &kind) > 0 && kind == STORE_HOLE;
}

#define ANY UINT32_MAX

static const struct request_row {
    enum oddity oddity;
    uint32_t command;
    condition *when;
    enum outcome outcome;
    uint32_t error;
} rows[] = {
    { ODDITY_LARGE_PAYLOAD_CLOSES, ANY, of_large_payload, CLOSED, 0 },
    { ODDITY_OUT_OF_RANGE_CLOSES, ANY, beyond_end, CLOSED, 0 },
    { ODDITY_UNALIGNED_CLOSES, ANY, unaligned, CLOSED, 0 },
    { ODDITY_UNKNOWN_COMMAND_CLOSES, ANY, of_unknown_command, CLOSED, 0 },
    { ODDITY_UNKNOWN_FLAG_CLOSES, ANY, with_wrong_flag, CLOSED, 0 },
    { ODDITY_UNSELECTED_STATUS_CLOSES, NBD_CMD_BLOCK_STATUS, unselected, CLOSED, 0 },
    { ODDITY_WRITES_REFUSED, ANY, writes, REFUSED, NBD_EPERM },
    { ODDITY_NO_LENGTH_REFUSED, ANY, of_nothing, REFUSED, NBD_EINVAL },
    { ODDITY_LARGE_DF_READS_REFUSED, NBD_CMD_READ, with_df_too_large, REFUSED, NBD_EOVERFLOW },
    { ODDITY_LARGE_READS_REFUSED, NBD_CMD_READ, of_more_than_read_max, REFUSED, NBD_EOVERFLOW },
    { ODDITY_LARGE_READS_SPLIT, NBD_CMD_READ, of_two_payloads, GRANTED, 0 },
    { ODDITY_LARGE_EFFECTS_EOVERFLOW, ANY, of_large_slow_effect, REFUSED, NBD_EOVERFLOW },
    { ODDITY_LARGE_EFFECTS_EINVAL, ANY, of_large_effect, REFUSED, NBD_EINVAL },
    { ODDITY_FAST_ZERO_FAILS, NBD_CMD_WRITE_ZEROES, with_fast_zero, REFUSED, NBD_ENOTSUP },
    { ODDITY_FAST_ZERO_AT_TIMES, NBD_CMD_WRITE_ZEROES, at_times, REFUSED, NBD_ENOTSUP },
    { ODDITY_HOLES_FULL, NBD_CMD_WRITE, into_hole, REFUSED, NBD_ENOSPC },
    { ODDITY_CACHE_EIO, NBD_CMD_CACHE, in_order, REFUSED, NBD_EIO },
    { ODDITY_CACHE_FAILS, NBD_CMD_CACHE, in_order, REFUSED, NBD_EINVAL },
};

/* A payload that the command does not take should be read, and the request refused, whatever else is wrong
 * with it: proto-extended-headers.md, "Request message". */
static bool brings_payload(const struct reference_session *s, const struct request *r)
{
    return s->extended && r->type != NBD_CMD_WRITE && (r->flags & NBD_CMD_FLAG_PAYLOAD_LEN);
}

static void carry_out(struct reference_session *s, const struct request *r, const struct request_row *row)
{
    switch (row->outcome) {
    case REFUSED:
        s->in.error = row->error;
        s->in.why = "not in this house";
        break;
    case GRANTED:
        s->in.error = 0;
        break;
    case CLOSED:
        s->over = s->over || !brings_payload(s, r);
        break;
    }
}

/* NBD_CMD_CACHE was refused for nothing but that it is not advertised. */
static bool cache_works(const struct reference_session *s, const struct request *r)
{
    struct request read = { .type = NBD_CMD_READ, .flags = r->flags, .offset = r->offset };
    uint64_t size = store_size(s->export->store);
    const char *why;

    return odd(s, ODDITY_CACHE_UNADVERTISED) && r->type == NBD_CMD_CACHE &&
           !(s->export->without & NBD_FLAG_SEND_CACHE) && !(r->flags & NBD_CMD_FLAG_DF) &&
           transmission_check(s, &read, &why) == 0 && r->length <= size - r->offset;
}

void manners_checked(struct reference_session *s, const struct request *r)
{
    if (cache_works(s, r))
        s->in.error = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct request_row *row = &rows[i];

        if (!odd(s, row->oddity) || (row->command != ANY && row->command != r->type) || !row->when(s, r))
            continue;
        carry_out(s, r, row);
        return;
    }
}

/* ---- what requests do ---- */

static void scramble(struct reference_session *s, uint64_t offset, uint64_t length)
{
    uint8_t bytes[4096];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)manners_random(s, 256);
    for (uint64_t at = 0; at < length && at < DF_MAX; at += sizeof bytes) {
        size_t len = length - at < sizeof bytes ? (size_t)(length - at) : sizeof bytes;

        store_write(s->export->store, offset + at, span_of(bytes, len));
    }
}

static bool perform_trim(struct reference_session *s, const struct request *r)
{
    if (odd(s, ODDITY_TRIM_SCRAMBLES))
        scramble(s, r->offset, r->length);
    if (odd(s, ODDITY_TRIM_ZEROES) && !odd(s, ODDITY_TRIM_SCRAMBLES))
        store_zero(s->export->store, r->offset, r->length, false);
    return odd(s, ODDITY_TRIM_KEEPS) || odd(s, ODDITY_TRIM_SCRAMBLES) || odd(s, ODDITY_TRIM_ZEROES);
}

bool manners_perform(struct reference_session *s, const struct request *r)
{
    if (r->type == NBD_CMD_TRIM)
        return perform_trim(s, r);
    return r->type == NBD_CMD_WRITE_ZEROES && odd(s, ODDITY_ZEROES_ALLOCATED) &&
           store_zero(s->export->store, r->offset, r->length, true);
}
