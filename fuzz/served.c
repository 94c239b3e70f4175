/* SPDX-License-Identifier: MIT */
#include "fuzz/served.h"

#include "wire/constants.h"

/* A READ of any length costs 28 bytes: the largest is as small as the specification allows. */
#define PAYLOAD_MAX (1024u * 1024)

void served_init(struct served *s, uint64_t memory)
{
    *s = (struct served){
        .exports = {
            { .name = "", .block_size = { 1, 4096, PAYLOAD_MAX } },
            { .name = "read only",
              .description = "refuses what alters data",
              .read_only = true,
              .block_size = { 1, 4096, PAYLOAD_MAX } },
            { .name = "small",
              .without = NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_CACHE | NBD_FLAG_SEND_FAST_ZERO,
              .block_size = { 512, 4096, PAYLOAD_MAX } },
        },
    };
    s->exports[0].store = store_new(UINT64_C(1) << 40, memory);
    s->exports[1].store = store_new(1000001, memory);
    s->exports[2].store = store_new(3 * 65536 + 512, memory);
    s->config.exports = s->exports;
    s->config.export_count = SERVED_EXPORTS;
}

void served_free(struct served *s)
{
    for (unsigned i = 0; i < SERVED_EXPORTS; i++)
        store_free(s->exports[i].store);
}
