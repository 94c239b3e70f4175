/* SPDX-License-Identifier: MIT */
#include "referee/rule.h"

#include <stdarg.h>
#include <stdio.h>

const struct rule rules[] = {
#define RULE(id, occasion, watch) { id, ANY_HEADERS, SIDE_SERVER, occasion, watch, #watch },
#define COMPACT(id, occasion, watch) { id, COMPACT_HEADERS, SIDE_SERVER, occasion, watch, #watch },
#define EXTENDED(id, occasion, watch) { id, EXTENDED_HEADERS, SIDE_SERVER, occasion, watch, #watch },
#define CLIENT(id, occasion, watch) { id, ANY_HEADERS, SIDE_CLIENT, occasion, watch, #watch },
#define WIRE(id) { id, ANY_HEADERS, SIDE_SERVER, AT_WIRE, NULL, NULL },
#define CLIENT_WIRE(id) { id, ANY_HEADERS, SIDE_CLIENT, AT_WIRE, NULL, NULL },
#include "referee/rule.def"
};

const size_t rule_count = sizeof rules / sizeof *rules;

const struct rule onlooker_rules[] = {
#define RULE(id, occasion, watch) { id, ANY_HEADERS, SIDE_SERVER, occasion, watch, #watch },
#include "referee/onlooker.def"
};

const size_t onlooker_rule_count = sizeof onlooker_rules / sizeof *onlooker_rules;

const char *occasion_text(enum occasion occasion)
{
    static const char *const texts[] = {
        [AT_WIRE] = "where bytes are no message, or a message does not obey its layout",
        [AT_GREETING] = "at a newstyle greeting",
        [AT_OLDSTYLE] = "at an oldstyle greeting",
        [AT_EXPORT] = "at an answer to NBD_OPT_EXPORT_NAME",
        [AT_OPTION_REPLY] = "at an option reply",
        [AT_INFO] = "at an NBD_REP_INFO",
        [AT_SIMPLE_REPLY] = "at a simple reply",
        [AT_CHUNK] = "at a chunk",
        [AT_REPLY] = "when a reply is complete",
        [AT_LOST] = "where the server's bytes make no sense",
        [AT_CLOSE] = "when the server closes without an excuse",
        [AT_PLAIN_TEXT] = "where plain text follows the ACK to NBD_OPT_STARTTLS",
        [AT_PLAIN_REPLY] = "where an option reply in plain text follows the ACK to NBD_OPT_STARTTLS",
        [AT_CUT_OFF] = "when the server closes under TLS without close_notify",
        [AT_GARBLED] = "where bytes under TLS are no TLS records",
        [AT_SHUTDOWN] = "when the server closes that said that it shuts down",
        [AT_STALL] = "when the server had its time and sent nothing",
        [AT_CLIENT_FLAGS] = "at the client's flags",
        [AT_OPTION] = "at an option of the client",
        [AT_CLIENT_CLOSE] = "when the client closes",
        [AT_REQUEST_HEAD] = "at the header of a request of the client",
        [AT_REQUEST] = "at a request of the client",
        [AT_CLIENT_LOST] = "where the client's bytes make no sense",
        [AT_CLIENT_PLAIN] = "where the client goes on in plain text behind the ACK to NBD_OPT_STARTTLS",
    };

    return texts[occasion];
}

static bool applies(const struct rule *rule, const struct session *s, enum occasion occasion)
{
    enum headers headers = s->negotiated.extended ? EXTENDED_HEADERS : COMPACT_HEADERS;

    return rule->occasion == occasion && (rule->headers == ANY_HEADERS || rule->headers == headers);
}

static size_t look(struct sight *at, const struct rule *all, size_t count, enum occasion occasion)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        if (!applies(&all[i], at->session, occasion))
            continue;
        at->rule = &all[i];
        found += all[i].watch(at);
    }
    return found;
}

/* What can be judged where not all is known that passed before. */
static bool is_of_reply(enum occasion occasion, const struct message *m)
{
    return (occasion == AT_SIMPLE_REPLY || occasion == AT_CHUNK || occasion == AT_REPLY) && m && m->exchange;
}

size_t rules_look(struct session *s, enum occasion occasion, const struct message *m)
{
    struct sight at = { .session = s, .message = m, .exchange = m ? m->exchange : NULL };
    size_t count;

    if (s->doubtful || (s->patchy && !is_of_reply(occasion, m)))
        return 0;
    if (at.exchange && held_of(at.exchange)->ambiguous && occasion != AT_REQUEST)
        return 0;
    if (m && m->head.kind == SCAN_KIND_OPTION_REPLY && !haggle_is_late(s, &m->head.option_reply))
        at.option = haggle_option_due(s);
    count = look(&at, rules, rule_count, occasion);
    if (s->looked_on)
        count += look(&at, onlooker_rules, onlooker_rule_count, occasion);
    return count;
}

bool broken(const struct sight *at, const char *fmt, ...)
{
    char came[sizeof at->session->violations->all->came];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(came, sizeof came, fmt, ap);
    va_end(ap);
    violations_add(at->session->violations, at->rule->id, at->rule->party, at->session->messages, "%s", came);
    return true;
}
