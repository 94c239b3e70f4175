/* SPDX-License-Identifier: MIT */
/* nbdtest run: the suite, or what is selected of it, against a server. */
#include "cli/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/bundled.h"
#include "cli/capture_target.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/run_target.h"
#include "cli/stage.h"
#include "cli/tls_options.h"
#include "reference/loop.h"
#include "report/tty.h"
#include "runner/jobs.h"
#include "runner/run.h"

static const struct option_row rows[] = {
    BUNDLED_OPTIONS,
    TLS_OPTIONS,
    TLS_CLIENT_OPTIONS,
    { "server", 's', "HOST:PORT", "the server to test; also an NBD URI" },
    { "target", 0, "FILE", "test a server in all of its configurations, as this file has them" },
    { "config", 0, "NAME", "only this one of them" },
    { "list-configs", 0, NULL, "list them" },
    { "export", 'e', "NAME", "the export to test (default: the empty name, or the only one listed)" },
    { "read-only", 0, NULL, "play no case that writes" },
    { "destroy", 0, NULL, "write even where the export holds data" },
    { "expect", 0, "FILE", "deviations that are known: these do not fail the run" },
    { "strict", 0, NULL, "warnings, and deviations that are gone, fail the run, too" },
    { "exclude", 'x', "PATTERN", "cases to leave out" },
    { "sweep", 0, "KIND", "deliver in other ways, too: bytes, splits, coalesce or cut" },
    { "jobs", 'j', "N", "play in so many processes, each with a bundled server of its own" },
    { "timeout", 't', "SECONDS", "the longest wait for the server (default 10)" },
    { "pcap", 0, "FILE", "record all connections to a capture file" },
    { "verbose", 'v', NULL, "print the transcript of every case" },
    { "cases", 0, "FOLDER", "the shipped cases, if not where they were installed" },
    { "help", 'h', NULL, "this text" },
};

enum {
    RUN_TLS = BUNDLED_OPTION_COUNT,
    RUN_SERVER = RUN_TLS + TLS_OPTION_CLIENT_COUNT,
    RUN_TARGET,
    RUN_CONFIG,
    RUN_LIST_CONFIGS,
    RUN_EXPORT,
    RUN_READ_ONLY,
    RUN_DESTROY,
    RUN_EXPECT,
    RUN_STRICT,
    RUN_EXCLUDE,
    RUN_SWEEP,
    RUN_JOBS,
    RUN_TIMEOUT,
    RUN_PCAP,
    RUN_VERBOSE,
    RUN_CASES,
    RUN_HELP
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])
#define WORDS_MAX 256
#define DEFAULT_TIMEOUT_NS (UINT64_C(10) * 1000 * 1000 * 1000)

struct run {
    struct bundled bundled;
    struct tls_options tls;
    struct tls_credentials *tls_server, *tls_client;
    struct address address;
    const char *server; /* as given; NULL: the bundled one */
    const char *target, *config;
    char **words; /* a command between [ and ] that starts the server; NULL: none */
    size_t word_count;
    const char *expect, *pcap, *cases;
    bool verbose, help, list_configs;
    struct run_options options;
    const char *paths[WORDS_MAX];
    size_t path_count;
    const char *patterns[WORDS_MAX];
    size_t pattern_count;
    const char *excludes[WORDS_MAX];
    size_t exclude_count;
    struct target_configuration started; /* of that command */
    char again[8192];                    /* the command without its words */
};

static bool take_server(struct run *r, const char *text)
{
    char error[512];

    if (r->server) {
        fprintf(stderr, "nbdtest: more than one server is named: '%s' and '%s'\n", r->server, text);
        return false;
    }
    if (!address_parse(text, &r->address, error, sizeof error)) {
        fprintf(stderr, "nbdtest: %s\n", error);
        return false;
    }
    r->server = text;
    if (r->address.has_export)
        r->options.export = r->address.export;
    return true;
}

static bool take_timeout(struct run *r, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0.01 && seconds <= 3600)) {
        fprintf(stderr, "nbdtest: --timeout '%s' is not a number of seconds from 0.01 to 3600\n", text);
        return false;
    }
    r->options.timeout_ns = (uint64_t)(seconds * 1e9);
    return true;
}

static bool take_jobs(struct run *r, const char *text)
{
    char *end;
    unsigned long jobs = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || jobs < 1 || jobs > JOBS_MAX) {
        fprintf(stderr, "nbdtest: --jobs '%s' is not a number from 1 to %d\n", text, JOBS_MAX);
        return false;
    }
    r->options.jobs = (unsigned)jobs;
    return true;
}

