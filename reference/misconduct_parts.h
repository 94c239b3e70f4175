/* SPDX-License-Identifier: MIT */
/* What the files that hold the faults share.
 *
 * misconduct.c            hands each hook to the parts; editing the output
 * misconduct_options.c    how options are answered
 * misconduct_queries.c    how the options are that ask for metadata contexts
 * misconduct_handshake.c  bytes of option replies
 * misconduct_greeting.c   bytes of greetings; size and flags of the export, wherever they are told
 * misconduct_contexts.c   the names of metadata contexts
 * misconduct_requests.c   which requests are refused, granted, left without an answer
 * misconduct_replies.c    bytes of what is sent in transmission: any reply, and simple ones
 * misconduct_chunks.c     chunks with contents or errors
 * misconduct_status.c     chunks of block status
 * misconduct_extended.c   what there is only with extended headers
 * misconduct_payloads.c   lengths of 64 bits, and payloads, of requests
 * misconduct_tls.c        modes of TLS, and what is forgotten when it begins
 * misconduct_contents.c   what is done to the contents of the export */
#ifndef NBDTEST_REFERENCE_MISCONDUCT_PARTS_H
#define NBDTEST_REFERENCE_MISCONDUCT_PARTS_H

#include "reference/misconduct.h"
#include "wire/constants.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* What a range held before a request altered it, or holds in secret while it is hidden. */
struct kept {
    uint64_t offset;
    size_t length;
    uint8_t *bytes;
    bool hidden;    /* bytes are what was written; the store shows what was there before */
    bool until_end; /* hidden from this connection, too, and to the end of it */
};

enum { KEPT_MAX = 64, KEPT_BYTES_MAX = 16 * 1024 * 1024 };

struct misconduct {
    const struct faults *faults;
    bool putting;             /* a fault itself puts messages, which are not to be altered */
    bool structured_before;   /* NBD_OPT_STRUCTURED_REPLY was acknowledged before extended headers were */
    bool extended_before;     /* they were */
    bool structured_after;    /* it came after them */
    bool block_size_told;     /* NBD_INFO_BLOCK_SIZE was sent */
    bool shutting_down;       /* a request was answered with ESHUTDOWN */
    bool cache_failed;        /* a CACHE was refused */
    bool other_size_told;     /* NBD_OPT_INFO told the size of an export */
    uint64_t other_size;      /* the smallest */
    bool pretend;             /* the request is refused, and answered as if it had been done */
    bool listed;              /* LIST was answered */
    bool silent;              /* the request gets no answer */
    bool pipelined;           /* the request came while an answer was waiting to be sent */
    struct request last_done; /* the request before this one, if it was done */
    struct kept kept[KEPT_MAX];
    size_t kept_count;
    size_t kept_bytes;
};

static inline bool fault_on(const struct reference_session *s, enum fault fault)
{
    return s->misconduct->faults->on[fault];
}

/* ---- misconduct.c: numbers in the output, and its bytes ---- */

uint64_t edit_get(const struct reference_session *s, size_t at, size_t len);
void edit_set(struct reference_session *s, size_t at, size_t len, uint64_t value);
void edit_fill(struct reference_session *s, size_t at, struct span bytes);
void edit_insert(struct reference_session *s, size_t at, size_t len); /* zeroes */
void edit_cut(struct reference_session *s, size_t at, size_t len);
void edit_repeat(struct reference_session *s, size_t from, size_t len); /* at the end */
void edit_change_bit(struct reference_session *s, size_t at, uint8_t bit);
void edit_set_bits(struct reference_session *s, size_t at, size_t len, uint64_t set, uint64_t clear);
void edit_reverse(struct reference_session *s, size_t at, size_t len); /* the bytes of a number */
void edit_exchange(struct reference_session *s, size_t one, size_t other, size_t len); /* at most 8 bytes */

/* ---- the parts ---- */

bool options_misconduct(struct reference_session *s, const struct option_data *data, uint32_t refusal);
void options_misconduct_begin(struct reference_session *s);
void options_misconduct_answered(struct reference_session *s, size_t start);

bool tls_misconduct_option(struct reference_session *s, const struct option_data *data);
void tls_misconduct_begin(struct reference_session *s);

void handshake_misconduct(struct reference_session *s, size_t start, enum scan_kind kind);

void requests_misconduct_begin(struct reference_session *s, struct request *r);
void requests_misconduct_checked(struct reference_session *s, const struct request *r);
void requests_misconduct_answers(struct reference_session *s, const struct request *r);
void requests_misconduct_answered(struct reference_session *s, const struct request *r, size_t start);
bool requests_misconduct_disc(struct reference_session *s);

void replies_misconduct(struct reference_session *s, size_t start, enum scan_kind kind);
void replies_misconduct_answered(struct reference_session *s, const struct request *r, size_t start);

void extended_misconduct_answered(struct reference_session *s, const struct request *r, size_t start);
void extended_status_widened(struct reference_session *s, size_t start, const struct request *r);

void payloads_misconduct_begin(struct reference_session *s, struct request *r);
void payloads_misconduct_checked(struct reference_session *s, const struct request *r);

void contents_misconduct_begin(struct reference_session *s);
void contents_misconduct_checked(struct reference_session *s, const struct request *r);
bool contents_misconduct_perform(struct reference_session *s, const struct request *r);
void contents_misconduct_answered(struct reference_session *s, const struct request *r);
bool contents_misconduct_disc(struct reference_session *s);
void contents_misconduct_all_sent(struct reference_session *s);
void contents_misconduct_free(struct reference_session *s);

#endif
