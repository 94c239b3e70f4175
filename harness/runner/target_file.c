/* SPDX-License-Identifier: MIT */
#include "runner/target_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"

enum { NAME_MAX_BYTES = 64, NUMBER_DIGITS = 9, MISTAKES_MAX = 50 };

struct parser {
    struct target_file *file;
    struct diagnostics *d;
    unsigned errors_max;                  /* then it is enough */
    struct target_configuration common;   /* what stands above the first name */
    struct target_configuration *current; /* &common, or the last of all */
    const struct key *key;                /* of the line above; NULL: it was a mistake, or a name */
    bool has_command;                     /* current has one of its own */
    struct buffer contents;               /* of the file that is being read */
    struct buffer word;                   /* that is being read */
};

/* ---- lines and words ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span text)
{
    while (text.len > 0 && is_blank(*text.at))
        span_take(&text, 1);
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

static struct place place_of(const struct parser *p, struct span part)
{
    const struct source *source = &p->file->source;

    return (struct place){ source, (size_t)((const char *)part.at - source->text), part.len };
}

static const char *const placeholders[] = { "{socket}", "{dir}", "{port}", "{here}", "{nbdtest}" };

enum { PLACEHOLDER_COUNT = sizeof placeholders / sizeof placeholders[0] };

/* The placeholder that text begins with; PLACEHOLDER_COUNT: none. */
static unsigned placeholder_at(struct span text)
{
    unsigned i = 0;

    while (i < PLACEHOLDER_COUNT && (text.len < strlen(placeholders[i]) ||
                                     memcmp(text.at, placeholders[i], strlen(placeholders[i])) != 0))
        i++;
    return i;
}

/* A word in braces is meant to be one; other braces, and a shell's ${variable}, are the command's own. */
static void check_placeholders(struct parser *p, struct span text)
{
    uint8_t before = 0;

    for (; text.len > 0 && p->d->errors < p->errors_max; span_take(&text, 1)) {
        struct nearest near;
        size_t len = 1;

        bool begins = *text.at == '{' && before != '$' && placeholder_at(text) == PLACEHOLDER_COUNT;

        before = *text.at;
        if (!begins)
            continue;
        while (len < text.len && text.at[len] >= 'a' && text.at[len] <= 'z')
            len++;
        if (len == 1 || len == text.len || text.at[len] != '}')
            continue;
        near = nearest_to(span_of(text.at, len + 1));
        for (unsigned i = 0; i < PLACEHOLDER_COUNT; i++)
            nearest_offer(&near, placeholders[i]);
        diagnostic_error(p->d, place_of(p, span_of(text.at, len + 1)), "unknown placeholder; %s%s%s",
                         near.best ? "did you mean '"
                                   : "there are {socket}, {dir}, {port}, {here} and {nbdtest}",
                         near.best ? near.best : "", near.best ? "'?" : "");
    }
}

/* The next word of a line, its quotes undone; NULL at the end, and where a quote is not closed. */
static char *take_word(struct parser *p, struct span *rest)
{
    struct span line = *rest = trim(*rest);
    bool quoted = false;

    if (rest->len == 0)
        return NULL;
    buffer_clear(&p->word);
    while (rest->len > 0 && (quoted || !is_blank(*rest->at))) {
        uint8_t c = *span_take(rest, 1).at;

        if (c == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && c == '\\' && rest->len > 0 && (*rest->at == '"' || *rest->at == '\\'))
            c = *span_take(rest, 1).at;
        buffer_add(&p->word, &c, 1);
    }
    if (!quoted)
        return arena_text(p->file->arena, buffer_span(&p->word));
    diagnostic_error(p->d, place_of(p, line), "the quote is not closed");
    return NULL;
}

/* All that follows a key is one word, or it is a mistake. */
static const char *only_word(struct parser *p, struct span rest)
{
    struct span whole = rest;
    unsigned before = p->d->errors;
    const char *word = take_word(p, &rest);

    if (!word && p->d->errors == before)
        diagnostic_error(p->d, place_of(p, whole), "something has to follow");
    if (word && trim(rest).len > 0) {
        diagnostic_error(p->d, place_of(p, trim(rest)), "this is one word too many");
        return NULL;
    }
    if (word)
        check_placeholders(p, whole);
    return word;
}

/* ---- keys ---- */

/* What a key does with the rest of its line, with a line that goes on with it, and when there are no more. */
struct key {
    const char *name;
    void (*take)(struct parser *p, struct span rest);
    void (*more)(struct parser *p, struct span line); /* NULL: it takes one line */
    void (*end)(struct parser *p);                    /* NULL: nothing */
};

