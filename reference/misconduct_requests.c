/* SPDX-License-Identifier: MIT */
/* Requests that are refused, granted or passed over where they should not be.  A row says which, and what
 * becomes of them. */
#include "reference/misconduct_parts.h"

/* Linux has many errors; NBD knows eight. */
enum { NO_NBD_ERROR = 14 };

enum outcome {
    REFUSED, /* with the row's error */
    GRANTED, /* answered as if it had been done; it was not.  Not for requests that bring data */
    DONE,    /* done in spite of what is wrong with it */
    SILENT,  /* never answered */
    CLOSED,  /* the connection is closed at once */
    SKIPPED, /* WRITE: its data stay in the stream; the request is refused as it should be */
    WAITING, /* data are taken to follow, as many as its length */
};

typedef bool condition(const struct reference_session *s, const struct request *r);

/* ---- when; s->in.error is what the server made of the request ---- */

static bool always(const struct reference_session *s, const struct request *r)
{
    (void)s;
    (void)r;
    return true;
}

static bool in_order(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return s->in.error == 0;
}

static bool refused(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return s->in.error != 0;
}

static bool simple(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return !s->structured;
}

static bool ends_beyond(const struct reference_session *s, const struct request *r)
{
    uint64_t size = store_size(s->export->store);

    return r->offset > size || r->length > size - r->offset;
}

static bool beyond_end(const struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);

    return s->in.error != 0 && rules && rules->ranged && !(rules->writes && s->export->read_only) &&
           ends_beyond(s, r);
}

static bool read_only(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return s->in.error == NBD_EPERM;
}

static bool of_nothing(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->length == 0;
}

static bool with_fua(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && (r->flags & NBD_CMD_FLAG_FUA);
}

static bool with_no_hole(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && (r->flags & NBD_CMD_FLAG_NO_HOLE);
}

static bool with_fast_zero(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && (r->flags & NBD_CMD_FLAG_FAST_ZERO);
}

static bool plain(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && !(r->flags & NBD_CMD_FLAG_FAST_ZERO);
}

static bool unknown(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return !command_rules_of(r->type);
}

/* Only its flags are wrong with the request. */
static bool flags_alone(const struct reference_session *s, const struct request *r)
{
    struct request flagless = *r;
    const char *why;

    flagless.flags = 0;
    return s->in.error != 0 && transmission_check(s, &flagless, &why) == 0;
}

enum { FLAGS_KNOWN = 0x1f };

static bool unknown_flag(const struct reference_session *s, const struct request *r)
{
    return flags_alone(s, r) && (r->flags & ~FLAGS_KNOWN);
}

static bool inapplicable_flag(const struct reference_session *s, const struct request *r)
{
    return flags_alone(s, r) && (r->flags & FLAGS_KNOWN);
}

static bool unselected(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return !s->context_of;
}

static bool df_of_64k(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && (r->flags & NBD_CMD_FLAG_DF) && r->length > 32768;
}

static bool at_told_maximum(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && s->misconduct->block_size_told &&
           r->length == transmission_payload_max(s->export);
}

static bool at_default_maximum(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && r->length > 16777216;
}

static bool cookie_zero(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && r->cookie == 0;
}

static bool cookie_ones(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->cookie == UINT64_MAX;
}

static bool length_negative_and_beyond(const struct reference_session *s, const struct request *r)
{
    return s->in.error != 0 && r->length > INT32_MAX;
}

static bool length_negative(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && r->length > INT32_MAX;
}

/* ---- block sizes ---- */

static bool is_misaligned(const struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);
    uint32_t minimum = s->export->block_size.minimum;

    return rules && rules->ranged && minimum > 1 && (r->offset % minimum != 0 || r->length % minimum != 0);
}

static bool refused_for_alignment(const struct reference_session *s, const struct request *r)
{
    return s->in.error == NBD_EINVAL && is_misaligned(s, r) && !ends_beyond(s, r);
}

static bool misaligned_untold(const struct reference_session *s, const struct request *r)
{
    return refused_for_alignment(s, r) && !s->misconduct->block_size_told;
}

static bool one_minimum(const struct reference_session *s, const struct request *r)
{
    const struct wire_info_block_size *sizes = &s->export->block_size;

    return s->in.error == 0 && s->misconduct->block_size_told && sizes->minimum > 1 &&
           r->length == sizes->minimum && r->offset % sizes->preferred != 0;
}

