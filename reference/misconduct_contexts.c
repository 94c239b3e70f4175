/* SPDX-License-Identifier: MIT */
/* Metadata contexts that are told of otherwise than they should be: their names, and the replies that hold
 * them. */
#include "reference/misconduct_handshake.h"

/* ---- names: of the one context that the cases can do without ---- */

#define NAME(text)                                \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

static const struct name_fault {
    enum fault fault;
    struct span name;
    size_t length; /* filled up to it with a letter; 0: as it is */
} names[] = {
    { FAULT_CONTEXT_WITHOUT_COLON, NAME("x-nbdtest"), 0 },
    { FAULT_CONTEXT_WITHOUT_NAMESPACE, NAME(":written"), 0 },
    { FAULT_CONTEXT_NAMESPACE_BLANK, NAME("x-nbd test:written"), 0 },
    { FAULT_CONTEXT_NAMESPACE_UNREGISTERED, NAME("acme:written"), 0 },
    { FAULT_CONTEXT_BASE_INVENTED, NAME("base:written"), 0 },
    { FAULT_CONTEXT_NBD_SERVER_INVENTED, NAME("nbd-server:written"), 0 },
    { FAULT_CONTEXT_NAME_NOT_UTF8, NAME("x-nbdtest:\xff"), 0 },
    { FAULT_CONTEXT_NAME_WITH_NUL, NAME("x-nbdtest:a\0b"), 0 },
    { FAULT_CONTEXT_NAME_TERMINATED, NAME("x-nbdtest:written\0"), 0 },
    { FAULT_CONTEXT_NAME_AFTER_LENGTH, NAME("\0\0\0\x11x-nbdtest:written"), 0 },
    { FAULT_CONTEXT_NAME_LONG, NAME("x-nbdtest:written"), 257 },
    { FAULT_CONTEXT_NAME_TOO_LONG, NAME("x-nbdtest:written"), 4097 },
    { FAULT_CONTEXT_NAME_MISSING, NAME(""), 0 },
};

static void rename_context(struct reference_session *s, size_t start, const struct name_fault *row)
{
    size_t length = row->length > row->name.len ? row->length : row->name.len;

    s->output.len = start + CONTEXT_NAME_AT;
    memset(answer_room(s, length).at, 'n', length);
    edit_fill(s, start + CONTEXT_NAME_AT, row->name);
    edit_set(s, start + LENGTH_AT, 4, 4 + length);
}

static bool is_named(const struct reference_session *s, size_t start, enum context context)
{
    size_t at = start + CONTEXT_NAME_AT;

    return s->output.len > at && span_equal(span_of(s->output.bytes + at, s->output.len - at),
                                            span_text(context_rows[context].name));
}

/* An ID of another width, in front of the name. */
static void widen_id(struct reference_session *s, size_t start)
{
    size_t len = s->output.len - start - CONTEXT_NAME_AT;

    answer_room(s, 4);
    memmove(s->output.bytes + start + CONTEXT_NAME_AT + 4, s->output.bytes + start + CONTEXT_NAME_AT, len);
    edit_set(s, start + CONTEXT_NAME_AT, 4, edit_get(s, start + DATA_AT, 4));
    edit_set(s, start + DATA_AT, 4, 0);
    edit_set(s, start + LENGTH_AT, 4, 8 + len);
}

static void narrow_id(struct reference_session *s, size_t start)
{
    size_t len = s->output.len - start - CONTEXT_NAME_AT;

    memmove(s->output.bytes + start + DATA_AT, s->output.bytes + start + DATA_AT + 2, len + 2);
    s->output.len -= 2;
    edit_set(s, start + LENGTH_AT, 4, 2 + len);
}

void contexts_misconduct(struct reference_session *s, size_t start)
{
    if (edit_get(s, start + TYPE_AT, 4) != NBD_REP_META_CONTEXT)
        return;
    for (size_t i = 0; i < COUNT(names) && is_named(s, start, CONTEXT_WRITTEN); i++)
        if (fault_on(s, names[i].fault))
            rename_context(s, start, &names[i]);
    if (fault_on(s, FAULT_CONTEXT_IDS_EQUAL) && s->in.head.option.option == NBD_OPT_SET_META_CONTEXT)
        edit_set(s, start + DATA_AT, 4, ALLOCATION_ID);
    if (fault_on(s, FAULT_CONTEXT_ID_WIDE) && is_named(s, start, CONTEXT_ALLOCATION))
        widen_id(s, start);
    if (fault_on(s, FAULT_CONTEXT_ID_NARROW) && is_named(s, start, CONTEXT_ALLOCATION))
        narrow_id(s, start);
    if (fault_on(s, FAULT_CONTEXT_CUT_SHORT)) {
        s->output.len = start + DATA_AT + 2;
        edit_set(s, start + LENGTH_AT, 4, 2);
    }
    if (fault_on(s, FAULT_CONTEXT_TYPE_UNKNOWN))
        edit_set(s, start + TYPE_AT, 4, 5);
}
