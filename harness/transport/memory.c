/* SPDX-License-Identifier: MIT */
/* The near end of a connection whose far end is a function in this process. */
#include <stdlib.h>

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
