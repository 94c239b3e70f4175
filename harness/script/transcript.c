/* SPDX-License-Identifier: MIT */
#include "script/transcript.h"

#include <inttypes.h>

#include "base/escape.h"
#include "script/value.h"
#include "wire/vocabulary.h"

/* ---- data ---- */

enum {
    RUN_LEAST = 16, /* bytes from which a run is told as one */
    HEX_MOST = 64,  /* bytes told in hex */
    HEX_FIRST = 16, /* bytes told of data that are not told in full */
    TERMS_MOST = 16,
    LIST_MOST = 64 * 1024, /* bytes of a list that is told item by item */
};

static void put_hex(struct span data, struct buffer *to)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *at;

    buffer_print(to, "hex(\"");
    at = buffer_extend(to, 2 * data.len);
    for (size_t i = 0; at && i < data.len; i++) {
        *at++ = (uint8_t)digits[data.at[i] >> 4];
        *at++ = (uint8_t)digits[data.at[i] & 15];
    }
    buffer_print(to, "\")");
}

/* Bytes from the front of data that are all the same. */
static size_t same_bytes(struct span data)
{
    size_t len = 1;

    if (data.len < 2)
        return data.len;
    if (memcmp(data.at, data.at + 1, data.len - 1) == 0)
        return data.len;
    while (data.at[len] == data.at[0])
        len++;
    return len;
}

/* Bytes from the front of data that are pattern(seed) at that offset. */
static size_t pattern_bytes(struct span data, uint64_t offset, uint64_t seed)
{
    uint8_t wanted[512];
    size_t len = 0;

    while (data.len > 0) {
        struct span piece = span_take(&data, sizeof wanted);

        pattern_fill(seed, offset + len, wanted, piece.len);
        if (memcmp(wanted, piece.at, piece.len) != 0) {
            for (size_t i = 0; wanted[i] == piece.at[i]; i++)
                len++;
            return len;
        }
        len += piece.len;
    }
    return len;
}

/* A stretch of data that one term tells. */
struct run {
    enum { RUN_FILL, RUN_PATTERN, RUN_HEX } kind;
    size_t at, len;
    uint64_t seed; /* PATTERN; FILL: the byte */
};

/* The run at the front of data, if there is one of RUN_LEAST bytes or, for a single value, up to the end. */
static bool run_at(struct span data, uint64_t origin, size_t at, struct run *ret)
{
    struct span rest = span_of(data.at + at, data.len - at);
    size_t len = same_bytes(rest);
    uint64_t seed;

    if (len >= RUN_LEAST || (len == data.len && len > 1)) {
        *ret = (struct run){ RUN_FILL, at, len, rest.at[0] };
        return true;
    }
    if (rest.len < RUN_LEAST || !pattern_recognise(origin + at, span_of(rest.at, RUN_LEAST), &seed))
        return false;
    *ret = (struct run){ RUN_PATTERN, at, pattern_bytes(rest, origin + at, seed), seed };
    return true;
}

/* Divides data into runs; 0 when they would be too many, or too many bytes in hex. */
static size_t divide(struct span data, uint64_t origin, struct run runs[TERMS_MOST])
{
    size_t count = 0, at = 0, hex = 0;

    while (at < data.len) {
        struct run run;

        if (run_at(data, origin, at, &run)) {
            if (count == TERMS_MOST)
                return 0;
            runs[count++] = run;
            at += run.len;
            continue;
        }
        if (++hex > HEX_MOST)
            return 0;
        if (count > 0 && runs[count - 1].kind == RUN_HEX) {
            runs[count - 1].len++;
        } else {
            if (count == TERMS_MOST)
                return 0;
            runs[count++] = (struct run){ RUN_HEX, at, 1, 0 };
        }
        at++;
    }
    return count;
}

static void put_run(const struct run *run, struct span data, bool alone, struct buffer *to)
{
    switch (run->kind) {
    case RUN_HEX:
        put_hex(span_of(data.at + run->at, run->len), to);
        return;
    case RUN_FILL:
        if (run->seed == 0)
            buffer_print(to, "zero");
        else
            buffer_print(to, "fill(0x%" PRIx64 ")", run->seed);
        if (!alone)
            buffer_print(to, "[..%zu]", run->len);
        return;
    case RUN_PATTERN:
        buffer_print(to, "pattern(%" PRIu64 ")", run->seed);
        if (!alone)
            buffer_print(to, "[%zu..%zu]", run->at, run->at + run->len);
        return;
    }
}

