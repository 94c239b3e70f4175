/* SPDX-License-Identifier: MIT */
/* What the parts of the session share: session.c cuts the stream, handshake.c and transmission.c act,
 * answer.c writes. */
#ifndef NBDTEST_REFERENCE_STATE_H
#define NBDTEST_REFERENCE_STATE_H

#include "reference/session.h"
#include "wire/body.h"
#include "wire/scan.h"

#define ALLOCATION_CONTEXT "base:allocation"
enum { ALLOCATION_ID = 1 };

/* The metadata contexts; bits 1 << CONTEXT_X stand for several of them. */
enum context { CONTEXT_ALLOCATION, CONTEXT_WRITTEN, CONTEXT_HIGH, CONTEXT_COUNT };

/* A request, in whichever framing it came. */
struct request {
    uint16_t flags;
    uint16_t type;
    uint64_t cookie;
    uint64_t offset;
    uint64_t length; /* bytes of the export; of a payload that says itself how many: bytes of that */
};

/* The client's message that is being taken. */
struct incoming {
    bool begun;
    struct scan_head head;
    struct request request; /* once a request has begun */
    unsigned contexts;      /* BLOCK_STATUS: those that it asks for, bits as in the session's */
    bool late;              /* it began when the server was shutting down */
    bool too_long;          /* option data that are skipped for their length */
    uint32_t error;         /* request: why it is refused, 0: it is not */
    const char *why;        /* the same in words */
    uint64_t stored;        /* WRITE: bytes of data seen so far */
    size_t kept;            /* WRITE: bytes of data that an oddity keeps to be stored later */
};

struct reference_session {
    const struct reference_config *config;
    struct scan scan;
    struct incoming in;
    struct buffer option_data;
    struct buffer filter; /* payload of a BLOCK_STATUS, as far as it is kept */
    struct buffer output;
    size_t sent;         /* bytes at the front of output that were taken */
    struct loans *loans; /* what of the output still lies in an export; NULL: nothing may */
    bool in_pieces;      /* long data of a READ are */
    struct {
        uint64_t offset;
        uint64_t length; /* 0: there are none */
    } rest;              /* the last data of a READ, which follow by and by as the output leaves */
    bool over;
    bool left; /* NBD_CMD_DISC has come */
    bool shutting_down;
    uint32_t options; /* that have come */

    bool fixed_newstyle; /* the client knows it */
    bool starting_tls;   /* NBD_OPT_STARTTLS was acknowledged */
    bool tls;            /* what the client says has come under TLS */

    /* negotiated */
    bool no_zeroes;
    bool structured;                           /* replies are chunks */
    bool extended;                             /* headers are extended; then structured is true as well */
    const struct reference_export *context_of; /* contexts are selected for this one; NULL: for none */
    unsigned contexts;                         /* those that are */
    const struct reference_export *sized;      /* its block size was told; NULL: none was */
    const struct reference_export *export;     /* transmission */
    uint16_t flags;                            /* transmission flags of it */

    uint32_t context_shift; /* added to the IDs of metadata contexts */

    struct misconduct *misconduct; /* what faults have to remember; NULL when none is on */
    struct manners *manners;       /* the same for oddities */
};

/* ---- handshake.c: "Newstyle negotiation", "Option types" ---- */

void handshake_greet(struct reference_session *s);
void handshake_take_flags(struct reference_session *s);

/* An option begins: decides whether its data are kept. */
void handshake_begin_option(struct reference_session *s);
void handshake_take_option(struct reference_session *s);

const struct reference_export *handshake_find(const struct reference_session *s, struct span name);
uint16_t handshake_transmission_flags(const struct reference_session *s,
                                      const struct reference_export *export);
void handshake_enter_transmission(struct reference_session *s, const struct reference_export *export);

/* ---- contexts.c: "Metadata querying" ---- */

struct context_row {
    const char *name;
    uint32_t id;
    bool wide; /* its status has more than 32 bits: only for clients with extended headers */
    bool (*available)(const struct reference_export *export);

