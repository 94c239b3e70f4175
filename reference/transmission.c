/* SPDX-License-Identifier: MIT */
/* Requests: what may be asked, and doing it.  proto.md, "Request types" and "Error values". */
#include "reference/manners.h"
#include "reference/misconduct.h"
#include "reference/state.h"
#include "wire/constants.h"

/* Where nothing is advertised: proto.md, "Size constraints". */
enum { PAYLOAD_DEFAULT = 32 * 1024 * 1024 };

uint32_t transmission_payload_max(const struct reference_export *export)
{
    uint32_t most = export->block_size.maximum;

    if (most == 0)
        return PAYLOAD_DEFAULT;
    return most < REFERENCE_MAX_PAYLOAD ? most : REFERENCE_MAX_PAYLOAD;
}

uint32_t transmission_payload_told(const struct reference_session *s)
{
    return s->sized == s->export ? transmission_payload_max(s->export) : PAYLOAD_DEFAULT;
}

/* The transmission flag that exposes a command or a command flag, 0 where none does. */
static uint16_t exposed_by(uint16_t type)
{
    static const uint16_t flags[] = {
        [NBD_CMD_FLUSH] = NBD_FLAG_SEND_FLUSH,
        [NBD_CMD_TRIM] = NBD_FLAG_SEND_TRIM,
        [NBD_CMD_CACHE] = NBD_FLAG_SEND_CACHE,
        [NBD_CMD_WRITE_ZEROES] = NBD_FLAG_SEND_WRITE_ZEROES,
        [NBD_CMD_BLOCK_STATUS] = 0,
    };

    return type < sizeof flags / sizeof *flags ? flags[type] : 0;
}

static bool is_known(const struct reference_session *s, const struct command_rules *rules)
{
    uint16_t flag;

    if (!rules || rules->type > NBD_CMD_BLOCK_STATUS)
        return false;
    flag = exposed_by(rules->type);
    return (s->flags & flag) == flag;
}

bool transmission_knows(const struct reference_session *s, uint16_t type)
{
    return is_known(s, command_rules_of(type));
}

/* Command flags that may be set: those documented for the command, as far as what exposes them
 * is advertised. */
static uint16_t flags_allowed(const struct reference_session *s, const struct command_rules *rules)
{
    unsigned flags = command_flags(rules, s->extended);

    if (rules->type == NBD_CMD_BLOCK_STATUS && !(s->flags & NBD_FLAG_BLOCK_STATUS_PAYLOAD))
        flags &= ~(unsigned)NBD_CMD_FLAG_PAYLOAD_LEN;
    if (!(s->flags & NBD_FLAG_SEND_FUA))
        flags &= ~(unsigned)NBD_CMD_FLAG_FUA;
    if (!(s->flags & NBD_FLAG_SEND_DF))
        flags &= ~(unsigned)NBD_CMD_FLAG_DF;
    if (!(s->flags & NBD_FLAG_SEND_FAST_ZERO))
        flags &= ~(unsigned)NBD_CMD_FLAG_FAST_ZERO;
    return (uint16_t)flags;
}

static bool is_aligned(const struct reference_export *export, const struct request *r)
{
    uint32_t minimum = export->block_size.minimum;

    return minimum <= 1 || (r->offset % minimum == 0 && r->length % minimum == 0);
}

/* A READ may be as long as what can wait to be sent, where its reply may come in pieces. */
static bool is_payload_in_order(const struct reference_session *s, const struct request *r)
{
    return r->length <= transmission_payload_max(s->export) ||
           (s->extended && r->type == NBD_CMD_READ && !(r->flags & NBD_CMD_FLAG_DF) && answer_fits(s, r));
}

static uint32_t check_range(const struct reference_session *s, const struct request *r,
                            const struct command_rules *rules, const char **ret_why)
{
    uint64_t size = store_size(s->export->store);
    bool payload = r->type == NBD_CMD_READ || r->type == NBD_CMD_WRITE;

    if (rules->writes && s->export->read_only) {
        *ret_why = "the export is read-only";
        return NBD_EPERM;
    }
    if (r->offset > size || r->length > size - r->offset) {
        *ret_why = "the range reaches beyond the end of the export";
        return r->type == NBD_CMD_WRITE || r->type == NBD_CMD_WRITE_ZEROES ? NBD_ENOSPC : NBD_EINVAL;
    }
    if (!is_aligned(s->export, r)) {
        *ret_why = "offset and length have to be multiples of the minimum block size";
        return NBD_EINVAL;
    }
    if (payload && !is_payload_in_order(s, r)) {
        *ret_why = "the payload would be larger than the maximum";
        return r->type == NBD_CMD_READ && s->structured ? NBD_EOVERFLOW : NBD_EINVAL;
    }
    return 0;
}

