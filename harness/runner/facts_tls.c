/* SPDX-License-Identifier: MIT */
#include "runner/facts_tls.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "runner/client.h"
#include "wire/body.h"

static const struct client_replies nobody;

/* An option that there is certainly not. */
enum { NO_OPTION = 0x6e756c6c };

/* ---- the mode ---- */

/* The answer to an option as the first of a session in plain text; 0: none came. */
static uint32_t answer_to(const struct target *target, uint64_t timeout_ns, uint32_t option, struct span data)
{
    struct client c;
    uint32_t type = 0;

    if (!client_open(&c, target, timeout_ns))
        return 0;
    if (!client_option(&c, option, data, nobody, &type))
        type = 0;
    c.broke = c.broke || (option == NBD_OPT_STARTTLS && type == NBD_REP_ACK);
    client_close(&c, false);
    return type;
}

/* The mode is what most answers say: one that does not fit is for the cases to find. */
static enum tls_mode mode_of(const struct target *target, uint64_t timeout_ns)
{
    static const uint32_t options[] = { NBD_OPT_LIST, NBD_OPT_STRUCTURED_REPLY, NBD_OPT_EXTENDED_HEADERS,
                                        NO_OPTION, NBD_OPT_LIST + 0x1000 };
    bool offered = answer_to(target, timeout_ns, NBD_OPT_STARTTLS, span_of(NULL, 0)) == NBD_REP_ACK;
    size_t demands = 0, others = 0;

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (answer_to(target, timeout_ns, options[i], span_of(NULL, 0)) == NBD_REP_ERR_TLS_REQD)
            demands++;
        else
            others++;
    if (demands > others)
        return TLS_MODE_FORCED;
    return offered ? TLS_MODE_SELECTIVE : TLS_MODE_NOTLS;
}

/* ---- whether it works ---- */

static enum status stop(enum status status, struct buffer *error, const char *text)
{
    buffer_print(error, "%s\n", text);
    return status;
}

/* Somebody whom the server does not let in has not found it at fault; whatever else is wrong is for the cases
 * to find. */
static enum status try_handshake(const struct target *target, uint64_t timeout_ns, struct facts *ret,
                                 struct buffer *error)
{
    struct target secured = *target;
    struct client c;
    uint32_t type;
    bool opened;

    secured.secured = true;
    opened = client_open(&c, &secured, timeout_ns);
    if (opened) {
        c.broke = !client_option(&c, NBD_OPT_ABORT, span_of(NULL, 0), nobody, &type) || type == NBD_REP_ACK;
        client_close(&c, false);
    }
    if (c.turned_down)
        return stop(STATUS_UNREACHABLE, error, c.error);
    if (opened)
        return STATUS_CONFORMS;
    ret->tls_broken = "TLS does not work";
    buffer_print(error, "%s\n", c.error);
    return STATUS_CONFORMS;
}

enum status facts_tls_probe(const struct target *target, uint64_t timeout_ns, struct facts *ret,
                            struct buffer *ret_error)
{
    struct target plain = *target;

    plain.secured = false;
    ret->tls_known = target->tls != NULL;
    ret->tls_mode = mode_of(&plain, timeout_ns);
    if (ret->tls_mode == TLS_MODE_FORCED && !target->tls)
        return stop(
            STATUS_USAGE, ret_error,
            "the server demands TLS (NBD_REP_ERR_TLS_REQD), for which it takes --tls-certificates DIR "
            "or --tls-psk FILE");
    if (ret->tls_mode == TLS_MODE_FORCED && target->tls_use == TARGET_TLS_NEVER)
        return stop(STATUS_USAGE, ret_error,
                    "the server demands TLS (NBD_REP_ERR_TLS_REQD), and --tls is off");
    if (!target->tls || target->tls_use == TARGET_TLS_NEVER)
        return STATUS_CONFORMS;
    if (ret->tls_mode == TLS_MODE_NOTLS && target->tls_use == TARGET_TLS_ALWAYS)
        return stop(STATUS_UNREACHABLE, ret_error, "TLS is wanted, and the server does not offer it");
    ret->secured = ret->tls_mode != TLS_MODE_NOTLS;
    return ret->secured ? try_handshake(&plain, timeout_ns, ret, ret_error) : STATUS_CONFORMS;
}

