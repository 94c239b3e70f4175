/* SPDX-License-Identifier: MIT */
#include "fuzz/served.h"

#include "wire/constants.h"

/* A READ of any length costs 28 bytes: the largest is as small as the specification allows. */
#define NOTES_MEMORY (64u * 1024)
#define PAYLOAD_MAX (1024u * 1024)

void served_init(struct served *s, uint64_t memory)
{
    static const uint64_t sizes[SERVED_EXPORTS] = { UINT64_C(1) << 40, 1000001, 3 * 65536 + 512, 1024 * 1024,
                                                    65536 };

    *s = (struct served){
        .exports = {
            { .name = "", .description = "the default export", .block_size = { 1, 4096, PAYLOAD_MAX } },
            { .name = "read only",
              .description = "refuses what alters data",
              .read_only = true,
              .block_size = { 1, 4096, PAYLOAD_MAX } },
            { .name = "small",
              .without = NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_CACHE | NBD_FLAG_SEND_FAST_ZERO,
              .block_size = { 512, 4096, PAYLOAD_MAX } },
            { .name = "asked", .block_size = { 512, 512, PAYLOAD_MAX }, .block_size_required = true },
            { .name = "hidden", .description = "shown under TLS", .tls_only = true,
              .block_size = { 1, 4096, PAYLOAD_MAX } },
        },
    };
    for (unsigned i = 0; i < SERVED_EXPORTS; i++) {
        s->exports[i].store = store_new(sizes[i], memory);
        s->written[i] = written_new(sizes[i], NOTES_MEMORY);
        s->exports[i].written = s->written[i];
    }
    s->config.exports = s->exports;
    s->config.export_count = SERVED_EXPORTS;
}

void served_free(struct served *s)
{
    for (unsigned i = 0; i < SERVED_EXPORTS; i++) {
        store_free(s->exports[i].store);
        written_free(s->written[i]);
    }
}