static void add_words(struct parser *p, struct target_command *command, struct span rest)
{
    char *word;

    check_placeholders(p, rest);
    while ((word = take_word(p, &rest))) {
        if (command->count == TARGET_MAX_WORDS) {
            diagnostic_error(p->d, command->place, "a command may have %d words at most", TARGET_MAX_WORDS);
            return;
        }
        command->words[command->count++] = word;
    }
}

static void begin_command(struct parser *p, struct target_command *command, struct span rest)
{
    *command = (struct target_command){ .words = ARENA_MANY(p->file->arena, char *, TARGET_MAX_WORDS + 1),
                                        .place = place_of(p, rest) };
    add_words(p, command, rest);
}

static void take_command(struct parser *p, struct span rest)
{
    if (p->has_command) {
        diagnostic_error(p->d, place_of(p, rest), "there is a command already");
        p->key = NULL;
        return;
    }
    p->has_command = true;
    begin_command(p, &p->current->command, rest);
}

static void more_command(struct parser *p, struct span line)
{
    add_words(p, &p->current->command, line);
}

/* One more of a list; false where it is full. */
static bool has_room(struct parser *p, size_t count, struct span rest)
{
    if (count < TARGET_MAX_LIST)
        return true;
    diagnostic_error(p->d, place_of(p, rest), "there may be %d of these at most", TARGET_MAX_LIST);
    p->key = NULL;
    return false;
}

static void take_setup(struct parser *p, struct span rest)
{
    if (has_room(p, p->current->setup_count, rest))
        begin_command(p, &p->current->setups[p->current->setup_count++], rest);
}

static void more_setup(struct parser *p, struct span line)
{
    add_words(p, &p->current->setups[p->current->setup_count - 1], line);
}

static void take_file(struct parser *p, struct span rest)
{
    const char *path;

    buffer_clear(&p->contents);
    if (!has_room(p, p->current->file_count, rest))
        return;
    path = only_word(p, rest);
    p->current->files[p->current->file_count++] = (struct target_made_file){ path ? path : "", "" };
}

static void more_file(struct parser *p, struct span line)
{
    check_placeholders(p, line);
    buffer_add(&p->contents, line.at, line.len);
    buffer_add(&p->contents, "\n", 1);
}

static void end_file(struct parser *p)
{
    p->current->files[p->current->file_count - 1].contents =
        arena_text(p->file->arena, buffer_span(&p->contents));
}

static void add_to(struct parser *p, const char **list, size_t *count, struct span rest)
{
    const char *word = has_room(p, *count, rest) ? only_word(p, rest) : NULL;

    if (word)
        list[(*count)++] = word;
}

static void take_expect(struct parser *p, struct span rest)
{
    if (p->current == &p->common)
        add_to(p, p->file->expects, &p->file->expect_count, rest);
    else
        add_to(p, p->current->expects, &p->current->expect_count, rest);
}

static void take_exclude(struct parser *p, struct span rest)
{
    const char *word;

    while (has_room(p, p->current->exclude_count, rest) && (word = take_word(p, &rest)))
        p->current->excludes[p->current->exclude_count++] = word;
}

static void take_export(struct parser *p, struct span rest)
{
    p->current->export = only_word(p, rest);
}

static void take_tls(struct parser *p, struct span rest)
{
    const char *mode = only_word(p, rest);

    if (mode && strcmp(mode, "on") != 0 && strcmp(mode, "require") != 0)
        diagnostic_error(p->d, place_of(p, trim(rest)), "TLS is 'on' (where it is asked for) or 'require'");
    p->current->tls.mode = mode;
}

static void take_tls_psk(struct parser *p, struct span rest)
{
    p->current->tls.psk = only_word(p, rest);
}

static void take_tls_certificates(struct parser *p, struct span rest)
{
    p->current->tls.certificates = only_word(p, rest);
}

static void take_pid_file(struct parser *p, struct span rest)
{
    p->current->pid_file = only_word(p, rest);
}

static void take_nothing(struct parser *p, struct span rest)
{
    if (trim(rest).len > 0)
        diagnostic_error(p->d, place_of(p, trim(rest)), "nothing may follow");
}

static void take_read_only(struct parser *p, struct span rest)
{
    take_nothing(p, rest);
    p->current->read_only = true;
}

static void take_destroy(struct parser *p, struct span rest)
{
    take_nothing(p, rest);
    p->current->destroy = true;
}

