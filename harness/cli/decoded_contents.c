/* SPDX-License-Identifier: MIT */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/decoded_connection.h"
#include "wire/constants.h"

enum { WRITTEN_MAX = 256 << 20 }; /* bytes that are remembered, in all connections that are not over */

void decoded_forget_contents(struct decoder *d, struct decoded *c)
{
    c->forgotten = true;
    if (!c->model)
        return;
    session_forget_contents(c->session);
    model_free(c->model);
    c->model = NULL;
    d->written_bytes -= c->written;
}

static int compare_servers(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct packet_end));
}

void decoded_join_server(struct decoder *d, struct decoded *c, const struct packet_end *end)
{
    struct server *const *found = tfind(end, &d->servers, compare_servers);
    struct server *server = found ? *found : NULL;

    if (!server) {
        server = memory_take(sizeof *server);
        *server = (struct server){ .end = *end, .alone = c };
        if (!tsearch(server, &d->servers, compare_servers)) { /* no memory */
            free(server);
            decoded_forget_contents(d, c);
            return;
        }
    } else {
        decoded_forget_contents(d, c);
        if (server->alone)
            decoded_forget_contents(d, server->alone);
        server->alone = NULL;
    }
    c->server = server;
    server->connections++;
}

void decoded_leave_server(struct decoder *d, struct decoded *c)
{
    struct server *server = c->server;

    if (!server)
        return;
    if (server->alone == c)
        server->alone = NULL;
    if (--server->connections > 0)
        return;
    tdelete(server, &d->servers, compare_servers);
    free(server);
}

void decoded_note_write(struct decoder *d, struct decoded *c, const struct message *m)
{
    const struct session_request *r = &m->request;
    const struct command_rules *rules;

    if (!message_is_request(m) || !(rules = command_rules_of(r->type)) || !rules->writes)
        return;
    if (r->offset < c->from)
        c->from = r->offset;
    if (r->offset <= UINT64_MAX - r->length && r->offset + r->length > c->to)
        c->to = r->offset + r->length;
    if (!c->model)
        return;
    c->written += r->payload;
    d->written_bytes += r->payload;
    if (d->written_bytes > WRITTEN_MAX)
        decoded_forget_contents(d, c);
}
