/* SPDX-License-Identifier: MIT */
/* The greeting, the answer to NBD_OPT_EXPORT_NAME, transmission flags.  proto.md, "Newstyle negotiation",
 * "Flag fields" of the handshake phase. */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

bool reserved_handshake_flag(const struct sight *at)
{
    unsigned flags = at->message->head.newstyle.flags;

    return (flags & ~(unsigned)(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)) &&
           broken(at, "handshake flags 0x%04x", flags);
}

bool handshake_flags_swapped(const struct sight *at)
{
    unsigned flags = at->message->head.newstyle.flags;

    return flags != 0 && !(flags & ~0x0300u) &&
           broken(at, "handshake flags 0x%04x, which are 0x%04x with their bytes exchanged", flags,
                  flags >> 8);
}

/* The server waits for the client now. */
bool greeting_goes_on(const struct sight *at)
{
    uint64_t have = rule_progress(at, NULL);

    return at->session->greeted && !at->session->transmission && have > 0 &&
           broken(at, "%" PRIu64 " bytes behind the 18 of the greeting", have);
}

/* How much of a greeting of WIRE_SIZE_greeting and more with this magic has come; 0: it is none,
 * or complete. */
static uint64_t cut_off_greeting(const struct sight *at, uint64_t magic)
{
    const struct scan *scan = &rule_server(at)->scan;
    struct wire_in in = wire_in(span_of(scan->head, scan->have));
    uint64_t have = rule_progress(at, NULL);

    return !at->session->greeted && have >= WIRE_SIZE_greeting && wire_get_greeting(&in).magic == magic ? have
                                                                                                        : 0;
}

bool newstyle_greeting_cut_off(const struct sight *at)
{
    uint64_t have = cut_off_greeting(at, NBD_OPTS_MAGIC);

    return have > 0 && broken(at, "%" PRIu64 " of the 18 bytes of a greeting", have);
}

/* ---- the oldstyle greeting ---- */

static bool are_zero(const struct sight *at, struct span padding)
{
    for (size_t i = 0; i < padding.len; i++)
        if (padding.at[i] != 0)
            return !broken(at, "byte %zu of the padding is 0x%02x", i, padding.at[i]);
    return true;
}

bool oldstyle_with_other_padding(const struct sight *at)
{
    return !are_zero(at, at->message->body);
}

bool oldstyle_greeting_cut_off(const struct sight *at)
{
    uint64_t have = cut_off_greeting(at, NBD_CLISERV_MAGIC);

    return have > 0 && broken(at, "%" PRIu64 " of the 152 bytes of an oldstyle greeting", have);
}

bool oldstyle_padding_too_long(const struct sight *at)
{
    return at->session->last == LAST_OLDSTYLE && rule_server(at)->lost_how.got == 0 &&
           broken(at, "zero bytes behind the 152 of the oldstyle greeting");
}

bool oldstyle_handshake_flag(const struct sight *at)
{
    unsigned flags = at->message->head.oldstyle.handshake;

    return flags != 0 && broken(at, "handshake flags 0x%04x in an oldstyle greeting", flags);
}

bool oldstyle_flags_exchanged(const struct sight *at)
{
    unsigned first = at->message->head.oldstyle.handshake, second = at->message->head.oldstyle.transmission;

    return (first & NBD_FLAG_HAS_FLAGS) && !(second & NBD_FLAG_HAS_FLAGS) &&
           broken(at, "flags 0x%04x%04x: the transmission flags stand where the handshake flags belong",
                  first, second);
}

/* ---- the answer to NBD_OPT_EXPORT_NAME ---- */

bool export_with_reply_header(const struct sight *at)
{
    const struct scan_lost *lost = &rule_server(at)->lost_how;

    return strcmp(lost->rule, at->rule->id) == 0 &&
           broken(at, "the answer to EXPORT_NAME begins with the magic of an option reply, 0x%016" PRIx64,
                  lost->got);
}

/* A reply stands where the padding should. */
bool export_without_padding(const struct sight *at)
{
    const struct scan_lost *lost = &rule_server(at)->lost_how;

    return strcmp(lost->rule, at->rule->id) == 0 &&
           broken(at, "0x%08" PRIx64 " where 124 zero bytes were due behind the transmission flags",
                  lost->got);
}

bool export_with_other_padding(const struct sight *at)
{
    return !are_zero(at, at->message->body);
}

bool export_cut_off_in_padding(const struct sight *at)
{
    uint64_t want, have = rule_progress(at, &want);

    return !at->session->transmission && rule_server(at)->head.kind == SCAN_KIND_EXPORT &&
           have >= WIRE_SIZE_export &&
           broken(at, "%" PRIu64 " of the %" PRIu64 " bytes of the answer to EXPORT_NAME", have, want);
}

