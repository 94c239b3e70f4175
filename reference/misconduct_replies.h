/* SPDX-License-Identifier: MIT */
/* What the faults that alter replies share: where fields are, and the rows they stand in. */
#ifndef NBDTEST_REFERENCE_MISCONDUCT_REPLIES_H
#define NBDTEST_REFERENCE_MISCONDUCT_REPLIES_H

#include "reference/misconduct_parts.h"

enum {
    COOKIE_AT = 8, /* in simple replies and chunks alike */
    ERROR_AT = 4,  /* simple reply */
    FLAGS_AT = 4,  /* chunk */
    TYPE_AT = 6,
    LENGTH_AT = 16,
    PAYLOAD_AT = WIRE_SIZE_chunk,
};

enum { PAYLOAD_ADDED_MAX = 65536 };

/* Alters a message on its way out: what begins at start, and answers the request. */
typedef void edit(struct reference_session *s, size_t start, const struct request *r);

/* A message of that kind that answers such a command.  Columns that are ANY match everything. */
#define ANY UINT32_MAX
struct reply_fault {
    enum fault fault;
    enum scan_kind kind;
    uint32_t chunk, command;
    edit *edit;
};

/* The first row that is for this message alters it, if there is one: one alteration a message, so that each
 * finds what it expects. */
bool replies_alter(struct reference_session *s, size_t start, enum scan_kind kind,
                   const struct reply_fault *rows, size_t count);

bool chunks_misconduct(struct reference_session *s, size_t start, enum scan_kind kind);
bool status_misconduct(struct reference_session *s, size_t start, enum scan_kind kind);

edit content_twice;

/* Makes a chunk longer by what was inserted into it, or shorter. */
static inline void adjust_length(struct reference_session *s, size_t start, int64_t by)
{
    edit_set(s, start + LENGTH_AT, 4, (uint64_t)((int64_t)edit_get(s, start + LENGTH_AT, 4) + by));
}

static inline void set_done(struct reference_session *s, size_t start, bool done)
{
    edit_set(s, start + FLAGS_AT, 2, done ? NBD_REPLY_FLAG_DONE : 0);
}

static inline bool is_done(const struct reference_session *s, size_t start)
{
    return edit_get(s, start + FLAGS_AT, 2) & NBD_REPLY_FLAG_DONE;
}

#endif
