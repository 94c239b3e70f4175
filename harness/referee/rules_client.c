/* SPDX-License-Identifier: MIT */
/* What clients may not do, as far as a request shows it.  What nbdtest itself does wrong as a client it does
 * on purpose: these are for captures of others.  proto.md, "Transmission", "Command flags",
 * "Request types". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

static const struct session_request *request(const struct sight *at)
{
    return &at->message->request;
}

static unsigned advertised(const struct sight *at)
{
    return at->session->negotiated.transmission_flags;
}

static const char *name_of(uint16_t type)
{
    const struct command_rules *command = command_rules_of(type);

    return command ? command->name : "an unknown command";
}

/* ---- magics ---- */

static bool lost_by(const struct sight *at, uint64_t magic)
{
    return at->session->transmission && at->session->streams[SIDE_CLIENT].lost_how.got == magic &&
           broken(at, "0x%08" PRIx64, magic);
}

bool historic_request(const struct sight *at)
{
    return lost_by(at, UINT32_C(0x12560953));
}

bool logged_request(const struct sight *at)
{
    return lost_by(at, UINT32_C(0x25609514));
}

/* The oldstyle handshake ends with the greeting. */
bool no_request_behind_oldstyle(const struct sight *at)
{
    const struct scan_lost *how = &at->session->streams[SIDE_CLIENT].lost_how;

    return at->session->transmission && !at->session->flags_seen && how->at == 0 &&
           broken(at, "0x%08" PRIx64 " behind an oldstyle greeting", how->got);
}

bool extended_request_unasked(const struct sight *at)
{
    return !at->session->negotiated.extended && lost_by(at, NBD_EXTENDED_REQUEST_MAGIC);
}

/* ---- cookies ---- */

bool cookie_in_flight(const struct sight *at)
{
    return at->exchange && held_of(at->exchange)->ambiguous &&
           broken(at, "cookie 0x%" PRIx64 " of a request that is not yet answered", request(at)->cookie);
}

/* ---- flags ---- */

static bool unadvertised_flag(const struct sight *at, unsigned flag, unsigned advertised_by, const char *name)
{
    return (request(at)->flags & flag) && !(advertised(at) & advertised_by) &&
           broken(at, "%s on %s, and the transmission flags are 0x%04x", name, name_of(request(at)->type),
                  advertised(at));
}

bool fua_unadvertised(const struct sight *at)
{
    return unadvertised_flag(at, NBD_CMD_FLAG_FUA, NBD_FLAG_SEND_FUA, "FUA");
}

bool df_unadvertised(const struct sight *at)
{
    return unadvertised_flag(at, NBD_CMD_FLAG_DF, NBD_FLAG_SEND_DF, "DF");
}

bool fast_zero_unadvertised(const struct sight *at)
{
    return unadvertised_flag(at, NBD_CMD_FLAG_FAST_ZERO, NBD_FLAG_SEND_FAST_ZERO, "FAST_ZERO");
}

bool no_hole_unadvertised(const struct sight *at)
{
    return unadvertised_flag(at, NBD_CMD_FLAG_NO_HOLE, NBD_FLAG_SEND_WRITE_ZEROES, "NO_HOLE");
}

bool flag_undocumented(const struct sight *at)
{
    return !excuse_flags_known(at->session, request(at)) &&
           broken(at, "%s with flags 0x%04x", name_of(request(at)->type), request(at)->flags);
}

bool fua_without_write(const struct sight *at)
{
    const struct command_rules *command = command_rules_of(request(at)->type);

    return (request(at)->flags & NBD_CMD_FLAG_FUA) && (advertised(at) & NBD_FLAG_SEND_FUA) && command &&
           !command->writes && broken(at, "FUA on %s", command->name);
}

/* ---- commands ---- */

static bool is_command(const struct sight *at, uint16_t type)
{
    return request(at)->type == type;
}

static bool of_nothing(const struct sight *at, uint16_t type)
{
    return is_command(at, type) && request(at)->length == 0 && broken(at, "a %s of length 0", name_of(type));
}

bool read_of_nothing(const struct sight *at)
{
    return of_nothing(at, NBD_CMD_READ);
}

bool write_of_nothing(const struct sight *at)
{
    return of_nothing(at, NBD_CMD_WRITE);
}

bool trim_of_nothing(const struct sight *at)
{
    return of_nothing(at, NBD_CMD_TRIM);
}

bool zeroes_of_nothing(const struct sight *at)
{
    return of_nothing(at, NBD_CMD_WRITE_ZEROES);
}

