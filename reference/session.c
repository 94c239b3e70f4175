/* SPDX-License-Identifier: MIT */
/* The stream of one connection: cuts what the client sends into messages and hands them to those who act on
 * them. */
#include "reference/session.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "reference/manners.h"
#include "reference/misconduct.h"
#include "reference/state.h"
#include "wire/constants.h"

enum {
    OPTION_DATA_MAX = 256 * 1024, /* the longest sound NBD_OPT_GO has about 132 KiB */
    FILTER_MAX = 1024,            /* far more than there are contexts; what is longer is refused */
    OUTPUT_WAITING_MAX = 1 << 20, /* no new message is taken while more than this waits to be sent */
    OUTPUT_KEPT_MAX = 4 << 20,    /* larger buffers are given back once they are empty */
    OUTPUT_MAX = 3 * (int)REFERENCE_MAX_PAYLOAD,
};

struct reference_session *reference_session_new(const struct reference_config *config)
{
    struct reference_session *s = memory_take(sizeof *s);

    assert(config->export_count > 0);
    assert(config->tls == REFERENCE_TLS_OFF || config->face == REFERENCE_FIXED_NEWSTYLE);
    s->config = config;
    buffer_init(&s->option_data,
                config->limits.option_bytes > 0 ? config->limits.option_bytes : OPTION_DATA_MAX);
    buffer_init(&s->filter, FILTER_MAX);
    buffer_init(&s->output, OUTPUT_MAX);
    s->misconduct = misconduct_new(&config->faults);
    s->manners = manners_new(&config->oddities);
    scan_init(&s->scan, SCAN_CLIENT_FLAGS);
    handshake_greet(s);
    return s;
}

void reference_session_free(struct reference_session *s)
{
    if (!s)
        return;
    misconduct_free(s);
    manners_free(s);
    buffer_free(&s->option_data);
    buffer_free(&s->filter);
    buffer_free(&s->output);
    free(s);
}

static bool is_request(const struct scan_head *head)
{
    return head->kind == SCAN_KIND_REQUEST || head->kind == SCAN_KIND_EXTENDED_REQUEST;
}

static void begin_message(struct reference_session *s, const struct scan_head *head)
{
    s->in = (struct incoming){ .begun = true, .head = *head, .late = s->shutting_down };
    if (head->kind == SCAN_KIND_OPTION)
        handshake_begin_option(s);
    else if (is_request(head))
        transmission_begin_request(s);
}

static void take_data(struct reference_session *s, struct span data)
{
    if (is_request(&s->in.head))
        transmission_take_data(s, data);
    else if (!s->in.too_long)
        buffer_add(&s->option_data, data.at, data.len);
}

static void end_message(struct reference_session *s)
{
    s->in.begun = false;
    if (s->in.head.kind == SCAN_KIND_CLIENT_FLAGS)
        handshake_take_flags(s);
    else if (s->in.head.kind == SCAN_KIND_OPTION)
        handshake_take_option(s);
    else
        transmission_take_request(s);
}

static void take_messages(struct reference_session *s, struct span *in)
{
    struct scan_ret ret;

    while (!s->over && !s->starting_tls && s->rest.length == 0 &&
           (s->in.begun || s->output.len - s->sent <= OUTPUT_WAITING_MAX)) {
        switch (scan_next(&s->scan, in, &ret)) {
        case SCAN_HEAD:
            begin_message(s, &ret.head);
            break;
        case SCAN_DATA:
            take_data(s, ret.data);
            break;
        case SCAN_END:
            end_message(s);
            break;
        case SCAN_LOST:
            s->over = true;
            break;
        case SCAN_MORE:
            MISCONDUCT(s, misconduct_used_up(s));
            return;
        }
    }
    if (s->starting_tls && in->len > 0 && !MISCONDUCT_TAKES(s, misconduct_plain_text(s)))
        s->over = true; /* plain text where TLS is due */
}

uint64_t reference_session_missing(const struct reference_session *s)
{
    return s->in.begun ? s->scan.body : 0;
}

bool reference_session_left(const struct reference_session *s)
{
    return s->left;
}

void reference_session_feed(struct reference_session *s, struct span *in)
{
    take_messages(s, in);
    MANNERS(s, manners_taken(s));
}

bool reference_session_quiet(struct reference_session *s)
{
    if (!MANNERS_TAKE(s, manners_keeps(s)))
        return false;
    manners_release(s);
    return true;
}

void reference_session_finished(struct reference_session *s)
{
    MANNERS(s, manners_release(s));
    s->over = true;
}

void reference_session_shut_down(struct reference_session *s)
{
    s->shutting_down = true;
}

bool reference_session_in_handshake(const struct reference_session *s)
{
    return !s->export;
}

size_t reference_session_waiting(const struct reference_session *s)
{
    size_t waiting = s->output.len - s->sent;

    MANNERS(s, waiting = manners_portion(s, waiting));
    return waiting;
}

struct span reference_session_output(struct reference_session *s)
{
    size_t waiting = reference_session_waiting(s);

    answer_settle(s);
    return span_of(waiting > 0 ? s->output.bytes + s->sent : NULL, waiting);
}

size_t reference_session_output_parts(const struct reference_session *s,
                                      struct span ret_parts[LOANS_PARTS_MAX])
{
    static const struct loans none;
    size_t waiting = reference_session_waiting(s);

    if (waiting == 0)
        return 0;
    return loans_parts(s->loans ? s->loans : &none, span_of(s->output.bytes, s->sent + waiting), s->sent,
                       ret_parts);
}

/* What alters replies wants to see them whole. */
void reference_session_lend(struct reference_session *s, struct loans *loans)
{
    answer_settle(s);
    s->loans = s->misconduct || s->manners ? NULL : loans;
}

void reference_session_sent(struct reference_session *s, size_t bytes)
{
    assert(bytes <= s->output.len - s->sent);
    s->sent += bytes;
    MANNERS(s, manners_sent(s, bytes));
    if (s->sent == s->output.len) {
        s->sent = 0;
        if (s->loans)
            s->loans->count = 0;
        if (s->output.room > OUTPUT_KEPT_MAX)
            buffer_free(&s->output);
        else
            buffer_clear(&s->output);
        if (s->rest.length > 0)
            answer_rest(s);
        MISCONDUCT(s, misconduct_all_sent(s));
        return;
    }
    answer_settle(s); /* what has left in part is not told apart */
    if (s->sent > OUTPUT_WAITING_MAX && s->sent > s->output.len / 2) { /* moves less than was sent */
        buffer_drop(&s->output, s->sent);
        s->sent = 0;
    }
}

void reference_session_answer_in_pieces(struct reference_session *s)
{
    s->in_pieces = true;
}

void reference_session_swap_memory(struct reference_session *s, struct buffer *spare)
{
    struct buffer own = s->output;

    if (own.len > 0)
        return;
    s->output.bytes = spare->bytes;
    s->output.room = spare->room;
    spare->bytes = own.bytes;
    spare->room = own.room;
}

bool reference_session_over(const struct reference_session *s)
{
    return s->over;
}
