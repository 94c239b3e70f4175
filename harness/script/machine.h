/* SPDX-License-Identifier: MIT */
/* What the parts of the player share: play.c (the steps), sending.c (C: lines), expectation.c (S: lines),
 * saved.c (replies that lines remember), connection.c (what passes), finding.c (what is reported), leave.c
 * (how a case ends). */
#ifndef NBDTEST_SCRIPT_MACHINE_H
#define NBDTEST_SCRIPT_MACHINE_H

#include "script/expect.h"
#include "script/play.h"
#include "script/transcript.h"

/* A line of the transcript. */
struct told {
    size_t line;    /* from 1; 0: not told */
    size_t at, len; /* of its text in the transcript, without its newline */
};

/* A request that was sent, and what became of it. */
struct request {
    struct exchange *exchange; /* NULL once it was consumed */
    const char *label;         /* NULL: none */
    const char *excused;       /* the demand on clients that it breaks on purpose, or NULL */
    struct told told;          /* the request, later its reply */
    bool answered;
    bool consumed; /* a line has asked for it */
    bool faulty;   /* the referee found something in its reply */
};

/* A message of the handshake that no line has asked for yet. */
struct kept {
    struct message message; /* its body is a copy */
    struct told told;
    struct kept *next;
};

enum life {
    LIFE_DIALLING,
    LIFE_OPEN,
    LIFE_CLOSED, /* by the server; what it said before may still be asked for */
    LIFE_LOST,   /* framing is lost, or it never ends: likewise */
    LIFE_OVER,   /* nothing more is played on it */
};

struct connection {
    const char *name; /* NULL: the first */
    struct teller teller;
    unsigned index;
    enum life life;
    struct session *session;
    struct violations violations;

    /* the client's stream */
    uint64_t sent;        /* bytes of it so far */
    uint64_t told_sent;   /* bytes of it that the transcript tells */
    bool mute;            /* no message was completed by the last bytes: a request may be in pieces */
    bool finished;        /* fin: our direction is closed */
    bool left;            /* ABORT or DISC was sent */
    bool disc;            /* it was DISC */
    bool goodbye;         /* that no line of the case has sent */
    const char *excused;  /* the demand that an unanswered message without exchange broke on purpose */
    const char *forgiven; /* that some message broke on purpose: a server may answer and then close */
    size_t options;       /* sent, and no final reply was received */
    uint32_t last_option;

    /* the server's stream */
    struct kept *kept, **kept_tail;
    size_t kept_bytes;
    size_t unfinished; /* messages since a reply was last complete */
    size_t strays;     /* replies to nothing, likewise */
    uint64_t received; /* bytes */
    struct request *requests;
    size_t request_count, request_room, first_open; /* all before first_open are consumed */
    enum ending how;
    struct told close;
    bool ending_judged;
    const char *lost_why; /* LIFE_LOST */
    size_t lost_line;

    /* TLS */
    enum { TLS_NOT_ASKED, TLS_ASKED, TLS_TOLD } tls; /* TOLD: and no line has asked what became of it */
    struct play_tls tls_what;
    unsigned tls_offered; /* 0: what is usual */
    struct told tls_line;

    /* the case */
    bool skip_answers; /* a line failed: nothing is expected until the next C: */
    bool skip_rest;    /* no further line of the case is played */
    bool drew_error;   /* in the case, since the last canary */
    bool read_failed;  /* told by a simple reply: the server may close then, NBD_CMD_READ, "Simple replies" */
    bool greeted;
    enum leaving {
        LEAVE_WAIT,
        LEAVE_CANARY,
        LEAVE_WAIT_AGAIN,
        LEAVE_GOODBYE,
        LEAVE_CLOSE,
        LEAVE_DONE
    } leaving;
};

/* Steps that are being played: a list, and what is around it. */
struct level {
    const struct step *at;       /* the step that is next */
    const struct step *first;    /* loops */
    const struct connection *on; /* where steps that name no connection are played; NULL: the first */
    bool ours;                   /* canary and goodbye: played also where the rest is skipped */
    bool way_in;                 /* a failure here ends the connection's part */
    const char *variable;        /* loops */
    uint64_t round, last;        /* REPEAT: the variable's value; EACH: the index of the item */
    const struct saved *items;   /* EACH */
};

#define LEVELS_MAX 48

/* Replies that a line saw: `as NAME`. */
struct saved_item {
    uint32_t type;
    struct span name; /* EACH binds it */
    struct span body;
    const char *text; /* as the transcript has it */
};

struct saved {
    const char *name;
    struct saved_item *items;
    size_t count;
    struct saved *next;
};

/* A finding with what is needed to find it again. */
struct judged {
    struct finding finding; /* the first member */
    const struct connection *connection;
    const struct exchange *exchange; /* NULL: of none */
    unsigned more;                   /* found again on the same connection */
};

struct play {
    const struct play_setup *setup;
    struct play_setup own;
    struct play_result result;
    struct finding **finding_tail;
    struct arena *arena;   /* the result's */
    struct arena *scratch; /* until play_free() */
    struct environment variables;
    struct buffer out;  /* of the SEND in progress */
    struct buffer data; /* to compare with */
    struct buffer transcript;
    bool transcript_full;

    struct connection *connections[PLAY_MAX_CONNECTIONS];
    unsigned connection_count;

    struct level levels[LEVELS_MAX];
    size_t level_count;
    const struct step *step; /* the one in progress, for places */

