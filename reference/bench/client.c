/* SPDX-License-Identifier: MIT */
/* bench_client: loads a server and says how much it did; ci/bench makes tables of it.
 *
 *   bench_client SOCKET|HOST:PORT EXPORT COMMAND [WORD=VALUE...]
 *
 *   COMMAND      read, write, zero, status; idle: only connects
 *   length=4096  depth=1  connections=1     bytes of a request, requests in flight on each connection
 *   order=random or sequential              offsets within the range
 *   start=0  span=1G  stride=0              the range; sequential: bytes from one request to the next
 *   framing=simple, structured or extended
 *   psk=FILE                                under TLS, with the first key of that file
 *   seconds=1                               how long is measured; a tenth of that before does not count
 *   requests=0                              the connections together make this many and no more; then all is
 *                                           measured
 *   group=PID                               the server's process group: its processor time is measured
 *
 * Prints REQUESTS SECONDS CPU-NANOSECONDS RESIDENT-BYTES.  Ends with 77 when the server does not know what is
 * asked for. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/memory.h"
#include "reference/bench/join.h"
#include "reference/bench/stream.h"
#include "reference/bench/usage.h"
#include "wire/constants.h"

enum { EXIT_UNKNOWN = 77, READY_MAX = 64, STALL_MS = 20000 };

struct bench {
    struct place place;
    struct workload workload;
    bool idle;
    unsigned connections;
    uint64_t requests;
    double seconds;
    int group;
    struct stream *streams;
    bool *watches_output;
    int epoll;
    uint8_t *room;
    uint64_t answered;
};

/* ---- the command line ---- */

static uint64_t number_of(const char *text)
{
    static const char units[] = "KMGTPE";
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;

    return unit ? number << 10 * (unit - units + 1) : number;
}

static bool take_word(struct bench *b, char *word)
{
    char *value = strchr(word, '=');
    struct workload *w = &b->workload;

    if (!value)
        return false;
    *value++ = '\0';
    if (strcmp(word, "length") == 0)
        w->length = number_of(value);
    else if (strcmp(word, "depth") == 0)
        w->depth = (unsigned)number_of(value);
    else if (strcmp(word, "connections") == 0)
        b->connections = (unsigned)number_of(value);
    else if (strcmp(word, "order") == 0)
        w->random = strcmp(value, "random") == 0;
    else if (strcmp(word, "start") == 0)
        w->start = number_of(value);
    else if (strcmp(word, "span") == 0)
        w->span = number_of(value);
    else if (strcmp(word, "stride") == 0)
        w->stride = number_of(value);
    else if (strcmp(word, "framing") == 0)
        w->framing = value[0] == 'e'   ? FRAMING_EXTENDED
                     : value[1] == 't' ? FRAMING_STRUCTURED
                                       : FRAMING_SIMPLE;
    else if (strcmp(word, "seconds") == 0)
        b->seconds = strtod(value, NULL);
    else if (strcmp(word, "requests") == 0)
        b->requests = number_of(value);
    else if (strcmp(word, "psk") == 0)
        b->place.psk = value;
    else if (strcmp(word, "group") == 0)
        b->group = (int)number_of(value);
    else
        return false;
    return true;
}

static bool take_command(struct bench *b, const char *command)
{
    static const struct {
        const char *name;
        uint16_t command;
    } commands[] = { { "read", NBD_CMD_READ },
                     { "write", NBD_CMD_WRITE },
                     { "zero", NBD_CMD_WRITE_ZEROES },
                     { "status", NBD_CMD_BLOCK_STATUS },
                     { "idle", NBD_CMD_READ } };

    b->idle = strcmp(command, "idle") == 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(command, commands[i].name) == 0) {
            b->workload.command = commands[i].command;
            return true;
        }
    return false;
}

static bool take_place(struct bench *b, char *place)
{
    char *colon = strrchr(place, ':');

    if (place[0] == '/') {
        b->place.path = place;
        return true;
    }
    if (!colon)
        return false;
    *colon = '\0';
    b->place.host = place;
    b->place.port = colon + 1;
    return true;
}

static bool take_words(struct bench *b, int argc, char **argv)
{
    bool taken = argc >= 4 && take_place(b, argv[1]) && take_command(b, argv[3]);

    if (taken)
        b->place.export = argv[2];
    for (int i = 4; i < argc && taken; i++)
        taken = take_word(b, argv[i]);
    return taken && b->workload.length > 0 && b->workload.depth > 0 && b->connections > 0 &&
           b->workload.span >= b->workload.length;
}

/* ---- the load ---- */

static enum join open_streams(struct bench *b, const char **ret_why)
{
    for (unsigned i = 0; i < b->connections; i++) {
        struct stream *s = &b->streams[i];
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
        enum join joined;
        struct end end;

        joined = join(&b->place, &b->workload, &end, ret_why);
        if (joined != JOIN_DONE)
            return joined;
        stream_open(s, end, &b->workload, i + 1);
        s->next = b->workload.span / b->workload.length / b->connections * i * b->workload.length;
        epoll_ctl(b->epoll, EPOLL_CTL_ADD, end.descriptor, &event);
    }
    return JOIN_DONE;
}

