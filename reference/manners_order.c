/* SPDX-License-Identifier: MIT */
/* What is done and sent when: requests and replies that are kept back, and let go in another order.  Nothing
 * is kept longer than until what came in one piece was taken, or until the client is quiet, and never much of
 * it. proto.md, "Ordering of messages and writes": a reply may come at any time, and a request in flight may
 * be done at any time; NBD_CMD_DISC waits for all of them. */
#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "reference/manners_parts.h"

enum {
    REQUESTS_MAX = 1024,
    PIECES_MAX = 4096,
    BYTES_MAX = 1024 * 1024,
    OUTPUT_MAX = 2 * (int)REFERENCE_MAX_PAYLOAD,
    DRIBBLED_BYTES = 160, /* which leave one by one */
    DRIBBLED_PIECE = 1021,
};

/* Requests that are kept back. */
struct kept_requests {
    struct incoming at[REQUESTS_MAX];
    size_t data[REQUESTS_MAX]; /* where in bytes the data of a WRITE begin */
    size_t count;
    struct buffer bytes;
};

/* A message of a reply that is kept back. */
struct kept_message {
    size_t begin, end; /* in bytes */
    size_t reply;
};

struct kept_replies {
    struct kept_message at[PIECES_MAX];
    size_t count;
    size_t replies;
    struct buffer bytes;
    size_t starts[PIECES_MAX]; /* of the messages that answer the request at hand, in the output */
    size_t start_count;
};

void order_init(struct manners *m)
{
    const bool *on = m->oddities->on;

    if (on[ODDITY_REQUESTS_REVERSED] || on[ODDITY_REQUESTS_SHUFFLED]) {
        m->requests = memory_take(sizeof *m->requests);
        buffer_init(&m->requests->bytes, OUTPUT_MAX);
    }
    if (on[ODDITY_REPLIES_REVERSED] || on[ODDITY_REPLIES_SHUFFLED] || on[ODDITY_CHUNKS_INTERLEAVED] ||
        on[ODDITY_DELAYED]) {
        m->replies = memory_take(sizeof *m->replies);
        buffer_init(&m->replies->bytes, OUTPUT_MAX);
    }
}

void order_free(struct manners *m)
{
    if (m->requests)
        buffer_free(&m->requests->bytes);
    if (m->replies)
        buffer_free(&m->replies->bytes);
    free(m->requests);
    free(m->replies);
}

/* ---- requests ---- */

bool manners_data(struct reference_session *s, struct span data)
{
    struct manners *m = s->manners;

    if (!m->requests || m->releasing || s->in.error != 0 ||
        !buffer_add(&m->requests->bytes, data.at, data.len))
        return false;
    s->in.kept += data.len;
    return true;
}

static void do_kept(struct reference_session *s, size_t i)
{
    struct kept_requests *kept = s->manners->requests;
    struct span data =
        span_of(kept->bytes.bytes ? kept->bytes.bytes + kept->data[i] : NULL, kept->at[i].kept);

    s->in = kept->at[i];
    if (data.len > 0)
        transmission_take_data(s, data);
    transmission_do_request(s);
}

/* An order of count things: reversed, or random. */
static size_t *make_order(struct reference_session *s, size_t count, bool reversed, bool shuffled)
{
    size_t *order = memory_take((count + 1) * sizeof *order);

    for (size_t i = 0; i < count; i++)
        order[i] = reversed ? count - 1 - i : i;
    for (size_t i = count; shuffled && i > 1; i--) {
        size_t other = (size_t)manners_random(s, i), swapped = order[i - 1];

        order[i - 1] = order[other];
        order[other] = swapped;
    }
    return order;
}

static void release_requests(struct reference_session *s)
{
    struct kept_requests *kept = s->manners->requests;
    struct incoming now = s->in;
    size_t *order;

    if (!kept || kept->count == 0)
        return;
    order = make_order(s, kept->count, odd(s, ODDITY_REQUESTS_REVERSED), odd(s, ODDITY_REQUESTS_SHUFFLED));
    s->manners->releasing = true;
    for (size_t i = 0; i < kept->count; i++)
        do_kept(s, order[i]);
    s->manners->releasing = false;
    free(order);
    kept->count = 0;
    s->in = now;
    buffer_drop(&kept->bytes, kept->bytes.len - (now.begun ? now.kept : 0)); /* of a WRITE that is coming */
}

bool manners_request(struct reference_session *s)
{
    struct kept_requests *kept = s->manners->requests;

    if (!kept)
        return false;
    kept->at[kept->count] = s->in;
    kept->data[kept->count] = kept->bytes.len - s->in.kept;
    kept->count++;
    if (kept->count == REQUESTS_MAX || kept->bytes.len > BYTES_MAX)
        manners_release(s);
    return true;
}

/* ---- replies ---- */

