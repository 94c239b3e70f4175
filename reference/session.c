/* SPDX-License-Identifier: MIT */
/* The stream of one connection: cuts what the client sends into messages and hands them to those who act on
 * them. */
#include "reference/session.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "reference/misconduct.h"
#include "reference/state.h"

enum {
    OPTION_DATA_MAX = 256 * 1024, /* the longest sound NBD_OPT_GO has about 132 KiB */
    OUTPUT_WAITING_MAX = 1 << 20, /* no new message is taken while more than this waits to be sent */
    OUTPUT_KEPT_MAX = 1 << 20,    /* larger buffers are given back once they are empty */
    OUTPUT_MAX = 3 * (int)REFERENCE_MAX_PAYLOAD,
};

struct reference_session *reference_session_new(const struct reference_config *config)
{
    struct reference_session *s = memory_take(sizeof *s);

    assert(config->export_count > 0);
    s->config = config;
    buffer_init(&s->option_data, OPTION_DATA_MAX);
    buffer_init(&s->output, OUTPUT_MAX);
    s->misconduct = misconduct_new(&config->faults);
    scan_init(&s->scan, SCAN_CLIENT_FLAGS);
    handshake_greet(s);
    return s;
}

void reference_session_free(struct reference_session *s)
{
    if (!s)
        return;
    misconduct_free(s);
    buffer_free(&s->option_data);
    buffer_free(&s->output);
    free(s);
}

static void begin_message(struct reference_session *s, const struct scan_head *head)
{
    s->in = (struct incoming){ .begun = true, .head = *head };
    if (head->kind == SCAN_KIND_OPTION)
        handshake_begin_option(s);
    else if (head->kind == SCAN_KIND_REQUEST)
        transmission_begin_request(s);
}

static void take_data(struct reference_session *s, struct span data)
{
    if (s->in.head.kind == SCAN_KIND_REQUEST)
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

void reference_session_feed(struct reference_session *s, struct span *in)
{
    struct scan_ret ret;

    while (!s->over && (s->in.begun || s->output.len - s->sent <= OUTPUT_WAITING_MAX)) {
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
            return;
        }
    }
}

void reference_session_finished(struct reference_session *s)
{
    s->over = true;
}

struct span reference_session_output(const struct reference_session *s)
{
    return span_of(s->output.len > s->sent ? s->output.bytes + s->sent : NULL, s->output.len - s->sent);
}

void reference_session_sent(struct reference_session *s, size_t bytes)
{
    assert(bytes <= s->output.len - s->sent);
    s->sent += bytes;
    if (s->sent == s->output.len) {
        s->sent = 0;
        if (s->output.room > OUTPUT_KEPT_MAX)
            buffer_free(&s->output);
        else
            buffer_clear(&s->output);
        MISCONDUCT(s, misconduct_all_sent(s));
    } else if (s->sent > s->output.len / 2) { /* moving at most what was sent keeps the cost even */
        buffer_drop(&s->output, s->sent);
        s->sent = 0;
    }
}

bool reference_session_over(const struct reference_session *s)
{
    return s->over;
}
