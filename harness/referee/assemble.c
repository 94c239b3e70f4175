/* SPDX-License-Identifier: MIT */
/* Replies put together from simple replies and chunks, and the content model kept up to date.  Nothing here
 * judges: what does not fit is left out of the assembled reply, and what differs from the model is remembered
 * for the rules. See state.h.  proto.md, "Simple reply message", "Structured reply types". */
#include <stdlib.h>

#include "base/memory.h"
#include "referee/rule.h"
#include "referee/state.h"
#include "wire/constants.h"

enum {
    KEEP_LEAST = 64 * 1024,                    /* of any body */
    KEEP_STATUS = 4 + 8 * (1 << 20),           /* the longest BLOCK_STATUS chunk that a server should send */
    KEEP_EXTENDED_STATUS = 8 + 16 * (1 << 20), /* the longest BLOCK_STATUS_EXT chunk */
    EXTENTS_MAX = 1 << 20,                     /* kept of one reply */
    STATUSES_MAX = 4 * SESSION_MAX_CONTEXTS,
    RANGES_MAX = 4096,   /* islands of covered bytes in one reply; more are not followed */
    CONTENTS_MAX = 4096, /* chunks whose place is remembered */
    ERROR_OFFSETS_MAX = 256,
};

/* ---- requests ---- */

/* Of a write that is under way nothing is known, not even when it will stay cut off. */
void assemble_request_begins(struct session *s, struct exchange *e)
{
    if (s->model && e->request.type == NBD_CMD_WRITE)
        model_forget(s->model, e->request.offset, e->request.length);
}

static uint64_t write_sent(struct session *s, const struct message *m)
{
    const struct session_request *r = &m->request;

    switch (r->type) {
    case NBD_CMD_WRITE:
        if (m->body.len == r->length && !(m->exchange && m->exchange->unseen))
            return model_write_sent(s->model, r->offset, r->length, m->body);
        return model_trim_sent(s->model, r->offset, r->length);
    case NBD_CMD_TRIM:
        return model_trim_sent(s->model, r->offset, r->length);
    case NBD_CMD_WRITE_ZEROES:
        return model_zero_sent(s->model, r->offset, r->length);
    default: /* a number from the wire; the others alter nothing */
        return 0;
    }
}

/* The payload of a BLOCK_STATUS says what it asks about. */
static void take_filter(struct exchange *e, const struct message *m)
{
    struct status_filter filter;
    struct wire_flaw flaw;

    e->request.length = m->request.length;
    if (!filter_decode(m->body, &filter, &flaw) || filter.contexts.len == 0)
        return;
    free(e->filter);
    e->filter = memory_take(filter.contexts.len);
    e->filter_count = 0;
    while (filter_next_context(&filter.contexts, &e->filter[e->filter_count]))
        e->filter_count++;
}

void assemble_request(struct session *s, const struct message *m)
{
    struct exchange *e = m->exchange;

    if (e && m->request.filtered)
        take_filter(e, m);
    if (!s->model)
        return;
    if (!e || e->answered) { /* the server did not wait for the data */
        assemble_request_begins(s, &(struct exchange){ .request = m->request });
        return;
    }
    e->ticket = write_sent(s, m);
    e->moment = model_now(s->model);
}

/* ---- what the model thinks of the reply ---- */

static struct model_view view_of(const struct session *s, const struct exchange *e)
{
    bool shared = s->negotiated.transmission_flags & NBD_FLAG_CAN_MULTI_CONN;

    return (struct model_view){ s, e->moment, shared ? e->moment : s->born };
}

/* The data of a chunk are wrong: would they be right for another reading of its offset? */
static void look_elsewhere(struct session *s, const struct exchange *e, uint64_t offset, struct span data)
{
    const uint64_t places[] = { e->request.offset, offset - e->request.offset, e->request.offset + offset };
    uint8_t *there;

    if (data.len < 16 || held_of(e)->wrong.misplaced)
        return;
    if (*data.at == 0 &&
        memcmp(data.at, data.at + 1, data.len - 1) == 0) /* zeroes are found in many places */
        return;
    there = memory_take(data.len);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i] != offset && model_contents(s->model, places[i], there, data.len) &&
            memcmp(there, data.at, data.len) == 0) {
            held_of(e)->wrong.misplaced = true;
            held_of(e)->wrong.right_at = places[i];
            break;
        }
    free(there);
}