static bool add_word(const char **words, size_t *count, const char *word)
{
    if (*count == WORDS_MAX) {
        fprintf(stderr, "nbdtest: more than %d words\n", WORDS_MAX);
        return false;
    }
    words[(*count)++] = word;
    return true;
}

static bool take(void *ctx, size_t row, const char *argument)
{
    struct run *r = ctx;

    if (row < BUNDLED_OPTION_COUNT)
        return bundled_take(&r->bundled, (enum bundled_option)row, argument);
    if (row < RUN_SERVER)
        return tls_options_take(&r->tls, (enum tls_option)(row - RUN_TLS), argument);
    switch (row) {
    case RUN_SERVER:
        return take_server(r, argument);
    case RUN_TARGET:
        r->target = argument;
        return true;
    case RUN_CONFIG:
        r->config = argument;
        return true;
    case RUN_LIST_CONFIGS:
        return r->list_configs = true;
    case RUN_EXPORT:
        r->options.export = argument;
        return true;
    case RUN_READ_ONLY:
        return r->options.read_only = true;
    case RUN_DESTROY:
        return r->options.destroy = true;
    case RUN_EXPECT:
        r->expect = argument;
        return true;
    case RUN_STRICT:
        return r->options.strict = true;
    case RUN_EXCLUDE:
        return add_word(r->excludes, &r->exclude_count, argument);
    case RUN_SWEEP:
        r->options.sweep = sweep_named(argument);
        if (r->options.sweep == SWEEP_COUNT)
            fprintf(stderr, "nbdtest: --sweep '%s' is none of bytes, splits, coalesce, cut\n", argument);
        return r->options.sweep != SWEEP_COUNT;
    case RUN_JOBS:
        return take_jobs(r, argument);
    case RUN_TIMEOUT:
        return take_timeout(r, argument);
    case RUN_PCAP:
        r->pcap = argument;
        return true;
    case RUN_VERBOSE:
        return r->verbose = true;
    case RUN_CASES:
        r->cases = argument;
        return true;
    case RUN_HELP:
        return r->help = true;
    default:
        return false;
    }
}

static struct link *dial_address(void *ctx, uint64_t timeout_ns, char *error, size_t error_size)
{
    const struct address *a = ctx;

    if (a->is_unix)
        return link_dial_unix(a->path, timeout_ns, error, error_size);
    return link_dial_tcp(a->host, a->port, timeout_ns, error, error_size);
}

static struct link *dial_bundled(void *ctx, uint64_t timeout_ns, char *error, size_t error_size)
{
    const struct bundled *bundled = ctx;

    (void)timeout_ns;
    (void)error;
    (void)error_size;
    return link_memory(reference_peer(&bundled->config));
}

/* Quotes a word for the shell where that is necessary. */
static void append_quoted(char *to, size_t size, const char *word)
{
    size_t len = strlen(to);
    bool plain =
        *word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+[]") ==
                     strlen(word);

    snprintf(to + len, size - len, plain ? " %s" : " '%s'", word);
}

/* The command that plays one instance again is the one given, without the words that select cases. */
static void remember_command(struct run *r, int argc, char **argv, int first)
{
    snprintf(r->again, sizeof r->again, "nbdtest");
    for (int i = 1; i < first && i < argc; i++)
        if (strcmp(argv[i], "-v") != 0 && strcmp(argv[i], "--verbose") != 0 &&
            (strcmp(argv[i], "--") != 0 || !r->words))
            append_quoted(r->again, sizeof r->again, argv[i]);
    for (int i = first; i < argc; i++)
        if (strstr(argv[i], "://") || files_is_case_path(argv[i]))
            append_quoted(r->again, sizeof r->again, argv[i]);
    if (!r->words)
        return;
    append_quoted(r->again, sizeof r->again, "--");
    append_quoted(r->again, sizeof r->again, "[");
    for (size_t i = 0; i < r->word_count; i++)
        append_quoted(r->again, sizeof r->again, r->words[i]);
    append_quoted(r->again, sizeof r->again, "]");
}

