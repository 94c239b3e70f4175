/* SPDX-License-Identifier: MIT */
#include "capture/fragment.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

enum {
    UNIT = 8, /* fragments begin at multiples of so many bytes */
    PAYLOAD_MAX = 64 * 1024,
    UNITS_MAX = PAYLOAD_MAX / UNIT,
};

/* A packet of which fragments have come. */
struct fragmented {
    struct packet_fragment key; /* of one of them */
    bool used, ends;
    size_t len;   /* with ends: of its payload */
    size_t units; /* that have come */
    bool has[UNITS_MAX];
    uint8_t payload[PAYLOAD_MAX];
};

struct fragment_table {
    struct fragmented *packets[FRAGMENTED_MAX]; /* NULL: never used */
    size_t next;                                /* to give way */
};

struct fragment_table *fragment_table_new(void)
{
    return memory_take(sizeof(struct fragment_table));
}

void fragment_table_free(struct fragment_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < FRAGMENTED_MAX; i++)
        free(t->packets[i]);
    free(t);
}

static bool is_of(const struct fragmented *p, const struct packet_fragment *f)
{
    return p && p->used && p->key.id == f->id && memcmp(p->key.from, f->from, sizeof f->from) == 0 &&
           memcmp(p->key.to, f->to, sizeof f->to) == 0;
}

static struct fragmented *find(struct fragment_table *t, const struct packet_fragment *f)
{
    struct fragmented **packet;

    for (size_t i = 0; i < FRAGMENTED_MAX; i++)
        if (is_of(t->packets[i], f))
            return t->packets[i];
    packet = &t->packets[t->next];
    t->next = (t->next + 1) % FRAGMENTED_MAX;
    if (!*packet)
        *packet = memory_take(sizeof **packet);
    memset((*packet)->has, 0, sizeof(*packet)->has);
    (*packet)->key = *f;
    (*packet)->used = true;
    (*packet)->ends = false;
    (*packet)->units = 0;
    return *packet;
}

bool fragment_table_add(struct fragment_table *t, const struct packet_fragment *fragment, struct span *ret)
{
    size_t end = fragment->at + fragment->bytes.len;
    struct fragmented *p;

    if (fragment->bytes.len == 0 || fragment->at % UNIT != 0 || end > PAYLOAD_MAX)
        return false;
    p = find(t, fragment);
    memcpy(p->payload + fragment->at, fragment->bytes.at, fragment->bytes.len);
    for (size_t unit = fragment->at / UNIT; unit < (end + UNIT - 1) / UNIT; unit++) {
        p->units += !p->has[unit];
        p->has[unit] = true;
    }
    if (!fragment->more) {
        p->ends = true;
        p->len = end;
    }
    if (!p->ends || p->units != (p->len + UNIT - 1) / UNIT)
        return false;
    p->used = false;
    *ret = span_of(p->payload, p->len);
    return true;
}
