/* SPDX-License-Identifier: MIT */
#include "cli/run_target.h"

#include <stdlib.h>
#include <string.h>

#include "cli/address.h"
#include "cli/stage.h"
#include "cli/tls_options.h"
#include "report/merged.h"

#define EXPECTATION_MAX_BYTES (1024u * 1024)

enum { PATH_BYTES = 4096, EXCLUDES_MAX = 256 + TARGET_MAX_LIST };

/* ---- reading ---- */

/* The text of a file, NULL after telling the user. */
static char *read_text(const char *path, size_t max, size_t *ret_len)
{
    char error[4400];
    char *text = read_file(path, max, ret_len, error, sizeof error);

    if (!text)
        fprintf(stderr, "nbdtest: %s\n", error);
    return text;
}

static void tell(struct diagnostics *d)
{
    fputs(buffer_text(&d->text), stderr);
    diagnostics_free(d);
}

bool run_read_expectation(const char *path, const struct catalogue *catalogue, struct expectation *to)
{
    struct diagnostics d;
    size_t len;
    char *text = read_text(path, EXPECTATION_MAX_BYTES, &len);
    bool sound;

    if (!text)
        return false;
    diagnostics_init(&d);
    sound = expectation_add(to, path, span_of(text, len), catalogue, &d);
    tell(&d);
    free(text);
    return sound;
}

static struct target_file *read_target(const char *path)
{
    struct target_file *file;
    struct diagnostics d;
    size_t len;
    char *text = read_text(path, TARGET_MAX_BYTES, &len);

    if (!text)
        return NULL;
    diagnostics_init(&d);
    file = target_file_parse(path, span_of(text, len), &d);
    tell(&d);
    free(text);
    return file;
}

/* Their names are meant from the folder of the target file.  NULL after telling the user. */
static struct expectation *read_expectations(const struct target_run *t, const char *const *names,
                                             size_t count)
{
    const char *slash = strrchr(t->path, '/');
    struct expectation *e = expectation_new();
    bool sound = true;

    for (size_t i = 0; i < count; i++) {
        char path[PATH_BYTES];
        int folder = slash && names[i][0] != '/' ? (int)(slash + 1 - t->path) : 0;

        snprintf(path, sizeof path, "%.*s%s", folder, t->path, names[i]);
        sound = run_read_expectation(path, t->catalogue, e) && sound;
    }
    if (sound)
        return e;
    expectation_free(e);
    return NULL;
}

enum status run_target_list(const char *path)
{
    struct target_file *file = read_target(path);

    if (!file)
        return STATUS_USAGE;
    for (size_t i = 0; i < file->count; i++)
        puts(file->all[i].name);
    target_file_free(file);
    return STATUS_CONFORMS;
}

/* ---- running ---- */

struct target_runs {
    const struct target_run *t;
    struct target_file *file;
    struct expectation *common; /* what is expected of all configurations together */
    struct merged_report *merged;
};

/* What is asked for on the command line goes before what the file says. */
static struct run_options options_for(const struct target_run *t, const struct target_configuration *c,
                                      const char **excludes)
{
    struct run_options o = *t->options;
    size_t count = 0;

    for (size_t i = 0; i < o.exclude_count && count < EXCLUDES_MAX; i++)
        excludes[count++] = o.excludes[i];
    for (size_t i = 0; i < c->exclude_count && count < EXCLUDES_MAX; i++)
        excludes[count++] = c->excludes[i];
    o.excludes = excludes;
    o.exclude_count = count;
    o.export = o.export ? o.export : c->export;
    o.read_only = o.read_only || c->read_only;
    o.destroy = o.destroy || c->destroy;
    o.timeout_ns = o.timeout_ns ? o.timeout_ns : c->timeout_ns;
    return o;
}

/* What a client needs for the server under TLS, as the configuration says.  False after telling the user. */
static bool find_tls(const struct target_configuration *c, struct stage *stage, struct target *target,
                     struct tls_credentials **ret_credentials)
{
    static const struct address here = { .is_unix = true };
    struct tls_options o = { .files.folder =
                                 c->tls.certificates ? stage_expand(stage, c->tls.certificates) : NULL,
                             .files.psk = c->tls.psk ? stage_expand(stage, c->tls.psk) : NULL };

    return (!c->tls.mode || tls_options_take(&o, TLS_OPTION_MODE, c->tls.mode)) &&
           tls_options_client(&o, &here, target, ret_credentials);
}

