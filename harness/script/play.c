/* SPDX-License-Identifier: MIT */
/* The machine: steps, one after the other, and the actions that they come to. */
#include "script/play.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/memory.h"
#include "script/machine.h"
#include "script/send.h"

enum {
    TRANSCRIPT_MOST = 16 * 1024 * 1024,
    WAIT_RENEWED = 64 * 1024, /* bytes that a server has to send for its time to begin anew */
    MUCH = 1024 * 1024,       /* bytes of a request, for which a case may give more time */
    ROUNDS_MOST = 65536,      /* of one loop */
    EACH_MOST = 12,           /* items: servers lose patience with a client that haggles without end */
};

/* ---- birth and death ---- */

static void begin_transcript(struct play *p)
{
    const struct tree_case *c = p->setup->the_case;

    buffer_print(&p->transcript, "case %s \"", c->name);
    if (c->title)
        escape_text(&p->transcript, span_text(c->title));
    buffer_print(&p->transcript, "\"\nstart connect\n");
    p->result.transcript_lines = 4;
    if (c->window) {
        const struct bound *window = environment_find(&p->variables, "window");
        const struct bound *base = environment_find(&p->variables, "base");

        buffer_print(&p->transcript, "window %" PRIu64 " at %" PRIu64 "\n", window ? window->number : 0,
                     base ? base->number : 0);
        p->result.transcript_lines++;
    }
    buffer_print(&p->transcript, "canary off\n\n");
}

static void push(struct play *p, struct level level)
{
    const struct level *around = p->level_count > 0 ? &p->levels[p->level_count - 1] : NULL;

    assert(p->level_count < LEVELS_MAX); /* the parser bounds the depth of blocks */
    if (around) {
        level.ours |= around->ours;
        level.way_in |= around->way_in;
        if (!level.on)
            level.on = around->on;
    }
    p->levels[p->level_count++] = level;
}

struct play *play_new(const struct play_setup *setup)
{
    struct play *p = memory_take(sizeof *p);

    p->own = *setup;
    p->setup = &p->own;
    p->finding_tail = &p->result.findings;
    p->arena = setup->arena;
    p->scratch = arena_new();
    p->variables = *setup->variables;
    buffer_init(&p->out, SEND_MAX);
    buffer_init(&p->data, SEND_MAX);
    buffer_init(&p->transcript, TRANSCRIPT_MOST);
    begin_transcript(p);
    return p;
}

void play_free(struct play *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->connection_count; i++)
        connection_free(p->connections[i]);
    buffer_free(&p->out);
    buffer_free(&p->data);
    buffer_free(&p->transcript);
    arena_free(p->scratch);
    free(p->seen);
    free(p);
}

const struct play_result *play_result(const struct play *p)
{
    return &p->result;
}

/* ---- mistakes of the case ---- */

void play_mistake(struct play *p, const struct value_error *error)
{
    p->level_count = 0;
    if (p->stumbled || p->result.error)
        return;
    p->result.error = true;
    p->result.error_place = error->place;
    p->result.error_reason = arena_text(p->arena, span_text(error->reason));
}

void play_mistake_at(struct play *p, struct place place, const char *reason)
{
    struct value_error error = { .place = place };

    snprintf(error.reason, sizeof error.reason, "%s", reason);
    play_mistake(p, &error);
}

/* ---- actions ---- */

uint64_t play_timeout_ns(const struct play *p)
{
    uint64_t wanted_ns = p->setup->the_case->timeout_ns;

    return wanted_ns > p->setup->timeout_ns ? wanted_ns : p->setup->timeout_ns;
}

struct play_action play_action_on(enum play_action_kind kind, const struct connection *c)
{
    return (struct play_action){ .kind = kind, .connection = c->index };
}

static uint64_t received(const struct play *p)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < p->connection_count; i++)
        bytes += p->connections[i]->received;
    return bytes;
}

static void renew_wait(struct play *p)
{
    p->wait++;
    p->wait_received = received(p);
}

void play_end_wait(struct play *p)
{
    p->answered++;
    renew_wait(p);
}

struct play_action play_wait(struct play *p, const struct connection *c)
{
    bool little = session_much_in_flight(c->session) < MUCH;

