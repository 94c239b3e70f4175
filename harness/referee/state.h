/* SPDX-License-Identifier: MIT */
/* What the referee remembers of one connection.  For the files of this folder only.
 *
 *     session.c   cuts both streams into messages
 *     message.c   decodes each and hands it to the others
 *     haggle.c    greeting, flags, options and their replies: what is negotiated
 *     exchange.c  requests in flight, by age and by cookie
 *     assemble.c  replies put together; the content model kept up to date
 *     excuse.c    what a client may not do: reasons for which a server may close
 *     rule.def    which rule looks at what, rules_X.c the rules
 *     owing.c     who owes whom
 *     doubt.c     bytes that a capture lacks */
#ifndef NBDTEST_REFEREE_STATE_H
#define NBDTEST_REFEREE_STATE_H

#include "referee/session.h"

/* Bytes of the export that a reply has covered. */
struct session_range {
    uint64_t start, end; /* end is the first byte behind */
};

/* A content chunk that lies inside its request. */
struct session_content {
    uint64_t start, end; /* end is the first byte behind */
    bool data;           /* bytes, which stand in the data of the exchange */
};

/* One direction. */
struct stream {
    struct scan scan;
    struct scan_head head; /* of the frame under way */
    union {
        struct session_request request; /* the same, where it is a request */
        struct session_chunk chunk;     /* or a chunk */
    };
    struct buffer body;        /* what is kept of its body */
    struct buffer *into;       /* where the body goes: body, or the data of an exchange */
    struct span whole;         /* the body, where it came in one piece and need not be kept: the caller's */
    uint64_t keep;             /* bytes of it to keep */
    uint64_t seen;             /* bytes of it seen */
    struct exchange *exchange; /* that it belongs to */
    bool lost;
    struct scan_lost lost_how;
    bool ended;
    enum ending ending;
};

#define PENDING_INFOS 16
#define ASKED_OTHERS 31 /* the bit for all numbers from this one on */
#define LISTED_MAX 64   /* exports of a list that are remembered */

/* What NBD_OPT_LIST has said of an export. */
struct listed {
    struct buffer name, details;
};

/* An option that awaits its final reply. */
struct pending {
    uint32_t option;
    bool whole;            /* its data have come; what follows is known only then */
    bool sound;            /* and obey the specification */
    bool misshapen;        /* they do not even have its layout */
    uint32_t asked;        /* INFO, GO: for which information: bit N is number N, or ASKED_OTHERS */
    bool asks_twice;       /* INFO, GO: for the same information, which it must not */
    bool asks_nothing;     /* LIST_META_CONTEXT, SET_META_CONTEXT: without queries */
    bool asks_base;        /* LIST_META_CONTEXT, SET_META_CONTEXT: for nothing but contexts in "base:" */
    struct buffer queries; /* LIST_META_CONTEXT, SET_META_CONTEXT: as they came */
    uint64_t data;         /* bytes of it */
    struct buffer name;    /* of the export */
    unsigned replies;
    uint16_t infos[PENDING_INFOS]; /* types that came in reply, each once */
    size_t info_count;
    bool has_export, has_block_size; /* sound ones among them */
    struct wire_info_export export;
    struct wire_info_block_size block_size;
};

/* What the server tells of an export without being asked: by the last INFO that asked for nothing. */
struct volunteered {
    bool known; /* it was granted */
    struct buffer name;
    uint16_t infos[PENDING_INFOS];
    size_t info_count;
};

/* What the last INFO was told: GO that asks for the same has to be told the same. */
struct informed {
    bool known; /* it was granted */
    struct buffer name;
    uint32_t asked;
    bool has_block_size;
    struct wire_info_export export;
    struct wire_info_block_size block_size;
};

/* What the server's last message was, as far as it says what strange bytes behind it may be. */
enum last_message { LAST_OTHER, LAST_OLDSTYLE, LAST_GO_ACK, LAST_EXPORT, LAST_EXPORT_BAD };

/* What may be wrong with a request. */
enum request_fault {
    FAULT_FLAGS = 1,        /* that the command does not have, or that were not advertised */
    FAULT_UNADVERTISED = 2, /* the command */
    FAULT_BEYOND_END = 4,   /* of the export */
    FAULT_UNALIGNED = 8,    /* to the minimum that the client was told */
    FAULT_READ_ONLY = 16,   /* it alters an export that must not be */
    FAULT_OTHER = 32,
};

