/* SPDX-License-Identifier: MIT */
/* The metadata contexts.  proto.md, "Metadata querying" and "The base: metadata namespace". */
#include <string.h>

#include "reference/manners.h"
#include "reference/state.h"
#include "wire/constants.h"

static bool always(const struct reference_export *export)
{
    (void)export;
    return true;
}

static uint64_t allocation_extent(const struct reference_export *export, uint64_t offset, uint64_t length,
                                  uint64_t *ret_status)
{
    static const uint64_t states[] = {
        [STORE_HOLE] = NBD_STATE_HOLE | NBD_STATE_ZERO, [STORE_ZERO] = NBD_STATE_ZERO, [STORE_DATA] = 0
    };
    enum store_kind kind;
    uint64_t bytes = store_extent(export->store, offset, length, &kind);

    *ret_status = states[kind];
    return bytes;
}

/* The same in the upper half: bit 32 is HOLE, bit 33 ZERO; and bit 34 where there are data, so that no status
 * has 32 bits. */
static uint64_t high_context_extent(const struct reference_export *export, uint64_t offset, uint64_t length,
                                    uint64_t *ret_status)
{
    uint64_t bytes = allocation_extent(export, offset, length, ret_status);

    *ret_status = (*ret_status == 0 ? UINT64_C(4) : *ret_status) << 32;
    return bytes;
}

static bool has_notes(const struct reference_export *export)
{
    return export->written;
}

/* Bit 0: may have been written to, zeroed or trimmed since the server started; the other bits are 0. */
static uint64_t written_context_extent(const struct reference_export *export, uint64_t offset,
                                       uint64_t length, uint64_t *ret_status)
{
    bool written;
    uint64_t bytes = written_extent(export->written, offset, length, &written);

    *ret_status = written;
    return bytes;
}

const struct context_row context_rows[CONTEXT_COUNT] = {
    [CONTEXT_ALLOCATION] = { "base:allocation", ALLOCATION_ID, false, always, allocation_extent },
    [CONTEXT_WRITTEN] = { "x-nbdtest:written", 2, false, has_notes, written_context_extent },
    [CONTEXT_HIGH] = { "x-nbdtest:high", 3, true, always, high_context_extent },
};

/* Whether a query is the name of a context, or of the namespace it belongs to. */
static bool query_matches(struct span query, const char *name, bool namespaces)
{
    size_t namespace = strcspn(name, ":") + 1;

    return span_equal(query, span_text(name)) || (namespaces && span_equal(query, span_of(name, namespace)));
}

unsigned contexts_named(const struct option_data *data, bool namespaces)
{
    struct span queries = data->queries, query;
    unsigned named = 0;

    while (option_next_query(&queries, &query))
        for (unsigned i = 0; i < CONTEXT_COUNT; i++)
            if (query_matches(query, context_rows[i].name, namespaces))
                named |= 1u << i;
    return named;
}

unsigned contexts_of(const struct reference_session *s, const struct reference_export *export)
{
    unsigned available = 0;

    for (unsigned i = 0; i < CONTEXT_COUNT; i++)
        if (context_rows[i].available(export) && (s->extended || !context_rows[i].wide))
            available |= 1u << i;
    return available;
}

unsigned contexts_nth(const struct reference_session *s, unsigned nth)
{
    return s->manners ? manners_context(s, nth) : nth;
}
