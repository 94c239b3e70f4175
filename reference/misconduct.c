/* SPDX-License-Identifier: MIT */
#include "reference/misconduct.h"

#include <stdlib.h>

#include "base/memory.h"
#include "reference/misconduct_parts.h"

struct misconduct *misconduct_new(const struct faults *faults)
{
    struct misconduct *m = NULL;

    for (size_t i = 0; i < FAULT_COUNT && !m; i++)
        if (faults->on[i])
            m = memory_take(sizeof *m);
    if (m)
        m->faults = faults;
    return m;
}

void misconduct_free(struct reference_session *s)
{
    if (!s->misconduct)
        return;
    contents_misconduct_free(s);
    free(s->misconduct);
    s->misconduct = NULL;
}

/* ---- hooks ---- */

void misconduct_client_flags(struct reference_session *s, uint32_t *flags)
{
    if (*flags == NBD_FLAG_C_FIXED_NEWSTYLE && fault_on(s, FAULT_ABORT_UNASKED)) {
        s->in.head.option.option = NBD_OPT_ABORT;
        answer_option(s, NBD_REP_ACK, NULL);
    }
    if (fault_on(s, FAULT_UNKNOWN_CLIENT_FLAGS_ACCEPTED))
        *flags &= (uint32_t)(NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
    if (fault_on(s, FAULT_TLS_WITHOUT_FIXED_NEWSTYLE))
        *flags |= NBD_FLAG_C_FIXED_NEWSTYLE;
}

void misconduct_begin_option(struct reference_session *s)
{
    options_misconduct_begin(s);
    tls_misconduct_begin(s);
}

bool misconduct_early_option(struct reference_session *s, const struct option_data *data)
{
    return tls_misconduct_option(s, data);
}

bool misconduct_option(struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return options_misconduct(s, data, refusal);
}

void misconduct_answered_option(struct reference_session *s, size_t start)
{
    s->misconduct->putting = true;
    options_misconduct_answered(s, start);
    s->misconduct->putting = false;
}

void misconduct_message(struct reference_session *s, size_t start, enum scan_kind kind)
{
    struct misconduct *m = s->misconduct;

    if (m->putting)
        return;
    m->putting = true;
    if (kind == SCAN_KIND_SIMPLE_REPLY || kind == SCAN_KIND_CHUNK || kind == SCAN_KIND_EXTENDED_REPLY)
        replies_misconduct(s, start, kind);
    else
        handshake_misconduct(s, start, kind);
    m->putting = false;
}

void misconduct_used_up(struct reference_session *s)
{
    uint64_t have, wanted;

    scan_progress(&s->scan, &have, &wanted);
    if (s->export && !s->in.begun && have > 0 && fault_on(s, FAULT_REQUEST_IN_PIECES_CLOSES))
        s->over = true;
}

bool misconduct_awaits_payload(const struct reference_session *s)
{
    return s->extended && fault_on(s, FAULT_EXTENDED_ENDLESS_PAYLOAD_AWAITED);
}

void misconduct_begin_request(struct reference_session *s, struct request *r)
{
    struct misconduct *m = s->misconduct;

    m->pretend = false;
    m->silent = false;
    m->pipelined = s->output.len > s->sent;
    contents_misconduct_begin(s);
    requests_misconduct_begin(s, r);
    payloads_misconduct_begin(s, r);
}

void misconduct_checked(struct reference_session *s, const struct request *r)
{
    requests_misconduct_checked(s, r);
    payloads_misconduct_checked(s, r);
    contents_misconduct_checked(s, r);
}

bool misconduct_perform(struct reference_session *s, const struct request *r)
{
    return contents_misconduct_perform(s, r);
}

bool misconduct_disc(struct reference_session *s)
{
    return contents_misconduct_disc(s) || requests_misconduct_disc(s);
}

void misconduct_answers_request(struct reference_session *s, const struct request *r)
{
    requests_misconduct_answers(s, r);
}

void misconduct_answered_request(struct reference_session *s, const struct request *r, size_t start)
{
    struct misconduct *m = s->misconduct;

    m->putting = true;
    if (m->silent)
        s->output.len = start;
    else if (!s->extended)
        replies_misconduct_answered(s, r, start);
    if (!m->silent)
        extended_misconduct_answered(s, r, start);
    requests_misconduct_answered(s, r, start);
    m->putting = false;
    contents_misconduct_answered(s, r);
}

void misconduct_all_sent(struct reference_session *s)
{
    contents_misconduct_all_sent(s);
}

/* ---- editing ----
 *
 * Places beyond the end are no mistake: with several faults on, one may have shortened what another one
 * alters. */

static bool is_there(const struct reference_session *s, size_t at, size_t len)
{
    return at <= s->output.len && len <= s->output.len - at;
}

uint64_t edit_get(const struct reference_session *s, size_t at, size_t len)
{
    struct wire_in in = wire_in(is_there(s, at, len) ? span_of(s->output.bytes + at, len) : span_of(NULL, 0));

    return wire_get_number(&in, len);
}

void edit_set(struct reference_session *s, size_t at, size_t len, uint64_t value)
{
    struct wire_out out;

    if (!is_there(s, at, len))
        return;
    out = wire_out(s->output.bytes + at, len);
    wire_put_number(&out, value, len);
}

void edit_fill(struct reference_session *s, size_t at, struct span bytes)
{
    if (is_there(s, at, bytes.len))
        memcpy(s->output.bytes + at, bytes.at, bytes.len);
}

void edit_insert(struct reference_session *s, size_t at, size_t len)
{
    size_t behind = s->output.len - at;

    if (!is_there(s, at, 0))
        return;
    answer_room(s, len);
    memmove(s->output.bytes + at + len, s->output.bytes + at, behind);
    memset(s->output.bytes + at, 0, len);
}

void edit_cut(struct reference_session *s, size_t at, size_t len)
{
    if (!is_there(s, at, len))
        return;
    memmove(s->output.bytes + at, s->output.bytes + at + len, s->output.len - at - len);
    s->output.len -= len;
}

void edit_change_bit(struct reference_session *s, size_t at, uint8_t bit)
{
    edit_set(s, at, 1, edit_get(s, at, 1) ^ bit);
}

void edit_set_bits(struct reference_session *s, size_t at, size_t len, uint64_t set, uint64_t clear)
{
    edit_set(s, at, len, (edit_get(s, at, len) & ~clear) | set);
}

void edit_reverse(struct reference_session *s, size_t at, size_t len)
{
    uint64_t number = edit_get(s, at, len), other = 0;

    for (size_t i = 0; i < len; i++)
        other |= (number >> 8 * i & 0xff) << 8 * (len - 1 - i);
    edit_set(s, at, len, other);
}

void edit_exchange(struct reference_session *s, size_t one, size_t other, size_t len)
{
    uint64_t kept = edit_get(s, one, len);

    edit_set(s, one, len, edit_get(s, other, len));
    edit_set(s, other, len, kept);
}

void edit_repeat(struct reference_session *s, size_t from, size_t len)
{
    struct wire_out out = answer_room(s, len);

    memcpy(out.at, s->output.bytes + from, len);
}
