/* SPDX-License-Identifier: MIT */
/* A radix tree of pages.  A missing subtree is a hole, so that holes of any size are passed in one step; a
 * page that is allocated and holds nothing but zeroes is `blank` and takes no memory of its own. */
#include "reference/store.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "reference/pages.h"

enum { PAGE_BITS = 16, NODE_BITS = 6, NODE_SLOTS = 1 << NODE_BITS };

struct node {
    unsigned used;           /* slots that are not NULL */
    void *slots[NODE_SLOTS]; /* nodes; in the lowest level pages: bytes, or the store's blank */
};

struct store {
    uint64_t size;
    uint64_t ceiling;   /* pages */
    uint64_t allocated; /* pages */
    unsigned levels;
    struct store_memory *memory; /* shared; NULL: none is */
    struct pages pages;
    struct node *root;
    uint8_t blank; /* its address stands for an allocated page of zeroes */
};

struct store *store_new(uint64_t size, uint64_t ceiling)
{
    struct store *s = memory_take(sizeof *s);

    assert(size <= INT64_MAX);
    s->size = size;
    s->ceiling = ceiling / STORE_PAGE_BYTES;
    s->levels = 1;
    while (PAGE_BITS + s->levels * NODE_BITS < 63 && size >> (PAGE_BITS + s->levels * NODE_BITS) > 0)
        s->levels++;
    return s;
}

void store_share(struct store *s, struct store_memory *memory)
{
    assert(!s->root);
    s->memory = memory;
}

/* Pages that may still be allocated. */
static uint64_t room_of(const struct store *s)
{
    uint64_t room = s->ceiling - s->allocated, shared;

    if (!s->memory)
        return room;
    shared = (s->memory->ceiling - s->memory->allocated) / STORE_PAGE_BYTES;
    return shared < room ? shared : room;
}

static void count_allocated(struct store *s)
{
    s->allocated++;
    if (s->memory)
        s->memory->allocated += STORE_PAGE_BYTES;
}

/* Memory for a page; NULL when there is none: other than what the program itself needs, its lack is an answer
 * to a client. */
static uint8_t *take_bytes(struct store *s)
{
    uint8_t *bytes = NULL;

    if (!s->memory || s->memory->machine - s->memory->taken >= STORE_PAGE_BYTES)
        bytes = pages_take(&s->pages);
    if (bytes && s->memory)
        s->memory->taken += STORE_PAGE_BYTES;
    return bytes;
}

/* Gives back the memory of a page, which may be blank. */
static void free_bytes(struct store *s, void *page)
{
    if (page == &s->blank)
        return;
    pages_give(&s->pages, page);
    if (s->memory)
        s->memory->taken -= STORE_PAGE_BYTES;
}

static void free_page(struct store *s, void *page)
{
    free_bytes(s, page);
    s->allocated--;
    if (s->memory)
        s->memory->allocated -= STORE_PAGE_BYTES;
}

static void free_tree(struct store *s, void *at, unsigned level)
{
    struct node *node = at;

    if (level == 0) {
        free_page(s, at);
        return;
    }
    for (size_t i = 0; i < NODE_SLOTS; i++)
        if (node->slots[i])
            free_tree(s, node->slots[i], level - 1);
    free(node);
}

void store_free(struct store *s)
{
    if (!s)
        return;
    if (s->root)
        free_tree(s, s->root, s->levels);
    pages_free(&s->pages);
    free(s);
}

uint64_t store_size(const struct store *s)
{
    return s->size;
}

/* Pages that a subtree of this level spans. */
static uint64_t pages_of(unsigned level)
{
    assert(level * NODE_BITS < 64);
    return UINT64_C(1) << level * NODE_BITS;
}

static size_t slot_of(uint64_t page, unsigned level)
{
    return (size_t)(page >> (level - 1) * NODE_BITS) % NODE_SLOTS;
}

/* The page, or NULL for a hole; *ret_pages is then how many pages from this one are certainly part of it. */
static void *find_page(const struct store *s, uint64_t page, uint64_t *ret_pages)
{
    void *at = s->root;
    unsigned level = s->levels;

    while (at && level > 0) {
        at = ((struct node *)at)->slots[slot_of(page, level)];
        level--;
    }
    *ret_pages = pages_of(level) - page % pages_of(level);
    return at;
}

