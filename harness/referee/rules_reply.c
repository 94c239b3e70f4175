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

bool logged_reply(const struct sight *at)
{
    return strange_magic(at) == UINT32_C(0x25609514) &&
           broken(at, "0x25609514, which is for the log of nbd-server");
}

/* What stands there has a rule of its own. */
static bool is_known_stranger(uint64_t magic)
{
    return magic == NBD_EXTENDED_REPLY_MAGIC || magic == UINT32_C(0x96744668) ||
           magic == UINT32_C(0x25609514) || magic == NBD_REP_MAGIC >> 32;
}

/* Nothing came before that could have been too long, but for the padding of the handshake. */
static bool is_first_reply(const struct sight *at)
{
    return at->session->transmission && !at->session->replied && session_oldest(at->session) &&
           strange_magic(at) != 0 && !is_known_stranger(strange_magic(at));
}

bool simple_magic_changed(const struct sight *at)
{
    return !has_chunks(at) && is_first_reply(at) &&
           broken(at, "magic 0x%08" PRIx64 " in the first reply", strange_magic(at));
}

bool neither_magic(const struct sight *at)
{
    return !at->session->negotiated.extended && is_first_reply(at) &&
           broken(at, "magic 0x%08" PRIx64, strange_magic(at));
}

/* Of two replies to GO the second could have come at once. */
bool option_reply_for_request(const struct sight *at)
{
    return strange_magic(at) == NBD_REP_MAGIC >> 32 && session_oldest(at->session) &&
           broken(at, "the magic of an option reply, and a request that waits for its own");
}

/* Other requests may be answered by either kind. */
bool chunk_magic_changed(const struct sight *at)
{
    return has_structured(at) && is_first_reply(at) &&
           session_oldest(at->session)->request.type == NBD_CMD_READ &&
           broken(at, "magic 0x%08" PRIx64 " in the first reply, which is to READ", strange_magic(at));
}

/* ---- what the last reply left behind, where the next one should begin ---- */

static const struct past *left_by(const struct sight *at, enum reply_form form)
{
    const struct session *s = at->session;

    return s->transmission && s->replied && s->last_reply.form == form &&
                   !is_known_stranger(strange_magic(at))
               ? &s->last_reply
               : NULL;
}

bool bytes_behind_data(const struct sight *at)
{
    const struct past *last = left_by(at, REPLY_FORM_SIMPLE);

    return last && last->type == NBD_CMD_READ && last->error == 0 &&
           broken(at, "0x%08" PRIx64 " behind the data of a READ", strange_magic(at));
}

bool bytes_behind_error(const struct sight *at)
{
    const struct past *last = left_by(at, REPLY_FORM_SIMPLE);

    return last && last->type == NBD_CMD_READ && last->error != 0 &&
           broken(at, "0x%08" PRIx64 " behind the error of a READ", strange_magic(at));
}

bool bytes_behind_no_data(const struct sight *at)
{
    const struct past *last = left_by(at, REPLY_FORM_SIMPLE);

    return last && last->type != NBD_CMD_READ &&
           broken(at, "0x%08" PRIx64 " behind a simple reply to another command than READ",
                  strange_magic(at));
}

bool bytes_behind_chunk(const struct sight *at)
{
    return left_by(at, REPLY_FORM_STRUCTURED) &&
           broken(at, "0x%08" PRIx64 " behind a chunk", strange_magic(at));
}

