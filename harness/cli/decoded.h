/* SPDX-License-Identifier: MIT */
/* The connections of a capture as cases, with what the referee finds in comments below the lines that show
 * it.
 *
 * What a capture lacks is nobody's fault: where bytes are missing that are more than data of the export,
 * where a connection began before the capture, and where TLS hides it, nothing is judged from there on, and a
 * comment says so. */
#ifndef NBDTEST_CLI_DECODED_H
#define NBDTEST_CLI_DECODED_H

#include "base/buffer.h"
#include "capture/read.h"
#include "cli/tally.h"
#include "runner/catalogue.h"

struct decoder {
    const struct capture_summary *capture; /* as far as it has been read */
    const struct catalogue *catalogue;     /* NULL: sections and levels are not told */
    bool numbers;                          /* each line with its packet and time */
    bool loose;                            /* of the server no more than what the specification fixes */
    /* A whole connection, as text; valid during the call only. */
    void (*print)(void *ctx, const char *text);
    void *ctx;

    struct tally tally;     /* of all connections */
    size_t connections;     /* that hold NBD */
    size_t unjudged;        /* of those, from some point on */
    size_t others;          /* that hold something else, or nothing */
    void *servers;          /* a tree: those with connections that are not over */
    uint64_t written_bytes; /* held to be compared with what is read, in all connections that are not over */
    size_t text_bytes;      /* held for connections that are not over */
};

/* A listener that decodes for d. */
struct flow_listener decoder_listener(struct decoder *d);

/* Appends a comment with what all connections together had. */
void decoder_summary(const struct decoder *d, struct buffer *to);

void decoder_free(struct decoder *d);

#endif
