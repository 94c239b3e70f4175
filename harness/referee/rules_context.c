/* SPDX-License-Identifier: MIT */
/* Names of metadata contexts, and their listing.  proto.md, "Metadata querying" and "The base: metadata
 * namespace"; "Option types", NBD_OPT_LIST_META_CONTEXT; "Option reply types", NBD_REP_META_CONTEXT. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "referee/rule.h"
#include "wire/constants.h"

enum { SHOULD_BE_WITHIN = 256 };

static uint32_t type_of(const struct sight *at)
{
    return at->message->head.option_reply.type;
}

static bool is_answer_to(const struct sight *at, uint32_t option)
{
    return at->option && at->option->option == option;
}

/* A reply that tells of a context. */
static bool is_context(const struct sight *at)
{
    return type_of(at) == NBD_REP_META_CONTEXT && at->message->body_bytes >= sizeof(uint32_t) &&
           (is_answer_to(at, NBD_OPT_LIST_META_CONTEXT) || is_answer_to(at, NBD_OPT_SET_META_CONTEXT));
}

static bool is_listed(const struct sight *at)
{
    return is_context(at) && is_answer_to(at, NBD_OPT_LIST_META_CONTEXT);
}

static struct span name_of(const struct sight *at)
{
    return at->message->reply.name;
}

/* What stands before the first colon of a name that is a sound string; false: there is no colon. */
static bool find_namespace(const struct sight *at, struct span *ret)
{
    struct span name = name_of(at);
    const uint8_t *colon = name.len > 0 ? memchr(name.at, ':', name.len) : NULL;

    *ret = span_of(name.at, colon ? (size_t)(colon - name.at) : 0);
    return is_context(at) && !at->message->flaw.rule && colon;
}

static bool is_named(struct span namespace, const char *name)
{
    return span_equal(namespace, span_text(name));
}

/* How a name looks in a sentence. */
struct shown {
    char text[100];
};

static struct shown show(struct span name)
{
    struct buffer escaped;
    struct shown shown;

    buffer_init(&escaped, 8 * NBD_MAX_STRING);
    escape_text(&escaped, span_of(name.at, name.len < 60 ? name.len : 60));
    snprintf(shown.text, sizeof shown.text, "\"%.90s\"", buffer_text(&escaped));
    buffer_free(&escaped);
    return shown;
}

static bool broken_by_name(const struct sight *at, const char *how)
{
    return broken(at, "a metadata context %s, %s", show(name_of(at)).text, how);
}

/* ---- the string ---- */

bool context_without_name(const struct sight *at)
{
    return is_context(at) && name_of(at).len == 0 && broken(at, "NBD_REP_META_CONTEXT with an ID alone");
}

/* A length in front of the name, or a terminator behind it. */
bool context_name_framed(const struct sight *at)
{
    struct span name = name_of(at);
    struct wire_in in = wire_in(name);
    uint32_t length = wire_get_32(&in);

    if (!is_context(at) || name.len == 0)
        return false;
    if (!in.is_short && length == name.len - 4)
        return broken(at, "a name that begins with its length, %" PRIu32, length);
    return name.at[name.len - 1] == 0 && broken(at, "a name that ends in a zero byte");
}

static bool begins_as_base(struct span name)
{
    return name.len > 5 && memcmp(name.at, "base:", 5) == 0;
}

/* An ID of 64 bits leaves half of itself in front of the name, zeroes among it where the number is not huge;
 * one of 16 bits takes two bytes of the name along. */
bool context_id_of_another_width(const struct sight *at)
{
    struct span name = name_of(at);
    uint32_t id = at->message->reply.context;
    const uint8_t taken[] = { 'b', 'a' };

    if (!is_context(at))
        return false;
    if (name.len > 9 && memchr(name.at, 0, 4) && begins_as_base(span_of(name.at + 4, name.len - 4)))
        return broken(at, "4 bytes between the ID and the name");
    return (id & 0xffff) == (uint32_t)(taken[0] << 8 | taken[1]) && name.len > 3 &&
           memcmp(name.at, "se:", 3) == 0 && broken(at, "a name that begins in the ID");
}

static bool has_nul(struct span name)
{
    return name.len > 0 && memchr(name.at, 0, name.len);
}

