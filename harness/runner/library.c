/* SPDX-License-Identifier: MIT */
#include "runner/library.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/memory.h"
#include "script/check.h"
#include "script/parse.h"

enum {
    FILES_MAX = 10000, /* of a library */
    DEPTH_MAX = 16,    /* of folders within folders; also ends loops of links */
};

/* ---- files ---- */

/* Reads what is left of the file, at most max bytes. */
static char *read_all(FILE *file, size_t max, size_t *ret_len)
{
    size_t room = 16 * 1024, len = 0;
    char *text = memory_take(room);

    for (;;) {
        size_t want = room - len < max + 1 - len ? room - len : max + 1 - len, got;

        if (want == 0)
            break; /* one byte more than allowed */
        got = fread(text + len, 1, want, file);
        len += got;
        if (got < want)
            break;
        if (len == room && len <= max) {
            room *= 2;
            text = memory_grow(text, room);
        }
    }
    *ret_len = len;
    return text;
}

char *read_file(const char *path, size_t max, size_t *ret_len, char *error, size_t error_size)
{
    FILE *file = fopen(path, "rb");
    char *text;

    if (!file) {
        snprintf(error, error_size, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    errno = 0;
    text = read_all(file, max, ret_len);
    if (ferror(file)) {
        snprintf(error, error_size, "cannot read %s: %s", path, strerror(errno));
    } else if (*ret_len > max) {
        snprintf(error, error_size, "%s has more than %zu bytes", path, max);
    } else {
        fclose(file);
        return text;
    }
    free(text);
    fclose(file);
    return NULL;
}

/* ---- checks that need more than one line, or the catalogue ---- */

static bool is_known(void *ctx, struct span id)
{
    return catalogue_find(ctx, id) != NULL;
}

static void offer_all(void *ctx, void (*offer)(void *to, const char *id), void *to)
{
    for (size_t i = 0; i < catalogue_count(ctx); i++)
        offer(to, catalogue_at(ctx, i)->id);
}

/* The rules borrow the catalogue and alter nothing. */
static struct check_rules rules_of(const struct catalogue *catalogue)
{
    return (struct check_rules){ is_known, offer_all, (void *)(uintptr_t)catalogue };
}

static const struct tree_case *find_case(const struct library *l, const char *name)
{
    for (size_t i = 0; i < l->tree_count; i++)
        for (const struct tree_case *c = l->trees[i]->cases; c; c = c->next)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

/* A tree before it is added: its names are new ones.  Within the tree, check_tree() has looked. */
static void check_names(const struct library *l, const struct tree *t, struct diagnostics *d)
{
    for (const struct tree_case *c = t->cases; c; c = c->next) {
        const struct tree_case *other = find_case(l, c->name);
        unsigned line, column;

        if (!other)
            continue;
        place_line_column(other->place, &line, &column);
        diagnostic_error(d, c->place, "the name '%s' is used by the case at %s:%u", c->name,
                         other->place.source->path, line);
    }
}

/* ---- finding ---- */

static bool complain(struct diagnostics *d, const char *reason)
{
    diagnostic_error(d, (struct place){ NULL, 0, 0 }, "%s", reason);
    return false;
}

static bool add_file(struct library *l, const char *path, const struct catalogue *catalogue,
                     struct diagnostics *d)
{
    const struct check_rules rules = rules_of(catalogue);
    char error[512];
    size_t len;
    char *text;
    struct tree *tree;

    if (l->tree_count == FILES_MAX)
        return complain(d, "there are more than 10000 case files");
    /* The parser tells of longer ones, with their place. */
    text = read_file(path, SCRIPT_MAX_BYTES + 1, &len, error, sizeof error);
    if (!text)
        return complain(d, error);
    tree = tree_parse(path, span_of(text, len), d);
    free(text);
    check_tree(tree, &rules, d);
    check_names(l, tree, d);
    l->trees = memory_grow(l->trees, sizeof(struct tree *) * (l->tree_count + 1));
    l->trees[l->tree_count++] = tree;
    return true;
}

static bool has_ending(const char *name, const char *ending)
{
    size_t len = strlen(name), ending_len = strlen(ending);

    return len > ending_len && strcmp(name + len - ending_len, ending) == 0;
}

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool add_folder(struct library *l, const char *path, unsigned depth, const struct catalogue *catalogue,
                       struct diagnostics *d)
{
    struct dirent **entries;
    struct arena *arena;
    int count = scandir(path, &entries, NULL, alphasort);
    bool good = true;

    if (count < 0) {
        char error[512];

        snprintf(error, sizeof error, "cannot read the folder %s: %s", path, strerror(errno));
        return complain(d, error);
    }
    arena = arena_new();
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        const char *inner = arena_print(arena, "%s/%s", path, name);

        if (name[0] == '.')
            continue;
        if (is_folder(inner))
            good = (depth == DEPTH_MAX || add_folder(l, inner, depth + 1, catalogue, d)) && good;
        else if (has_ending(name, ".nbd"))
            good = add_file(l, inner, catalogue, d) && good;
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    arena_free(arena);
    return good;
}

bool library_add(struct library *l, const char *path, const struct catalogue *catalogue,
                 struct diagnostics *d)
{
    l->catalogue = catalogue;
    if (is_folder(path))
        return add_folder(l, path, 0, catalogue, d);
    return add_file(l, path, catalogue, d);
}

void library_free(struct library *l)
{
    for (size_t i = 0; i < l->tree_count; i++)
        tree_free(l->trees[i]);
    free(l->trees);
    *l = (struct library){ 0 };
}
