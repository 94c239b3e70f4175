/* SPDX-License-Identifier: MIT */
#include "runner/drive.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "runner/client.h"
#include "script/words.h"
#include "transport/tls.h"

#define NS_PER_S UINT64_C(1000000000)
#define RETRY_NS UINT64_C(20000000)
#define PIECE_NS UINT64_C(500000)

enum {
    ROOM_BYTES = 256 * 1024,
    HELD_BYTES = 4 * 1024 * 1024, /* of messages that go in one piece */
    WAITS = 30,                   /* full waits that may pass without a line of the case having its answer */
    SEND_RENEWED = 64 * 1024,     /* bytes that have to go for the time of a message to begin anew */
    TLS_ROUNDS = 8,               /* of a handshake within the process */
    IDLE_ROUNDS = 3,              /* of links within the process, which have then nothing more to say */
    STALLS_BELIEVED = 3, /* full waits in vain until it is clear that this server leaves things unanswered */
    SLOWER = 2,          /* times than ever before: an answer is waited for so long even then */
};

/* And at least so long: when that has become clear, and however often it happens. */
#define PATIENCE_NS NS_PER_S
#define PATIENCE_LEAST_NS (NS_PER_S / 4)
#define PARTING_NS RETRY_NS /* but so long for what every single case would wait for in vain */

/* One play's connections. */
struct driving {
    struct drive *d;
    struct play *play;
    struct link *links[PLAY_MAX_CONNECTIONS]; /* NULL: not open */
    bool ended[PLAY_MAX_CONNECTIONS];         /* the play knows how it ended */
    bool tls[PLAY_MAX_CONNECTIONS];           /* it is a link of link_tls() */
    uint64_t wait;                            /* the wait that is going on, from when to when */
    uint64_t wait_begin_ns, wait_end_ns;
    uint64_t answered; /* lines of the case by now */
    uint64_t end_ns; /* when the instance has had all its time, if none has its answer until then; 0: nothing
                        was opened yet */
    size_t message;  /* of the case, that is being sent */
    /* Messages that are held back to go in one piece, and on which connection. */
    struct buffer held;
    struct play_action holding;
};

void drive_init(struct drive *d, const struct target *target, uint64_t timeout_ns)
{
    *d = (struct drive){ .target = target,
                         .timeout_ns = timeout_ns,
                         .limit_ns = WAITS * timeout_ns,
                         .room = memory_take(ROOM_BYTES) };
}

void drive_free(struct drive *d)
{
    free(d->room);
    d->room = NULL;
}

/* What deadlines are measured by.  A server within the process answers while it is asked: that the machine
 * is busy with other things is not its fault. */
static uint64_t now_of(const struct driving *g)
{
    return g->d->within ? clock_used_ns() : clock_ns();
}

/* Whether a case gives the answer more time than others have, for it moves much. */
static bool is_long(const struct drive *d, uint64_t time_ns)
{
    return time_ns > d->timeout_ns;
}

uint64_t drive_patience(const struct drive *d, uint64_t time_ns, bool parting)
{
    uint64_t slowest_ns = d->slowest_ns, enough_ns;

    if (d->within)
        return time_ns;
    if (parting)
        return d->left_open < STALLS_BELIEVED || time_ns < PARTING_NS ? time_ns : PARTING_NS;
    if (is_long(d, time_ns) ? d->long_stalls == 0 : d->stalls < STALLS_BELIEVED)
        return time_ns;
    if (is_long(d, time_ns)) {
        enough_ns = d->timeout_ns; /* what takes long has the time that others have at first */
        slowest_ns = d->slowest_long_ns > slowest_ns ? d->slowest_long_ns : slowest_ns;
    } else { /* the more answers are missing the less there is to wait for */
        enough_ns = PATIENCE_NS * STALLS_BELIEVED / d->stalls;
        if (enough_ns < PATIENCE_LEAST_NS)
            enough_ns = PATIENCE_LEAST_NS;
    }
    if (enough_ns < SLOWER * slowest_ns)
        enough_ns = SLOWER * slowest_ns;
    return time_ns < enough_ns ? time_ns : enough_ns;
}

/* The count that a wait in vain belongs to. */
static unsigned *stalls_of(struct drive *d, const struct play_action *a)
{
    if (a->parting)
        return &d->left_open;
    return is_long(d, a->time_ns) ? &d->long_stalls : &d->stalls;
}

/* ---- receiving ---- */

static bool is_listened_to(const struct driving *g, unsigned i)
{
    return g->links[i] && !g->ended[i];
}

/* How the connection has ended. */
static enum ending ending_of(const struct driving *g, unsigned i, enum link_state state)
{
    const struct link *link = g->links[i];

