/* SPDX-License-Identifier: MIT */
#include "script/transcript_data.h"

#include <inttypes.h>

#include "script/value.h"

enum {
    RUN_LEAST = 16, /* bytes from which a run is told as one */
    HEX_MOST = 64,  /* bytes told in hex */
    TERMS_MOST = 16,
    SENT_HEX_MOST = 4096, /* bytes that the client sent, which all have to be told */
    SEEDS = 256,          /* that pattern_recognise() knows again */
};

void data_put_hex(struct span data, struct buffer *to)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *at;

    buffer_print(to, "hex(\"");
    at = buffer_extend(to, 2 * data.len);
    for (size_t i = 0; at && i < data.len; i++) {
        *at++ = (uint8_t)digits[data.at[i] >> 4];
        *at++ = (uint8_t)digits[data.at[i] & 15];
    }
    buffer_print(to, "\")");
}

/* Bytes from the front of data that are all the same. */
static size_t same_bytes(struct span data)
{
    size_t len = 1;

    if (data.len < 2)
        return data.len;
    if (memcmp(data.at, data.at + 1, data.len - 1) == 0)
        return data.len;
    while (data.at[len] == data.at[0])
        len++;
    return len;
}

/* Bytes from the front of data that are pattern(seed) at that offset. */
static size_t pattern_bytes(struct span data, uint64_t offset, uint64_t seed)
{
    uint8_t wanted[512];
    size_t len = 0;

    while (data.len > 0) {
        struct span piece = span_take(&data, sizeof wanted);

        pattern_fill(seed, offset + len, wanted, piece.len);
        if (memcmp(wanted, piece.at, piece.len) != 0) {
            for (size_t i = 0; wanted[i] == piece.at[i]; i++)
                len++;
            return len;
        }
        len += piece.len;
    }
    return len;
}

/* A stretch of data that one term tells. */
struct run {
    enum { RUN_FILL, RUN_PATTERN, RUN_HEX } kind;
    size_t at, len;
    uint64_t seed; /* PATTERN; FILL: the byte */
};

/* The run at the front of data, if there is one of RUN_LEAST bytes or, for a single value, up to the end. */
static bool run_at(struct span data, uint64_t origin, size_t at, struct run *ret)
{
    struct span rest = span_of(data.at + at, data.len - at);
    size_t len = same_bytes(rest);
    uint64_t seed;

    if (len >= RUN_LEAST || (len == data.len && len > 1)) {
        *ret = (struct run){ RUN_FILL, at, len, rest.at[0] };
        return true;
    }
    if (rest.len < RUN_LEAST || !pattern_recognise(origin + at, span_of(rest.at, RUN_LEAST), &seed))
        return false;
    *ret = (struct run){ RUN_PATTERN, at, pattern_bytes(rest, origin + at, seed), seed };
    return true;
}

/* Divides data into runs; 0 when they would be too many, or too many bytes in hex. */
static size_t divide(struct span data, uint64_t origin, struct run runs[TERMS_MOST])
{
    size_t count = 0, at = 0, hex = 0;

    while (at < data.len) {
        struct run run;

        if (run_at(data, origin, at, &run)) {
            if (count == TERMS_MOST)
                return 0;
            runs[count++] = run;
            at += run.len;
            continue;
        }
        if (++hex > HEX_MOST)
            return 0;
        if (count > 0 && runs[count - 1].kind == RUN_HEX) {
            runs[count - 1].len++;
        } else {
            if (count == TERMS_MOST)
                return 0;
            runs[count++] = (struct run){ RUN_HEX, at, 1, 0 };
        }
        at++;
    }
    return count;
}

static void put_run(const struct run *run, struct span data, bool alone, struct buffer *to)
{
    switch (run->kind) {
    case RUN_HEX:
        data_put_hex(span_of(data.at + run->at, run->len), to);
        return;
    case RUN_FILL:
        if (run->seed == 0)
            buffer_print(to, "zero");
        else
            buffer_print(to, "fill(0x%" PRIx64 ")", run->seed);
        if (!alone)
            buffer_print(to, "[..%zu]", run->len);
        return;
    case RUN_PATTERN:
        buffer_print(to, "pattern(%" PRIu64 ")", run->seed);
        if (!alone)
            buffer_print(to, "[%zu..%zu]", run->at, run->at + run->len);
        return;
    }
}

/* Appends data as a value if that can be done in full; sized: terms say how long they are. */
static bool put_whole(struct span data, uint64_t origin, bool sized, struct buffer *to)
{
    struct run runs[TERMS_MOST];
    size_t count = divide(data, origin, runs);

    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_print(to, " ");
        put_run(&runs[i], data, count == 1 && !sized, to);
    }
    return true;
}

bool data_put(struct span data, uint64_t origin, bool sized, struct buffer *to)
{
    if (data.len == 0)
        buffer_print(to, "\"\"");
    else if (!put_whole(data, origin, sized, to)) {
        data_put_hex(span_of(data.at, DATA_HEX_FIRST), to);
        return false;
    }
    return true;
}

/* Different data mostly get different seeds (FNV-1a). */
static unsigned seed_of(struct span data)
{
    uint32_t hash = UINT32_C(0x811c9dc5);

    for (size_t i = 0; i < data.len; i++)
        hash = (hash ^ data.at[i]) * UINT32_C(0x01000193);
    return hash % SEEDS;
}

bool data_put_sent(struct span data, uint64_t bytes, uint64_t origin, bool sized, struct buffer *to)
{
    if (data.len == bytes && bytes == 0)
        buffer_print(to, "\"\"");
    else if (data.len == bytes && put_whole(data, origin, sized, to))
        return true;
    else if (data.len == bytes && sized && bytes <= SENT_HEX_MOST)
        data_put_hex(data, to);
    else {
        buffer_print(to, "pattern(%u)", seed_of(data));
        if (sized)
            buffer_print(to, "[0..%" PRIu64 "]", bytes);
        return false;
    }
    return true;
}