static void compare_data(struct session *s, const struct exchange *e, uint64_t offset, struct span data)
{
    struct content *wrong = &held_of(e)->wrong;
    struct model_view view = view_of(s, e);
    struct model_mismatch mismatch;

    if (!s->model || e->unseen || model_agrees_as(s->model, &view, offset, data, &mismatch))
        return;
    if (wrong->data.bytes == 0)
        wrong->data = mismatch;
    if (e->form != REPLY_FORM_SIMPLE)
        look_elsewhere(s, e, offset, data);
}

static void compare_zero(struct session *s, const struct exchange *e, uint64_t offset, uint64_t length,
                         struct model_mismatch *wrong)
{
    struct model_view view = view_of(s, e);
    struct model_mismatch mismatch;

    if (s->model && wrong->bytes == 0 && !model_agrees_zero_as(s->model, &view, offset, length, &mismatch))
        *wrong = mismatch;
}

/* A success is believed only where the request made sense. */
static bool is_believable(const struct session *s, const struct exchange *e)
{
    const struct session_request *r = &e->request;

    return !e->excused && !held_of(e)->ambiguous &&
           !(s->negotiated.transmission_flags & NBD_FLAG_READ_ONLY) && r->offset <= s->negotiated.size &&
           r->length <= s->negotiated.size - r->offset && command_rules_of(r->type) &&
           excuse_flags_known(s, r);
}

static void settle(struct session *s, const struct exchange *e)
{
    bool success = e->error == 0 && e->error_chunks == 0;
    bool shared = s->negotiated.transmission_flags & NBD_FLAG_CAN_MULTI_CONN;

    if (!s->model)
        return;
    if (success && e->request.type == NBD_CMD_FLUSH && shared)
        model_flushed(s->model, s, e->moment);
    if (e->ticket == 0)
        return;
    if (success && !is_believable(s, e))
        model_settle(s->model, e->ticket, MODEL_FAILED);
    else if (success && shared && (e->request.flags & NBD_CMD_FLAG_FUA))
        model_settle(s->model, e->ticket, MODEL_DONE);
    else if (success)
        model_settle_unflushed(s->model, e->ticket, s);
    else if (e->error == NBD_ENOTSUP && (e->request.flags & NBD_CMD_FLAG_FAST_ZERO))
        model_settle(s->model, e->ticket, MODEL_REFUSED);
    else
        model_settle(s->model, e->ticket, MODEL_FAILED);
}

/* ---- a reply is complete ---- */

static void complete(struct session *s, const struct message *m)
{
    struct exchange *e = m->exchange;

    if (e->error != 0 || e->error_chunks > 0)
        buffer_clear(&e->data);
    rules_look(s, AT_REPLY, m);
    settle(s, e);
    exchange_answered(s, e);
    if (e->error == NBD_ESHUTDOWN)
        s->stopping = true;
    if (e->number > s->newest_answered)
        s->newest_answered = e->number;
    if (e->request.type == NBD_CMD_READ && e->error != 0 && e->form == REPLY_FORM_SIMPLE)
        s->may_close = true; /* "The server MAY then initiate a hard disconnect" */
}

uint64_t assemble_simple_body(const struct session *s, const struct exchange *e,
                              const struct wire_simple_reply *reply)
{
    /* A wrong cookie says nothing of data: suppose that the oldest request was meant. */
    if (!e && !s->doubtful && !s->patchy && !exchange_find_past(s, reply->cookie))
        e = session_oldest(s);
    return e && e->request.type == NBD_CMD_READ && reply->error == 0 ? e->request.length : 0;
}

void assemble_simple(struct session *s, const struct message *m)
{
    struct exchange *e = m->exchange;

    if (!e)
        return;
    e->form = REPLY_FORM_SIMPLE;
    e->error = m->head.simple_reply.error;
    if (e->request.type == NBD_CMD_READ && e->error == 0) {
        e->covered = e->request.length;
        compare_data(s, e, e->request.offset, m->body);
    }
    complete(s, m);
}

/* ---- chunks ---- */