static bool send_some(struct bench *b, unsigned i, const char **ret_why)
{
    struct stream *s = &b->streams[i];
    struct epoll_event event = { .data.u32 = i };
    bool wants;

    if (!stream_send(s, &b->workload)) {
        *ret_why = strerror(errno);
        return false;
    }
    wants = stream_wants_send(s);
    if (wants != b->watches_output[i]) {
        event.events = wants ? EPOLLIN | EPOLLOUT : EPOLLIN;
        epoll_ctl(b->epoll, EPOLL_CTL_MOD, s->end.descriptor, &event);
    }
    b->watches_output[i] = wants;
    return true;
}

/* Goes on until end_ns, or until every request was answered. */
static bool load(struct bench *b, uint64_t end_ns, const char **ret_why)
{
    struct epoll_event ready[READY_MAX];

    while (clock_ns() < end_ns && (b->requests == 0 || b->answered < b->requests)) {
        int count = epoll_wait(b->epoll, ready, READY_MAX, STALL_MS);

        if (count == 0) {
            *ret_why = "the server does not answer";
            return false;
        }
        for (int i = 0; i < count; i++) {
            unsigned which = ready[i].data.u32;
            int answered = 0;

            if (ready[i].events & ~(uint32_t)EPOLLOUT)
                answered = stream_receive(&b->streams[which], &b->workload, b->room, ret_why);
            if (answered < 0)
                return false;
            b->answered += (unsigned)answered;
            if (!send_some(b, which, ret_why))
                return false;
        }
    }
    return true;
}

static bool measure(struct bench *b, const char **ret_why)
{
    bool counted = b->requests > 0;
    uint64_t start = clock_ns(), length_ns = (uint64_t)(b->seconds * 1e9), before;
    struct usage usage_before, usage;

    b->workload.remaining = counted ? b->requests : UINT64_MAX;
    for (unsigned i = 0; i < b->connections; i++)
        if (!send_some(b, i, ret_why))
            return false;
    if (!counted && !load(b, start + length_ns / 10, ret_why))
        return false;
    if (!counted)
        start = clock_ns();
    before = b->answered;
    usage_before = usage_of_group(b->group);
    if (!load(b, counted ? UINT64_MAX : start + length_ns, ret_why))
        return false;
    length_ns = clock_ns() - start;
    usage = usage_of_group(b->group);
    printf("%" PRIu64 " %.6f %" PRIu64 " %" PRIu64 "\n", b->answered - before, (double)length_ns / 1e9,
           usage.cpu_ns - usage_before.cpu_ns, usage.resident);
    return true;
}

/* Waits for what is in flight and says goodbye: there are servers that fall when clients just leave. */
static void leave(struct bench *b)
{
    static const uint8_t disc[32] = { 0x25, 0x60, 0x95, 0x13, 0, 0, 0, NBD_CMD_DISC };
    static const uint8_t extended_disc[32] = { 0x21, 0xe4, 0x1c, 0x71, 0, 0, 0, NBD_CMD_DISC };
    bool extended = b->workload.framing == FRAMING_EXTENDED;
    const char *why;

    b->requests = b->answered;
    for (unsigned i = 0; i < b->connections; i++)
        b->requests += b->streams[i].in_flight;
    b->workload.remaining = 0;
    load(b, UINT64_MAX, &why);
    for (unsigned i = 0; i < b->connections; i++) {
        end_send(&b->streams[i].end, extended ? extended_disc : disc, extended ? 32 : 28);
        stream_close(&b->streams[i]);
    }
}

static bool measure_idle(const struct bench *b)
{
    printf("%u 0 0 %" PRIu64 "\n", b->connections, usage_of_group(b->group).resident);
    return true;
}

static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct bench b = { .connections = 1, .seconds = 1 };
    const char *why = "";
    enum join joined;
    bool measured;

    b.workload = (struct workload){ .length = 4096, .depth = 1, .span = UINT64_C(1) << 30, .random = true };
    if (!take_words(&b, argc, argv)) {
        fprintf(stderr, "bench_client: wrong words; the head of client.c lists them\n");
        return 2;
    }
    raise_limit();
    b.streams = memory_take(b.connections * sizeof *b.streams);
    b.watches_output = memory_take(b.connections * sizeof *b.watches_output);
    b.room = memory_take(STREAM_RECEIVE_MAX);
    b.epoll = epoll_create1(EPOLL_CLOEXEC);
    joined = open_streams(&b, &why);
    measured = joined == JOIN_DONE && (b.idle ? measure_idle(&b) : measure(&b, &why));
    if (measured)
        leave(&b);
    else
        fprintf(stderr, "bench_client: %s\n", why);
    return measured ? 0 : joined == JOIN_REFUSED ? EXIT_UNKNOWN : 1;
}