    /* How far, from offset and at most to length (which is not 0), one status applies. */
    uint64_t (*extent)(const struct reference_export *export, uint64_t offset, uint64_t length,
                       uint64_t *ret_status);
};

extern const struct context_row context_rows[CONTEXT_COUNT];

static inline uint32_t contexts_id(const struct reference_session *s, unsigned context)
{
    return context_rows[context].id + s->context_shift;
}

/* The contexts of an export that this client can select. */
unsigned contexts_of(const struct reference_session *s, const struct reference_export *export);

/* The order in which they are told of. */
unsigned contexts_nth(const struct reference_session *s, unsigned nth);

/* Those that an option names; namespaces: a namespace alone, as in "base:", stands for all that is in it. */
unsigned contexts_named(const struct option_data *data, bool namespaces);

/* ---- transmission.c: "Request types" ---- */

void transmission_begin_request(struct reference_session *s);
void transmission_take_data(struct reference_session *s, struct span data);
void transmission_take_request(struct reference_session *s);

/* Does and answers a request that is whole. */
void transmission_do_request(struct reference_session *s);

/* Answers a request that was done, or that s->in.error says why it was not. */
void transmission_answer(struct reference_session *s, const struct request *r);

/* The most that a request's payload may have. */
uint32_t transmission_payload_max(const struct reference_export *export);

/* The same as far as the client was told: a client that was not counts on the default. */
uint32_t transmission_payload_told(const struct reference_session *s);

/* Whether there is such a command, and it is advertised. */
bool transmission_knows(const struct reference_session *s, uint16_t type);

/* What is wrong with a request, 0: nothing; *ret_why in words. */
uint32_t transmission_check(const struct reference_session *s, const struct request *r, const char **ret_why);

/* ---- answer.c: what goes out ---- */

/* len bytes at the end of the output to be written; answer_put() tells that the message that began at start
 * is whole. */
struct wire_out answer_room(struct reference_session *s, size_t len);
void answer_put(struct reference_session *s, size_t start, enum scan_kind kind);

void answer_option(struct reference_session *s, uint32_t type, const char *message); /* NULL: no data */
void answer_server(struct reference_session *s, const struct reference_export *export);
void answer_info(struct reference_session *s, const struct reference_export *export, uint16_t info);
void answer_context(struct reference_session *s, enum context context, uint32_t id);
void answer_export_name(struct reference_session *s, const struct reference_export *export);

/* An export is about to change: what of the output still lies in one is copied. */
void answer_settle(struct reference_session *s);

/* Success without data, or an error, in the form that was negotiated. */
void answer_done(struct reference_session *s, const struct request *r);
void answer_error(struct reference_session *s, const struct request *r, uint32_t error, const char *why);

/* Whether the chunks that answer a READ stay within what may wait to be sent. */
bool answer_fits(const struct reference_session *s, const struct request *r);

/* The data of a READ, which has been found to be in order.  Of a long one a part waits in s->rest: as often
 * as the output is empty, answer_rest() adds the next piece. */
void answer_rest(struct reference_session *s);
void answer_read(struct reference_session *s, const struct request *r);
void answer_block_status(struct reference_session *s, const struct request *r);

/* Pieces of replies: how the chunks that answer a request begin, and some of them; a simple reply. */
struct chunk_to answer_to(const struct reference_session *s, const struct request *r);
void answer_put_chunk(struct reference_session *s, size_t start);
void answer_data_chunk(struct reference_session *s, struct chunk_to to, uint16_t flags, uint64_t offset,
                       uint32_t length);
void answer_hole_chunk(struct reference_session *s, struct chunk_to to, uint16_t flags, uint64_t offset,
                       uint32_t length);
void answer_none(struct reference_session *s, const struct request *r);
void answer_simple(struct reference_session *s, uint64_t cookie, uint32_t error);

/* Bytes, from offset and at most length, that are known to read as zero. */
uint64_t answer_zeroes(const struct store *store, uint64_t offset, uint64_t length);

#endif
