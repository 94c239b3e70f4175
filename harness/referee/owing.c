/* SPDX-License-Identifier: MIT */
/* Who owes whom, in words: what a stall is about.  See state.h. */
#include <inttypes.h>

#include "referee/state.h"
#include "wire/constants.h"
#include "wire/vocabulary.h"

static void print_cookie(uint64_t cookie, struct buffer *to)
{
    buffer_print(to, cookie > UINT16_MAX ? "cookie 0x%" PRIx64 : "cookie %" PRIu64, cookie);
}

static void print_option(uint32_t option, struct buffer *to)
{
    vocabulary_print(&vocabulary_options, option, to);
}

/* The reply under way, or the one that is due. */
static void print_reply(const struct session *s, struct buffer *to)
{
    const struct stream *st = &s->streams[SIDE_SERVER];
    const struct pending *due = haggle_option_due(s);
    const struct exchange *oldest = session_oldest(s);

    if (!s->greeted) {
        buffer_print(to, "greeting");
    } else if (s->transmission) {
        const struct exchange *e = st->exchange ? st->exchange : oldest;

        buffer_print(to, e ? "reply to " : "a reply");
        if (e)
            print_cookie(e->request.cookie, to);
    } else {
        buffer_print(to, due ? "reply to option " : "an option reply");
        if (due)
            print_option(due->option, to);
    }
}

static void print_server(const struct session *s, struct buffer *to)
{
    const struct exchange *oldest = session_oldest(s);
    uint64_t have, want;

    buffer_print(to, "the server ");
    scan_progress(&s->streams[SIDE_SERVER].scan, &have, &want);
    if (s->streams[SIDE_SERVER].ended) {
        buffer_print(to, "has closed the connection");
    } else if (s->streams[SIDE_SERVER].lost) {
        buffer_print(to, "has sent bytes that are no message");
    } else if (have > 0) {
        buffer_print(to, "has sent %" PRIu64 " of the %" PRIu64 " bytes of the ", have, want);
        print_reply(s, to);
    } else if (oldest && oldest->chunks > 0) {
        buffer_print(to, "has sent %u chunks of the ", oldest->chunks);
        print_reply(s, to);
        buffer_print(to, ", none of them with DONE");
    } else if (!s->greeted || oldest || (!s->transmission && s->option_count > 0)) {
        buffer_print(to, "owes the ");
        print_reply(s, to);
        if (s->in_flight.count > 1)
            buffer_print(to, " and to %zu more requests", s->in_flight.count - 1);
    } else if (s->goodbye) {
        buffer_print(to, "has to close the connection");
    } else {
        buffer_print(to, "owes nothing");
    }
}

static void print_client(const struct session *s, struct buffer *to)
{
    uint64_t have, want;

    buffer_print(to, "the client ");
    scan_progress(&s->streams[SIDE_CLIENT].scan, &have, &want);
    if (s->streams[SIDE_CLIENT].ended)
        buffer_print(to, "has closed its direction");
    else if (s->streams[SIDE_CLIENT].lost)
        buffer_print(to, "has sent bytes that are no message");
    else if (have > 0)
        buffer_print(to, "has sent %" PRIu64 " of the %" PRIu64 " bytes of its message", have, want);
    else if (s->greeted && !s->transmission && !s->flags_seen)
        buffer_print(to, "owes its flags");
    else
        buffer_print(to, "owes nothing");
}

void session_owing(const struct session *s, struct buffer *to)
{
    if (s->opaque) {
        buffer_print(to, "the connection has changed to another protocol");
        return;
    }
    print_server(s, to);
    buffer_print(to, "; ");
    print_client(s, to);
}
