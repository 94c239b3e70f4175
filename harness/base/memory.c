/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* advice about memory */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EXIT_DEFECT = 5 };

#define LARGE_PAGE ((uintptr_t)2 * 1024 * 1024)

static _Noreturn void out_of_memory(void)
{
    static const char line[] = "nbdtest: the machine has no memory left\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);

    (void)written; /* there is nowhere left to complain to */
    _exit(EXIT_DEFECT);
}

/* Payloads of many MiB come in large pages where the machine has them: page by small page, taking the memory
 * costs more than filling it. */
static void want_large_pages(void *at, size_t size)
{
#ifdef MADV_HUGEPAGE
    uintptr_t before = (LARGE_PAGE - (uintptr_t)at % LARGE_PAGE) % LARGE_PAGE;

    if (size >= 2 * LARGE_PAGE)
        madvise((uint8_t *)at + before, (size - before) / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
}

void *memory_take(size_t size)
{
    void *taken = calloc(1, size > 0 ? size : 1);

    if (!taken)
        out_of_memory();
    want_large_pages(taken, size);
    return taken;
}

void *memory_grow(void *at, size_t size)
{
    void *grown = realloc(at, size > 0 ? size : 1);

    if (!grown)
        out_of_memory();
    want_large_pages(grown, size);
    return grown;
}
