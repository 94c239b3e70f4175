/* SPDX-License-Identifier: MIT */
/* Seeds out of the cases: plays each of them against the reference server and writes down what passed.
 *
 *     make_seeds CASES FOLDER
 *
 * writes FOLDER/client/NAME, FOLDER/server/NAME and FOLDER/session/NAME for each connection of each instance,
 * named after the instance, and FOLDER/case/NAME for each case.  What is longer than a target looks at is
 * left out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/recording.h"
#include "fuzz/served.h"
#include "fuzz/setup.h"
#include "fuzz/target.h"
#include "reference/loop.h"
#include "runner/run.h"

#define MEMORY (UINT64_C(1) << 30)
#define TIMEOUT_NS (5 * UINT64_C(1000000000))

enum { CATALOGUE_MAX = 4 * 1024 * 1024, PATH_BYTES = 4096, NAME_BYTES = 200 };

struct seeds {
    const char *folder;
    struct served served;
    struct recording *recordings; /* of the instance under way, the newest first */
    struct recording *done;       /* written; kept until their links are gone */
    size_t written;
    size_t sessions;
    bool failed;
};

/* ---- files ---- */

static void write_seed(struct seeds *s, const char *target, const char *name, struct span bytes)
{
    char path[PATH_BYTES];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s/%s", s->folder, target, name);
    file = fopen(path, "wb");
    if (!file || fwrite(bytes.at, 1, bytes.len, file) != bytes.len) {
        perror(path);
        s->failed = true;
    }
    if (file && fclose(file) != 0)
        s->failed = true;
    s->written++;
}

/* The name of a file: of an instance's id what any file system takes. */
static void name_seed(char *name, const char *id, size_t connection)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=";
    size_t len = 0;

    for (; *id && len < NAME_BYTES - 30; id++)
        name[len++] = strchr(plain, *id) ? *id : '.';
    name[len] = '\0';
    if (connection > 1)
        snprintf(name + len, NAME_BYTES - len, ".connection-%zu", connection);
}

/* ---- connections ---- */

static struct link *dial(void *ctx, uint64_t timeout_ns, char *error, size_t error_size)
{
    struct seeds *s = ctx;
    struct link *link;
    struct recording *r;

    (void)timeout_ns;
    (void)error;
    (void)error_size;
    r = recording_new(link_memory(reference_peer(&s->served.config)), &link);
    r->next = s->recordings;
    s->recordings = r;
    return link;
}

/* Sets aside what was recorded; it may still be written to. */
static void set_aside(struct seeds *s)
{
    while (s->recordings) {
        struct recording *r = s->recordings;

        s->recordings = r->next;
        r->next = s->done;
        s->done = r;
    }
}

static void free_done(struct seeds *s)
{
    while (s->done) {
        struct recording *r = s->done;

        s->done = r->next;
        recording_free(r);
    }
}

/* ---- setups of the reference server ---- */

/* What is done with the client's bytes in turn, so that each setup is the start of some seeds. */
static struct setup setup_of(size_t number)
{
    static const struct setup setups[] = {
        { .bits = 0 },
        { .bits = SETUP_IN_PIECES },
        { .tls = REFERENCE_TLS_FORCED },
        { .tls = REFERENCE_TLS_SELECTIVE, .bits = SETUP_TLS_ONLY },
        { .bits = SETUP_NO_EXTENDED | SETUP_SMALL_MEMORY },
        { .bits = SETUP_NO_STRUCTURED | SETUP_SIZES_REQUIRED },
        { .bits = SETUP_IN_PIECES | SETUP_NO_SIZES },
        { .bits = SETUP_READ_ONLY },
        { .face = REFERENCE_NEWSTYLE },
        { .face = REFERENCE_OLDSTYLE },
    };
    enum { SETUPS = sizeof setups / sizeof *setups };
    struct setup setup = setups[number % SETUPS];
    size_t turn = number / SETUPS;

    setup.seed = (uint8_t)number;
    if (turn % 4 == 1)
        setup.fault = (uint16_t)(number % FAULT_COUNT + 1);
    if (turn % 4 >= 2)
        setup.oddities[0] = (uint16_t)(number % ODDITY_COUNT + 1);
    if (turn % 4 == 3)
        setup.oddities[1] = (uint16_t)(number / 3 % ODDITY_COUNT + 1);
    return setup;
}

/* The client's flags; then, where the server has it, the option that starts TLS. */
static struct span take_opening(struct span *client, const struct setup *setup)
{
    return setup->face == REFERENCE_OLDSTYLE ? span_take(client, 0) : span_take(client, 4);
}

