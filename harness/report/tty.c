/* SPDX-License-Identifier: MIT */
#include "report/tty.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/vocabulary.h"

/* Skipped instances are told by reason, at the end. */
struct skip_reason {
    char *text;
    size_t count;
};

#define SKIP_REASONS_MAX 64

/* How often each requirement was told to be broken, and in which instance first. */
struct told {
    const struct requirement *requirement; /* NULL: the case's line cites none */
    bool died;
    enum verdict verdict;
    size_t instances;
    size_t last; /* the number of the instance that was counted last */
    char *first;
    struct told *next;
};

/* Instances of one requirement that are told with all of their proof. */
#define PROVED_MAX 3

struct tty_report {
    struct tty_options options;
    size_t selected;
    size_t done;
    bool progress_shown;
    struct skip_reason skips[SKIP_REASONS_MAX];
    size_t skip_count;
    struct told *told, **told_end;
};

/* How each verdict is shown; verdicts without colour are not shown one by one. */
static const struct {
    const char *colour;
    const char *headline;
} looks[VERDICT_COUNT] = {
    [VERDICT_NOTE] = { "36", "note" },   [VERDICT_KNOWN] = { "35", "KNOWN" },
    [VERDICT_FIXED] = { "35", "FIXED" }, [VERDICT_WARN] = { "33", "WARN" },
    [VERDICT_FAIL] = { "1;31", "FAIL" }, [VERDICT_ERROR] = { "1;31", "ERROR" },
};

static void paint(const struct tty_report *r, const char *colour, const char *text)
{
    if (r->options.colours)
        fprintf(r->options.out, "\033[%sm%s\033[0m", colour, text);
    else
        fputs(text, r->options.out);
}

static void erase_progress(struct tty_report *r)
{
    if (!r->progress_shown)
        return;
    fputs("\r\033[K", r->options.out);
    r->progress_shown = false;
}

static void show_progress(struct tty_report *r, const char *name)
{
    if (!r->options.progress)
        return;
    fprintf(r->options.out, "\r\033[K[%zu/%zu] %.60s", r->done, r->selected, name);
    fflush(r->options.out);
    r->progress_shown = true;
}

/* "64 MiB" where that is exact, else nothing. */
static void print_size(FILE *out, uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0;
    uint64_t rounded = bytes;

    while (unit < 6 && rounded >= 1024 && rounded % 1024 == 0) {
        rounded /= 1024;
        unit++;
    }
    fprintf(out, "%" PRIu64 " bytes", bytes);
    if (unit > 0)
        fprintf(out, " (%" PRIu64 " %s)", rounded, units[unit]);
}

static const char *where_sizes_are_from(const struct about *about)
{
    if (about->has_block_size)
        return "";
    return about->minimum_block > 1 ? " (not advertised: the defaults, but smaller requests are not served)"
                                    : " (not advertised: the defaults)";
}

static void began(void *ctx, const struct about *about)
{
    struct tty_report *r = ctx;
    FILE *out = r->options.out;
    struct buffer flags;

    r->selected = about->instances;
    if (r->options.brief)
        return;
    fprintf(out, "server       %s\n", about->server);
    fprintf(out, "export       \"%s\"%s, ", about->export,
            about->export_chosen ? " (the only one that the server lists)" : "");
    print_size(out, about->size);
    buffer_init(&flags, 512);
    vocabulary_print_flags(&vocabulary_transmission_flags, about->transmission_flags, &flags);
    fprintf(out, "\nflags        %s\n", buffer_text(&flags));
    buffer_free(&flags);
    fprintf(out, "block sizes  minimum %" PRIu32 ", preferred %" PRIu32 ", maximum payload %" PRIu32 "%s\n",
            about->minimum_block, about->preferred_block, about->maximum_payload,
            where_sizes_are_from(about));
    fprintf(out, "modes        simple%s%s\n", about->structured ? ", structured" : "",
            about->extended ? ", extended (experimental)" : "");
    if (about->tls)
        fprintf(out, "TLS          %s\n", about->tls);
    if (about->writes_allowed && about->scratch_ranges > 1)
        fprintf(out,
                "writes       %" PRIu64 " bytes in %u ranges from offset %" PRIu64
                " on, zeroed again at the end\n",
                about->scratch_length, about->scratch_ranges, about->scratch_offset);
    else if (about->writes_allowed)
        fprintf(out, "writes       %" PRIu64 " bytes from offset %" PRIu64 ", zeroed again at the end\n",
                about->scratch_length, about->scratch_offset);
    else
        fprintf(out, "writes       none: %s\n", about->writes_why_not);
    fputc('\n', out);
}