uint64_t assemble_chunk_keep(const struct exchange *e, const struct session_chunk *chunk)
{
    uint64_t most = KEEP_LEAST;

    if (e && e->request.type == NBD_CMD_READ && chunk->type == NBD_REPLY_TYPE_OFFSET_DATA) {
        uint64_t whole = e->request.length < SESSION_MAX_BODY ? e->request.length + WIRE_SIZE_chunk_data
                                                              : SESSION_MAX_BODY;

        most = whole > SESSION_MAX_BODY ? SESSION_MAX_BODY : whole > most ? whole : most;
    }
    if (e && e->request.type == NBD_CMD_BLOCK_STATUS && chunk->type == NBD_REPLY_TYPE_BLOCK_STATUS)
        most = KEEP_STATUS;
    if (e && e->request.type == NBD_CMD_BLOCK_STATUS && chunk->type == NBD_REPLY_TYPE_BLOCK_STATUS_EXT)
        most = KEEP_EXTENDED_STATUS;
    return chunk->length < most ? chunk->length : most;
}

bool assemble_is_inside(const struct exchange *e, uint64_t offset, uint64_t length)
{
    const struct session_request *r = &e->request;

    return offset >= r->offset && offset - r->offset <= r->length &&
           length <= r->length - (offset - r->offset);
}

