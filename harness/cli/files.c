/* SPDX-License-Identifier: MIT */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diagnostic.h"

#define CATALOGUE "requirements.tsv"
#define CATALOGUE_MAX_BYTES (8u * 1024 * 1024)

static bool has_catalogue(const char *folder)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/" CATALOGUE, folder);

    return len > 0 && (size_t)len < sizeof path && access(path, R_OK) == 0;
}

/* PREFIX/share/nbdtest/cases for a program in PREFIX/bin, wherever that was moved to. */
static bool beside_program(char *ret, size_t size)
{
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (len <= 0)
        return false;
    self[len] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return snprintf(ret, size, "%s/../share/nbdtest/cases", self) < (int)size;
}

bool files_find_cases(const char *given, char *ret, size_t size)
{
    const char *wanted = given ? given : getenv("NBDTEST_CASES");

    if (wanted) {
        snprintf(ret, size, "%s", wanted);
        if (has_catalogue(ret))
            return true;
        fprintf(stderr, "nbdtest: %s has no " CATALOGUE "\n", wanted);
        return false;
    }
    if (beside_program(ret, size) && has_catalogue(ret))
        return true;
    snprintf(ret, size, "%s", NBDTEST_SOURCE_CASES);
    if (has_catalogue(ret))
        return true;
    fprintf(stderr,
            "nbdtest: the shipped cases are not where they were installed; name their folder with --cases\n");
    return false;
}

/* Prints what was reported; true when there were no mistakes. */
static bool told(struct diagnostics *d)
{
    bool clean = d->errors == 0;

    fputs(buffer_text(&d->text), stderr);
    diagnostics_free(d);
    return clean;
}

struct catalogue *files_catalogue(const char *cases)
{
    struct catalogue *catalogue = NULL;
    struct diagnostics d;
    char path[4096], error[4400];
    size_t len;
    char *text;

    snprintf(path, sizeof path, "%s/" CATALOGUE, cases);
    text = read_file(path, CATALOGUE_MAX_BYTES, &len, error, sizeof error);
    if (!text) {
        fprintf(stderr, "nbdtest: %s\n", error);
        return NULL;
    }
    diagnostics_init(&d);
    catalogue = catalogue_parse(path, span_of(text, len), &d);
    free(text);
    if (told(&d))
        return catalogue;
    catalogue_free(catalogue);
    return NULL;
}

bool files_library(const char *cases, const char *const *paths, size_t count,
                   const struct catalogue *catalogue, struct library *ret)
{
    struct diagnostics d;

    *ret = (struct library){ 0 };
    diagnostics_init(&d);
    if (count == 0)
        library_add(ret, cases, catalogue, &d);
    for (size_t i = 0; i < count; i++)
        library_add(ret, paths[i], catalogue, &d);
    if (told(&d))
        return true;
    library_free(ret);
    return false;
}

bool files_is_case_path(const char *word)
{
    size_t len = strlen(word);
    struct stat about;

    if (len > 4 && strcmp(word + len - 4, ".nbd") == 0)
        return true;
    return strchr(word, '/') && stat(word, &about) == 0;
}
