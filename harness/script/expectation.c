/* SPDX-License-Identifier: MIT */
/* S: lines: which of what came a line speaks of, and what follows from its judgement. */
#include <stdlib.h>

#include "script/machine.h"
#include "script/print.h"

/* What a line waits for. */
enum subject { SUBJECT_MESSAGE, SUBJECT_EXCHANGE, SUBJECT_HANDSHAKE, SUBJECT_ENDING };

static enum subject subject_of(const struct step *s)
{
    static const char *const messages[] = { "GREETING", "REP", "EXPORT" };

    for (const struct outcome *o = s->outcomes; o; o = o->next) {
        for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
            if (strcmp(o->frame.verb, messages[i]) == 0)
                return SUBJECT_MESSAGE;
        if (strcmp(o->frame.verb, "tls") == 0)
            return SUBJECT_HANDSHAKE;
        if (strcmp(o->frame.verb, "close") != 0)
            return SUBJECT_EXCHANGE;
    }
    return SUBJECT_ENDING;
}

static bool allows_close(const struct step *s)
{
    for (const struct outcome *o = s->outcomes; o; o = o->next)
        if (strcmp(o->frame.verb, "close") == 0)
            return true;
    return false;
}

/* ---- failing ---- */

static void fail_line(struct play *p, struct connection *c, const struct step *s, bool bare, const char *came,
                      struct told told)
{
    finding_line(p, c, s->by, bare, s->place, finding_demanded(p, s), came, told);
    if (p->level_count > 0 && p->levels[p->level_count - 1].way_in)
        c->skip_rest = true;
}

static const char *came_with(struct play *p, struct told told, const char *why)
{
    const char *text = told_text(p, told);

    return *why ? arena_print(p->arena, "%s: %s", text, why) : text;
}

/* What a line without `by` has to see does not hold: what follows in the case rests on it, and its rows would
 * be blamed for what they have no part in. */
static void end_case(struct play *p)
{
    p->ended = true;
    for (unsigned i = 0; i < p->connection_count; i++)
        p->connections[i]->skip_rest = true;
}

/* ---- matching ---- */

static struct matcher matcher_for(struct play *p)
{
    return (struct matcher){ .variables = &p->variables, .arena = p->scratch, .scratch = &p->data };
}

/* Tries the outcomes in turn. */
static enum match match_any(struct matcher *m, const struct step *s, const struct arrival *a,
                            const struct outcome **ret)
{
    for (const struct outcome *o = s->outcomes; o; o = o->next) {
        enum match match = expect_frame(m, &o->frame, a);

        *ret = o;
        if (match != MATCH_NO)
            return match;
    }
    return MATCH_NO;
}

/* The lines below it that begin with &. */
static void judge_demands(struct play *p, const struct connection *c, const struct step *s,
                          const struct outcome *matched, const struct arrival *a, struct told told)
{
    for (const struct demand *d = s->demands; d && a->kind != ARRIVAL_CLOSE; d = d->next) {
        struct matcher m = matcher_for(p);
        enum match match = expect_fields(&m, matched->frame.verb, d->fields, a);
        struct buffer text;

        if (match == MATCH_ERROR) {
            play_mistake(p, &m.error);
            return;
        }
        if (match == MATCH_YES)
            continue;
        buffer_init(&text, 64 * 1024);
        buffer_print(&text, "&");
        print_fields(d->fields, &text);
        finding_line(p, c, d->by, true, d->place, arena_text(p->arena, buffer_span(&text)),
                     told_text(p, told), told);
        buffer_free(&text);
    }
}

/* ---- the end of a connection, and none ---- */

/* Why the connection may be closed though no line says so, or NULL. */
static const char *excuse_of(struct play *p, const struct connection *c)
{
    const char *broken = connection_excused(c);

    if (broken)
        return arena_print(p->arena, "the request breaks %s", broken);
    return c->read_failed ? "a READ has failed (cmd.read.simple.error-then-disconnect)" : NULL;
}

static void line_closed(struct play *p, struct connection *c, const struct step *s)
{
    const char *excused = excuse_of(p, c);
    bool expected = allows_close(s), asked = c->left || c->finished;
    const char *came = c->how == ENDING_RESET ? "the connection was reset" : "the connection was closed";
    size_t before = p->result.failed;

    c->life = LIFE_OVER;
    connection_judge_ending(p, c, (expected || excused) && !asked);
    if (!expected && !excused) {
        fail_line(p, c, s, p->result.failed == before, came, c->close);
        return;
    }
    if (!expected)
        finding_add(p, c, NULL, s->place, finding_demanded(p, s),
                    arena_print(p->arena, "%s: allowed, as %s", came, excused), c->close, true);
    if ((!expected || s->outcomes->next) && !asked)
        p->result.server_closed_early = p->stumbled = true;
}

