/* SPDX-License-Identifier: MIT */
/* C: lines: what is sent, by whom and when, and whether it still makes sense. */
#include "script/machine.h"
#include "script/print.h"
#include "script/send.h"
#include "script/words.h"

/* Sends what has gathered in out; false when there is nothing, or nobody left to send it to. */
static bool send_out(struct play *p, const struct connection *c, bool open, struct play_action *ret)
{
    if (!open || p->out.len == 0)
        return false;
    p->sending = play_action_on(PLAY_SEND, c);
    p->sending.bytes = buffer_span(&p->out);
    p->sending.time_ns = play_timeout_ns(p);
    p->sending.way_in = p->level_count > 0 && p->levels[p->level_count - 1].way_in;
    *ret = p->sending;
    return true;
}

static bool verb_is(const struct frame *f, const char *verb)
{
    return strcmp(f->verb, verb) == 0;
}

static bool is_request(const struct frame *f)
{
    return !verb_is(f, "FLAGS") && !verb_is(f, "OPT") && !verb_is(f, "raw") && !verb_is(f, "plain");
}

/* After a failure the connection may not be where the case thinks: false when the frame makes no
 * sense there. */
static bool makes_sense(const struct play *p, const struct connection *c, const struct frame *f)
{
    enum phase phase = session_phase(c->session);

    if (!p->stumbled || verb_is(f, "raw"))
        return true;
    if (verb_is(f, "plain"))
        return phase == PHASE_STARTTLS;
    if (verb_is(f, "FLAGS"))
        return phase == PHASE_CLIENT_FLAGS;
    return verb_is(f, "OPT") ? phase == PHASE_HAGGLING : phase == PHASE_TRANSMISSION;
}

static bool cookie_in_use(const struct connection *c, uint64_t cookie)
{
    for (size_t i = c->first_open; i < c->request_count; i++)
        if (!c->requests[i].consumed && c->requests[i].exchange->request.cookie == cookie)
            return true;
    return false;
}

static bool has_field(const struct frame *f, const char *name)
{
    for (const struct field *field = f->fields; field; field = field->next)
        if (strcmp(field->name, name) == 0)
            return true;
    return false;
}

/* Puts the frame behind what is to be sent and hands it to the referee. */
static bool add_frame(struct play *p, struct connection *c, const struct step *s)
{
    struct sender sender = { .variables = &p->variables,
                             .arena = p->scratch,
                             .handshake_flags = session_negotiated(c->session)->handshake_flags,
                             .extended = session_negotiated(c->session)->extended };
    size_t at = p->out.len;
    struct value_error error;

    if (is_request(&s->frame) && !has_field(&s->frame, "cookie")) {
        do
            p->cookie++;
        while (cookie_in_use(c, p->cookie));
        sender.cookie = p->cookie;
    }
    if (!send_frame(&sender, &s->frame, &p->out, &error)) {
        play_mistake(p, &error);
        return false;
    }
    if (verb_is(&s->frame, "plain"))
        connection_say_plain(p, c, span_of(p->out.bytes + at, p->out.len - at));
    else
        connection_say(p, c, span_of(p->out.bytes + at, p->out.len - at), s->label, s->breaks);
    return true;
}

/* After a failed line the answers still owed are taken, before the next question is put.  True when it can
 * be. */
static bool settle(struct play *p, struct connection *c)
{
    if (!c->skip_answers)
        return true;
    if (c->life == LIFE_OPEN && !connection_quiet(c) && !p->timed_out)
        return false;
    if (c->life == LIFE_OPEN && !connection_quiet(c))
        c->life = LIFE_OVER; /* one failure is reported, not all that follow from it */
    connection_drop_kept(c);
    c->skip_answers = false;
    return true;
}

