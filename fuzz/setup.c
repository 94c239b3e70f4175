/* SPDX-License-Identifier: MIT */
#include "fuzz/setup.h"

enum { FACES = REFERENCE_OLDSTYLE + 1, TLS_MODES = REFERENCE_TLS_SELECTIVE + 1, SETUP_BYTES = 9 };

static uint16_t number_at(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

bool setup_take(struct span *input, struct setup *ret)
{
    struct span bytes = span_take(input, SETUP_BYTES);

    if (bytes.len < SETUP_BYTES)
        return false;
    *ret = (struct setup){
        .face = (enum reference_face)(bytes.at[0] % FACES),
        .tls = (enum reference_tls)(bytes.at[0] / FACES % TLS_MODES),
        .bits = bytes.at[1],
        .seed = bytes.at[2],
        .fault = (uint16_t)(number_at(bytes.at + 3) % (FAULT_COUNT + 1)),
        .oddities = { (uint16_t)(number_at(bytes.at + 5) % (ODDITY_COUNT + 1)),
                      (uint16_t)(number_at(bytes.at + 7) % (ODDITY_COUNT + 1)) },
    };
    if (ret->face != REFERENCE_FIXED_NEWSTYLE)
        ret->tls = REFERENCE_TLS_OFF;
    return true;
}

bool setup_put(struct buffer *to, const struct setup *setup)
{
    const uint8_t bytes[SETUP_BYTES] = {
        (uint8_t)(setup->face + FACES * setup->tls),
        (uint8_t)setup->bits,
        setup->seed,
        (uint8_t)(setup->fault >> 8),
        (uint8_t)setup->fault,
        (uint8_t)(setup->oddities[0] >> 8),
        (uint8_t)setup->oddities[0],
        (uint8_t)(setup->oddities[1] >> 8),
        (uint8_t)setup->oddities[1],
    };

    return buffer_add(to, bytes, sizeof bytes);
}

void setup_apply(const struct setup *setup, struct served *served)
{
    struct reference_config *config = &served->config;

    served->exports[0].tls_only = setup->bits & SETUP_TLS_ONLY;
    served->exports[0].block_size_required = setup->bits & SETUP_SIZES_REQUIRED;
    served->exports[0].read_only = setup->bits & SETUP_READ_ONLY;
    if (setup->bits & SETUP_NO_SIZES)
        served->exports[0].block_size = (struct wire_info_block_size){ 0 };
    config->face = setup->face;
    config->tls = setup->tls;
    config->no_structured = setup->bits & SETUP_NO_STRUCTURED;
    config->no_extended = setup->bits & SETUP_NO_EXTENDED;
    config->oddities.seed = setup->seed;
    if (setup->fault > 0)
        config->faults.on[setup->fault - 1] = true;
    for (unsigned i = 0; i < 2; i++)
        if (setup->oddities[i] > 0)
            config->oddities.on[setup->oddities[i] - 1] = true;
}
