/* SPDX-License-Identifier: MIT */
/* Chunks of types that nobody has defined, and flags that nobody has defined.  An unknown type shows which
 * one was meant by what it carries.  proto.md, "Structured reply flags", "Structured reply types". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"
#include "wire/vocabulary.h"

enum { ERROR_BIT = 0x8000 };

static const struct session_chunk *head(const struct sight *at)
{
    return &at->message->chunk_head;
}

static bool is_unknown(const struct sight *at)
{
    return chunk_role_of(head(at)->type) == CHUNK_OTHER;
}

static bool is_unknown_error(const struct sight *at)
{
    return (head(at)->type & ERROR_BIT) && head(at)->type != NBD_REPLY_TYPE_ERROR &&
           head(at)->type != NBD_REPLY_TYPE_ERROR_OFFSET;
}

static bool is_for_read(const struct sight *at)
{
    return at->exchange && at->exchange->request.type == NBD_CMD_READ;
}

/* The bytes of payload behind an error's message, if that is what the payload may be. */
static bool is_error(const struct sight *at, uint64_t *ret_behind)
{
    struct wire_in in = wire_in(at->message->body);
    struct wire_chunk_error error = wire_get_chunk_error(&in);

    if (in.is_short || error.error == 0 || !vocabulary_name(&vocabulary_errors, error.error) ||
        error.length > head(at)->length - WIRE_SIZE_chunk_error)
        return false;
    *ret_behind = head(at)->length - WIRE_SIZE_chunk_error - error.length;
    return true;
}

static bool named(const struct sight *at, const char *name)
{
    return broken(at, "a chunk of type 0x%x, %" PRIu64 " bytes, that looks like %s", head(at)->type,
                  head(at)->length, name);
}

bool none_as_another(const struct sight *at)
{
    return is_unknown(at) && at->exchange && head(at)->length == 0 && named(at, "NONE");
}

static bool is_hole(const struct sight *at)
{
    struct wire_in in = wire_in(at->message->body);
    struct wire_chunk_hole hole = wire_get_chunk_hole(&in);

    return head(at)->length == WIRE_SIZE_chunk_hole && hole.size > 0 &&
           assemble_is_inside(at->exchange, hole.offset, hole.size);
}

bool hole_as_another(const struct sight *at)
{
    return is_unknown(at) && is_for_read(at) && is_hole(at) && named(at, "OFFSET_HOLE");
}

bool data_as_another(const struct sight *at)
{
    struct wire_in in = wire_in(at->message->body);
    struct wire_chunk_data data = wire_get_chunk_data(&in);

    return is_unknown(at) && is_for_read(at) && head(at)->length > WIRE_SIZE_chunk_data && !is_hole(at) &&
           assemble_is_inside(at->exchange, data.offset, head(at)->length - WIRE_SIZE_chunk_data) &&
           named(at, "OFFSET_DATA");
}

bool error_without_bit(const struct sight *at)
{
    uint64_t behind;

    return is_unknown(at) && at->exchange && is_error(at, &behind) && (behind == 0 || behind == 8) &&
           named(at, "an error");
}

bool error_as_another(const struct sight *at)
{
    uint64_t behind;

    return is_unknown_error(at) && at->exchange && is_error(at, &behind) && behind == 0 && named(at, "ERROR");
}

bool error_offset_as_another(const struct sight *at)
{
    uint64_t behind;

    return is_unknown_error(at) && at->exchange && is_error(at, &behind) && behind == 8 &&
           named(at, "ERROR_OFFSET");
}

/* ---- flags ---- */

bool flag_unknown(const struct sight *at)
{
    return (head(at)->flags & ~(unsigned)NBD_REPLY_FLAG_DONE) &&
           broken(at, "flags 0x%04x in a chunk of type 0x%x", head(at)->flags, head(at)->type);
}

bool done_elsewhere(const struct sight *at)
{
    const struct exchange *e = at->session->transmission ? session_oldest(at->session) : NULL;

    return e && e->chunks > 0 && rule_progress(at, NULL) == 0 && held_of(e)->last_flags != 0 &&
           broken(at, "flags 0x%04x in the last of %u chunks, without DONE", held_of(e)->last_flags,
                  e->chunks);
}