uint32_t transmission_check(const struct reference_session *s, const struct request *r, const char **ret_why)
{
    const struct command_rules *rules = command_rules_of(r->type);

    *ret_why = "";
    if (s->in.late) {
        *ret_why = "the server is shutting down";
        return NBD_ESHUTDOWN;
    }
    if (!is_known(s, rules)) {
        *ret_why = "this command is not known here";
        return NBD_EINVAL;
    }
    if (r->flags & ~(unsigned)flags_allowed(s, rules)) {
        *ret_why = "a flag is not known here, or not for this command";
        return NBD_EINVAL;
    }
    if (r->type == NBD_CMD_FLUSH && (r->offset != 0 || r->length != 0)) {
        *ret_why = "offset and length of a flush are reserved";
        return NBD_EINVAL;
    }
    if (r->type == NBD_CMD_BLOCK_STATUS && !s->context_of) {
        *ret_why = "no metadata context is selected for this export";
        return NBD_EINVAL;
    }
    if (r->type == NBD_CMD_BLOCK_STATUS && r->length == 0) {
        *ret_why = "there is no status of nothing";
        return NBD_EINVAL;
    }
    return rules->ranged ? check_range(s, r, rules, ret_why) : 0;
}

static struct request request_of(const struct scan_head *head)
{
    const struct wire_request *compact = &head->request;
    const struct wire_extended_request *extended = &head->extended_request;

    if (head->kind == SCAN_KIND_EXTENDED_REQUEST)
        return (struct request){ extended->flags, extended->type, extended->cookie, extended->offset,
                                 extended->length };
    return (struct request){ compact->flags, compact->type, compact->cookie, compact->offset,
                             compact->length };
}

/* The end of such a payload would not come before long; under extended headers the limit is the maximum
 * payload that the client knows of: proto-extended-headers.md, "Request message". */
static bool is_payload_too_long(const struct reference_session *s)
{
    return s->in.head.body > (s->extended ? transmission_payload_told(s) : REFERENCE_MAX_PAYLOAD);
}

/* Such a request is judged once its payload is there. */
static bool has_filter(const struct reference_session *s, const struct request *r)
{
    return s->extended && r->type == NBD_CMD_BLOCK_STATUS && (r->flags & NBD_CMD_FLAG_PAYLOAD_LEN) &&
           (s->flags & NBD_FLAG_BLOCK_STATUS_PAYLOAD);
}

void transmission_begin_request(struct reference_session *s)
{
    struct request *r = &s->in.request;

    if (is_payload_too_long(s) && !MISCONDUCT_TAKES(s, misconduct_awaits_payload(s))) {
        s->over = true;
        return;
    }
    *r = request_of(&s->in.head);
    s->in.contexts = s->contexts;
    buffer_clear(&s->filter);
    MISCONDUCT(s, misconduct_begin_request(s, r));
    if (has_filter(s, r))
        return;
    s->in.error = transmission_check(s, r, &s->in.why);
    MANNERS(s, manners_checked(s, r));
    MISCONDUCT(s, misconduct_checked(s, r));
}

static void note_written(const struct reference_session *s, uint64_t offset, uint64_t length)
{
    if (s->export->written)
        written_note(s->export->written, offset, length);
}

/* The data of a request that was refused are read all the same, so that the next one is found. */
void transmission_take_data(struct reference_session *s, struct span data)
{
    uint64_t offset = s->in.request.offset + s->in.stored;

    if (s->in.request.type != NBD_CMD_WRITE) {
        buffer_add(&s->filter, data.at, data.len);
        return;
    }
    if (MANNERS_TAKE(s, manners_data(s, data)))
        return;
    answer_settle(s);
    if (s->in.error == 0)
        note_written(s, offset, data.len);
    if (s->in.error == 0 && !store_write(s->export->store, offset, data)) {
        s->in.error = NBD_ENOSPC;
        s->in.why = "there is no room left";
    }
    s->in.stored += data.len;
}

