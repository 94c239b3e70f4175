/* SPDX-License-Identifier: MIT */
#include "base/escape.h"

/* The shape of UTF-8 (RFC 3629, section 4): what the first byte and, after it, the second may be.  The rest
 * are 0x80 to 0xBF.  The narrow rows leave out overlong forms, surrogates and what lies above U+10FFFF. */
static const struct utf8_form {
    uint8_t first_from, first_to, second_from, second_to, len;
} utf8_forms[] = {
    { 0xc2, 0xdf, 0x80, 0xbf, 2 }, /* U+0080 to U+07FF */
    { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, /* U+0800 to U+0FFF */
    { 0xe1, 0xec, 0x80, 0xbf, 3 }, /* U+1000 to U+CFFF */
    { 0xed, 0xed, 0x80, 0x9f, 3 }, /* U+D000 to U+D7FF */
    { 0xee, 0xef, 0x80, 0xbf, 3 }, /* U+E000 to U+FFFF */
    { 0xf0, 0xf0, 0x90, 0xbf, 4 }, /* U+10000 to U+3FFFF */
    { 0xf1, 0xf3, 0x80, 0xbf, 4 }, /* U+40000 to U+FFFFF */
    { 0xf4, 0xf4, 0x80, 0x8f, 4 }, /* U+100000 to U+10FFFF */
};

static bool between(uint8_t byte, uint8_t from, uint8_t to)
{
    return byte >= from && byte <= to;
}

static bool has_form(struct span text, const struct utf8_form *form)
{
    if (text.len < form->len || !between(text.at[0], form->first_from, form->first_to) ||
        !between(text.at[1], form->second_from, form->second_to))
        return false;
    for (size_t i = 2; i < form->len; i++)
        if (!between(text.at[i], 0x80, 0xbf))
            return false;
    return true;
}

/* Bytes of the first character, 0 when it is not valid. */
static size_t utf8_length(struct span text)
{
    if (text.len == 0)
        return 0;
    if (text.at[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof utf8_forms / sizeof utf8_forms[0]; i++)
        if (has_form(text, &utf8_forms[i]))
            return utf8_forms[i].len;
    return 0;
}

bool utf8_valid(struct span text)
{
    while (text.len > 0) {
        size_t len = utf8_length(text);

        if (len == 0)
            return false;
        span_take(&text, len);
    }
    return true;
}

size_t escape_shown(struct span text)
{
    size_t len = utf8_length(text);

    if (len == 1)
        return between(text.at[0], 0x20, 0x7e) ? 1 : 0;
    if (len == 2 && text.at[0] == 0xc2 && text.at[1] < 0xa0) /* U+0080 to U+009F are control characters */
        return 0;
    return len;
}

static bool escape_byte(struct buffer *to, uint8_t byte)
{
    switch (byte) {
    case '\n':
        return buffer_add(to, "\\n", 2);
    case '\t':
        return buffer_add(to, "\\t", 2);
    case '\r':
        return buffer_add(to, "\\r", 2);
    default:
        return buffer_print(to, "\\x%02x", byte);
    }
}

bool escape_text(struct buffer *to, struct span text)
{
    while (text.len > 0) {
        size_t len = escape_shown(text);

        if (len == 0) {
            if (!escape_byte(to, *span_take(&text, 1).at))
                return false;
            continue;
        }
        if ((*text.at == '"' || *text.at == '\\') && !buffer_add(to, "\\", 1))
            return false;
        if (!buffer_add(to, span_take(&text, len).at, len))
            return false;
    }
    return true;
}
