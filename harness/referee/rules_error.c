/* SPDX-License-Identifier: MIT */
/* Errors, and successes that have to be errors.  proto.md, "Error values", "Request types"
 * (NBD_CMD_WRITE_ZEROES), "Transmission flags" (NBD_FLAG_READ_ONLY). */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"
#include "wire/vocabulary.h"

static const struct session_request *request(const struct sight *at)
{
    return &at->exchange->request;
}

static unsigned transmission_flags(const struct sight *at)
{
    return at->session->negotiated.transmission_flags;
}

static bool failed_with(const struct sight *at, uint32_t error)
{
    return at->exchange->error == error;
}

/* ---- values ---- */

static bool is_unknown(const struct sight *at, uint32_t error)
{
    return error != 0 && !vocabulary_name(&vocabulary_errors, error) && broken(at, "error %" PRIu32, error);
}

bool simple_error_unknown(const struct sight *at)
{
    return is_unknown(at, at->message->head.simple_reply.error);
}

bool chunk_error_unknown(const struct sight *at)
{
    return at->message->chunk.role == CHUNK_ERROR && is_unknown(at, at->message->chunk.error);
}

static bool is_swapped(const struct sight *at, uint32_t error)
{
    uint32_t other = rule_swapped(error);

    return error != 0 && !vocabulary_name(&vocabulary_errors, error) &&
           vocabulary_name(&vocabulary_errors, other) &&
           broken(at, "error 0x%08" PRIx32 ", which is %" PRIu32 " with its bytes exchanged", error, other);
}

bool simple_error_swapped(const struct sight *at)
{
    return is_swapped(at, at->message->head.simple_reply.error);
}

bool chunk_error_swapped(const struct sight *at)
{
    return at->message->chunk.role == CHUNK_ERROR && is_swapped(at, at->message->chunk.error);
}

/* ---- NBD_EOVERFLOW and NBD_ENOTSUP ---- */

static bool is_over_maximum(const struct sight *at)
{
    return request(at)->length > at->session->negotiated.block_size.maximum;
}

static bool is_fast_zero(const struct sight *at)
{
    return request(at)->type == NBD_CMD_WRITE_ZEROES && (request(at)->flags & NBD_CMD_FLAG_FAST_ZERO);
}

/* Large structured reads may have it, with and without DF; up to 65536 bytes they have to work. */
bool undue_eoverflow(const struct sight *at)
{
    bool large_read = request(at)->type == NBD_CMD_READ && at->exchange->form != REPLY_FORM_SIMPLE &&
                      request(at)->length > 65536;
    const struct command_rules *command = command_rules_of(request(at)->type);

    return failed_with(at, NBD_EOVERFLOW) && !large_read && !is_over_maximum(at) && !is_fast_zero(at) &&
           broken(at, "EOVERFLOW to %s of %" PRIu64 " bytes", command ? command->name : "an unknown command",
                  request(at)->length);
}

bool fast_zero_eoverflow(const struct sight *at)
{
    return failed_with(at, NBD_EOVERFLOW) && is_fast_zero(at) &&
           broken(at, "EOVERFLOW to WRITE_ZEROES with FAST_ZERO, %" PRIu64 " bytes", request(at)->length);
}

bool undue_enotsup(const struct sight *at)
{
    const struct command_rules *command = command_rules_of(request(at)->type);

    return failed_with(at, NBD_ENOTSUP) && request(at)->type != NBD_CMD_WRITE_ZEROES &&
           broken(at, "ENOTSUP to %s", command ? command->name : "an unknown command");
}

bool plain_enotsup(const struct sight *at)
{
    return failed_with(at, NBD_ENOTSUP) && request(at)->type == NBD_CMD_WRITE_ZEROES && !is_fast_zero(at) &&
           (transmission_flags(at) & NBD_FLAG_SEND_FAST_ZERO) &&
           broken(at, "ENOTSUP to WRITE_ZEROES without FAST_ZERO");
}

bool unadvertised_enotsup(const struct sight *at)
{
    return failed_with(at, NBD_ENOTSUP) && request(at)->type == NBD_CMD_WRITE_ZEROES &&
           (transmission_flags(at) & NBD_FLAG_SEND_WRITE_ZEROES) &&
           !(transmission_flags(at) & NBD_FLAG_SEND_FAST_ZERO) &&
           broken(at, "ENOTSUP to WRITE_ZEROES, while SEND_FAST_ZERO is not advertised");
}

/* ---- NBD_FLAG_READ_ONLY ---- */

static bool read_only_succeeded(const struct sight *at, uint16_t command, unsigned advertised_by)
{
    return request(at)->type == command && request(at)->length > 0 && at->exchange->error == 0 &&
           at->exchange->error_chunks == 0 && (transmission_flags(at) & NBD_FLAG_READ_ONLY) &&
           (transmission_flags(at) & advertised_by) == advertised_by &&
           broken(at, "success of a %s", command_rules_of(command)->name);
}

bool read_only_written(const struct sight *at)
{
    return read_only_succeeded(at, NBD_CMD_WRITE, 0);
}

bool read_only_zeroed(const struct sight *at)
{
    return read_only_succeeded(at, NBD_CMD_WRITE_ZEROES, NBD_FLAG_SEND_WRITE_ZEROES);
}

bool read_only_trimmed(const struct sight *at)
{
    return read_only_succeeded(at, NBD_CMD_TRIM, NBD_FLAG_SEND_TRIM);
}

/* ---- NBD_ENOMEM and NBD_ESHUTDOWN ---- */

enum { LITTLE = 65536 };

/* How much memory a server has to have is not said: so little it can do without, or say EIO. */
bool enomem_for_little(const struct sight *at)
{
    return failed_with(at, NBD_ENOMEM) && request(at)->length <= LITTLE &&
           broken(at, "ENOMEM to a request of %" PRIu64 " bytes", request(at)->length);
}

/* What was wrong by itself may be told as ever. */
bool other_error_in_shutdown(const struct sight *at)
{
    const struct command_rules *command = command_rules_of(request(at)->type);

    return at->session->stopping && at->exchange->error != 0 && !failed_with(at, NBD_ESHUTDOWN) &&
           held_of(at->exchange)->faults == 0 && command &&
           broken(at, "error %" PRIu32 " to %s, after ESHUTDOWN to another request", at->exchange->error,
                  command->name);
}