/* An exchange and its place in the lists.  The exchange comes first, so that the one is the other. */
struct held {
    struct exchange exchange;
    struct held *older, *newer;       /* in flight, or answered and not yet released */
    struct held *chain;               /* the next one of this bucket, newer */
    struct buffer text;               /* message_text */
    unsigned faults;                  /* what excuse.c finds wrong with the request: of enum request_fault */
    bool ambiguous;                   /* another one in flight had the same cookie: nothing is judged */
    size_t extents;                   /* kept in all of statuses */
    bool untracked;                   /* too many ranges: coverage is not known */
    struct session_content *contents; /* the first ones, one for each content chunk */
    size_t content_count;
    uint64_t *error_offsets; /* the first ones, of ERROR_OFFSET chunks inside the request */
    size_t error_offset_count;
    unsigned plain_errors; /* chunks of type NBD_REPLY_TYPE_ERROR */
    uint16_t last_flags;   /* of the chunk that came last */
    /* What would be wrong if the reply is a success: the first of each kind. */
    struct content {
        struct model_mismatch data, hole, status;
        bool misplaced; /* the data would be right elsewhere */
        uint64_t right_at;
    } wrong;
};

struct list {
    struct held *oldest, *newest;
    size_t count;
};

/* A request whose reply is complete. */
struct past {
    uint64_t cookie;
    uint16_t type;
    enum reply_form form;
    uint32_t error;
};

struct session {
    struct model *model;
    struct violations *violations;
    struct stream streams[2]; /* by enum side */
    uint64_t messages;
    enum phase phase;
    struct negotiated negotiated;

    /* the handshake */
    bool greeted;      /* by the server */
    bool flags_seen;   /* the client's */
    bool transmission; /* was entered */
    bool opaque;       /* from here on the bytes are those of another protocol: nothing is judged */
    bool tls;          /* what is said comes under TLS */
    struct {
        uint8_t bytes[WIRE_SIZE_option_reply];
        size_t count;
    } behind_ack[2]; /* by enum side: what came first behind the ACK to STARTTLS */
    enum tls_mode tls_mode;
    bool structured_before_tls;
    uint32_t tls_demanded,
        tls_not_demanded;    /* options that were answered so without TLS: bit N is option N */
    bool starttls_refused;   /* by ERR_UNSUP or ERR_POLICY */
    struct pending *options; /* in the order sent */
    size_t option_count, option_room, options_sent;
    uint32_t asked, unsupported; /* options that were sent; that got ERR_UNSUP: bit N is option N */
    bool asked_block_size;       /* by INFO or GO */
    uint32_t last_option;        /* the one answered last */
    bool last_option_known;
    bool shutting_down;               /* the server has said so: NBD_REP_ERR_SHUTDOWN */
    struct listed listed[LISTED_MAX]; /* by the LIST answered last, or being answered: its first exports */
    size_t listed_count;
    struct buffer info_name; /* the export of the INFO or GO answered last */
    struct volunteered volunteered;
    struct informed informed;
    struct buffer contexts_for; /* the export of the last SET_META_CONTEXT */
    bool other_export;          /* transmission was entered with another name than that one */
    bool contexts_doubtful;     /* they may not count: for another export, more than can be kept */
    struct session_context gathered[SESSION_MAX_CONTEXTS]; /* by the metadata context option being answered */
    size_t gathered_count;
    enum last_message last;
    struct past last_reply; /* the last simple reply or chunk; form NONE: there was none, or nobody knows what
                               it was for */
    bool replied;           /* one came */
    bool stray;             /* it was a chunk with a cookie that no request has, to be followed by others */

    /* the requests */
    struct list in_flight, answered;
    struct held **buckets; /* in flight, by cookie; older first */
    size_t bucket_count;
    uint32_t succeeded;      /* types of commands that did: bit N is type N */
    uint32_t succeeded_with; /* flags of commands that did */
    struct past *past;       /* a ring */
    size_t past_count, past_room, past_next;
    uint64_t requests;
    uint64_t newest_answered; /* the largest number of a request that was answered */
    model_moment born;

    /* reasons to leave: the client has to close the connection */
    enum leave_cause {
        LEAVE_NOT,
        LEAVE_UNKNOWN_TYPE,    /* a chunk without bit 15 */
        LEAVE_UNEXPECTED_TYPE, /* the same, known, and not for the command */
        LEAVE_INCONSISTENT,    /* a chunk that contradicts itself */
        LEAVE_ERROR_LENGTH,    /* an error chunk whose message does not fit in */
    } leave;
    uint64_t leave_since; /* number of the first request that was sent since */
    unsigned leave_turns; /* how often since then such a request was answered before the next was sent */

