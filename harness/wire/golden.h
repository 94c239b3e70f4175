/* SPDX-License-Identifier: MIT */
/* One frame of each type and direction, written out by hand from the specification, so that the codec does
 * not vouch for itself.  For tests. */
#ifndef NBDTEST_WIRE_GOLDEN_H
#define NBDTEST_WIRE_GOLDEN_H

#include <stdint.h>

/* clang-format off */

/* ---- greetings ---- */

static const uint8_t golden_oldstyle[152] = {
    'N', 'B', 'D', 'M', 'A', 'G', 'I', 'C',
    0x00, 0x00, 0x42, 0x02, 0x81, 0x86, 0x12, 0x53,     /* cliserv magic */
    0, 0, 0, 1, 0, 0, 2, 0,                             /* size 4 GiB + 512 */
    0, 0,  0, 5,                                        /* handshake flags; HAS_FLAGS, SEND_FLUSH */
    /* 124 zero bytes */
};

static const uint8_t golden_newstyle[] = {
    'N', 'B', 'D', 'M', 'A', 'G', 'I', 'C',
    'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T',
    0, 3,                                               /* FIXED_NEWSTYLE, NO_ZEROES */
};

static const uint8_t golden_client_flags[] = { 0, 0, 0, 3 };    /* FIXED_NEWSTYLE, NO_ZEROES */

/* ---- options ---- */

#define IHAVEOPT 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T'

static const uint8_t golden_export_name[] = {
    IHAVEOPT, 0, 0, 0, 1, 0, 0, 0, 4, 'd', 'i', 's', 'k',
};

static const uint8_t golden_abort[] = { IHAVEOPT, 0, 0, 0, 2, 0, 0, 0, 0 };

static const uint8_t golden_list[] = { IHAVEOPT, 0, 0, 0, 3, 0, 0, 0, 0 };

static const uint8_t golden_peek_export[] = { IHAVEOPT, 0, 0, 0, 4, 0, 0, 0, 1, 'x' };

static const uint8_t golden_starttls[] = { IHAVEOPT, 0, 0, 0, 5, 0, 0, 0, 0 };

static const uint8_t golden_info[] = {
    IHAVEOPT, 0, 0, 0, 6, 0, 0, 0, 14,
    0, 0, 0, 4, 'd', 'i', 's', 'k',                     /* name */
    0, 2,  0, 1,  0, 3,                                 /* 2 requests: NAME, BLOCK_SIZE */
};

static const uint8_t golden_go[] = {
    IHAVEOPT, 0, 0, 0, 7, 0, 0, 0, 6,
    0, 0, 0, 0,                                         /* the default export */
    0, 0,                                               /* no requests */
};

static const uint8_t golden_structured_reply[] = { IHAVEOPT, 0, 0, 0, 8, 0, 0, 0, 0 };

static const uint8_t golden_list_meta_context[] = {
    IHAVEOPT, 0, 0, 0, 9, 0, 0, 0, 12,
    0, 0, 0, 4, 'd', 'i', 's', 'k',                     /* name */
    0, 0, 0, 0,                                         /* no queries */
};

static const uint8_t golden_set_meta_context[] = {
    IHAVEOPT, 0, 0, 0, 10, 0, 0, 0, 36,
    0, 0, 0, 1, 'd',                                    /* name */
    0, 0, 0, 2,                                         /* 2 queries */
    0, 0, 0, 15, 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n',
    0, 0, 0, 4, 'x', ':', 'y', 'z',
};

static const uint8_t golden_extended_headers[] = { IHAVEOPT, 0, 0, 0, 11, 0, 0, 0, 0 };

/* ---- option replies ---- */

#define REP_MAGIC 0x00, 0x03, 0xe8, 0x89, 0x04, 0x55, 0x65, 0xa9

static const uint8_t golden_ack[] = { REP_MAGIC, 0, 0, 0, 7,  0, 0, 0, 1,  0, 0, 0, 0 };

static const uint8_t golden_server[] = {
    REP_MAGIC, 0, 0, 0, 3,  0, 0, 0, 2,  0, 0, 0, 11,
    0, 0, 0, 4, 'd', 'i', 's', 'k',                     /* name */
    'o', 'l', 'd',                                      /* details */
};

