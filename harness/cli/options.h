/* SPDX-License-Identifier: MIT */
/* GNU long options out of a table: the same rows parse the command line and print the help. */
#ifndef NBDTEST_CLI_OPTIONS_H
#define NBDTEST_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option_row {
    const char *name;     /* without the dashes */
    char letter;          /* 0: none */
    const char *argument; /* NULL: takes none */
    const char *help;
};

/* Called with the index of a row and its argument (NULL if it takes none); false when the argument is wrong,
 * after having told the user why. */
typedef bool option_taken(void *ctx, size_t row, const char *argument);

/* Reads argv[1..].  Options and other words may be mixed; the other words are moved to the end.
 * Returns the index of the first other word, or -1 after telling the user on stderr what was wrong. */
int options_parse(const struct option_row *rows, size_t count, int argc, char **argv, option_taken *take,
                  void *ctx);

/* One line a row. */
void options_print(const struct option_row *rows, size_t count, FILE *out);

#endif
