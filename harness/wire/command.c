/* SPDX-License-Identifier: MIT */
/* Requests: what the table of request types says of each, and their payloads.  See wire/body.h. */
#include "wire/body.h"
#include "wire/flaw.h"

static const struct command_rules commands[] = {
#define COMMAND(name, value, data, ranged, writes, flags, payload) \
    { #name, value, data, ranged, writes, flags, payload },
#include "wire/tbl/command.def"
};

const struct command_rules *command_rules_of(uint16_t type)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].type == type)
            return &commands[i];
    return NULL;
}

bool filter_decode(struct span payload, struct status_filter *ret, struct wire_flaw *ret_flaw)
{
    struct wire_in in = wire_in(payload);

    *ret_flaw = (struct wire_flaw){ 0 };
    *ret = (struct status_filter){ .length = wire_get_status_filter(&in).length };
    if (in.is_short)
        flaw_note(ret_flaw, "ext.block-status.filter.size", "length", 0,
                  "leaves no room for the effect length");
    else if (in.rest.len % 4 != 0)
        flaw_note(ret_flaw, "ext.block-status.filter.size", "length", 0, "is not that of whole context IDs");
    ret->contexts = span_of(in.rest.at, in.rest.len - in.rest.len % 4);
    return !ret_flaw->rule;
}

bool filter_next_context(struct span *contexts, uint32_t *ret)
{
    struct wire_in in = wire_in(*contexts);
    uint32_t context = wire_get_32(&in);

    if (in.is_short)
        return false;
    *contexts = in.rest;
    *ret = context;
    return true;
}

void filter_put(struct wire_out *out, uint64_t length, const uint32_t *contexts, size_t count)
{
    wire_put_status_filter(out, &(struct wire_status_filter){ length });
    for (size_t i = 0; i < count; i++)
        wire_put_32(out, contexts[i]);
}