static bool unadvertised(const struct sight *at, uint16_t type, unsigned flag)
{
    return is_command(at, type) && !(advertised(at) & flag) &&
           broken(at, "%s, and the transmission flags are 0x%04x", name_of(type), advertised(at));
}

bool flush_unadvertised(const struct sight *at)
{
    return unadvertised(at, NBD_CMD_FLUSH, NBD_FLAG_SEND_FLUSH);
}

bool trim_unadvertised(const struct sight *at)
{
    return unadvertised(at, NBD_CMD_TRIM, NBD_FLAG_SEND_TRIM);
}

bool zeroes_unadvertised(const struct sight *at)
{
    return unadvertised(at, NBD_CMD_WRITE_ZEROES, NBD_FLAG_SEND_WRITE_ZEROES);
}

static bool of_range(const struct sight *at, uint16_t type)
{
    return is_command(at, type) && (request(at)->offset != 0 || request(at)->length != 0) &&
           broken(at, "%s with offset %" PRIu64 " and length %" PRIu64, name_of(type), request(at)->offset,
                  request(at)->length);
}

bool flush_of_range(const struct sight *at)
{
    return of_range(at, NBD_CMD_FLUSH);
}

bool disc_of_range(const struct sight *at)
{
    return of_range(at, NBD_CMD_DISC);
}

/* ---- the end ---- */

bool disc_in_flight(const struct sight *at)
{
    return is_command(at, NBD_CMD_DISC) && at->session->in_flight.count > 0 &&
           broken(at, "DISC with %zu requests in flight", at->session->in_flight.count);
}

bool request_behind_disc(const struct sight *at)
{
    return at->session->goodbye && broken(at, "%s behind DISC", name_of(request(at)->type));
}

bool request_in_shutdown(const struct sight *at)
{
    return at->session->stopping && !is_command(at, NBD_CMD_DISC) &&
           broken(at, "%s after ESHUTDOWN", name_of(request(at)->type));
}

/* ---- ranges ---- */

static bool has_range(const struct sight *at)
{
    const struct command_rules *command = command_rules_of(request(at)->type);

    return command && command->ranged;
}

bool range_beyond_export(const struct sight *at)
{
    uint64_t size = at->session->negotiated.size, offset = request(at)->offset;

    return has_range(at) && (offset > size || request(at)->length > size - offset) &&
           broken(at, "%" PRIu64 " bytes from %" PRIu64 " of an export of %" PRIu64, request(at)->length,
                  offset, size);
}

bool range_unaligned(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;
    uint32_t unit = n->block_size_known ? n->block_size.minimum : 1;

    return has_range(at) && unit > 1 &&
           (request(at)->offset % unit != 0 || request(at)->length % unit != 0) &&
           broken(at, "%" PRIu64 " bytes from %" PRIu64 ", and the minimum is %" PRIu32, request(at)->length,
                  request(at)->offset, unit);
}

/* The end of an export need not be a multiple of anything. */
bool range_off_512(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;
    uint64_t offset = request(at)->offset, length = request(at)->length;

    return has_range(at) && !n->block_size_known && length <= n->size &&
           (offset % 512 != 0 || (length % 512 != 0 && offset != n->size - length)) &&
           broken(at, "%" PRIu64 " bytes from %" PRIu64 ", and no minimum was told", length, offset);
}

/* The length of a payload that the client decides. */
static uint64_t payload_length(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;

    if (is_command(at, NBD_CMD_WRITE))
        return request(at)->payload;
    return is_command(at, NBD_CMD_READ) && !n->structured && !n->extended ? request(at)->length : 0;
}

bool payload_over_maximum(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;

    return n->block_size_known && payload_length(at) > n->block_size.maximum &&
           broken(at, "a payload of %" PRIu64 " bytes, and the maximum is %" PRIu32, payload_length(at),
                  n->block_size.maximum);
}

bool payload_over_default(const struct sight *at)
{
    return !at->session->negotiated.block_size_known && payload_length(at) > UINT64_C(1) << 25 &&
           broken(at, "a payload of %" PRIu64 " bytes, and no maximum was told", payload_length(at));
}

/* ---- block status ---- */

bool block_status_of_nothing(const struct sight *at)
{
    return of_nothing(at, NBD_CMD_BLOCK_STATUS);
}

bool block_status_unstructured(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;

    return is_command(at, NBD_CMD_BLOCK_STATUS) && !n->structured && !n->extended &&
           broken(at, "BLOCK_STATUS without structured replies");
}

bool block_status_without_contexts(const struct sight *at)
{
    return is_command(at, NBD_CMD_BLOCK_STATUS) && at->session->negotiated.context_count == 0 &&
           broken(at, "BLOCK_STATUS, and no context is selected");
}