    if (g->tls[i] && tls_state(link) == TLS_FAILED && tls_was_established(link) && !tls_refused(link))
        return ENDING_GARBLED;
    if (state != LINK_FINISHED)
        return ENDING_RESET;
    return g->tls[i] && tls_truncated(link) ? ENDING_CUT_OFF : ENDING_FINISHED;
}

/* Hands over what one connection has to say.  True when there was something. */
static bool receive_from(struct driving *g, unsigned i)
{
    size_t len;
    enum link_state state = link_receive(g->links[i], g->d->room, ROOM_BYTES, &len);

    if (len > 0) {
        play_received(g->play, i, span_of(g->d->room, len));
        return true;
    }
    if (state == LINK_OPEN)
        return false;
    g->ended[i] = true;
    play_closed(g->play, i, ending_of(g, i, state));
    return true;
}

static bool receive_all(struct driving *g)
{
    bool any = false;

    for (unsigned i = 0; i < PLAY_MAX_CONNECTIONS; i++)
        if (is_listened_to(g, i))
            any = receive_from(g, i) || any;
    return any;
}

/* Waits until a connection is ready.  False when deadline_ns is over, or when nothing will ever come: links
 * within the process never wait. sending   the connection that has bytes to send; PLAY_MAX_CONNECTIONS: none
 * idle      counts the rounds in which nothing moved */
static bool wait_for_any(const struct driving *g, unsigned sending, uint64_t deadline_ns, unsigned *idle)
{
    struct link *links[PLAY_MAX_CONNECTIONS];
    bool wants_send[PLAY_MAX_CONNECTIONS];
    bool within_process = true;
    size_t count = 0;
    uint64_t now_ns;

    for (unsigned i = 0; i < PLAY_MAX_CONNECTIONS; i++) {
        if (!is_listened_to(g, i) && i != sending)
            continue;
        within_process = within_process && link_descriptor(g->links[i]) < 0;
        wants_send[count] = i == sending;
        links[count++] = g->links[i];
    }
    if (within_process)
        return ++*idle < IDLE_ROUNDS;
    now_ns = now_of(g);
    return now_ns < deadline_ns && link_wait(links, wants_send, count, deadline_ns - now_ns);
}

/* No single wait is longer than asked for, and all together for one line of the case are limited. */
static uint64_t deadline_of(const struct driving *g, uint64_t time_ns)
{
    uint64_t now_ns = now_of(g);

    if (now_ns >= g->end_ns)
        return now_ns;
    return time_ns < g->end_ns - now_ns ? now_ns + time_ns : g->end_ns;
}

static void note_answer(struct driving *g, uint64_t time_ns)
{
    uint64_t took_ns = now_of(g) - g->wait_begin_ns;
    uint64_t *slowest_ns = is_long(g->d, time_ns) ? &g->d->slowest_long_ns : &g->d->slowest_ns;

    if (took_ns > *slowest_ns)
        *slowest_ns = took_ns;
}

/* ---- actions ---- */

static void open_connection(struct driving *g, unsigned i)
{
    char error[300] = "";

    g->links[i] = g->d->target->dial(g->d->target->ctx, g->d->timeout_ns, error, sizeof error);
    g->ended[i] = false;
    if (g->end_ns == 0) {
        g->d->within = g->links[i] && link_descriptor(g->links[i]) < 0;
        g->end_ns = now_of(g) + g->d->limit_ns;
    }
    if (g->links[i])
        play_opened(g->play, i);
    else
        play_unreachable(g->play, i, error);
}

static void close_connection(struct driving *g, unsigned i)
{
    link_free(g->links[i]);
    g->links[i] = NULL;
    g->tls[i] = false;
}

/* Sends and receives meanwhile, so that a server that answers while it is sent to never waits for us.  Takes
 * what went off the front of *rest; false when next to nothing went for too long. */
static bool send_piece(struct driving *g, const struct play_action *a, struct span *rest)
{
    const uint64_t time_ns = a->time_ns > 0 ? a->time_ns : g->d->timeout_ns;
    uint64_t deadline_ns = deadline_of(g, time_ns);
    size_t renewed = rest->len;
    unsigned idle = 0;

    while (rest->len > 0 && g->links[a->connection] && !g->ended[a->connection]) {
        size_t before = rest->len;

        link_send(g->links[a->connection], rest);
        if (rest->len == 0)
            break;
        if (renewed - rest->len >= SEND_RENEWED) {
            renewed = rest->len;
            deadline_ns = deadline_of(g, time_ns);
        }
        if (receive_all(g) || rest->len < before) {
            idle = 0;
            if (now_of(g) < g->end_ns)
                continue;
        }
        if (!wait_for_any(g, a->connection, deadline_ns, &idle))
            return false;
    }
    return true;
}