/* Takes [ COMMAND ... ] out of the words, if it is there, and returns how many are left. */
static int take_command(struct run *r, int argc, char **argv, int first)
{
    int begin = first, end;
    char **command;

    while (begin < argc && strcmp(argv[begin], "[") != 0)
        begin++;
    if (begin == argc)
        return argc;
    for (end = argc - 1; end > begin && strcmp(argv[end], "]") != 0; end--)
        ;
    if (end <= begin + 1) {
        fprintf(stderr, "nbdtest: a server to start is named so: -- [ COMMAND ARGUMENTS ]\n");
        return -1;
    }
    command = &argv[begin + 1];
    r->word_count = (size_t)(end - begin - 1);
    /* Behind the other words, in the order in which they came. */
    for (int moved = end + 1; moved < argc; moved++) {
        char *word = argv[moved];

        memmove(&argv[begin + 1], &argv[begin], (size_t)(moved - begin) * sizeof *argv);
        argv[begin++] = word;
        command++;
    }
    r->words = command;
    return begin;
}

/* What is to be tested is named in one way. */
static bool are_consistent(const struct run *r)
{
    int named = (r->server != NULL) + (r->target != NULL) + (r->words != NULL);

    if (named > 1)
        fprintf(stderr, "nbdtest: one of --server, --target and [ COMMAND ] is enough\n");
    else if (named > 0 && r->bundled.used)
        fprintf(stderr,
                "nbdtest: options of the bundled server go without --server, --target and [ COMMAND ]\n");
    else if ((r->config || r->list_configs) && !r->target)
        fprintf(stderr, "nbdtest: --config and --list-configs go with --target\n");
    else if (r->target && (r->pcap || r->expect))
        fprintf(stderr, "nbdtest: --pcap and --expect do not go with --target\n");
    else if (r->target && r->tls.given)
        fprintf(stderr, "nbdtest: options of TLS do not go with --target: its file says how it is there\n");
    else if (r->options.jobs > 1 && named > 0)
        fprintf(stderr, "nbdtest: --jobs goes with the bundled server only, of which each job has one: "
                        "cases write to the same places\n");
    else if (r->options.jobs > 1 && (r->pcap || r->options.sweep != SWEEP_NONE))
        fprintf(stderr, "nbdtest: --jobs does not go with --pcap and --sweep\n");
    else if (r->word_count > TARGET_MAX_WORDS)
        fprintf(stderr, "nbdtest: a command may have %d words at most\n", TARGET_MAX_WORDS);
    else
        return named > 0 || bundled_check(&r->bundled);
    return false;
}

static bool take_words(struct run *r, int argc, char **argv, int first)
{
    for (int i = first; i < argc; i++) {
        bool taken = strstr(argv[i], "://")        ? take_server(r, argv[i])
                     : files_is_case_path(argv[i]) ? add_word(r->paths, &r->path_count, argv[i])
                                                   : add_word(r->patterns, &r->pattern_count, argv[i]);

        if (!taken)
            return false;
    }
    if (!are_consistent(r))
        return false;
    r->options.patterns = r->patterns;
    r->options.pattern_count = r->pattern_count;
    r->options.excludes = r->excludes;
    r->options.exclude_count = r->exclude_count;
    return true;
}

static bool wants_colours(void)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(terminal && strcmp(terminal, "dumb") == 0);
}

static struct tty_options look_of(const struct run *r)
{
    return (struct tty_options){ .out = stdout,
                                 .colours = wants_colours(),
                                 .progress = isatty(STDOUT_FILENO) != 0,
                                 .transcripts = r->verbose,
                                 .again = r->again };
}

/* What is to be tested, TLS included; starts it where that was asked for.  False after telling the user. */
static bool find_target(struct run *r, struct stage **stage, struct target *ret)
{
    *stage = NULL;
    if (r->server) {
        *ret = (struct target){ .name = r->server, .dial = dial_address, .ctx = &r->address };
        return tls_options_client(&r->tls, &r->address, ret, &r->tls_client);
    }
    if (r->words) {
        r->started =
            (struct target_configuration){ .name = r->words[0],
                                           .command = { .words = r->words, .count = r->word_count } };
        *stage = stage_new(&r->started, NULL);
        if (!*stage)
            return false;
        *ret = stage_target(*stage);
        r->address.is_unix = true;
        return tls_options_client(&r->tls, &r->address, ret, &r->tls_client);
    }
    *ret = (struct target){ .name = "bundled server", .dial = dial_bundled, .ctx = &r->bundled };
    bundled_config(&r->bundled);
    return tls_options_bundled(&r->tls, &r->bundled.config, ret, &r->tls_server, &r->tls_client);
}

