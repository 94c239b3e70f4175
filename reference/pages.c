/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* anonymous memory, and advice about it */
#include "reference/pages.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "reference/store.h"

enum {
    BLOCK_BYTES = 2 * 1024 * 1024, /* and so are blocks aligned: a large page of most machines */
    BLOCK_PAGES = BLOCK_BYTES / (int)STORE_PAGE_BYTES,
};

/* Stands in the first page of a block; the others are given out. */
struct block {
    struct block *next,
        **here;               /* in pages.blocks, while it has pages to give; here: what points to this one */
    struct given *given_back; /* pages that were in use and hold anything */
    unsigned untouched;       /* the number of the first page that never was in use; all behind it were not */
    unsigned used;            /* pages in use */
};

struct given {
    struct given *next;
};

static bool has_pages(const struct block *b)
{
    return b->given_back || b->untouched < BLOCK_PAGES;
}

static void link_block(struct pages *p, struct block *b)
{
    b->here = &p->blocks;
    b->next = p->blocks;
    if (b->next)
        b->next->here = &b->next;
    p->blocks = b;
}

static void unlink_block(struct block *b)
{
    *b->here = b->next;
    if (b->next)
        b->next->here = b->here;
}

/* Aligned memory: what is too much on either side of it goes back. */
static uint8_t *map_block(void)
{
    uint8_t *mapped =
        mmap(NULL, 2 * (size_t)BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;

    if (mapped == MAP_FAILED)
        return NULL;
    before = (BLOCK_BYTES - (uintptr_t)mapped % BLOCK_BYTES) % BLOCK_BYTES;
    if (before > 0)
        munmap(mapped, before);
    munmap(mapped + before + BLOCK_BYTES, BLOCK_BYTES - before);
    return mapped + before;
}

static bool add_block(struct pages *p)
{
    uint8_t *memory = map_block();
    struct block *b = (void *)memory;

    if (!memory)
        return false;
#ifdef MADV_HUGEPAGE
    if (p->count > 0) /* a store of a few pages is better off without */
        madvise(memory, BLOCK_BYTES, MADV_HUGEPAGE);
#endif
    b->untouched = 1;
    link_block(p, b);
    p->count++;
    p->empty++;
    return true;
}

static void drop_block(struct pages *p, struct block *b)
{
    unlink_block(b);
    p->count--;
    p->empty--;
    munmap(b, BLOCK_BYTES);
}

uint8_t *pages_take(struct pages *p)
{
    struct block *b;
    uint8_t *page;

    if (!p->blocks && !add_block(p))
        return NULL;
    b = p->blocks;
    p->empty -= b->used == 0;
    b->used++;
    if (b->given_back) {
        page = (uint8_t *)b->given_back;
        b->given_back = b->given_back->next;
        memset(page, 0, STORE_PAGE_BYTES);
    } else {
        page = (uint8_t *)b + (size_t)b->untouched++ * STORE_PAGE_BYTES;
    }
    if (!has_pages(b))
        unlink_block(b);
    return page;
}

void pages_give(struct pages *p, void *page)
{
    struct block *b = (void *)((uint8_t *)page - (uintptr_t)page % BLOCK_BYTES);
    struct given *given = page;

    if (!has_pages(b))
        link_block(p, b);
    given->next = b->given_back;
    b->given_back = given;
    b->used--;
    if (b->used > 0)
        return;
    p->empty++;
    if (p->empty > 1)
        drop_block(p, b);
}

void pages_free(struct pages *p)
{
    assert(p->empty == p->count);
    while (p->blocks)
        drop_block(p, p->blocks);
}
