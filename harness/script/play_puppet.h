/* SPDX-License-Identifier: MIT */
/* For tests of the player: a server made of bytes, which answers each wait with its next cue, and the owner
 * that plays a case against it. */
#ifndef NBDTEST_SCRIPT_PLAY_PUPPET_H
#define NBDTEST_SCRIPT_PLAY_PUPPET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "script/parse.h"
#include "script/play.h"

/* ---- the server's bytes ---- */

struct bytes {
    uint8_t at[2048];
    size_t len;
};

static inline void put(struct bytes *b, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        b->at[b->len++] = (uint8_t)(value >> 8 * (size - 1 - i));
}

static inline void put_text(struct bytes *b, const char *text)
{
    while (*text)
        b->at[b->len++] = (uint8_t)*text++;
}

struct cue {
    unsigned connection;
    enum { SAYS, CLOSES, RESETS, CUTS_OFF, GARBLES } what;
    struct bytes bytes;
};

struct server {
    struct cue cues[32];
    size_t count, next;
    size_t cut;          /* bytes given at a time; 0: all of a cue */
    size_t silence;      /* 1 + bytes after which nothing more comes */
    bool refuses;        /* further connections */
    bool quit;           /* it closes instead of falling silent */
    struct play_tls tls; /* what becomes of a TLS handshake */
};

static inline struct bytes *says(struct server *s)
{
    return &s->cues[s->count++].bytes;
}

/* "Newstyle negotiation": NBDMAGIC, IHAVEOPT, both handshake flags. */
static inline void greets(struct server *s)
{
    struct bytes *b = says(s);

    put_text(b, "NBDMAGICIHAVEOPT");
    put(b, 3, 2);
}

static inline void exports(struct server *s) /* 1 MiB, HAS_FLAGS, no padding */
{
    struct bytes *b = says(s);

    put(b, 1 << 20, 8);
    put(b, 1, 2);
}

static inline void add_option_reply(struct bytes *b, uint32_t option, uint32_t type, const char *data)
{
    put(b, UINT64_C(0x3e889045565a9), 8);
    put(b, option, 4);
    put(b, type, 4);
    put(b, strlen(data), 4);
    put_text(b, data);
}

static inline void replies(struct server *s, uint32_t option, uint32_t type, const char *data)
{
    add_option_reply(says(s), option, type, data);
}

static inline void add_server_reply(struct bytes *b, const char *name)
{
    put(b, UINT64_C(0x3e889045565a9), 8);
    put(b, 3, 4);
    put(b, 2, 4);
    put(b, 4 + strlen(name), 4);
    put(b, strlen(name), 4);
    put_text(b, name);
}

static inline struct bytes *add_simple(struct bytes *b, uint32_t error, uint64_t cookie, size_t data,
                                       uint8_t fill)
{
    put(b, 0x67446698, 4);
    put(b, error, 4);
    put(b, cookie, 8);
    memset(b->at + b->len, fill, data);
    b->len += data;
    return b;
}

static inline void answers(struct server *s, uint32_t error, uint64_t cookie, size_t data, uint8_t fill)
{
    add_simple(says(s), error, cookie, data, fill);
}

static inline struct bytes *add_chunk(struct bytes *b, unsigned flags, unsigned type, uint64_t cookie,
                                      uint32_t length)
{
    put(b, 0x668e33ef, 4);
    put(b, flags, 2);
    put(b, type, 2);
    put(b, cookie, 8);
    put(b, length, 4);
    return b;
}

static inline struct bytes *add_extended(struct bytes *b, unsigned flags, unsigned type, uint64_t cookie,
                                         uint64_t offset, uint64_t length)
{
    put(b, 0x6e8a278c, 4);
    put(b, flags, 2);
    put(b, type, 2);
    put(b, cookie, 8);
    put(b, offset, 8);
    put(b, length, 8);
    return b;
}

static inline void closes(struct server *s)
{
    s->cues[s->count++].what = CLOSES;
}

/* ---- playing ---- */

struct run {
    struct arena *arena;
    struct tree *tree;
    struct model *model;
    struct play *play;
    const struct play_result *result;
    struct bytes sent[2];
    unsigned waits, pauses, handshakes, versions;
    bool finished, reset, closed[2];
};

static inline void deliver(struct run *r, struct server *s, const struct cue *cue)
{
    static const enum ending endings[] = { [CLOSES] = ENDING_FINISHED,
                                           [RESETS] = ENDING_RESET,
                                           [CUTS_OFF] = ENDING_CUT_OFF,
                                           [GARBLES] = ENDING_GARBLED };
    struct span rest = span_of(cue->bytes.at, cue->bytes.len);

    while (rest.len > 0) {
        struct span piece = span_take(&rest, s->cut ? s->cut : SIZE_MAX);

        if (s->silence > 0) {
            size_t left = s->silence - 1;

            piece.len = piece.len < left ? piece.len : left;
            s->silence -= piece.len;
        }
        play_received(r->play, cue->connection, piece);
        if (s->silence == 1)
            break;
    }
    if (s->silence == 1) {
        s->next = s->count;
        if (s->quit)
            play_closed(r->play, cue->connection, ENDING_FINISHED);
    }
    if (cue->what != SAYS)
        play_closed(r->play, cue->connection, endings[cue->what]);
}

