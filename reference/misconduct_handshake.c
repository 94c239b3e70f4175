/* SPDX-License-Identifier: MIT */
/* What is sent in the handshake, altered on its way out: one function a fault, called with the place of the
 * message. */
#include "reference/misconduct_parts.h"

enum {
    OPTION_AT = 8, /* in an option reply */
    TYPE_AT = 12,
    LENGTH_AT = 16,
    DATA_AT = WIRE_SIZE_option_reply,
    INFO_AT = DATA_AT + 2,
};

typedef void edit(struct reference_session *s, size_t start);

static void change_bit(struct reference_session *s, size_t at, uint8_t bit)
{
    edit_set(s, at, 1, edit_get(s, at, 1) ^ bit);
}

static void set_bits(struct reference_session *s, size_t at, size_t len, uint64_t set, uint64_t clear)
{
    edit_set(s, at, len, (edit_get(s, at, len) & ~clear) | set);
}

/* ---- greeting: 8 bytes, 8 bytes, flags ---- */

static void greeting_magic(struct reference_session *s, size_t start)
{
    change_bit(s, start + 7, 1);
}

static void greeting_ihaveopt(struct reference_session *s, size_t start)
{
    change_bit(s, start + 15, 1);
}

static void greeting_without_fixed(struct reference_session *s, size_t start)
{
    set_bits(s, start + 16, 2, 0, NBD_FLAG_FIXED_NEWSTYLE);
}

static void greeting_without_no_zeroes(struct reference_session *s, size_t start)
{
    set_bits(s, start + 16, 2, 0, NBD_FLAG_NO_ZEROES);
}

static void greeting_bit_2(struct reference_session *s, size_t start)
{
    set_bits(s, start + 16, 2, 0x0004, 0);
}

static void greeting_bit_15(struct reference_session *s, size_t start)
{
    set_bits(s, start + 16, 2, 0x8000, 0);
}

/* Number of len bytes at a place, its bytes in reverse. */
static void reverse(struct reference_session *s, size_t at, size_t len)
{
    uint64_t number = edit_get(s, at, len), other = 0;

    for (size_t i = 0; i < len; i++)
        other |= (number >> 8 * i & 0xff) << 8 * (len - 1 - i);
    edit_set(s, at, len, other);
}

static void greeting_flags_reversed(struct reference_session *s, size_t start)
{
    reverse(s, start + 16, 2);
}

static void greeting_flags_wide(struct reference_session *s, size_t start)
{
    edit_insert(s, start + 16, 2);
}

static void greeting_flags_narrow(struct reference_session *s, size_t start)
{
    edit_cut(s, start + 16, 1);
}

/* ---- the oldstyle greeting: 16 bytes, size, handshake flags, transmission flags, padding ---- */

static void oldstyle_size(struct reference_session *s, size_t start)
{
    change_bit(s, start + 17, 0x10);
}

static void oldstyle_handshake_flags(struct reference_session *s, size_t start)
{
    set_bits(s, start + 24, 2, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES, 0);
}

static void oldstyle_flags_exchanged(struct reference_session *s, size_t start)
{
    edit_set(s, start + 24, 4, edit_get(s, start + 26, 2) << 16);
}

static void oldstyle_flags_narrow(struct reference_session *s, size_t start)
{
    edit_cut(s, start + 24, 2);
}

static void oldstyle_padding_nonzero(struct reference_session *s, size_t start)
{
    change_bit(s, start + 28, 1);
}

static void oldstyle_padding_long(struct reference_session *s, size_t start)
{
    (void)start;
    edit_insert(s, s->output.len, 4);
}

/* ---- the answer to NBD_OPT_EXPORT_NAME: size, flags, padding ---- */

static size_t padding_bytes(const struct reference_session *s, size_t start)
{
    return s->output.len - start - WIRE_SIZE_export;
}

