/* SPDX-License-Identifier: MIT */
#include "transport/deadline.h"

#include <errno.h>
#include <limits.h>

#include "base/clock.h"

enum { NS_PER_MS = 1000000 };

uint64_t deadline_after(uint64_t timeout_ns)
{
    uint64_t now_ns = clock_ns();

    return timeout_ns < UINT64_MAX - now_ns ? now_ns + timeout_ns : UINT64_MAX;
}

bool deadline_poll(struct pollfd *polled, size_t count, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now_ns = clock_ns();
        uint64_t left_ms = now_ns < deadline_ns ? (deadline_ns - now_ns - 1) / NS_PER_MS + 1 : 0;
        int ready = poll(polled, (nfds_t)count, left_ms < INT_MAX ? (int)left_ms : INT_MAX);

        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true;
        if (now_ns >= deadline_ns)
            return false;
    }
}