/* Digits up to the unit; false after telling the user. */
static bool read_number(struct parser *p, struct span rest, const char *unit, uint64_t *ret)
{
    const struct span whole = trim(rest), text = whole;
    size_t digits = 0;

    *ret = 0;
    while (digits < text.len && digits < NUMBER_DIGITS && text.at[digits] >= '0' && text.at[digits] <= '9')
        *ret = *ret * 10 + (uint64_t)(text.at[digits++] - '0');
    if (digits > 0 && span_equal(span_of(text.at + digits, text.len - digits), span_text(unit)))
        return true;
    diagnostic_error(p->d, place_of(p, whole), "a whole number of at most %d digits%s%s is meant",
                     NUMBER_DIGITS, *unit ? " and " : "", unit);
    return false;
}

static void take_timeout(struct parser *p, struct span rest)
{
    uint64_t seconds;

    if (!read_number(p, rest, "s", &seconds))
        return;
    if (seconds < 1 || seconds > 3600)
        diagnostic_error(p->d, place_of(p, trim(rest)), "a timeout is from 1s to 3600s");
    p->current->timeout_ns = seconds * 1000 * 1000 * 1000;
}

static void take_rows(struct parser *p, struct span rest)
{
    read_number(p, rest, "", &p->current->rows);
}

static const struct key keys[] = {
    { "command", take_command, more_command, NULL },
    { "setup", take_setup, more_setup, NULL },
    { "file", take_file, more_file, end_file },
    { "expect", take_expect, NULL, NULL },
    { "exclude", take_exclude, NULL, NULL },
    { "export", take_export, NULL, NULL },
    { "tls", take_tls, NULL, NULL },
    { "tls-psk", take_tls_psk, NULL, NULL },
    { "tls-certificates", take_tls_certificates, NULL, NULL },
    { "pid-file", take_pid_file, NULL, NULL },
    { "read-only", take_read_only, NULL, NULL },
    { "destroy", take_destroy, NULL, NULL },
    { "timeout", take_timeout, NULL, NULL },
    { "rows", take_rows, NULL, NULL },
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

static const struct key *find_key(struct parser *p, struct span name)
{
    struct nearest near = nearest_to(name);

    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (span_equal(name, span_text(keys[i].name)))
            return &keys[i];
        nearest_offer(&near, keys[i].name);
    }
    diagnostic_error(p->d, place_of(p, name), "unknown key%s%s%s", near.best ? "; did you mean '" : "",
                     near.best ? near.best : "", near.best ? "'?" : "");
    return NULL;
}

static void end_key(struct parser *p)
{
    if (p->key && p->key->end)
        p->key->end(p);
    p->key = NULL;
}

static void read_key(struct parser *p, struct span line)
{
    struct span rest = line, name;
    size_t len = 0;

    end_key(p);
    while (len < line.len && !is_blank(line.at[len]))
        len++;
    name = span_take(&rest, len);
    p->key = find_key(p, name);
    if (p->key)
        p->key->take(p, rest);
}

/* ---- configurations ---- */

static bool is_name(struct span text)
{
    static const char others[] = "-_.+";

    if (text.len == 0 || text.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!plain && !(c > 0 && strchr(others, c)))
            return false;
    }
    return true;
}

static void read_name(struct parser *p, struct span line)
{
    struct span whole = trim(line), name = span_of(whole.at + 1, whole.len > 2 ? whole.len - 2 : 0);
    struct target_file *t = p->file;
    const char *text;

    end_key(p);
    if (whole.at[whole.len - 1] != ']' || !is_name(name)) {
        diagnostic_error(p->d, place_of(p, whole), "a name is [letters, digits and - _ . +], %d at most",
                         NAME_MAX_BYTES);
        return;
    }
    text = arena_text(t->arena, name);
    if (target_file_find(t, text))
        diagnostic_error(p->d, place_of(p, name), "there is a configuration of this name already");
    if (t->count == TARGET_MAX_CONFIGURATIONS) {
        diagnostic_error(p->d, place_of(p, name), "there may be %d configurations at most",
                         TARGET_MAX_CONFIGURATIONS);
        return;
    }
    p->current = &t->all[t->count++];
    *p->current = p->common;
    p->has_command = false;
    p->current->name = text;
    p->current->place = place_of(p, name);
}

