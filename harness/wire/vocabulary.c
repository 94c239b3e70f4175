/* SPDX-License-Identifier: MIT */
#include "wire/vocabulary.h"

#include <inttypes.h>

#include "wire/constants.h"

#define COUNT(words) (sizeof(words) / sizeof *(words))

static const struct word options[] = {
#define OPTION(name, value, layout, data_rule, name_rule, count_rule, items_rule) { #name, value },
#include "wire/tbl/option.def"
};

static const struct word replies[] = {
#define REPLY(name, value, layout, rule) { #name, value },
#include "wire/tbl/reply.def"
};

static const struct word infos[] = {
#define INFO(name, value, least, most, rule) { #name, value },
#include "wire/tbl/info.def"
};

static const struct word commands[] = {
#define COMMAND(name, value, data, ranged, writes, flags, payload) { #name, value },
#include "wire/tbl/command.def"
};

static const struct word chunks[] = {
#define CHUNK(name, value, layout, role, least, most, rule) { #name, value },
#include "wire/tbl/chunk.def"
};

static const struct word errors[] = {
#define ERROR(name, value, meaning) { #name, value },
#include "wire/tbl/error.def"
};

/* clang-format off */
#define FLAGS(field, what) static const struct word field##_flags[] = {
#define FLAG(field, constant, name, bit) { #name, UINT64_C(1) << (bit) },
#define END_FLAGS(field) };
#include "wire/tbl/flag.def"
/* clang-format on */

const struct vocabulary vocabulary_options = { "option", options, COUNT(options) };
const struct vocabulary vocabulary_replies = { "option reply type", replies, COUNT(replies) };
const struct vocabulary vocabulary_infos = { "information type", infos, COUNT(infos) };
const struct vocabulary vocabulary_commands = { "command", commands, COUNT(commands) };
const struct vocabulary vocabulary_chunks = { "chunk type", chunks, COUNT(chunks) };
const struct vocabulary vocabulary_errors = { "error", errors, COUNT(errors) };

#define FLAGS(field, what) \
    const struct vocabulary vocabulary_##field##_flags = { what, field##_flags, COUNT(field##_flags) };
#define FLAG(field, constant, name, bit)
#define END_FLAGS(field)
#include "wire/tbl/flag.def"

const char *vocabulary_name(const struct vocabulary *v, uint64_t value)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->words[i].value == value)
            return v->words[i].name;
    return NULL;
}

const struct word *vocabulary_find(const struct vocabulary *v, struct span name)
{
    for (size_t i = 0; i < v->count; i++)
        if (span_equal(span_text(v->words[i].name), name))
            return &v->words[i];
    return NULL;
}

void vocabulary_print(const struct vocabulary *v, uint64_t value, struct buffer *to)
{
    const char *name = vocabulary_name(v, value);

    if (name)
        buffer_print(to, "%s", name);
    else
        buffer_print(to, "0x%" PRIx64, value);
}

void vocabulary_print_flags(const struct vocabulary *v, uint64_t flags, struct buffer *to)
{
    const char *separator = "";

    for (size_t i = 0; i < v->count; i++)
        if (flags & v->words[i].value) {
            buffer_print(to, "%s%s", separator, v->words[i].name);
            flags &= ~v->words[i].value;
            separator = "|";
        }
    if (flags != 0)
        buffer_print(to, "%s0x%" PRIx64, separator, flags);
    else if (*separator == '\0')
        buffer_print(to, "0");
}
