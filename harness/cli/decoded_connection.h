/* SPDX-License-Identifier: MIT */
/* What the parts of decoded.h share: decoded.c (connections as they pass), decoded_text.c (what is printed of
 * them), decoded_contents.c (what their exports hold). */
#ifndef NBDTEST_CLI_DECODED_CONNECTION_H
#define NBDTEST_CLI_DECODED_CONNECTION_H

#include "cli/decoded.h"
#include "referee/session.h"
#include "script/transcript.h"

enum {
    FIRST_BYTES = 16,  /* of each side, which show what a connection is */
    OF_A_KIND_MAX = 8, /* breaches of a requirement that are told one by one, in a connection */
    NS_PER_US = 1000,
    US_PER_S = 1000000,
};

/* One connection of the capture.  It is printed when it is over, so that connections do not mix. */
struct decoded {
    struct session *session; /* NULL before bytes have passed */
    struct model *model;     /* NULL: contents are not compared */
    bool forgotten;          /* nor will they be */
    struct server *server;
    uint64_t written; /* bytes that the model holds at most */
    struct violations *violations;
    struct tally tally;
    struct flow_packet opened;
    bool reversed; /* who seemed to be the client is the server */
    bool whole;    /* it is seen from its first byte on */
    bool cut;      /* there was more text than can be kept */
    bool tls;      /* and that was said */
    bool reset;    /* by one of the two */
    struct side_seen {
        uint8_t first[FIRST_BYTES];
        size_t first_len;
        bool astray;              /* bytes are missing: where the next message begins is to be found */
        uint64_t skipped;         /* bytes, since then */
        bool ended;               /* closed, or reset */
        bool within;              /* a message is under way */
        struct flow_packet begun; /* with this packet */
    } sides[2];
    struct teller teller;
    bool doubtful;     /* not all of it is judged */
    bool blind;        /* nothing is, at the moment */
    bool option_due;   /* the client's last option has not got its final reply */
    uint64_t heard_ns; /* when bytes passed last */
    bool resumed;      /* messages were found behind what is missing */
    uint64_t from, to; /* bytes of the export that the client writes to */
    struct buffer text;
};

/* A server, as long as there are connections to it. */
struct server {
    struct packet_end end; /* first: the tree compares it */
    size_t connections;
    struct decoded *alone; /* the connection that has been the only one so far */
};

/* ---- decoded_text.c ---- */

void decoded_put_packet(const struct decoder *d, struct flow_packet packet, struct buffer *to);
void decoded_put_end(const struct packet_end *end, struct buffer *to);
void decoded_put_comment(const struct decoder *d, struct decoded *c, struct flow_packet packet);

/* What the referee has found since then, below the message that shows it, which may be NULL. */
void decoded_put_violations(struct decoder *d, const struct flow *flow, struct flow_packet packet,
                            const struct message *m);

/* Keeps what is held of all connections together within its limit. */
void decoded_keep_within(struct decoder *d, struct decoded *c, size_t len_before);

/* ---- decoded_contents.c ---- */

void decoded_forget_contents(struct decoder *d, struct decoded *c);

/* Who shares a server with others may read what they wrote. */
void decoded_join_server(struct decoder *d, struct decoded *c, const struct packet_end *end);
void decoded_leave_server(struct decoder *d, struct decoded *c);

/* Widens the range that the client writes to: a case that is played again needs a window there. */
void decoded_note_write(struct decoder *d, struct decoded *c, const struct message *m);

#endif