/* Where the page's pointer stands, nodes made on the way. */
static void **make_slot(struct store *s, uint64_t page)
{
    struct node **at = &s->root;

    for (unsigned level = s->levels;; level--) {
        void **slot;

        if (!*at)
            *at = memory_take(sizeof **at);
        slot = &(*at)->slots[slot_of(page, level)];
        if (!*slot)
            (*at)->used++;
        if (level == 1)
            return slot;
        if (!*slot)
            *slot = memory_take(sizeof(struct node));
        at = (struct node **)slot;
    }
}

/* The bytes of a page that is to be altered; NULL where there is no room. */
static uint8_t *writable_page(struct store *s, uint64_t page)
{
    uint64_t pages;
    void *at = find_page(s, page, &pages);
    uint8_t *bytes;

    if (at && at != &s->blank)
        return at;
    if ((!at && room_of(s) == 0) || !(bytes = take_bytes(s)))
        return NULL;
    *make_slot(s, page) = bytes;
    if (!at)
        count_allocated(s);
    return bytes;
}

/* Bytes from offset to the end of its page, at most length. */
static uint64_t rest_of_page(uint64_t offset, uint64_t length)
{
    uint64_t rest = STORE_PAGE_BYTES - offset % STORE_PAGE_BYTES;

    return rest < length ? rest : length;
}

/* Bytes from offset to the end of a run of pages that starts with its page, at most length. */
static uint64_t rest_of_pages(uint64_t offset, uint64_t pages, uint64_t length)
{
    uint64_t whole = (pages - 1) * STORE_PAGE_BYTES;

    return whole >= length ? length : whole + rest_of_page(offset, length - whole);
}

struct span store_peek(const struct store *s, uint64_t offset, uint64_t length)
{
    uint64_t pages;
    const uint8_t *page = find_page(s, offset / STORE_PAGE_BYTES, &pages);

    if (!page || page == &s->blank)
        return span_of(NULL, 0);
    return span_of(page + offset % STORE_PAGE_BYTES, (size_t)rest_of_page(offset, length));
}

void store_read(const struct store *s, uint64_t offset, uint8_t *to, uint64_t length)
{
    while (length > 0) {
        uint64_t pages, bytes;
        const uint8_t *page = find_page(s, offset / STORE_PAGE_BYTES, &pages);

        bytes = rest_of_pages(offset, page ? 1 : pages, length);
        if (page && page != &s->blank)
            memcpy(to, page + offset % STORE_PAGE_BYTES, (size_t)bytes);
        else
            memset(to, 0, (size_t)bytes);
        to += bytes;
        offset += bytes;
        length -= bytes;
    }
}

bool store_write(struct store *s, uint64_t offset, struct span data)
{
    while (data.len > 0) {
        struct span part = span_take(&data, (size_t)rest_of_page(offset, data.len));
        uint8_t *page = writable_page(s, offset / STORE_PAGE_BYTES);

        if (!page)
            return false;
        memcpy(page + offset % STORE_PAGE_BYTES, part.at, part.len);
        offset += part.len;
    }
    return true;
}

/* Discards the pages first to last, both counted from the start of the subtree, and nodes that are empty
 * then. */
static void discard_pages(struct store *s, void **slot, unsigned level, uint64_t first, uint64_t last)
{
    struct node *node = *slot;
    uint64_t pages;

    if (first == 0 && last >= pages_of(level) - 1) {
        free_tree(s, *slot, level);
        *slot = NULL;
        return;
    }
    pages = pages_of(level - 1);
    for (uint64_t i = first / pages; i <= last / pages && i < NODE_SLOTS; i++) {
        uint64_t start = i * pages;

        if (!node->slots[i])
            continue;
        discard_pages(s, &node->slots[i], level - 1, first > start ? first - start : 0,
                      last - start < pages - 1 ? last - start : pages - 1);
        if (!node->slots[i])
            node->used--;
    }
    if (node->used == 0) {
        free(node);
        *slot = NULL;
    }
}

