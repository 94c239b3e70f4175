/* SPDX-License-Identifier: MIT */
/* Where the shipped cases and the catalogue of requirements are, and reading them. */
#ifndef NBDTEST_CLI_FILES_H
#define NBDTEST_CLI_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/catalogue.h"
#include "runner/library.h"

/* The folder of shipped cases: given (--cases), or $NBDTEST_CASES, or beside the installed program, or the
 * source tree's.  False, after telling the user on stderr, when there is none. */
bool files_find_cases(const char *given, char *ret, size_t size);

/* Reads the catalogue in the folder of shipped cases; NULL after telling the user why not. */
struct catalogue *files_catalogue(const char *cases);

/* Reads the files and folders named, or all shipped cases where count is 0; false after telling the user all
 * mistakes. */
bool files_library(const char *cases, const char *const *paths, size_t count,
                   const struct catalogue *catalogue, struct library *ret);

/* True for words that name a case file rather than a pattern of case names. */
bool files_is_case_path(const char *word);

#endif
