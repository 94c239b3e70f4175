/* SPDX-License-Identifier: MIT */
#include "script/send.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/body.h"
#include "wire/vocabulary.h"

static bool fail(struct value_error *error, struct place place, const char *reason)
{
    error->place = place;
    snprintf(error->reason, sizeof error->reason, "%s", reason);
    return false;
}

static const struct field *field_of(const struct field *fields, const char *name)
{
    for (; fields; fields = fields->next)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

/* A number of so many bits, or what *ret already is where the frame does not give it. */
static bool number_field(const struct sender *s, const struct field *fields, const char *name, unsigned bits,
                         const struct vocabulary *words, uint64_t *ret, struct value_error *error)
{
    const struct field *field = field_of(fields, name);

    if (!field)
        return true;
    if (!value_number(field->value, s->variables, words, ret, error))
        return false;
    if (bits == 64 || *ret >> bits == 0)
        return true;
    error->place = field->value->place;
    snprintf(error->reason, sizeof error->reason, "%" PRIu64 " does not fit the %u bits of %s", *ret, bits,
             name);
    return false;
}

static void put_number(struct buffer *to, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    wire_put_number(&out, value, len);
    buffer_add(to, bytes, out.len);
}

/* A variable of the surroundings, 0 where there is none. */
static uint64_t default_number(const struct sender *s, const char *name)
{
    const struct bound *b = environment_find(s->variables, name);

    return b && b->kind == BOUND_NUMBER ? b->number : 0;
}

/* ---- client flags ---- */

static bool put_flags(const struct sender *s, const struct frame *f, struct buffer *to,
                      struct value_error *error)
{
    uint64_t flags = s->handshake_flags & (NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
    const struct value *v = f->subject;

    if (!v)
        return fail(error, f->place, "FLAGS takes flags, or the word offered");
    if (v->kind != VALUE_WORD || strcmp(v->text, "offered") != 0)
        if (!value_number(v, s->variables, &vocabulary_client_flags, &flags, error))
            return false;
    if (flags > UINT32_MAX)
        return fail(error, v->place, "client flags have 32 bits");
    put_number(to, flags, WIRE_SIZE_client_flags);
    return true;
}

/* ---- options ---- */

/* A string behind its length of 32 bits; lied: the field that gives another length, or NULL. */
static bool put_string(const struct sender *s, const struct value *v, const struct field *lied,
                       struct buffer *to, struct value_error *error)
{
    size_t at = to->len, len;
    uint64_t said;
    struct wire_out out;

    put_number(to, 0, 4);
    if (v && !value_data(v, s->variables, 0, UINT64_MAX, to, error))
        return false;
    len = to->len - at - 4;
    said = len;
    if (lied && !number_field(s, lied, lied->name, 32, NULL, &said, error))
        return false;
    out = wire_out(to->bytes + at, 4);
    wire_put_32(&out, (uint32_t)said);
    return true;
}

/* The export's name: as given, else the run's. */
static bool put_name(const struct sender *s, const struct frame *f, struct buffer *to, bool counted,
                     struct value_error *error)
{
    const struct field *name = field_of(f->fields, "name");
    struct value run = { .kind = VALUE_VARIABLE, .place = f->place, .text = "export" };
    const struct bound *b = environment_find(s->variables, "export");
    const struct value *v = name ? name->value : b && b->kind != BOUND_NUMBER ? &run : NULL;

    if (counted)
        return put_string(s, v, field_of(f->fields, "name.length"), to, error);
    return !v || value_data(v, s->variables, 0, UINT64_MAX, to, error);
}

static const struct value *items_of(const struct field *list)
{
    if (!list)
        return NULL;
    return list->value->kind == VALUE_LIST ? list->value->first : list->value;
}

static uint64_t count_items(const struct value *item)
{
    uint64_t count = 0;

    for (; item; item = item->next)
        count++;
    return count;
}

static bool put_infos(const struct sender *s, const struct frame *f, struct buffer *to,
                      struct value_error *error)
{
    const struct value *item = items_of(field_of(f->fields, "infos"));
    uint64_t count = count_items(item);

    if (!put_name(s, f, to, true, error) ||
        !number_field(s, f->fields, "infos.count", 16, NULL, &count, error))
        return false;
    put_number(to, count, 2);
    for (; item; item = item->next) {
        uint64_t info;

        if (!value_number(item, s->variables, &vocabulary_infos, &info, error))
            return false;
        if (info > UINT16_MAX)
            return fail(error, item->place, "information types have 16 bits");
        put_number(to, info, 2);
    }
    return true;
}

static bool put_queries(const struct sender *s, const struct frame *f, struct buffer *to,
                        struct value_error *error)
{
    const struct value *item = items_of(field_of(f->fields, "queries"));
    uint64_t count = count_items(item);

    if (!put_name(s, f, to, true, error) ||
        !number_field(s, f->fields, "queries.count", 32, NULL, &count, error))
        return false;
    put_number(to, count, 4);
    for (; item; item = item->next)
        if (!put_string(s, item, field_of(item->fields, "length"), to, error))
            return false;
    return true;
}

/* The layout that an option's data take: its own, or for those without one what the given fields call for. */
static enum option_layout layout_of(uint64_t option, const struct frame *f)
{
    enum option_layout layout = option_layout_of((uint32_t)option);

    if (layout != OPTION_NONE && layout != OPTION_UNKNOWN)
        return layout;
    if (field_of(f->fields, "queries") || field_of(f->fields, "queries.count"))
        return OPTION_QUERIES;
    if (field_of(f->fields, "infos") || field_of(f->fields, "infos.count"))
        return OPTION_INFOS;
    return field_of(f->fields, "name") ? OPTION_NAME : OPTION_NONE;
}

static bool put_option_data(const struct sender *s, const struct frame *f, uint64_t option, struct buffer *to,
                            struct value_error *error)
{
    const struct field *data = field_of(f->fields, "data");
    const struct field *length = field_of(f->fields, "length");
    uint64_t bytes = UINT64_MAX;

    if (data) {
        /* with a length given, zero and pattern fill it */
        if (length && !value_number(length->value, s->variables, NULL, &bytes, error))
            return false;
        return value_data(data->value, s->variables, 0, bytes, to, error);
    }
    switch (layout_of(option, f)) {
    case OPTION_NONE:
    case OPTION_UNKNOWN:
        return true;
    case OPTION_NAME:
        return put_name(s, f, to, false, error);
    case OPTION_INFOS:
        return put_infos(s, f, to, error);
    case OPTION_QUERIES:
        return put_queries(s, f, to, error);
    }
    return true;
}

static bool put_option(const struct sender *s, const struct frame *f, struct buffer *to,
                       struct value_error *error)
{
    uint64_t magic = NBD_OPTS_MAGIC, option, number, length;
    size_t at = to->len;
    struct wire_option head;
    struct wire_out out;

    if (!f->subject)
        return fail(error, f->place, "OPT takes an option");
    if (!value_number(f->subject, s->variables, &vocabulary_options, &option, error))
        return false;
    if (option > UINT32_MAX)
        return fail(error, f->subject->place, "options have 32 bits");
    number = option;
    if (!buffer_add_zero(to, WIRE_SIZE_option))
        return fail(error, f->place, "too many bytes to send at once");
    if (!put_option_data(s, f, option, to, error))
        return false;
    length = to->len - at - WIRE_SIZE_option;
    if (!number_field(s, f->fields, "magic", 64, NULL, &magic, error) ||
        !number_field(s, f->fields, "option", 32, &vocabulary_options, &number, error) ||
        !number_field(s, f->fields, "length", 32, NULL, &length, error))
        return false;
    head = (struct wire_option){ magic, (uint32_t)number, (uint32_t)length };
    out = wire_out(to->bytes + at, WIRE_SIZE_option);
    wire_put_option(&out, &head);
    return true;
}

/* ---- requests ---- */

enum { DEFAULT_SEED = 1 }; /* of the data of a WRITE that gives none */

/* What a request says, before it is cut to the widths of its fields. */
struct request {
    uint64_t magic, flags, type, cookie, offset, length;
};

/* Bytes that follow the request, and where no length is given, the length that follows from them. */
static bool put_payload(const struct sender *s, const struct frame *f, bool carries, struct request *r,
                        struct buffer *to, struct value_error *error)
{
    const struct field *payload = field_of(f->fields, "payload");
    const struct field *data = payload ? payload : field_of(f->fields, "data");
    bool sized = field_of(f->fields, "length") != NULL;
    size_t at = to->len;

    if (!data && !carries)
        return true;
    if (!data) {
        uint8_t *bytes = r->length <= SEND_MAX_DATA ? buffer_extend(to, (size_t)r->length) : NULL;

        if (!bytes)
            return fail(error, f->place, "more data than nbdtest sends at once");
        pattern_fill(DEFAULT_SEED, r->offset, bytes,
                     (size_t)r->length); /* zero would hide what was not written */
        return true;
    }
    if (sized)
        return value_data(data->value, s->variables, r->offset, r->length, to, error);
    if (value_data(data->value, s->variables, r->offset, UINT64_MAX, to, error)) {
        r->length = to->len - at;
        return true;
    }
    to->len = at;
    return value_data(data->value, s->variables, r->offset, r->length, to, error); /* fills the default */
}

static bool request_fields(const struct sender *s, const struct frame *f, struct request *r,
                           struct value_error *error)
{
    return number_field(s, f->fields, "magic", 32, NULL, &r->magic, error) &&
           number_field(s, f->fields, "flags", 16, &vocabulary_command_flags, &r->flags, error) &&
           number_field(s, f->fields, "cookie", 64, NULL, &r->cookie, error) &&
           number_field(s, f->fields, "offset", 64, NULL, &r->offset, error) &&
           number_field(s, f->fields, "length", s->extended ? 64 : 32, NULL, &r->length, error);
}

static void put_request_head(const struct sender *s, const struct request *r, uint8_t *at)
{
    const struct wire_request compact = { (uint32_t)r->magic, (uint16_t)r->flags, (uint16_t)r->type,
                                          r->cookie,          r->offset,          (uint32_t)r->length };
    const struct wire_extended_request extended = { (uint32_t)r->magic, (uint16_t)r->flags, (uint16_t)r->type,
                                                    r->cookie,          r->offset,          r->length };
    struct wire_out out = wire_out(at, s->extended ? WIRE_SIZE_extended_request : WIRE_SIZE_request);

    if (s->extended)
        wire_put_extended_request(&out, &extended);
    else
        wire_put_request(&out, &compact);
}

static bool put_request(const struct sender *s, const struct frame *f, uint64_t type, struct buffer *to,
                        struct value_error *error)
{
    const struct command_rules *rules = type <= UINT16_MAX ? command_rules_of((uint16_t)type) : NULL;
    struct request r = { .magic = s->extended ? NBD_EXTENDED_REQUEST_MAGIC : NBD_REQUEST_MAGIC,
                         .type = type,
                         .cookie = s->cookie };
    size_t at = to->len, size = s->extended ? WIRE_SIZE_extended_request : WIRE_SIZE_request;

    if (rules && rules->ranged) {
        r.offset = default_number(s, "base");
        r.length = default_number(s, "block");
    }
    if (!request_fields(s, f, &r, error))
        return false;
    if (!buffer_add_zero(to, size))
        return fail(error, f->place, "too many bytes to send at once");
    if (!put_payload(s, f, rules && rules->data, &r, to, error))
        return false;
    if (s->extended && to->len > at + size)
        r.flags |= NBD_CMD_FLAG_PAYLOAD_LEN;
    if (!number_field(s, f->fields, "type", 16, &vocabulary_commands, &r.type, error))
        return false;
    put_request_head(s, &r, to->bytes + at);
    return true;
}

static bool put_numbered_request(const struct sender *s, const struct frame *f, struct buffer *to,
                                 struct value_error *error)
{
    uint64_t type;

    if (!f->subject)
        return fail(error, f->place, "CMD takes a command");
    if (!value_number(f->subject, s->variables, &vocabulary_commands, &type, error))
        return false;
    if (type > UINT16_MAX)
        return fail(error, f->subject->place, "commands have 16 bits");
    return put_request(s, f, type, to, error);
}

/* ---- frames ---- */

static bool put_raw(const struct sender *s, const struct frame *f, struct buffer *to,
                    struct value_error *error)
{
    if (!f->subject)
        return fail(error, f->place, "raw takes data");
    return value_data(f->subject, s->variables, 0, UINT64_MAX, to, error);
}

bool send_frame(const struct sender *s, const struct frame *f, struct buffer *to, struct value_error *error)
{
    static const struct {
        const char *verb;
        bool (*put)(const struct sender *s, const struct frame *f, struct buffer *to,
                    struct value_error *error);
    } verbs[] = {
        { "FLAGS", put_flags }, { "OPT", put_option }, { "CMD", put_numbered_request },
        { "raw", put_raw },     { "plain", put_raw },
    };
    const char *verb = value_word(f->verb, s->variables, s->arena);
    const struct word *command;

    if (!verb)
        return fail(error, f->place, "a variable in the verb is not known");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verb, verbs[i].verb) == 0)
            return verbs[i].put(s, f, to, error);
    command = vocabulary_find(&vocabulary_commands, span_text(verb));
    if (!command)
        return fail(error, f->place, "there is nothing of this name to send");
    return put_request(s, f, command->value, to, error);
}