static const char *rule_of_missing_reply(const struct connection *c)
{
    const struct negotiated *agreed = session_negotiated(c->session);
    const struct exchange *e = session_oldest(c->session);

    if (!agreed->structured && !agreed->extended)
        return "reply.simple.every-request";
    if (!e || e->chunks == 0)
        return "reply.one-per-request";
    return agreed->extended ? "ext.reply.done" : "chunk.done.present";
}

static const char *rule_of_stall(const struct connection *c)
{
    if (c->disc)
        return "cmd.disc.closes-connection";
    switch (session_phase(c->session)) {
    case PHASE_GREETING:
        return "greeting.magic";
    case PHASE_STARTTLS:
        return "tls.forced.ready-for-handshake";
    case PHASE_TRANSMISSION:
        return rule_of_missing_reply(c);
    case PHASE_CLIENT_FLAGS:
    case PHASE_HAGGLING:
    case PHASE_ENDED:
        return "rep.every-option-answered";
    }
    return NULL;
}

/* The rules that the referee sees broken by the silence, or the one that fits the phase. */
static void find_stall(struct play *p, struct connection *c, const struct step *s, const char *came,
                       struct told told)
{
    const char *expected = s ? finding_demanded(p, s) : NULL;
    struct place place = p->step ? p->step->place : (struct place){ 0 };
    bool told_by_case = s && (s->by || (subject_of(s) == SUBJECT_ENDING && !c->disc));

    session_stalled(c->session);
    if (c->violations.count == 0 && !told_by_case)
        finding_add(p, c, rule_of_stall(c), place, expected, came, told, false);
    for (size_t i = 0; i < c->violations.count; i++)
        finding_add(p, c, c->violations.all[i].rule, place, expected, came, told, false);
    violations_clear(&c->violations);
    if (told_by_case)
        fail_line(p, c, s, true, came, told);
}

void expectation_stall(struct play *p, struct connection *c, const struct step *s)
{
    struct buffer owing;
    const char *came;

    buffer_init(&owing, 4096);
    session_owing(c->session, &owing);
    came = arena_text(p->arena, buffer_span(&owing));
    buffer_free(&owing);
    find_stall(p, c, s, came, connection_tell(p, c, '#', "nothing more came: %s", came));
    c->life = LIFE_OVER;
}

/* Nothing that the line could take has come: is there still hope? */
static enum progress without(struct play *p, struct connection *c, const struct step *s)
{
    switch (c->life) {
    case LIFE_CLOSED:
        line_closed(p, c, s);
        return PROGRESS_DONE;
    case LIFE_LOST:
        fail_line(p, c, s, false, c->lost_why, (struct told){ .line = c->lost_line });
        c->life = LIFE_OVER;
        return PROGRESS_DONE;
    case LIFE_OPEN:
        if (!p->timed_out)
            return PROGRESS_WAIT;
        expectation_stall(p, c, s);
        return PROGRESS_DONE;
    case LIFE_DIALLING:
    case LIFE_OVER:
        break;
    }
    return PROGRESS_DONE;
}

/* ---- lines about messages of the handshake ---- */

static bool is_final(const struct message *m)
{
    if (m->head.kind != SCAN_KIND_OPTION_REPLY)
        return true;
    return reply_is_error(m->head.option_reply.type) || m->head.option_reply.type == NBD_REP_ACK;
}

/* Takes the first message kept, which the line has matched. */
static void take_message(struct play *p, struct connection *c, const struct step *s,
                         const struct outcome *matched, const struct arrival *a)
{
    struct kept *k = connection_take(c);

    saved_message(p, s, k);
    judge_demands(p, c, s, matched, a, k->told);
    if (is_final(&k->message))
        c->excused = NULL;
    if (!matched->frame.many)
        saved_end(p, c, s, k->told);
    free(k);
}

/* A server may insist on extended headers, and where they are agreed on block sizes being asked for:
 * proto-extended-headers.md, NBD_OPT_GO, NBD_OPT_EXTENDED_HEADERS.  NULL: it does neither. */
static const char *insists_on(const struct connection *c, const struct message *m)
{
    const struct wire_option_reply *reply = &m->head.option_reply;
    bool extended = session_negotiated(c->session)->extended;

    if (m->head.kind != SCAN_KIND_OPTION_REPLY ||
        (reply->option != NBD_OPT_GO && reply->option != NBD_OPT_INFO))
        return NULL;
    if (!extended && reply->type == NBD_REP_ERR_EXT_HEADER_REQD)
        return "the server insists on extended headers";
    if (extended && reply->type == NBD_REP_ERR_BLOCK_SIZE_REQD)
        return "with extended headers the server insists on block sizes being asked for";
    return NULL;
}