/* So that the server sees the piece by itself; one within the process has seen it already. */
static void let_be_seen(const struct driving *g, unsigned connection)
{
    const struct timespec pause = { 0, (long)PIECE_NS };

    if (g->links[connection] && link_descriptor(g->links[connection]) >= 0)
        nanosleep(&pause, NULL);
}

static bool deliver(struct driving *g, const struct play_action *a, struct span *rest)
{
    const size_t whole = rest->len;
    bool going = true;

    while (going && rest->len > 0 && g->links[a->connection] && !g->ended[a->connection]) {
        size_t offset = whole - rest->len;
        struct span piece = { rest->at, sweep_piece(&g->d->delivery, g->message, offset, rest->len) };
        size_t wanted = piece.len;

        going = send_piece(g, a, &piece);
        span_take(rest, wanted - piece.len);
        if (sweep_is_cut(&g->d->delivery, g->message, whole - rest->len)) {
            g->d->cut = true;
            return true;
        }
        if (piece.len > 0)
            break;
        if (rest->len > 0)
            let_be_seen(g, a->connection);
    }
    return going;
}

static void send_bytes(struct driving *g, const struct play_action *a)
{
    struct span rest = a->bytes;
    bool going = a->way_in ? send_piece(g, a, &rest) : deliver(g, a, &rest);

    if (!a->way_in) {
        g->message++;
        if (g->d->messages)
            sweep_add(g->d->messages, a->bytes.len);
    }
    play_sent(g->play, a->connection, a->bytes.len - rest.len);
    if (!going)
        play_timed_out(g->play);
}

/* The version that a handshake has led to, in the words of the case language. */
static unsigned version_of(const struct link *link)
{
    static const struct {
        const char *name;
        unsigned version;
    } names[] = { { "TLS1.0", SCRIPT_TLS_1_0 },
                  { "TLS1.1", SCRIPT_TLS_1_1 },
                  { "TLS1.2", SCRIPT_TLS_1_2 },
                  { "TLS1.3", SCRIPT_TLS_1_3 } };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, tls_version(link)) == 0)
            return names[i].version;
    return 0;
}

_Static_assert(SCRIPT_TLS_1_0 == (int)TLS_1_0 && SCRIPT_TLS_1_1 == (int)TLS_1_1 &&
                   SCRIPT_TLS_1_2 == (int)TLS_1_2 && SCRIPT_TLS_1_3 == (int)TLS_1_3,
               "sets of versions are written alike");

/* Shakes hands until that is over one way or the other.  Nothing is received meanwhile on this connection;
 * what others have to say waits. */
static void start_tls(struct driving *g, const struct play_action *a)
{
    struct play_tls what = { .result = PLAY_TLS_BROKEN, .why = "no answer to the handshake in time" };
    struct link **link = &g->links[a->connection];
    uint64_t deadline_ns = deadline_of(g, a->time_ns);

    *link = link_tls(*link, g->d->target->tls, g->d->target->tls_host);
    g->tls[a->connection] = true;
    if (a->versions != 0)
        tls_offer(*link, a->versions);
    for (unsigned round = 0; tls_state(*link) == TLS_HANDSHAKING; round++) {
        uint64_t now_ns = now_of(g);
        struct span nothing = { NULL, 0 };

        link_send(*link, &nothing);
        if (tls_state(*link) != TLS_HANDSHAKING || now_ns >= deadline_ns)
            break;
        if (link_descriptor(*link) < 0 ? round > TLS_ROUNDS
                                       : !link_wait(link, (bool[]){ false }, 1, deadline_ns - now_ns))
            break;
    }
    if (tls_state(*link) == TLS_ESTABLISHED)
        what = (struct play_tls){ .result = PLAY_TLS_OK, .version = version_of(*link) };
    else if (tls_state(*link) == TLS_FAILED)
        what = (struct play_tls){ .result = tls_refused(*link) ? PLAY_TLS_REFUSED : PLAY_TLS_BROKEN,
                                  .why = tls_reason(*link) };
    play_tls(g->play, a->connection, &what);
}

/* ---- messages that go in one piece ---- */

static void send_held(struct driving *g)
{
    struct span rest = buffer_span(&g->held);

    if (rest.len > 0)
        send_piece(g, &g->holding, &rest); /* what does not go shows where it is waited for */
    buffer_clear(&g->held);
}

