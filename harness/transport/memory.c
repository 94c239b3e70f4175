/* SPDX-License-Identifier: MIT */
/* The near end of a connection whose far end is a function in this process, and an end whose bytes are
 * carried. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "transport/link.h"

struct memory_link {
    struct link link;
    struct link_peer peer;
    bool far_closed;       /* take() said so */
    bool finished_here;    /* link_finish() was called */
    enum link_state ended; /* what link_receive() said last */
};

static struct memory_link *memory_of(struct link *link)
{
    return (struct memory_link *)link;
}

static enum link_state memory_send(struct link *link, struct span *bytes)
{
    struct memory_link *m = memory_of(link);

    if (m->ended != LINK_OPEN)
        return LINK_RESET;
    if (bytes->len > 0 && !m->far_closed && !m->finished_here)
        m->far_closed = !m->peer.take(m->peer.ctx, bytes);
    return LINK_OPEN;
}

static enum link_state memory_receive(struct link *link, uint8_t *to, size_t room, size_t *ret_len)
{
    struct memory_link *m = memory_of(link);
    struct span nothing = { NULL, 0 };

    *ret_len = 0;
    if (m->ended != LINK_OPEN || room == 0)
        return m->ended;
    *ret_len = m->peer.give(m->peer.ctx, to, room);
    if (*ret_len > 0)
        return LINK_OPEN;
    if (m->far_closed)
        m->ended = LINK_FINISHED;
    else if (m->finished_here) /* what it says when it closes is fetched by the next call */
        m->far_closed = !m->peer.take(m->peer.ctx, &nothing);
    return m->ended;
}

static void memory_finish(struct link *link)
{
    struct memory_link *m = memory_of(link);
    struct span nothing = { NULL, 0 };

    if (m->ended == LINK_OPEN && !m->finished_here && !m->far_closed)
        m->far_closed = !m->peer.take(m->peer.ctx, &nothing);
    m->finished_here = true;
}

static void memory_reset(struct link *link)
{
    struct memory_link *m = memory_of(link);

    if (m->ended != LINK_RESET)
        m->peer.closed(m->peer.ctx);
    m->ended = LINK_RESET;
}

static int memory_descriptor(const struct link *link)
{
    (void)link;
    return -1;
}

static void memory_free(struct link *link)
{
    memory_reset(link); /* tells the far end, unless that has been done */
    free(link);
}

static const struct link_ops memory_ops = {
    .send = memory_send,
    .receive = memory_receive,
    .finish = memory_finish,
    .reset = memory_reset,
    .descriptor = memory_descriptor,
    .free = memory_free,
};

struct link *link_memory(struct link_peer peer)
{
    struct memory_link *m = memory_take(sizeof *m);

    *m = (struct memory_link){ .link.ops = &memory_ops, .peer = peer };
    return &m->link;
}

/* ---- carried ---- */

struct carried_link {
    struct link link;
    struct link_carried *carried;
};

static struct link_carried *carried_of(const struct link *link)
{
    return ((const struct carried_link *)link)->carried;
}

static enum link_state carried_send(struct link *link, struct span *bytes)
{
    struct link_carried *c = carried_of(link);
    struct span taken;

    if (!c->out_finished && bytes->len > 0) {
        taken = span_take(bytes, c->out.ceiling - c->out.len);
        buffer_add(&c->out, taken.at, taken.len);
    }
    return LINK_OPEN;
}

static enum link_state carried_receive(struct link *link, uint8_t *to, size_t room, size_t *ret_len)
{
    struct link_carried *c = carried_of(link);

    *ret_len = c->in.len < room ? c->in.len : room;
    if (*ret_len == 0)
        return c->in_finished && c->in.len == 0 ? LINK_FINISHED : LINK_OPEN;
    memcpy(to, c->in.bytes, *ret_len);
    buffer_drop(&c->in, *ret_len);
    return LINK_OPEN;
}

static void carried_finish(struct link *link)
{
    carried_of(link)->out_finished = true;
}

static int carried_descriptor(const struct link *link)
{
    (void)link;
    return -1;
}

static void carried_free(struct link *link)
{
    free(link);
}

static const struct link_ops carried_ops = {
    .send = carried_send,
    .receive = carried_receive,
    .finish = carried_finish,
    .reset = carried_finish,
    .descriptor = carried_descriptor,
    .free = carried_free,
};

struct link *link_carried(struct link_carried *carried)
{
    struct carried_link *c = memory_take(sizeof *c);

    *c = (struct carried_link){ .link.ops = &carried_ops, .carried = carried };
    return &c->link;
}