bool context_name_with_nul(const struct sight *at)
{
    return is_context(at) && has_nul(name_of(at)) && broken_by_name(at, "with a zero byte");
}

bool context_name_beyond_4096(const struct sight *at)
{
    return is_context(at) && name_of(at).len > NBD_MAX_STRING &&
           broken(at, "the name of a metadata context with %zu bytes", name_of(at).len);
}

bool context_name_beyond_256(const struct sight *at)
{
    return is_context(at) && name_of(at).len > SHOULD_BE_WITHIN && name_of(at).len <= NBD_MAX_STRING &&
           broken(at, "the name of a metadata context with %zu bytes", name_of(at).len);
}

bool listed_name_unsound(const struct sight *at)
{
    struct span name = name_of(at);

    return is_listed(at) && (name.len > NBD_MAX_STRING || has_nul(name) || !utf8_valid(name)) &&
           broken_by_name(at, "which is no sound string");
}

/* ---- namespace and leaf ---- */

bool context_without_colon(const struct sight *at)
{
    struct span namespace;

    return is_context(at) && !at->message->flaw.rule && !find_namespace(at, &namespace) &&
           broken_by_name(at, "without a colon");
}

bool context_namespace_empty(const struct sight *at)
{
    struct span namespace;

    return find_namespace(at, &namespace) && namespace.len == 0 &&
           broken_by_name(at, "with nothing before the colon");
}

bool listed_without_namespace(const struct sight *at)
{
    return is_answer_to(at, NBD_OPT_LIST_META_CONTEXT) &&
           (context_without_colon(at) || context_namespace_empty(at));
}

/* Control characters and blanks; of those beyond ASCII the ones that are told without tables. */
static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool wide = text.at[i] == 0xc2 && i + 1 < text.len && text.at[i + 1] <= 0xa0; /* up to U+00A0 */

        if (text.at[i] <= ' ' || text.at[i] == 0x7f || wide)
            return false;
    }
    return true;
}

bool context_namespace_unprintable(const struct sight *at)
{
    struct span namespace;

    return find_namespace(at, &namespace) && !is_printable(namespace) &&
           broken_by_name(at, "whose namespace is not made of printable characters");
}

static bool is_experimental(struct span namespace)
{
    return namespace.len >= 2 && memcmp(namespace.at, "x-", 2) == 0;
}

bool context_namespace_unknown(const struct sight *at)
{
    struct span namespace;

    if (!find_namespace(at, &namespace) || namespace.len == 0 || !is_printable(namespace))
        return false;
    return !is_named(namespace, "base") && !is_named(namespace, "nbd-server") &&
           !is_named(namespace, "qemu") && !is_experimental(namespace) &&
           broken_by_name(at, "whose namespace nobody has registered");
}

/* "base:" alone stands for the namespace in a listing. */
bool context_base_invented(const struct sight *at)
{
    struct span namespace, name = name_of(at);

    return find_namespace(at, &namespace) && is_named(namespace, "base") &&
           !is_named(name, "base:allocation") && !(is_listed(at) && is_named(name, "base:")) &&
           broken_by_name(at, "which the specification does not know");
}

bool context_nbd_server_invented(const struct sight *at)
{
    struct span namespace;

    return find_namespace(at, &namespace) && is_named(namespace, "nbd-server") &&
           broken_by_name(at, "though that namespace has no contexts");
}

/* ---- the listing ---- */

bool context_listed_again(const struct sight *at)
{
    const struct session *s = at->session;
    struct span name = name_of(at);

    if (!is_listed(at) || at->message->flaw.rule || name.len >= sizeof s->gathered->name)
        return false;
    for (size_t i = 0; i < s->gathered_count; i++)
        if (is_named(name, s->gathered[i].name))
            return broken_by_name(at, "for the second time");
    return false;
}

bool all_contexts_too_big(const struct sight *at)
{
    return is_answer_to(at, NBD_OPT_LIST_META_CONTEXT) && type_of(at) == NBD_REP_ERR_TOO_BIG &&
           at->option->whole && at->option->sound && at->option->asks_nothing &&
           broken(at, "ERR_TOO_BIG to a listing without queries");
}
