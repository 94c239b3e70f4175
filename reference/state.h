/* SPDX-License-Identifier: MIT */
/* What the parts of the session share: session.c cuts the stream, handshake.c and transmission.c act,
 * answer.c writes. */
#ifndef NBDTEST_REFERENCE_STATE_H
#define NBDTEST_REFERENCE_STATE_H

#include "reference/session.h"
#include "wire/body.h"
#include "wire/scan.h"

/* The only metadata context there is, and its ID. */
#define ALLOCATION_CONTEXT "base:allocation"
enum { ALLOCATION_ID = 1 };

/* The client's message that is being taken. */
struct incoming {
    bool begun;
    struct scan_head head;
    bool too_long;   /* option data that are skipped for their length */
    uint32_t error;  /* request: why it is refused, 0: it is not */
    const char *why; /* the same in words */
    uint64_t stored; /* WRITE: bytes of data seen so far */
};

struct reference_session {
    const struct reference_config *config;
    struct scan scan;
    struct incoming in;
    struct buffer option_data;
    struct buffer output;
    size_t sent; /* bytes at the front of output that were taken */
    bool over;

    /* negotiated */
    bool no_zeroes;
    bool structured;
    const struct reference_export *context_of; /* base:allocation is selected for this one; NULL: for none */
    const struct reference_export *export;     /* transmission */
    uint16_t flags;                            /* transmission flags of it */

    struct misconduct *misconduct; /* what faults have to remember; NULL when none is on */
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

/* ---- transmission.c: "Request types" ---- */

void transmission_begin_request(struct reference_session *s);
void transmission_take_data(struct reference_session *s, struct span data);
void transmission_take_request(struct reference_session *s);

/* The most that a request's payload may have. */
uint32_t transmission_payload_max(const struct reference_export *export);

/* What is wrong with a request, 0: nothing; *ret_why in words. */
uint32_t transmission_check(const struct reference_session *s, const struct wire_request *r,
                            const char **ret_why);

/* ---- answer.c: what goes out ---- */

/* len bytes at the end of the output to be written; answer_put() tells that the message that began at start
 * is whole. */
struct wire_out answer_room(struct reference_session *s, size_t len);
void answer_put(struct reference_session *s, size_t start, enum scan_kind kind);

void answer_option(struct reference_session *s, uint32_t type, const char *message); /* NULL: no data */
void answer_server(struct reference_session *s, const struct reference_export *export);
void answer_info(struct reference_session *s, const struct reference_export *export, uint16_t info);
void answer_context(struct reference_session *s, uint32_t id);
void answer_export_name(struct reference_session *s, const struct reference_export *export);

/* Success without data, or an error, in the form that was negotiated. */
void answer_done(struct reference_session *s, uint64_t cookie);
void answer_error(struct reference_session *s, const struct wire_request *r, uint32_t error, const char *why);

/* The data of a READ, which has been found to be in order. */
void answer_read(struct reference_session *s, const struct wire_request *r);
void answer_block_status(struct reference_session *s, const struct wire_request *r);

#endif
