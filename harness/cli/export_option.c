/* SPDX-License-Identifier: MIT */
#include "cli/export_option.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/memory.h"
#include "cli/size.h"
#include "wire/constants.h"
#include "wire/vocabulary.h"

#define DEFAULT_SIZE (UINT64_C(1) << 40)

enum { STRING_MAX = 4096, MINIMUM_MAX = 65536, PREFERRED_MIN = 512 };

void export_option_init(struct export_option *e)
{
    *e = (struct export_option){ .export = { .name = "" }, .size = DEFAULT_SIZE, .memory = UINT64_MAX };
}

void export_option_free(struct export_option *e)
{
    free(e->text);
    e->text = NULL;
}

/* ---- what each key does: false when the value is not in order ---- */

static bool is_string(const char *value)
{
    return strlen(value) <= STRING_MAX && utf8_valid(span_text(value));
}

static bool set_name(struct export_option *e, const char *value)
{
    e->export.name = value;
    return is_string(value);
}

static bool set_description(struct export_option *e, const char *value)
{
    e->export.description = value;
    return is_string(value);
}

static bool set_size(struct export_option *e, const char *value)
{
    return size_parse(value, &e->size);
}

static bool set_read_only(struct export_option *e, const char *value)
{
    (void)value;
    e->export.read_only = true;
    return true;
}

/* The sizes are as proto.md, "Size constraints", allows them. */
static bool is_block_size(const uint64_t sizes[3])
{
    uint64_t minimum = sizes[0], preferred = sizes[1], maximum = sizes[2];

    return minimum >= 1 && minimum <= MINIMUM_MAX && (minimum & (minimum - 1)) == 0 &&
           preferred >= PREFERRED_MIN && preferred >= minimum && (preferred & (preferred - 1)) == 0 &&
           (maximum == UINT32_MAX || (maximum >= preferred && maximum % minimum == 0));
}

static bool set_block_size(struct export_option *e, const char *value)
{
    uint64_t sizes[3];

    for (unsigned i = 0; i < 3; i++) {
        if (!size_read(value, &value, &sizes[i]) || sizes[i] > UINT32_MAX || *value != (i < 2 ? ':' : '\0'))
            return false;
        value++;
    }
    e->export.block_size = (struct wire_info_block_size){ .minimum = (uint32_t)sizes[0],
                                                          .preferred = (uint32_t)sizes[1],
                                                          .maximum = (uint32_t)sizes[2] };
    return is_block_size(sizes);
}

static bool set_block_size_required(struct export_option *e, const char *value)
{
    (void)value;
    e->export.block_size_required = true;
    return true;
}

static bool set_tls_only(struct export_option *e, const char *value)
{
    (void)value;
    e->export.tls_only = true;
    return true;
}

static bool set_without(struct export_option *e, const char *value)
{
    const unsigned kept =
        NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY; /* these say what is, not what can be done */

    do {
        size_t len = strcspn(value, "+");
        const struct word *flag = vocabulary_find(&vocabulary_transmission_flags, span_of(value, len));

        if (!flag || (flag->value & kept))
            return false;
        e->export.without = (uint16_t)(e->export.without | flag->value);
        value += len;
    } while (*value++ != '\0');
    return true;
}

static bool set_memory(struct export_option *e, const char *value)
{
    return size_parse(value, &e->memory);
}

static const struct export_key {
    const char *name;
    bool (*set)(struct export_option *e, const char *value);
    const char *value; /* what it has to be; NULL: there is none */
    const char *help;
} keys[] = {
    { "name", set_name, "a name of at most 4096 bytes of UTF-8", NULL },
    { "size", set_size, "a size up to 2^63-1 (K M G T)", "bytes in the export (default 1T)" },
    { "description", set_description, "a text of at most 4096 bytes of UTF-8",
      "what LIST and INFO tell of it" },
    { "read-only", set_read_only, NULL, "what alters the export is refused" },
    { "block-size", set_block_size,
      "MIN:PREF:MAX: powers of 2, the first up to 64K, the second from 512; the third a multiple of the "
      "first",
      "sizes that are advertised and enforced" },
    { "block-size-required", set_block_size_required, NULL,
      "clients have to ask for the block size before they are served" },
    { "tls-only", set_tls_only, NULL, "out of reach without TLS" },
    { "without", set_without, "one or more transmission flags that can be withheld, joined by +",
      "transmission flags that are withheld: SEND_TRIM+SEND_CACHE" },
    { "memory", set_memory, "a size (K M G T)", "bytes that its contents may take; then ENOSPC" },
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

bool export_option_set(struct export_option *e, const char *said, const char *key, const char *value)
{
    const struct export_key *row = keys;

    while (row < keys + KEY_COUNT && strcmp(row->name, key) != 0)
        row++;
    if (row == keys + KEY_COUNT) {
        fprintf(stderr, "nbdtest: %s: '%s' is nothing that an export has; --help lists what is\n", said, key);
        return false;
    }
    if (!row->value != !value) {
        fprintf(stderr, "nbdtest: %s: '%s' %s\n", said, key, value ? "takes no value" : "needs a value");
        return false;
    }
    if (row->set(e, value))
        return true;
    fprintf(stderr, "nbdtest: %s '%s' is not %s\n", said, value, row->value);
    return false;
}

/* Ends the text at the first single comma, makes one of each two before it, and returns what follows; NULL at
 * the end. */
static char *cut_at_comma(char *text)
{
    char *to = text, *at = text;

    while (*at != '\0' && (at[0] != ',' || at[1] == ',')) {
        at += *at == ',';
        *to++ = *at++;
    }
    at = *at == ',' ? at + 1 : NULL;
    *to = '\0';
    return at;
}

bool export_option_parse(struct export_option *e, const char *said, const char *text)
{
    size_t size = strlen(text) + 1;
    char *key, *rest;

    export_option_free(e);
    e->text = memcpy(memory_take(size), text, size);
    rest = cut_at_comma(e->text);
    if (!export_option_set(e, said, "name", e->text))
        return false;
    while ((key = rest)) {
        char *value, where[200];

        rest = cut_at_comma(key);
        value = strchr(key, '=');
        if (value)
            *value++ = '\0';
        snprintf(where, sizeof where, "%s: %s", said, key);
        if (!export_option_set(e, value ? where : said, key, value))
            return false;
    }
    return export_option_check(e);
}

bool export_option_check(const struct export_option *e)
{
    if (!e->export.block_size_required || e->export.block_size.minimum > 0)
        return true;
    fprintf(stderr, "nbdtest: block-size-required goes with block-size\n");
    return false;
}

void export_option_print_keys(FILE *out)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].help)
            fprintf(out, "  %-22s %s\n", keys[i].name, keys[i].help);
}