static enum status play(const struct target_runs *r, const struct target_configuration *c,
                        const struct target *target, struct listener merged, struct expectation *expectation)
{
    struct listener listeners[2] = { { 0 }, merged };
    const char *excludes[EXCLUDES_MAX];
    const struct run_options options = options_for(r->t, c, excludes);
    struct tty_options look = r->t->look;
    struct tty_report *report;
    struct buffer error;
    enum status status;
    char again[PATH_BYTES];

    snprintf(again, sizeof again, r->t->config ? "%s" : "%s --config %s", look.again, c->name);
    look.again = again;
    look.brief = !look.transcripts;
    report = tty_report_new(&look);
    listeners[0] = tty_report_listener(report);
    buffer_init(&error, 64 * 1024);
    status = run_library(r->t->library, r->t->catalogue, target, &options, expectation, listeners, 2, &error);
    if (error.len > 0)
        fprintf(stderr, "nbdtest: %s: %s\n", c->name, buffer_text(&error));
    buffer_free(&error);
    tty_report_free(report);
    return status;
}

static enum status set_up_and_play(const struct target_runs *r, const struct target_configuration *c,
                                   struct listener merged, struct expectation *expectation)
{
    struct stage *stage = stage_new(c, r->t->path);
    struct tls_credentials *credentials = NULL;
    enum status status = STATUS_UNREACHABLE;
    struct target target;

    if (!stage)
        return status;
    target = stage_target(stage);
    if (find_tls(c, stage, &target, &credentials))
        status = play(r, c, &target, merged, expectation);
    tls_credentials_free(credentials);
    stage_free(stage);
    return status;
}

static bool is_whole_suite(const struct target_run *t)
{
    return t->options->pattern_count == 0 && t->options->exclude_count == 0;
}

static void run_configuration(const struct target_runs *r, const struct target_configuration *c)
{
    struct expectation *expectation = read_expectations(r->t, c->expects, c->expect_count);
    const struct listener merged = merged_report_listener(r->merged, c->name);
    enum status status = STATUS_USAGE;
    char trouble[100] = "";
    size_t rows;

    if (!expectation) {
        merged_report_configuration(r->merged, status, NULL);
        return;
    }
    expectation_lean_on(expectation, r->common);
    status = set_up_and_play(r, c, merged, expectation);
    rows = merged_report_rows(r->merged);
    if (status == STATUS_CONFORMS && is_whole_suite(r->t) && rows < c->rows) {
        snprintf(trouble, sizeof trouble, "that are fewer than the %zu that it says", (size_t)c->rows);
        status = STATUS_VIOLATIONS;
    }
    merged_report_configuration(r->merged, status, *trouble ? trouble : NULL);
    expectation_free(expectation);
}

static void count_fixed(void *ctx, const char *id, const char *instance)
{
    printf(
        "FIXED  %s holds in %s, in whatever configuration, and an expectation file says that it does not\n",
        id, instance);
    ++*(size_t *)ctx;
}

/* What no configuration has shown, though all were asked. */
static enum status see_what_is_fixed(const struct target_runs *r, enum status status)
{
    size_t fixed = 0;

    if (r->t->config || !is_whole_suite(r->t))
        return status;
    expectation_fixed(r->common, count_fixed, &fixed);
    if (fixed > 0 && r->t->options->strict && (status == STATUS_CONFORMS || status == STATUS_SKIPPED))
        return STATUS_VIOLATIONS;
    return status;
}

static enum status run_all(const struct target_runs *r)
{
    const struct target_run *t = r->t;

    if (t->config && !target_file_find(r->file, t->config)) {
        fprintf(stderr, "nbdtest: %s has no configuration '%s'; --list-configs lists them\n", t->path,
                t->config);
        return STATUS_USAGE;
    }
    for (size_t i = 0; i < r->file->count; i++)
        if (!t->config || strcmp(t->config, r->file->all[i].name) == 0)
            run_configuration(r, &r->file->all[i]);
    merged_report_end(r->merged);
    return see_what_is_fixed(r, merged_report_status(r->merged));
}

enum status run_target(const struct target_run *t)
{
    struct target_runs r = { .t = t, .file = read_target(t->path) };
    enum status status = STATUS_USAGE;

    if (!r.file)
        return status;
    r.common = read_expectations(t, r.file->expects, r.file->expect_count);
    if (r.common) {
        r.merged = merged_report_new(t->catalogue, t->look.out, t->look.transcripts);
        status = run_all(&r);
        merged_report_free(r.merged);
    }
    expectation_free(r.common);
    target_file_free(r.file);
    return status;
}
