/* SPDX-License-Identifier: MIT */
/* How requests are answered: into which chunks a READ is cut and in which order they come, what errors bring
 * along, which extents are told. */
#include <stdlib.h>

#include "base/memory.h"
#include "reference/manners_parts.h"

enum {
    GRANULE = 512,
    PIECE_DEFAULT = 32768,
    PIECE_RANDOM_MAX = 65536,
    STATUS_MAX = 65536,
    PIECES_MOST = 512
};

/* ---- READ ---- */

struct piece {
    uint64_t offset;
    uint32_t length;
    bool hole;
};

struct pieces {
    struct piece *at;
    size_t count;
};

/* Content chunks end at multiples of this; 0: they reach as far as the whole. */
static uint64_t piece_size(struct reference_session *s)
{
    if (odd(s, ODDITY_READ_CHUNKS_512))
        return GRANULE;
    if (odd(s, ODDITY_READ_CHUNKS_4096))
        return 4096;
    if (odd(s, ODDITY_READ_CHUNKS_RANDOM))
        return (1 + manners_random(s, PIECE_RANDOM_MAX / GRANULE)) * GRANULE;
    if (odd(s, ODDITY_READ_IN_ONE_CHUNK))
        return 0;
    return PIECE_DEFAULT;
}

/* Whether all of a piece reads as zero, as far as the server looks. */
static bool is_hole(const struct reference_session *s, uint64_t offset, uint32_t length)
{
    uint8_t bytes[GRANULE];

    if (answer_zeroes(s->export->store, offset, length) == length)
        return true;
    if (!odd(s, ODDITY_READ_HOLES_FOUND))
        return false;
    for (uint32_t at = 0; at < length;) {
        uint32_t some = length - at < GRANULE ? length - at : GRANULE;

        store_read(s->export->store, offset + at, bytes, some);
        for (uint32_t i = 0; i < some; i++)
            if (bytes[i] != 0)
                return false;
        at += some;
    }
    return true;
}

static struct pieces cut(struct reference_session *s, const struct request *r)
{
    uint64_t offset = r->offset, end = r->offset + r->length;
    bool whole = r->flags & NBD_CMD_FLAG_DF;
    unsigned coarser = 0; /* millions of chunks would show nothing more, and take their time */
    struct pieces pieces = { memory_take(((size_t)r->length / GRANULE + 2) * sizeof *pieces.at), 0 };

    while (((uint64_t)GRANULE << coarser) * PIECES_MOST < r->length)
        coarser++;
    while (offset < end) {
        uint64_t size = whole ? 0 : piece_size(s) << coarser;
        uint64_t until = size == 0 ? end : offset - offset % size + size;
        struct piece piece = { offset, (uint32_t)((until < end ? until : end) - offset), false };

        piece.hole = !odd(s, ODDITY_READ_IN_ONE_CHUNK) && is_hole(s, piece.offset, piece.length);
        pieces.at[pieces.count++] = piece;
        offset += piece.length;
    }
    return pieces;
}

static void swap(struct piece *a, struct piece *b)
{
    struct piece kept = *a;

    *a = *b;
    *b = kept;
}

static void put_in_order(struct reference_session *s, struct pieces pieces)
{
    if (odd(s, ODDITY_READ_CHUNKS_REVERSED))
        for (size_t i = 0; i < pieces.count / 2; i++)
            swap(&pieces.at[i], &pieces.at[pieces.count - 1 - i]);
    if (odd(s, ODDITY_READ_CHUNKS_SHUFFLED))
        for (size_t i = pieces.count; i > 1; i--)
            swap(&pieces.at[i - 1], &pieces.at[manners_random(s, i)]);
}

/* last: the reply ends with the last piece. */
static void send_pieces(struct reference_session *s, const struct request *r, struct pieces pieces, bool last)
{
    for (size_t i = 0; i < pieces.count; i++) {
        const struct piece *piece = &pieces.at[i];
        uint16_t flags = last && i == pieces.count - 1 ? NBD_REPLY_FLAG_DONE : 0;

        if (piece->hole)
            answer_hole_chunk(s, answer_to(s, r), flags, piece->offset, piece->length);
        else
            answer_data_chunk(s, answer_to(s, r), flags, piece->offset, piece->length);
    }
}