/* An answer to EXPORT_NAME of which so many bytes came, and no more. */
static bool export_cut_off(const struct sight *at, uint64_t least, uint64_t below)
{
    uint64_t have = rule_progress(at, NULL);

    return (rule_server(at)->scan.expect == SCAN_EXPORT ||
            rule_server(at)->scan.expect == SCAN_EXPORT_NO_ZEROES) &&
           have >= least && have < below && broken(at, "%" PRIu64 " bytes of an answer to EXPORT_NAME", have);
}

bool export_cut_off_in_size(const struct sight *at)
{
    return export_cut_off(at, 1, sizeof(uint64_t));
}

bool export_cut_off_in_flags(const struct sight *at)
{
    return export_cut_off(at, sizeof(uint64_t), WIRE_SIZE_export);
}

static bool zeroes_came(const struct sight *at)
{
    return rule_server(at)->lost_how.got == 0;
}

bool padding_behind_export(const struct sight *at)
{
    return at->session->last == LAST_EXPORT && at->session->negotiated.no_zeroes && zeroes_came(at) &&
           broken(at, "zero bytes behind the 10 bytes of the answer to EXPORT_NAME");
}

bool padding_too_long(const struct sight *at)
{
    return at->session->last == LAST_EXPORT && !at->session->negotiated.no_zeroes && zeroes_came(at) &&
           broken(at, "more than 124 bytes of padding");
}

bool padding_behind_go(const struct sight *at)
{
    return at->session->last == LAST_GO_ACK && zeroes_came(at) &&
           broken(at, "zero bytes behind the ACK to GO");
}

/* ---- transmission flags, as either answer gives them ---- */

static bool lacks_has_flags(const struct sight *at, unsigned flags)
{
    return !(flags & NBD_FLAG_HAS_FLAGS) && broken(at, "transmission flags 0x%04x", flags);
}

static bool has_df_alone(const struct sight *at, unsigned flags)
{
    return (flags & NBD_FLAG_SEND_DF) && !at->session->negotiated.structured && !at->session->astray &&
           broken(at, "transmission flags 0x%04x, with SEND_DF, while structured replies are not negotiated",
                  flags);
}

static bool has_fast_zero_only(unsigned flags)
{
    return (flags & NBD_FLAG_SEND_FAST_ZERO) && !(flags & NBD_FLAG_SEND_WRITE_ZEROES);
}

static bool has_fast_zero_alone(const struct sight *at, unsigned flags)
{
    return has_fast_zero_only(flags) &&
           broken(at, "transmission flags 0x%04x, with SEND_FAST_ZERO and without SEND_WRITE_ZEROES", flags);
}

/* They are wrong as they stand, and would be right.  Bits that nobody has defined prove nothing alone. */
static bool flags_swapped(const struct sight *at, unsigned flags)
{
    const unsigned undefined = ~(2 * NBD_FLAG_BLOCK_STATUS_PAYLOAD - 1u);
    unsigned other = (flags & 0xff) << 8 | flags >> 8;

    if ((flags & NBD_FLAG_HAS_FLAGS) && !(has_fast_zero_only(flags) && (flags & undefined)))
        return false;
    return (other & NBD_FLAG_HAS_FLAGS) && !has_fast_zero_only(other) && !(other & undefined) &&
           broken(at, "transmission flags 0x%04x, which are 0x%04x with their bytes exchanged", flags, other);
}

bool oldstyle_lacks_has_flags(const struct sight *at)
{
    return lacks_has_flags(at, at->message->head.oldstyle.transmission);
}

bool oldstyle_has_df_alone(const struct sight *at)
{
    return has_df_alone(at, at->message->head.oldstyle.transmission);
}

bool oldstyle_has_fast_zero_alone(const struct sight *at)
{
    return has_fast_zero_alone(at, at->message->head.oldstyle.transmission);
}

bool export_flags_swapped(const struct sight *at)
{
    return flags_swapped(at, at->message->head.export.flags);
}

bool export_lacks_has_flags(const struct sight *at)
{
    return lacks_has_flags(at, at->message->head.export.flags);
}

bool export_has_df_alone(const struct sight *at)
{
    return has_df_alone(at, at->message->head.export.flags);
}

bool export_has_fast_zero_alone(const struct sight *at)
{
    return has_fast_zero_alone(at, at->message->head.export.flags);
}

static bool is_info_export(const struct sight *at)
{
    return at->message->reply.info == NBD_INFO_EXPORT;
}

bool info_flags_swapped(const struct sight *at)
{
    return is_info_export(at) && flags_swapped(at, at->message->reply.export.flags);
}

bool info_lacks_has_flags(const struct sight *at)
{
    return is_info_export(at) && lacks_has_flags(at, at->message->reply.export.flags);
}

bool info_has_df_alone(const struct sight *at)
{
    return is_info_export(at) && has_df_alone(at, at->message->reply.export.flags);
}

bool info_has_fast_zero_alone(const struct sight *at)
{
    return is_info_export(at) && has_fast_zero_alone(at, at->message->reply.export.flags);
}
