/* SPDX-License-Identifier: MIT */
/* Option replies, altered on their way out: one function a fault, called with the place of the reply. */
#include "reference/misconduct_handshake.h"

static void grow(struct reference_session *s, size_t start, size_t at, size_t len)
{
    edit_insert(s, at, len);
    edit_set(s, start + LENGTH_AT, 4, edit_get(s, start + LENGTH_AT, 4) + len);
}

static void append_text(struct reference_session *s, size_t start, struct span text)
{
    size_t at = s->output.len;

    grow(s, start, at, text.len);
    edit_fill(s, at, text);
}

static void reply_magic(struct reference_session *s, size_t start)
{
    edit_change_bit(s, start + 7, 1);
}

static void reply_echo(struct reference_session *s, size_t start)
{
    edit_change_bit(s, start + OPTION_AT + 3, 0x40);
}

static void reply_echo_of_unknown(struct reference_session *s, size_t start)
{
    if (option_layout_of(s->in.head.option.option) == OPTION_UNKNOWN)
        edit_set(s, start + OPTION_AT, 4, 0);
}

/* Information under a number that nobody has defined. */
static void info_numbered_otherwise(struct reference_session *s, size_t start)
{
    edit_set(s, start + DATA_AT, 2, edit_get(s, start + DATA_AT, 2) | 0x100);
}

static void error_numbered_otherwise(struct reference_session *s, size_t start)
{
    edit_set(s, start + TYPE_AT, 4, edit_get(s, start + TYPE_AT, 4) | 0x100);
}

static void info_type_wide(struct reference_session *s, size_t start)
{
    edit_insert(s, start + DATA_AT, 2);
    edit_set(s, start + LENGTH_AT, 4, edit_get(s, start + LENGTH_AT, 4) + 2);
}

static void left_out(struct reference_session *s, size_t start)
{
    s->output.len = start;
}

static void twice(struct reference_session *s, size_t start)
{
    edit_repeat(s, start, s->output.len - start);
}

static void followed_by_leave(struct reference_session *s, size_t start)
{
    size_t copy = s->output.len;

    twice(s, start);
    edit_set(s, copy + OPTION_AT, 4, NBD_OPT_ABORT);
}

static void type_unknown(struct reference_session *s, size_t start)
{
    edit_set(s, start + TYPE_AT, 4, 0x5555);
}

static void type_reversed(struct reference_session *s, size_t start)
{
    edit_reverse(s, start + TYPE_AT, 4);
}

static void length_reversed(struct reference_session *s, size_t start)
{
    edit_reverse(s, start + LENGTH_AT, 4);
}

static void type_without_bit_31(struct reference_session *s, size_t start)
{
    edit_set_bits(s, start + TYPE_AT, 4, 0, UINT32_C(0x80000000));
}

static void length_small(struct reference_session *s, size_t start)
{
    edit_set(s, start + LENGTH_AT, 4, edit_get(s, start + LENGTH_AT, 4) - 1);
}

static void length_of_all(struct reference_session *s, size_t start)
{
    edit_set(s, start + LENGTH_AT, 4, edit_get(s, start + LENGTH_AT, 4) + WIRE_SIZE_option_reply);
}

static void as_simple_reply(struct reference_session *s, size_t start)
{
    if (option_layout_of(s->in.head.option.option) != OPTION_UNKNOWN)
        return;
    s->output.len = start;
    answer_simple(s, 0, NBD_EINVAL);
}

static void with_data(struct reference_session *s, size_t start)
{
    append_text(s, start, span_text("done"));
}

static void followed_by_padding(struct reference_session *s, size_t start)
{
    (void)start;
    edit_insert(s, s->output.len, NBD_EXPORT_PADDING);
}

static void server_name_length(struct reference_session *s, size_t start)
{
    edit_set(s, start + DATA_AT, 4, edit_get(s, start + LENGTH_AT, 4) + 1);
}

static void server_name(struct reference_session *s, size_t start)
{
    uint64_t length = edit_get(s, start + DATA_AT, 4);

    grow(s, start, start + DATA_AT + 4 + (size_t)length, 1);
    edit_fill(s, start + DATA_AT + 4 + (size_t)length, span_text("x"));
    edit_set(s, start + DATA_AT, 4, length + 1);
}

static void text_not_utf8(struct reference_session *s, size_t start)
{
    append_text(s, start, span_of("\xc3\x28", 2));
}

