/* SPDX-License-Identifier: MIT */
/* Prints what a capture holds, each connection as a case that can be played.  What the referee finds wrong
 * stands in a comment below the line that shows it. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "capture/read.h"
#include "cli/options.h"
#include "referee/session.h"
#include "runner/run.h"
#include "script/transcript.h"

static const struct option_row rows[] = {
    { "help", 'h', NULL, "this text" },
};

/* One connection of the capture.  It is printed when it is over, so that connections do not mix. */
struct decoded {
    struct session *session;
    struct violations violations;
    bool lost[2];
    uint64_t packet;   /* that it began with */
    uint64_t from, to; /* bytes of the export that the client writes to */
    struct buffer text;
};

#define TEXT_MAX_BYTES (256u * 1024 * 1024)

static bool take(void *ctx, size_t row, const char *argument)
{
    (void)row;
    (void)argument;
    return *(bool *)ctx = true;
}

static void opened(void *ctx, struct flow *flow, struct flow_packet packet)
{
    struct decoded *d = memory_take(sizeof *d);

    (void)ctx;
    d->session = session_new(NULL, &d->violations);
    buffer_init(&d->text, TEXT_MAX_BYTES);
    d->packet = packet.number;
    d->from = UINT64_MAX;
    flow->user = d;
}

/* Widens the range that the client writes to: a case that is played again needs a window there. */
static void note_write(struct decoded *d, const struct message *m)
{
    const struct session_request *r = &m->request;
    const struct command_rules *rules;

    if (!message_is_request(m) || !(rules = command_rules_of(r->type)) || !rules->writes)
        return;
    if (r->offset < d->from)
        d->from = r->offset;
    if (r->offset <= UINT64_MAX - r->length && r->offset + r->length > d->to)
        d->to = r->offset + r->length;
}

static void print_violations(struct decoded *d)
{
    for (size_t i = 0; i < d->violations.count; i++)
        buffer_print(&d->text, "# %s breaks %s: %s\n",
                     d->violations.all[i].party == SIDE_SERVER ? "the server" : "the client",
                     d->violations.all[i].rule, d->violations.all[i].came);
    violations_clear(&d->violations);
}

static void decode_bytes(void *ctx, struct flow *flow, enum flow_from from, struct span bytes,
                         struct flow_packet packet)
{
    enum side side = from == FLOW_CLIENT ? SIDE_CLIENT : SIDE_SERVER;
    struct decoded *d = flow->user;
    enum session_event event;
    struct message m;

    (void)ctx;
    while (!d->lost[side] && (event = session_next(d->session, side, &bytes, &m)) != SESSION_MORE) {
        if (event == SESSION_MESSAGE) {
            note_write(d, &m);
            transcript_message(&m, NULL, &d->text);
        }
        print_violations(d);
        if (event == SESSION_MESSAGE && m.exchange && m.exchange->answered)
            session_release(d->session, m.exchange);
        if (event == SESSION_LOST) {
            d->lost[side] = true;
            buffer_print(&d->text,
                         "# packet %llu: from here on the bytes of the %s make no sense: %s of %s\n",
                         (unsigned long long)packet.number, side == SIDE_CLIENT ? "client" : "server",
                         session_lost(d->session, side)->field, session_lost(d->session, side)->frame);
        }
    }
}

static void lost(void *ctx, struct flow *flow, enum flow_from from, uint32_t count, struct flow_packet packet)
{
    struct decoded *d = flow->user;

    (void)ctx;
    d->lost[from == FLOW_CLIENT ? SIDE_CLIENT : SIDE_SERVER] = true;
    buffer_print(&d->text, "# packet %llu: %u bytes of the %s were not captured\n",
                 (unsigned long long)packet.number, (unsigned)count,
                 from == FLOW_CLIENT ? "client" : "server");
}

static void ended(void *ctx, struct flow *flow, enum flow_from from, enum flow_end how,
                  struct flow_packet packet)
{
    struct decoded *d = flow->user;

    (void)ctx;
    (void)packet;
    if (how == FLOW_CUT)
        return;
    session_ended(d->session, from == FLOW_CLIENT ? SIDE_CLIENT : SIDE_SERVER,
                  how == FLOW_RESET ? ENDING_RESET : ENDING_FINISHED);
    if (from == FLOW_SERVER)
        buffer_print(&d->text, "S: close\n");
    print_violations(d);
}

static void closed(void *ctx, struct flow *flow)
{
    struct decoded *d = flow->user;

    (void)ctx;
    printf("case connection-%zu \"begins with packet %llu\"\nstart connect\n", flow->number,
           (unsigned long long)d->packet);
    if (d->from < d->to)
        printf("window %llu at %llu\n", (unsigned long long)(d->to - d->from), (unsigned long long)d->from);
    printf("canary off\n\n%s\n", buffer_text(&d->text));
    session_free(d->session);
    buffer_free(&d->text);
    free(d);
}

static int decode(const char *path)
{
    const struct flow_listener listener = {
        .opened = opened, .bytes = decode_bytes, .lost = lost, .ended = ended, .closed = closed
    };
    struct capture_summary summary;
    char error[512];

    if (!capture_read(path, listener, &summary, error, sizeof error)) {
        fprintf(stderr, "nbdtest: %s\n", error);
        return STATUS_USAGE;
    }
    if (summary.ignored > 0)
        fprintf(stderr, "nbdtest: more than %d connections; %llu packets were left out\n", FLOWS_MAX,
                (unsigned long long)summary.ignored);
    return STATUS_CONFORMS;
}

int command_decode(int argc, char **argv)
{
    bool help = false;
    int first = options_parse(rows, sizeof rows / sizeof rows[0], argc, argv, take, &help);

    if (first < 0)
        return STATUS_USAGE;
    if (help || argc - first != 1) {
        puts("nbdtest decode FILE: prints the connections of a pcap or pcapng file as cases, with what the "
             "referee finds\n");
        options_print(rows, sizeof rows / sizeof rows[0], stdout);
        return help ? STATUS_CONFORMS : STATUS_USAGE;
    }
    return decode(argv[first]);
}
