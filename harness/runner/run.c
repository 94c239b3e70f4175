/* SPDX-License-Identifier: MIT */
#include "runner/run.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "runner/drive.h"
#include "runner/facts.h"
#include "runner/jobs.h"
#include "runner/judge.h"
#include "runner/plan.h"
#include "runner/safety.h"
#include "runner/upshot.h"
#include "runner/way.h"

#define NS_PER_S UINT64_C(1000000000)
#define DEFAULT_TIMEOUT_NS (5 * NS_PER_S)
#define PATIENCE_NS (2 * NS_PER_S) /* with a server that a case has upset */

/* A run and all that lives as long as it. */
struct run {
    const struct target *target;
    struct target reached; /* the same; whether connections go over to TLS was found out */
    const struct run_options *options;
    const struct listener *listeners;
    size_t listener_count;
    uint64_t timeout_ns;
    struct plan plan;
    struct facts facts;
    struct ways ways;
    struct ranges scratch; /* where cases may write */
    struct ranges touched; /* where they have had the chance to */
    struct model *model;
    struct drive drive;
    struct judge judge;
    struct arena *arena; /* of one instance */
    struct arena *swept; /* of one delivery of it */
    struct sweep_messages messages;
    struct totals totals;
    bool died;
    bool defect;    /* a process that played died */
    bool read_only; /* no case may write: so it was asked for, or nobody can tell what would be lost */
    struct buffer *error;
};

/* ---- telling ---- */

static void tell_instance(struct run *r, const struct instance *i)
{
    r->totals.by_verdict[i->verdict]++;
    for (size_t l = 0; l < r->listener_count; l++)
        if (r->listeners[l].instance)
            r->listeners[l].instance(r->listeners[l].ctx, i);
}

static void tell_row(void *ctx, const struct requirement *requirement, enum verdict worst)
{
    struct run *r = ctx;

    for (size_t l = 0; l < r->listener_count; l++)
        if (r->listeners[l].row)
            r->listeners[l].row(r->listeners[l].ctx, requirement, worst);
}

static void tell_end(struct run *r)
{
    judge_rows(&r->judge, tell_row, r);
    for (size_t l = 0; l < r->listener_count; l++)
        if (r->listeners[l].ended)
            r->listeners[l].ended(r->listeners[l].ctx, &r->totals);
}

static const char *why_no_writes(const struct run *r)
{
    if (r->options->read_only)
        return "--read-only";
    if (r->read_only)
        return "what stands in the export cannot be read";
    if (r->facts.flags_structured & NBD_FLAG_READ_ONLY)
        return "the export is read-only";
    if (r->facts.writes_refused)
        return "the server refuses to write (EPERM)";
    return NULL;
}

/* NULL: there is none. */
static const char *describe_tls(const struct facts *f)
{
    switch (f->tls_mode) {
    case TLS_MODE_FORCED:
        return f->tls_broken ? "required, and does not work" : "required";
    case TLS_MODE_SELECTIVE:
        return f->tls_broken ? "offered, and does not work" : f->secured ? "offered, and used" : "offered";
    case TLS_MODE_NOTLS:
    case TLS_MODE_UNKNOWN:
        break;
    }
    return NULL;
}

static void tell_begin(struct run *r)
{
    const struct facts *f = &r->facts;
    struct buffer export;
    struct about about = {
        .server = r->target->name,
        .export_chosen = f->export_chosen,
        .size = f->size,
        .transmission_flags = f->flags_structured,
        .handshake_flags = f->handshake_flags,
        .structured = f->structured,
        .extended = f->extended,
        .tls = describe_tls(f),
        .has_block_size = f->has_block_size,
        .minimum_block = f->block_size.minimum,
        .preferred_block = f->block_size.preferred,
        .maximum_payload = f->block_size.maximum,
        .writes_why_not = why_no_writes(r),
        .writes_allowed = why_no_writes(r) == NULL,
        .instances = r->plan.count,
    };

    if (r->scratch.count > 0) {
        about.scratch_offset = r->scratch.all[0].offset;
        about.scratch_length = r->scratch.all[0].length;
    }
    buffer_init(&export, 8 * NBD_MAX_STRING);
    escape_text(&export, span_text(f->export));
    about.export = buffer_text(&export);
    for (size_t l = 0; l < r->listener_count; l++)
        if (r->listeners[l].began)
            r->listeners[l].began(r->listeners[l].ctx, &about);
    buffer_free(&export);
}

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