static void text_with_nul(struct reference_session *s, size_t start)
{
    append_text(s, start, span_of("a\0b", 3));
}

static void text_with_colour(struct reference_session *s, size_t start)
{
    append_text(s, start, span_text("\x1b[31mred\x1b[0m"));
}

static void text_of(struct reference_session *s, size_t start, size_t len)
{
    size_t at = s->output.len;

    grow(s, start, at, len);
    for (size_t i = 0; i < len; i++)
        edit_set(s, at + i, 1, 'x');
}

static void text_300(struct reference_session *s, size_t start)
{
    text_of(s, start, 300);
}

static void text_5000(struct reference_session *s, size_t start)
{
    text_of(s, start, 5000);
}

static void server_name_length_narrow(struct reference_session *s, size_t start)
{
    edit_cut(s, start + DATA_AT, 2);
    edit_set(s, start + LENGTH_AT, 4, edit_get(s, start + LENGTH_AT, 4) - 2);
}

static void info_of_one_byte(struct reference_session *s, size_t start)
{
    edit_cut(s, start + DATA_AT + 1, s->output.len - start - DATA_AT - 1);
    edit_set(s, start + LENGTH_AT, 4, 1);
}

static void block_sizes_reversed(struct reference_session *s, size_t start)
{
    for (size_t i = 0; i < 3; i++)
        edit_reverse(s, start + INFO_AT + 4 * i, 4);
}

static void info_export_long(struct reference_session *s, size_t start)
{
    grow(s, start, s->output.len, NBD_EXPORT_PADDING);
}

static void info_export_flags(struct reference_session *s, size_t start)
{
    export_flags(s, start + INFO_AT);
}

static void info_export_size(struct reference_session *s, size_t start)
{
    export_size(s, start + INFO_AT);
}

static void info_name(struct reference_session *s, size_t start)
{
    append_text(s, start, span_text("x"));
}

static void info_block_size_short(struct reference_session *s, size_t start)
{
    edit_cut(s, start + INFO_AT + 8, 4);
    edit_set(s, start + LENGTH_AT, 4, 10);
}

static void context_id(struct reference_session *s, size_t start)
{
    edit_set(s, start + DATA_AT, 4, 7);
}

static void minimum_3(struct reference_session *s, size_t start)
{
    edit_set(s, start + INFO_AT, 4, 3);
}

static void minimum_128k(struct reference_session *s, size_t start)
{
    edit_set(s, start + INFO_AT, 4, 131072);
    edit_set(s, start + INFO_AT + 4, 4, 131072);
}

static void preferred_5000(struct reference_session *s, size_t start)
{
    edit_set(s, start + INFO_AT + 4, 4, 5000);
}

static void preferred_256(struct reference_session *s, size_t start)
{
    edit_set(s, start + INFO_AT, 4, 1);
    edit_set(s, start + INFO_AT + 4, 4, 256);
}

static void maximum_below_preferred(struct reference_session *s, size_t start)
{
    edit_set(s, start + INFO_AT + 4, 4, 8388608);
    edit_set(s, start + INFO_AT + 8, 4, 4194304);
}

static void maximum_512k(struct reference_session *s, size_t start)
{
    edit_set(s, start + INFO_AT + 8, 4, 524288);
}

static void minimum_512(struct reference_session *s, size_t start)
{
    edit_set(s, start + INFO_AT, 4, 512);
}

enum { ANY = 0 };
#define ANY_INFO 0xffff

