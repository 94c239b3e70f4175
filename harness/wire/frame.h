/* SPDX-License-Identifier: MIT */
/* The fixed layouts of wire/tbl/frame.def: for each FRAME
 *
 *   struct wire_FRAME               its fields in host order
 *   WIRE_SIZE_FRAME                 its bytes on the wire
 *   wire_get_FRAME(in)              reads one; zeroes and in->is_short where bytes are missing
 *   wire_put_FRAME(out, frame)      writes one; nothing and out->full where there is no room
 *   wire_FRAME_fields[]             name, width and meaning of each field, ended by a NULL name
 */
#ifndef NBDTEST_WIRE_FRAME_H
#define NBDTEST_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "wire/cursor.h"

struct wire_field {
    const char *name;
    unsigned bits;
    size_t offset; /* in the struct */
    const char *meaning;
};

#define BEGIN(frame, size, section) struct wire_##frame {
#define F(frame, bits, field, meaning) uint##bits##_t field;
#define END(frame) \
    }              \
    ;
#include "wire/tbl/frame.def"

enum wire_size {
#define BEGIN(frame, size, section) WIRE_SIZE_##frame = (size),
#define F(frame, bits, field, meaning)
#define END(frame)
#include "wire/tbl/frame.def"
    WIRE_SIZE_HEADER_MAX = 32 /* of any frame that the scanner cuts */
};

#define BEGIN(frame, size, section)                                            \
    struct wire_##frame wire_get_##frame(struct wire_in *in);                  \
    void wire_put_##frame(struct wire_out *out, const struct wire_##frame *v); \
    extern const struct wire_field wire_##frame##_fields[];
#define F(frame, bits, field, meaning)
#define END(frame)
#include "wire/tbl/frame.def"

#endif
