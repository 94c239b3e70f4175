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
#include "reference/store.h"
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
        block_size; /* all 0: none are enforced; maximum: at most REFERENCE_MAX_PAYLOAD */
};

struct reference_config {
    const struct reference_export *exports;
    size_t export_count; /* at least 1; the first one is the default export */
    bool no_structured;  /* NBD_OPT_STRUCTURED_REPLY is unknown, and what needs it */
    struct faults faults;
};

struct reference_session;

/* config is borrowed and outlives the session. */
struct reference_session *reference_session_new(const struct reference_config *config);
void reference_session_free(struct reference_session *s);

/* Takes bytes from the client off the front of *in and does what they ask; stops early when more than a
 * bounded amount of answers is waiting to be taken, or when the session is over. */
void reference_session_feed(struct reference_session *s, struct span *in);

/* The client closed its direction. */
void reference_session_finished(struct reference_session *s);

/* What is to be sent: the caller sends from the front and says how much with reference_session_sent(). */
struct span reference_session_output(const struct reference_session *s);
void reference_session_sent(struct reference_session *s, size_t bytes);

/* True when the server closes the connection once the output is sent. */
bool reference_session_over(const struct reference_session *s);

#endif