static void refuse_message(struct play *p, struct connection *c, const struct step *s, const char *why)
{
    struct kept *k = connection_take(c);

    if (insists_on(c, &k->message)) {
        finding_add(p, c, NULL, s->place, finding_demanded(p, s), insists_on(c, &k->message), k->told, true);
        end_case(p);
        free(k);
        return;
    }
    fail_line(p, c, s, true, came_with(p, k->told, why), k->told);
    c->skip_answers = true; /* what further answers mean is anybody's guess until the next question */
    free(k);
}

static enum progress play_message(struct play *p, struct connection *c, const struct step *s)
{
    bool many = s->outcomes->frame.many;

    while (c->kept) {
        struct arrival a = { .kind = ARRIVAL_MESSAGE, .message = &c->kept->message };
        struct matcher m = matcher_for(p);
        const struct outcome *matched;
        enum match match = match_any(&m, s, &a, &matched);

        if (match == MATCH_ERROR) {
            play_mistake(p, &m.error);
            return PROGRESS_DONE;
        }
        if (match == MATCH_YES)
            take_message(p, c, s, matched, &a);
        else if (many)
            saved_end(p, c, s, c->kept->told);
        else
            refuse_message(p, c, s, m.why);
        if (!many || match == MATCH_NO)
            return PROGRESS_DONE;
    }
    if (many && c->life == LIFE_CLOSED) { /* the next line speaks of the close */
        saved_end(p, c, s, c->close);
        return PROGRESS_DONE;
    }
    return without(p, c, s);
}

/* ---- lines about whole replies ---- */

/* The request that a line without label names by its cookie, as transcripts do. */
static struct request *by_cookie(struct play *p, struct connection *c, const struct step *s)
{
    const struct field *f = s->outcomes->frame.fields;
    struct value_error ignored;
    uint64_t cookie;

    while (f && strcmp(f->name, "cookie") != 0)
        f = f->next;
    if (!f || f->comparison != COMPARE_EQUAL || f->value->kind == VALUE_BIND ||
        !value_number(f->value, &p->variables, NULL, &cookie, &ignored))
        return NULL;
    for (size_t i = c->first_open; i < c->request_count; i++)
        if (!c->requests[i].consumed && c->requests[i].exchange->request.cookie == cookie)
            return &c->requests[i];
    return NULL;
}

static struct request *request_for(struct play *p, struct connection *c, const struct step *s)
{
    struct request *named;

    if (!s->label) {
        named = by_cookie(p, c, s);
        if (named)
            return named;
        return c->first_open < c->request_count ? &c->requests[c->first_open] : NULL;
    }
    for (size_t i = c->first_open; i < c->request_count; i++)
        if (!c->requests[i].consumed && c->requests[i].label && strcmp(c->requests[i].label, s->label) == 0)
            return &c->requests[i];
    return NULL;
}

static bool names_errors(const struct outcome *o)
{
    return strcmp(o->frame.verb, "ERROR") == 0 && o->frame.subject;
}

static bool names_contents(const struct outcome *o)
{
    return strcmp(o->frame.verb, "DATA") == 0 && o->frame.subject;
}

/* Any request may fail for want of these, whatever else the server supports. */
static bool is_of_means(uint32_t error)
{
    return error == NBD_EIO || error == NBD_ENOMEM || error == NBD_ENOSPC || error == NBD_ESHUTDOWN;
}

/* A sound request failed.  That says nothing against rows about contents, nor, where it was for want of
 * means, against any row, unless the line has said which errors it takes. */
static bool says_nothing(const struct step *s, const struct request *r)
{
    bool contents = true, errors = false;

    if (r->exchange->error == 0 || r->excused)
        return false;
    for (const struct outcome *o = s->outcomes; o; o = o->next) {
        contents = contents && names_contents(o);
        errors = errors || names_errors(o);
    }
    return !errors && (contents || is_of_means(r->exchange->error));
}

/* A sound write failed because there is no room: a server may be full, and nothing can be shown then. */
static bool is_full(const struct request *r)
{
    const struct command_rules *command = command_rules_of(r->exchange->request.type);

    return r->exchange->error == NBD_ENOSPC && !r->excused && command && command->writes;
}

static void refuse_reply(struct play *p, struct connection *c, const struct step *s, const struct request *r,
                         const char *why)
{
    bool bare = !s->by || says_nothing(s, r);

    if (bare && is_full(r))
        finding_add(p, c, NULL, s->place, finding_demanded(p, s), came_with(p, r->told, "no room is left"),
                    r->told, true);
    else if (s->by && bare)
        finding_line(p, c, NULL, true, s->place, finding_demanded(p, s), came_with(p, r->told, why), r->told);
    else
        fail_line(p, c, s, true, came_with(p, r->told, why), r->told);
    if (bare)
        end_case(p);
}