static const uint8_t golden_info_export[] = {
    REP_MAGIC, 0, 0, 0, 7,  0, 0, 0, 3,  0, 0, 0, 12,
    0, 0,                                               /* NBD_INFO_EXPORT */
    0, 0, 0, 0, 0, 0x10, 0, 0,                          /* 1 MiB */
    0x01, 0x03,                                         /* HAS_FLAGS, READ_ONLY, CAN_MULTI_CONN */
};

static const uint8_t golden_info_name[] = {
    REP_MAGIC, 0, 0, 0, 6,  0, 0, 0, 3,  0, 0, 0, 6,
    0, 1, 'd', 'i', 's', 'k',
};

static const uint8_t golden_info_description[] = {
    REP_MAGIC, 0, 0, 0, 6,  0, 0, 0, 3,  0, 0, 0, 5,
    0, 2, 'o', 0xc3, 0xa4,                              /* "oä" */
};

static const uint8_t golden_info_block_size[] = {
    REP_MAGIC, 0, 0, 0, 7,  0, 0, 0, 3,  0, 0, 0, 14,
    0, 3,
    0, 0, 2, 0,                                         /* minimum 512 */
    0, 0, 0x10, 0,                                      /* preferred 4096 */
    2, 0, 0, 0,                                         /* maximum 32 MiB */
};

static const uint8_t golden_meta_context[] = {
    REP_MAGIC, 0, 0, 0, 10,  0, 0, 0, 4,  0, 0, 0, 19,
    0x12, 0x34, 0x56, 0x78,                             /* context ID */
    'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n',
};

static const uint8_t golden_err_unsup[] = {
    REP_MAGIC, 0, 0, 0, 99,  0x80, 0, 0, 1,  0, 0, 0, 2, 'n', 'o',
};

static const uint8_t golden_err_policy[] = { REP_MAGIC, 0, 0, 0, 3,  0x80, 0, 0, 2,  0, 0, 0, 0 };

static const uint8_t golden_err_invalid[] = { REP_MAGIC, 0, 0, 0, 3,  0x80, 0, 0, 3,  0, 0, 0, 0 };

static const uint8_t golden_err_platform[] = { REP_MAGIC, 0, 0, 0, 5,  0x80, 0, 0, 4,  0, 0, 0, 0 };

static const uint8_t golden_err_tls_reqd[] = { REP_MAGIC, 0, 0, 0, 7,  0x80, 0, 0, 5,  0, 0, 0, 0 };

static const uint8_t golden_err_unknown[] = { REP_MAGIC, 0, 0, 0, 7,  0x80, 0, 0, 6,  0, 0, 0, 0 };

static const uint8_t golden_err_shutdown[] = { REP_MAGIC, 0, 0, 0, 7,  0x80, 0, 0, 7,  0, 0, 0, 0 };

static const uint8_t golden_err_block_size_reqd[] = { REP_MAGIC, 0, 0, 0, 7,  0x80, 0, 0, 8,  0, 0, 0, 0 };

static const uint8_t golden_err_too_big[] = { REP_MAGIC, 0, 0, 0, 10,  0x80, 0, 0, 9,  0, 0, 0, 0 };

static const uint8_t golden_err_ext_header_reqd[] = { REP_MAGIC, 0, 0, 0, 8,  0x80, 0, 0, 10,  0, 0, 0, 0 };

/* ---- the answer to NBD_OPT_EXPORT_NAME ---- */

static const uint8_t golden_export[134] = {
    0, 0, 0, 0, 0, 0x10, 0, 0,                          /* 1 MiB */
    0, 0x0d,                                            /* HAS_FLAGS, SEND_FLUSH, SEND_FUA */
    /* 124 zero bytes */
};

static const uint8_t golden_export_no_zeroes[] = {
    0, 0, 0, 0, 0, 0x10, 0, 0,
    0, 0x0d,
};

/* ---- requests: magic, flags, type, cookie, offset, length ---- */

#define REQUEST_MAGIC 0x25, 0x60, 0x95, 0x13

static const uint8_t golden_read[] = {
    REQUEST_MAGIC, 0, 4,  0, 0,                         /* DF */
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0x10, 0,
};

static const uint8_t golden_write[] = {
    REQUEST_MAGIC, 0, 1,  0, 1,                         /* FUA */
    0xc0, 0, 0, 0, 0, 0, 0, 0x1e,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 3, 'a', 'b', 'c',
};