bool bytes_behind_extended_chunk(const struct sight *at)
{
    uint64_t magic = strange_magic(at);

    return magic != NBD_SIMPLE_REPLY_MAGIC && magic != NBD_STRUCTURED_REPLY_MAGIC &&
           left_by(at, REPLY_FORM_EXTENDED) && broken(at, "0x%08" PRIx64 " behind a chunk", magic);
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

/* A reply in several chunks is under way, none of which is the last. */
static bool is_under_way(const struct sight *at)
{
    for (const struct held *h = at->session->in_flight.oldest; h; h = h->newer)
        if (h->exchange.chunks > 0)
            return true;
    return false;
}

bool chunk_with_another_cookie(const struct sight *at)
{
    return is_under_way(at) && unknown_cookie(at);
}

/* It ends the reply to a READ and brings too little: what it lacks came before it. */
bool chunk_behind_another_cookie(const struct sight *at)
{
    const struct message *m = at->message;

    return at->session->stray && !requests_unknown(at) && at->exchange && at->exchange->chunks == 0 &&
           at->exchange->request.type == NBD_CMD_READ && (m->chunk_head.flags & NBD_REPLY_FLAG_DONE) &&
           (m->chunk.role == CHUNK_ENDS || m->chunk.role == CHUNK_CONTENT) &&
           m->chunk.data_bytes < at->exchange->request.length &&
           broken(at, "cookie 0x%" PRIx64 " behind a chunk of another", cookie_of(at));
}

/* Fields in another order or of another width: the cookie of a request stands elsewhere in the header.  Small
 * ones are found in many places. */
static bool is_cookie(const struct sight *at, uint64_t cookie)
{
    return cookie >> 32 != 0 && (uint32_t)cookie != 0 && exchange_find(at->session, cookie) != NULL;
}

bool simple_fields_misplaced(const struct sight *at)
{
    const struct wire_simple_reply *reply = &at->message->head.simple_reply;

    return !at->exchange && !requests_unknown(at) && !past_of(at) &&
           is_cookie(at, (uint64_t)reply->error << 32 | reply->cookie >> 32) &&
           broken(at, "the cookie of a request directly behind the magic");
}

static bool is_misplaced(const struct sight *at, const struct session_chunk *c)
{
    const uint64_t places[] = {
        (uint64_t)c->flags << 48 | (uint64_t)c->type << 32 | c->cookie >> 32, /* directly behind the magic */
        c->cookie << 32 | c->length,                                          /* behind the length */
        c->cookie << 16 | c->length >> 16,                                    /* behind flags of 32 bits */
        (uint64_t)c->type << 56 | c->cookie >> 8,                             /* behind flags of 8 bits */
    };

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (is_cookie(at, places[i]))
            return broken(at, "the cookie 0x%" PRIx64 " of a request elsewhere in the header of a chunk",
                          places[i]);
    return false;
}

bool chunk_fields_misplaced(const struct sight *at)
{
    return !at->exchange && !requests_unknown(at) && !past_of(at) &&
           is_misplaced(at, &at->message->chunk_head);
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

/* A chunk behind the last one is a mistake about DONE; when it has DONE itself, it is a whole
 * second reply. */
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
    return rule_progress(at, NULL) == 0;
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

/* ---- replies that end in the middle ---- */

static bool ends_in_middle(const struct sight *at, uint64_t size, bool in_header)
{
    uint64_t want, have = rule_progress(at, &want);

    if (!at->session->transmission || have < sizeof(uint32_t) || have >= want ||
        in_header != (want == size && have < size))
        return false;
    return broken(at, "%" PRIu64 " of %" PRIu64 " bytes", have, want);
}

static enum scan_kind kind_under_way(const struct sight *at)
{
    return rule_server(at)->head.kind;
}

bool simple_header_cut_off(const struct sight *at)
{
    return !at->session->negotiated.extended && ends_in_middle(at, WIRE_SIZE_simple_reply, true);
}

bool chunk_header_cut_off(const struct sight *at)
{
    return ends_in_middle(at, WIRE_SIZE_chunk, true);
}

static bool is_in_body(const struct sight *at)
{
    return at->session->streams[SIDE_SERVER].scan.state == SCAN_IN_BODY;
}

bool simple_data_cut_off(const struct sight *at)
{
    return is_in_body(at) && kind_under_way(at) == SCAN_KIND_SIMPLE_REPLY &&
           ends_in_middle(at, WIRE_SIZE_simple_reply, false);
}

bool chunk_payload_cut_off(const struct sight *at)
{
    return is_in_body(at) && kind_under_way(at) == SCAN_KIND_CHUNK &&
           ends_in_middle(at, WIRE_SIZE_chunk, false);
}

/* A header's worth of bytes is awaited in vain. */
bool chunk_length_of_all(const struct sight *at)
{
    uint64_t want, have = rule_progress(at, &want);

    return is_in_body(at) && kind_under_way(at) == SCAN_KIND_CHUNK && want - have == WIRE_SIZE_chunk &&
           broken(at, "a chunk's length that counts its header");
}

/* What stands where the length should makes it wait for more. */
bool chunk_fields_misplaced_and_waited(const struct sight *at)
{
    const struct stream *st = rule_server(at);

    return is_in_body(at) && kind_under_way(at) == SCAN_KIND_CHUNK && !st->exchange &&
           !requests_unknown(at) && is_misplaced(at, &st->chunk);
}

/* ---- the form of the reply ---- */

bool chunk_not_negotiated(const struct sight *at)
{
    return !has_structured(at) && !at->session->structured_before_tls &&
           broken(at, "a chunk of type 0x%x", at->message->chunk_head.type);
}

static bool is_for(const struct sight *at, uint16_t command)
{
    return at->exchange && at->exchange->request.type == command;
}

bool simple_reply_with_data(const struct sight *at)
{
    return has_structured(at) && at->message->body_bytes > 0 &&
           broken(at, "a simple reply with %" PRIu64 " bytes of data", at->message->body_bytes);
}

bool simple_reply_to_read(const struct sight *at)
{
    return has_structured(at) && is_for(at, NBD_CMD_READ) &&
           broken(at, "a simple reply, error %" PRIu32 ", to READ", at->message->head.simple_reply.error);
}

bool simple_error(const struct sight *at)
{
    return has_structured(at) && at->exchange && !is_for(at, NBD_CMD_READ) &&
           at->message->head.simple_reply.error != 0 &&
           broken(at, "a simple reply with error %" PRIu32, at->message->head.simple_reply.error);
}

bool simple_block_status(const struct sight *at)
{
    return has_structured(at) && is_for(at, NBD_CMD_BLOCK_STATUS) && at->exchange->request.length > 0 &&
           at->message->head.simple_reply.error == 0 && at->session->negotiated.context_count > 0 &&
           !at->session->contexts_doubtful && broken(at, "a simple reply without error to BLOCK_STATUS");
}
