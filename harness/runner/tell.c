/* SPDX-License-Identifier: MIT */
#include "runner/tell.h"

#include "base/escape.h"

/* NULL: there is none. */
static const char *describe_tls(const struct facts *f)
{
    switch (f->tls_mode) {
    case TLS_MODE_FORCED:
        return f->tls_broken ? "required, and does not work" : "required";
    case TLS_MODE_SELECTIVE:
        return f->tls_broken ? "offered, and does not work" : f->secured ? "offered, and used" : "offered";
    case TLS_MODE_NOTLS:
    case TLS_MODE_UNKNOWN:
        break;
    }
    return NULL;
}

void tell_begin(const struct telling *t, const char *server, const struct facts *f,
                const struct ranges *scratch, const char *why_no_writes, size_t instances)
{
    struct buffer export;
    struct about about = {
        .server = server,
        .export_chosen = f->export_chosen,
        .size = f->size,
        .transmission_flags = f->flags_structured,
        .handshake_flags = f->handshake_flags,
        .structured = f->structured,
        .extended = f->extended,
        .tls = describe_tls(f),
        .has_block_size = f->has_block_size,
        .minimum_block = f->block_size.minimum,
        .preferred_block = f->block_size.preferred,
        .maximum_payload = f->block_size.maximum,
        .writes_why_not = why_no_writes,
        .writes_allowed = why_no_writes == NULL,
        .instances = instances,
    };

    for (unsigned i = 0; i < scratch->count; i++) {
        if (i == 0 || scratch->all[i].offset < about.scratch_offset)
            about.scratch_offset = scratch->all[i].offset;
        about.scratch_length += scratch->all[i].length;
    }
    about.scratch_ranges = scratch->count;
    buffer_init(&export, 8 * NBD_MAX_STRING);
    escape_text(&export, span_text(f->export));
    about.export = buffer_text(&export);
    for (size_t i = 0; i < t->listener_count; i++)
        if (t->listeners[i].began)
            t->listeners[i].began(t->listeners[i].ctx, &about);
    buffer_free(&export);
}

void tell_instance(struct telling *t, const struct instance *i)
{
    t->totals.by_verdict[i->verdict]++;
    for (size_t l = 0; l < t->listener_count; l++)
        if (t->listeners[l].instance)
            t->listeners[l].instance(t->listeners[l].ctx, i);
}

static void tell_row(void *ctx, const struct requirement *requirement, enum verdict worst)
{
    const struct telling *t = ctx;

    for (size_t i = 0; i < t->listener_count; i++)
        if (t->listeners[i].row)
            t->listeners[i].row(t->listeners[i].ctx, requirement, worst);
}

void tell_end(struct telling *t, const struct judge *j)
{
    judge_count(j, &t->totals);
    judge_rows(j, tell_row, t);
    for (size_t i = 0; i < t->listener_count; i++)
        if (t->listeners[i].ended)
            t->listeners[i].ended(t->listeners[i].ctx, &t->totals);
}