static bool off_sectors_untold(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && !s->misconduct->block_size_told &&
           (r->offset % 512 != 0 || r->length % 512 != 0);
}

static bool over_maximum(const struct reference_session *s, const struct request *r)
{
    return !s->extended && r->length > transmission_payload_max(s->export) && r->length <= 1 << 25;
}

static bool of_long_effect(const struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);

    return !s->extended && rules && rules->ranged && !rules->data && r->type != NBD_CMD_READ &&
           r->length > transmission_payload_max(s->export);
}

static bool of_longest(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->length == UINT32_MAX;
}

static bool over_16m(const struct reference_session *s, const struct request *r)
{
    (void)s;
    return r->length > 16777216;
}

static bool up_to_the_end(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && r->length > 0 && r->offset + r->length == store_size(s->export->store);
}

static bool beyond_other_size(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && s->misconduct->other_size_told &&
           r->offset + r->length > s->misconduct->other_size;
}

static bool with_payload_len(const struct reference_session *s, const struct request *r)
{
    return !s->extended && (r->flags & NBD_CMD_FLAG_PAYLOAD_LEN);
}

static bool in_shutdown(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && r->type != NBD_CMD_DISC && s->misconduct->shutting_down;
}

static bool after_failed_cache(const struct reference_session *s, const struct request *r)
{
    (void)r;
    return s->in.error == 0 && s->misconduct->cache_failed;
}

static bool within_small(const struct reference_session *s, const struct request *r)
{
    return s->in.error == 0 && r->length <= 1024;
}

#define ANY UINT32_MAX

