/* SPDX-License-Identifier: MIT */
/* Requests in flight, by age and by cookie.  See state.h. */
#include <stdlib.h>

#include "base/memory.h"
#include "referee/state.h"
#include "wire/constants.h"

enum { FIRST_BUCKETS = 16, PAST_FIRST = 16, PAST_MAX = 1024 };

static void list_append(struct list *l, struct held *h)
{
    h->older = l->newest;
    h->newer = NULL;
    if (l->newest)
        l->newest->newer = h;
    else
        l->oldest = h;
    l->newest = h;
    l->count++;
}

static void list_remove(struct list *l, struct held *h)
{
    if (h->older)
        h->older->newer = h->newer;
    else
        l->oldest = h->newer;
    if (h->newer)
        h->newer->older = h->older;
    else
        l->newest = h->older;
    l->count--;
}

static struct held **bucket_of(const struct session *s, uint64_t cookie)
{
    uint64_t mixed = cookie * UINT64_C(0x9e3779b97f4a7c15);

    return &s->buckets[(mixed >> 32) & (s->bucket_count - 1)];
}

static void bucket_append(struct session *s, struct held *h)
{
    struct held **end = bucket_of(s, h->exchange.request.cookie);

    while (*end)
        end = &(*end)->chain;
    h->chain = NULL;
    *end = h;
}

static void bucket_remove(struct session *s, struct held *h)
{
    struct held **at = bucket_of(s, h->exchange.request.cookie);

    while (*at != h)
        at = &(*at)->chain;
    *at = h->chain;
}

static void more_buckets(struct session *s)
{
    s->bucket_count = s->bucket_count > 0 ? 4 * s->bucket_count : FIRST_BUCKETS;
    free(s->buckets);
    s->buckets = memory_take(s->bucket_count * sizeof *s->buckets);
    for (struct held *h = s->in_flight.oldest; h; h = h->newer)
        bucket_append(s, h);
}

static void remember(struct session *s, const struct exchange *e)
{
    struct past past = { e->request.cookie, e->request.type, e->form, e->error };

    if (s->past_count == s->past_room && s->past_room < PAST_MAX) {
        s->past_room = s->past_room > 0 ? 2 * s->past_room : PAST_FIRST;
        s->past = memory_grow(s->past, s->past_room * sizeof *s->past);
    }
    if (s->past_count < s->past_room)
        s->past_count++;
    s->past[s->past_next] = past;
    s->past_next = (s->past_next + 1) % PAST_MAX;
}

static void held_free(struct held *h)
{
    for (unsigned i = 0; i < h->exchange.status_chunks; i++)
        free(h->exchange.statuses[i].extents);
    free(h->exchange.statuses);
    free(h->exchange.filter);
    free(h->exchange.ranges);
    free(h->contents);
    free(h->error_offsets);
    buffer_free(&h->exchange.data);
    buffer_free(&h->text);
    free(h);
}

/* It was answered while nobody saw it: its cookie is used again. */
static void forget(struct session *s, struct exchange *e)
{
    bucket_remove(s, held_of(e));
    list_remove(&s->in_flight, held_of(e));
    held_free(held_of(e));
}

struct exchange *exchange_new(struct session *s, const struct session_request *request)
{
    struct held *h = memory_take(sizeof *h);
    struct exchange *e = &h->exchange, *same;

    e->request = *request;
    e->number = s->requests++;
    buffer_init(&e->data, SESSION_MAX_BODY);
    buffer_init(&h->text, UINT16_MAX);
    if (request->type == NBD_CMD_DISC) {
        e->answered = true;
        list_append(&s->answered, h);
        remember(s, e);
        return e;
    }
    same = exchange_find(s, request->cookie);
    if (same && s->patchy && held_of(same)->ambiguous && s->streams[SIDE_SERVER].exchange != same) {
        forget(s, same);
        same = NULL;
    }
    if (same) {
        held_of(same)->ambiguous = h->ambiguous = true;
        s->astray = true; /* nobody knows which of them is answered */
    }
    list_append(&s->in_flight, h);
    if (s->in_flight.count > s->bucket_count)
        more_buckets(s);
    else
        bucket_append(s, h);
    return e;
}

struct exchange *exchange_find(const struct session *s, uint64_t cookie)
{
    if (s->bucket_count == 0)
        return NULL;
    for (struct held *h = *bucket_of(s, cookie); h; h = h->chain)
        if (h->exchange.request.cookie == cookie)
            return &h->exchange;
    return NULL;
}

const struct past *exchange_find_past(const struct session *s, uint64_t cookie)
{
    for (size_t i = 1; i <= s->past_count; i++) {
        const struct past *past = &s->past[(s->past_next + PAST_MAX - i) % PAST_MAX];

        if (past->cookie == cookie)
            return past;
    }
    return NULL;
}

void exchange_answered(struct session *s, struct exchange *e)
{
    bucket_remove(s, held_of(e));
    list_remove(&s->in_flight, held_of(e));
    list_append(&s->answered, held_of(e));
    e->answered = true;
    if (e->error == 0 && e->request.type < 32)
        s->succeeded |= UINT32_C(1) << e->request.type;
    if (e->error == 0)
        s->succeeded_with |= e->request.flags;
    remember(s, e);
}

void exchange_release(struct session *s, struct exchange *e)
{
    for (size_t i = 0; i < 2; i++)
        if (s->streams[i].exchange == e) {
            s->streams[i].exchange = NULL;
            if (s->streams[i].into == &e->data)
                s->streams[i].into = &s->streams[i].body;
        }
    list_remove(&s->answered, held_of(e));
    held_free(held_of(e));
}

static void list_free(struct list *l)
{
    while (l->oldest) {
        struct held *h = l->oldest;

        list_remove(l, h);
        held_free(h);
    }
}

void exchange_free_all(struct session *s)
{
    list_free(&s->in_flight);
    list_free(&s->answered);
    free(s->buckets);
    free(s->past);
}
