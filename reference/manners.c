/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/memory.h"
#include "reference/manners_parts.h"

/* Text of exactly LONG_MESSAGE bytes, a good part of them beyond ASCII. */
static void make_long_message(char *to)
{
    static const char phrase[] = "nothing can be said of this briefly \xe2\x80\x94 \xc3\xbc\xc3\xa4\xc3\xb6 "
                                 "\xf0\x9f\x92\xbe; ";
    size_t whole = sizeof phrase - 1, at = 0;

    for (; at + whole <= LONG_MESSAGE; at += whole)
        memcpy(to + at, phrase, whole);
    memset(to + at, '.', LONG_MESSAGE - at);
    to[LONG_MESSAGE] = '\0';
}

struct manners *manners_new(const struct oddities *oddities)
{
    struct manners *m = NULL;

    for (size_t i = 0; i < ODDITY_COUNT && !m; i++)
        if (oddities->on[i])
            m = memory_take(sizeof *m);
    if (!m)
        return NULL;
    m->oddities = oddities;
    m->random = oddities->seed;
    make_long_message(m->long_message);
    order_init(m);
    return m;
}

void manners_free(struct reference_session *s)
{
    if (!s->manners)
        return;
    order_free(s->manners);
    free(s->manners);
    s->manners = NULL;
}

/* SplitMix64, public domain, by Sebastiano Vigna. */
uint64_t manners_random(struct reference_session *s, uint64_t limit)
{
    uint64_t z = s->manners->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % limit;
}

/* ---- what is advertised ---- */

void manners_handshake_flags(const struct reference_session *s, uint16_t *flags)
{
    if (odd(s, ODDITY_NO_ZEROES_NOT_OFFERED))
        *flags &= (uint16_t)~NBD_FLAG_NO_ZEROES;
}

void manners_transmission_flags(const struct reference_session *s, unsigned *flags)
{
    if (odd(s, ODDITY_FLAGS_MINIMAL))
        *flags &= NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY;
    if (odd(s, ODDITY_CACHE_UNADVERTISED))
        *flags &= ~(unsigned)NBD_FLAG_SEND_CACHE;
}

bool manners_any_name(const struct reference_session *s)
{
    return odd(s, ODDITY_ANY_NAME_SERVED);
}
