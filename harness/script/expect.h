/* SPDX-License-Identifier: MIT */
/* Whether what came is what a line expects. */
#ifndef NBDTEST_SCRIPT_EXPECT_H
#define NBDTEST_SCRIPT_EXPECT_H

#include "base/buffer.h"
#include "referee/session.h"
#include "script/tree.h"
#include "script/value.h"

/* What came. */
struct arrival {
    enum { ARRIVAL_MESSAGE, ARRIVAL_REPLY, ARRIVAL_TLS, ARRIVAL_CLOSE } kind;
    const struct message *message;   /* MESSAGE: of the handshake */
    const struct exchange *exchange; /* REPLY: answered */
    const struct negotiated *agreed; /* REPLY */
    unsigned tls_version;            /* TLS: one of SCRIPT_TLS_*; 0: the handshake failed */
};

enum match {
    MATCH_YES,
    MATCH_NO,
    MATCH_ERROR, /* the line does not say what it expects: matcher.error */
};

struct matcher {
    struct environment *variables; /* takes what ?name binds, once a line matches */
    struct arena *arena;           /* takes the bytes that are bound */
    struct buffer *scratch;        /* for data to compare with; its ceiling bounds them */
    struct value_error error;
    bool data_differ; /* MATCH_NO because of the bytes read */
    char why[200];    /* MATCH_NO: in words, where they add something; else empty */
};

/* Verb, subject and fields. */
enum match expect_frame(struct matcher *m, const struct frame *f, const struct arrival *a);

/* Fields alone, as of an outcome of that verb. */
enum match expect_fields(struct matcher *m, const char *verb, const struct field *fields,
                         const struct arrival *a);

#endif
