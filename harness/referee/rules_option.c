/* SPDX-License-Identifier: MIT */
/* Option replies.  proto.md, "Fixed newstyle negotiation", "Option types", "Option reply types", "Size
 * constraints". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

/* What the client asked for is no longer known. */
static bool options_unknown(const struct sight *at)
{
    return at->session->astray || at->session->streams[SIDE_CLIENT].lost;
}

static uint32_t type_of(const struct sight *at)
{
    return at->message->head.option_reply.type;
}

/* ---- which option is answered ---- */

bool another_option_echoed(const struct sight *at)
{
    uint32_t echo = at->message->head.option_reply.option;

    return at->option && !options_unknown(at) && echo != at->option->option &&
           broken(at, "option %" PRIu32 " in the reply to option %" PRIu32, echo, at->option->option);
}

bool reply_behind_final(const struct sight *at)
{
    const struct session *s = at->session;

    return !at->option && s->last_option_known && !options_unknown(at) &&
           broken(at, "another reply, of type 0x%" PRIx32 ", behind the final reply to option %" PRIu32,
                  type_of(at), s->last_option);
}

bool reply_behind_go(const struct sight *at)
{
    const struct session *s = at->session;

    return s->last == LAST_GO_ACK && s->streams[SIDE_SERVER].lost_how.got == NBD_REP_MAGIC >> 32 &&
           broken(at, "an option reply behind the ACK to GO");
}

bool reply_to_nothing(const struct sight *at)
{
    const struct session *s = at->session;

    return !at->option && !s->last_option_known && !options_unknown(at) &&
           broken(at, "an option reply of type 0x%" PRIx32 " before any option", type_of(at));
}

/* ---- INFO, GO, SET_META_CONTEXT ---- */

static bool is_answer_to(const struct sight *at, uint32_t option)
{
    return at->option && at->option->option == option;
}

static bool is_answer_to_info_or_go(const struct sight *at)
{
    return is_answer_to(at, NBD_OPT_INFO) || is_answer_to(at, NBD_OPT_GO);
}

/* A bad INFO_EXPORT is told as such and counts here. */
static bool has_info(const struct pending *p, uint16_t info)
{
    for (size_t i = 0; i < p->info_count; i++)
        if (p->infos[i] == info)
            return true;
    return p->info_count == PENDING_INFOS;
}

static bool acked_without_export(const struct sight *at)
{
    return type_of(at) == NBD_REP_ACK && !has_info(at->option, NBD_INFO_EXPORT) &&
           broken(at, "ACK after %u replies, none of them INFO EXPORT", at->option->replies);
}

bool info_acked_without_export(const struct sight *at)
{
    return is_answer_to(at, NBD_OPT_INFO) && acked_without_export(at);
}

bool go_acked_without_export(const struct sight *at)
{
    return is_answer_to(at, NBD_OPT_GO) && acked_without_export(at);
}

bool info_before_err_unknown(const struct sight *at)
{
    return is_answer_to_info_or_go(at) && type_of(at) == NBD_REP_ERR_UNKNOWN && at->option->info_count > 0 &&
           broken(at, "ERR_UNKNOWN after %zu types of INFO", at->option->info_count);
}

bool block_size_demanded_again(const struct sight *at)
{
    return is_answer_to_info_or_go(at) && type_of(at) == NBD_REP_ERR_BLOCK_SIZE_REQD && at->option->whole &&
           at->option->sound && at->option->asks_block_size &&
           broken(at, "ERR_BLOCK_SIZE_REQD though BLOCK_SIZE was asked for");
}

bool context_id_again(const struct sight *at)
{
    const struct session *s = at->session;

    if (!is_answer_to(at, NBD_OPT_SET_META_CONTEXT) || type_of(at) != NBD_REP_META_CONTEXT ||
        at->message->flaw.rule)
        return false;
    for (size_t i = 0; i < s->gathered_count; i++)
        if (s->gathered[i].id == at->message->reply.context)
            return broken(at, "context ID %" PRIu32 " twice", s->gathered[i].id);
    return false;
}

bool info_type_again(const struct sight *at)
{
    uint16_t info = at->message->reply.info;

    for (size_t i = 0; is_answer_to_info_or_go(at) && i < at->option->info_count; i++)
        if (at->option->infos[i] == info)
            return broken(at, "INFO of type %u again", info);
    return false;
}

/* ---- size constraints ---- */

static const struct wire_info_block_size *sizes(const struct sight *at)
{
    return at->message->reply.info == NBD_INFO_BLOCK_SIZE ? &at->message->reply.block_size : NULL;
}

static bool is_power_of_two(uint32_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

bool minimum_no_power_of_two(const struct sight *at)
{
    return sizes(at) && !is_power_of_two(sizes(at)->minimum) &&
           broken(at, "minimum block size %" PRIu32, sizes(at)->minimum);
}

bool minimum_too_large(const struct sight *at)
{
    return sizes(at) && sizes(at)->minimum > 65536 &&
           broken(at, "minimum block size %" PRIu32, sizes(at)->minimum);
}

bool preferred_no_power_of_two(const struct sight *at)
{
    return sizes(at) && !is_power_of_two(sizes(at)->preferred) &&
           broken(at, "preferred block size %" PRIu32, sizes(at)->preferred);
}

bool preferred_too_small(const struct sight *at)
{
    return sizes(at) && (sizes(at)->preferred < 512 || sizes(at)->preferred < sizes(at)->minimum) &&
           broken(at, "preferred block size %" PRIu32 ", minimum block size %" PRIu32, sizes(at)->preferred,
                  sizes(at)->minimum);
}

bool maximum_below_preferred(const struct sight *at)
{
    return sizes(at) && sizes(at)->maximum < sizes(at)->preferred &&
           broken(at, "maximum payload %" PRIu32 ", preferred block size %" PRIu32, sizes(at)->maximum,
                  sizes(at)->preferred);
}

/* Size and constraints may come in any order: they are looked at together when the answer is complete. */
static const struct pending *complete_answer(const struct sight *at)
{
    return is_answer_to_info_or_go(at) && type_of(at) == NBD_REP_ACK && at->option->has_export &&
                   at->option->has_block_size
               ? at->option
               : NULL;
}

bool maximum_below_1m(const struct sight *at)
{
    const struct pending *p = complete_answer(at);

    return p && p->export.size >= 1 << 20 && p->block_size.maximum < 1 << 20 &&
           broken(at, "maximum payload %" PRIu32 " for an export of %" PRIu64 " bytes", p->block_size.maximum,
                  p->export.size);
}

bool size_no_multiple_of_minimum(const struct sight *at)
{
    const struct pending *p = complete_answer(at);

    return p && p->block_size.minimum > 0 && p->export.size % p->block_size.minimum != 0 &&
           broken(at, "an export of %" PRIu64 " bytes, minimum block size %" PRIu32, p->export.size,
                  p->block_size.minimum);
}