/* Discards whole pages, from page number first, this many. */
static void discard(struct store *s, uint64_t first, uint64_t count)
{
    void *root = s->root;

    if (root && count > 0)
        discard_pages(s, &root, s->levels, first, first + count - 1);
    s->root = root;
}

/* Zeroes what is allocated of a range that lies within one page. */
static void zero_within_page(struct store *s, uint64_t offset, uint64_t length)
{
    uint64_t pages;
    uint8_t *page = find_page(s, offset / STORE_PAGE_BYTES, &pages);

    if (page && page != &s->blank)
        memset(page + offset % STORE_PAGE_BYTES, 0, (size_t)length);
}

/* Allocates the pages first to last where they are holes, as blank ones.  False, and nothing was done, when
 * there is no room for them. */
static bool provision_pages(struct store *s, uint64_t first, uint64_t last)
{
    uint64_t missing = 0, pages;

    for (uint64_t page = first; page <= last; page += pages) {
        bool hole = !find_page(s, page, &pages);

        pages = hole ? pages : 1;
        if (hole)
            missing += pages < last - page + 1 ? pages : last - page + 1;
        if (missing > room_of(s))
            return false;
    }
    for (uint64_t page = first; page <= last; page++) {
        void **slot = make_slot(s, page);

        if (*slot)
            continue;
        *slot = &s->blank;
        count_allocated(s);
    }
    return true;
}

/* Gives back the memory of allocated pages, which stay allocated as blank ones. */
static void blank_pages(struct store *s, uint64_t first, uint64_t count)
{
    for (uint64_t page = first; page < first + count; page++) {
        void **slot = make_slot(s, page);

        free_bytes(s, *slot);
        *slot = &s->blank;
    }
}

/* A range, cut at page borders: bytes before the first whole page, whole pages, bytes behind the last one. */
struct cut {
    uint64_t head, first, count, tail;
};

static struct cut cut_range(uint64_t offset, uint64_t length)
{
    uint64_t into = offset % STORE_PAGE_BYTES;
    struct cut cut = { .head = into > 0 ? rest_of_page(offset, length) : 0 };

    cut.first = (offset + cut.head) / STORE_PAGE_BYTES;
    cut.count = (length - cut.head) / STORE_PAGE_BYTES;
    cut.tail = (length - cut.head) % STORE_PAGE_BYTES;
    return cut;
}

bool store_zero(struct store *s, uint64_t offset, uint64_t length, bool provision)
{
    struct cut cut = cut_range(offset, length);

    if (length == 0)
        return true;
    if (provision && !provision_pages(s, offset / STORE_PAGE_BYTES, (offset + length - 1) / STORE_PAGE_BYTES))
        return false;
    zero_within_page(s, offset, cut.head);
    if (provision)
        blank_pages(s, cut.first, cut.count);
    else
        discard(s, cut.first, cut.count);
    if (cut.tail > 0)
        zero_within_page(s, offset + length - cut.tail, cut.tail);
    return true;
}

void store_trim(struct store *s, uint64_t offset, uint64_t length)
{
    struct cut cut = cut_range(offset, length);

    discard(s, cut.first, cut.count);
}

static enum store_kind kind_of(const struct store *s, const void *page)
{
    if (!page)
        return STORE_HOLE;
    return page == &s->blank ? STORE_ZERO : STORE_DATA;
}

uint64_t store_extent(const struct store *s, uint64_t offset, uint64_t length, enum store_kind *ret_kind)
{
    uint64_t pages, bytes = 0;
    const void *page = find_page(s, offset / STORE_PAGE_BYTES, &pages);
    enum store_kind kind = kind_of(s, page);

    do {
        bytes += rest_of_pages(offset + bytes, page ? 1 : pages, length - bytes);
        if (bytes < length)
            page = find_page(s, (offset + bytes) / STORE_PAGE_BYTES, &pages);
    } while (bytes < length && kind_of(s, page) == kind);
    *ret_kind = kind;
    return bytes;
}
