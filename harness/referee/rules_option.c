/* SPDX-License-Identifier: MIT */
/* Option replies.  proto.md, "Fixed newstyle negotiation", "Option types", "Option reply types", "Size
 * constraints". */
#include <inttypes.h>

#include "base/escape.h"
#include "referee/rule.h"
#include "wire/constants.h"
#include "wire/vocabulary.h"

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

/* An answer to ABORT, which nobody has sent: as if a server could take its leave so. */
static bool takes_leave(const struct sight *at)
{
    const struct session *s = at->session;

    return s->last_option_known && s->last_option != NBD_OPT_ABORT &&
           at->message->head.option_reply.option == NBD_OPT_ABORT;
}

bool reply_behind_final(const struct sight *at)
{
    const struct session *s = at->session;

    return !at->option && s->last_option_known && !options_unknown(at) && !takes_leave(at) &&
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

    if (at->option || options_unknown(at) || (s->last_option_known && !takes_leave(at)))
        return false;
    return broken(at, "an option reply of type 0x%" PRIx32 " that no option has asked for", type_of(at));
}

/* ---- bytes that are no reply, and replies that are cut off ---- */

/* How the next message begins; false: it has a magic that is right. */
static bool is_no_reply(const struct sight *at, uint64_t *ret_got)
{
    const struct session *s = at->session;

    *ret_got = s->streams[SIDE_SERVER].lost_how.got;
    return !s->transmission && strcmp(s->streams[SIDE_SERVER].lost_how.rule, "rep.header.magic") == 0;
}

/* Where an earlier reply was sound in its header, its data may be longer than its length says. */
bool bytes_behind_reply(const struct sight *at)
{
    const struct session *s = at->session;
    uint64_t got;

    return is_no_reply(at, &got) && (s->last_option_known || (at->option && at->option->replies > 0)) &&
           broken(at, "0x%016" PRIx64 " behind an option reply: its length is too small, or this is no magic",
                  got);
}

bool transmission_in_haggling(const struct sight *at)
{
    uint64_t got;

    return is_no_reply(at, &got) &&
           (got >> 32 == NBD_SIMPLE_REPLY_MAGIC || got >> 32 == NBD_STRUCTURED_REPLY_MAGIC ||
            got >> 32 == NBD_REQUEST_MAGIC) &&
           broken(at, "a message of the transmission phase, 0x%08" PRIx64 ", in the handshake", got >> 32);
}

bool reply_cut_off(const struct sight *at)
{
    uint64_t want, have = rule_progress(at, &want);

    return at->session->greeted && !at->session->transmission && have >= WIRE_SIZE_option_reply &&
           rule_server(at)->head.kind == SCAN_KIND_OPTION_REPLY &&
           broken(at, "%" PRIu64 " of the %" PRIu64 " bytes of an option reply", have, want);
}

/* All of it came, if its length is read from the other end: nothing follows, or the next reply does. */
bool reply_length_swapped(const struct sight *at)
{
    const struct session *s = at->session;
    const struct stream *st = &s->streams[SIDE_SERVER];
    struct span behind = buffer_span(&st->body);
    uint32_t length, other;
    struct wire_in in;

    if (!s->greeted || s->transmission || st->head.kind != SCAN_KIND_OPTION_REPLY || st->seen == 0)
        return false;
    length = st->head.option_reply.length;
    other = rule_swapped(length);
    if (other >= length || other > st->seen || other > behind.len)
        return false;
    span_take(&behind, other);
    in = wire_in(behind);
    return (st->seen == other || wire_get_64(&in) == NBD_REP_MAGIC) &&
           broken(at, "length 0x%08" PRIx32 ", which is right with its bytes exchanged", length);
}

/* ---- types ---- */

/* Whether the specification has a use for this reply to this option. */
static bool is_of_use(uint32_t option, uint32_t type)
{
    switch (type) {
    case NBD_REP_ACK:
        return true;
    case NBD_REP_SERVER:
        return option == NBD_OPT_LIST;
    case NBD_REP_INFO:
        return option == NBD_OPT_INFO || option == NBD_OPT_GO;
    case NBD_REP_META_CONTEXT:
        return option == NBD_OPT_LIST_META_CONTEXT || option == NBD_OPT_SET_META_CONTEXT;
    default: /* a number from the wire */
        return reply_is_error(type);
    }
}

