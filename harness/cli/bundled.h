/* SPDX-License-Identifier: MIT */
/* The bundled server as set up on a command line: what `nbdtest` plays against when no server is named, and
 * what `nbdtest serve` serves. */
#ifndef NBDTEST_CLI_BUNDLED_H
#define NBDTEST_CLI_BUNDLED_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/export_option.h"
#include "reference/session.h"
#include "reference/store.h"

/* Options that both commands have: rows for options_parse() (cli/options.h). */
#define BUNDLED_OPTIONS                                                                                \
    { "size", 0, "SIZE", "bytes in the bundled server's export (K M G T; default 1T)" },               \
        { "bundled-read-only", 0, NULL, "the bundled server's export is read-only" },                  \
        { "block-size", 0, "MIN:PREF:MAX", "sizes that the bundled server advertises and enforces" },  \
        { "without", 0, "FLAG", "a transmission flag that the bundled server withholds" },             \
        { "no-structured", 0, NULL, "the bundled server has no structured replies" },                  \
        { "no-extended", 0, NULL, "the bundled server has no extended headers" },                      \
        { "name", 0, "NAME", "name of the bundled server's export (default: empty)" },                 \
        { "description", 0, "TEXT", "what the bundled server tells of its export" },                   \
        { "block-size-required", 0, NULL, "clients have to ask for the block size" },                  \
        { "tls-only", 0, NULL, "the bundled server's export is out of reach without TLS" },            \
        { "bundled-export", 0, "NAME,...", "one more export of the bundled server; KEYs: see below" }, \
        { "memory", 0, "SIZE", "what the contents of all exports may take; then ENOSPC (8G)" },        \
        { "face", 0, "FACE", "handshake: fixed (default), newstyle or oldstyle" },                     \
        { "limit", 0, "KEY=VALUE,...", "what clients may cost the bundled server: see below" },        \
        { "fault", 0, "NAME,...", "violations that the bundled server commits" },                      \
        { "list-faults", 0, NULL, "list what --fault takes" },                                         \
        { "odd", 0, "NAME,...", "rare but legal behaviour of the bundled server" },                    \
        { "odd-seed", 0, "NUMBER", "decides what --odd leaves to chance (default 0)" },                \
    {                                                                                                  \
        "list-odd", 0, NULL, "list what --odd takes"                                                   \
    }

enum bundled_option {
    BUNDLED_SIZE,
    BUNDLED_READ_ONLY,
    BUNDLED_BLOCK_SIZE,
    BUNDLED_WITHOUT,
    BUNDLED_NO_STRUCTURED,
    BUNDLED_NO_EXTENDED,
    BUNDLED_NAME,
    BUNDLED_DESCRIPTION,
    BUNDLED_BLOCK_SIZE_REQUIRED,
    BUNDLED_TLS_ONLY,
    BUNDLED_EXPORT,
    BUNDLED_MEMORY,
    BUNDLED_FACE,
    BUNDLED_LIMIT,
    BUNDLED_FAULT,
    BUNDLED_LIST_FAULTS,
    BUNDLED_ODD,
    BUNDLED_ODD_SEED,
    BUNDLED_LIST_ODD,
    BUNDLED_OPTION_COUNT
};

struct bundled {
    struct export_option first; /* what the options that speak of one export say */
    bool described;             /* any of them was given; otherwise further exports take its place */
    struct export_option *more; /* owned */
    size_t more_count;
    bool list_faults; /* --list-faults was given */
    bool list_odd;    /* --list-odd was given */
    bool used;        /* any of the options was given */
    struct store_memory memory;
    struct reference_export *exports; /* owned: what config has, stores included */
    struct reference_config config;
};

void bundled_init(struct bundled *b);

/* Takes one of the options; false after telling the user what is wrong with it. */
bool bundled_take(struct bundled *b, enum bundled_option option, const char *argument);

/* False after telling the user why the options do not go together; to be asked after the last one. */
bool bundled_check(const struct bundled *b);

/* The name of the default export. */
const char *bundled_name(const struct bundled *b);

/* Makes the stores and the configuration, borrowed from b until bundled_free(). */
const struct reference_config *bundled_config(struct bundled *b);
void bundled_free(struct bundled *b);

/* What --help says below the options: the KEYs of --bundled-export and --limit. */
void bundled_print_keys(void);

/* Prints what --list-faults or --list-odd asks for; false when neither was given. */
bool bundled_print_lists(const struct bundled *b);

#endif
