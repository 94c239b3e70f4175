/* SPDX-License-Identifier: MIT */
/* Cuts one direction of a connection into frames.
 *
 * Framing depends on the state of the connection: the greeting and option replies have magics of 8 bytes,
 * client flags and the answer to NBD_OPT_EXPORT_NAME have none, and whether data follow a simple reply is
 * known only from its request; extended headers replace the others where they were negotiated.  So the owner
 * says what may come next (scan.expect) and, for simple replies, how much data follows (scan.body, after
 * SCAN_HEAD).
 *
 * Two kinds of trouble: here, framing is lost when a magic is wrong (SCAN_LOST; final); a frame whose
 * contents are wrong while its length is sound is delivered as any other, and wire/body.h says what is wrong
 * with it. */
#ifndef NBDTEST_WIRE_SCAN_H
#define NBDTEST_WIRE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "wire/frame.h"

/* What the next bytes of a stream have to be. */
enum scan_expect {
    SCAN_GREETING,         /* server: oldstyle or newstyle greeting */
    SCAN_CLIENT_FLAGS,     /* client */
    SCAN_OPTION,           /* client */
    SCAN_OPTION_REPLY,     /* server */
    SCAN_EXPORT,           /* server: answer to NBD_OPT_EXPORT_NAME with 124 bytes of padding */
    SCAN_EXPORT_NO_ZEROES, /* server: the same without them */
    SCAN_REQUEST,          /* client */
    SCAN_REPLY,            /* server: a simple reply or a structured reply chunk */
    SCAN_EXTENDED_REQUEST, /* client, after extended headers were negotiated */
    SCAN_EXTENDED_REPLY,   /* server, likewise: chunks only */
};

enum scan_kind {
    SCAN_KIND_OLDSTYLE, /* greeting and what follows; body: 124 reserved bytes */
    SCAN_KIND_NEWSTYLE, /* greeting with handshake flags */
    SCAN_KIND_CLIENT_FLAGS,
    SCAN_KIND_OPTION,           /* body: option data */
    SCAN_KIND_OPTION_REPLY,     /* body: reply data */
    SCAN_KIND_EXPORT,           /* body: padding, 124 or 0 bytes */
    SCAN_KIND_REQUEST,          /* body: data of WRITE */
    SCAN_KIND_SIMPLE_REPLY,     /* body: what the owner says */
    SCAN_KIND_CHUNK,            /* body: payload */
    SCAN_KIND_EXTENDED_REQUEST, /* body: payload, of WRITE or with NBD_CMD_FLAG_PAYLOAD_LEN */
    SCAN_KIND_EXTENDED_REPLY,   /* body: payload */
};

/* A frame without its body. */
struct scan_head {
    enum scan_kind kind;
    uint64_t at;   /* where the frame begins: bytes from the start of the stream */
    uint64_t body; /* bytes that follow the header, as far as the header tells */
    union {
        struct wire_oldstyle oldstyle;
        struct wire_handshake_flags newstyle;
        struct wire_client_flags client_flags;
        struct wire_option option;
        struct wire_option_reply option_reply;
        struct wire_export export;
        struct wire_request request;
        struct wire_simple_reply simple_reply;
        struct wire_chunk chunk;
        struct wire_extended_request extended_request;
        struct wire_extended_reply extended_reply;
    };
};

enum scan_event {
    SCAN_MORE, /* all bytes are used up */
    SCAN_HEAD, /* a header is complete: ret->head */
    SCAN_DATA, /* the next bytes of the body: ret->data, at least one */
    SCAN_END,  /* the frame is complete; comes once a frame, also without a body */
    SCAN_LOST, /* a magic is wrong: scan.lost; every later call says the same */
};

/* Why framing was lost. */
struct scan_lost {
    const char *frame; /* "option reply", ... */
    const char *field; /* "magic" */
    uint64_t at;       /* where the field begins: bytes from the start of the stream */
    uint64_t got;      /* its value */
    uint64_t wanted;   /* the value, or one of the values, it should have */
    unsigned bits;     /* its width */
    const char *rule;  /* id of the requirement */
};

struct scan_ret {
    struct scan_head head;
    struct span data; /* borrowed from the caller's bytes */
};

struct scan {
    enum scan_expect expect; /* set by the owner before a frame begins, never within one */
    uint64_t body;           /* bytes of the body still to come; the owner may set it after SCAN_HEAD */
    uint64_t at;             /* bytes of the stream used so far */
    struct scan_lost lost;   /* valid after SCAN_LOST */
    /* private */
    enum { SCAN_IN_HEAD, SCAN_IN_BODY, SCAN_IN_LOST } state;
    uint8_t head[WIRE_SIZE_HEADER_MAX];
    size_t have;    /* bytes of head */
    uint64_t start; /* where the frame begins: bytes from the start of the stream */
};

/* The start of a stream. */
void scan_init(struct scan *s, enum scan_expect expect);

/* Takes the next event from a stream.
 * in    bytes of the stream, in order, as many or as few as there are; what was used is taken off its front
 * ret   written for SCAN_HEAD and SCAN_DATA
 *
 * Allocates nothing and gives the same events however the stream was cut, but for how SCAN_DATA is divided.
 * After SCAN_END the owner sets s->expect where the next frame may be of another kind.
 *
 * proto.md, "Newstyle negotiation" to "Structured reply chunk message"; proto-extended-headers.md, "Request
 * message" and "Extended reply chunk message". */
enum scan_event scan_next(struct scan *s, struct span *in, struct scan_ret *ret);

/* Bytes were missed: whatever frame the stream was in, the next byte begins another. */
void scan_restart(struct scan *s);

/* The header that was complete last, as it came; valid until the next one begins. */
struct span scan_header(const struct scan *s, enum scan_kind kind);

/* How far into a frame the stream is: bytes of it seen so far and bytes it has in all as far as is known (the
 * header's size while that is incomplete; UINT64_MAX where a body ends beyond all counting).  Both are 0
 * between frames. */
void scan_progress(const struct scan *s, uint64_t *ret_have, uint64_t *ret_want);

#endif
