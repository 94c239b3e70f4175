/* SPDX-License-Identifier: MIT */
/* Whole connections with the reference server in all its configurations: older handshakes, TLS, what clients
 * have to ask for, shutdown, legal oddities and faults.
 *
 *     the server ends or goes on, whatever it is told, when, and in whatever mood it is;
 *     the referee finds nothing to complain of in a server without faults, however odd it is.
 *
 * Input: a setup and steps.  Seeds: corpora/session/.
 *
 *     OFFSET  SIZE  DESCRIPTION
 *     0       1     handshake, TLS: enum reference_face + 3 * enum reference_tls, modulo 9
 *     1       1     enum setup_bit
 *     2       1     what oddities leave to chance
 *     3       2     a fault, counted from 1; 0: none
 *     5       2, 2  oddities, likewise
 *     9       -     records (fuzz/record.h): enum happening
 */
#include "base/buffer.h"
#include "fuzz/conversation.h"
#include "fuzz/record.h"
#include "fuzz/served.h"
#include "fuzz/setup.h"
#include "fuzz/target.h"
#include "reference/session.h"

#define MEMORY (8u * 1024 * 1024)
#define SMALL_MEMORY (64u * 1024)
#define SAID_MAX (8u * 1024 * 1024) /* a server that has said so much is not asked for more, */
#define GOT_MAX (16u * 1024 * 1024) /* nor one that has sent holes of so much */
enum { PIECE = 4096 };

struct meeting {
    struct served served;
    struct reference_session *server;
    struct conversation conversation;
    bool judged; /* by the referee: not a server with faults, nor what would be under TLS */
    bool in_pieces;
    struct buffer spare;
    struct loans loans;
    uint64_t said;
};

#ifdef NBDTEST_PLANTED_BUG
/* As if a pause in the transmission phase had been forgotten. */
static void planted(const struct meeting *m, enum happening kind)
{
    if (kind == HAPPENING_QUIET && !reference_session_in_handshake(m->server))
        target_planted();
}
#endif

static bool goes_on(const struct meeting *m)
{
    return !reference_session_over(m->server) && m->said < SAID_MAX && m->conversation.got < GOT_MAX;
}

/* Sends what the server has to say, all of it or piece by piece. */
static void take_output(struct meeting *m)
{
    struct span parts[LOANS_PARTS_MAX];
    size_t count;

    while (m->said < SAID_MAX && (count = reference_session_output_parts(m->server, parts)) > 0) {
        size_t most = m->in_pieces ? PIECE : SIZE_MAX, taken = 0;

        for (size_t i = 0; i < count && taken < most; i++) {
            struct span piece = span_take(&parts[i], most - taken);

            if (m->judged)
                conversation_feed(&m->conversation, SIDE_SERVER, piece);
            taken += piece.len;
        }
        m->said += taken;
        reference_session_sent(m->server, taken);
    }
    reference_session_swap_memory(m->server, &m->spare);
}

/* What comes in the same step as STARTTLS has come in plain text behind it; the next step comes under TLS. */
static void upgrade(struct meeting *m)
{
    if (!reference_session_wants_tls(m->server) || reference_session_output(m->server).len > 0)
        return;
    m->judged = false;
    reference_session_tls_started(m->server);
}

static void say(struct meeting *m, struct span bytes)
{
    upgrade(m);
    if (m->judged)
        conversation_feed(&m->conversation, SIDE_CLIENT, bytes);
    while (bytes.len > 0 && goes_on(m)) {
        reference_session_feed(m->server, &bytes);
        take_output(m);
    }
}

static void take_step(struct meeting *m, const struct record *step)
{
#ifdef NBDTEST_PLANTED_BUG
    planted(m, (enum happening)step->kind);
#endif
    switch ((enum happening)step->kind) {
    case HAPPENING_SAY:
        say(m, step->bytes);
        break;
    case HAPPENING_QUIET:
        reference_session_quiet(m->server);
        break;
    case HAPPENING_SHUT_DOWN:
        reference_session_shut_down(m->server);
        break;
    case HAPPENING_FINISHED:
        if (m->judged)
            conversation_ended(&m->conversation, SIDE_CLIENT, ENDING_FINISHED);
        reference_session_finished(m->server);
        break;
    case HAPPENING_COUNT:
        break;
    }
    take_output(m);
}

/* Where replies come out of order and two requests in flight have one cookie, nobody can tell whose data
 * follow a simple reply: the framing of an odd server may be lost without anybody's blame but
 * the client's. */
static void hold_server(const struct meeting *m, bool odd)
{
    const struct violation *complaint = conversation_complaint(&m->conversation);

    HOLDS(!complaint, "the referee says of the server: %s: message %llu: %s", complaint->rule,
          (unsigned long long)complaint->message, complaint->came);
    HOLDS(odd || !session_lost(m->conversation.session, SIDE_SERVER), "the referee cannot follow the server");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct setup setup;
    struct meeting m = { 0 };
    struct record step = { .kind = HAPPENING_COUNT };

    if (size > TARGET_INPUT_MAX || !setup_take(&input, &setup))
        return 0;
    served_init(&m.served, setup.bits & SETUP_SMALL_MEMORY ? SMALL_MEMORY : MEMORY);
    setup_apply(&setup, &m.served);
    m.judged = setup.fault == 0;
    m.in_pieces = setup.bits & SETUP_IN_PIECES;
    m.server = reference_session_new(&m.served.config);
    if (m.in_pieces)
        reference_session_answer_in_pieces(m.server);
    reference_session_lend(m.server, &m.loans);
    conversation_init(&m.conversation, UINT64_MAX);
    buffer_init(&m.spare, SAID_MAX);

    take_output(&m);
    while (step.kind != HAPPENING_FINISHED && goes_on(&m) && record_take(&input, HAPPENING_COUNT, &step))
        take_step(&m, &step);
    if (m.judged)
        hold_server(&m, setup.oddities[0] > 0 || setup.oddities[1] > 0);

    buffer_free(&m.spare);
    conversation_free(&m.conversation);
    reference_session_free(m.server);
    served_free(&m.served);
    return 0;
}