    if (received(p) - p->wait_received >= WAIT_RENEWED)
        renew_wait(p);
    return (struct play_action){ .kind = PLAY_WAIT,
                                 .time_ns = little ? p->setup->timeout_ns : play_timeout_ns(p),
                                 .parting = c->goodbye && session_in_flight(c->session) == 0,
                                 .wait = p->wait,
                                 .answered = p->answered };
}

/* ---- steps ---- */

static struct connection *connection_named(struct play *p, const char *name)
{
    for (unsigned i = 1; i < p->connection_count; i++)
        if (strcmp(p->connections[i]->name, name) == 0)
            return p->connections[i];
    return NULL;
}

struct connection *play_connection_of(struct play *p, const struct level *l, const struct step *s)
{
    struct connection *c = p->connections[l->on ? l->on->index : 0];

    if (s->connection)
        c = connection_named(p, s->connection);
    if (!c && p->ended)
        return NULL;
    if (!c)
        play_mistake_at(p, s->place, "no connection of this name was opened");
    else if (c->life == LIFE_OVER || (c->skip_rest && !l->ours))
        return NULL;
    return c;
}

static bool play_expect(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    struct connection *c = play_connection_of(p, l, s);

    if (c && expectation_play(p, c, s) == PROGRESS_WAIT) {
        *ret = play_wait(p, c);
        return true;
    }
    p->seen_count = 0;
    play_end_wait(p);
    l->at = s->next;
    return false;
}

static bool play_unordered(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    (void)ret;
    l->at = s->next;
    push(p, (struct level){ .at = s->body }); /* each waits for its own request: the order does not matter */
    return false;
}

static bool play_canary(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    struct connection *c = play_connection_of(p, l, s);
    const struct step *steps;

    (void)ret;
    l->at = s->next;
    if (!c)
        return false;
    steps = leave_canary(p, c);
    c->drew_error = false;
    if (steps)
        push(p, (struct level){ .at = steps });
    return false;
}

static bool play_pause(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    l->at = s->next;
    if (s->pause_ns % 1000000 == 0)
        connection_tell(p, NULL, 'C', "pause %" PRIu64 "ms", s->pause_ns / 1000000);
    *ret = (struct play_action){ .kind = PLAY_PAUSE, .time_ns = s->pause_ns };
    return true;
}

static void begin_loop(struct play *p, struct level loop, struct bound b, struct place place)
{
    if (environment_set(&p->variables, b))
        push(p, loop);
    else
        play_mistake_at(p, place, "too many variables");
}

static bool play_repeat(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    struct level loop = { .at = s->body, .first = s->body, .variable = s->variable };
    struct value_error error;

    (void)ret;
    l->at = s->next;
    if (!value_number(s->from, &p->variables, NULL, &loop.round, &error) ||
        !value_number(s->to, &p->variables, NULL, &loop.last, &error)) {
        play_mistake(p, &error);
        return false;
    }
    if (loop.last < loop.round || !s->body)
        return false;
    if (loop.last - loop.round >= ROUNDS_MOST) {
        play_mistake_at(p, s->place, "too many rounds");
        return false;
    }
    begin_loop(p, loop, (struct bound){ .name = s->variable, .kind = BOUND_NUMBER, .number = loop.round },
               s->place);
    return false;
}

static struct bound item_bound(const struct level *l)
{
    return (
        struct bound){ .name = l->variable, .kind = BOUND_BYTES, .bytes = l->items->items[l->round].name };
}

static bool play_each(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    struct level loop = { .at = s->body, .first = s->body, .variable = s->variable };

    (void)ret;
    l->at = s->next;
    loop.items = saved_find(p, s->list);
    if (!loop.items && (p->stumbled || p->result.failed > 0 || p->result.server_closed_early))
        return false; /* the line that was to say 'as' never saw its replies */
    if (!loop.items) {
        play_mistake_at(p, s->place, "no earlier line says 'as' with this name");
        return false;
    }
    if (loop.items->count == 0 || !s->body)
        return false;
    loop.last = (loop.items->count < EACH_MOST ? loop.items->count : EACH_MOST) - 1;
    begin_loop(p, loop, item_bound(&loop), s->place);
    return false;
}

