/* SPDX-License-Identifier: MIT */
/* A case file: parsed, checked, printed.
 *
 *     a file without mistakes, printed, parses without mistakes, and prints the same again;
 *     what the checker finds in the one it finds in the other;
 *     however many mistakes there are, what is said of them is bounded, and can be shown on a terminal.
 *
 * Input: the text.  Seeds: corpora/case/. */
#include "base/escape.h"
#include "fuzz/target.h"
#include "script/check.h"
#include "script/parse.h"
#include "script/print.h"

enum {
    REPORTS_MAX = 64 * 1024,
    PRINTED_MAX = 64 * TARGET_INPUT_MAX,
};

/* A text and what became of it. */
struct reading {
    struct tree *tree;
    unsigned parse_errors, check_errors;
    struct buffer printed;
};

#ifdef NBDTEST_PLANTED_BUG
/* As if every block had a first step. */
static void planted(const struct step *steps)
{
    for (const struct step *s = steps; s; s = s->next) {
        if ((s->kind == STEP_UNORDERED || s->kind == STEP_SEGMENT || s->kind == STEP_REPEAT ||
             s->kind == STEP_EACH) &&
            !s->body)
            target_planted();
        planted(s->body);
    }
}
#endif

static void hold_reports(const struct diagnostics *d)
{
    struct span text = buffer_span(&d->text);

    HOLDS(text.len <= REPORTS_MAX, "%zu bytes of reports", text.len);
    HOLDS((d->errors > 0) == (text.len > 0), "%u mistakes, %zu bytes of reports", d->errors, text.len);
    HOLDS(utf8_valid(text), "a report is no text");
    for (size_t i = 0; i < text.len; i++)
        HOLDS(text.at[i] >= ' ' || text.at[i] == '\n' || text.at[i] == '\t', "byte %02x in a report",
              text.at[i]);
}

static void print(const struct tree *tree, struct buffer *to)
{
    for (const struct tree_case *c = tree->cases; c; c = c->next)
        HOLDS(print_case(c, to), "a case takes more than %d bytes", (int)PRINTED_MAX);
}

static void read_text(struct reading *r, struct span text)
{
    struct diagnostics d;

    diagnostics_init(&d);
    r->tree = tree_parse("case.nbd", text, &d);
    r->parse_errors = d.errors;
    check_tree(r->tree, NULL, &d);
    r->check_errors = d.errors - r->parse_errors;
    hold_reports(&d);
    diagnostics_free(&d);
    buffer_init(&r->printed, PRINTED_MAX);
    print(r->tree, &r->printed);
}

static void reading_free(struct reading *r)
{
    tree_free(r->tree);
    buffer_free(&r->printed);
}

static void hold_round_trip(const struct reading *first, const struct reading *second)
{
    struct span a = buffer_span(&first->printed), b = buffer_span(&second->printed);

    HOLDS(second->parse_errors == 0, "what is printed does not parse:\n%.*s", (int)a.len, (const char *)a.at);
    HOLDS(first->tree->case_count == second->tree->case_count, "%zu cases, then %zu", first->tree->case_count,
          second->tree->case_count);
    HOLDS(span_equal(a, b), "printed once:\n%.*s\nand again:\n%.*s", (int)a.len, (const char *)a.at,
          (int)b.len, (const char *)b.at);
    HOLDS(first->check_errors == second->check_errors, "%u mistakes are found, then %u, in:\n%.*s",
          first->check_errors, second->check_errors, (int)a.len, (const char *)a.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading first, second;

    if (size > TARGET_INPUT_MAX)
        return 0;
    read_text(&first, span_of(data, size));
#ifdef NBDTEST_PLANTED_BUG
    for (const struct tree_case *c = first.tree->cases; c; c = c->next)
        planted(c->steps);
#endif
    if (first.parse_errors == 0) {
        read_text(&second, buffer_span(&first.printed));
        hold_round_trip(&first, &second);
        reading_free(&second);
    }
    reading_free(&first);
    return 0;
}