static void padding_added(struct reference_session *s, size_t start)
{
    if (padding_bytes(s, start) == 0)
        edit_insert(s, s->output.len, NBD_EXPORT_PADDING);
}

static void padding_left_out(struct reference_session *s, size_t start)
{
    edit_cut(s, start + WIRE_SIZE_export, padding_bytes(s, start));
}

static void padding_short(struct reference_session *s, size_t start)
{
    if (padding_bytes(s, start) > 0)
        edit_cut(s, start + WIRE_SIZE_export, 1);
}

static void padding_nonzero(struct reference_session *s, size_t start)
{
    if (padding_bytes(s, start) > 0)
        change_bit(s, s->output.len - 1, 1);
}

static void export_size(struct reference_session *s, size_t start)
{
    change_bit(s, start + 6, 0x10);
}

static void export_flags(struct reference_session *s, size_t start)
{
    change_bit(s, start + 8, 1); /* CAN_MULTI_CONN */
}

static void export_flags_wide(struct reference_session *s, size_t start)
{
    edit_insert(s, start + 8, 2);
}

static void export_with_header(struct reference_session *s, size_t start)
{
    size_t len = s->output.len - start;

    edit_insert(s, start, WIRE_SIZE_option_reply);
    edit_set(s, start, 8, NBD_REP_MAGIC);
    edit_set(s, start + OPTION_AT, 4, NBD_OPT_EXPORT_NAME);
    edit_set(s, start + TYPE_AT, 4, NBD_REP_ACK);
    edit_set(s, start + LENGTH_AT, 4, len);
}

/* ---- option replies ---- */

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
    change_bit(s, start + 7, 1);
}

static void reply_echo(struct reference_session *s, size_t start)
{
    change_bit(s, start + OPTION_AT + 3, 0x40);
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
    reverse(s, start + TYPE_AT, 4);
}

static void length_reversed(struct reference_session *s, size_t start)
{
    reverse(s, start + LENGTH_AT, 4);
}