static void end_our_side(struct play *p, struct connection *c, const struct frame *f, struct play_action *ret)
{
    bool reset = verb_is(f, "reset");

    connection_tell(p, c, 'C', "%s", f->verb);
    connection_we_end(p, c, reset ? ENDING_RESET : ENDING_FINISHED);
    *ret = play_action_on(reset ? PLAY_RESET : PLAY_FINISH, c);
    if (!reset)
        return;
    c->life = LIFE_OVER;
    c->leaving = LEAVE_DONE;
}

/* The versions of TLS that the frame asks for. */
static bool versions_of(struct play *p, const struct frame *f, unsigned *ret)
{
    struct value_error error;
    uint64_t versions = 0;

    if (f->fields && !value_number(f->fields->value, &p->variables, &words_tls_versions, &versions, &error)) {
        play_mistake(p, &error);
        return false;
    }
    *ret = (unsigned)versions;
    return true;
}

/* True when TLS can begin on the connection, and is to be begun. */
static bool begin_tls(struct play *p, struct connection *c, const struct step *s, struct play_action *ret)
{
    struct buffer fields;

    if (c->life != LIFE_OPEN)
        return false;
    if (session_phase(c->session) != PHASE_STARTTLS) {
        if (!p->stumbled)
            play_mistake_at(p, s->place, "TLS begins where STARTTLS was acknowledged");
        c->skip_rest = true;
        return false;
    }
    if (!versions_of(p, &s->frame, &c->tls_offered))
        return false;
    buffer_init(&fields, 4096);
    print_fields(s->frame.fields, &fields);
    connection_tell(p, c, 'C', "tls%s", buffer_text(&fields));
    buffer_free(&fields);
    c->tls = TLS_ASKED;
    *ret = play_action_on(PLAY_TLS, c);
    ret->time_ns = play_timeout_ns(p);
    ret->versions = c->tls_offered;
    return true;
}

/* Whether a step that sends has its turn: *ret_connection is then its connection, NULL where nothing is sent
 * on it any more.  False: to be asked again after *ret_action. */
static bool is_its_turn(struct play *p, struct level *l, const struct step *s,
                        struct connection **ret_connection, struct play_action *ret_action)
{
    struct connection *c = play_connection_of(p, l, s);

    if (c && !settle(p, c)) {
        *ret_action = play_wait(p, c);
        return false;
    }
    play_end_wait(p);
    l->at = s->next;
    *ret_connection = c && c->life != LIFE_OVER ? c : NULL;
    return true;
}

bool sending_frame(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    struct connection *c;

    if (!is_its_turn(p, l, s, &c, ret))
        return true;
    if (!c)
        return false;
    if (verb_is(&s->frame, "fin") || verb_is(&s->frame, "reset")) {
        if (c->life != LIFE_OPEN)
            return false;
        end_our_side(p, c, &s->frame, ret);
        return true;
    }
    if (c->finished) {
        play_mistake_at(p, s->place, "nothing can be sent after fin");
        return false;
    }
    if (verb_is(&s->frame, "tls"))
        return begin_tls(p, c, s, ret);
    if (!makes_sense(p, c, &s->frame)) {
        c->skip_rest = true;
        return false;
    }
    buffer_clear(&p->out);
    return add_frame(p, c, s) && send_out(p, c, c->life == LIFE_OPEN, ret);
}

bool sending_segment(struct play *p, struct level *l, const struct step *s, struct play_action *ret)
{
    struct connection *c;
    bool open;

    if (!is_its_turn(p, l, s, &c, ret))
        return true;
    if (!c)
        return false;
    open = c->life == LIFE_OPEN;
    buffer_clear(&p->out);
    for (const struct step *part = s->body; part; part = part->next) {
        if (verb_is(&part->frame, "fin") || verb_is(&part->frame, "reset")) {
            if (open)
                end_our_side(p, c, &part->frame, &p->after);
            break;
        }
        if (!makes_sense(p, c, &part->frame)) {
            c->skip_rest = true;
            break;
        }
        if (!add_frame(p, c, part))
            return false;
    }
    return send_out(p, c, open, ret);
}
