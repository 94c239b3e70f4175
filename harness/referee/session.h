/* SPDX-License-Identifier: MIT */
/* The passive judge of one connection: fed the bytes of both directions, it knows what is negotiated, what is
 * in flight and what each side may do next, puts messages and replies together, and notes violations.
 *
 * Pure: bytes in, messages and violations out.  It neither waits nor sends.  The bytes of a direction may be
 * cut anywhere; between the directions, what a side sent must be fed before what the other side answers to
 * it. */
#ifndef NBDTEST_REFEREE_SESSION_H
#define NBDTEST_REFEREE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "referee/model.h"
#include "referee/violation.h"
#include "wire/body.h"
#include "wire/scan.h"

/* Where a connection is.  proto.md, "Protocol phases". */
enum phase {
    PHASE_GREETING,     /* the server's greeting is due */
    PHASE_CLIENT_FLAGS, /* the client's flags are due */
    PHASE_HAGGLING,     /* options and their replies */
    PHASE_STARTTLS,     /* NBD_OPT_STARTTLS was acknowledged: nothing but TLS may follow */
    PHASE_TRANSMISSION, /* requests and their replies */
    PHASE_ENDED,        /* ABORT or DISC was sent, or an end closed the connection */
};

/* How the server operates, "TLS support". */
enum tls_mode { TLS_MODE_UNKNOWN, TLS_MODE_NOTLS, TLS_MODE_FORCED, TLS_MODE_SELECTIVE };

#define SESSION_MAX_CONTEXTS 64

struct session_context {
    uint32_t id;
    char name[256]; /* cut where longer; NUL-terminated */
};

/* What the two sides have agreed on so far. */
struct negotiated {
    uint16_t handshake_flags;
    uint32_t client_flags;
    bool no_zeroes;    /* both sides want the short answer to NBD_OPT_EXPORT_NAME */
    bool structured;   /* NBD_OPT_STRUCTURED_REPLY was acknowledged */
    bool extended;     /* NBD_OPT_EXTENDED_HEADERS was: it takes precedence */
    bool export_known; /* size and transmission flags are those of the answer last seen */
    uint64_t size;
    uint16_t transmission_flags;
    bool block_size_known;                                 /* NBD_INFO_BLOCK_SIZE was sent */
    struct wire_info_block_size block_size;                /* the defaults 1, 4096, 2^25 where it was not */
    struct session_context contexts[SESSION_MAX_CONTEXTS]; /* selected by SET_META_CONTEXT */
    size_t context_count;
};

enum reply_form { REPLY_FORM_NONE, REPLY_FORM_SIMPLE, REPLY_FORM_STRUCTURED, REPLY_FORM_EXTENDED };

/* A request with a compact or an extended header. */
struct session_request {
    bool extended;
    uint16_t flags, type;
    uint64_t cookie, offset;
    uint64_t length;  /* bytes of the export that it is about */
    uint64_t payload; /* bytes that follow the header */
    bool filtered;    /* BLOCK_STATUS whose payload says for which contexts, and, when it has come, length */
};

/* The header of a structured or extended reply chunk. */
struct session_chunk {
    bool extended;
    uint16_t flags, type;
    uint64_t cookie;
    uint64_t offset; /* extended: the request's */
    uint64_t length; /* bytes of payload */
};

/* One BLOCK_STATUS or BLOCK_STATUS_EXT chunk of a reply. */
struct session_status {
    uint32_t context;
    struct wire_extended_extent *extents; /* in host order */
    size_t count;
};

/* A request and all that has been answered to it.  Owned by the session. */
struct exchange {
    struct session_request request;
    uint32_t *filter; /* of a filtered BLOCK_STATUS: filter_count context ids */
    size_t filter_count;
    uint64_t number;     /* of the connection's requests, from 0 */
    uint64_t message;    /* number of the message that brought the request */
    const char *excused; /* a demand on clients that the request breaks on purpose, or NULL */
    bool answered;       /* the reply is complete */
    bool unseen;         /* data of it were not captured, and stand as zeroes */
    enum reply_form form;
    uint64_t head_offset;     /* EXTENDED: in the header of the last chunk */
    uint32_t error;           /* of the first error in the reply; 0: none */
    struct span message_text; /* of the first error chunk with one */
    unsigned chunks, data_chunks, hole_chunks, error_chunks, status_chunks;
    struct buffer data; /* READ answered well: the bytes read, put together in order, holes as zeroes */
    struct session_status *statuses; /* BLOCK_STATUS: status_chunks of them */
    uint64_t covered;                /* READ: bytes of the request that content chunks have covered so far */
    /* private: the model's ticket and moment, coverage */
    uint64_t ticket;
    model_moment moment;
    struct session_range *ranges;
    size_t range_count;
};

