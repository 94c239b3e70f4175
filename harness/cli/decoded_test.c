/* SPDX-License-Identifier: MIT */
/* What is said of connections in captures, and what is not said where the capture lacks something. */
#include "cli/decoded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define U16(n) (uint8_t)((n) >> 8), (uint8_t)(n)
#define U32(n) U16((uint32_t)(n) >> 16), U16((uint32_t)(n)&0xffff)
#define U64(n) U32((uint64_t)(n) >> 32), U32((uint64_t)(n)&0xffffffff)
#define BYTES(...) span_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

enum { READ = 0, WRITE = 1, DISC = 2, FLUSH = 3 };
enum { LIST = 3, STARTTLS = 5, GO = 7, SERVER_PORT = 10809 };
#define REPLY_MAGIC UINT64_C(0x0003e889045565a9)

/* A capture that comes into being packet by packet. */
struct taken {
    struct decoder decoder;
    struct capture_summary summary;
    struct flow_table *table;
    struct buffer text;
    uint64_t packets;
    unsigned client_port, server_port;
    uint32_t sequence[2]; /* by enum flow_from */
    bool unseen;          /* packets pass by the capture */
    uint64_t late_ns;     /* added to the time of packets */
};

static void print(void *ctx, const char *text)
{
    struct taken *t = ctx;

    buffer_print(&t->text, "%s", text);
}

static void take_init(struct taken *t)
{
    *t = (struct taken){ .client_port = 50000, .server_port = SERVER_PORT, .sequence = { 1000, 5000 } };
    buffer_init(&t->text, 100000);
    t->decoder = (struct decoder){ .capture = &t->summary, .print = print, .ctx = t };
    t->table = flow_table_new(decoder_listener(&t->decoder));
}

static void packet(struct taken *t, enum flow_from from, struct packet p)
{
    const struct packet_end ends[] = { { .port = { U16(t->client_port) } },
                                       { .port = { U16(t->server_port) } } };
    enum flow_from other = from == FLOW_CLIENT ? FLOW_SERVER : FLOW_CLIENT;

    p.from = ends[from];
    p.to = ends[other];
    p.sequence = t->sequence[from];
    p.ack = !p.syn || from == FLOW_SERVER;
    p.acknowledged = t->sequence[other];
    t->sequence[from] += (uint32_t)p.data.len + p.missing + p.syn + p.fin;
    t->packets++;
    if (!t->unseen)
        flow_table_add(t->table, &p, (struct flow_packet){ t->packets, t->packets * 1000 + t->late_ns });
}

static void says(struct taken *t, enum flow_from from, struct span bytes)
{
    packet(t, from, (struct packet){ .data = bytes });
}

#define client_says(t, ...) says((t), FLOW_CLIENT, BYTES(__VA_ARGS__))
#define server_says(t, ...) says((t), FLOW_SERVER, BYTES(__VA_ARGS__))

static void connect_to(struct taken *t)
{
    packet(t, FLOW_CLIENT, (struct packet){ .syn = true });
    packet(t, FLOW_SERVER, (struct packet){ .syn = true });
}

