/* SPDX-License-Identifier: MIT */
/* What follows the headers: option data, reply data, chunk payloads; both directions.
 *
 * Decoders look at a whole body.  One that does not obey the specification is decoded as far as it goes, and
 * the first fault is told as a flaw: framing is intact, the frame is bad.  Nothing is allocated: strings and
 * lists stay in the caller's bytes. */
#ifndef NBDTEST_WIRE_BODY_H
#define NBDTEST_WIRE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "wire/constants.h"
#include "wire/cursor.h"
#include "wire/frame.h"

/* What is wrong with a frame whose framing is intact. */
struct wire_flaw {
    const char *rule;   /* id of the requirement, NULL when nothing is wrong */
    const char *field;  /* "name length" */
    size_t at;          /* where the field begins: bytes from the start of the body */
    const char *reason; /* "reaches beyond the reply's data" */
};

/* ---- option data: "Option types" ---- */

enum option_layout { OPTION_NONE, OPTION_NAME, OPTION_INFOS, OPTION_QUERIES, OPTION_UNKNOWN };

enum option_layout option_layout_of(uint32_t option); /* OPTION_UNKNOWN for options not in the table */

struct option_data {
    enum option_layout layout;
    struct span name;     /* NAME, INFOS, QUERIES: the export's name */
    uint16_t info_count;  /* INFOS: as announced */
    struct span infos;    /* INFOS: 16 bits each; as many as there are bytes for */
    uint32_t query_count; /* QUERIES: as announced */
    struct span queries;  /* QUERIES: 32 bits of length and a string each: option_next_query() */
};

/* Decodes the data of an option.  False when they do not obey the specification; *ret_flaw then says how. */
bool option_decode(uint32_t option, struct span data, struct option_data *ret, struct wire_flaw *ret_flaw);

/* Takes the next information request off the list; false at the end. */
bool option_next_info(struct span *infos, uint16_t *ret);

/* Takes the next query off the list; false at the end, and where a query reaches beyond it. */
bool option_next_query(struct span *queries, struct span *ret);

/* Writers of whole options: header and data.  The lengths come from the arguments. */
void option_put(struct wire_out *out, uint32_t option, struct span data);
void option_put_infos(struct wire_out *out, uint32_t option, struct span name, const uint16_t *infos,
                      uint16_t count);
void option_put_queries(struct wire_out *out, uint32_t option, struct span name, const struct span *queries,
                        uint32_t count);

/* ---- reply data: "Option reply types" ---- */

enum reply_layout { REPLY_NONE, REPLY_SERVER, REPLY_INFO, REPLY_META_CONTEXT, REPLY_MESSAGE, REPLY_UNKNOWN };

enum reply_layout reply_layout_of(uint32_t type); /* any type with bit 31 is REPLY_MESSAGE */

static inline bool reply_is_error(uint32_t type)
{
    return (type & UINT32_C(0x80000000)) != 0;
}

struct reply_data {
    enum reply_layout layout;
    struct span name;                       /* SERVER: export; INFO NAME; META_CONTEXT: context */
    struct span text;                       /* SERVER: details; INFO DESCRIPTION; MESSAGE */
    uint16_t info;                          /* INFO: NBD_INFO_* */
    uint32_t context;                       /* META_CONTEXT: its ID */
    struct wire_info_export export;         /* INFO EXPORT */
    struct wire_info_block_size block_size; /* INFO BLOCK_SIZE */
};

/* Decodes the data of an option reply.  False when they do not obey the specification: wrong lengths, strings
 * that are not UTF-8, hold NUL or are too long. */
bool reply_decode(uint32_t type, struct span data, struct reply_data *ret, struct wire_flaw *ret_flaw);

/* Writers of whole option replies: header and data. */
void reply_put(struct wire_out *out, uint32_t option, uint32_t type, struct span data);
void reply_put_server(struct wire_out *out, uint32_t option, struct span name, struct span details);
void reply_put_info_export(struct wire_out *out, uint32_t option, uint64_t size, uint16_t flags);
void reply_put_info_text(struct wire_out *out, uint32_t option, uint16_t info, struct span text);
void reply_put_info_block_size(struct wire_out *out, uint32_t option,
                               const struct wire_info_block_size *size);
void reply_put_meta_context(struct wire_out *out, uint32_t option, uint32_t context, struct span name);

/* ---- chunk payloads: "Structured reply types" ---- */

enum chunk_layout {
    CHUNK_NONE,
    CHUNK_OFFSET_DATA,
    CHUNK_OFFSET_HOLE,
    CHUNK_BLOCK_STATUS,
    CHUNK_EXTENDED_STATUS,
    CHUNK_ERROR_PLAIN,
    CHUNK_ERROR_AT,
    CHUNK_UNKNOWN
};
enum chunk_role { CHUNK_ENDS, CHUNK_CONTENT, CHUNK_STATUS, CHUNK_ERROR, CHUNK_OTHER };

enum chunk_role chunk_role_of(uint16_t type); /* any type with bit 15 is CHUNK_ERROR */

