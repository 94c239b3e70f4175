/* SPDX-License-Identifier: MIT */
/* What a client may not do.  Nobody is blamed for it here; but a server may close on it ("Termination of the
 * session during option haggling", "Terminating the transmission phase"), so that its closing is no fault any
 * more.  Where the specification leaves open what a server does, closing is excused, too. */
#include "referee/state.h"
#include "wire/constants.h"

enum {
    PATIENT_OPTIONS = 32,      /* some servers drop a client that haggles for longer */
    PATIENT_BYTES = 64 * 1024, /* of option data */
    PATIENT_PAYLOAD =
        1 << 25, /* "any payload not exceeding 2^25 bytes SHOULD NOT be considered a denial of service" */
};

void excuse_option_begins(struct session *s, uint64_t bytes)
{
    if (bytes > PATIENT_BYTES)
        s->may_close = s->may_wait = true;
}

/* The options for metadata contexts need structured replies or extended headers. */
static bool is_premature(const struct session *s, uint32_t option)
{
    return (option == NBD_OPT_LIST_META_CONTEXT || option == NBD_OPT_SET_META_CONTEXT) &&
           !s->negotiated.structured && !s->negotiated.extended;
}

void excuse_option(struct session *s, const struct message *m)
{
    s->may_close = s->may_close || is_premature(s, m->head.option.option);
    if (m->flaw.rule || s->options_sent > PATIENT_OPTIONS || s->option_count > 1 || s->transmission ||
        (m->head.option.option != NBD_OPT_EXPORT_NAME && !haggle_both_fixed_newstyle(s)))
        s->may_close = s->may_wait = true;
}

static bool before_transmission(const struct session *s, const struct session_request *r)
{
    (void)r;
    return !s->transmission;
}

static bool unknown_command(const struct session *s, const struct session_request *r)
{
    (void)s;
    return !command_rules_of(r->type) || r->type == NBD_CMD_RESIZE;
}

bool excuse_flags_known(const struct session *s, const struct session_request *request)
{
    const struct command_rules *command = command_rules_of(request->type);
    unsigned known = command ? command_flags(command, request->extended) : 0;

    if (request->type == NBD_CMD_BLOCK_STATUS &&
        !(s->negotiated.transmission_flags & NBD_FLAG_BLOCK_STATUS_PAYLOAD))
        known &= ~(unsigned)NBD_CMD_FLAG_PAYLOAD_LEN;
    return !command || !(request->flags & ~known);
}

/* Flags that the command does not have, or that were not advertised. */
static bool undue_flags(const struct session *s, const struct session_request *r)
{
    static const struct {
        uint16_t command_flag, advertised_by;
    } needs[] = {
        { NBD_CMD_FLAG_FUA, NBD_FLAG_SEND_FUA },
        { NBD_CMD_FLAG_DF, NBD_FLAG_SEND_DF },
        { NBD_CMD_FLAG_FAST_ZERO, NBD_FLAG_SEND_FAST_ZERO },
    };
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if ((r->flags & needs[i].command_flag) &&
            !(s->negotiated.transmission_flags & needs[i].advertised_by))
            return true;
    return !excuse_flags_known(s, r);
}

static bool unadvertised_command(const struct session *s, const struct session_request *r)
{
    static const struct {
        uint16_t type, advertised_by;
    } needs[] = {
        { NBD_CMD_FLUSH, NBD_FLAG_SEND_FLUSH },
        { NBD_CMD_TRIM, NBD_FLAG_SEND_TRIM },
        { NBD_CMD_CACHE, NBD_FLAG_SEND_CACHE },
        { NBD_CMD_WRITE_ZEROES, NBD_FLAG_SEND_WRITE_ZEROES },
    };

    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (r->type == needs[i].type && !(s->negotiated.transmission_flags & needs[i].advertised_by))
            return true;
    return r->type == NBD_CMD_BLOCK_STATUS && (s->negotiated.context_count == 0 || s->contexts_doubtful);
}

static bool is_ranged(const struct session_request *r)
{
    const struct command_rules *command = command_rules_of(r->type);

    return command && command->ranged;
}