    bool looked_on; /* nobody plays cases here: session_look_on() */

    /* reasons to be lenient */
    bool doubtful;           /* what passed is not known whole: nothing is judged */
    bool patchy;             /* it was not: only replies to requests that came since then are judged */
    bool start_unknown;      /* nor is what was negotiated */
    const char *excuse_next; /* session_excuse(): for the client's next message */
    bool may_close;          /* the client broke a demand, or the server said that it shuts down */
    bool may_wait;           /* what the client broke may have the server wait for more, or for nothing */
    bool stopping;           /* the server said ESHUTDOWN to a request */
    bool astray;             /* the client's bytes no longer say what the server has to do */
    bool goodbye;            /* ABORT or DISC was sent */
};

static inline struct held *held_of(const struct exchange *e)
{
    return (struct held *)(uintptr_t)e;
}

/* ---- haggle.c ---- */

void haggle_greeting(struct session *s, const struct message *m);
void haggle_client_flags(struct session *s, const struct message *m);
void haggle_option_begins(struct session *s, const struct scan_head *head);
void haggle_option(struct session *s, const struct message *m);
void haggle_reply(struct session *s, const struct message *m);
void haggle_export(struct session *s, const struct message *m);
void haggle_free(struct session *s);
/* TLS begins: what was negotiated before does not count. */
void haggle_forget(struct session *s);

/* The bit of an option in a set of them; those of no use have none. */
uint32_t haggle_bit(uint32_t option);
/* What was listed under a name, or NULL. */
const struct listed *haggle_listed(const struct session *s, struct span name);
/* The option that the server has to answer next, or NULL. */
struct pending *haggle_option_due(const struct session *s);
/* The reply goes with an option that was answered already. */
bool haggle_is_late(const struct session *s, const struct wire_option_reply *reply);
/* An error message may repeat a name that was none. */
bool haggle_may_echo(const struct session *s, const struct message *m);
bool haggle_both_fixed_newstyle(const struct session *s);

/* ---- exchange.c ---- */

/* A request has come; DISC, which has no reply, counts as answered. */
struct exchange *exchange_new(struct session *s, const struct session_request *request);
/* The oldest in flight with this cookie, or NULL. */
struct exchange *exchange_find(const struct session *s, uint64_t cookie);
/* What was answered last with this cookie, or NULL. */
const struct past *exchange_find_past(const struct session *s, uint64_t cookie);
void exchange_answered(struct session *s, struct exchange *e);
void exchange_release(struct session *s, struct exchange *e);
void exchange_free_all(struct session *s);

/* ---- assemble.c ---- */

void assemble_request_begins(struct session *s, struct exchange *e);
void assemble_request(struct session *s, const struct message *m);
/* How many bytes follow a simple reply. */
uint64_t assemble_simple_body(const struct session *s, const struct exchange *e,
                              const struct wire_simple_reply *reply);
/* How many bytes of a body to keep. */
uint64_t assemble_chunk_keep(const struct exchange *e, const struct session_chunk *chunk);
void assemble_simple(struct session *s, const struct message *m);
void assemble_chunk(struct session *s, const struct message *m);
/* True when a content chunk lies inside the request that it answers. */
bool assemble_is_inside(const struct exchange *e, uint64_t offset, uint64_t length);
/* True when a byte of the range was covered before. */
bool assemble_is_covered(const struct exchange *e, uint64_t offset, uint64_t length);

/* ---- message.c ---- */

/* A message is complete: all but what its body says stands in it.  Whoever it concerns is told. */
void message_hand_out(struct session *s, struct message *m);

/* ---- excuse.c ---- */

/* The header of an option has come, with so many bytes to follow. */
void excuse_option_begins(struct session *s, uint64_t bytes);
void excuse_option(struct session *s, const struct message *m);
/* What is wrong with it: of enum request_fault, 0 nothing. */
unsigned excuse_request(struct session *s, const struct session_request *request);
/* Whether all flags of a request are documented for it. */
bool excuse_flags_known(const struct session *s, const struct session_request *request);
/* Whether the server may close now. */
bool excuse_close(const struct session *s);
/* Whether it may say nothing at all: what has come whole is answered, however wrong it is. */
bool excuse_silence(const struct session *s);

#endif