struct chunk_data {
    enum chunk_role role;
    uint64_t offset;       /* OFFSET_DATA, OFFSET_HOLE, ERROR_OFFSET */
    struct span data;      /* OFFSET_DATA */
    uint64_t data_bytes;   /* OFFSET_DATA: bytes of data announced; OFFSET_HOLE: bytes of the hole */
    uint32_t context;      /* BLOCK_STATUS, BLOCK_STATUS_EXT */
    uint32_t extent_count; /* BLOCK_STATUS_EXT: as announced */
    bool wide;             /* BLOCK_STATUS_EXT: the extents are those of 64 bits */
    struct span extents;   /* BLOCK_STATUS, BLOCK_STATUS_EXT: whole descriptors, chunk_next_status() */
    uint32_t error;        /* errors */
    struct span message;   /* errors */
    bool has_error_offset; /* ERROR_OFFSET with room for its offset */
};

/* Decodes the payload of a chunk.
 * payload   the payload, or as much of its front as the caller kept
 * length    bytes of payload that the header announced
 * False when it does not obey the specification. */
bool chunk_decode(uint16_t type, struct span payload, uint64_t length, struct chunk_data *ret,
                  struct wire_flaw *ret_flaw);

/* Takes the next extent off a list of 32-bit ones; false at the end. */
bool chunk_next_extent(struct span *extents, struct wire_extent *ret);

/* Takes the next extent off a list of either width, 32-bit ones widened; false at the end. */
bool chunk_next_status(struct span *extents, bool wide, struct wire_extended_extent *ret);

/* The request that a chunk answers, and how its header is written. */
struct chunk_to {
    uint64_t cookie;
    bool extended;
    uint64_t offset; /* extended: of the request */
};

static inline struct chunk_to chunk_to(uint64_t cookie)
{
    return (struct chunk_to){ cookie, false, 0 };
}

static inline struct chunk_to chunk_to_extended(uint64_t cookie, uint64_t offset)
{
    return (struct chunk_to){ cookie, true, offset };
}

/* Bytes of header. */
static inline size_t chunk_header_size(struct chunk_to to)
{
    return to.extended ? WIRE_SIZE_extended_reply : WIRE_SIZE_chunk;
}

/* Writers: put_header for any chunk (the payload follows), the others whole.  What does not fit its field is
 * not written: out->full. */
void chunk_put_header(struct wire_out *out, uint16_t flags, uint16_t type, struct chunk_to to,
                      uint64_t length);
void chunk_put_none(struct wire_out *out, struct chunk_to to);
void chunk_put_data_header(struct wire_out *out, uint16_t flags, struct chunk_to to, uint64_t offset,
                           uint32_t bytes);
void chunk_put_hole(struct wire_out *out, uint16_t flags, struct chunk_to to, uint64_t offset, uint32_t size);
void chunk_put_error(struct wire_out *out, uint16_t flags, struct chunk_to to, uint32_t error,
                     struct span message);
void chunk_put_error_offset(struct wire_out *out, uint16_t flags, struct chunk_to to, uint32_t error,
                            struct span message, uint64_t offset);

/* NBD_REPLY_TYPE_BLOCK_STATUS_EXT with extended headers, otherwise NBD_REPLY_TYPE_BLOCK_STATUS. */
void chunk_put_status(struct wire_out *out, uint16_t flags, struct chunk_to to, uint32_t context,
                      const struct wire_extended_extent *extents, size_t count);

/* ---- requests: "Request types" ---- */

struct command_rules {
    const char *name;
    uint16_t type;
    bool data;      /* length bytes follow the request */
    bool ranged;    /* offset and length address the export */
    bool writes;    /* counts as a write operation */
    uint16_t flags; /* documented for it; NBD_CMD_FLAG_PAYLOAD_LEN: see command_flags() */
    bool payload;   /* has a form with a payload under extended headers */
};

const struct command_rules *command_rules_of(uint16_t type); /* NULL for unknown commands */

/* The command flags documented for a command, under extended headers or without. */
static inline uint16_t command_flags(const struct command_rules *rules, bool extended)
{
    return (uint16_t)(rules->flags | (extended && rules->payload ? NBD_CMD_FLAG_PAYLOAD_LEN : 0));
}

/* The payload of NBD_CMD_BLOCK_STATUS, proto-extended-headers.md. */
struct status_filter {
    uint64_t length;      /* bytes of the export that are asked about */
    struct span contexts; /* 32 bits each, filter_next_context(); as many as there are bytes for */
};

/* Decodes that payload.  False when it does not obey the specification; *ret_flaw then says how. */
bool filter_decode(struct span payload, struct status_filter *ret, struct wire_flaw *ret_flaw);

/* Takes the next metadata context ID off the list; false at the end. */
bool filter_next_context(struct span *contexts, uint32_t *ret);

/* Writes the payload. */
void filter_put(struct wire_out *out, uint64_t length, const uint32_t *contexts, size_t count);

#endif
