/* SPDX-License-Identifier: MIT */
/* The rules of the referee: one line of rule.def and one small function each. */
#ifndef NBDTEST_REFEREE_RULE_H
#define NBDTEST_REFEREE_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "referee/state.h"

struct rule;

/* What a rule looks at. */
enum occasion {
    AT_WIRE,         /* told by wire: the scanner where framing is lost, the decoders where a frame is bad */
    AT_GREETING,     /* a newstyle greeting */
    AT_OLDSTYLE,     /* an oldstyle greeting with all that follows it */
    AT_CLIENT_FLAGS, /* the client has answered the greeting with its flags */
    AT_EXPORT,       /* an answer to NBD_OPT_EXPORT_NAME */
    AT_OPTION_REPLY, /* of any type */
    AT_INFO,         /* NBD_REP_INFO of sound length */
    AT_SIMPLE_REPLY,
    AT_CHUNK,
    AT_REPLY,        /* a reply in either form is complete */
    AT_LOST,         /* framing of the server's bytes is lost */
    AT_CLOSE,        /* the server closed and had no excuse */
    AT_PLAIN_TEXT,   /* something else than TLS behind the ACK to NBD_OPT_STARTTLS */
    AT_PLAIN_REPLY,  /* as much of that as an option reply has, without its data */
    AT_CUT_OFF,      /* the server closed under TLS without close_notify */
    AT_GARBLED,      /* something else than TLS records where TLS had begun */
    AT_SHUTDOWN,     /* the server closed, after it had said that it shuts down */
    AT_STALL,        /* the server had its time and sent nothing */
    AT_OPTION,       /* what the client does: an option has come whole */
    AT_CLIENT_CLOSE, /* the client closed */
    AT_REQUEST_HEAD, /* the header of a request has come, and nothing is known of the rest */
    AT_REQUEST,      /* a request has come whole */
    AT_CLIENT_LOST,  /* framing of the client's bytes is lost */
    AT_CLIENT_PLAIN, /* something else than TLS of the client behind the ACK to NBD_OPT_STARTTLS */
};

/* What a rule is shown.  The state is that before the message, but at AT_REPLY and AT_REQUEST. */
struct sight {
    struct session *session;
    const struct rule *rule;
    const struct message *message;   /* the message at hand; NULL at LOST, CLOSE and STALL */
    const struct exchange *exchange; /* what a reply belongs to, or a request; NULL: nothing in flight */
    const struct pending *option;    /* what an option reply belongs to; NULL: nothing */
};

/* True when the rule was broken, which has then been noted with broken(). */
typedef bool rule_watch(const struct sight *at);

/* Some rules are another requirement's where extended headers were negotiated. */
enum headers { ANY_HEADERS, COMPACT_HEADERS, EXTENDED_HEADERS };

struct rule {
    const char *id;
    enum headers headers;
    enum side party; /* whom it binds */
    enum occasion occasion;
    rule_watch *watch; /* NULL at AT_WIRE */
    const char *name;  /* of the function: "export_lacks_has_flags"; NULL at AT_WIRE */
};

/* All of them, for lists of what is judged. */
extern const struct rule rules[];
extern const size_t rule_count;

/* And those that are looked at only where two others talk: session_look_on(). */
extern const struct rule onlooker_rules[];
extern const size_t onlooker_rule_count;

/* "at a newstyle greeting" */
const char *occasion_text(enum occasion occasion);

/* Shows the occasion to its rules.  Returns how many were broken. */
size_t rules_look(struct session *s, enum occasion occasion, const struct message *m);

/* What the server has sent. */
static inline const struct stream *rule_server(const struct sight *at)
{
    return &at->session->streams[SIDE_SERVER];
}

/* How much of the server's message under way has come, 0: none is; and how much of it there will be.
 * ret_want   may be NULL */
static inline uint64_t rule_progress(const struct sight *at, uint64_t *ret_want)
{
    uint64_t have, want;

    scan_progress(&rule_server(at)->scan, &have, &want);
    if (ret_want)
        *ret_want = want;
    return have;
}

/* The number with its bytes in reverse. */
static inline uint32_t rule_swapped(uint32_t number)
{
    return number >> 24 | (number >> 8 & 0xff00) | (number << 8 & 0xff0000) | number << 24;
}

/* Notes what came instead of what sight->rule demands.  Always true. */
bool broken(const struct sight *at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define RULE(id, occasion, watch) rule_watch watch;
#define COMPACT(id, occasion, watch) rule_watch watch;
#define EXTENDED(id, occasion, watch) rule_watch watch;
#define CLIENT(id, occasion, watch) rule_watch watch;
#define WIRE(id)
#define CLIENT_WIRE(id)
#include "referee/rule.def"

#define RULE(id, occasion, watch) rule_watch watch;
#include "referee/onlooker.def"

#endif
