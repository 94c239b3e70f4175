/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/memory.h"
#include "reference/manners_parts.h"
#include "reference/upgrade.h"

enum {
    PREFERRED_LEAST = 512,
    PREFERRED_LARGE = 2 * 1024 * 1024,
    OPTIONS_PATIENT = 32,
    OPTION_BYTES_PATIENT = 64 * 1024,
};

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
    buffer_init(&m->asked, INFO_MAX);
    make_long_message(m->long_message);
    order_init(m);
    return m;
}

void manners_free(struct reference_session *s)
{
    if (!s->manners)
        return;
    order_free(s->manners);
    buffer_free(&s->manners->asked);
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
    if (odd(s, ODDITY_ROTATIONAL) || (odd(s, ODDITY_ROTATIONAL_AT_TIMES) && s->manners->rotational))
        *flags |= NBD_FLAG_ROTATIONAL;
}

void manners_block_size(const struct reference_session *s, const struct reference_export *export,
                        struct wire_info_block_size *size)
{
    if (odd(s, ODDITY_PREFERRED_BLOCK_LEAST))
        size->preferred = size->minimum > PREFERRED_LEAST ? size->minimum : PREFERRED_LEAST;
    if (odd(s, ODDITY_PREFERRED_BLOCK_LARGE) && size->maximum >= PREFERRED_LARGE)
        size->preferred = PREFERRED_LARGE;
    if (odd(s, ODDITY_PAYLOAD_UNLIMITED) && export->block_size.maximum == 0)
        size->maximum = UINT32_MAX;
}

void manners_description(const struct reference_session *s, struct span *text)
{
    if (odd(s, ODDITY_EXPORTS_DETAILED))
        *text = span_text(s->manners->long_message);
}

bool manners_any_name(const struct reference_session *s)
{
    return odd(s, ODDITY_ANY_NAME_SERVED);
}

/* ---- whom is served, and how far ---- */

bool manners_turns_away(const struct reference_session *s)
{
    return (odd(s, ODDITY_UNFIXED_CLIENTS_CLOSE) && !s->fixed_newstyle) ||
           (odd(s, ODDITY_LONG_HAGGLING_CLOSES) &&
            (s->options > OPTIONS_PATIENT || s->in.head.body > OPTION_BYTES_PATIENT));
}

bool manners_waits_for_tls(const struct reference_session *s, uint32_t option)
{
    return odd(s, ODDITY_ABORT_NEEDS_TLS) && option == NBD_OPT_ABORT;
}

bool manners_tls_only(const struct reference_session *s)
{
    return odd(s, ODDITY_ALL_TLS_ONLY) && s->config->tls != REFERENCE_TLS_OFF;
}

bool manners_unlisted(const struct reference_session *s, const struct reference_export *export)
{
    return odd(s, ODDITY_TLS_ONLY_UNLISTED) && upgrade_is_offered(s) && upgrade_is_due(s, export);
}