static const struct request_fault {
    enum fault fault;
    uint32_t command;
    condition *when;
    enum outcome outcome;
    uint32_t error;
} rows[] = {
    /* commands and flags that are advertised */
    { FAULT_FLUSH_UNKNOWN, NBD_CMD_FLUSH, always, REFUSED, NBD_EINVAL },
    { FAULT_TRIM_UNKNOWN, NBD_CMD_TRIM, always, REFUSED, NBD_EINVAL },
    { FAULT_WRITE_ZEROES_UNKNOWN, NBD_CMD_WRITE_ZEROES, always, REFUSED, NBD_EINVAL },
    { FAULT_NO_HOLE_REFUSED, NBD_CMD_WRITE_ZEROES, with_no_hole, REFUSED, NBD_EINVAL },
    { FAULT_WRITE_FUA_REFUSED, NBD_CMD_WRITE, with_fua, REFUSED, NBD_EINVAL },
    { FAULT_WRITE_ZEROES_FUA_REFUSED, NBD_CMD_WRITE_ZEROES, with_fua, REFUSED, NBD_EINVAL },
    { FAULT_TRIM_FUA_REFUSED, NBD_CMD_TRIM, with_fua, REFUSED, NBD_EINVAL },
    { FAULT_READ_FUA_REFUSED, NBD_CMD_READ, with_fua, REFUSED, NBD_EINVAL },
    { FAULT_FLUSH_FUA_REFUSED, NBD_CMD_FLUSH, with_fua, REFUSED, NBD_EINVAL },
    { FAULT_CACHE_FUA_REFUSED, NBD_CMD_CACHE, with_fua, REFUSED, NBD_EINVAL },
    { FAULT_BLOCK_STATUS_FUA_REFUSED, NBD_CMD_BLOCK_STATUS, with_fua, REFUSED, NBD_EINVAL },
    { FAULT_FAST_ZERO_REFUSED, NBD_CMD_WRITE_ZEROES, with_fast_zero, REFUSED, NBD_EINVAL },
    { FAULT_DF_64K_REFUSED, NBD_CMD_READ, df_of_64k, REFUSED, NBD_EOVERFLOW },
    { FAULT_MAXIMUM_READ_REFUSED, NBD_CMD_READ, at_told_maximum, REFUSED, NBD_EINVAL },
    { FAULT_MAXIMUM_WRITE_REFUSED, NBD_CMD_WRITE, at_told_maximum, REFUSED, NBD_EINVAL },
    { FAULT_DEFAULT_MAXIMUM_READ_REFUSED, NBD_CMD_READ, at_default_maximum, REFUSED, NBD_EINVAL },
    { FAULT_DEFAULT_MAXIMUM_WRITE_REFUSED, NBD_CMD_WRITE, at_default_maximum, REFUSED, NBD_EINVAL },

    /* block sizes */
    { FAULT_MINIMUM_READ_REFUSED, NBD_CMD_READ, one_minimum, REFUSED, NBD_EINVAL },
    { FAULT_MINIMUM_WRITE_REFUSED, NBD_CMD_WRITE, one_minimum, REFUSED, NBD_EINVAL },
    { FAULT_UNALIGNED_READ_GRANTED, NBD_CMD_READ, refused_for_alignment, DONE, 0 },
    { FAULT_UNALIGNED_READ_EIO, NBD_CMD_READ, refused_for_alignment, REFUSED, NBD_EIO },
    { FAULT_UNALIGNED_WRITE_GRANTED, NBD_CMD_WRITE, refused_for_alignment, DONE, 0 },
    { FAULT_UNALIGNED_WRITE_EIO, NBD_CMD_WRITE, refused_for_alignment, REFUSED, NBD_EIO },
    { FAULT_UNALIGNED_TRIM_GRANTED, NBD_CMD_TRIM, refused_for_alignment, DONE, 0 },
    { FAULT_UNALIGNED_WRITE_ZEROES_GRANTED, NBD_CMD_WRITE_ZEROES, refused_for_alignment, DONE, 0 },
    { FAULT_UNALIGNED_CACHE_GRANTED, NBD_CMD_CACHE, refused_for_alignment, DONE, 0 },
    { FAULT_UNALIGNED_BLOCK_STATUS_GRANTED, NBD_CMD_BLOCK_STATUS, refused_for_alignment, DONE, 0 },
    { FAULT_UNTOLD_UNALIGNED_CLOSES, ANY, misaligned_untold, CLOSED, 0 },
    { FAULT_UNTOLD_WRITE_ROUNDED, NBD_CMD_WRITE, misaligned_untold, DONE, 0 },
    { FAULT_UNTOLD_UNALIGNED_REFUSED, ANY, off_sectors_untold, REFUSED, NBD_EINVAL },
    { FAULT_OVER_MAXIMUM_READ_CLOSES, NBD_CMD_READ, over_maximum, CLOSED, 0 },
    { FAULT_OVER_MAXIMUM_WRITE_CLOSES, NBD_CMD_WRITE, over_maximum, CLOSED, 0 },
    { FAULT_OVER_16M_CLOSES, NBD_CMD_WRITE, over_16m, CLOSED, 0 },
    { FAULT_LONG_EFFECT_CLOSES, ANY, of_long_effect, CLOSED, 0 },
    { FAULT_LONGEST_STATUS_CLOSES, NBD_CMD_BLOCK_STATUS, of_longest, CLOSED, 0 },
    { FAULT_LAST_BLOCK_READ_REFUSED, NBD_CMD_READ, up_to_the_end, REFUSED, NBD_EINVAL },
    { FAULT_SIZE_OF_OTHER_EXPORT, ANY, beyond_other_size, REFUSED, NBD_EINVAL },

    /* what everybody has */
    { FAULT_READ_UNKNOWN, NBD_CMD_READ, always, REFUSED, NBD_EINVAL },
    { FAULT_WRITE_UNKNOWN, NBD_CMD_WRITE, always, REFUSED, NBD_EINVAL },
    { FAULT_SIMPLE_READ_REFUSED, NBD_CMD_READ, simple, REFUSED, NBD_EINVAL },

    /* read-only exports */
    { FAULT_READ_ONLY_WRITE_GRANTED, NBD_CMD_WRITE, read_only, GRANTED, 0 },
    { FAULT_READ_ONLY_WRITE_ZEROES_GRANTED, NBD_CMD_WRITE_ZEROES, read_only, GRANTED, 0 },
    { FAULT_READ_ONLY_TRIM_GRANTED, NBD_CMD_TRIM, read_only, GRANTED, 0 },
    { FAULT_READ_ONLY_WRITE_EINVAL, NBD_CMD_WRITE, read_only, REFUSED, NBD_EINVAL },
    { FAULT_READ_ONLY_WRITE_ZEROES_EINVAL, NBD_CMD_WRITE_ZEROES, read_only, REFUSED, NBD_EINVAL },
    { FAULT_READ_ONLY_TRIM_EINVAL, NBD_CMD_TRIM, read_only, REFUSED, NBD_EINVAL },

    /* beyond the end */
    { FAULT_BEYOND_END_EIO, ANY, beyond_end, REFUSED, NBD_EIO },
    { FAULT_WRITE_BEYOND_END_EIO, NBD_CMD_WRITE, beyond_end, REFUSED, NBD_EIO },
    { FAULT_WRITE_BEYOND_END_GRANTED, NBD_CMD_WRITE, beyond_end, GRANTED, 0 },
    { FAULT_WRITE_BEYOND_END_EOVERFLOW, NBD_CMD_WRITE, beyond_end, REFUSED, NBD_EOVERFLOW },
    { FAULT_WRITE_BEYOND_END_NOT_DRAINED, NBD_CMD_WRITE, beyond_end, SKIPPED, 0 },
    { FAULT_WRITE_ZEROES_BEYOND_END_EIO, NBD_CMD_WRITE_ZEROES, beyond_end, REFUSED, NBD_EIO },
    { FAULT_WRITE_ZEROES_BEYOND_END_GRANTED, NBD_CMD_WRITE_ZEROES, beyond_end, GRANTED, 0 },
    { FAULT_READ_BEYOND_END_EIO, NBD_CMD_READ, beyond_end, REFUSED, NBD_EIO },
    { FAULT_READ_BEYOND_END_UNLISTED, NBD_CMD_READ, beyond_end, REFUSED, NO_NBD_ERROR },
    { FAULT_TRIM_BEYOND_END_EIO, NBD_CMD_TRIM, beyond_end, REFUSED, NBD_EIO },
    { FAULT_TRIM_BEYOND_END_GRANTED, NBD_CMD_TRIM, beyond_end, GRANTED, 0 },
    { FAULT_CACHE_BEYOND_END_EIO, NBD_CMD_CACHE, beyond_end, REFUSED, NBD_EIO },
    { FAULT_CACHE_BEYOND_END_GRANTED, NBD_CMD_CACHE, beyond_end, GRANTED, 0 },
    { FAULT_BLOCK_STATUS_BEYOND_END_EIO, NBD_CMD_BLOCK_STATUS, beyond_end, REFUSED, NBD_EIO },

    /* numbers */
    { FAULT_LENGTH_NEGATIVE_GRANTED, NBD_CMD_TRIM, length_negative_and_beyond, GRANTED, 0 },
    { FAULT_LENGTH_NEGATIVE_GRANTED, NBD_CMD_WRITE_ZEROES, length_negative_and_beyond, GRANTED, 0 },
    { FAULT_LENGTH_NEGATIVE_GRANTED, NBD_CMD_CACHE, length_negative_and_beyond, GRANTED, 0 },
    { FAULT_LENGTH_SIGNED_REFUSED, NBD_CMD_TRIM, length_negative, REFUSED, NBD_EIO },
    { FAULT_LENGTH_SIGNED_REFUSED, NBD_CMD_WRITE_ZEROES, length_negative, REFUSED, NBD_EIO },
    { FAULT_LENGTH_SIGNED_REFUSED, NBD_CMD_CACHE, length_negative, REFUSED, NBD_EIO },
    { FAULT_LENGTH_SIGNED_REFUSED, NBD_CMD_BLOCK_STATUS, length_negative, REFUSED, NBD_EIO },
    { FAULT_COOKIE_ZERO_REFUSED, ANY, cookie_zero, REFUSED, NBD_EINVAL },
    { FAULT_COOKIE_ALL_ONES_CLOSES, ANY, cookie_ones, CLOSED, 0 },

    /* nothing to do */
    { FAULT_READ_OF_NOTHING_CLOSES, NBD_CMD_READ, of_nothing, CLOSED, 0 },
    { FAULT_WRITE_OF_NOTHING_CLOSES, NBD_CMD_WRITE, of_nothing, CLOSED, 0 },
    { FAULT_TRIM_OF_NOTHING_CLOSES, NBD_CMD_TRIM, of_nothing, CLOSED, 0 },
    { FAULT_WRITE_ZEROES_OF_NOTHING_CLOSES, NBD_CMD_WRITE_ZEROES, of_nothing, CLOSED, 0 },
    { FAULT_BLOCK_STATUS_OF_NOTHING_CLOSES, NBD_CMD_BLOCK_STATUS, of_nothing, CLOSED, 0 },

    /* unknown commands and flags */
    { FAULT_UNKNOWN_COMMAND_EPERM, ANY, unknown, REFUSED, NBD_EPERM },
    { FAULT_UNKNOWN_COMMAND_ENOTSUP, ANY, unknown, REFUSED, NBD_ENOTSUP },
    { FAULT_RESIZE_GRANTED, NBD_CMD_RESIZE, always, GRANTED, 0 },
    { FAULT_UNKNOWN_COMMAND_GRANTED, ANY, unknown, GRANTED, 0 },
    { FAULT_UNKNOWN_COMMAND_UNANSWERED, ANY, unknown, SILENT, 0 },
    { FAULT_UNKNOWN_FLAG_IGNORED, ANY, unknown_flag, DONE, 0 },
    { FAULT_UNKNOWN_FLAG_EPERM, ANY, unknown_flag, REFUSED, NBD_EPERM },
    { FAULT_INAPPLICABLE_FLAG_IGNORED, ANY, inapplicable_flag, DONE, 0 },
    { FAULT_INAPPLICABLE_FLAG_EPERM, ANY, inapplicable_flag, REFUSED, NBD_EPERM },
    { FAULT_PAYLOAD_LEN_OBEYED, ANY, with_payload_len, SILENT, 0 },
    { FAULT_CACHE_FLAGS_IGNORED, NBD_CMD_CACHE, flags_alone, DONE, 0 },
    { FAULT_REFUSED_WRITE_NOT_DRAINED, NBD_CMD_WRITE, refused, SKIPPED, 0 },
    { FAULT_BLOCK_STATUS_UNKNOWN, NBD_CMD_BLOCK_STATUS, in_order, REFUSED, NBD_EINVAL },
    { FAULT_UNSELECTED_BLOCK_STATUS_EIO, NBD_CMD_BLOCK_STATUS, unselected, REFUSED, NBD_EIO },

    /* errors that are kept for something else */
    { FAULT_TRIM_ENOTSUP, NBD_CMD_TRIM, in_order, REFUSED, NBD_ENOTSUP },
    { FAULT_FLUSH_EOVERFLOW, NBD_CMD_FLUSH, in_order, REFUSED, NBD_EOVERFLOW },
    { FAULT_WRITE_ZEROES_ENOTSUP, NBD_CMD_WRITE_ZEROES, plain, REFUSED, NBD_ENOTSUP },
    { FAULT_FAST_ZERO_EOVERFLOW, NBD_CMD_WRITE_ZEROES, with_fast_zero, REFUSED, NBD_EOVERFLOW },
    { FAULT_FAST_ZERO_ENOTSUP_ALTERS, NBD_CMD_WRITE_ZEROES, with_fast_zero, REFUSED, NBD_ENOTSUP },
    { FAULT_FAST_ZERO_UNADVERTISED_ENOTSUP, NBD_CMD_WRITE_ZEROES, with_fast_zero, REFUSED, NBD_ENOTSUP },
    { FAULT_FAST_ZERO_UNADVERTISED_EPERM, NBD_CMD_WRITE_ZEROES, with_fast_zero, REFUSED, NBD_EPERM },

    { FAULT_FAST_ZERO_EINVAL, NBD_CMD_WRITE_ZEROES, with_fast_zero, REFUSED, NBD_EINVAL },
    { FAULT_CACHE_ENOMEM, NBD_CMD_CACHE, in_order, REFUSED, NBD_ENOMEM },
    { FAULT_READ_AFTER_FAILED_CACHE_REFUSED, NBD_CMD_READ, after_failed_cache, REFUSED, NBD_EINVAL },
    { FAULT_SHUTDOWN_EIO, ANY, in_shutdown, REFUSED, NBD_EIO },
    { FAULT_SHUTDOWN_EIO, NBD_CMD_CACHE, in_order, REFUSED, NBD_ESHUTDOWN },
    { FAULT_SHUTDOWN_NOT_DRAINED, NBD_CMD_CACHE, in_order, REFUSED, NBD_ESHUTDOWN },
    { FAULT_ZEROES_WITH_PAYLOAD, NBD_CMD_WRITE_ZEROES, within_small, WAITING, 0 },

    /* requests that are in order, and are not answered */
    { FAULT_FLUSH_UNANSWERED, NBD_CMD_FLUSH, simple, SILENT, 0 },
    { FAULT_WRITE_ZEROES_UNANSWERED, NBD_CMD_WRITE_ZEROES, simple, SILENT, 0 },
    { FAULT_CACHE_UNANSWERED, NBD_CMD_CACHE, simple, SILENT, 0 },
    { FAULT_FLUSH_CLOSES, NBD_CMD_FLUSH, in_order, CLOSED, 0 },
    { FAULT_WRITE_ZEROES_CLOSES, NBD_CMD_WRITE_ZEROES, in_order, CLOSED, 0 },
};

