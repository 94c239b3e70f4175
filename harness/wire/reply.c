/* SPDX-License-Identifier: MIT */
/* Option reply data.  See wire/body.h.  proto.md, "Option reply types". */
#include "wire/body.h"
#include "wire/flaw.h"

struct reply_row {
    uint32_t type;
    enum reply_layout layout;
    const char *rule;
};

static const struct reply_row rows[] = {
#define REPLY(name, value, layout, rule) { value, REPLY_##layout, rule },
#include "wire/tbl/reply.def"
};

static const struct info_row {
    uint16_t info;
    size_t least, most; /* bytes, with the 2 of the type */
    const char *rule;
} infos[] = {
#define INFO(name, value, least, most, rule) { value, least, most, rule },
#include "wire/tbl/info.def"
};

static const struct string_rules context_rules = { .utf8 = "rep.meta-context.name-utf8" };

static const struct reply_row *row_of(uint32_t type)
{
    static const struct reply_row unknown = { 0, REPLY_UNKNOWN, "" };
    static const struct reply_row unknown_error = { 0, REPLY_MESSAGE, "" };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == type)
            return &rows[i];
    return reply_is_error(type) ? &unknown_error : &unknown;
}

enum reply_layout reply_layout_of(uint32_t type)
{
    return row_of(type)->layout;
}

static void get_server(const struct reply_row *row, struct wire_in *in, struct reply_data *ret,
                       struct wire_flaw *flaw)
{
    uint32_t length = wire_get_32(in);

    if (in->is_short) {
        flaw_note(flaw, row->rule, "name length", 0, "is missing: the reply is too short for it");
        return;
    }
    if (length > in->rest.len && length >> 16 > 0 && length >> 16 <= in->rest.len + 2) {
        flaw_note(flaw, row->rule, "name length", 0, "would be right if it had 16 bits");
        ret->name = in->rest;
        return;
    }
    if (length > in->rest.len) {
        flaw_note(flaw, "rep.server.name-length.max", "name length", 0, "reaches beyond the reply's data");
        ret->name = in->rest;
        return;
    }
    ret->name = wire_get_bytes(in, length);
    ret->text = in->rest;
    flaw_check_string(flaw, NULL, "name", 4, ret->name);
    flaw_check_string(flaw, NULL, "details", 4 + ret->name.len, ret->text);
}

static void check_info_length(uint16_t info, size_t len, struct wire_flaw *flaw)
{
    for (size_t i = 0; i < sizeof infos / sizeof *infos; i++) {
        if (infos[i].info != info)
            continue;
        if (len < infos[i].least)
            flaw_note(flaw, infos[i].rule, "length", 0, "is too short for the information");
        else if (len > infos[i].most && infos[i].least == infos[i].most)
            flaw_note(flaw, infos[i].rule, "length", 0, "is too long for the information");
    }
}

static void get_info(const struct reply_row *row, struct wire_in *in, struct reply_data *ret,
                     struct wire_flaw *flaw)
{
    size_t len = in->rest.len;

    ret->info = wire_get_16(in);
    if (in->is_short) {
        flaw_note(flaw, row->rule, "information type", 0, "is missing: the reply is too short for it");
        return;
    }
    check_info_length(ret->info, len, flaw);
    switch (ret->info) {
    case NBD_INFO_EXPORT:
        ret->export = wire_get_info_export(in);
        break;
    case NBD_INFO_NAME:
        ret->name = in->rest;
        flaw_check_string(flaw, NULL, "name", 2, ret->name);
        break;
    case NBD_INFO_DESCRIPTION:
        ret->text = in->rest;
        flaw_check_string(flaw, NULL, "description", 2, ret->text);
        break;
    case NBD_INFO_BLOCK_SIZE:
        ret->block_size = wire_get_info_block_size(in);
        break;
    default: /* a number from the wire; unknown information is skipped by its length */
        break;
    }
}

static void get_meta_context(const struct reply_row *row, struct wire_in *in, struct reply_data *ret,
                             struct wire_flaw *flaw)
{
    ret->context = wire_get_32(in);
    if (in->is_short) {
        flaw_note(flaw, row->rule, "context ID", 0, "is missing: the reply is too short for it");
        return;
    }
    ret->name = in->rest;
    flaw_check_string(flaw, &context_rules, "context name", 4, ret->name);
}

bool reply_decode(uint32_t type, struct span data, struct reply_data *ret, struct wire_flaw *ret_flaw)
{
    const struct reply_row *row = row_of(type);
    struct wire_in in = wire_in(data);

    *ret = (struct reply_data){ .layout = row->layout };
    *ret_flaw = (struct wire_flaw){ 0 };
    switch (row->layout) {
    case REPLY_NONE:
        if (data.len > 0)
            flaw_note(ret_flaw, row->rule, "length", 0, "is not 0: the reply has no data");
        break;
    case REPLY_SERVER:
        get_server(row, &in, ret, ret_flaw);
        break;
    case REPLY_INFO:
        get_info(row, &in, ret, ret_flaw);
        break;
    case REPLY_META_CONTEXT:
        get_meta_context(row, &in, ret, ret_flaw);
        break;
    case REPLY_MESSAGE:
        ret->text = data;
        flaw_check_string(ret_flaw, NULL, "message", 0, data);
        break;
    case REPLY_UNKNOWN:
        break;
    }
    return !ret_flaw->rule;
}

static void put_header(struct wire_out *out, uint32_t option, uint32_t type, uint64_t length)
{
    if (length > UINT32_MAX) {
        out->full = true;
        return;
    }
    wire_put_option_reply(out, &(struct wire_option_reply){ NBD_REP_MAGIC, option, type, (uint32_t)length });
}

void reply_put(struct wire_out *out, uint32_t option, uint32_t type, struct span data)
{
    put_header(out, option, type, data.len);
    wire_put_bytes(out, data);
}

void reply_put_server(struct wire_out *out, uint32_t option, struct span name, struct span details)
{
    put_header(out, option, NBD_REP_SERVER, (uint64_t)4 + name.len + details.len);
    wire_put_32(out, (uint32_t)name.len);
    wire_put_bytes(out, name);
    wire_put_bytes(out, details);
}

void reply_put_info_export(struct wire_out *out, uint32_t option, uint64_t size, uint16_t flags)
{
    put_header(out, option, NBD_REP_INFO, 2 + WIRE_SIZE_info_export);
    wire_put_16(out, NBD_INFO_EXPORT);
    wire_put_info_export(out, &(struct wire_info_export){ size, flags });
}

void reply_put_info_text(struct wire_out *out, uint32_t option, uint16_t info, struct span text)
{
    put_header(out, option, NBD_REP_INFO, (uint64_t)2 + text.len);
    wire_put_16(out, info);
    wire_put_bytes(out, text);
}

void reply_put_info_block_size(struct wire_out *out, uint32_t option, const struct wire_info_block_size *size)
{
    put_header(out, option, NBD_REP_INFO, 2 + WIRE_SIZE_info_block_size);
    wire_put_16(out, NBD_INFO_BLOCK_SIZE);
    wire_put_info_block_size(out, size);
}

void reply_put_meta_context(struct wire_out *out, uint32_t option, uint32_t context, struct span name)
{
    put_header(out, option, NBD_REP_META_CONTEXT, (uint64_t)4 + name.len);
    wire_put_32(out, context);
    wire_put_bytes(out, name);
}
