/* SPDX-License-Identifier: MIT */
/* Greetings, the answer to NBD_OPT_EXPORT_NAME, and size and flags of the export, wherever they are told,
 * altered on their way out. */
#include "reference/misconduct_handshake.h"

/* ---- greeting: 8 bytes, 8 bytes, flags ---- */

static void greeting_magic(struct reference_session *s, size_t start)
{
    edit_change_bit(s, start + 7, 1);
}

static void greeting_ihaveopt(struct reference_session *s, size_t start)
{
    edit_change_bit(s, start + 15, 1);
}

static void greeting_without_fixed(struct reference_session *s, size_t start)
{
    edit_set_bits(s, start + 16, 2, 0, NBD_FLAG_FIXED_NEWSTYLE);
}

static void greeting_without_no_zeroes(struct reference_session *s, size_t start)
{
    edit_set_bits(s, start + 16, 2, 0, NBD_FLAG_NO_ZEROES);
}

static void greeting_bit_2(struct reference_session *s, size_t start)
{
    edit_set_bits(s, start + 16, 2, 0x0004, 0);
}

static void greeting_bit_15(struct reference_session *s, size_t start)
{
    edit_set_bits(s, start + 16, 2, 0x8000, 0);
}

static void greeting_flags_reversed(struct reference_session *s, size_t start)
{
    edit_reverse(s, start + 16, 2);
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
    edit_change_bit(s, start + 17, 0x10);
}

static void oldstyle_handshake_flags(struct reference_session *s, size_t start)
{
    edit_set_bits(s, start + 24, 2, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES, 0);
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
    edit_change_bit(s, start + 28, 1);
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
        edit_change_bit(s, s->output.len - 1, 1);
}

void export_size(struct reference_session *s, size_t start)
{
    edit_change_bit(s, start + 6, 0x10);
}

void export_flags(struct reference_session *s, size_t start)
{
    edit_change_bit(s, start + 8, 1); /* CAN_MULTI_CONN */
}

static void export_flags_wide(struct reference_session *s, size_t start)
{
    edit_insert(s, start + 8, 2);
}

static void export_without_flags(struct reference_session *s, size_t start)
{
    edit_cut(s, start + 8, 2);
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

static const struct greeting_fault {
    enum fault fault;
    enum scan_kind kind;
    edit *edit;
} rows[] = {
    { FAULT_GREETING_MAGIC_WRONG, SCAN_KIND_NEWSTYLE, greeting_magic },
    { FAULT_GREETING_IHAVEOPT_WRONG, SCAN_KIND_NEWSTYLE, greeting_ihaveopt },
    { FAULT_FIXED_NEWSTYLE_NOT_OFFERED, SCAN_KIND_NEWSTYLE, greeting_without_fixed },
    { FAULT_UNOFFERED_NO_ZEROES_ACCEPTED, SCAN_KIND_NEWSTYLE, greeting_without_no_zeroes },
    { FAULT_HANDSHAKE_FLAG_2_SET, SCAN_KIND_NEWSTYLE, greeting_bit_2 },
    { FAULT_HANDSHAKE_FLAG_15_SET, SCAN_KIND_NEWSTYLE, greeting_bit_15 },

    { FAULT_HANDSHAKE_FLAGS_REVERSED, SCAN_KIND_NEWSTYLE, greeting_flags_reversed },
    { FAULT_HANDSHAKE_FLAGS_WIDE, SCAN_KIND_NEWSTYLE, greeting_flags_wide },
    { FAULT_HANDSHAKE_FLAGS_NARROW, SCAN_KIND_NEWSTYLE, greeting_flags_narrow },
    { FAULT_OLDSTYLE_SIZE_WRONG, SCAN_KIND_OLDSTYLE, oldstyle_size },
    { FAULT_OLDSTYLE_HANDSHAKE_FLAGS, SCAN_KIND_OLDSTYLE, oldstyle_handshake_flags },
    { FAULT_OLDSTYLE_FLAGS_EXCHANGED, SCAN_KIND_OLDSTYLE, oldstyle_flags_exchanged },
    { FAULT_OLDSTYLE_FLAGS_NARROW, SCAN_KIND_OLDSTYLE, oldstyle_flags_narrow },
    { FAULT_OLDSTYLE_PADDING_NONZERO, SCAN_KIND_OLDSTYLE, oldstyle_padding_nonzero },
    { FAULT_OLDSTYLE_PADDING_LONG, SCAN_KIND_OLDSTYLE, oldstyle_padding_long },

    { FAULT_PADDING_DESPITE_NO_ZEROES, SCAN_KIND_EXPORT, padding_added },
    { FAULT_PADDING_LEFT_OUT, SCAN_KIND_EXPORT, padding_left_out },
    { FAULT_PADDING_SHORT, SCAN_KIND_EXPORT, padding_short },
    { FAULT_PADDING_NONZERO, SCAN_KIND_EXPORT, padding_nonzero },
    { FAULT_EXPORT_NAME_SIZE_WRONG, SCAN_KIND_EXPORT, export_size },
    { FAULT_EXPORT_NAME_FLAGS_WRONG, SCAN_KIND_EXPORT, export_flags },
    { FAULT_EXPORT_NAME_FLAGS_WIDE, SCAN_KIND_EXPORT, export_flags_wide },
    { FAULT_EXPORT_NAME_WITHOUT_FLAGS, SCAN_KIND_EXPORT, export_without_flags },
    { FAULT_EXPORT_NAME_WITH_HEADER, SCAN_KIND_EXPORT, export_with_header },
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
            edit_set_bits(s, at + 8, 2, row->set, row->clear);
    }
    if ((!s->extended && fault_on(s, FAULT_STATUS_PAYLOAD_ADVERTISED_COMPACT)) ||
        (s->extended && !s->context_of && fault_on(s, FAULT_STATUS_PAYLOAD_ADVERTISED_WITHOUT_CONTEXTS)))
        edit_set_bits(s, at + 8, 2, NBD_FLAG_BLOCK_STATUS_PAYLOAD, 0);
    if (s->extended && fault_on(s, FAULT_EXTENDED_DF_UNADVERTISED_SERVED))
        edit_set_bits(s, at + 8, 2, 0, NBD_FLAG_SEND_DF);
    if (fault_on(s, FAULT_STATUS_PAYLOAD_BIT_13) && (edit_get(s, at + 8, 2) & NBD_FLAG_BLOCK_STATUS_PAYLOAD))
        edit_set_bits(s, at + 8, 2, 1 << 13, NBD_FLAG_BLOCK_STATUS_PAYLOAD);
    if (fault_on(s, FAULT_TRANSMISSION_FLAGS_REVERSED))
        edit_reverse(s, at + 8, 2);
    if (fault_on(s, FAULT_SIZE_NOT_MULTIPLE_OF_MINIMUM))
        edit_set(s, at, 8, edit_get(s, at, 8) - 1);
}

void greeting_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    size_t export;

    if (find_export(s, start, kind, &export))
        alter_export(s, export);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (fault_on(s, rows[i].fault) && rows[i].kind == kind && s->output.len > start)
            rows[i].edit(s, start);
}
