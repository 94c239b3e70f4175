/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <getopt.h>
#include <string.h>

#define ROWS_MAX 64

int options_parse(const struct option_row *rows, size_t count, int argc, char **argv, option_taken *take,
                  void *ctx)
{
    struct option longs[ROWS_MAX + 1] = { 0 };
    char shorts[2 * ROWS_MAX + 1];
    size_t letters = 0;
    int taken;

    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        longs[i].name = rows[i].name;
        longs[i].has_arg = rows[i].argument ? required_argument : no_argument;
        longs[i].val = (int)(256 + i);
        if (!rows[i].letter)
            continue;
        shorts[letters++] = rows[i].letter;
        if (rows[i].argument)
            shorts[letters++] = ':';
    }
    shorts[letters] = '\0';

    optind = 1;
    while ((taken = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        size_t row = (size_t)taken - 256;

        if (taken == '?')
            return -1;
        if (taken < 256)
            for (row = 0; rows[row].letter != taken; row++)
                ;
        if (!take(ctx, row, optarg))
            return -1;
    }
    return optind;
}

void options_print(const struct option_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        char left[48];

        snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        if (rows[i].letter)
            fprintf(out, "  -%c, %-24s %s\n", rows[i].letter, left, rows[i].help);
        else
            fprintf(out, "      %-24s %s\n", left, rows[i].help);
    }
}