/* The first range that ends at or behind offset: its index. */
static size_t find_range(const struct exchange *e, uint64_t offset)
{
    size_t low = 0, high = e->range_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (e->ranges[middle].end >= offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool assemble_is_covered(const struct exchange *e, uint64_t offset, uint64_t length)
{
    for (size_t i = find_range(e, offset); i < e->range_count && e->ranges[i].start < offset + length; i++)
        if (e->ranges[i].end > offset)
            return true;
    return false;
}

/* Adds a range to those covered; ranges that touch become one. */
static void cover(struct exchange *e, uint64_t offset, uint64_t length)
{
    struct session_range added = { offset, offset + length };
    size_t first = find_range(e, added.start), last = first;

    while (last < e->range_count && e->ranges[last].start <= added.end) {
        const struct session_range *old = &e->ranges[last++];

        e->covered -= old->end - old->start;
        added.start = old->start < added.start ? old->start : added.start;
        added.end = old->end > added.end ? old->end : added.end;
    }
    if (first == last) {
        if (e->range_count == RANGES_MAX) {
            held_of(e)->untracked = true;
            return;
        }
        if (e->range_count % 8 == 0)
            e->ranges = memory_grow(e->ranges, (e->range_count + 8) * sizeof *e->ranges);
    }
    if (e->range_count > last)
        memmove(e->ranges + first + 1, e->ranges + last, (e->range_count - last) * sizeof *e->ranges);
    e->range_count = e->range_count - (last - first) + 1;
    e->ranges[first] = added;
    e->covered += added.end - added.start;
}

/* Notes where a content chunk was, and whether its bytes were kept. */
static void note_content(struct exchange *e, const struct chunk_data *chunk, bool data)
{
    struct held *h = held_of(e);

    if (h->content_count == CONTENTS_MAX)
        return;
    if ((h->content_count & (h->content_count - 1)) == 0) /* a power of two, or 0: there is no more room */
        h->contents =
            memory_grow(h->contents, (h->content_count > 0 ? 2 * h->content_count : 1) * sizeof *h->contents);
    h->contents[h->content_count++] =
        (struct session_content){ chunk->offset, chunk->offset + chunk->data_bytes, data };
}

/* Puts bytes (data.at NULL: zeroes) in their place in the reply. */
static void place(struct exchange *e, uint64_t offset, uint64_t length, const uint8_t *data)
{
    size_t at = (size_t)(offset - e->request.offset);

    if (e->request.length > SESSION_MAX_BODY)
        return;
    if (e->data.len == 0 && data && length == e->request.length) {
        buffer_add(&e->data, data, (size_t)length);
        return;
    }
    if (e->data.len == 0)
        buffer_add_zero(&e->data, (size_t)e->request.length);
    if (data)
        memcpy(e->data.bytes + at, data, (size_t)length);
    else
        memset(e->data.bytes + at, 0, (size_t)length);
}

static void take_content(struct session *s, const struct message *m)
{
    struct exchange *e = m->exchange;
    const struct chunk_data *chunk = &m->chunk;
    bool is_hole = m->chunk_head.type == NBD_REPLY_TYPE_OFFSET_HOLE;

    if (is_hole)
        e->hole_chunks++;
    else
        e->data_chunks++;
    if (e->request.type != NBD_CMD_READ || m->flaw.rule || chunk->data_bytes == 0 ||
        !assemble_is_inside(e, chunk->offset, chunk->data_bytes))
        return;
    if (is_hole)
        compare_zero(s, e, chunk->offset, chunk->data_bytes, &held_of(e)->wrong.hole);
    else
        compare_data(s, e, chunk->offset, chunk->data);
    if (is_hole || chunk->data.len == chunk->data_bytes)
        place(e, chunk->offset, chunk->data_bytes, is_hole ? NULL : chunk->data.at);
    if (!held_of(e)->untracked)
        cover(e, chunk->offset, chunk->data_bytes);
    note_content(e, chunk, !is_hole && chunk->data.len == chunk->data_bytes);
}

static bool is_base_allocation(const struct session *s, uint32_t id)
{
    const struct negotiated *n = &s->negotiated;

    for (size_t i = 0; i < n->context_count; i++)
        if (n->contexts[i].id == id)
            return strcmp(n->contexts[i].name, "base:allocation") == 0 && !s->contexts_doubtful;
    return false;
}

/* Bytes that are told to be zero must not be known as anything else. */
static void compare_status(struct session *s, const struct exchange *e, const struct session_status *status)
{
    uint64_t offset = e->request.offset;

    if (!is_base_allocation(s, status->context))
        return;
    for (size_t i = 0; i < status->count && offset < s->negotiated.size; i++) {
        const struct wire_extended_extent *extent = &status->extents[i];
        uint64_t room = s->negotiated.size - offset;

        if (extent->flags & NBD_STATE_ZERO)
            compare_zero(s, e, offset, extent->length < room ? extent->length : room,
                         &held_of(e)->wrong.status);
        if (extent->length >= room)
            return;
        offset += extent->length;
    }
}

static void take_status(struct session *s, const struct message *m)
{
    struct exchange *e = m->exchange;
    struct span extents = m->chunk.extents;
    struct session_status status = { .context = m->chunk.context };
    size_t count = extents.len / (m->chunk.wide ? WIRE_SIZE_extended_extent : WIRE_SIZE_extent);

    if (e->request.type != NBD_CMD_BLOCK_STATUS || e->status_chunks == STATUSES_MAX)
        return;
    if (count > 0 && count <= EXTENTS_MAX - held_of(e)->extents) {
        status.extents = memory_take(count * sizeof *status.extents);
        while (chunk_next_status(&extents, m->chunk.wide, &status.extents[status.count]) &&
               ++status.count < count)
            ;
        held_of(e)->extents += status.count;
    }
    e->statuses = memory_grow(e->statuses, (e->status_chunks + 1) * sizeof *e->statuses);
    e->statuses[e->status_chunks++] = status;
    compare_status(s, e, &status);
}

/* Notes what an ERROR_OFFSET chunk says. */
static void note_error_offset(struct exchange *e, uint64_t offset)
{
    struct held *h = held_of(e);

    if (h->error_offset_count == ERROR_OFFSETS_MAX || !assemble_is_inside(e, offset, 1))
        return;
    h->error_offsets = memory_grow(h->error_offsets, (h->error_offset_count + 1) * sizeof *h->error_offsets);
    h->error_offsets[h->error_offset_count++] = offset;
}

static void take_error(const struct message *m)
{
    struct exchange *e = m->exchange;
    struct held *h = held_of(e);

    if (m->chunk_head.type == NBD_REPLY_TYPE_ERROR)
        h->plain_errors++;
    if (m->chunk.has_error_offset && !m->flaw.rule)
        note_error_offset(e, m->chunk.offset);
    e->error_chunks++;
    if (e->error == 0)
        e->error = m->chunk.error;
    if (e->message_text.len == 0 && m->chunk.message.len > 0) {
        buffer_add(&h->text, m->chunk.message.at, m->chunk.message.len);
        e->message_text = buffer_span(&h->text);
    }
}

void assemble_chunk(struct session *s, const struct message *m)
{
    struct exchange *e = m->exchange;

    if (!e)
        return;
    e->form = m->chunk_head.extended ? REPLY_FORM_EXTENDED : REPLY_FORM_STRUCTURED;
    e->head_offset = m->chunk_head.offset;
    e->chunks++;
    held_of(e)->last_flags = m->chunk_head.flags;
    switch (m->chunk.role) {
    case CHUNK_CONTENT:
        take_content(s, m);
        break;
    case CHUNK_STATUS:
        take_status(s, m);
        break;
    case CHUNK_ERROR:
        take_error(m);
        break;
    case CHUNK_ENDS:
    case CHUNK_OTHER:
        break;
    }
    if (m->chunk_head.flags & NBD_REPLY_FLAG_DONE)
        complete(s, m);
}