bool block_status_of_another_export(const struct sight *at)
{
    return is_command(at, NBD_CMD_BLOCK_STATUS) && at->session->negotiated.context_count > 0 &&
           at->session->other_export &&
           broken(at, "BLOCK_STATUS, and the contexts are of an export of another name");
}

/* ---- staying where the connection cannot go on ---- */

/* Requests may have been under way when the client read what makes it leave, but none that it sends after
 * two that it sent since then were answered in turn. */
static bool stays_behind(const struct sight *at, enum leave_cause cause, bool extended)
{
    static const char *const came[] = { [LEAVE_NOT] = "",
                                        [LEAVE_UNKNOWN_TYPE] = "of a type that nobody has defined",
                                        [LEAVE_UNEXPECTED_TYPE] = "of a type that the command does not have",
                                        [LEAVE_INCONSISTENT] = "that contradicts itself",
                                        [LEAVE_ERROR_LENGTH] = "whose error message does not fit in" };
    const struct session *s = at->session;

    return s->leave == cause && s->leave_turns == 2 && s->negotiated.extended == extended &&
           broken(at, "%s behind a chunk %s", name_of(request(at)->type), came[cause]);
}

bool stays_behind_unknown_type(const struct sight *at)
{
    return stays_behind(at, LEAVE_UNKNOWN_TYPE, false);
}

bool stays_behind_unexpected_type(const struct sight *at)
{
    return stays_behind(at, LEAVE_UNEXPECTED_TYPE, false);
}

bool stays_behind_inconsistent_chunk(const struct sight *at)
{
    return stays_behind(at, LEAVE_INCONSISTENT, false);
}

bool stays_behind_error_length(const struct sight *at)
{
    return stays_behind(at, LEAVE_ERROR_LENGTH, false) || stays_behind(at, LEAVE_ERROR_LENGTH, true);
}

bool stays_behind_wrong_extended_type(const struct sight *at)
{
    return stays_behind(at, LEAVE_UNKNOWN_TYPE, true) || stays_behind(at, LEAVE_UNEXPECTED_TYPE, true);
}

bool stays_behind_inconsistent_extended_chunk(const struct sight *at)
{
    return stays_behind(at, LEAVE_INCONSISTENT, true);
}

/* ---- extended headers ---- */

static bool has_payload_flag(const struct sight *at)
{
    return (request(at)->flags & NBD_CMD_FLAG_PAYLOAD_LEN) != 0;
}

bool payload_flag_on_compact(const struct sight *at)
{
    return !request(at)->extended && has_payload_flag(at) && broken(at, "PAYLOAD_LEN in a compact request");
}

bool write_without_payload_flag(const struct sight *at)
{
    return request(at)->extended && is_command(at, NBD_CMD_WRITE) && !has_payload_flag(at) &&
           broken(at, "WRITE without PAYLOAD_LEN");
}

bool payload_of_nothing(const struct sight *at)
{
    return request(at)->extended && has_payload_flag(at) && request(at)->payload == 0 &&
           broken(at, "PAYLOAD_LEN, and no payload");
}

bool read_beyond_32_bits(const struct sight *at)
{
    return request(at)->extended && is_command(at, NBD_CMD_READ) && request(at)->length > UINT32_MAX &&
           broken(at, "READ of %" PRIu64 " bytes", request(at)->length);
}

bool payload_beyond_32_bits(const struct sight *at)
{
    const struct scan_head *head = &at->session->streams[SIDE_CLIENT].head;

    return head->kind == SCAN_KIND_EXTENDED_REQUEST && head->body > UINT32_MAX &&
           broken(at, "a payload of %" PRIu64 " bytes", head->body);
}

bool filter_unadvertised(const struct sight *at)
{
    return request(at)->filtered && !(advertised(at) & NBD_FLAG_BLOCK_STATUS_PAYLOAD) &&
           broken(at, "BLOCK_STATUS with PAYLOAD_LEN, and the transmission flags are 0x%04x", advertised(at));
}

static bool is_selected(const struct negotiated *n, uint32_t context)
{
    for (size_t i = 0; i < n->context_count; i++)
        if (n->contexts[i].id == context)
            return true;
    return false;
}

bool filter_of_unknown_context(const struct sight *at)
{
    struct status_filter filter;
    struct wire_flaw flaw;
    uint32_t context;

    if (!at->message->request.filtered || !filter_decode(at->message->body, &filter, &flaw))
        return false;
    while (filter_next_context(&filter.contexts, &context))
        if (!is_selected(&at->session->negotiated, context))
            return broken(at, "context %" PRIu32 ", which was not selected", context);
    return false;
}
