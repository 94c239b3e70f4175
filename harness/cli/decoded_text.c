/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "cli/decoded_connection.h"

enum {
    TEXT_MAX = 256 << 20, /* bytes, in all connections that are not over */
    BODY_BYTES = 16,      /* of a body, shown of a message that is wrong */
};

void decoded_put_packet(const struct decoder *d, struct flow_packet packet, struct buffer *to)
{
    uint64_t began = d->capture->began_ns;
    uint64_t us = packet.time_ns > began ? (packet.time_ns - began) / NS_PER_US : 0;

    buffer_print(to, "packet %" PRIu64 " (%" PRIu64 ".%06" PRIu64 " s)", packet.number, us / US_PER_S,
                 us % US_PER_S);
}

void decoded_put_end(const struct packet_end *end, struct buffer *to)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    bool ip4 = memcmp(end->address, mapped, sizeof mapped) == 0;
    char address[INET6_ADDRSTRLEN] = "";

    inet_ntop(ip4 ? AF_INET : AF_INET6, end->address + (ip4 ? sizeof mapped : 0), address, sizeof address);
    buffer_print(to, ip4 ? "%s:%u" : "[%s]:%u", address, (unsigned)end->port[0] << 8 | end->port[1]);
}

static void put_bytes(struct span bytes, struct buffer *to)
{
    for (size_t i = 0; i < bytes.len; i++)
        buffer_print(to, " %02x", bytes.at[i]);
}

/* The bytes of a message that is wrong, as they came. */
static void put_message_bytes(const struct message *m, struct buffer *to)
{
    struct span body = m->body;

    buffer_print(to, "#    ");
    put_bytes(m->header, to);
    if (body.len > 0)
        buffer_print(to, " |");
    put_bytes(span_take(&body, BODY_BYTES), to);
    buffer_print(to, m->body_bytes > BODY_BYTES ? " ...\n" : "\n");
}

void decoded_put_violations(struct decoder *d, const struct flow *flow, struct flow_packet packet,
                            const struct message *m)
{
    struct decoded *c = flow->user;
    bool shown = false;

    for (size_t i = 0; i < c->violations->count; i++) {
        const struct violation *v = &c->violations->all[i];
        uint64_t times = tally_add(&c->tally, v->rule, v->party, flow->number, packet.number);

        if (times > OF_A_KIND_MAX)
            continue;
        buffer_print(&c->text, "# ");
        decoded_put_packet(d, packet, &c->text);
        buffer_print(&c->text, ": ");
        tally_print_rule(v->rule, v->party, d->catalogue, &c->text);
        buffer_print(&c->text, ": %s%s\n", v->came,
                     times == OF_A_KIND_MAX ? "; what there is more of this is only counted" : "");
        shown = true;
    }
    if (shown && m)
        put_message_bytes(m, &c->text);
    violations_clear(c->violations);
}

void decoded_put_comment(const struct decoder *d, struct decoded *c, struct flow_packet packet)
{
    buffer_print(&c->text, "# ");
    decoded_put_packet(d, packet, &c->text);
    buffer_print(&c->text, ": ");
}

void decoded_keep_within(struct decoder *d, struct decoded *c, size_t len_before)
{
    if (c->cut)
        c->text.len = len_before;
    d->text_bytes += c->text.len - len_before;
    if (d->text_bytes <= TEXT_MAX || c->cut)
        return;
    c->cut = true;
    len_before = c->text.len;
    buffer_print(&c->text,
                 "# this is more than can be kept: the rest is judged and counted, and not shown\n");
    d->text_bytes += c->text.len - len_before;
}
