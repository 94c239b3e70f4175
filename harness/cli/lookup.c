/* SPDX-License-Identifier: MIT */
#include "cli/lookup.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

/* ---- lines ---- */

/* A line's text ("ext:", or "" for the specification itself) and number. */
struct line {
    struct span text;
    unsigned long number;
};

static bool read_line(const char *word, struct line *ret)
{
    const char *colon = strchr(word, ':'), *digits = colon ? colon + 1 : word;
    size_t len = strspn(digits, "0123456789");

    *ret = (struct line){ span_of(word, (size_t)(digits - word)), strtoul(digits, NULL, 10) };
    return len > 0 && len <= 9 && digits[len] == '\0';
}

static bool is_of_line(const struct requirement *r, const struct line *wanted)
{
    struct line line;

    return read_line(r->line, &line) && span_equal(line.text, wanted->text) && line.number == wanted->number;
}

bool lookup_is_line(const char *word)
{
    struct line line;

    return read_line(word, &line);
}

void lookup_around(const struct catalogue *c, const char *line, const struct requirement **ret_before,
                   const struct requirement **ret_behind)
{
    unsigned long before = 0, behind = 0;
    struct line wanted, at;

    *ret_before = *ret_behind = NULL;
    if (!read_line(line, &wanted))
        return;
    for (size_t i = 0; i < catalogue_count(c); i++) {
        const struct requirement *r = catalogue_at(c, i);

        if (!read_line(r->line, &at) || !span_equal(at.text, wanted.text))
            continue;
        if (at.number < wanted.number && (!*ret_before || at.number > before)) {
            *ret_before = r;
            before = at.number;
        }
        if (at.number > wanted.number && (!*ret_behind || at.number < behind)) {
            *ret_behind = r;
            behind = at.number;
        }
    }
}

/* ---- words ---- */

static bool is_meant(const struct requirement *r, const char *word, const struct line *line)
{
    if (line)
        return is_of_line(r, line);
    if (strpbrk(word, "*?["))
        return fnmatch(word, r->id, 0) == 0;
    return strncmp(r->id, word, strlen(word)) == 0;
}

size_t lookup_rows(const struct catalogue *c, const char *word,
                   void (*each)(void *ctx, const struct requirement *r), void *ctx)
{
    const struct requirement *exactly = catalogue_find(c, span_text(word));
    struct line line;
    bool is_line = read_line(word, &line);
    size_t count = 0;

    if (exactly) {
        each(ctx, exactly);
        return 1;
    }
    for (size_t i = 0; i < catalogue_count(c) && word[0] != '\0'; i++) {
        if (!is_meant(catalogue_at(c, i), word, is_line ? &line : NULL))
            continue;
        each(ctx, catalogue_at(c, i));
        count++;
    }
    return count;
}

static bool is_among(const char *id, const char *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

size_t lookup_nearest(const struct catalogue *c, const char *id, const char *ret[LOOKUP_NEAREST_MAX])
{
    size_t count = 0;

    for (; count < LOOKUP_NEAREST_MAX; count++) {
        struct nearest near = nearest_to(span_text(id));

        for (size_t i = 0; i < catalogue_count(c); i++)
            if (!is_among(catalogue_at(c, i)->id, ret, count))
                nearest_offer(&near, catalogue_at(c, i)->id);
        if (!near.best)
            break;
        ret[count] = near.best;
    }
    return count;
}