/* A message: one frame with its body. */
struct message {
    enum side from;
    uint64_t number; /* of the connection's messages, both sides counted together, from 1 */
    struct scan_head head;
    struct span header;  /* its bytes as they came */
    struct span body;    /* whole where kept, otherwise its first bytes; valid until the next call or release,
                            and no longer than the bytes that were given */
    uint64_t body_bytes; /* bytes announced and seen */
    union {              /* the header in either form, by head.kind */
        struct session_request request;
        struct session_chunk chunk_head;
    };
    union {                        /* decoded body, by head.kind */
        struct option_data option; /* SCAN_KIND_OPTION */
        struct reply_data reply;   /* SCAN_KIND_OPTION_REPLY */
        struct chunk_data chunk;   /* SCAN_KIND_CHUNK, SCAN_KIND_EXTENDED_REPLY */
    };
    struct wire_flaw flaw;     /* flaw.rule is NULL when the frame is sound */
    struct exchange *exchange; /* request, simple reply, chunk: what it belongs to; NULL: nothing in flight */
};

/* True for requests and for chunks in either form. */
bool message_is_request(const struct message *m);
bool message_is_chunk(const struct message *m);

enum session_event {
    SESSION_MORE,    /* all bytes are used up */
    SESSION_MESSAGE, /* *ret is a message */
    SESSION_LOST,    /* framing of this direction is lost for good: session_lost() */
};

enum ending {
    ENDING_FINISHED,
    ENDING_RESET,
    ENDING_CUT_OFF, /* under TLS: finished without close_notify */
    ENDING_GARBLED, /* under TLS: what came is no TLS record */
};

struct session;

/* model may be NULL (contents are not judged); it and v are borrowed and outlive the session. */
struct session *session_new(struct model *model, struct violations *v);
void session_free(struct session *s);

/* The most bytes of a body that are kept: larger ones are skipped with their first bytes kept. */
#define SESSION_MAX_BODY (64u * 1024 * 1024 + 4096)

/* Takes the next message of one direction.  What was used is taken off the front of *in.
 * A whole reply is complete when the message's exchange says answered. */
enum session_event session_next(struct session *s, enum side from, struct span *in, struct message *ret);

/* The client's next message breaks a demand on clients (rule: its id) on purpose: the server may close. */
void session_excuse(struct session *s, const char *rule);

/* The same for plain text that is sent where TLS is due, of which the session is not told. */
void session_excuse_plain(struct session *s);

/* For captures, which may lack what passed. */

/* The next count bytes of a direction were not captured: true where they are nothing but data that a WRITE or
 * the reply to a READ carries.  As many zeroes then have to be given in their place; they are not compared
 * with anything. */
bool session_miss_data(struct session *s, enum side from, uint64_t count);

/* Somebody else may write to the export, too: contents are not compared any more.  The model is not used from
 * now on. */
void session_forget_contents(struct session *s);

/* Something else was not captured: from now on nothing is judged. */
void session_doubt(struct session *s);

/* Whether a message of the transmission phase seems to begin with these bytes. */
bool session_may_resume(enum side from, struct span bytes);

/* Behind session_doubt(): bytes of a direction are missing, and with the given ones begins a message of the
 * transmission phase. */
void session_resume(struct session *s, enum side from, struct span bytes);

/* Two others are talking, and no case watches them: also what cases judge by themselves is judged, as far as
 * it can be seen from outside (onlooker.def).  Before any bytes. */
void session_look_on(struct session *s);

/* When both directions can be followed again: judges the replies to requests that come from now on.  False
 * where that cannot be, as what was negotiated is not known. */
bool session_judge_again(struct session *s);

/* What is known of the server from other connections.  Before any bytes. */
void session_set_tls_mode(struct session *s, enum tls_mode mode);

/* In PHASE_STARTTLS: the TLS handshake is over.  Bytes given from now on came under TLS, and what was
 * negotiated before is forgotten; or it failed, and nothing more may be said. */
void session_tls_started(struct session *s);
void session_tls_failed(struct session *s);

/* After session_ended() for the server: judges how it ended TLS. */
void session_tls_ended(struct session *s);

/* A side closed its direction or the connection; judges what is still owed. */
void session_ended(struct session *s, enum side from, enum ending how);

/* The server had all the time there is and sent nothing: judges what it owes. */
void session_stalled(struct session *s);

/* What the connection's state is. */
enum phase session_phase(const struct session *s);
const struct negotiated *session_negotiated(const struct session *s);
uint64_t session_messages(const struct session *s);
const struct scan_lost *session_lost(const struct session *s, enum side from);

/* The oldest request that is not yet answered, or NULL; and how many there are. */
struct exchange *session_oldest(const struct session *s);
size_t session_in_flight(const struct session *s);

/* The largest length that a request in flight has, of those that move or alter data. */
uint64_t session_much_in_flight(const struct session *s);

/* The exchange is no longer needed.  Only answered ones may be released; session_free() releases all. */
void session_release(struct session *s, struct exchange *e);

/* Who owes whom: appends a sentence such as "the server has sent 9 of the 16 bytes of the reply to cookie 7;
 * the client owes nothing". */
void session_owing(const struct session *s, struct buffer *to);

#endif