/* A range where none is due, or none where one is. */
static bool undue_range(const struct session *s, const struct session_request *r)
{
    (void)s;
    return is_ranged(r) ? r->length == 0 : r->offset != 0 || r->length != 0;
}

static bool beyond_end(const struct session *s, const struct session_request *r)
{
    uint64_t size = s->negotiated.size;

    return is_ranged(r) && (r->offset > size || r->length > size - r->offset);
}

static bool unaligned(const struct session *s, const struct session_request *r)
{
    const struct negotiated *n = &s->negotiated;
    uint32_t unit = n->block_size_known ? n->block_size.minimum : 1;

    return is_ranged(r) && unit > 1 && (r->offset % unit != 0 || r->length % unit != 0);
}

static bool large_payload(const struct session *s, const struct session_request *r)
{
    uint64_t payload = r->type == NBD_CMD_READ && r->length > r->payload ? r->length : r->payload;

    return payload > PATIENT_PAYLOAD || payload > s->negotiated.block_size.maximum;
}

static bool write_to_read_only(const struct session *s, const struct session_request *r)
{
    const struct command_rules *command = command_rules_of(r->type);

    return command && command->writes && (s->negotiated.transmission_flags & NBD_FLAG_READ_ONLY);
}

/* An extended request whose payload is not what its command calls for: whether the server waits for bytes,
 * and what it takes them for, is left open for some of them. */
static bool odd_payload(const struct session *s, const struct session_request *r)
{
    bool flagged = (r->flags & NBD_CMD_FLAG_PAYLOAD_LEN) != 0;

    (void)s;
    if (!r->extended)
        return false;
    return flagged ? r->payload == 0 : r->type == NBD_CMD_WRITE;
}

static bool cookie_in_flight(const struct session *s, const struct session_request *r)
{
    return exchange_find(s, r->cookie) != NULL;
}

static bool after_goodbye(const struct session *s, const struct session_request *r)
{
    (void)r;
    return s->goodbye;
}

unsigned excuse_request(struct session *s, const struct session_request *request)
{
    static const struct {
        enum request_fault fault;
        bool (*is_there)(const struct session *, const struct session_request *);
        bool may_wait;
    } faults[] = {
        { FAULT_OTHER, before_transmission, true },
        { FAULT_OTHER, unknown_command, false },
        { FAULT_FLAGS, undue_flags, false },
        { FAULT_UNADVERTISED, unadvertised_command, false },
        { FAULT_OTHER, undue_range, false },
        { FAULT_BEYOND_END, beyond_end, false },
        { FAULT_UNALIGNED, unaligned, false },
        { FAULT_OTHER, large_payload, true },
        { FAULT_READ_ONLY, write_to_read_only, false },
        { FAULT_OTHER, odd_payload, true },
        { FAULT_OTHER, cookie_in_flight, true },
        { FAULT_OTHER, after_goodbye, true },
    };
    unsigned found = 0;

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].is_there(s, request)) {
            s->may_wait = s->may_wait || faults[i].may_wait;
            found |= faults[i].fault;
        }
    s->may_close = s->may_close || found != 0;
    return found;
}

/* Bytes that came before the answer to NBD_OPT_GO or NBD_OPT_EXPORT_NAME, and are no request. */
static bool is_between_phases(const struct session *s)
{
    const struct scan *scan = &s->streams[SIDE_CLIENT].scan;
    uint64_t have, want;

    scan_progress(scan, &have, &want);
    return s->transmission && have > 0 && scan->expect == SCAN_OPTION;
}

static bool is_over(const struct session *s)
{
    return s->stopping || s->shutting_down || is_between_phases(s) || s->astray || s->opaque || s->goodbye ||
           s->streams[SIDE_CLIENT].ended || s->streams[SIDE_CLIENT].lost;
}

bool excuse_close(const struct session *s)
{
    return s->may_close || is_over(s);
}

bool excuse_silence(const struct session *s)
{
    return s->may_wait || is_over(s);
}