static void send_content(struct reference_session *s, const struct request *r, bool last)
{
    struct pieces pieces = cut(s, r);

    put_in_order(s, pieces);
    send_pieces(s, r, pieces, last);
    free(pieces.at);
}

static bool cuts(const struct reference_session *s)
{
    static const enum oddity oddities[] = {
        ODDITY_READ_IN_ONE_CHUNK,  ODDITY_READ_CHUNKS_512,      ODDITY_READ_CHUNKS_4096,
        ODDITY_READ_CHUNKS_RANDOM, ODDITY_READ_CHUNKS_REVERSED, ODDITY_READ_CHUNKS_SHUFFLED,
        ODDITY_READ_HOLES_FOUND,   ODDITY_READ_NONE_LAST,       ODDITY_CHUNKS_INTERLEAVED,
    };

    for (size_t i = 0; i < COUNT(oddities); i++)
        if (odd(s, oddities[i]))
            return true;
    return false;
}

/* A payload of more than the maximum is left to the usual way, which stays below it in every chunk. */
bool manners_read(struct reference_session *s, const struct request *r)
{
    bool none = odd(s, ODDITY_READ_NONE_LAST);

    if (!s->structured || !cuts(s) || r->length == 0 || r->length > transmission_payload_max(s->export))
        return false;
    send_content(s, r, !none);
    if (none)
        answer_none(s, r);
    return true;
}

/* ---- errors, and no data ---- */

static bool has_range(const struct request *r)
{
    const struct command_rules *rules = command_rules_of(r->type);

    return rules && rules->ranged && r->length > 0;
}

/* Of a READ, how much there is before the export ends. */
static uint64_t before_end(const struct reference_session *s, const struct request *r)
{
    uint64_t size = store_size(s->export->store);

    return r->offset >= size ? 0 : r->length < size - r->offset ? r->length : size - r->offset;
}

/* Where in a request's range its error is. */
static uint64_t place_of(const struct reference_session *s, const struct request *r)
{
    uint64_t there = before_end(s, r);

    return there < r->length ? r->offset + there : r->offset;
}

/* place: where the error is; NULL: that is not told */
static void put_error(struct reference_session *s, const struct request *r, uint16_t flags,
                      const uint64_t *place, uint32_t error, const char *why)
{
    struct chunk_to to = answer_to(s, r);
    struct span message = span_text(why);
    size_t start = s->output.len;
    size_t body = WIRE_SIZE_chunk_error + (place ? sizeof *place : 0);
    struct wire_out out = answer_room(s, chunk_header_size(to) + body + message.len);

    if (place)
        chunk_put_error_offset(&out, flags, to, error, message, *place);
    else
        chunk_put_error(&out, flags, to, error, message);
    answer_put_chunk(s, start);
}

/* A READ that begins within the export, and ends beyond it. */
static bool is_half_there(const struct reference_session *s, const struct request *r)
{
    uint64_t there = before_end(s, r);

    return r->type == NBD_CMD_READ && s->in.error == NBD_EINVAL && there > 0 && there < r->length &&
           there <= transmission_payload_max(s->export) && !(r->flags & NBD_CMD_FLAG_DF);
}

static void send_half(struct reference_session *s, const struct request *r, bool last)
{
    struct request half = *r;

    half.length = before_end(s, r);
    send_content(s, &half, last);
}

/* Of the errors of a range, told one by one, the last one. */
static bool has_another_place(const struct request *r, uint64_t place, uint64_t *ret)
{
    if (!has_range(r) || r->length - 1 > UINT64_MAX - r->offset)
        return false;
    *ret = r->offset + (r->length - 1);
    return *ret != place;
}

