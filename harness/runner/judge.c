/* SPDX-License-Identifier: MIT */
#include "runner/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "script/cite.h"

void judge_init(struct judge *j, const struct catalogue *catalogue, struct expectation *expectation)
{
    *j = (struct judge){ catalogue, expectation, memory_take(catalogue_count(catalogue) + 1) };
}

void judge_free(struct judge *j)
{
    free(j->rows);
    j->rows = NULL;
}

/* ---- rows ---- */

static uint8_t *row_of(const struct judge *j, const struct requirement *r)
{
    return &j->rows[r - catalogue_at(j->catalogue, 0)];
}

static void check_id(void *ctx, const struct citation *citation)
{
    const struct judge *j = ctx;
    const struct requirement *r = catalogue_find(j->catalogue, span_text(citation->id));

    if (r)
        *row_of(j, r) |= ROW_CHECKED;
}

void judge_count(const struct judge *j, struct totals *totals)
{
    for (size_t i = 0; i < catalogue_count(j->catalogue); i++) {
        totals->requirements_checked += (j->rows[i] & ROW_CHECKED) != 0;
        totals->requirements_failed += (j->rows[i] & ROW_FAILED) != 0;
        totals->requirements_warned += (j->rows[i] & ROW_WARNED) != 0;
    }
}

/* ---- findings ---- */

static enum verdict verdict_of_level(enum level level)
{
    switch (level) {
    case LEVEL_FORMAT:
    case LEVEL_MUST:
        return VERDICT_FAIL;
    case LEVEL_SHOULD:
        return VERDICT_WARN;
    case LEVEL_MAY:
        break;
    }
    return VERDICT_NOTE;
}

static enum verdict verdict_of(const struct finding *f, const struct requirement *r)
{
    if (f->note)
        return VERDICT_NOTE;
    if (!r)
        return VERDICT_FAIL;
    /* What only a client can do wrong is never the server's fault. */
    if (strcmp(r->party, "client") == 0)
        return VERDICT_NOTE;
    return verdict_of_level(r->judged);
}

static void place_finding(const struct finding *f, const struct tree_case *played, struct verdict_finding *v)
{
    /* The way in is text of our own: there is no file to look into. */
    if (!f->place.source || f->place.source != played->place.source)
        return;
    v->file = f->place.source->path;
    place_line_column(f->place, &v->file_line, &v->file_column);
}

static void judge_finding(struct judge *j, const struct finding *f, const struct tree_case *played,
                          const struct instance *i, struct verdict_finding *v)
{
    const struct requirement *r = f->rule ? catalogue_find(j->catalogue, span_text(f->rule)) : NULL;

    v->requirement = r;
    v->verdict = verdict_of(f, r);
    v->demanded = f->demanded ? f->demanded : r ? NULL : f->rule ? f->rule : "what the case says";
    v->came = f->came ? f->came : "something else";
    v->transcript_line = f->line;
    place_finding(f, played, v);
    if (r && j->expectation && (v->verdict == VERDICT_WARN || v->verdict == VERDICT_FAIL)) {
        v->known_reason = expectation_match(j->expectation, r->id, i->id);
        if (v->known_reason)
            v->verdict = VERDICT_KNOWN;
    }
    if (r && v->verdict == VERDICT_FAIL)
        *row_of(j, r) |= ROW_CHECKED | ROW_FAILED;
    if (r && v->verdict == VERDICT_WARN)
        *row_of(j, r) |= ROW_CHECKED | ROW_WARNED;
}

static void add_finding(struct instance *i, struct verdict_finding *v)
{
    struct verdict_finding **tail = &i->findings;

    while (*tail)
        tail = &(*tail)->next;
    *tail = v;
    if (v->verdict > i->verdict)
        i->verdict = v->verdict;
}

static const char *say_error(const struct play_result *result, struct arena *arena)
{
    const char *reason = result->error_reason ? result->error_reason : "it could not be played";
    unsigned line, column;

    if (!result->error_place.source)
        return reason;
    place_line_column(result->error_place, &line, &column);
    return arena_print(arena, "%s:%u:%u: %s", result->error_place.source->path, line, column, reason);
}

void judge_play(struct judge *j, const struct tree_case *played, const struct play_result *result,
                struct arena *arena, struct instance *i)
{
    cite_each(played, check_id, j);
    if (j->expectation)
        expectation_ran(j->expectation, i->id);
    for (const struct finding *f = result->findings; f; f = f->next) {
        struct verdict_finding *v = ARENA_NEW(arena, struct verdict_finding);

        judge_finding(j, f, played, i, v);
        add_finding(i, v);
    }
    if (result->error) {
        i->verdict = VERDICT_ERROR;
        i->reason = say_error(result, arena);
    }
    i->transcript = result->transcript;
}

void judge_death(struct arena *arena, const char *came, struct instance *i)
{
    struct verdict_finding *v = ARENA_NEW(arena, struct verdict_finding);

    v->verdict = VERDICT_FAIL;
    v->demanded = "afterwards the server serves a fresh connection";
    v->came = arena_print(arena, "%s", came);
    add_finding(i, v);
    i->server_died = true;
}
