/* SPDX-License-Identifier: MIT */
/* Dictionaries for fuzzers out of the tables of the wire and script layers.
 *
 *     make_dictionaries FOLDER
 *
 * writes FOLDER/client.dict, server.dict and case.dict. */
#include <stdio.h>
#include <stdlib.h>

#include "script/words.h"
#include "wire/constants.h"
#include "wire/vocabulary.h"

enum { PATH_BYTES = 4096 };

static const struct word magics[] = {
#define MAGIC(name, value) { #name, (value) },
#include "wire/tbl/magic.def"
};
static const struct vocabulary vocabulary_magics = { "magic", magics, sizeof magics / sizeof *magics };

/* A vocabulary as numbers of the width that they have on the wire. */
struct numbers {
    const struct vocabulary *words;
    unsigned bytes;
};

static const struct numbers of_client[] = {
    { &vocabulary_magics, 0 },   { &vocabulary_options, 4 },      { &vocabulary_infos, 2 },
    { &vocabulary_commands, 2 }, { &vocabulary_client_flags, 4 }, { &vocabulary_command_flags, 2 },
};

static const struct numbers of_server[] = {
    { &vocabulary_magics, 0 },        { &vocabulary_options, 4 },
    { &vocabulary_replies, 4 },       { &vocabulary_infos, 2 },
    { &vocabulary_commands, 2 },      { &vocabulary_chunks, 2 },
    { &vocabulary_errors, 4 },        { &vocabulary_handshake_flags, 2 },
    { &vocabulary_client_flags, 4 },  { &vocabulary_transmission_flags, 2 },
    { &vocabulary_command_flags, 2 }, { &vocabulary_chunk_flags, 2 },
    { &vocabulary_state_flags, 4 },
};

static const struct vocabulary *const of_case[] = {
    &words_headers,
    &words_lines,
    &words_starts,
    &words_modes,
    &words_forms,
    &words_styles,
    &words_variables,
    &vocabulary_options,
    &vocabulary_replies,
    &vocabulary_infos,
    &vocabulary_commands,
    &vocabulary_errors,
    &vocabulary_handshake_flags,
    &vocabulary_transmission_flags,
    &vocabulary_command_flags,
    &vocabulary_state_flags,
};

/* What the language has beyond its tables, and words in the company in which they stand. */
static const char *const phrases[] = {
    "case x \\\"\\\"\\x0a",
    "C: ",
    "C.two: ",
    "S: ",
    " & ",
    " as a",
    " same a",
    " by ",
    " breaks ",
    "segment {",
    "unordered {",
    "}\\x0a",
    "repeat i in 0..1 {",
    "each e in a {",
    "?x",
    "$x",
    "[..]",
    "0..1",
    "|",
    "*",
    " has ",
    " lacks ",
    "!=",
    "<=",
    ">=",
    "not ",
    "window tail ",
    "canary off",
    "pause 1ms",
    "raw ",
    "fin",
    "reset",
    "connect two",
    "REP ERR",
    "DATA ",
    "STATUS",
    "close",
    "EXPORT",
    "GREETING",
    "zero",
    "fill(1)",
    "pattern(1)",
    "hex(\\\"00\\\")",
    "be16(1)",
    "be32(1)",
    "be64(1)",
    "offset=",
    "length=",
    "flags=",
    "cookie=",
    "data=",
    "name=",
    "infos=(",
    "queries=(",
    "queries.count=",
    "name.length=",
    "writable",
    "needs size>=1M",
    "option GO",
    "context \\\"base:\\\"",
    "magic=",
    "type=",
    "error=",
    "64K",
    "0xffffffffffffffff",
};

static FILE *open_dictionary(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.dict", folder, name);
    file = fopen(path, "w");
    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fprintf(file, "# Written by fuzz/make_dictionaries.c from the tables; do not edit.\n");
    return file;
}

static void write_number(FILE *file, uint64_t value, unsigned bytes)
{
    fputc('"', file);
    for (unsigned i = bytes; i-- > 0;)
        fprintf(file, "\\x%02x", (unsigned)(value >> 8 * i & 0xff));
    fputs("\"\n", file);
}

/* Magics have 8 or 4 bytes: as many as their values need, but for those that begin with zeroes. */
static unsigned width_of(const struct numbers *n, const struct word *w)
{
    if (n->bytes != 0)
        return n->bytes;
    return w->value > UINT32_MAX ? 8 : 4;
}

static void write_numbers(const char *folder, const char *name, const struct numbers *all, size_t count)
{
    FILE *file = open_dictionary(folder, name);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < all[i].words->count; j++) {
            const struct word *w = &all[i].words->words[j];

            fprintf(file, "# %s %s\n", all[i].words->what, w->name);
            write_number(file, w->value, width_of(&all[i], w));
        }
    fprintf(file, "# the metadata context, and names of exports\n"
                  "\"base:allocation\"\n\"base:\"\n\"read only\"\n\"small\"\n");
    fclose(file);
}

static void write_words(const char *folder)
{
    FILE *file = open_dictionary(folder, "case");

    for (size_t i = 0; i < sizeof of_case / sizeof *of_case; i++)
        for (size_t j = 0; j < of_case[i]->count; j++)
            fprintf(file, "\"%s\"\n", of_case[i]->words[j].name);
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        fprintf(file, "\"%s\"\n", phrases[i]);
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_dictionaries FOLDER\n");
        return EXIT_FAILURE;
    }
    write_numbers(argv[1], "client", of_client, sizeof of_client / sizeof *of_client);
    write_numbers(argv[1], "server", of_server, sizeof of_server / sizeof *of_server);
    write_words(argv[1]);
    return EXIT_SUCCESS;
}
