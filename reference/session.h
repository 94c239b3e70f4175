/* SPDX-License-Identifier: MIT */
/* The server's side of one connection: bytes in, bytes out.  Pure: no sockets, no clock. */
#ifndef NBDTEST_REFERENCE_SESSION_H
#define NBDTEST_REFERENCE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "reference/faults.h"
#include "reference/loans.h"
#include "reference/oddities.h"
#include "reference/store.h"
#include "reference/written.h"
#include "wire/frame.h"

/* The largest payload that is ever taken or sent; a WRITE with more ends the session. */
#define REFERENCE_MAX_PAYLOAD (64u * 1024 * 1024)

/* What is served.  Everything is borrowed.  A read-only export advertises the flags of the write commands all
 * the same: it knows them and refuses them. */
struct reference_export {
    const char *name;
    const char *description; /* NULL: none */
    struct store *store;
    bool read_only;
    uint16_t without; /* transmission flags that are not advertised, and not served */
    struct wire_info_block_size
        block_size;           /* all 0: none are enforced; maximum: at most REFERENCE_MAX_PAYLOAD */
    bool block_size_required; /* clients that do not ask for the block size are turned away */
    bool tls_only;            /* out of reach without TLS */
    struct written *written;  /* notes of what is written; NULL: none, nor the context that shows them */
};

/* Modes of operation, "TLS support". */
enum reference_tls {
    REFERENCE_TLS_OFF,       /* NOTLS */
    REFERENCE_TLS_FORCED,    /* FORCEDTLS: nothing but the upgrade without TLS */
    REFERENCE_TLS_SELECTIVE, /* SELECTIVETLS: exports are within reach without TLS unless they are tls_only */
};

/* How a connection begins: as now, or as it did before. */
enum reference_face {
    REFERENCE_FIXED_NEWSTYLE,
    REFERENCE_NEWSTYLE, /* no handshake flags; NBD_OPT_EXPORT_NAME is the only option, others end it */
    REFERENCE_OLDSTYLE, /* the default export is served without a word from the client */
};

/* What a client may cost.  0 stands for what is said here. */
struct reference_limits {
    uint64_t options;      /* in one handshake; one more ends the connection (1024) */
    uint64_t option_bytes; /* of data, beyond which an option is skipped and refused (256 KiB) */
    uint64_t connections;  /* at the same time; more of them wait (REFERENCE_MAX_CONNECTIONS) */
    uint64_t handshake_ns; /* from connecting to the transmission phase (60 s) */
    uint64_t idle_ns;      /* during which nothing comes and nothing can be sent (none) */
    uint64_t waiting;      /* bytes that wait to be sent or looked at, all clients together (1 GiB) */
    uint64_t stuck_ns;     /* during which, when so much waits, a client takes nothing (10 s) */
    uint64_t shutdown_ns;  /* at shutdown, for clients to end their sessions (1 s) */
};

struct tls_credentials;

struct reference_config {
    const struct reference_export *exports;
    size_t export_count; /* at least 1; the first one is the default export */
    bool no_structured;  /* NBD_OPT_STRUCTURED_REPLY is unknown, and what needs it or replaces it */
    bool no_extended;    /* NBD_OPT_EXTENDED_HEADERS is unknown */
    enum reference_face face;
    enum reference_tls tls;                        /* other than OFF only with the fixed newstyle */
    const struct tls_credentials *tls_credentials; /* of a server (transport/tls.h), for the loop */
    struct reference_limits limits;
    struct faults faults;
    struct oddities oddities;
};

struct reference_session;

/* config is borrowed and outlives the session. */
struct reference_session *reference_session_new(const struct reference_config *config);
void reference_session_free(struct reference_session *s);

/* Takes bytes from the client off the front of *in and does what they ask; stops early when more than a
 * bounded amount of answers is waiting to be taken, or when the session is over. */
void reference_session_feed(struct reference_session *s, struct span *in);

/* How many bytes are still to come of a message of which the beginning has. */
uint64_t reference_session_missing(const struct reference_session *s);

/* True when the client was told to go over to TLS, until reference_session_tls_started().  What was answered
 * is sent first, in plain text.  A session that is fed anything meanwhile is over: what was received in plain
 * text must not be read as if it had come under TLS. */
bool reference_session_wants_tls(const struct reference_session *s);

/* From now on what is fed was received under TLS.  All output has been sent. */
void reference_session_tls_started(struct reference_session *s);

/* Nothing has come for a moment: what an oddity keeps back is let go.  True when there was something. */
bool reference_session_quiet(struct reference_session *s);

/* The client closed its direction. */
void reference_session_finished(struct reference_session *s);

/* The server is about to stop: what has begun to arrive is still done, what comes later is refused with
 * NBD_ESHUTDOWN or NBD_REP_ERR_SHUTDOWN.  The session is over when the client ends it, or the caller. */
void reference_session_shut_down(struct reference_session *s);

/* NBD_CMD_DISC has come. */
bool reference_session_left(const struct reference_session *s);

/* True until transmission is entered. */
bool reference_session_in_handshake(const struct reference_session *s);

/* What is to be sent: the caller sends from the front and says how much with reference_session_sent(). */
struct span reference_session_output(struct reference_session *s);

/* How many bytes that are. */
size_t reference_session_waiting(const struct reference_session *s);

/* The same bytes for a caller that sends from several places at once; returns how many parts there are. */
size_t reference_session_output_parts(const struct reference_session *s,
                                      struct span ret_parts[LOANS_PARTS_MAX]);

/* From now on data of READs may stay in the export until they are sent, which *loans notes; NULL: no longer,
 * and what was not sent is copied.  Nobody but this session changes the exports meanwhile. */
void reference_session_lend(struct reference_session *s, struct loans *loans);
void reference_session_sent(struct reference_session *s, size_t bytes);

/* From now on long data of a READ come into the output piece by piece, the next one when all before it was
 * sent: a server then takes little memory for however much is on its way.  Requests that follow wait until
 * the last piece is there.  What another connection writes meanwhile may be seen in pieces that are still to
 * come.
 */
void reference_session_answer_in_pieces(struct reference_session *s);

/* Exchanges the memory that the output is written to with that of *spare; does nothing while output waits in
 * it.  Who serves many sessions so needs no more memory for output than those have that cannot get rid of
 * theirs. */
void reference_session_swap_memory(struct reference_session *s, struct buffer *spare);

/* True when the server closes the connection once the output is sent. */
bool reference_session_over(const struct reference_session *s);

#endif
