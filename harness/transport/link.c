/* SPDX-License-Identifier: MIT */
#include "transport/link.h"

#include <stdlib.h>

#include "base/memory.h"
#include "transport/deadline.h"

void link_free(struct link *link)
{
    while (link) {
        struct link *next = link->next;

        link->ops->free(link);
        link = next;
    }
}

size_t link_holds(const struct link *link, enum link_held what)
{
    size_t held = 0;

    for (; link && held == 0; link = link->next)
        held = link->ops->holds ? link->ops->holds(link, what) : 0;
    return held;
}

enum link_state link_send_parts(struct link *link, const struct span parts[], size_t count, size_t *ret_sent)
{
    enum link_state state = LINK_OPEN;

    if (link->ops->send_parts)
        return link->ops->send_parts(link, parts, count, ret_sent);
    *ret_sent = 0;
    for (size_t i = 0; i < count; i++) {
        struct span rest = parts[i];

        state = link_send(link, &rest);
        *ret_sent += parts[i].len - rest.len;
        if (rest.len > 0)
            break;
    }
    return state;
}

bool link_wait(struct link *const links[], const bool wants_send[], size_t count, uint64_t timeout_ns)
{
    uint64_t deadline_ns = deadline_after(timeout_ns);
    struct pollfd *polled = memory_take(count * sizeof *polled);
    bool ready = false;

    for (size_t i = 0; i < count; i++) {
        bool sends = (wants_send[i] && !link_holds(links[i], LINK_HELD_BACK)) ||
                     link_holds(links[i], LINK_HELD_UNSENT);

        polled[i].fd = link_descriptor(links[i]);
        polled[i].events = (short)((links[i]->finished ? 0 : POLLIN) | (sends ? POLLOUT : 0));
        ready = ready || polled[i].fd < 0 || link_holds(links[i], LINK_HELD_RECEIVED);
    }
    if (!ready)
        ready = deadline_poll(polled, count, deadline_ns);
    free(polled);
    return ready;
}
