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

bool link_wait(struct link *const links[], const bool wants_send[], size_t count, uint64_t timeout_ns)
{
    uint64_t deadline_ns = deadline_after(timeout_ns);
    struct pollfd *polled = memory_take(count * sizeof *polled);
    bool ready = false;

    for (size_t i = 0; i < count; i++) {
        polled[i].fd = link_descriptor(links[i]);
        polled[i].events = (short)((links[i]->finished ? 0 : POLLIN) | (wants_send[i] ? POLLOUT : 0));
        ready = ready || polled[i].fd < 0;
    }
    if (!ready)
        ready = deadline_poll(polled, count, deadline_ns);
    free(polled);
    return ready;
}
