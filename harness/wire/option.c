/* SPDX-License-Identifier: MIT */
/* Option data.  See wire/body.h.  proto.md, "Option types". */
#include "wire/body.h"
#include "wire/flaw.h"

struct option_row {
    uint32_t option;
    enum option_layout layout;
    const char *data_rule, *name_rule, *count_rule, *items_rule;
};

static const struct option_row rows[] = {
#define OPTION(name, value, layout, data_rule, name_rule, count_rule, items_rule) \
    { value, OPTION_##layout, data_rule, name_rule, count_rule, items_rule },
#include "wire/tbl/option.def"
};

static const struct option_row *row_of(uint32_t option)
{
    static const struct option_row unknown = { 0, OPTION_UNKNOWN, "", "", "", "" };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].option == option)
            return &rows[i];
    return &unknown;
}

enum option_layout option_layout_of(uint32_t option)
{
    return row_of(option)->layout;
}

/* The name behind its length; at least `behind` bytes of other things have to follow it.  False when the rest
 * of the data cannot be found. */
static bool get_name(const struct option_row *row, struct wire_in *in, size_t behind, struct option_data *ret,
                     struct wire_flaw *flaw)
{
    uint32_t length = wire_get_32(in);
    size_t rest = in->rest.len;

    if (in->is_short) {
        flaw_note(flaw, row->data_rule, "name length", 0, "is missing: the data are too short for it");
        return false;
    }
    ret->name = span_take(&in->rest, length);
    if (length > rest || (rest >= behind && length > rest - behind)) {
        flaw_note(flaw, row->name_rule, "name length", 0, "reaches beyond the place of the name");
        return false;
    }
    flaw_check_string(flaw, NULL, "name", 4, ret->name);
    return true;
}

static void get_infos(const struct option_row *row, struct wire_in *in, struct option_data *ret,
                      struct wire_flaw *flaw)
{
    size_t at;

    if (!get_name(row, in, 2, ret, flaw))
        return;
    at = 4 + ret->name.len;
    ret->info_count = wire_get_16(in);
    if (in->is_short) {
        flaw_note(flaw, row->count_rule, "number of requests", at,
                  "is missing: the data are too short for it");
        return;
    }
    if (in->rest.len != 2 * (size_t)ret->info_count)
        flaw_note(flaw, row->items_rule, "number of requests", at, "does not fit the option's length");
    ret->infos = span_take(&in->rest, 2 * (size_t)ret->info_count);
    ret->infos.len &= ~(size_t)1;
}

static void get_queries(const struct option_row *row, struct wire_in *in, struct option_data *ret,
                        struct wire_flaw *flaw)
{
    struct span all, query;
    size_t at;

    if (!get_name(row, in, 0, ret, flaw))
        return;
    at = 4 + ret->name.len;
    ret->query_count = wire_get_32(in);
    if (in->is_short) {
        flaw_note(flaw, row->count_rule, "number of queries", at,
                  "is missing: the data are too short for it");
        return;
    }
    all = in->rest;
    for (uint32_t i = 0; i < ret->query_count; i++) {
        at = 8 + ret->name.len + (all.len - in->rest.len);
        if (!option_next_query(&in->rest, &query)) {
            flaw_note(flaw, row->items_rule, "query", at, "reaches beyond the option's data");
            break;
        }
        flaw_check_string(flaw, NULL, "query", at + 4, query);
    }
    ret->queries = span_of(all.at, all.len - in->rest.len);
    if (in->rest.len > 0)
        flaw_note(flaw, row->items_rule, "option data", 8 + ret->name.len + ret->queries.len,
                  "go on behind the last query");
}

bool option_decode(uint32_t option, struct span data, struct option_data *ret, struct wire_flaw *ret_flaw)
{
    const struct option_row *row = row_of(option);
    struct wire_in in = wire_in(data);

    *ret = (struct option_data){ .layout = row->layout };
    *ret_flaw = (struct wire_flaw){ 0 };
    switch (row->layout) {
    case OPTION_NONE:
        if (data.len > 0)
            flaw_note(ret_flaw, row->data_rule, "length", 0, "is not 0: the option has no data");
        break;
    case OPTION_NAME:
        ret->name = data;
        flaw_check_string(ret_flaw, NULL, "name", 0, data);
        break;
    case OPTION_INFOS:
        get_infos(row, &in, ret, ret_flaw);
        break;
    case OPTION_QUERIES:
        get_queries(row, &in, ret, ret_flaw);
        break;
    case OPTION_UNKNOWN:
        break;
    }
    return !ret_flaw->rule;
}

bool option_next_info(struct span *infos, uint16_t *ret)
{
    struct wire_in in = wire_in(*infos);
    uint16_t info = wire_get_16(&in);

    if (in.is_short)
        return false;
    *infos = in.rest;
    *ret = info;
    return true;
}

bool option_next_query(struct span *queries, struct span *ret)
{
    struct wire_in in = wire_in(*queries);
    struct span query = wire_get_bytes(&in, wire_get_32(&in));

    if (in.is_short)
        return false;
    *queries = in.rest;
    *ret = query;
    return true;
}

static void put_header(struct wire_out *out, uint32_t option, uint64_t length)
{
    if (length > UINT32_MAX) {
        out->full = true;
        return;
    }
    wire_put_option(out, &(struct wire_option){ NBD_OPTS_MAGIC, option, (uint32_t)length });
}

void option_put(struct wire_out *out, uint32_t option, struct span data)
{
    put_header(out, option, data.len);
    wire_put_bytes(out, data);
}

void option_put_infos(struct wire_out *out, uint32_t option, struct span name, const uint16_t *infos,
                      uint16_t count)
{
    put_header(out, option, (uint64_t)4 + name.len + 2 + 2 * (uint64_t)count);
    wire_put_32(out, (uint32_t)name.len);
    wire_put_bytes(out, name);
    wire_put_16(out, count);
    for (uint16_t i = 0; i < count; i++)
        wire_put_16(out, infos[i]);
}

void option_put_queries(struct wire_out *out, uint32_t option, struct span name, const struct span *queries,
                        uint32_t count)
{
    uint64_t length = (uint64_t)4 + name.len + 4;

    for (uint32_t i = 0; i < count; i++)
        length += 4 + queries[i].len;
    put_header(out, option, length);
    wire_put_32(out, (uint32_t)name.len);
    wire_put_bytes(out, name);
    wire_put_32(out, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_put_32(out, (uint32_t)queries[i].len);
        wire_put_bytes(out, queries[i]);
    }
}
