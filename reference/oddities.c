/* SPDX-License-Identifier: MIT */
#include "reference/oddities.h"

const struct oddity_row oddity_rows[ODDITY_COUNT] = {
#define ODDITY(constant, name, permitted, with, does) { name, permitted, with, does },
#include "reference/oddities.def"
};

bool oddities_switch_on(struct oddities *o, struct span name)
{
    for (size_t i = 0; i < ODDITY_COUNT; i++)
        if (span_equal(span_text(oddity_rows[i].name), name)) {
            o->on[i] = true;
            return true;
        }
    return false;
}
