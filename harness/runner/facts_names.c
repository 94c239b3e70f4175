/* SPDX-License-Identifier: MIT */
#include "runner/facts_names.h"

#include <string.h>

#include "runner/client.h"
#include "wire/body.h"

/* The first that is no name of the run's export. */
static void note_another(void *ctx, uint32_t type, struct span data)
{
    struct facts *f = ctx;
    struct reply_data reply;
    struct wire_flaw flaw;
    struct span name;

    if (type != NBD_REP_SERVER || f->has_another)
        return;
    reply_decode(type, data, &reply, &flaw);
    name = reply.name;
    if (flaw.rule || name.len > NBD_MAX_STRING || span_equal(name, span_text(f->export)))
        return;
    if (name.len > 0)
        memcpy(f->another, name.at, name.len);
    f->another[name.len] = '\0';
    f->has_another = strlen(f->another) == name.len;
}

static void probe_another(const struct target *target, uint64_t timeout_ns, struct facts *ret)
{
    struct client c;
    uint32_t type;

    if (!client_open(&c, target, timeout_ns))
        return;
    client_option(&c, NBD_OPT_LIST, span_of(NULL, 0), (struct client_replies){ note_another, ret }, &type);
    client_close(&c, false);
}

static void probe_unknown(const struct target *target, uint64_t timeout_ns, struct facts *ret)
{
    struct client c;
    uint32_t type;
    bool in;

    if (!client_open(&c, target, timeout_ns))
        return;
    in = client_go(&c, span_text(FACTS_NO_EXPORT), true, &type) == CLIENT_IN;
    ret->refuses_unknown = !in;
    client_close(&c, in);
}

void facts_names_probe(const struct target *target, uint64_t timeout_ns, struct facts *ret)
{
    probe_another(target, timeout_ns, ret);
    probe_unknown(target, timeout_ns, ret);
}