/* Sets a flag that nobody has defined: a hint, of which nobody has to take notice. */
static void add_hint(struct reference_session *s, size_t start)
{
    enum { FLAGS_AT = 4, HINT = 0x40 }; /* the upper byte of the flags */
    struct wire_in in = wire_in(span_of(s->output.bytes + start, FLAGS_AT));
    uint32_t magic = wire_get_32(&in);

    if (magic == NBD_STRUCTURED_REPLY_MAGIC || magic == NBD_EXTENDED_REPLY_MAGIC)
        s->output.bytes[start + FLAGS_AT] |= HINT;
}

void manners_message(struct reference_session *s, size_t start)
{
    struct kept_replies *kept = s->manners->replies;

    if (s->export && odd(s, ODDITY_CHUNK_FLAGS_HINT))
        add_hint(s, start);
    if (!kept || !s->export)
        return;
    if (kept->start_count < PIECES_MAX)
        kept->starts[kept->start_count++] = start;
}

/* Lets go of one reply, or of its next message. */
static void send_message(struct reference_session *s, const struct kept_message *message)
{
    struct wire_out out = answer_room(s, message->end - message->begin);

    memcpy(out.at, s->manners->replies->bytes.bytes + message->begin, message->end - message->begin);
}

/* The messages of the reply one after the other. */
static void send_replies(struct reference_session *s, struct kept_replies *kept)
{
    size_t *order =
        make_order(s, kept->replies, odd(s, ODDITY_REPLIES_REVERSED), odd(s, ODDITY_REPLIES_SHUFFLED));
    size_t *first = memory_take((kept->replies + 1) * sizeof *first), i = 0;

    for (size_t reply = 0; reply < kept->replies; reply++) {
        first[reply] = i;
        while (i < kept->count && kept->at[i].reply == reply)
            i++;
    }
    first[kept->replies] = i;
    for (size_t nth = 0; nth < kept->replies; nth++)
        for (i = first[order[nth]]; i < first[order[nth] + 1]; i++)
            send_message(s, &kept->at[i]);
    free(first);
    free(order);
}

/* Each time the next message of any reply. */
static void send_mixed(struct reference_session *s, struct kept_replies *kept)
{
    size_t *next = memory_take((kept->replies + 1) * sizeof *next), i = 0;

    for (size_t reply = 0; reply < kept->replies; reply++) {
        next[reply] = i;
        while (i < kept->count && kept->at[i].reply == reply)
            i++;
    }
    assert(kept->replies > 0 || kept->count == 0);
    for (size_t sent = 0; sent < kept->count; sent++) {
        size_t reply = (size_t)manners_random(s, kept->replies);

        while (next[reply] == kept->count || kept->at[next[reply]].reply != reply)
            reply = (reply + 1) % kept->replies;
        send_message(s, &kept->at[next[reply]++]);
    }
    free(next);
}

static void release_replies(struct reference_session *s)
{
    struct kept_replies *kept = s->manners->replies;

    if (!kept || kept->count == 0)
        return;
    if (odd(s, ODDITY_CHUNKS_INTERLEAVED))
        send_mixed(s, kept);
    else
        send_replies(s, kept);
    kept->count = 0;
    kept->replies = 0;
    buffer_free(&kept->bytes);
}

/* Moves a reply out of the output; what has no beginning of its own belongs to the message before. */
void manners_answered(struct reference_session *s, size_t start)
{
    struct kept_replies *kept = s->manners->replies;
    size_t base;

    if (!kept)
        return;
    if (s->output.len <= start || kept->count + kept->start_count > PIECES_MAX || kept->start_count == 0) {
        kept->start_count = 0;
        return;
    }
    base = kept->bytes.len;
    buffer_add(&kept->bytes, s->output.bytes + start, s->output.len - start);
    for (size_t i = 0; i < kept->start_count; i++) {
        size_t end = i + 1 < kept->start_count ? kept->starts[i + 1] : s->output.len;

        kept->at[kept->count++] =
            (struct kept_message){ base + kept->starts[i] - start, base + end - start, kept->replies };
    }
    kept->replies++;
    kept->start_count = 0;
    s->output.len = start;
    if (kept->bytes.len > BYTES_MAX || kept->count > PIECES_MAX / 2)
        release_replies(s);
}

/* ---- when ---- */

void manners_release(struct reference_session *s)
{
    release_requests(s);
    release_replies(s);
}

bool manners_keeps(const struct reference_session *s)
{
    const struct manners *m = s->manners;

    return (m->requests && m->requests->count > 0) || (m->replies && m->replies->count > 0);
}

void manners_taken(struct reference_session *s)
{
    if (s->over || !odd(s, ODDITY_DELAYED))
        manners_release(s);
}

size_t manners_portion(const struct reference_session *s, size_t waiting)
{
    size_t most = s->manners->dribbled < DRIBBLED_BYTES ? 1 : DRIBBLED_PIECE;

    return !odd(s, ODDITY_DRIBBLED) || waiting < most ? waiting : most;
}

void manners_sent(struct reference_session *s, size_t bytes)
{
    s->manners->dribbled = s->sent == s->output.len ? 0 : s->manners->dribbled + bytes;
}
