/* SPDX-License-Identifier: MIT */
/* One end of a connection: bytes out, bytes in, and how it ended.  A link has never heard of NBD.
 *
 * Nothing here blocks but link_wait().  A sender that cannot get rid of its bytes goes on receiving, so that
 * two ends that both send never wait for each other, and what a peer said before it closed is never lost: a
 * link that failed to send still gives what was received, and only then says how it ended.
 *
 * Links stand on links (next): a tap copies what passes to a capture, TLS makes records of it. */
#ifndef NBDTEST_TRANSPORT_LINK_H
#define NBDTEST_TRANSPORT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

enum link_state {
    LINK_OPEN,     /* bytes moved, or nothing to do right now */
    LINK_FINISHED, /* the peer closed its direction (FIN) and everything it sent was taken */
    LINK_RESET,    /* the connection is gone (RST, EPIPE) and everything that arrived was taken */
};

struct link;

/* What a link has of its own that its descriptor knows nothing of. */
enum link_held {
    LINK_HELD_RECEIVED, /* link_receive() has something to give */
    LINK_HELD_BACK,     /* what link_send() is given, until it has received something: room is no use */
    LINK_HELD_UNSENT,   /* bytes that it took and the one below did not; link_send(), also of nothing, and
                           link_receive() pass them on */
};

struct link_ops {
    enum link_state (*send)(struct link *link, struct span *bytes);
    /* NULL: send() for one after the other */
    enum link_state (*send_parts)(struct link *link, const struct span parts[], size_t count,
                                  size_t *ret_sent);
    enum link_state (*receive)(struct link *link, uint8_t *to, size_t room, size_t *ret_len);
    void (*finish)(struct link *link);
    void (*reset)(struct link *link);
    int (*descriptor)(const struct link *link);
    void (*free)(struct link *link);
    size_t (*holds)(const struct link *link, enum link_held what); /* NULL: never anything */
};

/* The first member of every kind of link. */
struct link {
    const struct link_ops *ops;
    struct link *next; /* the link that this one stands on; owned; NULL at the bottom */
    bool finished;     /* link_receive() has said LINK_FINISHED; link_wait() then waits for no more bytes */
};

/* Sends as much of *bytes as goes without waiting and takes it off the front.  When the connection broke, or
 * after link_finish(), nothing is taken any more; LINK_OPEN is returned until link_receive() has said how it
 * ended. */
static inline enum link_state link_send(struct link *link, struct span *bytes)
{
    return link->ops->send(link, bytes);
}

/* The same for bytes that lie in several places; *ret_sent is how many of them all went. */
enum link_state link_send_parts(struct link *link, const struct span parts[], size_t count, size_t *ret_sent);

/* Receives at most room bytes into to; *ret_len is 0 when there are none right now and whenever the state is
 * not LINK_OPEN. */
static inline enum link_state link_receive(struct link *link, uint8_t *to, size_t room, size_t *ret_len)
{
    enum link_state state = link->ops->receive(link, to, room, ret_len);

    if (state == LINK_FINISHED)
        link->finished = true;
    return state;
}

/* Closes the direction to the peer (FIN); receiving goes on. */
static inline void link_finish(struct link *link)
{
    link->ops->finish(link);
}

/* Ends the connection at once (RST where the transport has one).  Only link_free() makes sense after it; the
 * other calls say LINK_RESET. */
static inline void link_reset(struct link *link)
{
    link->ops->reset(link);
}

/* A descriptor to poll, or -1 for a link within the process, which is then always ready. */
static inline int link_descriptor(const struct link *link)
{
    return link->ops->descriptor(link);
}

/* How many such bytes the link, or the uppermost below it that has any, holds; 1 where that is not known. Who
 * polls descriptors waits for nothing where received ones are held, and for room to send where unsent ones
 * are.
 */
size_t link_holds(const struct link *link, enum link_held what);

/* Closes the link and those it stands on.  NULL is allowed. */
void link_free(struct link *link);

/* Waits until one of the links can receive, or send where wants_send[i], or timeout_ns has passed.  False on
 * time-out.  A link without descriptor never makes it wait: with such links it returns true at once. */
bool link_wait(struct link *const links[], const bool wants_send[], size_t count, uint64_t timeout_ns);

/* ---- kinds ---- */

/* Connects to a TCP port (host may be a name, an IPv4 or an IPv6 address; TCP_NODELAY is set) or to a Unix
 * socket. NULL when that fails within timeout_ns; ret_error then holds what was tried, on what, and why it
 * failed, in error_size bytes at most.  Looking up a name is the resolver's business and may take longer than
 * that.  A Unix server whose backlog is full is asked again until the time is over. */
struct link *link_dial_tcp(const char *host, const char *port, uint64_t timeout_ns, char *ret_error,
                           size_t error_size);
struct link *link_dial_unix(const char *path, uint64_t timeout_ns, char *ret_error, size_t error_size);

/* A link on a connected stream socket, which it owns from now on (accepted, or one of a pair). */
struct link *link_socket(int descriptor);

/* The same for a client, which acknowledges what comes by TCP at once. */
struct link *link_socket_dialed(int descriptor);

/* The near end of a connection within the process.  The far end is a function that is handed what was sent
 * and answers in its own time; everything happens in the caller's thread.
 *
 * take     called with bytes from the near end (len 0: the near end finished; called so again for as long as
 * the near end waits for the far end to close); uses some of them (*bytes loses what was used) and returns
 *          false when it has closed the connection; what it had to say before that is still fetched with give
 * give     copies at most room bytes of what the far end has to say into to and returns how many
 * closed   called once when the near end is freed or reset; releases ctx */
struct link_peer {
    bool (*take)(void *ctx, struct span *bytes);
    size_t (*give)(void *ctx, uint8_t *to, size_t room);
    void (*closed)(void *ctx);
    void *ctx;
};
struct link *link_memory(struct link_peer peer);

/* An end whose bytes somebody else carries: link_send() puts them into `out` up to its ceiling,
 * link_receive() takes them out of `in`.  The buffers are the caller's and outlive the link. */
struct link_carried {
    struct buffer in, out;
    bool in_finished;  /* nothing will follow what is in `in` */
    bool out_finished; /* link_finish() or link_reset() was called */
};
struct link *link_carried(struct link_carried *carried);

#endif
