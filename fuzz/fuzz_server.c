/* SPDX-License-Identifier: MIT */
/* A conversation with a server of any kind, hostile ones included, as the referee and the scanner see it.
 *
 *     cutting what each side sends anywhere changes neither frames nor messages nor what the referee says.
 *
 * Input: records (fuzz/record.h).  Seeds: corpora/server/. */
#include "fuzz/conversation.h"
#include "fuzz/cut.h"
#include "fuzz/record.h"
#include "fuzz/target.h"
#include "wire/constants.h"
#include "wire/events.h"

/* A hole of 12 bytes may stand for gigabytes, which the referee puts together. */
#define ASKED_MAX (16u * 1024 * 1024)

/* What is made of a conversation. */
struct witness {
    struct conversation conversation;
    struct events client, server;
};

#ifdef NBDTEST_PLANTED_BUG
/* As if the flags of an extent were looked up in a table of all that base:allocation has. */
static void planted(const struct conversation *c, const struct message *m)
{
    struct wire_extent extent;
    struct span extents;

    (void)c;
    if (m->head.kind != SCAN_KIND_CHUNK || m->chunk.role != CHUNK_STATUS || !m->exchange)
        return;
    extents = m->chunk.extents;
    while (chunk_next_extent(&extents, &extent))
        if (extent.flags > (NBD_STATE_HOLE | NBD_STATE_ZERO))
            target_planted();
}
#endif

static void see(struct witness *w, enum side from, struct span piece)
{
    conversation_feed(&w->conversation, from, piece);
    events_feed(from == SIDE_CLIENT ? &w->client : &w->server, piece.at, piece.len);
}

static void see_record(struct witness *w, struct record *r, struct cuts *cuts)
{
    switch ((enum record_kind)r->kind) {
    case RECORD_CLIENT:
    case RECORD_SERVER:
        while (r->bytes.len > 0)
            see(w, r->kind == RECORD_CLIENT ? SIDE_CLIENT : SIDE_SERVER, cuts_take(cuts, &r->bytes));
        break;
    case RECORD_CLIENT_FINISHED:
    case RECORD_CLIENT_RESET:
        conversation_ended(&w->conversation, SIDE_CLIENT,
                           r->kind == RECORD_CLIENT_RESET ? ENDING_RESET : ENDING_FINISHED);
        break;
    case RECORD_SERVER_FINISHED:
    case RECORD_SERVER_RESET:
        conversation_ended(&w->conversation, SIDE_SERVER,
                           r->kind == RECORD_SERVER_RESET ? ENDING_RESET : ENDING_FINISHED);
        break;
    case RECORD_STALLED:
        conversation_stalled(&w->conversation);
        break;
    case RECORD_EXCUSED:
        conversation_excuse(&w->conversation);
        break;
    case RECORD_KIND_COUNT:
        break;
    }
}

static void witness(struct witness *w, struct span input, enum cutting cutting)
{
    struct cuts cuts = cuts_of(cutting, input);
    struct record record;

    conversation_init(&w->conversation, ASKED_MAX);
#ifdef NBDTEST_PLANTED_BUG
    w->conversation.message = planted;
#endif
    events_init(&w->client, &events_client, SCAN_CLIENT_FLAGS);
    events_init(&w->server, &events_server, SCAN_GREETING);
    while (record_take(&input, RECORD_KIND_COUNT, &record))
        see_record(w, &record, &cuts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct witness whole;

    if (size > TARGET_INPUT_MAX)
        return 0;
    witness(&whole, input, CUT_NOWHERE);
    for (enum cutting cutting = CUT_NOWHERE + 1; cutting < CUTTING_COUNT; cutting++) {
        struct witness cut;

        witness(&cut, input, cutting);
        HOLDS(events_equal(&whole.client, &cut.client), "the client's frames, cut in way %d", (int)cutting);
        HOLDS(events_equal(&whole.server, &cut.server), "the server's frames, cut in way %d", (int)cutting);
        HOLDS(conversation_equal(&whole.conversation, &cut.conversation),
              "the referee's view, cut in way %d: %zu violations and %zu", (int)cutting,
              whole.conversation.violations.count, cut.conversation.violations.count);
        conversation_free(&cut.conversation);
    }
    conversation_free(&whole.conversation);
    return 0;
}