/* What becomes of offsets when nobody looks how large they are. */
void requests_misconduct_begin(struct reference_session *s, struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);
    uint64_t size = store_size(s->export->store);

    if (!rules || !rules->ranged)
        return;
    if (fault_on(s, FAULT_OFFSET_WRAPS) && r->length > UINT64_MAX - r->offset)
        r->offset = 0;
    if (fault_on(s, FAULT_OFFSET_NEGATIVE_IS_START) && r->offset > INT64_MAX)
        r->offset = 0;
    if (fault_on(s, FAULT_READ_SHIFTED) && r->type == NBD_CMD_READ && !s->structured && r->offset < size &&
        r->length < size - r->offset)
        r->offset++;
    if (fault_on(s, FAULT_WRITE_OFFSET_32_BITS) && r->type == NBD_CMD_WRITE)
        r->offset &= UINT32_MAX;
    if (fault_on(s, FAULT_UNTOLD_WRITE_ROUNDED) && r->type == NBD_CMD_WRITE && is_misaligned(s, r) &&
        !s->misconduct->block_size_told)
        r->offset -= r->offset % s->export->block_size.minimum;
}

static void carry_out(struct reference_session *s, const struct request *r, const struct request_fault *row)
{
    switch (row->outcome) {
    case REFUSED:
        s->in.error = row->error;
        s->in.why = "so it is decided";
        s->misconduct->shutting_down = s->misconduct->shutting_down || row->error == NBD_ESHUTDOWN;
        break;
    case GRANTED:
        s->misconduct->pretend = true;
        break;
    case DONE:
        s->in.error = 0;
        break;
    case SILENT:
        s->misconduct->silent = true;
        break;
    case CLOSED:
        s->over = true;
        break;
    case SKIPPED:
        s->scan.body = 0;
        break;
    case WAITING:
        s->scan.body = r->length;
        break;
    }
}

