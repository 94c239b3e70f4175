/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum { FIRST_ROOM = 64 };

/* Makes room for len more bytes and the NUL of buffer_text() behind them; that one may stand past the
 * ceiling. */
static bool make_room(struct buffer *b, size_t len)
{
    size_t need, room;

    if (len > b->ceiling - b->len)
        return false;
    need = b->len + len + 1;
    if (need <= b->room)
        return true;
    room = b->room > SIZE_MAX / 2 ? need : b->room * 2;
    if (room < FIRST_ROOM)
        room = FIRST_ROOM;
    if (room > b->ceiling + 1)
        room = b->ceiling + 1;
    if (room < need)
        room = need;
    b->bytes = memory_grow(b->bytes, room);
    b->room = room;
    return true;
}

void buffer_init(struct buffer *b, size_t ceiling)
{
    assert(ceiling < SIZE_MAX);
    *b = (struct buffer){ .ceiling = ceiling };
}

void buffer_free(struct buffer *b)
{
    free(b->bytes);
    buffer_init(b, b->ceiling);
}

void buffer_clear(struct buffer *b)
{
    b->len = 0;
}

uint8_t *buffer_extend(struct buffer *b, size_t len)
{
    uint8_t *added;

    if (!make_room(b, len))
        return NULL;
    added = b->bytes + b->len;
    b->len += len;
    return added;
}

void buffer_reserve(struct buffer *b, size_t len)
{
    make_room(b, len);
}

bool buffer_add(struct buffer *b, const void *bytes, size_t len)
{
    uint8_t *added = buffer_extend(b, len);

    if (added && len > 0)
        memcpy(added, bytes, len);
    return added != NULL;
}

bool buffer_add_zero(struct buffer *b, size_t len)
{
    uint8_t *added;

    if (!b->bytes && len <= b->ceiling) { /* memory that is taken is zero already */
        b->room = len + 1;
        b->bytes = memory_take(b->room);
        b->len = len;
        return true;
    }
    added = buffer_extend(b, len);
    if (added)
        memset(added, 0, len);
    return added != NULL;
}

void buffer_drop(struct buffer *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->bytes, b->bytes + len, b->len - len);
    b->len -= len;
}

bool buffer_vprint(struct buffer *b, const char *fmt, va_list ap)
{
    va_list again;
    int len;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    assert(len >= 0);
    if (!make_room(b, (size_t)len))
        return false;
    vsnprintf((char *)b->bytes + b->len, (size_t)len + 1, fmt, ap);
    b->len += (size_t)len;
    return true;
}

bool buffer_print(struct buffer *b, const char *fmt, ...)
{
    va_list ap;
    bool fitted;

    va_start(ap, fmt);
    fitted = buffer_vprint(b, fmt, ap);
    va_end(ap);
    return fitted;
}

const char *buffer_text(struct buffer *b)
{
    bool fits = make_room(b, 0);

    assert(fits);
    b->bytes[b->len] = '\0';
    return (const char *)b->bytes;
}
