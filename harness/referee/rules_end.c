/* SPDX-License-Identifier: MIT */
/* Closing without a reason, and silence.  Whether there is a reason: excuse.c.  proto.md, "Termination of the
 * session during option haggling", "Terminating the transmission phase". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

/* A server that closes on EXPORT_NAME refuses the export; one that closes while nothing is asked of it may
 * have lost patience. */
bool closed_in_haggling(const struct sight *at)
{
    const struct session *s = at->session;
    const struct pending *due = haggle_option_due(s);
    uint64_t want, have = rule_progress(at, &want);

    if (!s->greeted || s->transmission || !due || due->option == NBD_OPT_EXPORT_NAME)
        return false;
    if (have > 0)
        return broken(at, "closed after %" PRIu64 " of %" PRIu64 " bytes of a reply to option %" PRIu32, have,
                      want, due->option);
    return broken(at, "closed with option %" PRIu32 " unanswered", due->option);
}

/* "If an error occurs while reading after the server has already sent out the reply header ..., the server
 * MUST immediately initiate a hard disconnect". */
static bool is_in_simple_data(const struct sight *at)
{
    return rule_server(at)->head.kind == SCAN_KIND_SIMPLE_REPLY && rule_server(at)->exchange &&
           rule_progress(at, NULL) >= WIRE_SIZE_simple_reply;
}

bool closed_in_transmission(const struct sight *at)
{
    const struct session *s = at->session;
    uint64_t want, have = rule_progress(at, &want);

    if (!s->transmission || is_in_simple_data(at))
        return false;
    if (have > 0)
        return broken(at,
                      "closed after %" PRIu64 " of %" PRIu64 " bytes of a reply, with %zu requests in flight",
                      have, want, s->in_flight.count);
    return broken(at, "closed without DISC, with %zu requests in flight", s->in_flight.count);
}

/* A request that came before one that was answered has reached the server for certain. */
bool closed_before_drained(const struct sight *at)
{
    const struct session *s = at->session;
    const struct exchange *oldest = s->in_flight.oldest ? &s->in_flight.oldest->exchange : NULL;

    return !s->may_close && !s->goodbye && !s->streams[SIDE_CLIENT].ended && oldest &&
           oldest->number < s->newest_answered &&
           broken(at, "closed with cookie 0x%" PRIx64 " unanswered, and a later request answered",
                  oldest->request.cookie);
}

/* ---- silence ---- */

bool greeting_missing(const struct sight *at)
{
    return !at->session->greeted && rule_progress(at, NULL) < WIRE_SIZE_greeting && broken(at, "no greeting");
}

bool option_reply_missing(const struct sight *at)
{
    const struct pending *due = haggle_option_due(at->session);

    return at->session->greeted && !at->session->transmission && due && due->option != NBD_OPT_EXPORT_NAME &&
           rule_progress(at, NULL) == 0 &&
           broken(at, "no %s to option %" PRIu32, due->replies > 0 ? "final reply" : "reply", due->option);
}
