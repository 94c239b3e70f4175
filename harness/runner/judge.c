/* SPDX-License-Identifier: MIT */
#include "runner/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "script/cite.h"

void judge_init(struct judge *j, const struct catalogue *catalogue, struct expectation *expectation)
{
    *j = (struct judge){ .catalogue = catalogue,
                         .expectation = expectation,
                         .rows = memory_take(catalogue_count(catalogue) + 1),
                         .arena = arena_new() };
}

void judge_free(struct judge *j)
{
    free(j->rows);
    j->rows = NULL;
    arena_free(j->arena);
    j->arena = NULL;
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
        bool apart = requirement_is_experimental(catalogue_at(j->catalogue, i));
        uint8_t row = j->rows[i];

        *(apart ? &totals->experimental_checked : &totals->requirements_checked) += (row & ROW_CHECKED) != 0;
        *(apart ? &totals->experimental_failed : &totals->requirements_failed) += (row & ROW_FAILED) != 0;
        *(apart ? &totals->experimental_warned : &totals->requirements_warned) += (row & ROW_WARNED) != 0;
    }
}

static enum verdict worst_of(uint8_t row)
{
    if (row & ROW_FAILED)
        return VERDICT_FAIL;
    if (row & ROW_WARNED)
        return VERDICT_WARN;
    if (row & ROW_KNOWN)
        return VERDICT_KNOWN;
    return row & ROW_NOTED ? VERDICT_NOTE : VERDICT_PASS;
}

void judge_rows(const struct judge *j,
                void (*each)(void *ctx, const struct requirement *r, enum verdict worst), void *ctx)
{
    for (size_t i = 0; i < catalogue_count(j->catalogue); i++)
        if (j->rows[i])
            each(ctx, catalogue_at(j->catalogue, i), worst_of(j->rows[i]));
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

/* What the referee saw on the way into an instance. */
struct way_shown {
    const char *rule, *came;
    struct way_shown *next;
};

/* A message, behind which the play went on; not a close, nor silence. */
static bool is_message(struct span transcript, size_t line)
{
    const char *at = (const char *)transcript.at, *end;
    size_t left = transcript.len;

    for (; at && line > 0; line--) {
        end = memchr(at, '\n', left);
        if (!end)
            return false;
        if (line == 1)
            return *at == 'S' && (end - at < 7 || memcmp(end - 7, ": close", 7) != 0);
        left -= (size_t)(end + 1 - at);
        at = end + 1;
    }
    return false;
}

static bool is_on_the_way(const struct finding *f, const struct tree_case *played,
                          const struct play_result *result)
{
    return f->from_referee && f->rule && !f->note && f->place.source &&
           f->place.source != played->place.source && is_message(result->transcript, f->line);
}

/* Every instance goes the same way in: what it shows is told where it first shows, and not hundreds
 * of times. */
static bool was_shown(struct judge *j, const struct finding *f)
{
    const char *came = f->came ? f->came : "";
    struct way_shown *s;

    for (s = j->shown; s; s = s->next)
        if (strcmp(s->rule, f->rule) == 0 && strcmp(s->came, came) == 0)
            return true;
    s = ARENA_NEW(j->arena, struct way_shown);
    s->rule = arena_text(j->arena, span_text(f->rule));
    s->came = arena_text(j->arena, span_text(came));
    s->next = j->shown;
    j->shown = s;
    return false;
}

static void place_finding(const struct finding *f, const struct tree_case *played, struct verdict_finding *v)
{
    /* The way in is text of our own: there is no file to look into. */
    if (!f->place.source || f->place.source != played->place.source)
        return;
    v->file = f->place.source->path;
    place_line_column(f->place, &v->file_line, &v->file_column);
}

static uint8_t bits_of(enum verdict v)
{
    switch (v) {
    case VERDICT_FAIL:
        return ROW_CHECKED | ROW_FAILED;
    case VERDICT_WARN:
        return ROW_CHECKED | ROW_WARNED;
    case VERDICT_KNOWN:
        return ROW_CHECKED | ROW_KNOWN;
    case VERDICT_NOTE:
        return ROW_NOTED;
    case VERDICT_PASS:
    case VERDICT_SKIP:
    case VERDICT_FIXED:
    case VERDICT_ERROR:
    case VERDICT_COUNT:
        break;
    }
    return 0;
}

/* Why what was found is expected, or NULL.  Where the server was to die all that was found may come of it. */
static const char *known_reason(const struct judge *j, const struct requirement *r, const char *dies,
                                const struct instance *i)
{
    const char *reason = r && j->expectation ? expectation_match(j->expectation, r->id, i->id) : NULL;

    return reason ? reason : dies;
}

static void judge_finding(struct judge *j, const struct finding *f, const struct tree_case *played,
                          const char *dies, const struct instance *i, struct verdict_finding *v)
{
    const struct requirement *r = f->rule ? catalogue_find(j->catalogue, span_text(f->rule)) : NULL;

    v->requirement = r;
    v->verdict = verdict_of(f, r);
    v->demanded = f->demanded ? f->demanded : r ? NULL : f->rule ? f->rule : "what the case says";
    v->came = f->came ? f->came : "something else";
    v->transcript_line = f->line;
    place_finding(f, played, v);
    if (v->verdict == VERDICT_WARN || v->verdict == VERDICT_FAIL) {
        v->known_reason = known_reason(j, r, dies, i);
        if (v->known_reason)
            v->verdict = VERDICT_KNOWN;
    }
    if (r)
        *row_of(j, r) |= bits_of(v->verdict);
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

/* A server that ends itself disconnects all of its clients, whatever one of them did. */
static const struct requirement *broken_by_death(const struct judge *j, const struct tree_case *played)
{
    const char *id = played->start == START_TRANSMISSION ? "session.transmission.disconnect-only-when-allowed"
                                                         : "session.hard-disconnect.only-when-allowed";

    return catalogue_find(j->catalogue, span_text(id));
}

const char *judge_death(const struct judge *j, const struct tree_case *played, struct arena *arena,
                        const char *came, struct instance *i)
{
    struct verdict_finding *v = ARENA_NEW(arena, struct verdict_finding);

    v->requirement = broken_by_death(j, played);
    v->verdict = VERDICT_FAIL;
    v->died = true;
    v->demanded = "afterwards the server serves a fresh connection";
    v->came = arena_print(arena, "%s", came);
    if (j->expectation)
        v->known_reason = expectation_match(j->expectation, EXPECTATION_DIES, i->id);
    if (v->known_reason)
        v->verdict = VERDICT_KNOWN;
    if (v->requirement)
        *row_of(j, v->requirement) |= bits_of(v->verdict);
    add_finding(i, v);
    i->server_died = true;
    return v->known_reason;
}

void judge_play(struct judge *j, const struct tree_case *played, const struct play_result *result,
                const char *death, struct arena *arena, struct instance *i)
{
    const char *dies = death ? judge_death(j, played, arena, death, i) : NULL;

    cite_each(played, check_id, j);
    if (j->expectation)
        expectation_ran(j->expectation, i->id);
    for (const struct finding *f = result->findings; f; f = f->next) {
        struct verdict_finding *v;

        if (is_on_the_way(f, played, result) && was_shown(j, f))
            continue;
        v = ARENA_NEW(arena, struct verdict_finding);
        judge_finding(j, f, played, dies, i, v);
        add_finding(i, v);
    }
    if (result->error) {
        i->verdict = VERDICT_ERROR;
        i->reason = say_error(result, arena);
    }
    i->transcript = result->transcript;
}