static void read_line(struct parser *p, struct span line)
{
    struct span said = trim(line);
    bool goes_on;

    if (said.len == 0)
        return;
    goes_on = is_blank(*line.at) && p->key && p->key->more;
    if (*said.at == '#' && !(goes_on && p->key->end))
        return; /* in a file it is the file's business */
    if (goes_on)
        p->key->more(p, said);
    else if (is_blank(*line.at))
        diagnostic_error(p->d, place_of(p, said),
                         "a line that begins with a blank goes on with a command or a "
                         "file");
    else if (*line.at == '[')
        read_name(p, line);
    else
        read_key(p, line);
}

static void check_whole(struct parser *p)
{
    const struct target_file *t = p->file;

    if (t->count == 0)
        diagnostic_error(p->d, (struct place){ &t->source, t->source.len, 0 },
                         "there is no configuration: a [name] and what belongs to it");
    for (size_t i = 0; i < t->count; i++) {
        if (t->all[i].command.count == 0)
            diagnostic_error(p->d, t->all[i].place, "there is no command that starts this");
        if (!t->all[i].tls.mode != !(t->all[i].tls.psk || t->all[i].tls.certificates))
            diagnostic_error(p->d, t->all[i].place,
                             "'tls' goes with 'tls-psk', 'tls-certificates', or both, and they with it");
        for (size_t j = 0; j < t->all[i].setup_count; j++)
            if (t->all[i].setups[j].count == 0)
                diagnostic_error(p->d, t->all[i].setups[j].place, "something has to follow");
    }
}

struct target_file *target_file_parse(const char *path, struct span text, struct diagnostics *d)
{
    struct target_file *t = memory_take(sizeof *t);
    struct parser p = { .file = t, .d = d, .errors_max = d->errors + MISTAKES_MAX };
    unsigned before = d->errors;
    struct span rest;

    p.current = &p.common;
    t->arena = arena_new();
    t->source =
        (struct source){ arena_text(t->arena, span_text(path)), arena_text(t->arena, text), text.len };
    t->all = ARENA_MANY(t->arena, struct target_configuration, TARGET_MAX_CONFIGURATIONS);
    buffer_init(&p.contents, 2 * TARGET_MAX_BYTES);
    buffer_init(&p.word, TARGET_MAX_BYTES);
    rest = span_of(t->source.text, text.len);
    if (memchr(text.at ? text.at : (const uint8_t *)"", '\0', text.len) || text.len > TARGET_MAX_BYTES)
        diagnostic_error(d, (struct place){ &t->source, 0, 0 }, "this is not a text of at most %d bytes",
                         TARGET_MAX_BYTES);
    else
        while (rest.len > 0 && d->errors < p.errors_max) {
            const uint8_t *end = memchr(rest.at, '\n', rest.len);
            struct span line = span_take(&rest, end ? (size_t)(end - rest.at) : rest.len);

            span_take(&rest, 1);
            read_line(&p, line);
        }
    end_key(&p);
    buffer_free(&p.contents);
    buffer_free(&p.word);
    if (d->errors == before)
        check_whole(&p);
    if (d->errors == before)
        return t;
    target_file_free(t);
    return NULL;
}

void target_file_free(struct target_file *t)
{
    if (!t)
        return;
    arena_free(t->arena);
    free(t);
}

/* ---- afterwards ---- */

const struct target_configuration *target_file_find(const struct target_file *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->all[i].name, name) == 0)
            return &t->all[i];
    return NULL;
}

char *target_expand(struct arena *arena, const char *text, const struct target_names *names)
{
    const char *const values[PLACEHOLDER_COUNT] = { names->socket, names->dir, names->port, names->here,
                                                    names->nbdtest };
    struct span rest = span_text(text);
    struct buffer expanded;
    char *result;

    buffer_init(&expanded, 2 * TARGET_MAX_BYTES);
    while (rest.len > 0) {
        unsigned i = placeholder_at(rest);
        bool known = i < PLACEHOLDER_COUNT && values[i];
        struct span piece = span_take(&rest, known ? strlen(placeholders[i]) : 1);

        if (known)
            piece = span_text(values[i]);
        buffer_add(&expanded, piece.at, piece.len);
    }
    result = arena_text(arena, buffer_span(&expanded));
    buffer_free(&expanded);
    return result;
}

/* Also in a file that it reads its settings from. */
bool target_mentions(const struct target_configuration *c, const char *placeholder)
{
    for (size_t i = 0; i < c->command.count; i++)
        if (strstr(c->command.words[i], placeholder))
            return true;
    for (size_t i = 0; i < c->file_count; i++)
        if (strstr(c->files[i].contents, placeholder))
            return true;
    return false;
}
