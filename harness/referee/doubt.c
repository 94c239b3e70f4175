/* SPDX-License-Identifier: MIT */
/* What a capture lacks: bytes that passed and that nobody has seen. */
#include "referee/session.h"

#include <assert.h>

#include "referee/state.h"
#include "wire/constants.h"

/* Whether the rest of the body under way is data of the export. */
static bool is_in_data(const struct stream *st)
{
    const struct exchange *e = st->exchange;

    switch (st->head.kind) {
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        return e && st->request.type == NBD_CMD_WRITE;
    case SCAN_KIND_SIMPLE_REPLY:
        return e && e->request.type == NBD_CMD_READ;
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        return e && st->chunk.type == NBD_REPLY_TYPE_OFFSET_DATA && st->seen >= sizeof(uint64_t);
    case SCAN_KIND_OLDSTYLE:
    case SCAN_KIND_NEWSTYLE:
    case SCAN_KIND_CLIENT_FLAGS:
    case SCAN_KIND_OPTION:
    case SCAN_KIND_OPTION_REPLY:
    case SCAN_KIND_EXPORT:
        return false;
    }
    return false;
}

bool session_miss_data(struct session *s, enum side from, uint64_t count)
{
    struct stream *st = &s->streams[from];

    if (s->opaque || st->lost || st->scan.body == 0 || count > st->scan.body || !is_in_data(st))
        return false;
    st->exchange->unseen = true;
    return true;
}

void session_doubt(struct session *s)
{
    s->doubtful = true;
    s->start_unknown = s->start_unknown || !s->transmission;
}

/* Who asked before may have been answered while nobody saw it. */
bool session_judge_again(struct session *s)
{
    assert(s->doubtful);
    if (s->start_unknown)
        return false;
    for (struct held *h = s->in_flight.oldest; h; h = h->newer)
        h->ambiguous = true;
    s->last_reply = (struct past){ 0 };
    s->stray = false;
    s->doubtful = false;
    s->patchy = true;
    return true;
}

static uint32_t first_magic(struct span bytes)
{
    struct wire_in in = wire_in(bytes);

    return wire_get_32(&in);
}

static bool is_extended_magic(uint32_t magic)
{
    return magic == NBD_EXTENDED_REQUEST_MAGIC || magic == NBD_EXTENDED_REPLY_MAGIC;
}

bool session_may_resume(enum side from, struct span bytes)
{
    uint32_t magic = first_magic(bytes);

    if (from == SIDE_CLIENT)
        return magic == NBD_REQUEST_MAGIC || magic == NBD_EXTENDED_REQUEST_MAGIC;
    return magic == NBD_SIMPLE_REPLY_MAGIC || magic == NBD_STRUCTURED_REPLY_MAGIC ||
           magic == NBD_EXTENDED_REPLY_MAGIC;
}

void session_resume(struct session *s, enum side from, struct span bytes)
{
    struct stream *st = &s->streams[from];

    assert(s->doubtful);
    if (!s->transmission) {
        s->greeted = s->flags_seen = s->transmission = true;
        s->negotiated.extended = is_extended_magic(first_magic(bytes));
        s->phase = PHASE_TRANSMISSION;
    }
    st->lost = false;
    st->exchange = NULL;
    scan_restart(&st->scan);
}
