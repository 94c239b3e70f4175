/* SPDX-License-Identifier: MIT */
/* pattern(SEED): bytes that tell where they belong.  Eight at a time; byte i of a word is its bits 8i to
 * 8i+7. */
#include "script/value.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The eight bytes at 8 * index: five bits of chance each, and three that count offset and seed up, which
 * keeps neighbours and neighbouring seeds apart.  A byte that came out as zero becomes 0x80. */
static uint64_t word(uint64_t seed, uint64_t index)
{
    uint64_t chance = mix((index + 1) * UINT64_C(0x9e3779b97f4a7c15) + seed * UINT64_C(0xd1342543de82ef95));
    uint64_t count = UINT64_C(0x0706050403020100) + (seed & 7) * EACH_BYTE;
    uint64_t bytes = (chance & 0xf8 * EACH_BYTE) | (count & 7 * EACH_BYTE);
    uint64_t zero = ~(((bytes & 0x7f * EACH_BYTE) + 0x7f * EACH_BYTE) | bytes | 0x7f * EACH_BYTE);

    return bytes | zero;
}

uint8_t pattern_byte(uint64_t seed, uint64_t offset)
{
    return (uint8_t)(word(seed, offset / 8) >> 8 * (offset % 8));
}

static void put(uint8_t *to, uint64_t bytes)
{
    uint8_t in_order[8]; /* copied as a whole, which compilers make one store of */

    for (unsigned i = 0; i < sizeof in_order; i++)
        in_order[i] = (uint8_t)(bytes >> 8 * i);
    memcpy(to, in_order, sizeof in_order);
}

void pattern_fill(uint64_t seed, uint64_t offset, uint8_t *to, size_t len)
{
    for (; len > 0 && offset % 8 != 0; len--)
        *to++ = pattern_byte(seed, offset++);
    for (; len >= 8; len -= 8, to += 8, offset += 8)
        put(to, word(seed, offset / 8));
    for (; len > 0; len--)
        *to++ = pattern_byte(seed, offset++);
}

static bool is_pattern(uint64_t seed, uint64_t offset, struct span data)
{
    uint8_t wanted[256];

    while (data.len > 0) {
        struct span piece = span_take(&data, sizeof wanted);

        pattern_fill(seed, offset, wanted, piece.len);
        if (memcmp(wanted, piece.at, piece.len) != 0)
            return false;
        offset += piece.len;
    }
    return true;
}

bool pattern_recognise(uint64_t offset, struct span data, uint64_t *ret_seed)
{
    if (data.len == 0)
        return false;
    for (uint64_t seed = (data.at[0] - offset) & 7; seed < 256; seed += 8) /* the three bits that count */
        if (data.at[0] == pattern_byte(seed, offset) && is_pattern(seed, offset, data)) {
            *ret_seed = seed;
            return true;
        }
    return false;
}
