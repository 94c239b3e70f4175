/* SPDX-License-Identifier: MIT */
#include "fuzz/record.h"

enum { HEADER = 3 };

bool record_take(struct span *input, unsigned kinds, struct record *ret)
{
    struct span header = span_take(input, HEADER);

    if (header.len < HEADER)
        return false;
    ret->kind = header.at[0] % kinds;
    ret->bytes = span_take(input, (size_t)header.at[1] << 8 | header.at[2]);
    return true;
}

bool record_put(struct buffer *to, unsigned kind, struct span bytes)
{
    do {
        struct span piece = span_take(&bytes, UINT16_MAX);
        uint8_t header[HEADER] = { (uint8_t)kind, (uint8_t)(piece.len >> 8), (uint8_t)piece.len };

        if (!buffer_add(to, header, sizeof header) || !buffer_add(to, piece.at, piece.len))
            return false;
    } while (bytes.len > 0);
    return true;
}