static bool play_connect(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    const struct step *way_in = NULL;
    struct connection *c;

    (void)ret;
    l->at = s->next;
    if (p->ended)
        return false;
    if (p->connection_count == PLAY_MAX_CONNECTIONS) {
        play_mistake_at(p, s->place, "a case has 8 connections at most");
        return false;
    }
    if (p->setup->way_in_of)
        way_in = p->setup->way_in_of(p->setup->ctx, s->fields);
    c = connection_new(p, s->variable);
    connection_tell(p, NULL, 'C', "connect %s start=connect", c->name);
    push(p, (struct level){ .at = way_in, .on = c, .way_in = true });
    return false;
}

/* The end of a list: once more around the loop, or back to what is around it. */
static void end_of_list(struct play *p, struct level *l)
{
    if (l->variable && l->round < l->last) {
        struct bound b = { .name = l->variable, .kind = BOUND_NUMBER, .number = ++l->round };

        environment_assign(&p->variables, l->items ? item_bound(l) : b);
        l->at = l->first;
        return;
    }
    if (l->variable)
        environment_drop(&p->variables, l->variable);
    if (l->way_in)
        p->connections[l->on ? l->on->index : 0]->drew_error = false;
    p->level_count--;
}

/* Goes a little further.  True when there is something for the owner to do. */
static bool play_step(struct play *p, struct play_action *ret)
{
    static bool (*const kinds[])(struct play *, struct level *, const struct step *, struct play_action *) = {
        [STEP_SEND] = sending_frame,       [STEP_SEGMENT] = sending_segment, [STEP_EXPECT] = play_expect,
        [STEP_UNORDERED] = play_unordered, [STEP_CANARY] = play_canary,      [STEP_PAUSE] = play_pause,
        [STEP_REPEAT] = play_repeat,       [STEP_EACH] = play_each,          [STEP_CONNECT] = play_connect,
    };
    struct level *l = &p->levels[p->level_count - 1];
    bool ret_action;

    if (!l->at) {
        end_of_list(p, l);
        return false;
    }
    p->step = l->at;
    ret_action = kinds[l->at->kind](p, l, l->at, ret);
    p->timed_out = false;
    return ret_action;
}

/* ---- the end ---- */

/* Waits for what nobody asked for, so that the referee sees it.  True while there is something to
 * wait for. */
static bool leave_waits(struct play *p, struct connection *c)
{
    if (c->life == LIFE_CLOSED) {
        bool asked = c->left || c->finished;

        p->result.server_closed_early |= !asked;
        connection_judge_ending(p, c, (connection_excused(c) || c->read_failed) && !asked);
        c->life = LIFE_OVER;
    }
    if (c->life == LIFE_OPEN && !c->mute && !connection_quiet(c)) {
        if (!p->timed_out)
            return true;
        if (c->skip_answers)
            c->life = LIFE_OVER;
        else
            expectation_stall(p, c, NULL);
    }
    connection_drop_kept(c);
    c->skip_answers = false;
    return false;
}

/* True when there is something for the owner to do. */
static bool leave_connection(struct play *p, struct connection *c, struct play_action *ret)
{
    const struct step *steps = NULL;

    switch (c->leaving) {
    case LEAVE_WAIT:
    case LEAVE_WAIT_AGAIN:
        if (leave_waits(p, c)) {
            *ret = play_wait(p, c);
            return true;
        }
        p->timed_out = false;
        play_end_wait(p);
        break;
    case LEAVE_CANARY:
        if (c->drew_error && !c->skip_rest && !p->setup->the_case->canary_off && !p->result.error)
            steps = leave_canary(p, c);
        break;
    case LEAVE_GOODBYE:
        steps = leave_goodbye(p, c);
        break;
    case LEAVE_CLOSE:
        *ret = play_action_on(PLAY_CLOSE, c);
        c->life = LIFE_OVER;
        c->leaving = LEAVE_DONE;
        return true;
    case LEAVE_DONE:
        return false;
    }
    c->leaving++;
    if (steps)
        push(p, (struct level){ .at = steps, .ours = true });
    return false;
}