/* Appends data as a value if that can be done in full; sized: terms say how long they are. */
static bool put_whole(struct span data, uint64_t origin, bool sized, struct buffer *to)
{
    struct run runs[TERMS_MOST];
    size_t count = divide(data, origin, runs);

    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_print(to, " ");
        put_run(&runs[i], data, count == 1 && !sized, to);
    }
    return true;
}

static bool put_data(struct span data, uint64_t origin, bool sized, struct buffer *to)
{
    if (data.len == 0)
        buffer_print(to, "\"\"");
    else if (!put_whole(data, origin, sized, to)) {
        put_hex(span_of(data.at, HEX_FIRST), to);
        return false;
    }
    return true;
}

bool transcript_data(struct span data, uint64_t origin, struct buffer *to)
{
    put_data(data, origin, false, to);
    return to->len < to->ceiling;
}

/* The comment behind a line whose data are not told in full. */
static void put_cut(uint64_t bytes, struct buffer *to)
{
    buffer_print(to, "  # the first of %" PRIu64 " bytes", bytes);
}

static void put_string(struct span text, struct buffer *to)
{
    if (text.len > NBD_MAX_STRING) {
        put_data(text, 0, true, to);
        return;
    }
    buffer_print(to, "\"");
    escape_text(to, text);
    buffer_print(to, "\"");
}

/* A string that the server sent, unless it is longer than any may be: its line would have no bounds. */
static void put_text(const char *field, struct span text, struct buffer *to)
{
    if (text.len > NBD_MAX_STRING)
        return;
    buffer_print(to, " %s=", field);
    put_string(text, to);
}

/* ---- client ---- */

static void put_infos(struct span infos, struct buffer *to)
{
    const char *separator = "";
    uint16_t info;

    buffer_print(to, " infos=(");
    while (option_next_info(&infos, &info)) {
        buffer_print(to, "%s", separator);
        vocabulary_print(&vocabulary_infos, info, to);
        separator = " ";
    }
    buffer_print(to, ")");
}

static void put_queries(struct span queries, struct buffer *to)
{
    const char *separator = "";
    struct span query;

    buffer_print(to, " queries=(");
    while (option_next_query(&queries, &query)) {
        buffer_print(to, "%s", separator);
        put_string(query, to);
        separator = " ";
    }
    buffer_print(to, ")");
}

static void put_option(const struct message *m, struct buffer *to)
{
    bool sound = !m->flaw.rule && m->body.len == m->body_bytes && m->option.queries.len <= LIST_MOST;

    buffer_print(to, "OPT ");
    vocabulary_print(&vocabulary_options, m->head.option.option, to);
    switch (sound ? m->option.layout : OPTION_UNKNOWN) {
    case OPTION_NONE:
        break;
    case OPTION_NAME:
        buffer_print(to, " name=");
        put_string(m->option.name, to);
        return;
    case OPTION_INFOS:
        buffer_print(to, " name=");
        put_string(m->option.name, to);
        put_infos(m->option.infos, to);
        return;
    case OPTION_QUERIES:
        buffer_print(to, " name=");
        put_string(m->option.name, to);
        put_queries(m->option.queries, to);
        return;
    case OPTION_UNKNOWN:
        break;
    }
    if (m->body_bytes > 0 || !sound) {
        buffer_print(to, " data=");
        if (!put_data(m->body, 0, true, to) || m->body.len < m->body_bytes)
            put_cut(m->body_bytes, to);
    }
}

static void put_request(const struct message *m, struct buffer *to)
{
    const struct session_request *r = &m->request;
    uint64_t length = r->extended ? m->head.extended_request.length : r->length;
    const char *name = vocabulary_name(&vocabulary_commands, r->type);

    if (name)
        buffer_print(to, "%s", name);
    else
        buffer_print(to, "CMD %u", r->type);
    buffer_print(to, " offset=%" PRIu64 " length=%" PRIu64, r->offset, length);
    if (r->flags != 0) {
        buffer_print(to, " flags=");
        vocabulary_print_flags(&vocabulary_command_flags, r->flags, to);
    }
    buffer_print(to, " cookie=%" PRIu64, r->cookie);
    if (m->body_bytes > 0) {
        buffer_print(to, r->type == NBD_CMD_WRITE ? " data=" : " payload=");
        if (!put_data(m->body, r->offset, m->body_bytes != length, to) || m->body.len < m->body_bytes)
            put_cut(m->body_bytes, to);
    } else if (r->extended && r->type == NBD_CMD_WRITE && length > 0) {
        buffer_print(to, " payload=\"\"");
    }
}