static bool is_defined(uint32_t type)
{
    return vocabulary_name(&vocabulary_replies, type) != NULL;
}

/* Nobody knows what an option of the server's own may bring. */
bool reply_type_of_no_use(const struct sight *at)
{
    return at->option && !options_unknown(at) && option_layout_of(at->option->option) != OPTION_UNKNOWN &&
           !is_of_use(at->option->option, type_of(at)) &&
           broken(at, "a reply of type 0x%" PRIx32 " to option %" PRIu32, type_of(at), at->option->option);
}

bool error_without_bit_31(const struct sight *at)
{
    uint32_t type = type_of(at);

    return at->option && !options_unknown(at) && !is_of_use(at->option->option, type) &&
           is_defined(type | UINT32_C(0x80000000)) &&
           broken(at, "a reply of type 0x%" PRIx32 " to option %" PRIu32 ", where an error has bit 31", type,
                  at->option->option);
}

bool reply_type_swapped(const struct sight *at)
{
    uint32_t type = type_of(at);

    return !is_defined(type) && is_defined(rule_swapped(type)) &&
           broken(at, "reply type 0x%08" PRIx32 ", which is 0x%08" PRIx32 " with its bytes exchanged", type,
                  rule_swapped(type));
}

/* ---- texts ---- */

enum {
    RECOMMENDED = 256, /* bytes of a string at most */
    ECHOED = 256 /* bytes of an option's data, from which on its answer may be long for having them in it */
};

static bool is_long(const struct sight *at, const char *what, struct span text)
{
    return text.len > RECOMMENDED && broken(at, "%s of %zu bytes", what, text.len);
}

bool text_longer_than_recommended(const struct sight *at)
{
    const struct reply_data *reply = &at->message->reply;

    if (!at->option || at->option->data > ECHOED || reply->layout == REPLY_META_CONTEXT)
        return false; /* names of contexts have a row of their own */
    return is_long(at, "a name", reply->name) || is_long(at, "a text", reply->text);
}

bool message_longer_than_recommended(const struct sight *at)
{
    return is_long(at, "a message", at->message->chunk.message);
}

/* Line ends and tabs can be shown. */
static bool is_not_displayable(const struct sight *at, const char *what, struct span text)
{
    if (!utf8_valid(text))
        return broken(at, "%s that is not UTF-8", what);
    for (size_t i = 0; i < text.len; i++)
        if ((text.at[i] < ' ' && !memchr("\t\n\r", text.at[i], 3)) || text.at[i] == 0x7f)
            return broken(at, "%s with the control character 0x%02x", what, text.at[i]);
    return false;
}

/* What is before the text is sound: it is where it should be. */
static bool has_text(const struct sight *at, enum reply_layout layout, const char *field)
{
    const struct wire_flaw *flaw = &at->message->flaw;

    return at->message->reply.layout == layout &&
           (!flaw->rule || (strcmp(flaw->field, field) == 0 && !haggle_may_echo(at->session, at->message)));
}

bool details_not_displayable(const struct sight *at)
{
    return has_text(at, REPLY_SERVER, "details") &&
           is_not_displayable(at, "details", at->message->reply.text);
}

bool description_not_displayable(const struct sight *at)
{
    return has_text(at, REPLY_INFO, "description") && at->message->reply.info == NBD_INFO_DESCRIPTION &&
           is_not_displayable(at, "a description", at->message->reply.text);
}

bool message_not_displayable(const struct sight *at)
{
    return has_text(at, REPLY_MESSAGE, "message") &&
           is_not_displayable(at, "a message", at->message->reply.text);
}

/* ---- shutting down ---- */

/* A server that shuts down does not change its mind.  Other errors may have to be: to what it does not know,
 * before TLS, to what is malformed. */
