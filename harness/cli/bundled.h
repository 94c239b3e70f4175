/* SPDX-License-Identifier: MIT */
/* The bundled server as set up on a command line: what `nbdtest` plays against when no server is named, and
 * what `nbdtest serve` serves. */
#ifndef NBDTEST_CLI_BUNDLED_H
#define NBDTEST_CLI_BUNDLED_H

#include <stdbool.h>
#include <stdint.h>

#include "reference/session.h"
#include "reference/store.h"

/* Options that both commands have: rows for options_parse() (cli/options.h). */
#define BUNDLED_OPTIONS                                                                               \
    { "size", 0, "SIZE", "bytes in the bundled server's export (K M G T; default 1T)" },              \
        { "bundled-read-only", 0, NULL, "the bundled server's export is read-only" },                 \
        { "block-size", 0, "MIN:PREF:MAX", "sizes that the bundled server advertises and enforces" }, \
        { "without", 0, "FLAG", "a transmission flag that the bundled server withholds" },            \
        { "no-structured", 0, NULL, "the bundled server has no structured replies" },                 \
        { "name", 0, "NAME", "name of the bundled server's export (default: empty)" },                \
        { "fault", 0, "NAME,...", "violations that the bundled server commits" },                     \
    {                                                                                                 \
        "list-faults", 0, NULL, "list what --fault takes"                                             \
    }

enum bundled_option {
    BUNDLED_SIZE,
    BUNDLED_READ_ONLY,
    BUNDLED_BLOCK_SIZE,
    BUNDLED_WITHOUT,
    BUNDLED_NO_STRUCTURED,
    BUNDLED_NAME,
    BUNDLED_FAULT,
    BUNDLED_LIST_FAULTS,
    BUNDLED_OPTION_COUNT
};

struct bundled {
    uint64_t size;
    bool list_faults; /* --list-faults was given */
    bool used;        /* any of the options was given */
    struct reference_export export;
    struct reference_config config;
};

void bundled_init(struct bundled *b);

/* Takes one of the options; false after telling the user what is wrong with it. */
bool bundled_take(struct bundled *b, enum bundled_option option, const char *argument);

/* Makes the store and the configuration, borrowed from b until bundled_free(). */
const struct reference_config *bundled_config(struct bundled *b);
void bundled_free(struct bundled *b);

/* One line a fault: name, requirements, what it does. */
void bundled_print_faults(void);

#endif
