/* SPDX-License-Identifier: MIT */
#include "wire/flaw.h"

#include "base/escape.h"

void flaw_note(struct wire_flaw *flaw, const char *rule, const char *field, size_t at, const char *reason)
{
    if (!flaw->rule)
        *flaw = (struct wire_flaw){ rule, field, at, reason };
}

static const char *either(const char *rule, const char *general)
{
    return rule ? rule : general;
}

void flaw_check_string(struct wire_flaw *flaw, const struct string_rules *rules, const char *field, size_t at,
                       struct span text)
{
    static const struct string_rules general = { NULL, NULL, NULL };

    if (!rules)
        rules = &general;
    if (text.len > NBD_MAX_STRING)
        flaw_note(flaw, either(rules->length, "string.length.max-4096"), field, at,
                  "is longer than 4096 bytes");
    else if (text.len > 0 && memchr(text.at, 0, text.len))
        flaw_note(flaw, either(rules->no_nul, "string.no-nul"), field, at, "holds a zero byte");
    else if (!utf8_valid(text))
        flaw_note(flaw, either(rules->utf8, "string.utf8"), field, at, "is not UTF-8");
}
