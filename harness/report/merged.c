/* SPDX-License-Identifier: MIT */
#include "report/merged.h"

#include <stdlib.h>

#include "base/memory.h"

enum { NAME_COLUMNS = 20, UNCHECKED = 0 };

struct configuration {
    const char *name;
    uint8_t *rows; /* UNCHECKED, or 1 and the verdict, by row of the catalogue */
    enum status status;
    struct totals totals;
    bool ended; /* the run told its totals */
};

struct merged_report {
    const struct catalogue *catalogue;
    FILE *out;
    bool all;
    struct configuration *configurations;
    size_t count;
};

struct merged_report *merged_report_new(const struct catalogue *catalogue, FILE *out, bool all)
{
    struct merged_report *m = memory_take(sizeof *m);

    *m = (struct merged_report){ .catalogue = catalogue, .out = out, .all = all };
    return m;
}

void merged_report_free(struct merged_report *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++)
        free(m->configurations[i].rows);
    free(m->configurations);
    free(m);
}

/* ---- listening ---- */

static struct configuration *last_of(const struct merged_report *m)
{
    return &m->configurations[m->count - 1];
}

static void row(void *ctx, const struct requirement *requirement, enum verdict worst)
{
    const struct merged_report *m = ctx;

    last_of(m)->rows[requirement - catalogue_at(m->catalogue, 0)] = (uint8_t)(1 + worst);
}

static void ended(void *ctx, const struct totals *totals)
{
    const struct merged_report *m = ctx;

    last_of(m)->totals = *totals;
    last_of(m)->ended = true;
}

struct listener merged_report_listener(struct merged_report *m, const char *configuration)
{
    m->configurations = memory_grow(m->configurations, (m->count + 1) * sizeof *m->configurations);
    m->configurations[m->count++] =
        (struct configuration){ .name = configuration,
                                .rows = memory_take(catalogue_count(m->catalogue) + 1) };
    return (struct listener){ .row = row, .ended = ended, .ctx = m };
}

size_t merged_report_rows(const struct merged_report *m)
{
    const struct totals *t = &last_of(m)->totals;

    return t->requirements_checked + t->experimental_checked;
}

/* ---- a line for each configuration ---- */

static void print_counts(FILE *out, const struct totals *t)
{
    const char *separator = "";

    for (unsigned v = 0; v < VERDICT_COUNT; v++)
        if (t->by_verdict[v] > 0) {
            fprintf(out, "%s%zu %s", separator, t->by_verdict[v], verdict_name((enum verdict)v));
            separator = ", ";
        }
    fprintf(out, "; %zu requirements checked, %.1f s", t->requirements_checked + t->experimental_checked,
            (double)t->took_ns / 1e9);
}

void merged_report_configuration(struct merged_report *m, enum status status, const char *trouble)
{
    struct configuration *c = last_of(m);
    bool conforms = status == STATUS_CONFORMS || status == STATUS_SKIPPED;

    c->status = status;
    fprintf(m->out, "%-4s %-*s ", conforms ? "ok" : "BAD", NAME_COLUMNS, c->name);
    if (c->ended)
        print_counts(m->out, &c->totals);
    else
        fputs("could not be run", m->out);
    if (trouble)
        fprintf(m->out, "; %s", trouble);
    fputc('\n', m->out);
    fflush(m->out);
}

/* ---- the table ---- */

static size_t count_of(const struct merged_report *m, size_t row_index, unsigned value)
{
    size_t count = 0;

    for (size_t i = 0; i < m->count; i++)
        count += m->configurations[i].rows[row_index] == value;
    return count;
}

/* "known everywhere", or "known in cow, cache". */
static void print_verdict(const struct merged_report *m, size_t row_index, enum verdict v)
{
    size_t count = count_of(m, row_index, 1 + v), checked = m->count - count_of(m, row_index, UNCHECKED);
    const char *separator = " ";

    fputs(verdict_name(v), m->out);
    if (count == checked && m->count > 1)
        fputs(count == m->count ? " everywhere" : " wherever checked", m->out);
    if (v == VERDICT_PASS || (count == checked && m->count > 1)) {
        fprintf(m->out, " (%zu)", count);
        return;
    }
    fputs(" in", m->out);
    for (size_t i = 0; i < m->count; i++)
        if (m->configurations[i].rows[row_index] == 1 + v) {
            fprintf(m->out, "%s%s", separator, m->configurations[i].name);
            separator = ", ";
        }
}

static bool is_shown(const struct merged_report *m, size_t row_index)
{
    size_t unchecked = count_of(m, row_index, UNCHECKED);
    size_t passed = count_of(m, row_index, 1 + VERDICT_PASS) + count_of(m, row_index, 1 + VERDICT_NOTE);

    return unchecked < m->count && (m->all || passed + unchecked < m->count);
}

static void print_row(const struct merged_report *m, size_t row_index)
{
    const struct requirement *r = catalogue_at(m->catalogue, row_index);
    const char *separator = "    ";

    fprintf(m->out, "%s (%s, line %s)\n", r->id, r->level_text, r->line);
    for (unsigned v = VERDICT_COUNT; v-- > 0;)
        if (count_of(m, row_index, 1 + v) > 0) {
            fputs(separator, m->out);
            print_verdict(m, row_index, (enum verdict)v);
            separator = "; ";
        }
    fputc('\n', m->out);
}

/* How many rows were checked anywhere, and for how many the worst was v. */
static size_t count_rows(const struct merged_report *m, int v)
{
    size_t count = 0;

    for (size_t i = 0; i < catalogue_count(m->catalogue); i++) {
        int worst = -1;

        for (size_t j = 0; j < m->count; j++)
            if ((int)m->configurations[j].rows[i] - 1 > worst)
                worst = (int)m->configurations[j].rows[i] - 1;
        count += v < 0 ? worst >= 0 : worst == v;
    }
    return count;
}

void merged_report_end(const struct merged_report *m)
{
    size_t good = 0;
    double seconds = 0;

    fputc('\n', m->out);
    for (size_t i = 0; i < catalogue_count(m->catalogue); i++)
        if (is_shown(m, i))
            print_row(m, i);
    for (size_t i = 0; i < m->count; i++) {
        enum status status = m->configurations[i].status;

        good += status == STATUS_CONFORMS || status == STATUS_SKIPPED;
        seconds += (double)m->configurations[i].totals.took_ns / 1e9;
    }
    fprintf(m->out,
            "\n%zu requirements checked in one configuration or more: %zu broken, %zu recommendations not "
            "followed, "
            "%zu known\n%zu configurations in %.1f s: %zu as they should be, %zu not\n",
            count_rows(m, -1), count_rows(m, VERDICT_FAIL), count_rows(m, VERDICT_WARN),
            count_rows(m, VERDICT_KNOWN), m->count, seconds, good, m->count - good);
    fflush(m->out);
}

enum status merged_report_status(const struct merged_report *m)
{
    static const enum status order[] = { STATUS_DEFECT, STATUS_USAGE,      STATUS_UNREACHABLE,
                                         STATUS_DIED,   STATUS_VIOLATIONS, STATUS_CONFORMS };

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        for (size_t j = 0; j < m->count; j++)
            if (m->configurations[j].status == order[i])
                return order[i];
    return STATUS_SKIPPED;
}