bool manners_error(struct reference_session *s, const struct request *r, uint32_t error, const char *why)
{
    bool half = is_half_there(s, r);
    bool before = half && odd(s, ODDITY_READ_BEFORE_ERROR);
    bool after = half && odd(s, ODDITY_READ_AFTER_ERROR) && !before;
    bool several = odd(s, ODDITY_ERRORS_SEVERAL) && has_range(r);
    bool with_offset = (odd(s, ODDITY_ERRORS_WITH_OFFSET) && has_range(r)) || before || after || several;
    bool none = odd(s, ODDITY_ERRORS_THEN_NONE);
    uint64_t place = place_of(s, r), another;

    if (!s->structured) {
        s->over = s->over || (r->type == NBD_CMD_READ && odd(s, ODDITY_FAILED_READ_CLOSES));
        return false;
    }
    if (odd(s, ODDITY_ERRORS_BARE))
        why = "";
    else if (odd(s, ODDITY_ERRORS_LONG))
        why = s->manners->long_message;
    if (before)
        send_half(s, r, false);
    if (several && has_another_place(r, place, &another))
        put_error(s, r, 0, &another, error, why);
    put_error(s, r, none || after ? 0 : NBD_REPLY_FLAG_DONE, with_offset ? &place : NULL, error, why);
    if (after)
        send_half(s, r, !none);
    if (none)
        answer_none(s, r);
    return true;
}

bool manners_done(struct reference_session *s, const struct request *r)
{
    if (!s->structured || s->extended || r->type == NBD_CMD_READ || !odd(s, ODDITY_SIMPLE_WITHOUT_DATA))
        return false;
    answer_simple(s, r->cookie, 0);
    return true;
}

/* ---- BLOCK_STATUS ---- */

static uint64_t told_as(const struct reference_session *s, uint64_t status)
{
    if (odd(s, ODDITY_STATUS_ZERO))
        return 0;
    if (odd(s, ODDITY_STATUS_HOLE_ALONE) && (status & NBD_STATE_HOLE))
        return NBD_STATE_HOLE;
    if (odd(s, ODDITY_STATUS_HOLE_EVERYWHERE))
        return status | NBD_STATE_HOLE;
    if (odd(s, ODDITY_STATUS_ZERO_ALONE))
        return status & NBD_STATE_ZERO;
    return status;
}

/* Neighbours that have become equal are one. */
static size_t merge(struct wire_extended_extent *extents, size_t count)
{
    size_t merged = 0;

    for (size_t i = 1; i < count; i++)
        if (extents[i].flags == extents[merged].flags)
            extents[merged].length += extents[i].length;
        else
            extents[++merged] = extents[i];
    return merged + 1;
}

/* The last extent reaches as far as the export and 32 bits allow, and its status. */
static void overshoot(const struct reference_session *s, const struct request *r, enum context context,
                      struct wire_extended_extent *extents, size_t count)
{
    uint64_t end = r->offset, size = store_size(s->export->store), status, more, most = UINT32_MAX - 65535;

    for (size_t i = 0; i < count; i++)
        end += extents[i].length;
    if (end >= size || extents[count - 1].length >= most)
        return;
    most -= extents[count - 1].length;
    more = context_rows[context].extent(s->export, end, size - end < most ? size - end : most, &status);
    if (context == CONTEXT_ALLOCATION)
        status = told_as(s, status);
    if (status == extents[count - 1].flags)
        extents[count - 1].length += more;
}

void manners_status(struct reference_session *s, const struct request *r, enum context context,
                    struct wire_extended_extent *extents, size_t *count)
{
    if (context == CONTEXT_ALLOCATION)
        for (size_t i = 0; i < *count; i++)
            extents[i].flags = told_as(s, extents[i].flags);
    *count = merge(extents, *count);
    if (odd(s, ODDITY_STATUS_UNKNOWN) && context == CONTEXT_ALLOCATION) {
        extents[0] = (struct wire_extended_extent){ r->length, 0 };
        *count = 1;
    }
    if (odd(s, ODDITY_STATUS_ONE_EXTENT) || odd(s, ODDITY_STATUS_ONE_BLOCK))
        *count = 1;
    if (odd(s, ODDITY_STATUS_ONE_BLOCK) && extents[0].length > STATUS_MAX)
        extents[0].length = STATUS_MAX;
    else if (odd(s, ODDITY_STATUS_OVERSHOOTS) && !(r->flags & NBD_CMD_FLAG_REQ_ONE))
        overshoot(s, r, context, extents, *count);
}