bool other_reply_behind_shutdown(const struct sight *at)
{
    uint32_t type = type_of(at);

    return at->session->shutting_down && at->option && at->option->option != NBD_OPT_ABORT &&
           type == NBD_REP_ACK &&
           broken(at, "a reply of type 0x%" PRIx32 " to option %" PRIu32 ", after ERR_SHUTDOWN to another",
                  type, at->option->option);
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

/* Of more than can be kept, any may be one. */
static bool is_among(const uint16_t infos[], size_t count, uint16_t info)
{
    for (size_t i = 0; i < count; i++)
        if (infos[i] == info)
            return true;
    return count == PENDING_INFOS;
}

/* A bad INFO_EXPORT is told as such and counts here. */
static bool has_info(const struct pending *p, uint16_t info)
{
    return is_among(p->infos, p->info_count, info);
}

static bool asks_for(const struct pending *p, uint16_t info)
{
    return p->asked >> info & 1;
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
           at->option->sound && asks_for(at->option, NBD_INFO_BLOCK_SIZE) &&
           broken(at, "ERR_BLOCK_SIZE_REQD though BLOCK_SIZE was asked for");
}

bool block_size_demanded_untold(const struct sight *at)
{
    return is_answer_to_info_or_go(at) && type_of(at) == NBD_REP_ERR_BLOCK_SIZE_REQD &&
           !asks_for(at->option, NBD_INFO_BLOCK_SIZE) && !has_info(at->option, NBD_INFO_BLOCK_SIZE) &&
           broken(at, "ERR_BLOCK_SIZE_REQD, and no INFO BLOCK_SIZE before it");
}

/* With NBD_OPT_EXTENDED_HEADERS it breaks a rule of its own. */
bool block_size_demanded_elsewhere(const struct sight *at)
{
    return at->option && !is_answer_to_info_or_go(at) && !is_answer_to(at, NBD_OPT_EXTENDED_HEADERS) &&
           !options_unknown(at) && type_of(at) == NBD_REP_ERR_BLOCK_SIZE_REQD &&
           broken(at, "ERR_BLOCK_SIZE_REQD to option %" PRIu32, at->option->option);
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

/* The list of an earlier LIST is forgotten once its first entry has come. */
bool listed_again(const struct sight *at)
{
    return is_answer_to(at, NBD_OPT_LIST) && at->option->replies > 0 && type_of(at) == NBD_REP_SERVER &&
           !at->message->flaw.rule && haggle_listed(at->session, at->message->reply.name) &&
           broken(at, "an export on the list again");
}

/* Where either is left out they do not differ. */
bool description_not_as_listed(const struct sight *at)
{
    const struct listed *l;

    if (!is_answer_to_info_or_go(at) || at->message->reply.info != NBD_INFO_DESCRIPTION)
        return false;
    l = haggle_listed(at->session, buffer_span(&at->option->name));
    return l && l->details.len > 0 && !span_equal(buffer_span(&l->details), at->message->reply.text) &&
           broken(at, "a description that is not the one on the list");
}

/* Whether the export is known, and this not among what is told of it to those who ask for nothing. */
static bool comes_only_when_asked(const struct sight *at, uint16_t info)
{
    const struct volunteered *v = &at->session->volunteered;

    return v->known && span_equal(buffer_span(&v->name), buffer_span(&at->option->name)) &&
           !is_among(v->infos, v->info_count, info);
}

enum { UNASSIGNED = 0xff }; /* the numbers up to it are the next that the specification will give */

/* Information of an undefined type that has the number of a defined one in either of its bytes, or one of
 * those nearby, and comes in its place, only when that one was asked for, so that it is no type of the
 * server's own.  What it carries then shows whether it is meant. */
static bool is_misnumbered(const struct sight *at, uint16_t info, struct span *ret_payload)
{
    uint16_t told = at->message->reply.info;

    if (!is_answer_to_info_or_go(at) || told <= NBD_INFO_BLOCK_SIZE || !asks_for(at->option, info) ||
        has_info(at->option, info) || !comes_only_when_asked(at, told) ||
        (told > UNASSIGNED && (told & 0xff) != info && told >> 8 != info) ||
        at->message->body.len != at->message->body_bytes)
        return false;
    *ret_payload = at->message->body;
    span_take(ret_payload, sizeof told);
    return ret_payload->len > 0;
}

static bool broken_by_number(const struct sight *at, const char *what)
{
    return broken(at, "%s in INFO of type 0x%x", what, at->message->reply.info);
}

/* A description that is not the listed one, but the name. */
static bool is_name_as_description(const struct sight *at)
{
    return asks_for(at->option, NBD_INFO_NAME) && at->option->name.len > 0 &&
           at->message->reply.info == NBD_INFO_DESCRIPTION && !at->message->flaw.rule &&
           span_equal(at->message->reply.text, buffer_span(&at->option->name)) &&
           description_not_as_listed(at);
}

bool name_of_another_number(const struct sight *at)
{
    struct span name;

    if (is_answer_to_info_or_go(at) && is_name_as_description(at))
        return broken_by_number(at, "the name of the export");
    return is_misnumbered(at, NBD_INFO_NAME, &name) && span_equal(name, buffer_span(&at->option->name)) &&
           broken_by_number(at, "the name of the export");
}

/* A name that no export on the list has, but that the list says of this one. */
static bool is_description_as_name(const struct sight *at, const struct listed *l)
{
    struct span text = at->message->reply.name;

    return at->message->reply.info == NBD_INFO_NAME && !at->message->flaw.rule && text.len > 0 &&
           span_equal(text, buffer_span(&l->details)) && !haggle_listed(at->session, text);
}

bool description_of_another_number(const struct sight *at)
{
    const struct listed *l;
    struct span text;

    if (!is_answer_to_info_or_go(at))
        return false;
    l = haggle_listed(at->session, buffer_span(&at->option->name));
    if (l && is_description_as_name(at, l))
        return broken_by_number(at, "the description of the export");
    return is_misnumbered(at, NBD_INFO_DESCRIPTION, &text) && l &&
           span_equal(buffer_span(&l->details), text) &&
           broken_by_number(at, "the description of the export");
}

/* Who asks twice, and must not, may be told twice. */
bool info_type_again(const struct sight *at)
{
    uint16_t info = at->message->reply.info;

    if (!is_answer_to_info_or_go(at) || at->option->asks_twice)
        return false;
    for (size_t i = 0; i < at->option->info_count; i++)
        if (at->option->infos[i] == info)
            return broken(at, "INFO of type %u again", info);
    return false;
}

/* Two bytes more than it should have, and the type in those that follow. */
bool info_type_of_32_bits(const struct sight *at)
{
    struct span body = at->message->body;
    struct wire_in in = wire_in(body);
    uint32_t type;

    if (at->message->reply.layout != REPLY_INFO || body.len != at->message->body_bytes)
        return false;
    type = wire_get_32(&in);
    return ((type == NBD_INFO_EXPORT && body.len == 4 + WIRE_SIZE_info_export) ||
            (type == NBD_INFO_BLOCK_SIZE && body.len == 4 + WIRE_SIZE_info_block_size)) &&
           broken(at, "INFO of type 0x%08" PRIx32 ", in 32 bits", type);
}

/* ---- size constraints ---- */

static bool is_power_of_two(uint32_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

static const struct wire_info_block_size *sizes(const struct sight *at)
{
    return at->message->reply.info == NBD_INFO_BLOCK_SIZE ? &at->message->reply.block_size : NULL;
}

static bool are_right(const struct wire_info_block_size *b)
{
    return is_power_of_two(b->minimum) && b->minimum <= 65536 && is_power_of_two(b->preferred) &&
           b->preferred >= 512 && b->preferred >= b->minimum && b->maximum >= b->preferred;
}

bool block_sizes_swapped(const struct sight *at)
{
    const struct wire_info_block_size *b = sizes(at);
    struct wire_info_block_size other;

    if (!b || are_right(b))
        return false;
    other = (struct wire_info_block_size){ rule_swapped(b->minimum), rule_swapped(b->preferred),
                                           rule_swapped(b->maximum) };
    return are_right(&other) && broken(at,
                                       "block sizes 0x%08" PRIx32 " 0x%08" PRIx32 " 0x%08" PRIx32
                                       ", which are right with their bytes exchanged",
                                       b->minimum, b->preferred, b->maximum);
}

bool block_sizes_of_another_number(const struct sight *at)
{
    struct wire_info_block_size told;
    struct span bytes;
    struct wire_in in;

    if (!is_misnumbered(at, NBD_INFO_BLOCK_SIZE, &bytes) || bytes.len != 3 * sizeof(uint32_t))
        return false;
    in = wire_in(bytes);
    told = wire_get_info_block_size(&in);
    return are_right(&told) && broken_by_number(at, "block sizes");
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