/* ---- which exports ---- */

enum { NAMES_MAX = 8 };

struct names {
    char all[NAMES_MAX][NBD_MAX_STRING + 1];
    size_t count;
};

static void add_name(struct names *n, struct span name)
{
    char *to = n->all[n->count];

    if (n->count == NAMES_MAX || name.len > NBD_MAX_STRING || (name.len > 0 && memchr(name.at, 0, name.len)))
        return;
    if (name.len > 0)
        memcpy(to, name.at, name.len);
    to[name.len] = '\0';
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->all[i], to) == 0)
            return;
    n->count++;
}

static void note_name(void *ctx, uint32_t type, struct span data)
{
    struct reply_data reply;
    struct wire_flaw flaw;

    if (type != NBD_REP_SERVER)
        return;
    reply_decode(type, data, &reply, &flaw);
    if (!flaw.rule)
        add_name(ctx, reply.name);
}

static void list(const struct target *target, uint64_t timeout_ns, struct names *n)
{
    struct client c;
    uint32_t type;

    if (!client_open(&c, target, timeout_ns))
        return;
    client_option(&c, NBD_OPT_LIST, span_of(NULL, 0), (struct client_replies){ note_name, n }, &type);
    client_close(&c, false);
}

static uint32_t ask_info(const struct target *target, uint64_t timeout_ns, const char *name)
{
    uint8_t bytes[WIRE_SIZE_option + 4 + NBD_MAX_STRING + 2];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    option_put_infos(&out, NBD_OPT_INFO, span_text(name), NULL, 0);
    return answer_to(target, timeout_ns, NBD_OPT_INFO,
                     span_of(bytes + WIRE_SIZE_option, out.len - WIRE_SIZE_option));
}

/* What INFO, GO and EXPORT_NAME say of an export without TLS: how many let it be had, how many demand TLS. */
struct votes {
    unsigned open, secret;
};

static struct votes ask_all(const struct target *target, uint64_t timeout_ns, const char *name)
{
    uint32_t info = ask_info(target, timeout_ns, name), type = 0;
    struct votes v = { info == NBD_REP_ACK, info == NBD_REP_ERR_TLS_REQD };
    struct client c;

    if (client_open(&c, target, timeout_ns)) {
        bool in = client_go(&c, span_text(name), true, &type) == CLIENT_IN;

        v.open += in;
        v.secret += !in && type == NBD_REP_ERR_TLS_REQD;
        client_close(&c, in);
    }
    if (client_open(&c, target, timeout_ns)) {
        bool in = client_export_name(&c, span_text(name));

        v.open += in;
        v.secret += !in;
        client_close(&c, in);
    }
    return v;
}

/* Whoever is let in by a GO under TLS, and in no way without, has to go over to TLS. */
static bool lets_in(const struct target *target, uint64_t timeout_ns, const char *name)
{
    struct client c;
    uint32_t type;
    bool in;

    if (!client_open(&c, target, timeout_ns))
        return false;
    in = client_go(&c, span_text(name), true, &type) == CLIENT_IN;
    client_close(&c, in);
    return in;
}

static bool is_tls_only(const struct target *plain, const struct target *secured, uint64_t timeout_ns,
                        const char *name)
{
    struct votes v = ask_all(plain, timeout_ns, name);

    return v.secret >= 2 || (v.open == 0 && lets_in(secured, timeout_ns, name));
}

void facts_tls_probe_exports(const struct target *target, const struct target *secured, uint64_t timeout_ns,
                             struct facts *ret)
{
    struct names *n = memory_take(sizeof *n);
    struct target plain = *target;

    plain.secured = false;
    ret->without_tls = ask_all(&plain, timeout_ns, ret->export).open >= 2;
    ret->hides_unknown = ask_info(&plain, timeout_ns, FACTS_NO_EXPORT) == NBD_REP_ERR_TLS_REQD;
    add_name(n, span_text(ret->export));
    list(&plain, timeout_ns, n);
    list(secured, timeout_ns, n);
    for (size_t i = 0; i < n->count && !ret->has_tls_only; i++)
        if (is_tls_only(&plain, secured, timeout_ns, n->all[i])) {
            ret->has_tls_only = true;
            memcpy(ret->tls_only, n->all[i], sizeof ret->tls_only);
        }
    free(n);
}
