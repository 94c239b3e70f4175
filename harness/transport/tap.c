/* SPDX-License-Identifier: MIT */
#include "transport/tap.h"

#include <stdlib.h>

#include "base/memory.h"

struct tap {
    struct link link;
    struct tap_listener listener;
    bool told[TAP_CLOSED + 1];
};

static struct tap *tap_of(struct link *link)
{
    return (struct tap *)link;
}

static void tell_end(struct tap *tap, enum tap_end how)
{
    if (!tap->told[how])
        tap->listener.ended(tap->listener.ctx, how);
    tap->told[how] = true;
}

static void tell_state(struct tap *tap, enum link_state state)
{
    if (state == LINK_FINISHED)
        tell_end(tap, TAP_FINISHED_THERE);
    if (state == LINK_RESET && !tap->told[TAP_RESET_HERE])
        tell_end(tap, TAP_RESET_THERE);
}

static enum link_state tap_send(struct link *link, struct span *bytes)
{
    struct tap *tap = tap_of(link);
    struct span before = *bytes;
    enum link_state state = link_send(link->next, bytes);

    if (bytes->len < before.len)
        tap->listener.sent(tap->listener.ctx, span_take(&before, before.len - bytes->len));
    tell_state(tap, state);
    return state;
}

static enum link_state tap_receive(struct link *link, uint8_t *to, size_t room, size_t *ret_len)
{
    struct tap *tap = tap_of(link);
    enum link_state state = link_receive(link->next, to, room, ret_len);

    if (*ret_len > 0)
        tap->listener.received(tap->listener.ctx, span_of(to, *ret_len));
    tell_state(tap, state);
    return state;
}

static void tap_finish(struct link *link)
{
    link_finish(link->next);
    tell_end(tap_of(link), TAP_FINISHED_HERE);
}

static void tap_reset(struct link *link)
{
    link_reset(link->next);
    tell_end(tap_of(link), TAP_RESET_HERE);
}

static int tap_descriptor(const struct link *link)
{
    return link_descriptor(link->next);
}

static void tap_free(struct link *link)
{
    tell_end(tap_of(link), TAP_CLOSED);
    free(link);
}

static const struct link_ops tap_ops = {
    .send = tap_send,
    .receive = tap_receive,
    .finish = tap_finish,
    .reset = tap_reset,
    .descriptor = tap_descriptor,
    .free = tap_free,
};

struct link *link_tap(struct link *next, struct tap_listener listener)
{
    struct tap *tap = memory_take(sizeof *tap);

    *tap = (struct tap){ .link = { .ops = &tap_ops, .next = next }, .listener = listener };
    return &tap->link;
}
