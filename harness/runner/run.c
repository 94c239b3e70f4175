/* SPDX-License-Identifier: MIT */
#include "runner/run.h"

#include <string.h>

#include "base/clock.h"
#include "runner/facts.h"
#include "runner/jobs.h"
#include "runner/judge.h"
#include "runner/plan.h"
#include "runner/rig.h"
#include "runner/safety.h"
#include "runner/tell.h"

#define NS_PER_S UINT64_C(1000000000)
#define DEFAULT_TIMEOUT_NS (5 * NS_PER_S)

/* A run and all that lives as long as it. */
struct run {
    const struct run_options *options;
    struct target target; /* as the caller has it, but for whether connections go over to TLS */
    struct plan plan;
    struct rig rig;
    struct judge judge;
    struct telling telling;
    struct arena *arena; /* of one instance */
    struct arena *swept; /* of one delivery of it */
    struct sweep_messages messages;
    bool died;
    bool defect; /* a process that played died */
    struct buffer *error;
};

/* ---- one instance ---- */

static struct instance instance_of(const struct planned *p)
{
    return (struct instance){ .file = p->the_case->place.source->path,
                              .name = p->the_case->name,
                              .title = p->the_case->title,
                              .mode = mode_name(p->mode),
                              .choices = p->choices,
                              .id = p->id,
                              .transcript = { NULL, 0 } };
}

/* The server may not have outlived the instance: the run ends where it cannot be started again. */
static void bury(struct run *r, const struct upshot *o, struct instance *i)
{
    if (o->death)
        i->server_died = r->died = o->gone;
}

static struct instance judge_instance(struct run *r, const struct planned *p, const struct upshot *o)
{
    struct instance i = instance_of(p);

    i.reason = o->reason;
    i.took_ns = o->took_ns;
    switch (o->planned) {
    case PLAN_READY:
        judge_play(&r->judge, p->the_case, &o->result, o->death, r->arena, &i);
        bury(r, o, &i);
        break;
    case PLAN_SKIP:
        i.verdict = VERDICT_SKIP;
        break;
    case PLAN_MISTAKE:
        i.verdict = VERDICT_ERROR;
        break;
    }
    return i;
}

static void tell_judged(struct run *r, const struct instance *i)
{
    if (i->verdict == VERDICT_ERROR)
        buffer_print(r->error, "%s could not be run: %s\n", i->id, i->reason);
    tell_instance(&r->telling, i);
    if (i->server_died) {
        r->telling.totals.stopped = "the server serves no connection any more";
        buffer_print(r->error,
                     "after %s the server serves no connection any more; -x '%s' leaves this case out\n",
                     i->id, i->name);
    }
    arena_reset(r->arena);
}

/* ---- sweeps ---- */

/* Plays an instance with one delivery.  True when that is as good as without. */
static bool holds_delivered(struct run *r, const struct planned *p, const struct ready *ready,
                            struct instance *i)
{
    struct instance swept = instance_of(p);
    struct upshot o = rig_play_again(&r->rig, p, ready, r->swept);

    if (!r->rig.drive.cut)
        judge_play(&r->judge, p->the_case, &o.result, o.death, r->swept, &swept);
    else if (o.death)
        judge_death(&r->judge, p->the_case, r->arena, o.death, &swept);
    if (r->rig.drive.cut)
        swept.transcript = i->transcript; /* what would have come, had the client stayed */
    bury(r, &o, &swept);
    if (swept.verdict <= VERDICT_NOTE || swept.verdict == VERDICT_KNOWN)
        return true;
    *i = swept;
    return false;
}

/* Once more for each delivery of the sweep, until one does not hold. */
static void sweep_instance(struct run *r, const struct planned *p, const struct ready *ready,
                           struct instance *i)
{
    const enum sweep kind = r->options->sweep;
    const size_t count = sweep_count(kind, &r->messages);
    bool holds = true;
    char how[100];

    r->rig.drive.messages = NULL;
    for (size_t d = 0; d < count && holds && !r->died; d++) {
        r->rig.drive.delivery = sweep_delivery(kind, &r->messages, d);
        arena_reset(r->swept);
        holds = holds_delivered(r, p, ready, i);
    }
    if (!holds) {
        sweep_print(&r->rig.drive.delivery, how, sizeof how);
        if (!i->reason)
            i->reason = arena_print(r->arena, "%s", how);
    }
    r->rig.drive.delivery = (struct sweep_delivery){ .kind = SWEEP_NONE };
}

static void run_instance(struct run *r, const struct planned *p)
{
    uint64_t began_ns = clock_ns();
    struct ready ready;
    struct upshot o;
    struct instance i;

    r->rig.drive.messages = &r->messages;
    o = rig_play(&r->rig, p, r->arena, &ready);
    i = judge_instance(r, p, &o);
    if (r->options->sweep != SWEEP_NONE && o.planned == PLAN_READY && i.verdict <= VERDICT_NOTE) {
        sweep_instance(r, p, &ready, &i);
        i.took_ns = clock_ns() - began_ns;
    }
    tell_judged(r, &i);
}

