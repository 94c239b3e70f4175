/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* realpath() */
#include "cli/stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/memory.h"
#include "transport/child.h"
#include "transport/listen.h"
#include "transport/service.h"

#define SETUP_NS (UINT64_C(60) * 1000 * 1000 * 1000)

enum { LOG_SHOWN = 2000, ERROR_MAX = 600, FOLDERS_DEEP = 16 };

struct stage {
    const struct target_configuration *configuration;
    struct arena *arena;
    char dir[64]; /* short: a Unix socket's path has to be */
    const char *log;
    struct target_names names;
    struct service *service;
    char error[ERROR_MAX];
};

/* ---- the folder ---- */

/* Contents live in memory where that is possible. */
static bool make_folder(struct stage *s)
{
    static const char *const parents[] = { "/dev/shm", "/tmp" };

    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
        snprintf(s->dir, sizeof s->dir, "%s/nbdtest.XXXXXX", parents[i]);
        if (access(parents[i], W_OK) == 0 && mkdtemp(s->dir))
            return true;
    }
    s->dir[0] = '\0';
    snprintf(s->error, sizeof s->error, "no folder can be made in /dev/shm or /tmp");
    return false;
}

/* What is in a folder, and the folder; what cannot be removed stays. */
static void remove_folder(int parent, const char *name, unsigned depth)
{
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = folder >= 0 ? fdopendir(folder) : NULL;
    const struct dirent *entry;

    while (entries && (entry = readdir(entries)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(folder, entry->d_name, 0) != 0 && depth < FOLDERS_DEEP)
            remove_folder(folder, entry->d_name, depth + 1);
    if (entries)
        closedir(entries);
    unlinkat(parent, name, AT_REMOVEDIR);
}

static bool write_file(struct stage *s, const char *path, const char *contents)
{
    FILE *file = fopen(path, "we");
    bool written = file && fputs(contents, file) >= 0;

    if (file && fclose(file) != 0)
        written = false;
    if (!written)
        snprintf(s->error, sizeof s->error, "cannot write %s", path);
    return written;
}

/* ---- the server ---- */

const char *stage_expand(struct stage *s, const char *text)
{
    return target_expand(s->arena, text, &s->names);
}

static char *const *expand_words(const struct stage *s, const struct target_command *command)
{
    char **words = ARENA_MANY(s->arena, char *, command->count + 1);

    for (size_t i = 0; i < command->count; i++)
        words[i] = target_expand(s->arena, command->words[i], &s->names);
    return words;
}

/* Runs a command to its end. */
static bool run(struct stage *s, char *const *words)
{
    struct child *child = child_start(words, s->dir, s->log, -1, s->error, sizeof s->error);
    struct child_end end = { false, 0 };
    bool ended = child && child_wait(child, SETUP_NS, &end);
    char how[64];

    child_stop(child);
    if (!child || (ended && !end.by_signal && end.number == 0))
        return child != NULL;
    child_end_print(&end, how, sizeof how);
    snprintf(s->error, sizeof s->error, "%s %s", words[0], ended ? how : "did not end");
    return false;
}

static bool choose_port(struct stage *s, unsigned *ret)
{
    int listener = listen_tcp("127.0.0.1", "0", ret, s->error, sizeof s->error);

    if (listener >= 0)
        close(listener);
    return listener >= 0;
}

static const char *this_program(struct arena *arena)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path);

    return len > 0 && (size_t)len < sizeof path ? arena_text(arena, span_of(path, (size_t)len)) : "nbdtest";
}

/* The folder in which a file is, in a form that holds wherever a command is run. */
static const char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? arena_text(arena, span_of(path, (size_t)(slash + 1 - path))) : ".";
    char *real = realpath(folder, NULL);
    const char *found = real ? arena_text(arena, span_text(real)) : folder;

    free(real);
    return found;
}

static bool prepare(struct stage *s)
{
    const struct target_configuration *c = s->configuration;

    for (size_t i = 0; i < c->file_count; i++)
        if (!write_file(s, stage_expand(s, c->files[i].path), stage_expand(s, c->files[i].contents)))
            return false;
    for (size_t i = 0; i < c->setup_count; i++)
        if (!run(s, expand_words(s, &c->setups[i])))
            return false;
    return true;
}

static bool start(struct stage *s)
{
    const struct target_configuration *c = s->configuration;
    const bool by_port = target_mentions(c, "{port}") && !target_mentions(c, "{socket}");
    unsigned port = 0;

    s->log = arena_print(s->arena, "%s/log", s->dir);
    if (by_port && !choose_port(s, &port))
        return false;
    s->names.socket = arena_print(s->arena, "%s/socket", s->dir);
    s->names.dir = s->dir;
    s->names.port = arena_print(s->arena, "%u", port);
    s->names.nbdtest = this_program(s->arena);
    if (!prepare(s))
        return false;

    const struct service_order order = {
        .words = expand_words(s, &c->command),
        .folder = s->dir,
        .log = s->log,
        .socket = by_port ? NULL : s->names.socket,
        .port = port,
        .activated = !by_port && !target_mentions(c, "{socket}"),
        .pid_file = c->pid_file ? stage_expand(s, c->pid_file) : NULL,
    };
    s->service = service_start(&order, s->error, sizeof s->error);
    return s->service != NULL;
}

/* ---- telling ---- */

static void show_line(struct span line)
{
    struct buffer shown;

    buffer_init(&shown, 4 * LOG_SHOWN + 1);
    escape_text(&shown, line);
    fprintf(stderr, "    %s\n", buffer_text(&shown));
    buffer_free(&shown);
}

/* What the server said last. */
static void show_log(const char *path)
{
    FILE *log = fopen(path, "re");
    uint8_t text[LOG_SHOWN];
    struct span rest;

    if (!log)
        return;
    if (fseek(log, -LOG_SHOWN, SEEK_END) != 0)
        rewind(log);
    rest = span_of(text, fread(text, 1, sizeof text, log));
    fclose(log);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.at, '\n', rest.len);

        show_line(span_take(&rest, end ? (size_t)(end - rest.at) : rest.len));
        span_take(&rest, 1);
    }
}

struct stage *stage_new(const struct target_configuration *configuration, const char *path)
{
    struct stage *s = memory_take(sizeof *s);

    s->configuration = configuration;
    s->arena = arena_new();
    s->names.here = path ? folder_of(s->arena, path) : NULL;
    if (make_folder(s) && start(s))
        return s;
    fprintf(stderr, "nbdtest: %s: %s\n", configuration->name, s->error);
    if (s->log)
        show_log(s->log);
    stage_free(s);
    return NULL;
}

static struct link *dial(void *ctx, uint64_t timeout_ns, char *error, size_t error_size)
{
    return service_dial(((struct stage *)ctx)->service, timeout_ns, error, error_size);
}

static bool revive(void *ctx, char *error, size_t error_size)
{
    return service_revive(((struct stage *)ctx)->service, error, error_size);
}

static bool is_gone(void *ctx)
{
    return service_is_gone(((struct stage *)ctx)->service);
}

struct target stage_target(struct stage *s)
{
    return (struct target){
        .name = s->configuration->name, .dial = dial, .revive = revive, .is_gone = is_gone, .ctx = s
    };
}

void stage_free(struct stage *s)
{
    if (!s)
        return;
    service_stop(s->service);
    if (s->dir[0])
        remove_folder(AT_FDCWD, s->dir, 0);
    arena_free(s->arena);
    free(s);
}