/* What the ways to further connections depend on. */
struct further {
    struct run *run;
    const struct planned *planned;
    const struct environment *variables;
};

static const char *word_of(const struct further *f, const struct value *v)
{
    const char *word = v->kind == VALUE_WORD ? value_word(v->text, f->variables, f->run->arena) : NULL;
    const struct bound *b = v->kind == VALUE_VARIABLE ? environment_find(f->variables, v->text) : NULL;

    if (b && b->kind == BOUND_WORD)
        word = b->word;
    return word ? word : "";
}

static enum mode mode_of(const char *word)
{
    static const enum mode modes[] = { MODE_SIMPLE, MODE_EXTENDED };

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(word, mode_name(modes[i])) == 0)
            return modes[i];
    return MODE_STRUCTURED;
}

/* As far as the server grants it. */
static enum mode granted(const struct facts *f, enum mode mode)
{
    if (f->compact_refused)
        return MODE_EXTENDED;
    if (mode == MODE_EXTENDED && !f->extended)
        mode = MODE_STRUCTURED;
    if (mode != MODE_EXTENDED && mode != MODE_SIMPLE)
        mode = f->structured ? MODE_STRUCTURED : MODE_SIMPLE;
    return mode;
}

static enum start start_of(const char *word)
{
    static const char *const starts[] = { [START_CONNECT] = "connect",
                                          [START_GREETING] = "greeting",
                                          [START_OPTIONS] = "options",
                                          [START_TRANSMISSION] = "transmission" };

    for (unsigned i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strcmp(word, starts[i]) == 0)
            return (enum start)i;
    return START_TRANSMISSION;
}

/* A further connection goes the way of the first one, but for what its line says. */
static const struct step *way_of_further(void *ctx, const struct field *fields)
{
    const struct further *f = ctx;
    struct way_wanted wanted = { .start = START_TRANSMISSION, .mode = f->planned->mode };
    const struct step *steps;
    const char *reason;

    for (; fields; fields = fields->next) {
        if (strcmp(fields->name, "start") == 0)
            wanted.start = start_of(word_of(f, fields->value));
        if (strcmp(fields->name, "mode") == 0)
            wanted.mode = mode_of(word_of(f, fields->value));
        if (strcmp(fields->name, "export") == 0)
            wanted.export = fields->value;
    }
    wanted.mode = granted(&f->run->facts, wanted.mode);
    if (wanted.mode != MODE_SIMPLE && !wanted.export)
        wanted.contexts = f->planned->the_case->contexts;
    return ways_find(&f->run->ways, &wanted, &steps, &reason) ? steps : NULL;
}

/* Before and after a play: what the model may go on believing. */
static void forget(struct run *r)
{
    for (unsigned i = 0; i < r->scratch.count; i++)
        model_forget(r->model, r->scratch.all[i].offset, r->scratch.all[i].length);
}

