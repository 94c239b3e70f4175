/* SPDX-License-Identifier: MIT */
/* What every fuzz target is: fuzz_NAME.c, a function that is handed any bytes and holds what it does with
 * them against a property.  libFuzzer or replay.c has the main(). */
#ifndef NBDTEST_FUZZ_TARGET_H
#define NBDTEST_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* Longer inputs are not looked at: what can be said with them can be said with less. */
#define TARGET_INPUT_MAX (16 * 1024)

/* Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* States that a property holds for the input at hand.  Where it does not, the explanation is printed and the
 * program aborts, which is how a fuzzer knows a finding. */
#define HOLDS(property, ...) \
    ((property) ? (void)0 : target_finding(__FILE__, __LINE__, #property, __VA_ARGS__))

_Noreturn void target_finding(const char *file, int line, const char *property, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* What a target compiled with NBDTEST_PLANTED_BUG does when it meets the input that its bug needs. */
_Noreturn void target_planted(void);

#endif