static bool leave(struct play *p, struct play_action *ret)
{
    for (unsigned i = 0; i < p->connection_count; i++) {
        struct connection *c = p->connections[i];

        while (c->leaving != LEAVE_DONE) {
            if (p->level_count > 0 ? play_step(p, ret) : leave_connection(p, c, ret))
                return true;
            p->step = p->level_count > 0 ? p->step : NULL;
        }
    }
    finding_close(p);
    p->result.transcript =
        span_of(arena_copy(p->arena, p->transcript.bytes, p->transcript.len), p->transcript.len);
    p->stage = STAGE_DONE;
    return false;
}

/* ---- the owner's side ---- */

/* A connection that is to be dialled. */
static bool dials(struct play *p, struct play_action *ret)
{
    struct connection *last = p->connections[p->connection_count - 1];

    if (last->life != LIFE_DIALLING)
        return false;
    *ret = play_action_on(PLAY_OPEN, last);
    ret->time_ns = play_timeout_ns(p);
    return true;
}

/* What is to follow the bytes that were sent. */
static bool follows(struct play *p, struct play_action *ret)
{
    *ret = p->after;
    p->after = (struct play_action){ .kind = PLAY_OPEN };
    return ret->kind != PLAY_OPEN;
}

static void begin(struct play *p)
{
    connection_new(p, NULL);
    push(p, (struct level){ .at = p->setup->the_case->steps });
    push(p, (struct level){ .at = p->setup->way_in, .way_in = true });
    p->stage = STAGE_STEPS;
}

struct play_action play_next(struct play *p)
{
    struct play_action action = { .kind = PLAY_DONE };

    if (p->sending.kind == PLAY_SEND)
        return p->sending;
    if (p->stage == STAGE_BEGIN)
        begin(p);
    while (p->stage != STAGE_DONE) {
        if (follows(p, &action) || dials(p, &action))
            return action;
        if (p->stage == STAGE_STEPS && p->level_count == 0) {
            p->step = NULL;
            p->stage = STAGE_LEAVE;
        }
        if (p->stage == STAGE_STEPS ? play_step(p, &action) : leave(p, &action))
            return action;
    }
    return (struct play_action){ .kind = PLAY_DONE };
}

void play_opened(struct play *p, unsigned connection)
{
    assert(connection < p->connection_count);
    p->connections[connection]->life = LIFE_OPEN;
}

void play_unreachable(struct play *p, unsigned connection, const char *why)
{
    struct connection *c = p->connections[connection];

    assert(connection < p->connection_count);
    c->life = LIFE_OVER;
    c->leaving = LEAVE_DONE;
    p->result.unreachable = true;
    p->result.error_reason = arena_text(p->arena, span_text(why));
    connection_tell(p, c, '#', "the connection could not be opened");
    p->stumbled = true;
    p->level_count = 0;
}

void play_sent(struct play *p, unsigned connection, size_t bytes)
{
    (void)connection;
    (void)bytes; /* where it is less, the connection is gone, and play_closed() says so */
    p->sending = (struct play_action){ .kind = PLAY_DONE };
}

void play_received(struct play *p, unsigned connection, struct span bytes)
{
    assert(connection < p->connection_count);
    if (p->connections[connection]->life == LIFE_OPEN)
        connection_hear(p, p->connections[connection], bytes);
}

void play_tls(struct play *p, unsigned connection, const struct play_tls *what)
{
    assert(connection < p->connection_count);
    if (p->connections[connection]->tls == TLS_ASKED && p->connections[connection]->life == LIFE_OPEN)
        connection_tls(p, p->connections[connection], what);
}

void play_closed(struct play *p, unsigned connection, enum ending how)
{
    assert(connection < p->connection_count);
    connection_ended(p, p->connections[connection], how);
}

void play_timed_out(struct play *p)
{
    if (p->sending.kind != PLAY_SEND) {
        p->timed_out = true;
        return;
    }
    expectation_stall(p, p->connections[p->sending.connection], NULL);
    p->sending = (struct play_action){ .kind = PLAY_DONE };
}