static void print_transcript(const struct tty_report *r, struct span transcript, size_t marked)
{
    size_t number = 1;

    while (transcript.len > 0) {
        const uint8_t *end = memchr(transcript.at, '\n', transcript.len);
        size_t len = end ? (size_t)(end - transcript.at) : transcript.len;
        struct span line = span_take(&transcript, len + 1);

        fprintf(r->options.out, "    %s%3zu | %.*s\n", number == marked ? ">" : " ", number, (int)len,
                (const char *)line.at);
        number++;
    }
}

/* The rows that ask for the same, or whose breach shows as that of this one. */
static void print_alike(FILE *out, const struct requirement *r)
{
    const char *before = "  also      ";

    for (const struct requirement_link *l = r->shown_by; l; l = l->next) {
        fprintf(out, "%s%s", before, l->to->id);
        before = ", ";
    }
    fputc('\n', out);
}

static void print_requirement(FILE *out, const struct requirement *r)
{
    fprintf(out, "  demanded  %s\n", r->summary);
    if (r->shown_by)
        print_alike(out, r);
    if (r->judged_why)
        fprintf(out, "  unclear   %s\n", r->judged_why);
}

/* in_full   with what the requirement says, too */
static void print_finding(const struct tty_report *r, const struct verdict_finding *f, bool in_full)
{
    FILE *out = r->options.out;

    if (f->requirement)
        fprintf(out, "  %s  %s (%s, \"%s\", line %s%s)\n", verdict_name(f->verdict), f->requirement->id,
                f->requirement->level_text, f->requirement->section, f->requirement->line,
                requirement_is_experimental(f->requirement) ? ", experimental" : "");
    else
        fprintf(out, "  %s\n", verdict_name(f->verdict));
    if (f->requirement && in_full)
        print_requirement(out, f->requirement);
    if (f->demanded)
        fprintf(out, "  expected  %s\n", f->demanded);
    fprintf(out, "  came      %s\n", f->came);
    if (f->file)
        fprintf(out, "  at        %s:%u:%u\n", f->file, f->file_line, f->file_column);
    if (f->known_reason)
        fprintf(out, "  known     %s\n", f->known_reason);
}

static void count_skip(struct tty_report *r, const char *reason)
{
    for (size_t i = 0; i < r->skip_count; i++)
        if (strcmp(r->skips[i].text, reason) == 0) {
            r->skips[i].count++;
            return;
        }
    if (r->skip_count == SKIP_REASONS_MAX)
        return;
    r->skips[r->skip_count].text = memory_take(strlen(reason) + 1);
    strcpy(r->skips[r->skip_count].text, reason);
    r->skips[r->skip_count++].count = 1;
}

/* The line of the transcript that the worst finding points at. */
static size_t marked_line(const struct instance *i)
{
    for (const struct verdict_finding *f = i->findings; f; f = f->next)
        if (f->verdict == i->verdict && f->transcript_line > 0)
            return f->transcript_line;
    return 0;
}

static struct told *told_of(struct tty_report *r, const struct verdict_finding *f, const char *instance)
{
    struct told *t = r->told;

    while (t && (t->requirement != f->requirement || t->died != f->died))
        t = t->next;
    if (t)
        return t;
    t = memory_take(sizeof *t);
    t->requirement = f->requirement;
    t->died = f->died;
    t->first = memory_take(strlen(instance) + 1);
    strcpy(t->first, instance);
    *r->told_end = t;
    r->told_end = &t->next;
    return t;
}

static bool is_breach(const struct verdict_finding *f)
{
    return f->verdict == VERDICT_WARN || f->verdict == VERDICT_FAIL;
}

/* Counts what the instance shows.  Whether all of it has been proved often enough before. */
static bool count_breaches(struct tty_report *r, const struct instance *i)
{
    bool any = false, enough = true;

    for (const struct verdict_finding *f = i->findings; f; f = f->next) {
        struct told *t;

        if (!is_breach(f))
            continue;
        t = told_of(r, f, i->id);
        t->instances += t->last != r->done;
        t->last = r->done;
        if (f->verdict > t->verdict)
            t->verdict = f->verdict;
        enough = enough && t->instances > PROVED_MAX;
        any = true;
    }
    return any && enough;
}

