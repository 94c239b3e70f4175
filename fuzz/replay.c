/* SPDX-License-Identifier: MIT */
/* The main() of a fuzz target without a fuzzer: runs files, and all files of folders, through it.
 *
 *     replay_NAME PATH...
 *
 * Ends with 1 when there was no input at all, or one could not be read; a finding aborts. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "fuzz/target.h"

enum { FILE_MAX = 16 * 1024 * 1024, PATH_MAX_BYTES = 4096 };

struct replay {
    size_t inputs;
    bool failed;
    uint64_t slowest_ns;
    char slowest[PATH_MAX_BYTES];
};

static void complain(struct replay *r, const char *path)
{
    perror(path);
    r->failed = true;
}

/* The input is copied into memory of just its size, so that reading behind its end is noticed. */
static void run(struct replay *r, const char *path, struct span input)
{
    uint8_t *bytes = malloc(input.len > 0 ? input.len : 1);
    uint64_t took = clock_ns();

    puts(path); /* the last one is the finding */
    fflush(stdout);
    if (!bytes)
        abort();
    if (input.len > 0)
        memcpy(bytes, input.at, input.len);
    LLVMFuzzerTestOneInput(bytes, input.len);
    took = clock_ns() - took;
    free(bytes);
    r->inputs++;
    if (took > r->slowest_ns) {
        r->slowest_ns = took;
        snprintf(r->slowest, sizeof r->slowest, "%s", path);
    }
}

static void run_file(struct replay *r, const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t piece[4096];
    struct buffer input;
    size_t len;

    if (!file) {
        complain(r, path);
        return;
    }
    buffer_init(&input, FILE_MAX);
    while ((len = fread(piece, 1, sizeof piece, file)) > 0 && buffer_add(&input, piece, len))
        ;
    if (ferror(file) || len > 0)
        complain(r, path);
    else
        run(r, path, buffer_span(&input));
    fclose(file);
    buffer_free(&input);
}

static void run_path(struct replay *r, const char *path);

static void run_folder(struct replay *r, const char *path, DIR *folder)
{
    struct dirent *entry;

    while ((entry = readdir(folder))) {
        char inner[PATH_MAX_BYTES];
        int len = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);

        if (entry->d_name[0] != '.' && len > 0 && (size_t)len < sizeof inner)
            run_path(r, inner);
    }
}

static void run_path(struct replay *r, const char *path)
{
    DIR *folder = opendir(path);

    if (!folder) {
        run_file(r, path);
        return;
    }
    run_folder(r, path, folder);
    closedir(folder);
}

int main(int argc, char **argv)
{
    struct replay replay = { 0 };

    for (int i = 1; i < argc; i++)
        run_path(&replay, argv[i]);
    printf("%zu inputs", replay.inputs);
    if (replay.inputs > 0)
        printf(", the slowest took %.3f s: %s", (double)replay.slowest_ns / 1e9, replay.slowest);
    putchar('\n');
    return replay.inputs > 0 && !replay.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