static void type_without_bit_31(struct reference_session *s, size_t start)
{
    set_bits(s, start + TYPE_AT, 4, 0, UINT32_C(0x80000000));
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
        reverse(s, start + INFO_AT + 4 * i, 4);
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

/* Messages and how they are altered.  Columns that are 0 or ANY_INFO match everything. */
static const struct message_fault {
    enum fault fault;
    enum scan_kind kind;
    uint32_t option, type; /* option replies */
    uint16_t info;         /* type INFO */
    edit *edit;
} rows[] = {
    { FAULT_GREETING_MAGIC_WRONG, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO, greeting_magic },
    { FAULT_GREETING_IHAVEOPT_WRONG, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO, greeting_ihaveopt },
    { FAULT_FIXED_NEWSTYLE_NOT_OFFERED, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO, greeting_without_fixed },
    { FAULT_UNOFFERED_NO_ZEROES_ACCEPTED, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO,
      greeting_without_no_zeroes },
    { FAULT_HANDSHAKE_FLAG_2_SET, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO, greeting_bit_2 },
    { FAULT_HANDSHAKE_FLAG_15_SET, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO, greeting_bit_15 },

    { FAULT_HANDSHAKE_FLAGS_REVERSED, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO, greeting_flags_reversed },
    { FAULT_HANDSHAKE_FLAGS_WIDE, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO, greeting_flags_wide },
    { FAULT_HANDSHAKE_FLAGS_NARROW, SCAN_KIND_NEWSTYLE, ANY, ANY, ANY_INFO, greeting_flags_narrow },
    { FAULT_OLDSTYLE_SIZE_WRONG, SCAN_KIND_OLDSTYLE, ANY, ANY, ANY_INFO, oldstyle_size },
    { FAULT_OLDSTYLE_HANDSHAKE_FLAGS, SCAN_KIND_OLDSTYLE, ANY, ANY, ANY_INFO, oldstyle_handshake_flags },
    { FAULT_OLDSTYLE_FLAGS_EXCHANGED, SCAN_KIND_OLDSTYLE, ANY, ANY, ANY_INFO, oldstyle_flags_exchanged },
    { FAULT_OLDSTYLE_FLAGS_NARROW, SCAN_KIND_OLDSTYLE, ANY, ANY, ANY_INFO, oldstyle_flags_narrow },
    { FAULT_OLDSTYLE_PADDING_NONZERO, SCAN_KIND_OLDSTYLE, ANY, ANY, ANY_INFO, oldstyle_padding_nonzero },
    { FAULT_OLDSTYLE_PADDING_LONG, SCAN_KIND_OLDSTYLE, ANY, ANY, ANY_INFO, oldstyle_padding_long },

    { FAULT_PADDING_DESPITE_NO_ZEROES, SCAN_KIND_EXPORT, ANY, ANY, ANY_INFO, padding_added },
    { FAULT_PADDING_LEFT_OUT, SCAN_KIND_EXPORT, ANY, ANY, ANY_INFO, padding_left_out },
    { FAULT_PADDING_SHORT, SCAN_KIND_EXPORT, ANY, ANY, ANY_INFO, padding_short },
    { FAULT_PADDING_NONZERO, SCAN_KIND_EXPORT, ANY, ANY, ANY_INFO, padding_nonzero },
    { FAULT_EXPORT_NAME_SIZE_WRONG, SCAN_KIND_EXPORT, ANY, ANY, ANY_INFO, export_size },
    { FAULT_EXPORT_NAME_FLAGS_WRONG, SCAN_KIND_EXPORT, ANY, ANY, ANY_INFO, export_flags },
    { FAULT_EXPORT_NAME_FLAGS_WIDE, SCAN_KIND_EXPORT, ANY, ANY, ANY_INFO, export_flags_wide },
    { FAULT_EXPORT_NAME_WITH_HEADER, SCAN_KIND_EXPORT, ANY, ANY, ANY_INFO, export_with_header },

    { FAULT_LIST_EXPORT_TWICE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_SERVER, ANY_INFO, twice },
    { FAULT_LIST_NAME_LENGTH_PAST_END, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_SERVER, ANY_INFO,
      server_name_length },
    { FAULT_LIST_NAME_ALTERED, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_SERVER, ANY_INFO, server_name },
    { FAULT_LIST_DETAILS_NOT_UTF8, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_SERVER, ANY_INFO, text_not_utf8 },
    { FAULT_LIST_DETAILS_WITH_NUL, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_SERVER, ANY_INFO, text_with_nul },
    { FAULT_LIST_DETAILS_NOT_DISPLAYABLE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_SERVER, ANY_INFO,
      text_with_colour },
    { FAULT_LIST_NAME_LENGTH_NARROW, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_SERVER, ANY_INFO,
      server_name_length_narrow },
    { FAULT_LIST_FINAL_REPLY_UNKNOWN, SCAN_KIND_OPTION_REPLY, NBD_OPT_LIST, NBD_REP_ACK, ANY_INFO,
      type_unknown },
    { FAULT_INFO_FINAL_REPLY_UNKNOWN, SCAN_KIND_OPTION_REPLY, NBD_OPT_INFO, NBD_REP_ACK, ANY_INFO,
      type_unknown },
    { FAULT_LIST_TAKES_LEAVE, SCAN_KIND_OPTION_REPLY, NBD_OPT_LIST, NBD_REP_ACK, ANY_INFO,
      followed_by_leave },
    { FAULT_LIST_WITHOUT_FINAL_REPLY, SCAN_KIND_OPTION_REPLY, NBD_OPT_LIST, NBD_REP_ACK, ANY_INFO, left_out },

    { FAULT_INFO_WITHOUT_EXPORT, SCAN_KIND_OPTION_REPLY, NBD_OPT_INFO, NBD_REP_INFO, NBD_INFO_EXPORT,
      left_out },
    { FAULT_GO_WITHOUT_EXPORT, SCAN_KIND_OPTION_REPLY, NBD_OPT_GO, NBD_REP_INFO, NBD_INFO_EXPORT, left_out },
    { FAULT_INFO_WITHOUT_FINAL_REPLY, SCAN_KIND_OPTION_REPLY, NBD_OPT_INFO, NBD_REP_ACK, ANY_INFO, left_out },
    { FAULT_GO_FLAGS_DIFFER, SCAN_KIND_OPTION_REPLY, NBD_OPT_GO, NBD_REP_INFO, NBD_INFO_EXPORT,
      info_export_flags },
    { FAULT_GO_SIZE_DIFFERS, SCAN_KIND_OPTION_REPLY, NBD_OPT_GO, NBD_REP_INFO, NBD_INFO_EXPORT,
      info_export_size },
    { FAULT_GO_PADDING, SCAN_KIND_OPTION_REPLY, NBD_OPT_GO, NBD_REP_ACK, ANY_INFO, followed_by_padding },
    { FAULT_INFO_EXPORT_LONG, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_EXPORT, info_export_long },
    { FAULT_INFO_EXPORT_TWICE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_EXPORT, twice },
    { FAULT_INFO_EXPORT_FLAGS_DIFFER, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_EXPORT,
      info_export_flags },
    { FAULT_INFO_EXPORT_SIZE_DIFFERS, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_EXPORT,
      info_export_size },
    { FAULT_INFO_NAME_ALTERED, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_NAME, info_name },
    { FAULT_INFO_BLOCK_SIZE_SHORT, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      info_block_size_short },

    { FAULT_INFO_NAME_OF_ONE_BYTE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_NAME,
      info_of_one_byte },
    { FAULT_DESCRIPTION_DIFFERS, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_DESCRIPTION, info_name },
    { FAULT_DESCRIPTION_NOT_DISPLAYABLE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_DESCRIPTION,
      text_with_colour },
    { FAULT_INFO_NAME_NUMBERED_OTHERWISE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_NAME,
      info_numbered_otherwise },
    { FAULT_INFO_DESCRIPTION_NUMBERED_OTHERWISE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO,
      NBD_INFO_DESCRIPTION, info_numbered_otherwise },
    { FAULT_BLOCK_SIZE_NUMBERED_OTHERWISE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      info_numbered_otherwise },
    { FAULT_INFO_TYPE_WIDE, SCAN_KIND_OPTION_REPLY, NBD_OPT_INFO, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      info_type_wide },
    { FAULT_BLOCK_SIZE_UNTOLD, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, left_out },
    { FAULT_BLOCK_SIZES_REVERSED, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      block_sizes_reversed },

    { FAULT_BLOCK_SIZE_MINIMUM_3, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE, minimum_3 },
    { FAULT_BLOCK_SIZE_MINIMUM_128K, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      minimum_128k },
    { FAULT_BLOCK_SIZE_PREFERRED_5000, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      preferred_5000 },
    { FAULT_BLOCK_SIZE_PREFERRED_256, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      preferred_256 },
    { FAULT_BLOCK_SIZE_MAXIMUM_BELOW_PREFERRED, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO,
      NBD_INFO_BLOCK_SIZE, maximum_below_preferred },
    { FAULT_BLOCK_SIZE_MAXIMUM_512K, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      maximum_512k },
    { FAULT_SIZE_NOT_MULTIPLE_OF_MINIMUM, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_INFO, NBD_INFO_BLOCK_SIZE,
      minimum_512 },

    { FAULT_LIST_META_CONTEXT_ID_NONZERO, SCAN_KIND_OPTION_REPLY, NBD_OPT_LIST_META_CONTEXT,
      NBD_REP_META_CONTEXT, ANY_INFO, context_id },
    { FAULT_LIST_META_CONTEXT_WITHOUT_FINAL_REPLY, SCAN_KIND_OPTION_REPLY, NBD_OPT_LIST_META_CONTEXT,
      NBD_REP_ACK, ANY_INFO, left_out },

    { FAULT_EXTENDED_HEADERS_ECHO_WRONG, SCAN_KIND_OPTION_REPLY, NBD_OPT_EXTENDED_HEADERS, ANY, ANY_INFO,
      reply_echo },

    { FAULT_OPTION_MESSAGE_NOT_UTF8, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO,
      text_not_utf8 },
    { FAULT_OPTION_MESSAGE_NOT_DISPLAYABLE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO,
      text_with_colour },
    { FAULT_TOO_BIG_NUMBERED_OTHERWISE, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_TOO_BIG, ANY_INFO,
      error_numbered_otherwise },
    { FAULT_OPTION_MESSAGE_300, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, text_300 },
    { FAULT_OPTION_MESSAGE_5000, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO, text_5000 },
    { FAULT_OPTION_REPLY_LENGTH_SMALL, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO,
      length_small },
    { FAULT_OPTION_REPLY_LENGTH_OF_ALL, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO,
      length_of_all },
    { FAULT_OPTION_REPLY_TYPE_REVERSED, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO,
      type_reversed },
    { FAULT_OPTION_REPLY_LENGTH_REVERSED, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO,
      length_reversed },
    { FAULT_ERR_UNKNOWN_WITHOUT_BIT_31, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNKNOWN, ANY_INFO,
      type_without_bit_31 },
    { FAULT_SIMPLE_REPLY_TO_OPTION, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ERR_UNSUP, ANY_INFO,
      as_simple_reply },

    { FAULT_ACK_WITH_DATA, SCAN_KIND_OPTION_REPLY, ANY, NBD_REP_ACK, ANY_INFO, with_data },
    { FAULT_OPTION_REPLY_MAGIC_WRONG, SCAN_KIND_OPTION_REPLY, ANY, ANY, ANY_INFO, reply_magic },
    { FAULT_OPTION_REPLY_ECHO_WRONG, SCAN_KIND_OPTION_REPLY, ANY, ANY, ANY_INFO, reply_echo },
    { FAULT_UNKNOWN_OPTION_ECHO_WRONG, SCAN_KIND_OPTION_REPLY, ANY, ANY, ANY_INFO, reply_echo_of_unknown },
};

/* Transmission flags that are advertised otherwise than they are served. */
static const struct flags_fault {
    enum fault fault;
    uint16_t set, clear;
    bool unstructured; /* only where structured replies were not negotiated */
} flags_rows[] = {
    { FAULT_HAS_FLAGS_CLEAR, 0, NBD_FLAG_HAS_FLAGS, false },
    { FAULT_DF_UNADVERTISED_SERVED, 0, NBD_FLAG_SEND_DF, false },
    { FAULT_DF_ADVERTISED_UNSTRUCTURED, NBD_FLAG_SEND_DF, 0, true },
    { FAULT_FAST_ZERO_UNADVERTISED_SERVED, 0, NBD_FLAG_SEND_FAST_ZERO, false },
    { FAULT_FAST_ZERO_UNADVERTISED_ENOTSUP, 0, NBD_FLAG_SEND_FAST_ZERO, false },
    { FAULT_FAST_ZERO_UNADVERTISED_EPERM, 0, NBD_FLAG_SEND_FAST_ZERO, false },
    { FAULT_RESIZE_ADVERTISED, NBD_FLAG_SEND_RESIZE, 0, false },
    { FAULT_FLUSH_HIDDEN, 0, NBD_FLAG_SEND_FLUSH, false },
    { FAULT_FUA_HIDDEN, 0, NBD_FLAG_SEND_FUA, false },
    { FAULT_FAST_ZERO_WITHOUT_WRITE_ZEROES, NBD_FLAG_SEND_FAST_ZERO, NBD_FLAG_SEND_WRITE_ZEROES, false },
};

/* Whether a message tells size and flags of the export, and where. */
static bool find_export(const struct reference_session *s, size_t start, enum scan_kind kind, size_t *ret)
{
    bool info = kind == SCAN_KIND_OPTION_REPLY && edit_get(s, start + TYPE_AT, 4) == NBD_REP_INFO &&
                edit_get(s, start + DATA_AT, 2) == NBD_INFO_EXPORT;

    *ret = info ? start + INFO_AT : start;
    return info || kind == SCAN_KIND_EXPORT;
}

static void alter_export(struct reference_session *s, size_t at)
{
    for (size_t i = 0; i < COUNT(flags_rows); i++) {
        const struct flags_fault *row = &flags_rows[i];

        if (fault_on(s, row->fault) && !(row->unstructured && s->structured))
            set_bits(s, at + 8, 2, row->set, row->clear);
    }
    if ((!s->extended && fault_on(s, FAULT_STATUS_PAYLOAD_ADVERTISED_COMPACT)) ||
        (s->extended && !s->context_of && fault_on(s, FAULT_STATUS_PAYLOAD_ADVERTISED_WITHOUT_CONTEXTS)))
        set_bits(s, at + 8, 2, NBD_FLAG_BLOCK_STATUS_PAYLOAD, 0);
    if (s->extended && fault_on(s, FAULT_EXTENDED_DF_UNADVERTISED_SERVED))
        set_bits(s, at + 8, 2, 0, NBD_FLAG_SEND_DF);
    if (fault_on(s, FAULT_STATUS_PAYLOAD_BIT_13) && (edit_get(s, at + 8, 2) & NBD_FLAG_BLOCK_STATUS_PAYLOAD))
        set_bits(s, at + 8, 2, 1 << 13, NBD_FLAG_BLOCK_STATUS_PAYLOAD);
    if (fault_on(s, FAULT_TRANSMISSION_FLAGS_REVERSED))
        reverse(s, at + 8, 2);
    if (fault_on(s, FAULT_SIZE_NOT_MULTIPLE_OF_MINIMUM))
        edit_set(s, at, 8, edit_get(s, at, 8) - 1);
}

static bool is_meant(const struct reference_session *s, const struct message_fault *row, size_t start,
                     enum scan_kind kind)
{
    if (row->kind != kind)
        return false;
    if (row->option != ANY && s->in.head.option.option != row->option)
        return false;
    if (row->type != ANY && edit_get(s, start + TYPE_AT, 4) != row->type)
        return false;
    return row->info == ANY_INFO || edit_get(s, start + DATA_AT, 2) == row->info;
}

/* What this connection was told, for faults of the transmission phase. */
static void note_told(struct reference_session *s, size_t start, enum scan_kind kind)
{
    struct misconduct *m = s->misconduct;

    if (kind != SCAN_KIND_OPTION_REPLY || edit_get(s, start + TYPE_AT, 4) != NBD_REP_INFO)
        return;
    if (edit_get(s, start + DATA_AT, 2) == NBD_INFO_BLOCK_SIZE)
        m->block_size_told = true;
    if (edit_get(s, start + DATA_AT, 2) == NBD_INFO_EXPORT && s->in.head.option.option == NBD_OPT_INFO) {
        uint64_t size = edit_get(s, start + DATA_AT + 2, 8);

        m->other_size = m->other_size_told && m->other_size < size ? m->other_size : size;
        m->other_size_told = true;
    }
}

void handshake_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    size_t export;

    note_told(s, start, kind);
    if (find_export(s, start, kind, &export))
        alter_export(s, export);
    if (kind == SCAN_KIND_OPTION_REPLY)
        contexts_misconduct(s, start);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (fault_on(s, rows[i].fault) && s->output.len > start && is_meant(s, &rows[i], start, kind))
            rows[i].edit(s, start);
}
