/* SPDX-License-Identifier: MIT */
/* A client's bytes, from its flags on: to the scanner, to the reference server, and the conversation of the
 * two to the referee.
 *
 *     cutting the stream anywhere changes neither its frames nor what the server answers;
 *     the referee finds nothing to complain of in the server: they are two witnesses who have not agreed
 * beforehand.
 *
 * Input: the client's bytes as they are.  Seeds: corpora/client/. */
#include "base/buffer.h"
#include "fuzz/conversation.h"
#include "fuzz/cut.h"
#include "fuzz/served.h"
#include "fuzz/target.h"
#include "reference/session.h"
#include "wire/constants.h"
#include "wire/events.h"

#define MEMORY (8u * 1024 * 1024)
#define OUTPUT_MAX (2u * 1024 * 1024) /* a server that has said so much is not asked for more, */
#define GOT_MAX (16u * 1024 * 1024)   /* nor one that has sent holes of so much */
#define OUTPUT_ROOM (OUTPUT_MAX + 2 * REFERENCE_MAX_PAYLOAD)

/* One connection of the client with the server. */
struct meeting {
    struct served served;
    struct reference_session *server;
    struct conversation conversation;
    struct buffer output; /* all that the server sent */
    bool stopped;         /* at OUTPUT_MAX or GOT_MAX */
};

#ifdef NBDTEST_PLANTED_BUG
/* As if one command in one mode kept its offset in 48 bits. */
static void planted(const struct conversation *c, const struct message *m)
{
    const struct session_request *r = &m->request;

    if (message_is_request(m) && session_negotiated(c->session)->structured &&
        r->type == NBD_CMD_WRITE_ZEROES && r->offset >> 48 && r->offset <= INT64_MAX)
        target_planted();
}
#endif

static void take_output(struct meeting *m)
{
    struct span output = reference_session_output(m->server);

    HOLDS(buffer_add(&m->output, output.at, output.len), "the server said %zu bytes at once", output.len);
    conversation_feed(&m->conversation, SIDE_SERVER, output);
    reference_session_sent(m->server, output.len);
    m->stopped = m->output.len > OUTPUT_MAX || m->conversation.got > GOT_MAX;
}

static bool goes_on(const struct meeting *m)
{
    return !m->stopped && !reference_session_over(m->server);
}

static void say(struct meeting *m, struct span piece)
{
    conversation_feed(&m->conversation, SIDE_CLIENT, piece);
    while (piece.len > 0 && goes_on(m)) {
        reference_session_feed(m->server, &piece);
        take_output(m);
    }
}

static void meet(struct meeting *m, struct span input, enum cutting cutting)
{
    struct cuts cuts = cuts_of(cutting, input);

    served_init(&m->served, MEMORY);
    m->server = reference_session_new(&m->served.config);
    conversation_init(&m->conversation, UINT64_MAX);
#ifdef NBDTEST_PLANTED_BUG
    m->conversation.message = planted;
#endif
    buffer_init(&m->output, OUTPUT_ROOM);
    take_output(m);
    while (input.len > 0 && goes_on(m))
        say(m, cuts_take(&cuts, &input));
    if (m->stopped)
        return;
    if (!reference_session_over(m->server)) {
        conversation_ended(&m->conversation, SIDE_CLIENT, ENDING_FINISHED);
        reference_session_finished(m->server);
        take_output(m);
    }
    conversation_ended(&m->conversation, SIDE_SERVER, ENDING_FINISHED);
}

static void part(struct meeting *m)
{
    conversation_free(&m->conversation);
    reference_session_free(m->server);
    served_free(&m->served);
    buffer_free(&m->output);
}

static void hold_server(const struct meeting *m, enum cutting cutting)
{
    const struct violation *complaint = conversation_complaint(&m->conversation);

    HOLDS(!complaint, "the referee says of the server, bytes cut in way %d: %s: message %llu: %s",
          (int)cutting, complaint->rule, (unsigned long long)complaint->message, complaint->came);
    HOLDS(!session_lost(m->conversation.session, SIDE_SERVER), "the referee cannot follow the server");
}

static void hold_same(const struct meeting *whole, const struct meeting *cut, enum cutting cutting)
{
    size_t a = whole->output.len, b = cut->output.len, both = a < b ? a : b;

    HOLDS(a == b || whole->stopped || cut->stopped, "%zu bytes of answers, cut in way %d %zu", a,
          (int)cutting, b);
    HOLDS(memcmp(whole->output.bytes, cut->output.bytes, both) == 0,
          "the server answers something else when its bytes are cut in way %d", (int)cutting);
}

static void scan(struct events *e, struct span input, enum cutting cutting)
{
    struct cuts cuts = cuts_of(cutting, input);

    events_init(e, &events_client, SCAN_CLIENT_FLAGS);
    while (input.len > 0) {
        struct span piece = cuts_take(&cuts, &input);

        events_feed(e, piece.at, piece.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct meeting whole = { 0 };
    struct events frames;

    if (size > TARGET_INPUT_MAX)
        return 0;
    scan(&frames, input, CUT_NOWHERE);
    meet(&whole, input, CUT_NOWHERE);
    hold_server(&whole, CUT_NOWHERE);
    for (enum cutting cutting = CUT_NOWHERE + 1; cutting < CUTTING_COUNT; cutting++) {
        struct meeting cut = { 0 };
        struct events cut_frames;

        scan(&cut_frames, input, cutting);
        HOLDS(events_equal(&frames, &cut_frames), "%u frames, cut in way %d %u", frames.heads, (int)cutting,
              cut_frames.heads);
        meet(&cut, input, cutting);
        hold_server(&cut, cutting);
        hold_same(&whole, &cut, cutting);
        part(&cut);
    }
    part(&whole);
    return 0;
}