/* Replies and how they are altered.  Columns that are ANY or ANY_INFO match everything. */
static const struct reply_fault {
    enum fault fault;
    uint32_t option, type;
    uint16_t info; /* of type INFO */
    edit *edit;
} rows[] = {
    { FAULT_LIST_EXPORT_TWICE, ANY, NBD_REP_SERVER, ANY_INFO, twice },
    { FAULT_LIST_NAME_LENGTH_PAST_END, ANY, NBD_REP_SERVER, ANY_INFO, server_name_length },
    { FAULT_LIST_NAME_ALTERED, ANY, NBD_REP_SERVER, ANY_INFO, server_name },
    { FAULT_LIST_DETAILS_NOT_UTF8, ANY, NBD_REP_SERVER, ANY_INFO, text_not_utf8 },
    { FAULT_LIST_DETAILS_WITH_NUL, ANY, NBD_REP_SERVER, ANY_INFO, text_with_nul },
    { FAULT_LIST_DETAILS_NOT_DISPLAYABLE, ANY, NBD_REP_SERVER, ANY_INFO, text_with_colour },
    { FAULT_LIST_NAME_LENGTH_NARROW, ANY, NBD_REP_SERVER, ANY_INFO, server_name_length_narrow },
    { FAULT_LIST_FINAL_REPLY_UNKNOWN, NBD_OPT_LIST, NBD_REP_ACK, ANY_INFO, type_unknown },
    { FAULT_INFO_FINAL_REPLY_UNKNOWN, NBD_OPT_INFO, NBD_REP_ACK, ANY_INFO, type_unknown },
    { FAULT_LIST_TAKES_LEAVE, NBD_OPT_LIST, NBD_REP_ACK, ANY_INFO, followed_by_leave },
    { FAULT_LIST_WITHOUT_FINAL_REPLY, NBD_OPT_LIST, NBD_REP_ACK, ANY_INFO, left_out },

    { FAULT_INFO_WITHOUT_EXPORT, NBD_OPT_INFO, NBD_REP_INFO, NBD_INFO_EXPORT, left_out },
    { FAULT_GO_WITHOUT_EXPORT, NBD_OPT_GO, NBD_REP_INFO, NBD_INFO_EXPORT, left_out },
    { FAULT_INFO_WITHOUT_FINAL_REPLY, NBD_OPT_INFO, NBD_REP_ACK, ANY_INFO, left_out },
    { FAULT_GO_FLAGS_DIFFER, NBD_OPT_GO, NBD_REP_INFO, NBD_INFO_EXPORT, info_export_flags },
    { FAULT_GO_SIZE_DIFFERS, NBD_OPT_GO, NBD_REP_INFO, NBD_INFO_EXPORT, info_export_size },
    { FAULT_GO_PADDING, NBD_OPT_GO, NBD_REP_ACK, ANY_INFO, followed_by_padding },
    { FAULT_INFO_EXPORT_LONG, ANY, NBD_REP_INFO, NBD_INFO_EXPORT, info_export_long },
    { FAULT_INFO_EXPORT_TWICE, ANY, NBD_REP_INFO, NBD_INFO_EXPORT, twice },
    { FAULT_INFO_EXPORT_FLAGS_DIFFER, ANY, NBD_REP_INFO, NBD_INFO_EXPORT, info_export_flags },
    { FAULT_INFO_EXPORT_SIZE_DIFFERS, ANY, NBD_REP_INFO, NBD_INFO_EXPORT, info_export_size },
    { FAULT_INFO_NAME_ALTERED, ANY, NBD_REP_INFO, NBD_INFO_NAME, info_name },
    { FAULT_INFO_BLOCK_SIZE_SHORT, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, info_block_size_short },

    { FAULT_INFO_NAME_OF_ONE_BYTE, ANY, NBD_REP_INFO, NBD_INFO_NAME, info_of_one_byte },
    { FAULT_DESCRIPTION_DIFFERS, ANY, NBD_REP_INFO, NBD_INFO_DESCRIPTION, info_name },
    { FAULT_DESCRIPTION_NOT_DISPLAYABLE, ANY, NBD_REP_INFO, NBD_INFO_DESCRIPTION, text_with_colour },
    { FAULT_INFO_NAME_NUMBERED_OTHERWISE, ANY, NBD_REP_INFO, NBD_INFO_NAME, info_numbered_otherwise },
    { FAULT_INFO_DESCRIPTION_NUMBERED_OTHERWISE, ANY, NBD_REP_INFO, NBD_INFO_DESCRIPTION,
      info_numbered_otherwise },
    { FAULT_BLOCK_SIZE_NUMBERED_OTHERWISE, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, info_numbered_otherwise },
    { FAULT_INFO_TYPE_WIDE, NBD_OPT_INFO, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, info_type_wide },
    { FAULT_BLOCK_SIZE_UNTOLD, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, left_out },
    { FAULT_MAXIMUM_UNTOLD, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, left_out },
    { FAULT_BLOCK_SIZES_REVERSED, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, block_sizes_reversed },

    { FAULT_BLOCK_SIZE_MINIMUM_3, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, minimum_3 },
    { FAULT_BLOCK_SIZE_MINIMUM_128K, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, minimum_128k },
    { FAULT_BLOCK_SIZE_PREFERRED_5000, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, preferred_5000 },
    { FAULT_BLOCK_SIZE_PREFERRED_256, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, preferred_256 },
    { FAULT_BLOCK_SIZE_MAXIMUM_BELOW_PREFERRED, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      maximum_below_preferred },
    { FAULT_BLOCK_SIZE_MAXIMUM_512K, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, maximum_512k },
    { FAULT_SIZE_NOT_MULTIPLE_OF_MINIMUM, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, minimum_512 },

    { FAULT_LIST_META_CONTEXT_ID_NONZERO, NBD_OPT_LIST_META_CONTEXT, NBD_REP_META_CONTEXT, ANY_INFO,
      context_id },
    { FAULT_LIST_META_CONTEXT_WITHOUT_FINAL_REPLY, NBD_OPT_LIST_META_CONTEXT, NBD_REP_ACK, ANY_INFO,
      left_out },

    { FAULT_EXTENDED_HEADERS_ECHO_WRONG, NBD_OPT_EXTENDED_HEADERS, ANY, ANY_INFO, reply_echo },

    { FAULT_OPTION_MESSAGE_NOT_UTF8, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, text_not_utf8 },
    { FAULT_OPTION_MESSAGE_NOT_DISPLAYABLE, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, text_with_colour },
    { FAULT_TOO_BIG_NUMBERED_OTHERWISE, ANY, NBD_REP_ERR_TOO_BIG, ANY_INFO, error_numbered_otherwise },
    { FAULT_OPTION_MESSAGE_300, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, text_300 },
    { FAULT_OPTION_MESSAGE_5000, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, text_5000 },
    { FAULT_OPTION_REPLY_LENGTH_SMALL, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, length_small },
    { FAULT_OPTION_REPLY_LENGTH_OF_ALL, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, length_of_all },
    { FAULT_OPTION_REPLY_TYPE_REVERSED, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, type_reversed },
    { FAULT_OPTION_REPLY_LENGTH_REVERSED, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, length_reversed },
    { FAULT_ERR_UNKNOWN_WITHOUT_BIT_31, ANY, NBD_REP_ERR_UNKNOWN, ANY_INFO, type_without_bit_31 },
    { FAULT_SIMPLE_REPLY_TO_OPTION, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, as_simple_reply },

    { FAULT_ACK_WITH_DATA, ANY, NBD_REP_ACK, ANY_INFO, with_data },
    { FAULT_OPTION_REPLY_MAGIC_WRONG, ANY, ANY, ANY_INFO, reply_magic },
    { FAULT_OPTION_REPLY_ECHO_WRONG, ANY, ANY, ANY_INFO, reply_echo },
    { FAULT_UNKNOWN_OPTION_ECHO_WRONG, ANY, ANY, ANY_INFO, reply_echo_of_unknown },
};