static bool put_session(struct buffer *to, struct span client, size_t number)
{
    static const uint8_t starttls[] = "IHAVEOPT\0\0\0\5\0\0\0"; /* and the last 0 of the length */
    const struct setup setup = setup_of(number);
    struct span opening = take_opening(&client, &setup);

    return setup_put(to, &setup) && record_put(to, HAPPENING_SAY, opening) &&
           (setup.tls == REFERENCE_TLS_OFF ||
            record_put(to, HAPPENING_SAY, span_of(starttls, sizeof starttls))) &&
           record_put(to, HAPPENING_SAY, client) &&
           record_put(to, number % 16 < 8 ? HAPPENING_FINISHED : HAPPENING_SHUT_DOWN, span_of(NULL, 0));
}

static void write_session(struct seeds *s, const char *name, struct span client)
{
    struct buffer input;

    buffer_init(&input, TARGET_INPUT_MAX);
    if (put_session(&input, client, s->sessions++))
        write_seed(s, "session", name, buffer_span(&input));
    buffer_free(&input);
}

/* ---- the run ---- */

/* What was recorded so far is the runner's own looking around. */
static void began(void *ctx, const struct about *about)
{
    (void)about;
    set_aside(ctx);
}

static size_t count_recordings(const struct recording *r)
{
    size_t count = 0;

    for (; r; r = r->next)
        count++;
    return count;
}

static void played(void *ctx, const struct instance *instance)
{
    struct seeds *s = ctx;
    size_t connection = count_recordings(s->recordings);
    char name[NAME_BYTES];

    for (const struct recording *r = s->recordings; r; r = r->next, connection--) {
        name_seed(name, instance->id, connection);
        if (r->too_long)
            continue;
        write_seed(s, "client", name, buffer_span(&r->client));
        write_seed(s, "server", name, buffer_span(&r->records));
        write_session(s, name, buffer_span(&r->client));
    }
    set_aside(s);
}

static enum status play_all(struct seeds *s, const struct library *library, const struct catalogue *catalogue)
{
    const struct target target = { .name = "reference server", .dial = dial, .ctx = s };
    const struct run_options options = { .destroy = true, .timeout_ns = TIMEOUT_NS };
    const struct listener listener = { .began = began, .instance = played, .ctx = s };
    struct buffer error;
    enum status status;

    buffer_init(&error, 64 * 1024);
    status = run_library(library, catalogue, &target, &options, NULL, &listener, 1, &error);
    fputs(buffer_text(&error), stderr);
    buffer_free(&error);
    return status;
}

/* ---- case texts ---- */

static size_t line_of(const struct tree_case *c)
{
    size_t at = c->place.at;

    while (at > 0 && c->place.source->text[at - 1] != '\n')
        at--;
    return at;
}

static void write_case(struct seeds *s, const struct tree_case *c)
{
    size_t from = line_of(c), to = c->next ? line_of(c->next) : c->place.source->len;
    char name[NAME_BYTES];

    name_seed(name, c->name, 1);
    if (to - from <= TARGET_INPUT_MAX)
        write_seed(s, "case", name, span_of(c->place.source->text + from, to - from));
}

/* ---- all of it ---- */

static struct catalogue *read_catalogue(const char *cases, struct diagnostics *d)
{
    char path[PATH_BYTES], error[512];
    struct catalogue *catalogue;
    size_t len;
    char *text;

    snprintf(path, sizeof path, "%s/requirements.tsv", cases);
    text = read_file(path, CATALOGUE_MAX, &len, error, sizeof error);
    if (!text) {
        fprintf(stderr, "%s\n", error);
        return NULL;
    }
    catalogue = catalogue_parse(path, span_of(text, len), d);
    free(text);
    return catalogue;
}

static void make(struct seeds *s, const struct library *library, const struct catalogue *catalogue)
{
    enum status status;

    for (size_t i = 0; i < library->tree_count; i++)
        for (const struct tree_case *c = library->trees[i]->cases; c; c = c->next)
            write_case(s, c);
    status = play_all(s, library, catalogue);
    if (status != STATUS_CONFORMS) {
        fprintf(stderr, "the run ended with status %d\n", (int)status);
        s->failed = true;
    }
    set_aside(s);
    free_done(s);
}

int main(int argc, char **argv)
{
    struct seeds seeds = { .folder = argc == 3 ? argv[2] : NULL };
    struct library library = { 0 };
    struct diagnostics d;
    struct catalogue *catalogue;

    if (argc != 3) {
        fprintf(stderr, "usage: make_seeds CASES FOLDER\n");
        return STATUS_USAGE;
    }
    diagnostics_init(&d);
    served_init(&seeds.served, MEMORY);
    catalogue = read_catalogue(argv[1], &d);
    if (catalogue && library_add(&library, argv[1], catalogue, &d) && d.errors == 0)
        make(&seeds, &library, catalogue);
    else
        seeds.failed = true;
    fputs(buffer_text(&d.text), stderr);
    printf("%zu seeds\n", seeds.written);
    library_free(&library);
    catalogue_free(catalogue);
    served_free(&seeds.served);
    diagnostics_free(&d);
    return seeds.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
