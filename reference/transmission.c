/* SPDX-License-Identifier: MIT */
/* Requests: what may be asked, and doing it.  proto.md, "Request types" and "Error values". */
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

/* Command flags that may be set: those documented for the command, as far as what exposes them is advertised.
 */
static uint16_t flags_allowed(const struct reference_session *s, const struct command_rules *rules)
{
    unsigned flags = rules->flags;

    if (!(s->flags & NBD_FLAG_SEND_FUA))
        flags &= ~(unsigned)NBD_CMD_FLAG_FUA;
    if (!(s->flags & NBD_FLAG_SEND_DF))
        flags &= ~(unsigned)NBD_CMD_FLAG_DF;
    if (!(s->flags & NBD_FLAG_SEND_FAST_ZERO))
        flags &= ~(unsigned)NBD_CMD_FLAG_FAST_ZERO;
    return (uint16_t)flags;
}

static bool is_aligned(const struct reference_export *export, const struct wire_request *r)
{
    uint32_t minimum = export->block_size.minimum;

    return minimum <= 1 || (r->offset % minimum == 0 && r->length % minimum == 0);
}

static uint32_t check_range(const struct reference_session *s, const struct wire_request *r,
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
    if (payload && r->length > transmission_payload_max(s->export)) {
        *ret_why = "the payload would be larger than the maximum";
        return r->type == NBD_CMD_READ && s->structured ? NBD_EOVERFLOW : NBD_EINVAL;
    }
    return 0;
}

uint32_t transmission_check(const struct reference_session *s, const struct wire_request *r,
                            const char **ret_why)
{
    const struct command_rules *rules = command_rules_of(r->type);

    *ret_why = "";
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

void transmission_begin_request(struct reference_session *s)
{
    struct wire_request *r = &s->in.head.request;

    if (s->in.head.body > REFERENCE_MAX_PAYLOAD) { /* it would not end before long */
        s->over = true;
        return;
    }
    MISCONDUCT(s, misconduct_begin_request(s, r));
    s->in.error = transmission_check(s, r, &s->in.why);
    MISCONDUCT(s, misconduct_checked(s, r));
}

/* The data of a WRITE that was refused are read all the same, so that the next request is found. */
void transmission_take_data(struct reference_session *s, struct span data)
{
    if (s->in.error == 0 && !store_write(s->export->store, s->in.head.request.offset + s->in.stored, data)) {
        s->in.error = NBD_ENOSPC;
        s->in.why = "there is no room left";
    }
    s->in.stored += data.len;
}

/* Does what a request without data of its own asks for; those that only read are done when they are answered.
 */
static void perform(struct reference_session *s, const struct wire_request *r)
{
    struct store *store = s->export->store;

    if (r->type == NBD_CMD_TRIM)
        store_trim(store, r->offset, r->length);
    if (r->type == NBD_CMD_WRITE_ZEROES &&
        !store_zero(store, r->offset, r->length, r->flags & NBD_CMD_FLAG_NO_HOLE)) {
        s->in.error = NBD_ENOSPC;
        s->in.why = "there is no room left";
    }
}

static void answer(struct reference_session *s, const struct wire_request *r)
{
    if (s->in.error != 0)
        answer_error(s, r, s->in.error, s->in.why);
    else if (r->type == NBD_CMD_READ)
        answer_read(s, r);
    else if (r->type == NBD_CMD_BLOCK_STATUS)
        answer_block_status(s, r);
    else
        answer_done(s, r->cookie);
}

/* Requests are done and answered one after the other, so that FLUSH, FUA and NBD_CMD_DISC find nothing that
 * is still to be done, and every connection sees what was answered on any. */
void transmission_take_request(struct reference_session *s)
{
    const struct wire_request *r = &s->in.head.request;
    size_t start = s->output.len;

    if (r->type == NBD_CMD_DISC) {
        s->over = !MISCONDUCT_TAKES(s, misconduct_disc(s));
        return;
    }
    if (s->in.error == 0 && !MISCONDUCT_TAKES(s, misconduct_perform(s, r)))
        perform(s, r);
    MISCONDUCT(s, misconduct_answers_request(s, r));
    answer(s, r);
    MISCONDUCT(s, misconduct_answered_request(s, r, start));
}
