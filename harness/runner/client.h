/* SPDX-License-Identifier: MIT */
/* A plain client for the runner's own business: probing, looking before the first write, cleaning up.
 *
 * One request at a time, each with a deadline.  It judges nothing and puts up with much (a cookie that is not
 * its own, reserved bits), because judging is the business of the cases; but every length is bounded before
 * memory is taken, and answers without an end are cut off.
 *
 * When something fails, `error` says what was tried, what happened and, where it is known, why; foreign bytes
 * escaped. A client that `broke` is good for nothing but client_close(). */
#ifndef NBDTEST_RUNNER_CLIENT_H
#define NBDTEST_RUNNER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "runner/target.h"
#include "transport/link.h"
#include "wire/frame.h"

struct client {
    struct link *link;
    struct buffer in;     /* received */
    size_t used;          /* bytes of it that were taken */
    size_t asked;         /* bytes asked for at a time */
    uint64_t timeout_ns;  /* for each answer as a whole */
    uint64_t deadline_ns; /* of the present one */
    bool broke;           /* the connection is closed, silent or out of step */
    bool lost;            /* it is out of step: what came is no NBD frame */
    bool secured;         /* link is one of TLS */
    bool heard;           /* something has come under TLS */
    bool turned_down;     /* one end would not have the other under TLS, in the handshake or behind it */
    uint32_t starttls;    /* the answer to STARTTLS, where it was no ACK */
    char doing[100];      /* what is being tried */
    char error[400];

    uint32_t option_before; /* the last one that was answered; 0: none was */
    bool greeted;           /* the greeting has begun as one */
    uint16_t handshake_flags;
    bool oldstyle;   /* the greeting was: there are no options, and transmission has begun */
    bool no_zeroes;  /* agreed */
    bool structured; /* STRUCTURED_REPLY was acknowledged */
    bool extended;   /* EXTENDED_HEADERS was */

    bool headers_refused; /* one of the two was refused on this connection */

    bool by_name; /* it came into transmission by EXPORT_NAME */

    uint64_t size; /* in transmission, like the following */
    uint16_t transmission_flags;
    bool has_block_size; /* the server told; otherwise the defaults */
    struct wire_info_block_size block_size;
    uint64_t cookie;  /* of the last request */
    uint32_t refusal; /* NBD_E*: the error that it was answered with, 0: none */
};

/* ---- handshake ---- */

/* Connects, takes the greeting and sends flags: all that the server offers and we know; then goes over to TLS
 * where the target is secured.  False when that fails; the client is then closed already. */
bool client_open(struct client *c, const struct target *target, uint64_t timeout_ns);

/* Ends the session as politely as its state allows, and the connection. */
void client_close(struct client *c, bool in_transmission);

/* Is told of the replies to an option, all but the final one. */
struct client_replies {
    void (*each)(void *ctx, uint32_t type, struct span data); /* may be NULL */
    void *ctx;
};

/* Sends an option (anything but EXPORT_NAME) and takes its replies up to the final one, whose type is written
 * to *ret_type: NBD_REP_ACK or an error, with its text in error.  False when the connection broke. */
bool client_option(struct client *c, uint32_t option, struct span data, struct client_replies replies,
                   uint32_t *ret_type);

enum client_way { CLIENT_IN, CLIENT_REFUSED, CLIENT_FAILED };

/* Into transmission by GO, asking for EXPORT and BLOCK_SIZE, or for nothing.  REFUSED: the error reply is in
 * *ret_type. */
enum client_way client_go(struct client *c, struct span export, bool asks, uint32_t *ret_type);

/* Into transmission by EXPORT_NAME; a server that does not have the export closes the connection. */
bool client_export_name(struct client *c, struct span export);

/* What replies, and with EXTENDED requests, look like. */
enum client_headers { CLIENT_SIMPLE, CLIENT_STRUCTURED, CLIENT_EXTENDED };

/* A fresh connection, with the headers that are wanted, where granted, or extended ones where the server
 * insists on them, and into transmission by GO or, where that is missing or its answer makes no sense, by
 * EXPORT_NAME.  Unless IN, *ret_type is the error reply, or 0; client_close() is due whatever came of it. */
enum client_way client_enter(struct client *c, const struct target *target, uint64_t timeout_ns,
                             struct span export, enum client_headers headers, uint32_t *ret_type);

/* ---- transmission: false when the request did not succeed; c->broke tells the kinds apart ---- */

#define CLIENT_MAX_REQUEST (32u * 1024 * 1024) /* bytes of one READ or WRITE */

/* Is handed the pieces of what is read, all within the range that was asked for; data.at is NULL for
 * a hole. */
struct client_reader {
    void (*piece)(void *ctx, uint64_t offset, struct span data);
    void *ctx;
};
bool client_read(struct client *c, uint64_t offset, uint32_t length, struct client_reader reader);
bool client_write(struct client *c, uint64_t offset, struct span data);
bool client_write_zeroes(struct client *c, uint64_t offset, uint32_t length);

#endif
