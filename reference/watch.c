/* SPDX-License-Identifier: MIT */
#include "reference/watch.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/memory.h"

enum { READY_MAX = 128 }; /* that are told at a time; more are told next time */

struct watch {
    int descriptor;
};

struct watch *watch_new(void)
{
    int descriptor = epoll_create1(EPOLL_CLOEXEC);
    struct watch *w;

    if (descriptor < 0)
        return NULL;
    w = memory_take(sizeof *w);
    w->descriptor = descriptor;
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    close(w->descriptor);
    free(w);
}

static bool control(const struct watch *w, int operation, int descriptor, unsigned watch_for, void *owner)
{
    uint32_t events = (watch_for & WATCH_INPUT ? (uint32_t)EPOLLIN : 0) |
                      (watch_for & WATCH_OUTPUT ? (uint32_t)EPOLLOUT : 0);
    struct epoll_event event = { .events = events, .data.ptr = owner };

    return epoll_ctl(w->descriptor, operation, descriptor, &event) == 0;
}

bool watch_add(struct watch *w, int descriptor, unsigned watch_for, void *owner)
{
    return control(w, EPOLL_CTL_ADD, descriptor, watch_for, owner);
}

void watch_change(struct watch *w, int descriptor, unsigned watch_for, void *owner)
{
    control(w, EPOLL_CTL_MOD, descriptor, watch_for, owner);
}

int watch_wait(struct watch *w, struct watch_ready ret[], size_t max, int timeout_ms)
{
    struct epoll_event events[READY_MAX];
    int ready = epoll_wait(w->descriptor, events, max < READY_MAX ? (int)max : READY_MAX, timeout_ms);

    for (int i = 0; i < ready; i++)
        ret[i] = (struct watch_ready){ events[i].data.ptr, (events[i].events & (EPOLLHUP | EPOLLERR)) != 0 };
    return ready;
}