static const uint8_t golden_disc[] = {
    REQUEST_MAGIC, 0, 0,  0, 2,
    0, 0, 0, 0, 0, 0, 0, 1,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0,
};

static const uint8_t golden_flush[] = {
    REQUEST_MAGIC, 0, 0,  0, 3,
    0, 0, 0, 0, 0, 0, 0, 2,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0,
};

static const uint8_t golden_trim[] = {
    REQUEST_MAGIC, 0, 1,  0, 4,
    0, 0, 0, 0, 0, 0, 0, 3,  0, 0, 0, 1, 0, 0, 0, 0,  0x80, 0, 0, 0,
};

static const uint8_t golden_cache[] = {
    REQUEST_MAGIC, 0, 0,  0, 5,
    0, 0, 0, 0, 0, 0, 0, 4,  0, 0, 0, 0, 0, 0, 0, 0,  0xff, 0xff, 0xff, 0xff,
};

static const uint8_t golden_write_zeroes[] = {
    REQUEST_MAGIC, 0, 0x12,  0, 6,                      /* NO_HOLE, FAST_ZERO */
    0, 0, 0, 0, 0, 0, 0, 5,  0, 0, 0, 0, 0, 0, 0x10, 0,  0, 1, 0, 0,
};

static const uint8_t golden_block_status[] = {
    REQUEST_MAGIC, 0, 8,  0, 7,                         /* REQ_ONE */
    0, 0, 0, 0, 0, 0, 0, 6,  0x80, 0, 0, 0, 0, 0, 0, 0,  0, 1, 0, 0,
};

static const uint8_t golden_resize[] = {
    REQUEST_MAGIC, 0, 0,  0, 8,
    0, 0, 0, 0, 0, 0, 0, 7,  0, 0, 0, 0, 0, 1, 0, 0,  0, 0, 0, 0,
};

/* ---- simple replies: magic, error, cookie ---- */

#define SIMPLE_MAGIC 0x67, 0x44, 0x66, 0x98

static const uint8_t golden_simple_done[] = { SIMPLE_MAGIC, 0, 0, 0, 0,  1, 0, 0, 0, 0, 0, 0, 0 };

static const uint8_t golden_simple_data[] = {
    SIMPLE_MAGIC, 0, 0, 0, 0,  1, 2, 3, 4, 5, 6, 7, 4, 'd', 'a', 't', 'a',      /* as many as the cookie's last byte */
};

static const uint8_t golden_simple_error[] = { SIMPLE_MAGIC, 0, 0, 0, 22,  0, 0, 0, 0, 0, 0, 0, 9 };     /* EINVAL */

/* ---- structured reply chunks: magic, flags, type, cookie, length ---- */

#define CHUNK_MAGIC 0x66, 0x8e, 0x33, 0xef

static const uint8_t golden_none[] = { CHUNK_MAGIC, 0, 1,  0, 0,  1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0 };

static const uint8_t golden_data[] = {
    CHUNK_MAGIC, 0, 1,  0, 1,  1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 11,
    0, 0, 0, 0, 0, 0, 2, 0, 'a', 'b', 'c',              /* offset 512 */
};

static const uint8_t golden_hole[] = {
    CHUNK_MAGIC, 0, 0,  0, 2,  1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 12,
    0, 0, 0, 1, 0, 0, 0, 0,  0, 0, 0x10, 0,             /* offset 4 GiB, 4096 bytes */
};

static const uint8_t golden_status[] = {
    CHUNK_MAGIC, 0, 1,  0, 5,  1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 20,
    0x12, 0x34, 0x56, 0x78,                             /* context ID */
    0, 0, 0x10, 0,  0, 0, 0, 3,                         /* 4096 bytes: HOLE, ZERO */
    0, 0, 2, 0,  0, 0, 0, 0,                            /* 512 bytes */
};

static const uint8_t golden_error[] = {
    CHUNK_MAGIC, 0, 1,  0x80, 1,  1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 9,
    0, 0, 0, 22,  0, 3, 'b', 'a', 'd',                  /* EINVAL */
};

static const uint8_t golden_error_offset[] = {
    CHUNK_MAGIC, 0, 0,  0x80, 2,  1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 16,
    0, 0, 0, 5,  0, 2, 'i', 'o',  0, 0, 0, 0, 0, 0, 2, 1,       /* EIO at offset 513 */
};

