/* SPDX-License-Identifier: MIT */
/* What did not hold: from the case's lines and from the referee, each fact once. */
#include "script/machine.h"
#include "script/print.h"

static struct judged *first(const struct play *p)
{
    return (struct judged *)(void *)p->result.findings;
}

static struct judged *next(const struct judged *j)
{
    return (struct judged *)(void *)j->finding.next;
}

static bool same_rule(const struct judged *j, const struct connection *c, const char *rule)
{
    return j->connection == c && j->finding.rule && rule && !j->finding.note &&
           strcmp(j->finding.rule, rule) == 0;
}

static void drop(struct play *p, const struct judged *gone)
{
    struct finding **at = &p->result.findings;

    while (*at != &gone->finding)
        at = &(*at)->next;
    *at = gone->finding.next;
    if (p->finding_tail == &gone->finding.next)
        p->finding_tail = at;
    p->result.failed--;
}

static struct judged *append(struct play *p, const struct connection *c)
{
    struct judged *j = ARENA_NEW(p->arena, struct judged);

    j->connection = c;
    *p->finding_tail = &j->finding;
    p->finding_tail = &j->finding.next;
    return j;
}

/* ---- the referee ---- */

static void add_violation(struct play *p, const struct connection *c, const struct exchange *e,
                          const struct violation *v, struct told told)
{
    struct judged *j;

    for (j = first(p); j; j = next(j)) {
        if (!same_rule(j, c, v->rule))
            continue;
        if (!j->finding.from_referee && told.line != 0 && j->finding.line == told.line)
            return; /* the case's own line has said it */
        if (j->finding.from_referee) {
            j->more++;
            return;
        }
    }
    j = append(p, c);
    j->exchange = e;
    j->finding.rule = v->rule;
    j->finding.came = arena_text(p->arena, span_text(v->came));
    j->finding.place = p->step ? p->step->place : (struct place){ 0 };
    j->finding.line = told.line;
    j->finding.from_referee = true;
    p->result.failed++;
}

void finding_referee(struct play *p, struct connection *c, const struct exchange *e, struct told told)
{
    for (size_t i = 0; i < c->violations.count; i++)
        if (c->violations.all[i].party == SIDE_SERVER) /* what our side does wrong, it does on purpose */
            add_violation(p, c, e, &c->violations.all[i], told);
    violations_clear(&c->violations);
}

void finding_drop_contents(struct play *p, const struct exchange *e)
{
    static const char *const contents[] = { "cmd.write.stored-before-reply", "cmd.write-zeroes.reads-zero",
                                            "cmd.read.range" };
    struct judged *j = first(p);

    while (j) {
        struct judged *after = next(j);

        for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++)
            if (j->finding.from_referee && j->exchange == e && strcmp(j->finding.rule, contents[i]) == 0) {
                drop(p, j);
                break;
            }
        j = after;
    }
}

void finding_move(struct play *p, const struct exchange *e, struct told told)
{
    for (struct judged *j = first(p); j; j = next(j))
        if (j->exchange == e)
            j->finding.line = told.line;
}

void finding_forget(struct play *p, const struct exchange *e)
{
    for (struct judged *j = first(p); j; j = next(j))
        if (j->exchange == e)
            j->exchange = NULL;
}

/* ---- the case ---- */

/* The same line has failed in the same way before: it stands in a loop. */
static struct judged *said_before(const struct play *p, const struct connection *c, const char *rule,
                                  struct place place)
{
    for (struct judged *j = first(p); j; j = next(j)) {
        const struct finding *f = &j->finding;

        if (j->connection == c && !f->from_referee && !f->note && place.source &&
            f->place.source == place.source && f->place.at == place.at &&
            (rule ? f->rule && strcmp(f->rule, rule) == 0 : !f->rule))
            return j;
    }
    return NULL;
}

void finding_add(struct play *p, const struct connection *c, const char *rule, struct place place,
                 const char *demanded, const char *came, struct told told, bool note)
{
    struct judged *j = note ? NULL : said_before(p, c, rule, place);

    if (j) {
        j->more++;
        return;
    }
    for (j = first(p); j && !note;) {
        struct judged *after = next(j);

        if (j->finding.from_referee && told.line != 0 && j->finding.line == told.line &&
            same_rule(j, c, rule))
            drop(p, j); /* said again, and better */
        j = after;
    }
    j = append(p, c);
    j->finding.rule = rule;
    j->finding.place = place;
    j->finding.demanded = demanded;
    j->finding.came = came;
    j->finding.line = told.line;
    j->finding.note = note;
    if (note)
        return;
    p->result.failed++;
    p->stumbled = true;
}

/* The referee has said what is wrong with it, by requirement. */
static bool is_explained(const struct play *p, const struct connection *c, struct told told)
{
    for (const struct judged *j = first(p); j; j = next(j))
        if (j->connection == c && j->finding.from_referee && told.line != 0 && j->finding.line == told.line)
            return true;
    return false;
}

void finding_line(struct play *p, const struct connection *c, const struct citation *by, bool bare,
                  struct place place, const char *demanded, const char *came, struct told told)
{
    if (!by && bare && !is_explained(p, c, told))
        finding_add(p, c, NULL, place, demanded, came, told, false);
    for (; by; by = by->next)
        finding_add(p, c, by->id, place, demanded, came, told, false);
    p->stumbled = true;
}

const char *finding_demanded(struct play *p, const struct step *s)
{
    struct buffer text;
    const char *ret;

    buffer_init(&text, 64 * 1024);
    buffer_print(&text, "S%s%s: %s%s", s->connection ? "." : "", s->connection ? s->connection : "",
                 s->label ? s->label : "", s->label ? " " : "");
    print_outcomes(s->outcomes, &text);
    ret = arena_text(p->arena, buffer_span(&text));
    buffer_free(&text);
    return ret;
}

void finding_close(struct play *p)
{
    for (struct judged *j = first(p); j; j = next(j))
        if (j->more > 0)
            j->finding.came =
                arena_print(p->arena, "%s (and %u more of this kind)", j->finding.came, j->more);
}