/* ---- before and after them ---- */

static enum status select_instances(struct run *r, const struct library *library)
{
    if (!plan_make(&r->plan, library, r->options, r->error))
        return STATUS_USAGE;
    if (r->plan.count == 0) {
        buffer_print(r->error, "no case is selected\n");
        plan_free(&r->plan);
        return STATUS_USAGE;
    }
    return STATUS_CONFORMS;
}

static enum status find_facts(struct run *r)
{
    struct facts_wanted wanted = { .export = r->options->export,
                                   .timeout_ns = r->rig.timeout_ns,
                                   .options = true };
    enum status status;

    plan_wanted(&r->plan, &wanted);
    status = facts_probe(&r->target, &wanted, &r->rig.facts, r->error);
    r->target.secured = r->rig.facts.secured && !r->rig.facts.tls_broken;
    return status;
}

/* Puts together where the cases that can be played may write. */
static void survey(struct run *r)
{
    for (size_t i = 0; i < r->plan.count; i++) {
        struct prepared prepared;
        const char *reason;

        if (r->plan.all[i].the_case->window && plan_prepare(&r->plan.all[i], &r->rig.facts, r->rig.read_only,
                                                            r->arena, &prepared, &reason) == PLAN_READY)
            ranges_add(&r->rig.scratch, prepared.base, prepared.window);
        arena_reset(r->arena);
    }
}

/* A server that fails to tell what would be overwritten is still tested as far as that goes without writing;
 * and what is wrong with its READ is shown by the cases about it, whatever was asked for. */
static enum status look_before_writing(struct run *r, const struct library *library)
{
    enum status status;

    if (r->rig.scratch.count == 0 || r->options->destroy)
        return STATUS_CONFORMS;
    status = safety_look(&r->target, &r->rig.facts, r->rig.timeout_ns, &r->rig.scratch, r->error);
    if (status != STATUS_VIOLATIONS)
        return status;
    r->rig.read_only = true;
    r->rig.scratch.count = 0;
    plan_add(&r->plan, library, "baseline.cmd-read");
    return STATUS_CONFORMS;
}

/* NULL: cases may write. */
static const char *why_no_writes(const struct run *r)
{
    if (r->options->read_only)
        return "--read-only";
    if (r->rig.read_only)
        return "what stands in the export cannot be read";
    if (r->rig.facts.flags_structured & NBD_FLAG_READ_ONLY)
        return "the export is read-only";
    if (r->rig.facts.writes_refused)
        return "the server refuses to write (EPERM)";
    return NULL;
}

static enum status try_writing(struct run *r)
{
    if (r->rig.scratch.count == 0 || why_no_writes(r))
        return STATUS_CONFORMS;
    return safety_try(&r->target, &r->rig.facts, r->rig.timeout_ns, &r->rig.scratch,
                      &r->rig.facts.writes_refused, r->error);
}

static void clean_up(struct run *r)
{
    uint64_t offset = 0, length = 0;

    if (r->rig.touched.count == 0 || r->rig.facts.flags_structured & NBD_FLAG_READ_ONLY)
        return;
    if (r->died) {
        offset = r->rig.touched.all[0].offset;
        length = r->rig.touched.all[0].length;
    } else {
        safety_zero(&r->target, &r->rig.facts, r->rig.timeout_ns, &r->rig.touched, &offset, &length);
    }
    r->telling.totals.not_zeroed_offset = offset;
    r->telling.totals.not_zeroed_length = length;
}

/* ---- in several jobs ---- */

/* Each has the server for itself, a copy of the one within this process, and leaves the judging to this
 * process, which does it as if it had played. */
static bool play_in_job(void *ctx, size_t index, struct buffer *ret)
{
    struct run *r = ctx;
    struct ready ready;
    struct upshot o;

    if (index == r->plan.count) {
        clean_up(r);
        buffer_add(ret, &r->telling.totals, sizeof r->telling.totals);
        return false;
    }
    o = rig_play(&r->rig, &r->plan.all[index], r->arena, &ready);
    upshot_put(&o, r->plan.all[index].the_case, ret);
    arena_reset(r->arena);
    return !o.gone;
}

static void take_end_of_job(struct run *r, struct span result)
{
    struct totals totals;

    if (result.len != sizeof totals || r->telling.totals.not_zeroed_length > 0)
        return;
    memcpy(&totals, result.at, sizeof totals);
    r->telling.totals.not_zeroed_offset = totals.not_zeroed_offset;
    r->telling.totals.not_zeroed_length = totals.not_zeroed_length;
}

static bool take_from_job(void *ctx, size_t index, struct span result)
{
    struct run *r = ctx;
    const struct planned *p = &r->plan.all[index];
    struct instance i;
    struct upshot o;

    if (index == r->plan.count) {
        take_end_of_job(r, result);
        return true;
    }
    if (!upshot_get(result, p->the_case, r->arena, &o))
        o = (struct upshot){ .planned = PLAN_MISTAKE,
                             .reason = "what its process said of it makes no sense" };
    i = judge_instance(r, p, &o);
    tell_judged(r, &i);
    return !r->died;
}