void requests_misconduct_checked(struct reference_session *s, const struct request *r)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct request_fault *row = &rows[i];

        if (!fault_on(s, row->fault) || (row->command != ANY && row->command != r->type) || !row->when(s, r))
            continue;
        carry_out(s, r, row);
        return;
    }
}

/* Makes a byte another one, however often. */
static void flip_byte(struct reference_session *s, uint64_t offset)
{
    uint8_t byte;

    store_read(s->export->store, offset, &byte, 1);
    byte ^= 0x21;
    store_write(s->export->store, offset, span_of(&byte, 1));
}

void requests_misconduct_answers(struct reference_session *s, const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);
    bool fits = !ends_beyond(s, r) && r->length > 0;

    if (s->misconduct->pretend)
        s->in.error = 0;
    if (r->type == NBD_CMD_CACHE && s->in.error != 0)
        s->misconduct->cache_failed = true;
    if (fits && s->in.error == NBD_ENOTSUP && r->type == NBD_CMD_WRITE_ZEROES &&
        fault_on(s, FAULT_FAST_ZERO_ENOTSUP_ALTERS))
        store_zero(s->export->store, r->offset, r->length, false);
    if (fits && s->in.error == NBD_EPERM && r->type == NBD_CMD_WRITE &&
        fault_on(s, FAULT_READ_ONLY_WRITE_ALTERS))
        flip_byte(s, r->offset);
    if (misaligned_untold(s, r) && r->length > 0 && rules && rules->writes &&
        fault_on(s, FAULT_UNTOLD_REFUSED_ALTERS))
        flip_byte(s, r->offset);
}

/* What was answered before, and not yet sent, is forgotten, and nothing more is said. */
void requests_misconduct_answered(struct reference_session *s, const struct request *r, size_t start)
{
    if (r->type != NBD_CMD_CACHE || s->in.error != NBD_ESHUTDOWN || !fault_on(s, FAULT_SHUTDOWN_NOT_DRAINED))
        return;
    if (start > s->sent)
        edit_cut(s, s->sent, start - s->sent);
    s->over = true;
}

bool requests_misconduct_disc(struct reference_session *s)
{
    if (fault_on(s, FAULT_DISC_ANSWERED))
        answer_done(s, &s->in.request);
    return fault_on(s, FAULT_DISC_STAYS_OPEN);
}