static void shake_hands(struct taken *t)
{
    connect_to(t);
    says(t, FLOW_SERVER,
         BYTES('N', 'B', 'D', 'M', 'A', 'G', 'I', 'C', 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', U16(3)));
    client_says(t, U32(3));
}

static void option(struct taken *t, uint32_t number)
{
    client_says(t, 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', U32(number), U32(0));
}

static void ask_for_export(struct taken *t)
{
    client_says(t, 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', U32(GO), U32(8), U32(0), U16(1), U16(3));
}

static void grant_export(struct taken *t)
{
    server_says(t, U64(REPLY_MAGIC), U32(GO), U32(3), U32(12), U16(0), U64(1 << 20), U16(5), /* INFO EXPORT */
                U64(REPLY_MAGIC), U32(GO), U32(1), U32(0));
}

static void reach_transmission(struct taken *t)
{
    shake_hands(t);
    ask_for_export(t);
    grant_export(t);
}

static void request(struct taken *t, unsigned type, uint64_t cookie, uint32_t length)
{
    client_says(t, U32(0x25609513), U16(0), U16(type), U64(cookie), U64(0), U32(length));
}

static void answer(struct taken *t, uint64_t cookie)
{
    server_says(t, U32(0x67446698), U32(0), U64(cookie));
}

static bool has(struct taken *t, const char *what)
{
    return strstr(buffer_text(&t->text), what) != NULL;
}

/* Ends the capture. */
static void take_end(struct taken *t)
{
    flow_table_free(t->table);
    t->table = NULL;
    decoder_summary(&t->decoder, &t->text);
}

static void take_free(struct taken *t)
{
    decoder_free(&t->decoder);
    buffer_free(&t->text);
}

static void assert_blameless(struct taken *t)
{
    if (t->decoder.tally.count > 0)
        fail_msg("%s", buffer_text(&t->text));
}

static void a_breach_is_told_with_its_packet_and_its_bytes(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    request(&t, READ, 7, 0);
    answer(&t, 8);
    take_end(&t);
    assert_true(has(&t, "case connection-1 \"[::]:50000 to [::]:10809, begins with packet 1 (0.000001 s)\""));
    assert_true(has(&t, "# packet 7 (0.000007 s): the client breaks cmd.read.zero-length.client-avoids"));
    assert_true(has(&t, "#     25 60 95 13 00 00 00 00 00 00 00 00 00 00 00 07 "));
    assert_true(has(&t, "# packet 8 (0.000008 s): the server breaks reply.cookie.echo"));
    assert_true(has(&t, "# the server breaks reply.cookie.echo: once, in packet 8 (connection 1)"));
    take_free(&t);
}

static void what_goes_on_is_counted(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    for (unsigned i = 0; i < 100; i++) {
        request(&t, READ, i, 0);
        answer(&t, i);
    }
    take_end(&t);
    assert_true(has(&t, "what there is more of this is only counted"));
    assert_true(has(&t, "first in packet 7 (connection 1), 100 times in all"));
    assert_int_equal(t.decoder.tally.count, 1);
    take_free(&t);
}

static void data_that_were_not_captured_are_no_fault(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    request(&t, WRITE, 1, 512);
    packet(&t, FLOW_CLIENT, (struct packet){ .data = span_text("data"), .missing = 508 });
    answer(&t, 1);
    request(&t, READ, 2, 512);
    packet(&t, FLOW_SERVER,
           (struct packet){ .data = BYTES(U32(0x67446698), U32(0), U64(2)), .missing = 512 });
    request(&t, READ, 3, 0);
    take_end(&t);
    assert_true(has(&t, "508 bytes of the client were not captured: they are data, and stand as zeroes"));
    assert_true(has(&t, "512 bytes of the server were not captured: they are data, and stand as zeroes"));
    assert_int_equal(t.decoder.tally.count, 1); /* what comes behind is judged */
    assert_string_equal(t.decoder.tally.rows[0].rule, "cmd.read.zero-length.client-avoids");
    take_free(&t);
}

static void write_pattern(struct taken *t, uint64_t cookie)
{
    request(t, WRITE, cookie, 4);
    client_says(t, 1, 2, 3, 4);
    answer(t, cookie);
}

static void read_as(struct taken *t, uint64_t cookie, uint8_t first)
{
    request(t, READ, cookie, 4);
    server_says(t, U32(0x67446698), U32(0), U64(cookie), first, 2, 3, 4);
}

static bool blames_contents(struct taken *t)
{
    for (size_t i = 0; i < t->decoder.tally.count; i++)
        if (strcmp(t->decoder.tally.rows[i].rule, "cmd.write.stored-before-reply") == 0)
            return true;
    return false;
}

static void what_was_written_has_to_be_read(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    write_pattern(&t, 1);
    read_as(&t, 2, 1);
    assert_false(blames_contents(&t));
    read_as(&t, 3, 9);
    take_end(&t);
    assert_true(blames_contents(&t));
    take_free(&t);
}

/* Who has left writes no more; and is printed at once. */
static void connections_one_behind_the_other_do_not_share(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    request(&t, DISC, 1, 0);
    packet(&t, FLOW_SERVER, (struct packet){ .fin = true });
    packet(&t, FLOW_CLIENT, (struct packet){ .fin = true });
    assert_true(has(&t, "case connection-1"));
    t.client_port++;
    reach_transmission(&t);
    write_pattern(&t, 2);
    read_as(&t, 3, 9);
    take_end(&t);
    assert_true(blames_contents(&t));
    take_free(&t);
}

/* Another connection to the same server may have written there. */
static void contents_that_others_may_write_are_not_compared(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    write_pattern(&t, 1);
    t.client_port++;
    connect_to(&t);
    t.client_port--;
    t.sequence[FLOW_CLIENT]--;
    t.sequence[FLOW_SERVER]--;
    read_as(&t, 2, 9);
    take_end(&t);
    assert_false(blames_contents(&t));
    take_free(&t);
}

static void contents_that_were_not_captured_are_not_compared(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    request(&t, WRITE, 1, 4);
    packet(&t, FLOW_CLIENT, (struct packet){ .data = BYTES(1), .missing = 3 });
    answer(&t, 1);
    read_as(&t, 2, 9);
    write_pattern(&t, 3);
    request(&t, READ, 4, 4);
    packet(&t, FLOW_SERVER,
           (struct packet){ .data = BYTES(U32(0x67446698), U32(0), U64(4), 1), .missing = 3 });
    take_end(&t);
    assert_false(blames_contents(&t));
    take_free(&t);
}

static void lost_packets_blame_nobody(void **state)
{
    (void)state;
    for (int lost = 1; lost <= 12; lost++) {
        struct taken t;

        take_init(&t);
        shake_hands(&t);
        for (uint64_t i = 0; i < 4; i++) {
            t.unseen = (int)t.packets + 1 == lost;
            if (i == 0)
                ask_for_export(&t);
            else
                request(&t, FLUSH, i, 0);
            t.unseen = (int)t.packets + 1 == lost;
            if (i == 0)
                grant_export(&t);
            else
                answer(&t, i);
        }
        t.unseen = false;
        request(&t, DISC, 5, 0);
        packet(&t, FLOW_SERVER, (struct packet){ .fin = true });
        packet(&t, FLOW_CLIENT, (struct packet){ .fin = true });
        take_end(&t);
        assert_blameless(&t);
        assert_true(has(&t, "C: DISC"));
        take_free(&t);
    }
}

static void fail_with(struct taken *t, uint64_t cookie, uint32_t error)
{
    server_says(t, U32(0x67446698), U32(error), U64(cookie));
}

/* What was asked before a gap may have been answered in it, and what was asked in it is answered behind it.
 */
static void replies_behind_a_gap_are_judged(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    request(&t, FLUSH, 1, 0);
    request(&t, FLUSH, 2, 0);
    t.unseen = true;
    answer(&t, 1);
    request(&t, FLUSH, 3, 0);
    t.unseen = false;
    request(&t, FLUSH, 1, 0); /* the cookie is free again */
    fail_with(&t, 2, 999);
    fail_with(&t, 3, 999);
    answer(&t, 1);
    assert_blameless(&t);
    request(&t, FLUSH, 4, 0);
    fail_with(&t, 4, 999);
    packet(&t, FLOW_SERVER, (struct packet){ .fin = true });
    take_end(&t);
    assert_int_equal(t.decoder.tally.count, 1);
    assert_string_equal(t.decoder.tally.rows[0].rule, "error.allowed-values");
    assert_true(has(&t, "from here on replies are judged again, to requests that come now"));
    assert_true(has(&t, "1 of which could not be judged whole"));
    take_free(&t);
}

static void a_capture_that_begins_in_the_middle_is_shown_and_not_judged(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    t.unseen = true;
    reach_transmission(&t);
    request(&t, FLUSH, 1, 0);
    t.unseen = false;
    answer(&t, 1);
    request(&t, READ, 2, 4);
    server_says(&t, U32(0x67446698), U32(0), U64(2), 1, 2, 3, 4);
    take_end(&t);
    assert_blameless(&t);
    assert_true(has(&t, "how the connection began was not captured"));
    assert_true(has(&t, "C: READ offset=0 length=4"));
    assert_true(has(&t, "S: DATA hex(\"01020304\")"));
    assert_true(has(&t, "1 of which could not be judged whole"));
    take_free(&t);
}

/* A client's first words are no breach where the server's may have passed by. */
static void a_greeting_that_was_not_captured_is_no_fault(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    packet(&t, FLOW_CLIENT, (struct packet){ .syn = true });
    t.unseen = true;
    packet(&t, FLOW_SERVER, (struct packet){ .syn = true });
    says(&t, FLOW_SERVER,
         BYTES('N', 'B', 'D', 'M', 'A', 'G', 'I', 'C', 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', U16(3)));
    t.unseen = false;
    client_says(&t, U32(3));
    ask_for_export(&t);
    grant_export(&t);
    take_end(&t);
    assert_blameless(&t);
    assert_true(has(&t, "how the connection began was not captured"));
    take_free(&t);
}

/* Without SYN the ports say who is who, unless there is a greeting. */
static void a_greeting_tells_who_the_server_is(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    t.server_port = 60000;
    t.unseen = true;
    connect_to(&t);
    t.unseen = false;
    reach_transmission(&t);
    request(&t, READ, 1, 0);
    take_end(&t);
    assert_int_equal(t.decoder.tally.count, 1);
    assert_int_equal(t.decoder.tally.rows[0].party, SIDE_CLIENT);
    take_free(&t);
}

static void what_is_not_nbd_is_passed_over(void **state)
{
    static const char *const greetings[] = { "HTTP/1.1 200 OK\r\n", "\x16\x03\x03\x01\x01", "" };
    static const char *const wanted[] = { "packet 1: not NBD", "packet 1: TLS from its first byte",
                                          "packet 1: no bytes passed" };

    (void)state;
    for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++) {
        struct taken t;

        take_init(&t);
        t.server_port = 8080;
        connect_to(&t);
        says(&t, FLOW_SERVER, span_text(greetings[i]));
        packet(&t, FLOW_SERVER, (struct packet){ .fin = true });
        take_end(&t);
        assert_blameless(&t);
        assert_true(has(&t, wanted[i]));
        assert_true(has(&t, "# 0 connections with NBD, 1 other\n"));
        take_free(&t);
    }
}

static void silence_is_told_and_not_judged(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    request(&t, FLUSH, 1, 0);
    t.late_ns = UINT64_C(3000000000);
    packet(&t, FLOW_CLIENT, (struct packet){ .fin = true });
    take_end(&t);
    assert_blameless(&t);
    assert_true(has(
        &t,
        "nothing came for 3 s; if it would never have come, the server breaks reply.simple.every-request"));
    assert_true(has(&t, "\nS: OK cookie=1 | ERROR cookie=1\n")); /* so that playing it again waits for it */
    assert_true(has(&t, "# 1 request was not answered"));
    take_free(&t);
}

static void who_leaves_at_once_has_not_waited(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    t.late_ns = UINT64_C(3000000000);
    connect_to(&t);
    packet(&t, FLOW_CLIENT, (struct packet){ .fin = true });
    take_end(&t);
    assert_blameless(&t);
    assert_false(has(&t, "nothing came"));
    take_free(&t);
}

static void an_option_that_gets_no_answer_is_waited_for(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    shake_hands(&t);
    option(&t, LIST);
    t.late_ns = UINT64_C(3000000000);
    packet(&t, FLOW_CLIENT, (struct packet){ .fin = true });
    take_end(&t);
    assert_true(has(&t, "C: OPT LIST\nS: REP SERVER*\nS: REP ACK | REP ERR\n"));
    take_free(&t);
}

static void ends_are_steps(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    reach_transmission(&t);
    packet(&t, FLOW_CLIENT, (struct packet){ .fin = true });
    packet(&t, FLOW_SERVER, (struct packet){ .fin = true });
    assert_true(has(&t, "\nC: fin    # packet"));
    assert_true(has(&t, "\nS: close    # packet"));
    t.client_port++;
    reach_transmission(&t);
    packet(&t, FLOW_CLIENT, (struct packet){ .rst = true });
    take_end(&t);
    assert_true(has(&t, "\nC: reset    # packet"));
    assert_true(has(&t, "\n# packet 15 (0.000015 s): the server has gone: the connection was reset"));
    take_free(&t);
}

/* On NBD's own port somebody wants NBD. */
static void a_wrong_greeting_is_the_servers_fault(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    connect_to(&t);
    says(&t, FLOW_SERVER, span_text("NBDMAGIXIHAVEOPT\n\n"));
    take_end(&t);
    assert_true(has(&t, "the server breaks greeting.magic"));
    take_free(&t);
}

static void what_passes_under_tls_is_not_judged(void **state)
{
    struct taken t;

    (void)state;
    take_init(&t);
    shake_hands(&t);
    option(&t, STARTTLS);
    server_says(&t, U64(REPLY_MAGIC), U32(STARTTLS), U32(1), U32(0));
    client_says(&t, 0x16, 3, 1, U16(1), 1);
    server_says(&t, 0x16, 3, 3, U16(1), 2);
    packet(&t, FLOW_CLIENT, (struct packet){ .fin = true });
    packet(&t, FLOW_SERVER, (struct packet){ .fin = true });
    take_end(&t);
    assert_blameless(&t);
    assert_true(
        has(&t, "TLS begins: what passes under it can be neither shown nor judged, nor played again"));
    assert_false(has(&t, "C: fin"));
    take_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_breach_is_told_with_its_packet_and_its_bytes),
        cmocka_unit_test(what_goes_on_is_counted),
        cmocka_unit_test(data_that_were_not_captured_are_no_fault),
        cmocka_unit_test(what_was_written_has_to_be_read),
        cmocka_unit_test(connections_one_behind_the_other_do_not_share),
        cmocka_unit_test(contents_that_others_may_write_are_not_compared),
        cmocka_unit_test(contents_that_were_not_captured_are_not_compared),
        cmocka_unit_test(lost_packets_blame_nobody),
        cmocka_unit_test(replies_behind_a_gap_are_judged),
        cmocka_unit_test(a_capture_that_begins_in_the_middle_is_shown_and_not_judged),
        cmocka_unit_test(a_greeting_that_was_not_captured_is_no_fault),
        cmocka_unit_test(a_greeting_tells_who_the_server_is),
        cmocka_unit_test(what_is_not_nbd_is_passed_over),
        cmocka_unit_test(silence_is_told_and_not_judged),
        cmocka_unit_test(an_option_that_gets_no_answer_is_waited_for),
        cmocka_unit_test(ends_are_steps),
        cmocka_unit_test(who_leaves_at_once_has_not_waited),
        cmocka_unit_test(a_wrong_greeting_is_the_servers_fault),
        cmocka_unit_test(what_passes_under_tls_is_not_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
