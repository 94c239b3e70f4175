/* SPDX-License-Identifier: MIT */
/* Simple replies and chunks: their form, and which request they answer.  proto.md, "Transmission", "Simple
 * reply message", "Structured reply chunk message", "Reserved Magic values". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

/* What the client asked for is no longer known. */
static bool requests_unknown(const struct sight *at)
{
    return at->session->astray || at->session->streams[SIDE_CLIENT].lost;
}

static uint64_t cookie_of(const struct sight *at)
{
    return message_is_chunk(at->message) ? at->message->chunk_head.cookie
                                         : at->message->head.simple_reply.cookie;
}

/* The reply goes with nothing in flight: what was answered last with its cookie. */
static const struct past *past_of(const struct sight *at)
{
    return at->exchange || requests_unknown(at) ? NULL : exchange_find_past(at->session, cookie_of(at));
}

static bool has_structured(const struct sight *at)
{
    return at->session->negotiated.structured;
}

static bool has_chunks(const struct sight *at)
{
    return at->session->negotiated.structured || at->session->negotiated.extended;
}

/* ---- magics ---- */

static uint64_t strange_magic(const struct sight *at)
{
    return at->session->transmission ? at->session->streams[SIDE_SERVER].lost_how.got : 0;
}

bool extended_reply(const struct sight *at)
{
    return strange_magic(at) == NBD_EXTENDED_REPLY_MAGIC &&
           broken(at, "the magic of an extended reply, 0x6e8a278c");
}

bool historic_reply(const struct sight *at)
{
    return strange_magic(at) == UINT32_C(0x96744668) && broken(at, "the historic reply magic, 0x96744668");
}

/* ---- which request is answered ---- */

static bool unknown_cookie(const struct sight *at)
{
    return !at->exchange && !requests_unknown(at) && !past_of(at) &&
           broken(at, "cookie 0x%" PRIx64 ", which no request has", cookie_of(at));
}

bool simple_with_unknown_cookie(const struct sight *at)
{
    return unknown_cookie(at);
}

bool chunk_with_unknown_cookie(const struct sight *at)
{
    return unknown_cookie(at);
}

bool simple_behind_reply(const struct sight *at)
{
    const struct past *past = past_of(at);

    if (at->exchange && at->exchange->form != REPLY_FORM_NONE)
        return broken(at, "a simple reply to cookie 0x%" PRIx64 " after %u chunks of its reply",
                      cookie_of(at), at->exchange->chunks);
    return past && past->type != NBD_CMD_DISC &&
           broken(at, "a second reply to cookie 0x%" PRIx64, cookie_of(at));
}

/* A chunk behind the last one is a mistake about DONE; when it has DONE itself, it is a whole second reply.
 */
bool second_reply_in_chunks(const struct sight *at)
{
    const struct past *past = past_of(at);

    return past && past->type != NBD_CMD_DISC &&
           (past->form == REPLY_FORM_SIMPLE || (at->message->chunk_head.flags & NBD_REPLY_FLAG_DONE)) &&
           broken(at, "a second reply to cookie 0x%" PRIx64, cookie_of(at));
}

bool chunk_behind_done(const struct sight *at)
{
    const struct past *past = past_of(at);

    return past && (past->form == REPLY_FORM_STRUCTURED || past->form == REPLY_FORM_EXTENDED) &&
           broken(at, "a chunk of type 0x%x for cookie 0x%" PRIx64 ", whose reply had DONE",
                  at->message->chunk_head.type, cookie_of(at));
}

bool reply_to_disc(const struct sight *at)
{
    const struct past *past = past_of(at);

    return past && past->type == NBD_CMD_DISC &&
           broken(at, "a reply to DISC, cookie 0x%" PRIx64, cookie_of(at));
}

/* ---- replies that do not come ---- */

static const struct exchange *overdue(const struct sight *at)
{
    return at->session->transmission ? session_oldest(at->session) : NULL;
}

static bool nothing_came(const struct sight *at)
{
    uint64_t have, want;

    scan_progress(&at->session->streams[SIDE_SERVER].scan, &have, &want);
    return have == 0;
}

bool done_missing(const struct sight *at)
{
    const struct exchange *e = overdue(at);

    return e && e->chunks > 0 && nothing_came(at) &&
           broken(at, "%u chunks of the reply to cookie 0x%" PRIx64 ", none of them with DONE", e->chunks,
                  e->request.cookie);
}

bool simple_reply_missing(const struct sight *at)
{
    const struct exchange *e = overdue(at);

    return e && !has_chunks(at) && nothing_came(at) &&
           broken(at, "no reply to cookie 0x%" PRIx64, e->request.cookie);
}

bool structured_reply_missing(const struct sight *at)
{
    const struct exchange *e = overdue(at);

    return e && has_chunks(at) && e->chunks == 0 && nothing_came(at) &&
           broken(at, "no reply to cookie 0x%" PRIx64, e->request.cookie);
}

/* ---- the form of the reply ---- */

bool chunk_not_negotiated(const struct sight *at)
{
    return !has_structured(at) && broken(at, "a chunk of type 0x%x", at->message->chunk_head.type);
}

static bool is_for(const struct sight *at, uint16_t command)
{
    return at->exchange && at->exchange->request.type == command;
}

bool simple_reply_to_read(const struct sight *at)
{
    return has_structured(at) && is_for(at, NBD_CMD_READ) &&
           broken(at, "a simple reply, error %" PRIu32 ", to READ", at->message->head.simple_reply.error);
}

/* BLOCK_STATUS is left out: the specification says once that a simple reply will do for its errors. */
bool simple_error(const struct sight *at)
{
    return has_structured(at) && at->exchange && !is_for(at, NBD_CMD_READ) &&
           !is_for(at, NBD_CMD_BLOCK_STATUS) && at->message->head.simple_reply.error != 0 &&
           broken(at, "a simple reply with error %" PRIu32, at->message->head.simple_reply.error);
}

bool simple_block_status(const struct sight *at)
{
    return has_structured(at) && is_for(at, NBD_CMD_BLOCK_STATUS) && at->exchange->request.length > 0 &&
           at->message->head.simple_reply.error == 0 && at->session->negotiated.context_count > 0 &&
           !at->session->contexts_doubtful && broken(at, "a simple reply without error to BLOCK_STATUS");
}
