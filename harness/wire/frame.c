/* SPDX-License-Identifier: MIT */
/* What the table of fixed layouts expands to. */
#include "wire/frame.h"

#define BEGIN(frame, size, section) _Static_assert((size)*8 == 0
#define F(frame, bits, field, meaning) +(bits)
#define END(frame) , "frame.def: the fields of " #frame " do not add up");
#include "wire/tbl/frame.def"

#define BEGIN(frame, size, section)                                 \
    struct wire_##frame wire_get_##frame(struct wire_in *in)        \
    {                                                               \
        struct wire_in bytes = wire_in(wire_get_bytes(in, (size))); \
        struct wire_##frame v = { 0 };                              \
                                                                    \
        if (in->is_short)                                           \
            return v;
#define F(frame, bits, field, meaning) v.field = wire_get_##bits(&bytes);
#define END(frame) \
    return v;      \
    }
#include "wire/tbl/frame.def"

#define BEGIN(frame, size, section)                                           \
    void wire_put_##frame(struct wire_out *out, const struct wire_##frame *v) \
    {                                                                         \
        if (out->full || out->room - out->len < (size)) {                     \
            out->full = true;                                                 \
            return;                                                           \
        }
#define F(frame, bits, field, meaning) wire_put_##bits(out, v->field);
#define END(frame) }
#include "wire/tbl/frame.def"

/* clang-format off */
#define BEGIN(frame, size, section) const struct wire_field wire_##frame##_fields[] = {
#define F(frame, bits, field, meaning) { #field, bits, offsetof(struct wire_##frame, field), meaning },
#define END(frame) { NULL, 0, 0, NULL } };
#include "wire/tbl/frame.def"
