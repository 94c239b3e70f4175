/* SPDX-License-Identifier: MIT */
#include "fuzz/recording.h"

#include <stdlib.h>

#include "base/memory.h"
#include "fuzz/target.h"
#include "transport/tap.h"

static void end_record(struct recording *r)
{
    if (r->said.len > 0 && !record_put(&r->records, r->last, buffer_span(&r->said)))
        r->too_long = true;
    buffer_clear(&r->said);
}

static void say(struct recording *r, enum record_kind from, struct span bytes)
{
    if (r->last != from)
        end_record(r);
    r->last = from;
    if (!buffer_add(&r->said, bytes.at, bytes.len))
        r->too_long = true;
}

static void sent(void *ctx, struct span bytes)
{
    struct recording *r = ctx;

    say(r, RECORD_CLIENT, bytes);
    if (!buffer_add(&r->client, bytes.at, bytes.len))
        r->too_long = true;
}

static void received(void *ctx, struct span bytes)
{
    say(ctx, RECORD_SERVER, bytes);
}

static void ended(void *ctx, enum tap_end how)
{
    static const enum record_kind kinds[] = {
        [TAP_FINISHED_HERE] = RECORD_CLIENT_FINISHED,
        [TAP_RESET_HERE] = RECORD_CLIENT_RESET,
        [TAP_FINISHED_THERE] = RECORD_SERVER_FINISHED,
        [TAP_RESET_THERE] = RECORD_SERVER_RESET,
    };
    struct recording *r = ctx;

    end_record(r);
    if (how == TAP_CLOSED)
        r->closed = true;
    else if (!record_put(&r->records, kinds[how], span_of(NULL, 0)))
        r->too_long = true;
}

struct recording *recording_new(struct link *below, struct link **ret_link)
{
    struct recording *r = memory_take(sizeof *r);

    buffer_init(&r->client, TARGET_INPUT_MAX);
    buffer_init(&r->records, TARGET_INPUT_MAX);
    buffer_init(&r->said, TARGET_INPUT_MAX);
    *ret_link = link_tap(
        below, (struct tap_listener){ .sent = sent, .received = received, .ended = ended, .ctx = r });
    return r;
}

void recording_free(struct recording *r)
{
    buffer_free(&r->client);
    buffer_free(&r->records);
    buffer_free(&r->said);
    free(r);
}
