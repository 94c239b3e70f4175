/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum { BLOCK_SIZE = 16 * 1024 };

struct block {
    struct block *next;
    size_t size; /* bytes behind this header */
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

struct arena {
    struct block *blocks; /* the one that is being filled comes first */
    struct block *spare;  /* all of BLOCK_SIZE */
};

struct arena *arena_new(void)
{
    return memory_take(sizeof(struct arena));
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    free_blocks(a->blocks);
    free_blocks(a->spare);
    free(a);
}

/* Blocks made for one large object go back to the machine, or one large case would weigh on all
 * that follow. */
void arena_reset(struct arena *a)
{
    struct block *block = a->blocks;

    while (block) {
        struct block *next = block->next;

        if (block->size == BLOCK_SIZE) {
            block->used = 0;
            block->next = a->spare;
            a->spare = block;
        } else {
            free(block);
        }
        block = next;
    }
    a->blocks = NULL;
}

static struct block *block_of(size_t size)
{
    struct block *block = memory_grow(NULL, sizeof *block + size);

    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

/* A block with room for size bytes. */
static struct block *find_room(struct arena *a, size_t size)
{
    struct block *block = a->blocks;

    if (block && size <= block->size - block->used)
        return block;
    if (size > BLOCK_SIZE && a->blocks) { /* behind the first, which goes on being filled */
        block = block_of(size);
        block->next = a->blocks->next;
        a->blocks->next = block;
        return block;
    }
    block = size <= BLOCK_SIZE ? a->spare : NULL;
    if (block)
        a->spare = block->next;
    else
        block = block_of(size > BLOCK_SIZE ? size : BLOCK_SIZE);
    block->next = a->blocks;
    a->blocks = block;
    return block;
}

void *arena_take(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct block *block;
    uint8_t *taken;

    assert(size < SIZE_MAX / 2);
    size = size > 0 ? (size + align - 1) / align * align : align;
    block = find_room(a, size);
    taken = block->bytes + block->used;
    block->used += size;
    return memset(taken, 0, size);
}

void *arena_copy(struct arena *a, const void *bytes, size_t size)
{
    void *copy = arena_take(a, size);

    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_text(struct arena *a, struct span text)
{
    char *copy = arena_take(a, text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    return copy;
}

char *arena_vprint(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    char *text;
    int len;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    assert(len >= 0);
    text = arena_take(a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, ap);
    return text;
}

char *arena_print(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = arena_vprint(a, fmt, ap);
    va_end(ap);
    return text;
}
