/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdlib.h>
#include <unistd.h>

enum { EXIT_DEFECT = 5 };

static _Noreturn void out_of_memory(void)
{
    static const char line[] = "nbdtest: the machine has no memory left\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);

    (void)written; /* there is nowhere left to complain to */
    _exit(EXIT_DEFECT);
}

void *memory_take(size_t size)
{
    void *taken = calloc(1, size > 0 ? size : 1);

    if (!taken)
        out_of_memory();
    return taken;
}

void *memory_grow(void *at, size_t size)
{
    void *grown = realloc(at, size > 0 ? size : 1);

    if (!grown)
        out_of_memory();
    return grown;
}
