/* SPDX-License-Identifier: MIT */
#include "runner/rig.h"

#include <string.h>

#include "base/clock.h"

#define NS_PER_S UINT64_C(1000000000)
#define PATIENCE_NS (2 * NS_PER_S) /* with a server that a case has upset */

void rig_init(struct rig *r, struct arena *arena)
{
    r->ways = (struct ways){ arena, &r->facts, NULL };
    r->model = model_new();
    drive_init(&r->drive, r->target, r->timeout_ns);
}

void rig_free(struct rig *r)
{
    drive_free(&r->drive);
    model_free(r->model);
}

/* Before and after a play: what the model may go on believing. */
static void forget(struct rig *r)
{
    for (unsigned i = 0; i < r->scratch.count; i++)
        model_forget(r->model, r->scratch.all[i].offset, r->scratch.all[i].length);
}

/* The result lives in the arena. */
static const struct play_result *play(struct rig *r, const struct planned *p, const struct prepared *prepared,
                                      const struct step *way_in, struct arena *arena)
{
    struct further further = { &r->ways, p->the_case, p->mode, &prepared->variables, arena };
    const struct play_setup setup = {
        .the_case = p->the_case,
        .way_in = way_in,
        .way_in_of = way_of_further,
        .ctx = &further,
        .variables = &prepared->variables,
        .model = r->model,
        .tls_mode = r->facts.tls_mode,
        .timeout_ns = r->timeout_ns,
        .arena = arena,
    };
    struct play *play = play_new(&setup);
    struct play_result *result = ARENA_NEW(arena, struct play_result);

    drive_play(&r->drive, play);
    *result = *play_result(play);
    play_free(play);
    return result;
}

/* A server that is upset may be gone for good: a reply is not the verdict. */
static void see_whether_alive(struct rig *r, struct arena *arena, struct upshot *o)
{
    uint64_t patience_ns = r->timeout_ns > PATIENCE_NS ? r->timeout_ns : PATIENCE_NS;
    char error[400];

    if (drive_is_served(&r->drive, patience_ns, error, sizeof error))
        return;
    o->death = arena_print(arena, "%s", error);
    o->gone = !r->target->revive || !r->target->revive(r->target->ctx, error, sizeof error);
    if (!o->gone)
        forget(r); /* it may have lost what was written */
}

static bool holds(struct span text, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; text.len >= len && i <= text.len - len; i++)
        if (memcmp(text.at + i, word, len) == 0)
            return true;
    return false;
}

/* A server that takes one client at a time may close on the next one until it has seen the last one leave. */
static bool was_turned_away(const struct play_result *result)
{
    if (result->unreachable)
        return true;
    return result->failed > 0 && holds(result->transcript, "\nS: close\n") &&
           !holds(result->transcript, "\nS: GREETING") && !holds(result->transcript, "\nC: ");
}

static const struct play_result *play_patiently(struct rig *r, const struct planned *p,
                                                const struct prepared *prepared, const struct step *way_in,
                                                struct arena *arena)
{
    const struct play_result *result;

    /* Only where the server says so do its connections see each other's writes at once. */
    if (!(prepared->transmission_flags & NBD_FLAG_CAN_MULTI_CONN))
        forget(r);
    result = play(r, p, prepared, way_in, arena);
    if (was_turned_away(result) && !r->drive.cut &&
        drive_is_served(&r->drive, PATIENCE_NS, (char[400]){ 0 }, 400))
        result = play(r, p, prepared, way_in, arena); /* it only needed a moment after the last client */
    return result;
}

struct upshot rig_play_again(struct rig *r, const struct planned *p, const struct ready *ready,
                             struct arena *arena)
{
    const struct play_result *result = play_patiently(r, p, &ready->prepared, ready->way_in, arena);
    struct upshot o = { .planned = PLAN_READY, .result = *result };
    bool upset = result->failed > 0 || result->error || result->unreachable || result->server_closed_early ||
                 r->drive.cut;

    if (upset)
        forget(r);
    if (upset || (r->expectation && expectation_of_death(r->expectation, p->id)))
        see_whether_alive(r, arena, &o);
    return o;
}

/* ---- the first time ---- */

static enum plan_outcome make_ready(struct rig *r, const struct planned *p, struct arena *arena,
                                    const char **ret_reason, struct ready *ret)
{
    const struct way_wanted wanted = { .start = p->the_case->start,
                                       .mode = p->mode,
                                       .contexts = p->the_case->contexts,
                                       .infos = p->the_case->infos };
    enum plan_outcome outcome = plan_prepare(p, &r->facts, r->read_only, arena, &ret->prepared, ret_reason);

    if (outcome == PLAN_READY && !ways_find(&r->ways, &wanted, &ret->way_in, ret_reason))
        outcome = PLAN_MISTAKE;
    return outcome;
}

struct upshot rig_play(struct rig *r, const struct planned *p, struct arena *arena, struct ready *ret_ready)
{
    uint64_t began_ns = clock_ns();
    const char *reason = NULL;
    enum plan_outcome outcome = make_ready(r, p, arena, &reason, ret_ready);
    struct upshot o = { .planned = outcome, .reason = reason };

    if (outcome == PLAN_READY) {
        if (ret_ready->prepared.has_window)
            ranges_add(&r->touched, ret_ready->prepared.base, ret_ready->prepared.window);
        o = rig_play_again(r, p, ret_ready, arena);
    }
    o.took_ns = clock_ns() - began_ns;
    return o;
}
