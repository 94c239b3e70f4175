/* SPDX-License-Identifier: MIT */
/* Where faults get hold of the session.  The correct path calls these and does not know what they do; without
 * a fault each costs one look at a pointer. */
#ifndef NBDTEST_REFERENCE_MISCONDUCT_H
#define NBDTEST_REFERENCE_MISCONDUCT_H

#include "reference/state.h"

#define MISCONDUCT(s, call)  \
    do {                     \
        if ((s)->misconduct) \
            call;            \
    } while (0)

/* True when a fault has done what was due. */
#define MISCONDUCT_TAKES(s, call) ((s)->misconduct && call)

/* NULL when no fault is on. */
struct misconduct *misconduct_new(const struct faults *faults);
void misconduct_free(struct reference_session *s);

/* The client's flags are about to be judged. */
void misconduct_client_flags(struct reference_session *s, uint32_t *flags);

/* The header of an option was seen; of its data nothing. */
void misconduct_begin_option(struct reference_session *s);

/* An option has come; whether TLS has to come first was not asked yet. */
bool misconduct_early_option(struct reference_session *s, const struct option_data *data);

/* An option is about to be answered.  refusal: type of the reply when its data are not in order,
 * otherwise 0. */
bool misconduct_option(struct reference_session *s, const struct option_data *data, uint32_t refusal);

/* Plain text has come where TLS is due: true when it is kept, to be read later as if it had come
 * under TLS. */
bool misconduct_plain_text(const struct reference_session *s);

/* The session has gone over to TLS, and what was negotiated before it was this. */
struct misconduct_before {
    bool structured, extended;
    const struct reference_export *context_of;
    unsigned contexts;
};
void misconduct_tls_started(struct reference_session *s, const struct misconduct_before *before);

/* An option was answered with what stands in the output from start on. */
void misconduct_answered_option(struct reference_session *s, size_t start);

/* A message was put into the output at start; it may still be altered. */
void misconduct_message(struct reference_session *s, size_t start, enum scan_kind kind);

/* All bytes that came were used, and perhaps end amid a message. */
void misconduct_used_up(struct reference_session *s);

/* A request was seen whose payload is longer than any should be; true when it is waited for. */
bool misconduct_awaits_payload(const struct reference_session *s);

/* A request was seen, without its data, and not yet checked. */
void misconduct_begin_request(struct reference_session *s, struct request *r);

/* A request was checked: s->in.error. */
void misconduct_checked(struct reference_session *s, const struct request *r);

/* A request that is in order is about to be done (data of a WRITE were stored). */
bool misconduct_perform(struct reference_session *s, const struct request *r);

/* NBD_CMD_DISC came; true when the connection stays open. */
bool misconduct_disc(struct reference_session *s);

/* A request is about to be answered with s->in.error. */
void misconduct_answers_request(struct reference_session *s, const struct request *r);

/* A request was answered with what stands in the output from start on. */
void misconduct_answered_request(struct reference_session *s, const struct request *r, size_t start);

/* The output is empty: what was answered has left the server. */
void misconduct_all_sent(struct reference_session *s);

#endif