static enum status play(struct run *r, const struct target *target, const struct library *library,
                        const struct catalogue *catalogue, struct expectation *expectation)
{
    struct tty_options look = look_of(r);
    struct tty_report *report = tty_report_new(&look);
    struct listener listener = tty_report_listener(report);
    struct buffer error;
    enum status status;

    buffer_init(&error, 64 * 1024);
    status = run_library(library, catalogue, target, &r->options, expectation, &listener, 1, &error);
    if (error.len > 0)
        fprintf(stderr, "nbdtest: %s\n", buffer_text(&error));
    buffer_free(&error);
    tty_report_free(report);
    return status;
}

/* The same, recorded to a file where that was asked for. */
static enum status play_recorded(struct run *r, struct target target, const struct library *library,
                                 const struct catalogue *catalogue, struct expectation *expectation)
{
    struct capture_target *capture = NULL;
    enum status status;
    char why[512];

    if (r->pcap) {
        capture = capture_target_new(r->pcap, &target, why, sizeof why);
        if (!capture) {
            fprintf(stderr, "nbdtest: %s\n", why);
            return STATUS_USAGE;
        }
        target = capture_target_of(capture);
    }
    status = play(r, &target, library, catalogue, expectation);
    capture_target_free(capture);
    return status;
}

static enum status run_one(struct run *r, const struct library *library, const struct catalogue *catalogue)
{
    struct expectation *expectation = expectation_new();
    enum status status = STATUS_USAGE;
    struct target target;
    struct stage *stage;

    if (!r->options.timeout_ns)
        r->options.timeout_ns = DEFAULT_TIMEOUT_NS;
    if (!r->expect || run_read_expectation(r->expect, catalogue, expectation)) {
        status = r->words ? STATUS_UNREACHABLE : STATUS_USAGE;
        if (find_target(r, &stage, &target)) {
            status = play_recorded(r, target, library, catalogue, expectation);
            stage_free(stage);
            bundled_free(&r->bundled);
            tls_credentials_free(r->tls_server);
            tls_credentials_free(r->tls_client);
        }
    }
    expectation_free(expectation);
    return status;
}

static enum status run_all(const struct run *r, const struct library *library,
                           const struct catalogue *catalogue)
{
    const struct target_run all = { .path = r->target,
                                    .config = r->config,
                                    .library = library,
                                    .catalogue = catalogue,
                                    .options = &r->options,
                                    .look = look_of(r) };

    return run_target(&all);
}

static enum status run(struct run *r)
{
    enum status status = STATUS_USAGE;
    struct catalogue *catalogue;
    struct library library;
    char cases[4096];

    if (r->list_configs)
        return run_target_list(r->target);
    if (!files_find_cases(r->cases, cases, sizeof cases) || !(catalogue = files_catalogue(cases)))
        return STATUS_USAGE;
    if (files_library(cases, r->paths, r->path_count, catalogue, &library)) {
        status = r->target ? run_all(r, &library, catalogue) : run_one(r, &library, catalogue);
        library_free(&library);
    }
    catalogue_free(catalogue);
    return status;
}

static void print_help(void)
{
    puts("nbdtest [run] [OPTIONS] [NBD-URI] [CASE-FILE | PATTERN] ... [-- [ COMMAND ARGUMENTS ]]:\n"
         "plays cases against a server\n");
    options_print(rows + RUN_SERVER, ROW_COUNT - RUN_SERVER, stdout);
    puts("\nTLS, with a server that is named or with the bundled one:\n");
    options_print(rows + RUN_TLS, TLS_OPTION_CLIENT_COUNT, stdout);
    puts("\nthe bundled server, where none is named:\n");
    options_print(rows, BUNDLED_OPTION_COUNT, stdout);
    bundled_print_keys();
}

int command_run(int argc, char **argv)
{
    struct run *r = calloc(1, sizeof *r);
    int status = STATUS_USAGE;
    int first;

    if (!r)
        return STATUS_DEFECT;
    bundled_init(&r->bundled);
    first = options_parse(rows, ROW_COUNT, argc, argv, take, r);
    if (first >= 0 && r->help) {
        print_help();
        status = STATUS_CONFORMS;
    } else if (first >= 0 && bundled_print_lists(&r->bundled)) {
        status = STATUS_CONFORMS;
    } else if (first >= 0 && (argc = take_command(r, argc, argv, first)) >= 0 &&
               take_words(r, argc, argv, first)) {
        remember_command(r, argc, argv, first);
        status = (int)run(r);
    }
    free(r);
    return status;
}