/* ---- server, handshake ---- */

static void put_info(const struct reply_data *r, struct buffer *to)
{
    buffer_print(to, " ");
    vocabulary_print(&vocabulary_infos, r->info, to);
    switch (r->info) {
    case NBD_INFO_EXPORT:
        buffer_print(to, " size=%" PRIu64 " flags=", r->export.size);
        vocabulary_print_flags(&vocabulary_transmission_flags, r->export.flags, to);
        return;
    case NBD_INFO_NAME:
        put_text("name", r->name, to);
        return;
    case NBD_INFO_DESCRIPTION:
        put_text("description", r->text, to);
        return;
    case NBD_INFO_BLOCK_SIZE:
        buffer_print(to, " minimum=%" PRIu32 " preferred=%" PRIu32 " maximum=%" PRIu32, r->block_size.minimum,
                     r->block_size.preferred, r->block_size.maximum);
        return;
    default:
        return;
    }
}

static void put_reply_data(const struct reply_data *r, struct buffer *to)
{
    switch (r->layout) {
    case REPLY_SERVER:
        put_text("name", r->name, to);
        if (r->text.len > 0)
            put_text("details", r->text, to);
        return;
    case REPLY_INFO:
        put_info(r, to);
        return;
    case REPLY_META_CONTEXT:
        buffer_print(to, " id=%" PRIu32, r->context);
        put_text("name", r->name, to);
        return;
    case REPLY_MESSAGE:
        if (r->text.len > 0)
            put_text("message", r->text, to);
        return;
    case REPLY_NONE:
    case REPLY_UNKNOWN:
        return;
    }
}

static void put_option_reply(const struct message *m, struct buffer *to)
{
    const struct wire_option_reply *h = &m->head.option_reply;

    buffer_print(to, "REP ");
    vocabulary_print(&vocabulary_replies, h->type, to);
    if (!m->flaw.rule && m->body.len == m->body_bytes)
        put_reply_data(&m->reply, to);
    else
        buffer_print(to, " length=%" PRIu64, m->body_bytes);
    buffer_print(to, " option=");
    vocabulary_print(&vocabulary_options, h->option, to);
    if (m->flaw.rule) {
        buffer_print(to, "  # ");
        put_hex(span_of(m->body.at, m->body.len < HEX_MOST ? m->body.len : HEX_MOST), to);
    }
}

static void put_greeting(const struct message *m, struct buffer *to)
{
    if (m->head.kind == SCAN_KIND_OLDSTYLE) {
        buffer_print(to, "GREETING style=oldstyle flags=");
        vocabulary_print_flags(&vocabulary_handshake_flags, m->head.oldstyle.handshake, to);
        return;
    }
    buffer_print(to, "GREETING style=newstyle flags=");
    vocabulary_print_flags(&vocabulary_handshake_flags, m->head.newstyle.flags, to);
}

static void put_export(const struct message *m, struct buffer *to)
{
    buffer_print(to, "EXPORT size=%" PRIu64 " flags=", m->head.export.size);
    vocabulary_print_flags(&vocabulary_transmission_flags, m->head.export.flags, to);
    buffer_print(to, " zeroes=%" PRIu64, m->body_bytes);
}

/* ---- server, transmission ---- */

static void put_status(const struct exchange *e, struct buffer *to)
{
    uint64_t total = 0;

    buffer_print(to, "STATUS contexts=%u", e->status_chunks);
    if (e->status_chunks != 1)
        return;
    for (size_t i = 0; i < e->statuses[0].count; i++)
        total += e->statuses[0].extents[i].length;
    buffer_print(to, " extents=%zu total=%" PRIu64, e->statuses[0].count, total);
    if (e->statuses[0].count > 0) {
        buffer_print(to, " first=%" PRIu64 " first_flags=", e->statuses[0].extents[0].length);
        vocabulary_print_flags(&vocabulary_state_flags, e->statuses[0].extents[0].flags, to);
    }
}

static void put_error(const struct exchange *e, struct buffer *to)
{
    buffer_print(to, "ERROR ");
    vocabulary_print(&vocabulary_errors, e->error, to);
    if (e->message_text.len > 0)
        put_text("message", e->message_text, to);
}