    enum { STAGE_BEGIN, STAGE_STEPS, STAGE_LEAVE, STAGE_DONE } stage;
    struct play_action sending; /* SEND in progress: returned until play_sent() */
    struct play_action after;   /* fin or reset, to be returned after it; kind is PLAY_OPEN: nothing */
    bool timed_out;
    bool ended;    /* nothing more of the case is played */
    bool stumbled; /* something failed or was skipped: what the case does not know may be missing for that */
    uint64_t cookie;
    uint64_t wait;
    uint64_t wait_received; /* bytes when the wait began */
    uint64_t answered;
    struct saved *saved;
    struct saved_item *seen; /* by the many-line in progress */
    size_t seen_count, seen_room;
};

/* ---- connection.c: what passes ---- */

struct connection *connection_new(struct play *p, const char *name);
void connection_free(struct connection *c);

/* What a C: line sends; label may be NULL, breaks NULL. */
void connection_say(struct play *p, struct connection *c, struct span bytes, const char *label,
                    const struct citation *breaks);
/* The same for what must not be said in plain text any more: the referee is not shown it. */
void connection_say_plain(struct play *p, struct connection *c, struct span bytes);
void connection_tls(struct play *p, struct connection *c, const struct play_tls *what);
void connection_hear(struct play *p, struct connection *c, struct span bytes);
void connection_ended(struct play *p, struct connection *c, enum ending how);

/* Lets the referee judge that the server closed, unless allowed; once. */
void connection_judge_ending(struct play *p, struct connection *c, bool allowed);

/* Our own end of it. */
void connection_we_end(struct play *p, struct connection *c, enum ending how);

/* A line of the transcript that is no message.  NULL for the connection: none is named. */
struct told connection_tell(struct play *p, const struct connection *c, char side, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

struct kept *connection_take(struct connection *c); /* the first message kept, or NULL; to be freed */
void connection_drop_kept(struct connection *c);
void connection_consume(struct play *p, struct connection *c, struct request *r);
/* The demand that a message breaks on purpose, so that the server may close; or NULL. */
const char *connection_excused(const struct connection *c);

bool connection_can_talk(const struct connection *c); /* open, and we may send */

/* The server has nothing more to answer. */
bool connection_quiet(const struct connection *c);

/* The text of a transcript's line, in the result's arena. */
const char *told_text(struct play *p, struct told told);

/* ---- finding.c ---- */

/* Adds what the referee has found since it was last asked.  e may be NULL. */
void finding_referee(struct play *p, struct connection *c, const struct exchange *e, struct told told);

/* Adds a finding for each id; one without id where there are none, bare allows it, and the referee has found
 * nothing wrong with the line of the transcript. */
void finding_line(struct play *p, const struct connection *c, const struct citation *by, bool bare,
                  struct place place, const char *demanded, const char *came, struct told told);
void finding_add(struct play *p, const struct connection *c, const char *rule, struct place place,
                 const char *demanded, const char *came, struct told told, bool note);

/* Takes back what the referee said of the contents of a reply: the case's own line says it. */
void finding_drop_contents(struct play *p, const struct exchange *e);

/* The reply that findings speak of now stands in that line. */
void finding_move(struct play *p, const struct exchange *e, struct told told);

/* The reply's exchange is about to go away. */
void finding_forget(struct play *p, const struct exchange *e);

/* What a line expects, as the case has it, in the result's arena. */
const char *finding_demanded(struct play *p, const struct step *s);

/* Writes into the findings what is only known in the end. */
void finding_close(struct play *p);

/* ---- expectation.c ---- */

enum progress {
    PROGRESS_DONE, /* the step is over */
    PROGRESS_WAIT, /* more has to come */
};

enum progress expectation_play(struct play *p, struct connection *c, const struct step *s);

/* The time is over: who owes whom.  s is the line that waits, or NULL.  Nothing more is played on the
 * connection. */
void expectation_stall(struct play *p, struct connection *c, const struct step *s);

/* ---- saved.c ---- */

/* A line that remembers or compares has seen a message, or a whole reply: the bytes read, or the extents. */
void saved_message(struct play *p, const struct step *s, const struct kept *k);
void saved_reply(struct play *p, const struct step *s, const struct request *r);

/* It has seen all that it speaks of. */
void saved_end(struct play *p, struct connection *c, const struct step *s, struct told told);

const struct saved *saved_find(const struct play *p, const char *name); /* NULL: no line has said `as name` */

/* ---- sending.c ---- */

/* One frame, and several in one piece.  True when there is something for the owner to do. */
bool sending_frame(struct play *p, struct level *l, const struct step *s, struct play_action *ret);
bool sending_segment(struct play *p, struct level *l, const struct step *s, struct play_action *ret);

/* ---- leave.c ---- */

/* The steps of a canary on that connection; NULL where none can be played. */
const struct step *leave_canary(struct play *p, struct connection *c);
const struct step *leave_goodbye(struct play *p, struct connection *c);

/* ---- play.c ---- */

/* The case cannot be played on: a mistake in it, unless something failed before that explains it. */
void play_mistake(struct play *p, const struct value_error *error);
void play_mistake_at(struct play *p, struct place place, const char *reason);

/* The connection that a step is about; NULL where it is not played. */
struct connection *play_connection_of(struct play *p, const struct level *l, const struct step *s);

struct play_action play_action_on(enum play_action_kind kind, const struct connection *c);

/* Waits for what is due on the connection. */
struct play_action play_wait(struct play *p, const struct connection *c);

void play_end_wait(struct play *p); /* what was waited for has come, or nothing was */
uint64_t play_timeout_ns(const struct play *p);

#endif