/* What is wrong with the metadata contexts that are asked for, 0: nothing; *ret_contexts: which they are. */
static uint32_t check_contexts(const struct reference_session *s, struct span ids, unsigned *ret_contexts,
                               const char **ret_why)
{
    uint32_t id;

    *ret_contexts = 0;
    *ret_why = "no metadata context is asked for";
    while (filter_next_context(&ids, &id)) {
        unsigned i = 0;

        while (i < CONTEXT_COUNT && !((s->contexts & 1u << i) && contexts_id(s, i) == id))
            i++;
        *ret_why = "a metadata context is not selected for this export, or asked for twice";
        if (i == CONTEXT_COUNT || (*ret_contexts & 1u << i))
            return NBD_EINVAL;
        *ret_contexts |= 1u << i;
    }
    return *ret_contexts == 0 ? NBD_EINVAL : 0;
}

/* The payload of a BLOCK_STATUS is there: what the request is about is known now. */
static void take_filter(struct reference_session *s)
{
    struct request *r = &s->in.request;
    struct status_filter filter;
    struct wire_flaw flaw;

    if (filter_decode(buffer_span(&s->filter), &filter, &flaw) && s->filter.len == s->in.head.body) {
        r->length = filter.length;
        s->in.error = transmission_check(s, r, &s->in.why);
        if (s->in.error == 0)
            s->in.error = check_contexts(s, filter.contexts, &s->in.contexts, &s->in.why);
    } else {
        s->in.error = NBD_EINVAL;
        s->in.why = "the payload is not an effect length and some metadata contexts";
    }
    MISCONDUCT(s, misconduct_checked(s, r));
}

/* Does what a request without data of its own asks for; those that only read are done when they
 * are answered. */
static void perform(struct reference_session *s, const struct request *r)
{
    struct store *store = s->export->store;

    if (r->type == NBD_CMD_TRIM || r->type == NBD_CMD_WRITE_ZEROES) {
        answer_settle(s);
        note_written(s, r->offset, r->length);
    }
    if (MANNERS_TAKE(s, manners_perform(s, r)))
        return;
    if (r->type == NBD_CMD_TRIM)
        store_trim(store, r->offset, r->length);
    if (r->type == NBD_CMD_WRITE_ZEROES &&
        !store_zero(store, r->offset, r->length, r->flags & NBD_CMD_FLAG_NO_HOLE)) {
        s->in.error = NBD_ENOSPC;
        s->in.why = "there is no room left";
    }
}

void transmission_answer(struct reference_session *s, const struct request *r)
{
    if (s->in.error != 0)
        answer_error(s, r, s->in.error, s->in.why);
    else if (r->type == NBD_CMD_READ)
        answer_read(s, r);
    else if (r->type == NBD_CMD_BLOCK_STATUS)
        answer_block_status(s, r);
    else
        answer_done(s, r);
}

/* Requests are done and answered one after the other, so that FLUSH, FUA and NBD_CMD_DISC find nothing that
 * is still to be done, and every connection sees what was answered on any. */
void transmission_take_request(struct reference_session *s)
{
    const struct request *r = &s->in.request;

    if (r->type == NBD_CMD_DISC) {
        MANNERS(s, manners_release(s));
        s->left = true;
        s->over = !MISCONDUCT_TAKES(s, misconduct_disc(s));
        return;
    }
    if (has_filter(s, r))
        take_filter(s);
    if (!MANNERS_TAKE(s, manners_request(s)))
        transmission_do_request(s);
}

void transmission_do_request(struct reference_session *s)
{
    const struct request *r = &s->in.request;
    size_t start = s->output.len;

    if (s->in.error == 0 && !MISCONDUCT_TAKES(s, misconduct_perform(s, r)))
        perform(s, r);
    MISCONDUCT(s, misconduct_answers_request(s, r));
    transmission_answer(s, r);
    MISCONDUCT(s, misconduct_answered_request(s, r, start));
    MANNERS(s, manners_answered(s, start));
}