static void put_form(const struct exchange *e, struct buffer *to)
{
    switch (e->form) {
    case REPLY_FORM_NONE:
        return;
    case REPLY_FORM_SIMPLE:
        buffer_print(to, " form=simple");
        return;
    case REPLY_FORM_STRUCTURED:
        buffer_print(to, " form=structured chunks=%u", e->chunks);
        return;
    case REPLY_FORM_EXTENDED:
        buffer_print(to, " form=extended chunks=%u offset=%" PRIu64, e->chunks, e->head_offset);
        return;
    }
}

static void put_whole_reply(const struct exchange *e, struct buffer *to)
{
    struct span data = buffer_span(&e->data);
    bool whole = true;

    if (e->error != 0) {
        put_error(e, to);
    } else if (e->request.type == NBD_CMD_READ) {
        size_t before;

        buffer_print(to, "DATA ");
        before = to->len;
        whole = data.len > 0 && put_data(data, e->request.offset, false, to);
        if (!whole)
            to->len = before - 1; /* a part would be a wrong value: the comment tells it */
    } else if (e->request.type == NBD_CMD_BLOCK_STATUS) {
        put_status(e, to);
    } else {
        buffer_print(to, "OK");
    }
    buffer_print(to, " cookie=%" PRIu64, e->request.cookie);
    put_form(e, to);
    if (!whole && data.len > 0) {
        buffer_print(to, "  # ");
        put_hex(span_of(data.at, HEX_FIRST), to);
        buffer_print(to, ", the first of %zu bytes", data.len);
    }
}

/* A reply to nothing in flight cannot be asked for: it stands as a comment. */
static void put_stray(const struct message *m, struct buffer *to)
{
    if (m->head.kind == SCAN_KIND_SIMPLE_REPLY) {
        buffer_print(to, "simple reply to nothing in flight: error=");
        vocabulary_print(&vocabulary_errors, m->head.simple_reply.error, to);
        buffer_print(to, " cookie=%" PRIu64, m->head.simple_reply.cookie);
        return;
    }
    buffer_print(to, "chunk to nothing in flight: ");
    vocabulary_print(&vocabulary_chunks, m->chunk_head.type, to);
    buffer_print(to, " flags=");
    vocabulary_print_flags(&vocabulary_chunk_flags, m->chunk_head.flags, to);
    buffer_print(to, " cookie=%" PRIu64 " length=%" PRIu64, m->chunk_head.cookie, m->chunk_head.length);
    if (m->chunk_head.extended)
        buffer_print(to, " offset=%" PRIu64, m->chunk_head.offset);
}

/* ---- lines ---- */

static void put_message(const struct message *m, struct buffer *to)
{
    switch (m->head.kind) {
    case SCAN_KIND_OLDSTYLE:
    case SCAN_KIND_NEWSTYLE:
        put_greeting(m, to);
        return;
    case SCAN_KIND_CLIENT_FLAGS:
        buffer_print(to, "FLAGS ");
        vocabulary_print_flags(&vocabulary_client_flags, m->head.client_flags.flags, to);
        return;
    case SCAN_KIND_OPTION:
        put_option(m, to);
        return;
    case SCAN_KIND_OPTION_REPLY:
        put_option_reply(m, to);
        return;
    case SCAN_KIND_EXPORT:
        put_export(m, to);
        return;
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        put_request(m, to);
        return;
    case SCAN_KIND_SIMPLE_REPLY:
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        if (m->exchange)
            put_whole_reply(m->exchange, to);
        else
            put_stray(m, to);
        return;
    }
}

bool transcript_message(const struct message *m, const char *connection, struct buffer *to)
{
    bool reply = m->head.kind == SCAN_KIND_SIMPLE_REPLY || message_is_chunk(m);

    if (reply && m->exchange && !m->exchange->answered)
        return true;
    if (reply && !m->exchange)
        buffer_print(to, "# ");
    buffer_print(to, "%c%s%s: ", m->from == SIDE_CLIENT ? 'C' : 'S', connection ? "." : "",
                 connection ? connection : "");
    put_message(m, to);
    buffer_print(to, "\n");
    return to->len < to->ceiling;
}

bool transcript_raw(const char *verb, struct span bytes, const char *connection, struct buffer *to)
{
    buffer_print(to, "C%s%s: %s ", connection ? "." : "", connection ? connection : "", verb);
    if (!put_data(bytes, 0, true, to))
        put_cut(bytes.len, to);
    buffer_print(to, "\n");
    return to->len < to->ceiling;
}
