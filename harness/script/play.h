/* SPDX-License-Identifier: MIT */
/* Plays one instance of a case as a machine: it says what to do (struct play_action) and is told what
 * happened. Pure: no sockets, no clock.  It consults the referee for everything that passes.
 *
 * The owner's loop:
 *
 *     for (;;) {
 *         struct play_action do_it = play_next(p);
 *         PLAY_OPEN    dial; then play_opened() or play_unreachable()
 *         PLAY_SEND    send the bytes, receiving meanwhile; then play_sent(): how many went; play_timed_out()
 * when none goes for so long PLAY_FINISH  close our direction;  PLAY_RESET  end it with RST PLAY_WAIT    wait
 * for bytes on any open connection, at most for so long: play_received(), play_closed() or play_timed_out()
 *         PLAY_TLS     go over to TLS on the connection; then play_tls(): what became of the handshake
 *         PLAY_PAUSE   let the time pass
 *         PLAY_CLOSE   close the connection (its part in the case is over)
 *         PLAY_DONE    the result is complete
 *     }
 *
 * Bytes and closes may be reported after any action, not only after PLAY_WAIT. */
#ifndef NBDTEST_SCRIPT_PLAY_H
#define NBDTEST_SCRIPT_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "referee/model.h"
#include "referee/session.h"
#include "script/tree.h"
#include "script/value.h"

#define PLAY_MAX_CONNECTIONS 8

/* What a server may say before the reply that is waited for is complete. */
#define PLAY_MAX_REPLIES 16384        /* option replies to one option; replies to nothing in flight */
#define PLAY_MAX_CHUNKS (1024 * 1024) /* messages in transmission */

enum play_action_kind {
    PLAY_OPEN,
    PLAY_SEND,
    PLAY_FINISH,
    PLAY_RESET,
    PLAY_TLS,
    PLAY_WAIT,
    PLAY_PAUSE,
    PLAY_CLOSE,
    PLAY_DONE,
};

struct play_action {
    enum play_action_kind kind;
    unsigned connection; /* index; not for WAIT, PAUSE, DONE */
    bool way_in;         /* SEND: on the way to the case's first step */
    struct span bytes;   /* SEND; valid until play_sent() */
    uint64_t time_ns;    /* WAIT, SEND, TLS: the longest wait; PAUSE: how long */
    unsigned versions;   /* TLS: those to offer, SCRIPT_TLS_* of words.h; 0: what is usual */
    bool parting;        /* WAIT: all is said that the case is about, and only the server's end is due */
    uint64_t wait;     /* WAIT: which one; successive actions of the same number share one time limit, so that
                          bytes that come one by one do not make it longer */
    uint64_t answered; /* lines of the case that have had their answer: a server that gets on may take time */
};

/* What became of a TLS handshake. */
struct play_tls {
    enum {
        PLAY_TLS_OK,
        PLAY_TLS_REFUSED, /* one end would not have the other, and said so */
        PLAY_TLS_BROKEN,  /* what came is no TLS, or nothing came, or the connection ended */
    } result;
    unsigned version; /* OK: one of SCRIPT_TLS_* */
    const char *why;  /* unless OK; foreign text in it is escaped by the play */
};

/* Something that did not hold, or is worth a note. */
struct finding {
    const char *rule;     /* requirement id, or NULL: a check of the case that cites none */
    struct place place;   /* of the line in the case; source NULL where the referee found it outside a line */
    const char *demanded; /* "S: REP ERR_UNSUP", or NULL where the rule itself says it (referee) */
    const char *came;     /* "S: REP ACK", "the connection was closed", ... */
    size_t line;          /* number of the transcript's line that shows it, from 1; 0: none */
    bool note;            /* only worth a note: no verdict */
    bool from_referee;
    struct finding *next;
};

/* What came of an instance.  Everything is in the play's arena. */
struct play_result {
    struct finding *findings;
    size_t failed; /* findings that are no notes */
    bool error;    /* could not be played: error_place, error_reason */
    struct place error_place;
    const char *error_reason;
    bool unreachable;         /* a connection could not be opened, after the first had been or before */
    bool server_closed_early; /* an allowed close skipped the rest: a fresh connection must be served */
    struct span transcript;   /* the whole connection as a case that can be played again */
    size_t transcript_lines;
};

struct play;

struct play_setup {
    const struct tree_case *the_case;
    const struct step *way_in; /* takes the first connection to the case's start; NULL: nothing */
    /* The same for a connection that a `connect` line opens, by the fields of the line (start, export, mode);
     * it returns NULL for nothing.  The steps name no connection.  NULL: nothing is played on other
     * connections. */
    const struct step *(*way_in_of)(void *ctx, const struct field *fields);
    void *ctx;
    const struct environment *variables; /* copied: base, block, size, export, the case's choices, ... */
    struct model *model;                 /* shared; NULL: contents are not judged */
    enum tls_mode tls_mode;              /* the server's, as far as it is known */
    uint64_t timeout_ns;                 /* for each wait, unless the case has a longer one */
    struct arena *arena;                 /* takes all results */
};

struct play *play_new(const struct play_setup *setup);
void play_free(struct play *p);

struct play_action play_next(struct play *p);

void play_opened(struct play *p, unsigned connection);
void play_unreachable(struct play *p, unsigned connection, const char *why);
void play_sent(struct play *p, unsigned connection, size_t bytes);
void play_received(struct play *p, unsigned connection, struct span bytes);
void play_tls(struct play *p, unsigned connection, const struct play_tls *what);
void play_closed(struct play *p, unsigned connection, enum ending how);
void play_timed_out(struct play *p);

/* Complete after PLAY_DONE. */
const struct play_result *play_result(const struct play *p);

#endif