/* True when the message will go with the next one. */
static bool hold(struct driving *g, const struct play_action *a)
{
    if (g->d->delivery.kind != SWEEP_COALESCE || a->way_in)
        return false;
    if (g->held.len > 0 && g->holding.connection != a->connection)
        send_held(g);
    if (!buffer_add(&g->held, a->bytes.at, a->bytes.len)) {
        send_held(g);
        return false;
    }
    g->holding = *a;
    play_sent(g->play, a->connection, a->bytes.len);
    return true;
}

/* Successive waits of one number share a deadline, so that a server that dribbles does not make
 * them longer. */
static void wait_for_something(struct driving *g, const struct play_action *a)
{
    unsigned idle = 0;

    if (a->answered != g->answered) {
        g->answered = a->answered;
        g->end_ns = now_of(g) + g->d->limit_ns;
    }
    if (a->wait != g->wait || g->wait_end_ns == 0) {
        g->wait = a->wait;
        g->wait_begin_ns = now_of(g);
        g->wait_end_ns = deadline_of(g, drive_patience(g->d, a->time_ns, a->parting));
    } else if (now_of(g) >= g->wait_end_ns) {
        play_timed_out(g->play);
        return;
    }
    while (!receive_all(g))
        if (!wait_for_any(g, PLAY_MAX_CONNECTIONS, g->wait_end_ns, &idle)) {
            *stalls_of(g->d, a) += 1;
            play_timed_out(g->play);
            return;
        }
    note_answer(g, a->time_ns);
}

/* What came meanwhile is heard. */
static void let_pass(struct driving *g, uint64_t time_ns)
{
    uint64_t left_ns = deadline_of(g, time_ns) - now_of(g);
    const struct timespec pause = { (time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S) };

    if (g->d->within) { /* nothing goes on meanwhile */
        for (unsigned round = 0; round < IDLE_ROUNDS; round++)
            receive_all(g);
        return;
    }
    if (left_ns <= time_ns) /* otherwise the moment is over already */
        nanosleep(&pause, NULL);
    receive_all(g);
}

/* Does one action.  False when the play is over. */
static bool act(struct driving *g, const struct play_action *a)
{
    assert(a->connection < PLAY_MAX_CONNECTIONS);
    if (a->kind == PLAY_SEND && hold(g, a))
        return true;
    send_held(g);
    switch (a->kind) {
    case PLAY_OPEN:
        open_connection(g, a->connection);
        return true;
    case PLAY_SEND:
        send_bytes(g, a);
        return !g->d->cut;
    case PLAY_FINISH:
        if (g->links[a->connection])
            link_finish(g->links[a->connection]);
        return true;
    case PLAY_RESET:
        if (g->links[a->connection])
            link_reset(g->links[a->connection]);
        g->ended[a->connection] = true; /* by us */
        return true;
    case PLAY_TLS:
        if (g->links[a->connection])
            start_tls(g, a);
        return true;
    case PLAY_WAIT:
        wait_for_something(g, a);
        return true;
    case PLAY_PAUSE:
        let_pass(g, a->time_ns);
        return true;
    case PLAY_CLOSE:
        close_connection(g, a->connection);
        return true;
    case PLAY_DONE:
        return false;
    }
    return false;
}

void drive_play(struct drive *d, struct play *p)
{
    struct driving g = { .d = d, .play = p };
    struct play_action action;

    d->cut = false;
    if (d->messages)
        d->messages->count = 0;
    buffer_init(&g.held, HELD_BYTES);
    do
        action = play_next(p);
    while (act(&g, &action));
    buffer_free(&g.held);
    for (unsigned i = 0; i < PLAY_MAX_CONNECTIONS && d->cut && d->delivery.reset; i++)
        if (g.links[i])
            link_reset(g.links[i]);
    for (unsigned i = 0; i < PLAY_MAX_CONNECTIONS; i++)
        close_connection(&g, i);
}

/* ---- afterwards ---- */

bool drive_is_served(const struct drive *d, uint64_t patience_ns, char *error, size_t error_size)
{
    uint64_t end_ns = clock_ns() + patience_ns;
    const struct timespec pause = { 0, (long)RETRY_NS };
    struct target plain = *d->target;
    struct client c;

    plain.secured = false;

    for (;;) {
        /* The whole patience for one answer: a server that takes one client at a time lets us wait until it
         * has noticed that the last one left. */
        if (client_open(&c, &plain, patience_ns)) {
            client_close(&c, false);
            return true;
        }
        /* Within the process nothing goes on meanwhile. */
        if (d->within || (plain.is_gone && plain.is_gone(plain.ctx)) || clock_ns() >= end_ns)
            break;
        nanosleep(&pause, NULL);
    }
    snprintf(error, error_size, "%s", c.error);
    return false;
}
