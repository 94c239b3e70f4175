/* SPDX-License-Identifier: MIT */
#include "base/diagnostic.h"

#include <stdio.h>

#include "base/escape.h"

enum {
    REPORTS_MAX = 64 * 1024, /* bytes */
    MESSAGE_MAX = 1024,      /* bytes */
    SHOWN_MAX = 160,         /* bytes of a line; of a longer one a part around the mark is shown */
    SHOWN_BEFORE = 60,       /* bytes of such a part before the mark */
};

void diagnostics_init(struct diagnostics *d)
{
    buffer_init(&d->text, REPORTS_MAX);
    d->errors = 0;
}

void diagnostics_free(struct diagnostics *d)
{
    buffer_free(&d->text);
    d->errors = 0;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t line_begin(const struct source *source, size_t at)
{
    while (at > 0 && source->text[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_end(const struct source *source, size_t at)
{
    while (at < source->len && source->text[at] != '\n')
        at++;
    return at;
}

void place_line_column(struct place where, unsigned *ret_line, unsigned *ret_column)
{
    size_t at = lesser(where.at, where.source->len);

    *ret_line = 1;
    for (size_t i = 0; i < at; i++)
        *ret_line += where.source->text[i] == '\n';
    *ret_column = (unsigned)(at - line_begin(where.source, at) + 1);
}

/* The part of the mark's line that is shown, without its line end. */
struct shown {
    size_t from, to; /* in the source */
    bool cut_before, cut_after;
};

static bool inside_character(const struct source *source, size_t at)
{
    return at < source->len && ((uint8_t)source->text[at] & 0xc0) == 0x80;
}

static struct shown part_to_show(const struct source *source, size_t mark)
{
    struct shown shown = { .from = line_begin(source, mark), .to = line_end(source, mark) };

    if (shown.to > shown.from && source->text[shown.to - 1] == '\r')
        shown.to--;
    if (shown.to - shown.from <= SHOWN_MAX)
        return shown;
    if (mark - shown.from > SHOWN_BEFORE) {
        shown.from = mark - SHOWN_BEFORE;
        for (int i = 0; i < 3 && inside_character(source, shown.from); i++)
            shown.from++;
        shown.cut_before = true;
    }
    if (shown.to > shown.from && shown.to - shown.from > SHOWN_MAX) {
        shown.to = shown.from + SHOWN_MAX;
        for (int i = 0; i < 3 && inside_character(source, shown.to); i++)
            shown.to--;
        shown.cut_after = true;
    }
    return shown;
}

static struct span part_of(const struct source *source, const struct shown *shown)
{
    if (shown->from == shown->to)
        return (struct span){ NULL, 0 }; /* an empty text need not be anywhere */
    return span_of(source->text + shown->from, shown->to - shown->from);
}

/* Takes the first character off the front of *text and adds it as it is shown; returns how many columns it
 * fills, which for letters of double width is a guess. */
static size_t show_character(struct buffer *to, struct span *text)
{
    size_t len = escape_shown(*text);

    if (len == 0 && *text->at != '\t') {
        buffer_print(to, "\\x%02x", *span_take(text, 1).at);
        return 4;
    }
    if (len == 0)
        len = 1;
    buffer_add(to, text->at, len);
    span_take(text, len);
    return 1;
}

static void show_text(struct buffer *to, struct span text)
{
    while (text.len > 0)
        show_character(to, &text);
}

/* The line below the source's: blanks up to the mark, so that the caret stands where the eye is, then ^~~. */
static void show_caret(struct buffer *to, const struct shown *shown, struct place where)
{
    struct span rest = part_of(where.source, shown);
    size_t end = where.len < where.source->len - where.at ? where.at + where.len : where.source->len;
    char fill = '^'; /* the next column of the mark */
    struct buffer ignored;

    buffer_init(&ignored, 8);
    buffer_print(to, "%s", shown->cut_before ? "   " : "");
    while (rest.len > 0) {
        size_t at = shown->to - rest.len;
        bool tab = *rest.at == '\t';
        size_t columns = show_character(&ignored, &rest);

        if (shown->to - rest.len <= where.at) {
            buffer_print(to, "%*s", (int)columns, tab ? "\t" : "");
        } else if (fill == '^' || at < end) {
            for (; columns > 0; columns--, fill = '~')
                buffer_add(to, &fill, 1);
        }
        buffer_clear(&ignored);
    }
    buffer_print(to, "%s\n", fill == '^' ? "^" : ""); /* a mark at the line's end */
    buffer_free(&ignored);
}

static void show_line(struct buffer *to, struct place where)
{
    struct shown shown = part_to_show(where.source, where.at);
    unsigned line, column;

    place_line_column(where, &line, &column);
    buffer_print(to, "%5u | %s", line, shown.cut_before ? "..." : "");
    show_text(to, part_of(where.source, &shown));
    buffer_print(to, "%s\n      | ", shown.cut_after ? "..." : "");
    show_caret(to, &shown, where);
}

static void show_report(struct buffer *to, struct place where, const char *message, bool cut)
{
    if (where.source) {
        unsigned line, column;

        place_line_column(where, &line, &column);
        show_text(to, span_text(where.source->path));
        buffer_print(to, ":%u:%u: ", line, column);
    }
    buffer_print(to, "error: ");
    show_text(to, span_text(message));
    buffer_print(to, "%s\n", cut ? "..." : "");
    if (where.source)
        show_line(to, where);
}

void diagnostic_error(struct diagnostics *d, struct place where, const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    struct buffer report;
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    if (where.source)
        where.at = lesser(where.at, where.source->len);

    buffer_init(&report, REPORTS_MAX);
    show_report(&report, where, message, len >= MESSAGE_MAX);
    buffer_add(&d->text, report.bytes, report.len); /* whole or not at all */
    buffer_free(&report);
    d->errors++;
}