static bool is_meant(const struct reference_session *s, const struct reply_fault *row, size_t start)
{
    if (row->option != ANY && s->in.head.option.option != row->option)
        return false;
    if (row->type != ANY && edit_get(s, start + TYPE_AT, 4) != row->type)
        return false;
    return row->info == ANY_INFO || edit_get(s, start + DATA_AT, 2) == row->info;
}

/* What this connection was told, for faults of the transmission phase. */
static void note_told(struct reference_session *s, size_t start)
{
    struct misconduct *m = s->misconduct;

    if (edit_get(s, start + TYPE_AT, 4) != NBD_REP_INFO)
        return;
    if (edit_get(s, start + DATA_AT, 2) == NBD_INFO_BLOCK_SIZE)
        m->block_size_told = true;
    if (edit_get(s, start + DATA_AT, 2) == NBD_INFO_EXPORT && s->in.head.option.option == NBD_OPT_INFO) {
        uint64_t size = edit_get(s, start + DATA_AT + 2, 8);

        m->other_size = m->other_size_told && m->other_size < size ? m->other_size : size;
        m->other_size_told = true;
    }
}

static void alter_reply(struct reference_session *s, size_t start)
{
    contexts_misconduct(s, start);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (fault_on(s, rows[i].fault) && s->output.len > start && is_meant(s, &rows[i], start))
            rows[i].edit(s, start);
}

void handshake_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    if (kind == SCAN_KIND_OPTION_REPLY)
        note_told(s, start);
    greeting_misconduct(s, start, kind);
    if (kind == SCAN_KIND_OPTION_REPLY)
        alter_reply(s, start);
}
