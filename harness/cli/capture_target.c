/* SPDX-License-Identifier: MIT */
#include "cli/capture_target.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "capture/write.h"
#include "transport/tap.h"

struct capture_target {
    struct target target;
    struct capture_writer *writer;
};

static void sent(void *ctx, struct span bytes)
{
    capture_flow_bytes(ctx, CAPTURE_CLIENT, bytes, clock_ns());
}

static void received(void *ctx, struct span bytes)
{
    capture_flow_bytes(ctx, CAPTURE_SERVER, bytes, clock_ns());
}

static void ended(void *ctx, enum tap_end how)
{
    struct capture_flow *flow = ctx;

    switch (how) {
    case TAP_FINISHED_HERE:
    case TAP_RESET_HERE:
        capture_flow_end(flow, CAPTURE_CLIENT, how == TAP_RESET_HERE, clock_ns());
        break;
    case TAP_FINISHED_THERE:
    case TAP_RESET_THERE:
        capture_flow_end(flow, CAPTURE_SERVER, how == TAP_RESET_THERE, clock_ns());
        break;
    case TAP_CLOSED:
        capture_flow_end(flow, CAPTURE_CLIENT, false, clock_ns());
        capture_flow_close(flow);
        break;
    }
}

static struct link *dial(void *ctx, uint64_t timeout_ns, char *error, size_t error_size)
{
    struct capture_target *c = ctx;
    struct link *link = c->target.dial(c->target.ctx, timeout_ns, error, error_size);
    struct tap_listener listener = { .sent = sent, .received = received, .ended = ended };

    if (!link)
        return NULL;
    listener.ctx = capture_flow_open(c->writer, clock_ns());
    return link_tap(link, listener);
}

static bool revive(void *ctx, char *error, size_t error_size)
{
    const struct capture_target *c = ctx;

    return c->target.revive(c->target.ctx, error, error_size);
}

static bool is_gone(void *ctx)
{
    const struct capture_target *c = ctx;

    return c->target.is_gone(c->target.ctx);
}

struct capture_target *capture_target_new(const char *path, const struct target *target, char *error,
                                          size_t error_size)
{
    struct capture_writer *writer = capture_create(path, error, error_size);
    struct capture_target *c;

    if (!writer)
        return NULL;
    c = memory_take(sizeof *c);
    *c = (struct capture_target){ .target = *target, .writer = writer };
    return c;
}

struct target capture_target_of(struct capture_target *c)
{
    struct target target = c->target;

    target.dial = dial;
    target.revive = c->target.revive ? revive : NULL;
    target.is_gone = c->target.is_gone ? is_gone : NULL;
    target.ctx = c;
    return target;
}

void capture_target_free(struct capture_target *c)
{
    char error[512];

    if (!c)
        return;
    if (!capture_close(c->writer, error, sizeof error))
        fprintf(stderr, "nbdtest: %s\n", error);
    free(c);
}