/* The result lives in the arena. */
static const struct play_result *play(struct run *r, const struct planned *p, const struct prepared *prepared,
                                      const struct step *way_in, struct arena *arena)
{
    struct further further = { r, p, &prepared->variables };
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
static void see_whether_alive(struct run *r, struct upshot *o)
{
    uint64_t patience_ns = r->timeout_ns > PATIENCE_NS ? r->timeout_ns : PATIENCE_NS;
    char error[400];

    if (drive_is_served(&r->drive, patience_ns, error, sizeof error))
        return;
    o->death = arena_print(r->arena, "%s", error);
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

static const struct play_result *play_patiently(struct run *r, const struct planned *p,
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

/* What a play needs. */
struct ready {
    struct prepared prepared;
    const struct step *way_in;
};

static void play_ready(struct run *r, const struct planned *p, const struct ready *ready, struct arena *arena,
                       struct upshot *o)
{
    const struct play_result *result = play_patiently(r, p, &ready->prepared, ready->way_in, arena);
    const struct expectation *e = r->judge.expectation;
    bool upset = result->failed > 0 || result->error || result->unreachable || result->server_closed_early ||
                 r->drive.cut;

    o->result = *result;
    if (upset)
        forget(r);
    if (upset || (e && expectation_of_death(e, p->id)))
        see_whether_alive(r, o);
}

static void bury(struct run *r, const struct upshot *o, struct instance *i)
{
    if (o->death)
        i->server_died = r->died = o->gone;
}

/* ---- sweeps ---- */

/* Plays an instance with one delivery.  True when that is as good as without. */
static bool holds_delivered(struct run *r, const struct planned *p, const struct ready *ready,
                            struct instance *i)
{
    struct instance swept = instance_of(p);
    struct upshot o = { .planned = PLAN_READY };

    play_ready(r, p, ready, r->swept, &o);
    if (!r->drive.cut)
        judge_play(&r->judge, p->the_case, &o.result, o.death, r->swept, &swept);
    else if (o.death)
        judge_death(&r->judge, r->arena, o.death, &swept);
    if (r->drive.cut)
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

    r->drive.messages = NULL;
    for (size_t d = 0; d < count && holds && !r->died; d++) {
        r->drive.delivery = sweep_delivery(kind, &r->messages, d);
        arena_reset(r->swept);
        holds = holds_delivered(r, p, ready, i);
    }
    if (!holds) {
        sweep_print(&r->drive.delivery, how, sizeof how);
        if (!i->reason)
            i->reason = arena_print(r->arena, "%s", how);
    }
    r->drive.delivery = (struct sweep_delivery){ .kind = SWEEP_NONE };
}

/* ---- playing, and judging ---- */

static bool make_ready(struct run *r, const struct planned *p, struct upshot *o, struct ready *ret)
{
    const struct way_wanted wanted = { .start = p->the_case->start,
                                       .mode = p->mode,
                                       .contexts = p->the_case->contexts,
                                       .infos = p->the_case->infos };

    o->planned = plan_prepare(p, &r->facts, r->read_only, r->arena, &ret->prepared, &o->reason);
    if (o->planned == PLAN_READY && !ways_find(&r->ways, &wanted, &ret->way_in, &o->reason))
        o->planned = PLAN_MISTAKE;
    return o->planned == PLAN_READY;
}

static struct upshot play_instance(struct run *r, const struct planned *p, struct ready *ready)
{
    uint64_t began_ns = clock_ns();
    struct upshot o = { .planned = PLAN_READY };

    if (make_ready(r, p, &o, ready)) {
        if (ready->prepared.has_window)
            ranges_add(&r->touched, ready->prepared.base, ready->prepared.window);
        r->drive.messages = &r->messages;
        play_ready(r, p, ready, r->arena, &o);
    }
    o.took_ns = clock_ns() - began_ns;
    return o;
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
    tell_instance(r, i);
    if (i->server_died) {
        r->totals.stopped = "the server serves no connection any more";
        buffer_print(r->error, "after %s the server serves no connection any more\n", i->id);
    }
    arena_reset(r->arena);
}

static void run_instance(struct run *r, const struct planned *p)
{
    uint64_t began_ns = clock_ns();
    struct ready ready;
    struct upshot o = play_instance(r, p, &ready);
    struct instance i = judge_instance(r, p, &o);

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
                                   .timeout_ns = r->timeout_ns,
                                   .options = true };

    plan_wanted(&r->plan, &wanted);
    return facts_probe(r->target, &wanted, &r->facts, r->error);
}

/* Puts together where the cases that can be played may write. */
static void survey(struct run *r)
{
    for (size_t i = 0; i < r->plan.count; i++) {
        struct prepared prepared;
        const char *reason;

        if (r->plan.all[i].the_case->window && plan_prepare(&r->plan.all[i], &r->facts, r->read_only,
                                                            r->arena, &prepared, &reason) == PLAN_READY)
            ranges_add(&r->scratch, prepared.base, prepared.window);
        arena_reset(r->arena);
    }
}

/* A server that fails to tell what would be overwritten is still tested as far as that goes without writing;
 * and what is wrong with its READ is shown by the cases about it, whatever was asked for. */
static enum status look_before_writing(struct run *r, const struct library *library)
{
    enum status status;

    if (r->scratch.count == 0 || r->options->destroy)
        return STATUS_CONFORMS;
    status = safety_look(r->target, &r->facts, r->timeout_ns, &r->scratch, r->error);
    if (status != STATUS_VIOLATIONS)
        return status;
    r->read_only = true;
    r->scratch.count = 0;
    plan_add(&r->plan, library, "baseline.cmd-read");
    return STATUS_CONFORMS;
}

static enum status try_writing(struct run *r)
{
    if (r->scratch.count == 0 || why_no_writes(r))
        return STATUS_CONFORMS;
    return safety_try(r->target, &r->facts, r->timeout_ns, &r->scratch, &r->facts.writes_refused, r->error);
}

static void clean_up(struct run *r)
{
    uint64_t offset = 0, length = 0;

    if (r->touched.count == 0 || r->facts.flags_structured & NBD_FLAG_READ_ONLY)
        return;
    if (r->died) {
        offset = r->touched.all[0].offset;
        length = r->touched.all[0].length;
    } else {
        safety_zero(r->target, &r->facts, r->timeout_ns, &r->touched, &offset, &length);
    }
    r->totals.not_zeroed_offset = offset;
    r->totals.not_zeroed_length = length;
}

/* ---- in several jobs ---- */

/* Each has the server for itself, a copy of the one within this process, and leaves the judging to this
 * process, which does it as if it had played. */
static bool play_in_job(void *ctx, size_t index, struct buffer *ret)
{
    struct run *r = ctx;
    struct upshot o;
    struct ready ready;

    if (index == r->plan.count) {
        clean_up(r);
        buffer_add(ret, &r->totals, sizeof r->totals);
        return false;
    }
    o = play_instance(r, &r->plan.all[index], &ready);
    upshot_put(&o, r->plan.all[index].the_case, ret);
    arena_reset(r->arena);
    return !o.gone;
}

static void take_end_of_job(struct run *r, struct span result)
{
    struct totals totals;

    if (result.len != sizeof totals || r->totals.not_zeroed_length > 0)
        return;
    memcpy(&totals, result.at, sizeof totals);
    r->totals.not_zeroed_offset = totals.not_zeroed_offset;
    r->totals.not_zeroed_length = totals.not_zeroed_length;
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
    tell_instance(r, &i);
    arena_reset(r->arena);
}

static enum status status_of(const struct run *r)
{
    const size_t *count = r->totals.by_verdict;

    if (r->defect)
        return STATUS_DEFECT;
    if (count[VERDICT_ERROR] > 0)
        return STATUS_USAGE;
    if (r->died)
        return STATUS_DIED;
    if (count[VERDICT_FAIL] > 0 || (r->options->strict && count[VERDICT_WARN] + count[VERDICT_FIXED] > 0))
        return STATUS_VIOLATIONS;
    if (r->facts.no_way_in)
        return STATUS_UNREACHABLE;
    if (r->read_only && !r->options->read_only)
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
    tell_begin(r);
    if (r->options->jobs <= 1)
        run_here(r);
    else if (!run_in_jobs(r))
        return STATUS_DEFECT;
    if (expectation)
        expectation_fixed(expectation, tell_fixed, r);
    judge_count(&r->judge, &r->totals);
    r->totals.took_ns = clock_ns() - began_ns;
    tell_end(r);
    return status_of(r);
}

enum status run_library(const struct library *library, const struct catalogue *catalogue,
                        const struct target *target, const struct run_options *options,
                        struct expectation *expectation, const struct listener listeners[],
                        size_t listener_count, struct buffer *ret_error)
{
    struct run r = { .target = target,
                     .options = options,
                     .read_only = options->read_only,
                     .listeners = listeners,
                     .listener_count = listener_count,
                     .timeout_ns = options->timeout_ns ? options->timeout_ns : DEFAULT_TIMEOUT_NS,
                     .error = ret_error };
    enum status status = select_instances(&r, library);

    r.reached = *target;
    r.target = &r.reached;
    if (status != STATUS_CONFORMS)
        return status;
    status = find_facts(&r);
    r.reached.secured = r.facts.secured && !r.facts.tls_broken;
    if (status == STATUS_CONFORMS || r.facts.no_way_in) {
        r.arena = arena_new();
        r.swept = arena_new();
        r.ways = (struct ways){ r.plan.arena, &r.facts, NULL };
        r.model = model_new();
        drive_init(&r.drive, r.target, r.timeout_ns);
        judge_init(&r.judge, catalogue, expectation);
        status = run_all(&r, library, expectation);
        judge_free(&r.judge);
        drive_free(&r.drive);
        model_free(r.model);
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
