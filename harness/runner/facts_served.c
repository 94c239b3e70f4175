/* SPDX-License-Identifier: MIT */
#include "runner/facts_served.h"

#include "runner/client.h"

#define NS_PER_S UINT64_C(1000000000)

enum {
    COMMON_PAYLOAD = 1024 * 1024, /* what hardly a case goes beyond */
    SECTOR = 512,
    READ_AGAIN = 8,
};

struct served {
    const struct target *target;
    uint64_t timeout_ns;
    struct facts *facts;
    struct client client;
};

static enum client_way enter(struct served *p)
{
    uint32_t type;

    return client_enter(&p->client, p->target, p->timeout_ns, span_text(p->facts->export), CLIENT_SIMPLE,
                        &type);
}

static void leave(struct served *p, enum client_way way)
{
    client_close(&p->client, way == CLIENT_IN);
}

/* ---- block sizes ---- */

static void ignore_data(void *ctx, uint64_t offset, struct span data)
{
    (void)ctx;
    (void)offset;
    (void)data;
}

/* What a READ from the beginning brings; REFUSED: an error, and the connection is still good. */
enum answer { SERVED, REFUSED, NEITHER };

static enum answer try_read(struct served *p, uint32_t length)
{
    enum client_way way = enter(p);
    enum answer answer = NEITHER;

    if (way == CLIENT_IN && client_read(&p->client, 0, length, (struct client_reader){ ignore_data, NULL }))
        answer = SERVED;
    else if (way == CLIENT_IN && !p->client.broke)
        answer = REFUSED;
    leave(p, way);
    return answer;
}

struct first_byte {
    bool seen, differs;
    uint8_t value;
};

static void note_first(void *ctx, uint64_t offset, struct span data)
{
    struct first_byte *first = ctx;
    uint8_t value = data.at ? *data.at : 0;

    if (offset > 0)
        return;
    first->differs = first->differs || (first->seen && value != first->value);
    first->seen = true;
    first->value = value;
}

/* Whether the first byte is the same by itself as within a sector, each time: qemu-nbd 2.5 does whole sectors
 * of what it is asked for, and sends what happens to be in its memory for the rest. */
static bool reads_alike(struct served *p, uint32_t length)
{
    struct first_byte first = { 0 };
    const struct client_reader reader = { note_first, &first };
    enum client_way way = enter(p);
    bool served = way == CLIENT_IN && client_read(&p->client, 0, SECTOR, reader);

    for (unsigned i = 0; i < READ_AGAIN && served; i++)
        served = client_read(&p->client, 0, length, reader);
    leave(p, way);
    return !first.differs;
}

/* Many a server knows sectors only, whatever minimum it tells.  Cases about other things then count in those;
 * where no minimum is told, "Block size constraints" leaves it at a SHOULD that it is 1. */
static void probe_unit(struct served *p)
{
    static const uint32_t sectors[] = { SECTOR, 4096 };
    struct facts *f = p->facts;

    if (f->size < facts_unit(f))
        return;
    if (try_read(p, facts_unit(f)) == SERVED) {
        if (facts_unit(f) < SECTOR && f->size >= SECTOR && !reads_alike(p, facts_unit(f)))
            f->unit = SECTOR;
        return;
    }
    for (size_t i = 0; i < sizeof sectors / sizeof *sectors && f->unit == 0; i++)
        if (sectors[i] > facts_unit(f) && f->size >= sectors[i] && try_read(p, sectors[i]) == SERVED)
            f->unit = sectors[i];
    if (!f->has_block_size && f->unit > 0)
        f->block_size.minimum = f->unit;
}

/* Where no maximum is told, "Block size constraints" leaves it at a SHOULD that it is 32 MiB, as long as what
 * is longer is cleanly refused.  Cases about other things then keep to what is served. */
static void probe_maximum(struct served *p)
{
    struct facts *f = p->facts;
    uint32_t length = COMMON_PAYLOAD;

    while (length > f->size)
        length /= 2;
    if (f->has_block_size || length < f->block_size.preferred || try_read(p, length) != REFUSED)
        return;
    do
        length /= 2;
    while (length > f->block_size.preferred && try_read(p, length) == REFUSED);
    if (length >= f->block_size.preferred && try_read(p, length) == SERVED)
        f->block_size.maximum = length;
}

void facts_served_probe_sizes(const struct target *target, uint64_t timeout_ns, struct facts *ret)
{
    struct served served = { .target = target, .timeout_ns = timeout_ns, .facts = ret };

    probe_unit(&served);
    probe_maximum(&served);
}

/* ---- connections ---- */

/* One client more, in transmission, served. */
static bool is_served(struct served *p)
{
    uint32_t length = p->facts->block_size.minimum;

    if (enter(p) != CLIENT_IN)
        return false;
    if (length == 0 || length > CLIENT_MAX_REQUEST)
        length = 1;
    if (p->client.size < length)
        return true;
    client_read(&p->client, 0, length, (struct client_reader){ ignore_data, NULL });
    return !p->client.broke;
}

/* A server that takes one client at a time lets the second one wait: not for long. */
static void wait_shortly(struct served *p)
{
    p->timeout_ns = p->timeout_ns < NS_PER_S ? p->timeout_ns : NS_PER_S;
}

/* Whether a client is greeted while another one is haggling: a server may do one handshake at a time, and
 * serve many clients for all that. */
static bool greets_amid_handshakes(struct served *p)
{
    struct client dwelling;
    bool greeted;

    if (!client_open(&p->client, p->target, p->timeout_ns))
        return false;
    dwelling = p->client;
    greeted = client_open(&p->client, p->target, p->timeout_ns);
    client_close(&p->client, false);
    client_close(&dwelling, false);
    return greeted;
}

void facts_served_probe_connections(const struct target *target, uint64_t timeout_ns, struct facts *ret)
{
    struct served p = { .target = target, .timeout_ns = timeout_ns, .facts = ret };
    struct client open[FACTS_CONNECTIONS_MAX];

    ret->connections = 0;
    while (ret->connections < FACTS_CONNECTIONS_MAX) {
        if (!is_served(&p)) {
            client_close(&p.client, false);
            break;
        }
        open[ret->connections++] = p.client;
        wait_shortly(&p);
    }
    for (unsigned i = 0; i < ret->connections; i++)
        client_close(&open[i], true);
    /* None: reading fails; that is not what was asked. */
    if (ret->connections == 0 || (ret->connections > 1 && !greets_amid_handshakes(&p)))
        ret->connections = 1;
}
