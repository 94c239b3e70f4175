/* SPDX-License-Identifier: MIT */
/* Replies that a line remembers, or compares with those that an earlier one did: as NAME, same NAME. */
#include <stdlib.h>

#include "base/memory.h"
#include "script/machine.h"

static void add(struct play *p, uint32_t type, struct span name, struct span body, struct told told)
{
    if (p->seen_count == p->seen_room) {
        p->seen_room = p->seen_room ? 2 * p->seen_room : 16;
        p->seen = memory_grow(p->seen, p->seen_room * sizeof *p->seen);
    }
    p->seen[p->seen_count++] = (struct saved_item){
        .type = type,
        .name = span_of(arena_copy(p->scratch, name.at, name.len), name.len),
        .body = span_of(arena_copy(p->scratch, body.at, body.len), body.len),
        .text = told_text(p, told),
    };
}

void saved_message(struct play *p, const struct step *s, const struct kept *k)
{
    const struct message *m = &k->message;
    struct wire_out out;
    uint8_t bytes[16];

    if (!s->save && !s->same)
        return;
    out = wire_out(bytes, sizeof bytes);
    switch (m->head.kind) {
    case SCAN_KIND_OPTION_REPLY:
        add(p, m->head.option_reply.type, m->reply.name, m->body, k->told);
        return;
    case SCAN_KIND_EXPORT:
        wire_put_export(&out, &m->head.export);
        break;
    case SCAN_KIND_NEWSTYLE:
        wire_put_handshake_flags(&out, &m->head.newstyle);
        break;
    case SCAN_KIND_OLDSTYLE:
        wire_put_oldstyle(&out, &m->head.oldstyle);
        break;
    case SCAN_KIND_CLIENT_FLAGS:
    case SCAN_KIND_OPTION:
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_SIMPLE_REPLY:
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REQUEST:
    case SCAN_KIND_EXTENDED_REPLY:
        return;
    }
    add(p, 0, (struct span){ 0 }, span_of(bytes, out.len), k->told);
}

void saved_reply(struct play *p, const struct step *s, const struct request *r)
{
    const struct exchange *e = r->exchange;

    if (!s->save && !s->same)
        return;
    if (e->error == 0 && e->request.type == NBD_CMD_READ) {
        add(p, 0, (struct span){ 0 }, buffer_span(&e->data), r->told);
        return;
    }
    if (e->error != 0 || e->status_chunks == 0) {
        add(p, e->error, (struct span){ 0 }, (struct span){ 0 }, r->told);
        return;
    }
    for (unsigned i = 0; i < e->status_chunks; i++)
        add(p, e->statuses[i].context, (struct span){ 0 },
            span_of(e->statuses[i].extents, e->statuses[i].count * sizeof e->statuses[i].extents[0]),
            r->told);
}

static int compare_items(const void *left, const void *right)
{
    const struct saved_item *a = left, *b = right;
    size_t least = a->body.len < b->body.len ? a->body.len : b->body.len;
    int order;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    order = least > 0 ? memcmp(a->body.at, b->body.at, least) : 0;
    if (order != 0 || a->body.len == b->body.len)
        return order;
    return a->body.len < b->body.len ? -1 : 1;
}

const struct saved *saved_find(const struct play *p, const char *name)
{
    for (const struct saved *s = p->saved; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

/* NULL when both hold the same replies; otherwise in words what does not stand in both.  Both are sorted. */
static const char *difference(struct play *p, const struct saved *before, const struct saved_item *now,
                              size_t count)
{
    size_t i = 0, j = 0;

    while (i < before->count || j < count) {
        int order = i == before->count ? 1 : j == count ? -1 : compare_items(&before->items[i], &now[j]);

        if (order < 0)
            return arena_print(p->arena, "of %s there is no more: %s", before->name, before->items[i].text);
        if (order > 0)
            return arena_print(p->arena, "%s, and in %s there is none like it", now[j].text, before->name);
        i++;
        j++;
    }
    return NULL;
}

static void judge_same(struct play *p, struct connection *c, const struct step *s, struct told told)
{
    const struct saved *before = saved_find(p, s->same);
    const char *differs;

    if (!before) {
        play_mistake_at(p, s->place, "no earlier line says 'as' with this name");
        return;
    }
    differs = difference(p, before, p->seen, p->seen_count);
    if (differs)
        finding_line(p, c, s->by, true, s->place,
                     arena_print(p->arena, "%s same %s", finding_demanded(p, s), s->same), differs, told);
}

void saved_end(struct play *p, struct connection *c, const struct step *s, struct told told)
{
    struct saved *saved;

    if (p->seen_count > 1)
        qsort(p->seen, p->seen_count, sizeof *p->seen, compare_items);
    if (s->same)
        judge_same(p, c, s, told);
    if (s->save) {
        saved = ARENA_NEW(p->scratch, struct saved);
        saved->name = s->save;
        saved->count = p->seen_count;
        saved->items = arena_copy(p->scratch, p->seen, p->seen_count * sizeof *p->seen);
        saved->next = p->saved;
        p->saved = saved;
    }
    p->seen_count = 0;
}