static bool lose_to_job(void *ctx, size_t index, const char *how)
{
    struct run *r = ctx;
    const struct upshot o = { .planned = PLAN_MISTAKE, .reason = arena_print(r->arena, "%s", how) };
    const struct instance i = judge_instance(r, &r->plan.all[index], &o);

    r->defect = true;
    tell_judged(r, &i);
    return true;
}

static bool run_in_jobs(struct run *r)
{
    const struct jobs jobs = { .jobs = r->options->jobs,
                               .count = r->plan.count,
                               .work = play_in_job,
                               .take = take_from_job,
                               .lost = lose_to_job,
                               .ctx = r };
    char error[200];

    if (jobs_run(&jobs, error, sizeof error))
        return true;
    buffer_print(r->error, "%s\n", error);
    return false;
}

static void run_here(struct run *r)
{
    for (size_t i = 0; i < r->plan.count && !r->died; i++)
        run_instance(r, &r->plan.all[i]);
    clean_up(r);
}

/* ---- the end ---- */

static void tell_fixed(void *ctx, const char *id, const char *pattern)
{
    struct run *r = ctx;
    struct instance i = { .file = "",
                          .name = pattern,
                          .title = "expected not to conform, and it does",
                          .choices = "",
                          .id = pattern,
                          .verdict = VERDICT_FIXED };

    i.reason = arena_print(r->arena, "%s holds, and the expectation file says that it does not", id);
    tell_instance(&r->telling, &i);
    arena_reset(r->arena);
}

static enum status status_of(const struct run *r)
{
    const size_t *count = r->telling.totals.by_verdict;

    if (r->defect)
        return STATUS_DEFECT;
    if (count[VERDICT_ERROR] > 0)
        return STATUS_USAGE;
    if (r->died)
        return STATUS_DIED;
    if (count[VERDICT_FAIL] > 0 || (r->options->strict && count[VERDICT_WARN] + count[VERDICT_FIXED] > 0))
        return STATUS_VIOLATIONS;
    if (r->rig.facts.no_way_in)
        return STATUS_UNREACHABLE;
    if (r->rig.read_only && !r->options->read_only)
        return STATUS_VIOLATIONS;
    if (count[VERDICT_SKIP] == r->plan.count)
        return STATUS_SKIPPED;
    return STATUS_CONFORMS;
}

static enum status run_all(struct run *r, const struct library *library, struct expectation *expectation)
{
    uint64_t began_ns = clock_ns();
    enum status status;

    survey(r);
    status = look_before_writing(r, library);
    if (status == STATUS_CONFORMS)
        status = try_writing(r);
    if (status != STATUS_CONFORMS)
        return status;
    tell_begin(&r->telling, r->target.name, &r->rig.facts, &r->rig.scratch, why_no_writes(r), r->plan.count);
    if (r->options->jobs <= 1)
        run_here(r);
    else if (!run_in_jobs(r))
        return STATUS_DEFECT;
    if (expectation)
        expectation_fixed(expectation, tell_fixed, r);
    r->telling.totals.took_ns = clock_ns() - began_ns;
    tell_end(&r->telling, &r->judge);
    return status_of(r);
}

enum status run_library(const struct library *library, const struct catalogue *catalogue,
                        const struct target *target, const struct run_options *options,
                        struct expectation *expectation, const struct listener listeners[],
                        size_t listener_count, struct buffer *ret_error)
{
    struct run r = { .options = options,
                     .target = *target,
                     .telling = { .listeners = listeners, .listener_count = listener_count },
                     .error = ret_error };
    enum status status = select_instances(&r, library);

    if (status != STATUS_CONFORMS)
        return status;
    r.rig = (struct rig){ .target = &r.target,
                          .expectation = expectation,
                          .timeout_ns = options->timeout_ns ? options->timeout_ns : DEFAULT_TIMEOUT_NS,
                          .read_only = options->read_only };
    status = find_facts(&r);
    if (status == STATUS_CONFORMS || r.rig.facts.no_way_in) {
        r.arena = arena_new();
        r.swept = arena_new();
        rig_init(&r.rig, r.plan.arena);
        judge_init(&r.judge, catalogue, expectation);
        status = run_all(&r, library, expectation);
        judge_free(&r.judge);
        rig_free(&r.rig);
        arena_free(r.swept);
        arena_free(r.arena);
    }
    plan_free(&r.plan);
    return status;
}

void run_list(const struct library *library, const struct run_options *options,
              void (*each)(void *ctx, const struct instance *instance), void *ctx)
{
    struct buffer error;
    struct plan plan;

    buffer_init(&error, 64 * 1024);
    if (plan_make(&plan, library, options, &error)) {
        for (size_t i = 0; i < plan.count; i++) {
            const struct instance instance = instance_of(&plan.all[i]);

            each(ctx, &instance);
        }
        plan_free(&plan);
    }
    buffer_free(&error);
}
