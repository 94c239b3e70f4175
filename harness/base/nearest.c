/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

enum { WORD_MAX = 64 }; /* letters; a longer word was hardly a slip of the finger */

static uint8_t lower(uint8_t letter)
{
    return letter >= 'A' && letter <= 'Z' ? (uint8_t)(letter - 'A' + 'a') : letter;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters have to be added, left out, replaced or swapped with their neighbour to make a out of b
 * (optimal string alignment).  Case does not count. */
static size_t distance_between(struct span a, struct span b)
{
    size_t rows[3][WORD_MAX + 1]; /* row i % 3: from the first i letters of a to the first j of b */

    for (size_t i = 0; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *above_that = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            if (i == 0) {
                row[j] = j;
                continue;
            }
            row[j] = above[j - 1] + (lower(a.at[i - 1]) != lower(b.at[j - 1]));
            row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a.at[i - 1]) == lower(b.at[j - 2]) &&
                lower(a.at[i - 2]) == lower(b.at[j - 1]))
                row[j] = least(row[j], above_that[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

struct nearest nearest_to(struct span wanted)
{
    return (struct nearest){ .wanted = wanted };
}

void nearest_offer(struct nearest *n, const char *candidate)
{
    struct span word = span_text(candidate);
    size_t longer = n->wanted.len > word.len ? n->wanted.len : word.len;
    size_t distance;

    if (longer > WORD_MAX)
        return;
    distance = distance_between(n->wanted, word);
    if (distance > (longer + 1) / 3 || (n->best && distance >= n->distance))
        return;
    n->best = candidate;
    n->distance = distance;
}