static inline void act(struct run *r, struct server *s, const struct play_action *a)
{
    struct bytes *sent = &r->sent[a->connection];

    switch (a->kind) {
    case PLAY_OPEN:
        if (s->refuses && a->connection > 0)
            play_unreachable(r->play, a->connection, "connection refused");
        else
            play_opened(r->play, a->connection);
        return;
    case PLAY_SEND:
        for (size_t i = 0; i < a->bytes.len && sent->len < sizeof sent->at; i++)
            sent->at[sent->len++] = a->bytes.at[i];
        play_sent(r->play, a->connection, a->bytes.len);
        return;
    case PLAY_FINISH:
        r->finished = true;
        return;
    case PLAY_RESET:
        r->reset = true;
        return;
    case PLAY_TLS:
        r->handshakes++;
        r->versions = a->versions;
        play_tls(r->play, a->connection, &s->tls);
        return;
    case PLAY_WAIT:
        r->waits++;
        assert_true(r->waits < 10000);
        if (s->next < s->count)
            deliver(r, s, &s->cues[s->next++]);
        else
            play_timed_out(r->play);
        return;
    case PLAY_PAUSE:
        r->pauses++;
        return;
    case PLAY_CLOSE:
        r->closed[a->connection] = true;
        return;
    case PLAY_DONE:
        return;
    }
}

/* Other connections go the way of the first. */
static inline const struct step *way_in_again(void *ctx, const struct field *fields)
{
    (void)fields;
    return ctx;
}

/* A case and the way to its start; NULL: it begins with nothing. */
static inline struct run begin_play(const char *text, const char *way_in)
{
    struct run r = { .arena = arena_new(), .model = model_new() };
    struct environment e = { .count = 0 };
    struct diagnostics d;
    struct play_setup setup = { .variables = &e, .timeout_ns = 1000000000, .way_in_of = way_in_again };

    diagnostics_init(&d);
    r.tree = tree_parse("test.nbd", span_text(text), &d);
    setup.ctx = way_in ? tree_parse_steps(r.arena, "way in", span_text(way_in), &d) : NULL;
    setup.way_in = setup.ctx;
    if (d.errors > 0)
        fail_msg("%s", buffer_text(&d.text));
    diagnostics_free(&d);
    environment_set_number(&e, "base", 65536);
    environment_set_number(&e, "block", 512);
    setup.the_case = r.tree->cases;
    setup.arena = r.arena;
    setup.model = r.model;
    r.play = play_new(&setup);
    r.result = play_result(r.play);
    return r;
}

static inline void play_on(struct run *r, struct server *s)
{
    struct play_action a;

    do {
        a = play_next(r->play);
        act(r, s, &a);
    } while (a.kind != PLAY_DONE);
}

/* Plays a case, or the lines of one. */
static inline struct run play_text(const char *lines, struct server *s)
{
    struct arena *arena = arena_new();
    const char *text = strncmp(lines, "case ", 5) == 0
                           ? lines
                           : arena_print(arena, "case test \"a test\"\nstart connect\n%s", lines);
    struct run r = begin_play(text, NULL);

    arena_free(arena);
    play_on(&r, s);
    return r;
}

static inline void end(struct run *r)
{
    play_free(r->play);
    model_free(r->model);
    tree_free(r->tree);
    arena_free(r->arena);
}

static inline void show(const struct run *r)
{
    printf("%.*s", (int)r->result->transcript.len, (const char *)r->result->transcript.at);
    for (const struct finding *f = r->result->findings; f; f = f->next)
        printf("%s%s [%s] line %zu\n    %s\n    %s\n", f->note ? "note " : "",
               f->rule ? f->rule : "(no rule)", f->from_referee ? "referee" : "case", f->line,
               f->demanded ? f->demanded : "-", f->came);
    if (r->result->error)
        printf("error: %s\n", r->result->error_reason);
}

static inline const struct finding *finding_of(const struct run *r, const char *rule)
{
    for (const struct finding *f = r->result->findings; f; f = f->next)
        if (f->rule ? rule && strcmp(f->rule, rule) == 0 : !rule)
            return f;
    return NULL;
}

/* The line of the transcript that a finding names, without its newline. */
static inline const char *line_of(struct run *r, const struct finding *f)
{
    const char *at = arena_text(r->arena, r->result->transcript);

    for (size_t i = 1; i < f->line; i++)
        at = strchr(at, '\n') + 1;
    return arena_text(r->arena, span_of(at, strcspn(at, "\n")));
}

static inline void expect_clean(struct run *r)
{
    if (r->result->findings || r->result->error) {
        show(r);
        fail_msg("findings where none belong");
    }
}

/* The rules of all findings that are no notes, in order: "a b". */
static inline void expect_rules(struct run *r, const char *rules)
{
    char got[1000] = "";

    for (const struct finding *f = r->result->findings; f; f = f->next)
        if (!f->note)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "",
                     f->rule ? f->rule : "-");
    if (strcmp(got, rules) != 0 || r->result->error)
        show(r);
    assert_string_equal(got, rules);
    assert_false(r->result->error);
}

static inline void expect_transcript_has(struct run *r, const char *text)
{
    if (!strstr(arena_text(r->arena, r->result->transcript), text)) {
        show(r);
        fail_msg("not in the transcript: %s", text);
    }
}

/* ---- the ways to a phase ---- */

#define OPTIONS "S: GREETING\nC: FLAGS offered\n"
#define TRANSMISSION OPTIONS "C: OPT EXPORT_NAME name=\"\"\nS: EXPORT\n"

static inline struct server in_options(void)
{
    struct server s = { .count = 0 };

    greets(&s);
    return s;
}

static inline struct server in_transmission(void)
{
    struct server s = in_options();

    exports(&s);
    return s;
}

#endif