static const char *name_of(const struct told *t)
{
    return t->requirement ? t->requirement->id : "(what cases need in order to go on)";
}

static void print_breaches(const struct tty_report *r)
{
    for (const struct told *t = r->told; t; t = t->next)
        fprintf(r->options.out, "%s %4zu: %s%s, first in '%s'\n",
                t->verdict == VERDICT_FAIL ? "broken " : "warning", t->instances, name_of(t),
                t->died ? " (the server serves nobody any more)" : "", t->first);
}

static bool has_headline(const struct tty_report *r, enum verdict v)
{
    return looks[v].headline && !(r->options.brief && (v == VERDICT_NOTE || v == VERDICT_KNOWN));
}

static void instance(void *ctx, const struct instance *i)
{
    struct tty_report *r = ctx;
    FILE *out = r->options.out;
    bool wrong = i->verdict == VERDICT_FAIL || i->verdict == VERDICT_WARN || i->verdict == VERDICT_ERROR;
    bool proof;

    r->done++;
    proof = !count_breaches(r, i) || r->options.transcripts;
    if (i->verdict == VERDICT_SKIP)
        count_skip(r, i->reason);
    if (!has_headline(r, i->verdict) && !(r->options.transcripts && i->verdict != VERDICT_SKIP)) {
        show_progress(r, i->id);
        return;
    }

    erase_progress(r);
    if (has_headline(r, i->verdict))
        paint(r, looks[i->verdict].colour, looks[i->verdict].headline);
    else
        fputs(verdict_name(i->verdict), out);
    fprintf(out, "  %s: %s\n", i->id, i->title);
    if (i->reason)
        fprintf(out, "  because   %s\n", i->reason);
    for (const struct verdict_finding *f = i->findings; f; f = f->next)
        print_finding(r, f, proof);
    if ((wrong && proof) || r->options.transcripts)
        print_transcript(r, i->transcript, marked_line(i));
    if (wrong)
        fprintf(out, "  again     %s '%s'\n", r->options.again, i->id);
    fputc('\n', out);
    if (wrong)
        fflush(out); /* whatever ends the run, this has been told */
}

static void ended(void *ctx, const struct totals *t)
{
    struct tty_report *r = ctx;
    FILE *out = r->options.out;
    const char *separator = "";

    erase_progress(r);
    for (size_t i = 0; i < r->skip_count && !r->options.brief; i++)
        fprintf(out, "skipped %4zu: %s\n", r->skips[i].count, r->skips[i].text);
    if (!r->options.brief)
        print_breaches(r);
    if (t->not_zeroed_length > 0)
        fprintf(out, "NOT ZEROED AGAIN: %" PRIu64 " bytes from offset %" PRIu64 "\n", t->not_zeroed_length,
                t->not_zeroed_offset);
    if (t->stopped)
        fprintf(out, "stopped early: %s\n", t->stopped);
    if (r->options.brief)
        return;

    fprintf(out, "%zu instances in %.2f s: ", r->done, (double)t->took_ns / 1e9);
    for (unsigned v = 0; v < VERDICT_COUNT; v++)
        if (t->by_verdict[v] > 0 || v == VERDICT_PASS || v == VERDICT_FAIL) {
            fprintf(out, "%s%zu %s", separator, t->by_verdict[v], verdict_name((enum verdict)v));
            separator = ", ";
        }
    fprintf(out, "\n%zu requirements checked, %zu broken, %zu recommendations not followed\n",
            t->requirements_checked, t->requirements_failed, t->requirements_warned);
    if (t->experimental_checked > 0)
        fprintf(out, "experimental: %zu requirements checked, %zu broken, %zu recommendations not followed\n",
                t->experimental_checked, t->experimental_failed, t->experimental_warned);
    fflush(out);
}

struct tty_report *tty_report_new(const struct tty_options *options)
{
    struct tty_report *r = memory_take(sizeof *r);

    r->options = *options;
    r->told_end = &r->told;
    return r;
}

void tty_report_free(struct tty_report *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->skip_count; i++)
        free(r->skips[i].text);
    while (r->told) {
        struct told *next = r->told->next;

        free(r->told->first);
        free(r->told);
        r->told = next;
    }
    free(r);
}

struct listener tty_report_listener(struct tty_report *r)
{
    return (struct listener){ .began = began, .instance = instance, .ended = ended, .ctx = r };
}