/* ---- extended headers ---- */

static const uint8_t golden_extended_request[] = {
    0x21, 0xe4, 0x1c, 0x71, 0, 0x20,  0, 1,             /* PAYLOAD_LEN, WRITE */
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 1, 0, 0, 0, 0,
};

static const uint8_t golden_extended_reply[] = {
    0x6e, 0x8a, 0x27, 0x8c, 0, 1,  0, 6,                /* DONE, BLOCK_STATUS_EXT */
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 0, 0, 0, 0, 24,
};

/* Requests: magic, flags, type, cookie, offset, length. */

#define EXTENDED_REQUEST_MAGIC 0x21, 0xe4, 0x1c, 0x71

static const uint8_t golden_extended_write[] = {
    EXTENDED_REQUEST_MAGIC, 0, 0x21,  0, 1,             /* PAYLOAD_LEN, FUA */
    0xc0, 0, 0, 0, 0, 0, 0, 0x1e,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 0, 0, 0, 0, 3, 'a', 'b', 'c',
};

static const uint8_t golden_extended_trim[] = {
    EXTENDED_REQUEST_MAGIC, 0, 0,  0, 4,                /* no payload, whatever its length */
    0, 0, 0, 0, 0, 0, 0, 3,  0, 0, 0, 1, 0, 0, 0, 0,  0x10, 0, 0, 0, 0, 0, 0, 0,
};

static const uint8_t golden_extended_filter[] = {
    EXTENDED_REQUEST_MAGIC, 0, 0x28,  0, 7,             /* PAYLOAD_LEN, REQ_ONE */
    0, 0, 0, 0, 0, 0, 0, 6,  0, 0, 0, 0, 0, 1, 0, 0,  0, 0, 0, 0, 0, 0, 0, 16,
    0, 0, 1, 0, 0, 0, 0, 0,                             /* effect length 1 TiB */
    0x12, 0x34, 0x56, 0x78,  0, 0, 0, 9,                /* two context IDs */
};

/* Chunks: magic, flags, type, cookie, offset of the request, length. */

#define EXTENDED_REPLY_MAGIC 0x6e, 0x8a, 0x27, 0x8c

static const uint8_t golden_extended_none[] = {
    EXTENDED_REPLY_MAGIC, 0, 1,  0, 0,
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 0, 0, 0, 0, 0,
};

static const uint8_t golden_extended_data[] = {
    EXTENDED_REPLY_MAGIC, 0, 1,  0, 1,
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 0, 0, 0, 0, 11,
    0, 0, 0, 0, 0, 0, 4, 0, 'a', 'b', 'c',              /* offset 1024, of a request at 512 */
};

static const uint8_t golden_extended_hole[] = {
    EXTENDED_REPLY_MAGIC, 0, 0,  0, 2,
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 0, 0, 0, 0, 12,
    0, 0, 0, 1, 0, 0, 0, 0,  0, 0, 0x10, 0,             /* offset 4 GiB, 4096 bytes */
};

static const uint8_t golden_extended_status[] = {
    EXTENDED_REPLY_MAGIC, 0, 1,  0, 6,
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 0, 0, 0, 0, 40,
    0x12, 0x34, 0x56, 0x78,  0, 0, 0, 2,                /* context ID, 2 extents */
    0x10, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 3,     /* 2^60 bytes: HOLE, ZERO */
    0, 0, 0, 0, 0, 0, 2, 0,  0x80, 0, 0, 0, 0, 0, 0, 0,     /* 512 bytes, bit 63 */
};

static const uint8_t golden_extended_error[] = {
    EXTENDED_REPLY_MAGIC, 0, 1,  0x80, 1,
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 0, 0, 0, 0, 9,
    0, 0, 0, 22,  0, 3, 'b', 'a', 'd',                  /* EINVAL */
};

static const uint8_t golden_extended_error_offset[] = {
    EXTENDED_REPLY_MAGIC, 0, 0,  0x80, 2,
    1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 0, 0, 0, 0, 0, 16,
    0, 0, 0, 5,  0, 2, 'i', 'o',  0, 0, 0, 0, 0, 0, 2, 1,       /* EIO at offset 513 */
};

/* clang-format on */

#endif
