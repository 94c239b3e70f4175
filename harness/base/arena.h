/* SPDX-License-Identifier: MIT */
/* Memory that dies together: everything taken from an arena is released with it, never one by one. */
#ifndef NBDTEST_BASE_ARENA_H
#define NBDTEST_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/span.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is allowed */

/* Forgets everything taken and keeps memory for the next use. */
void arena_reset(struct arena *a);

/* size zeroed bytes, aligned for any object; never NULL (base/memory.h).  Callers bound size first. */
void *arena_take(struct arena *a, size_t size);

/* Copies into the arena; the text functions put a NUL behind the copy. */
void *arena_copy(struct arena *a, const void *bytes, size_t size);
char *arena_text(struct arena *a, struct span text);
char *arena_print(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprint(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#define ARENA_NEW(arena, type) ((type *)arena_take((arena), sizeof(type)))
#define ARENA_MANY(arena, type, count) ((type *)arena_take((arena), sizeof(type) * (count)))

#endif