static void judge_reply(struct play *p, struct connection *c, const struct step *s, struct request *r)
{
    struct arrival a = { .kind = ARRIVAL_REPLY,
                         .exchange = r->exchange,
                         .agreed = session_negotiated(c->session) };
    struct matcher m = matcher_for(p);
    const struct outcome *matched;

    switch (match_any(&m, s, &a, &matched)) {
    case MATCH_ERROR:
        play_mistake(p, &m.error);
        return;
    case MATCH_YES:
        saved_reply(p, s, r);
        judge_demands(p, c, s, matched, &a, r->told);
        saved_end(p, c, s, r->told);
        break;
    case MATCH_NO:
        if (m.data_differ && s->by)
            finding_drop_contents(p, r->exchange);
        refuse_reply(p, c, s, r, m.why);
        break;
    }
    c->excused = NULL;
    connection_consume(p, c, r);
}

static enum progress play_exchange(struct play *p, struct connection *c, const struct step *s)
{
    struct request *r = request_for(p, c, s);

    if (r && r->answered) {
        judge_reply(p, c, s, r);
        return PROGRESS_DONE;
    }
    if (!r && c->life == LIFE_OPEN && !c->mute && !allows_close(s)) {
        play_mistake_at(p, s->place,
                        s->label ? "no request of this label waits for an answer"
                                 : "no request waits for an answer");
        return PROGRESS_DONE;
    }
    return without(p, c, s);
}

/* ---- lines about TLS ---- */

/* Whom an end lets in is its own affair: where it would not have us it has broken nothing, unless we have
 * offered certain versions and no others. */
static bool is_own_affair(const struct connection *c)
{
    return c->tls_what.result == PLAY_TLS_REFUSED && c->tls_offered == 0;
}

static void refuse_handshake(struct play *p, struct connection *c, const struct step *s)
{
    struct told told = c->tls_line;

    if (s->by && !is_own_affair(c))
        fail_line(p, c, s, false, told_text(p, told), told);
    else
        finding_line(p, c, NULL, true, s->place, finding_demanded(p, s), told_text(p, told), told);
    c->skip_rest = true;
}

static enum progress play_handshake(struct play *p, struct connection *c, const struct step *s)
{
    const struct arrival a = { .kind = ARRIVAL_TLS, .tls_version = c->tls_what.version };
    struct matcher m = matcher_for(p);
    const struct outcome *matched;

    if (c->tls == TLS_NOT_ASKED && c->life == LIFE_OPEN) {
        play_mistake_at(p, s->place, "no line above it says 'C: tls'");
        return PROGRESS_DONE;
    }
    if (c->tls != TLS_TOLD)
        return without(p, c, s);
    c->tls = TLS_NOT_ASKED;
    switch (match_any(&m, s, &a, &matched)) {
    case MATCH_ERROR:
        play_mistake(p, &m.error);
        break;
    case MATCH_YES:
        judge_demands(p, c, s, matched, &a, c->tls_line);
        if (s->outcomes->next && c->tls_what.version == 0)
            c->skip_rest = p->stumbled = true; /* the session is over */
        break;
    case MATCH_NO:
        refuse_handshake(p, c, s);
        break;
    }
    return PROGRESS_DONE;
}

/* ---- lines about the close alone ---- */

static enum progress play_ending(struct play *p, struct connection *c, const struct step *s)
{
    struct request *oldest = c->first_open < c->request_count ? &c->requests[c->first_open] : NULL;
    bool asked = c->left || c->finished; /* what is in flight may still be answered */

    if (asked) {
        connection_drop_kept(c);
    } else if (c->kept) {
        refuse_message(p, c, s, "");
        return PROGRESS_DONE;
    } else if (oldest && oldest->answered) {
        judge_reply(p, c, s, oldest);
        return PROGRESS_DONE;
    }
    return without(p, c, s);
}

enum progress expectation_play(struct play *p, struct connection *c, const struct step *s)
{
    if (c->skip_answers)
        return PROGRESS_DONE;
    switch (subject_of(s)) {
    case SUBJECT_MESSAGE:
        return play_message(p, c, s);
    case SUBJECT_EXCHANGE:
        return play_exchange(p, c, s);
    case SUBJECT_HANDSHAKE:
        return play_handshake(p, c, s);
    case SUBJECT_ENDING:
        return play_ending(p, c, s);
    }
    return PROGRESS_DONE;
}
