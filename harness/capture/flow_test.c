/* SPDX-License-Identifier: MIT */
#include "capture/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/random.h"

/* What was told, in the order in which it was told: "1+" flow 1 opened, "1C hello" bytes, "1S lost 3", "1C
 * fin", "1C rst", "1C cut", "1-" closed. */
struct told {
    struct buffer log;
    struct flow_table *table;
    uint64_t packets;
    bool mid_stream; /* the flow told of last */
    uint64_t bytes;  /* told and lost */
    uint64_t packet; /* that brought the bytes told last */
};

static void tell_open(void *ctx, struct flow *flow, struct flow_packet packet)
{
    struct told *told = ctx;

    assert_int_equal(packet.number, told->packets);
    told->mid_stream = !flow->from_start;
    buffer_print(&told->log, "%zu+ ", flow->number);
}

static void tell_bytes(void *ctx, struct flow *flow, enum flow_from from, struct span bytes,
                       struct flow_packet packet)
{
    struct told *told = ctx;

    assert_true(bytes.len > 0);
    assert_true(packet.number >= 1 && packet.number <= told->packets);
    told->packet = packet.number;
    told->mid_stream = !flow->from_start;
    told->bytes += bytes.len;
    buffer_print(&told->log, "%zu%c %.*s ", flow->number, "CS"[from], (int)bytes.len, (const char *)bytes.at);
}

static void tell_loss(void *ctx, struct flow *flow, enum flow_from from, uint32_t count,
                      struct flow_packet packet)
{
    struct told *told = ctx;

    assert_true(count > 0);
    assert_true(packet.number >= 1 && packet.number <= told->packets);
    told->bytes += count;
    buffer_print(&told->log, "%zu%c lost %u ", flow->number, "CS"[from], count);
}

static void tell_end(void *ctx, struct flow *flow, enum flow_from from, enum flow_end how,
                     struct flow_packet packet)
{
    static const char *const names[] = { [FLOW_FINISHED] = "fin", [FLOW_RESET] = "rst", [FLOW_CUT] = "cut" };
    struct told *told = ctx;

    assert_true(packet.number >= 1 && packet.number <= told->packets);
    buffer_print(&told->log, "%zu%c %s ", flow->number, "CS"[from], names[how]);
}

static void tell_close(void *ctx, struct flow *flow)
{
    struct told *told = ctx;

    buffer_print(&told->log, "%zu- ", flow->number);
}

static void told_init(struct told *told)
{
    *told = (struct told){ 0 };
    buffer_init(&told->log, 10000);
    told->table = flow_table_new(
        (struct flow_listener){ tell_open, tell_bytes, tell_loss, tell_end, tell_close, told });
}

static void told_is(struct told *told, const char *wanted)
{
    flow_table_free(told->table);
    assert_string_equal(buffer_text(&told->log), wanted);
    buffer_free(&told->log);
}

/* Segments of connection n: from the client's port n, or from the server's port 10809. */
static struct packet segment(bool from_client, unsigned n, uint32_t sequence, const char *data)
{
    const struct packet_end client = { .port = { (uint8_t)(n >> 8), (uint8_t)n } };
    const struct packet_end server = { .port = { 0x2a, 0x39 } };

    return (struct packet){ .from = from_client ? client : server,
                            .to = from_client ? server : client,
                            .sequence = sequence,
                            .data = span_text(data) };
}

static void add(struct told *told, struct packet packet)
{
    told->packets++;
    flow_table_add(told->table, &packet, (struct flow_packet){ told->packets, told->packets * 1000 });
}

static void from_client(struct told *told, uint32_t sequence, const char *data)
{
    add(told, segment(true, 5000, sequence, data));
}

static void from_server(struct told *told, uint32_t sequence, const char *data)
{
    add(told, segment(false, 5000, sequence, data));
}

static void syn(struct told *told, uint32_t sequence)
{
    struct packet packet = segment(true, 5000, sequence, "");

    packet.syn = true;
    packet.ack = false;
    add(told, packet);
}

static void syn_ack(struct told *told, uint32_t sequence)
{
    struct packet packet = segment(false, 5000, sequence, "");

    packet.syn = packet.ack = true;
    packet.acknowledged = 100;
    add(told, packet);
}

static void with_ack(struct told *told, bool client, uint32_t sequence, uint32_t acknowledged,
                     const char *data)
{
    struct packet packet = segment(client, 5000, sequence, data);

    packet.ack = true;
    packet.acknowledged = acknowledged;
    add(told, packet);
}

static void fin(struct told *told, bool client, uint32_t sequence, const char *data)
{
    struct packet packet = segment(client, 5000, sequence, data);

    packet.fin = true;
    add(told, packet);
}

static void rst(struct told *told, bool client, uint32_t sequence)
{
    struct packet packet = segment(client, 5000, sequence, "");

    packet.rst = true;
    add(told, packet);
}

static void a_whole_connection_is_told(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    assert_false(told.mid_stream);
    syn_ack(&told, 499);
    from_client(&told, 100, "");
    from_server(&told, 500, "NBDMAGIC");
    from_client(&told, 100, "hi");
    fin(&told, true, 102, "");
    from_server(&told, 508, "bye");
    fin(&told, false, 511, "!");
    from_client(&told, 103, "");
    told_is(&told, "1+ 1S NBDMAGIC 1C hi 1C fin 1S bye 1S ! 1S fin 1- ");
}

static void order_is_restored(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    from_client(&told, 106, "ghi");
    from_client(&told, 103, "def");
    fin(&told, true, 109, "");
    from_client(&told, 100, "abc");
    told_is(&told, "1+ 1C abc 1C def 1C ghi 1C fin 1S cut 1- ");
}

static void nothing_is_told_twice(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    syn(&told, 99);
    from_client(&told, 100, "abc");
    from_client(&told, 100, "abc");
    from_client(&told, 102, "c"); /* a keep-alive looks so */
    from_client(&told, 101, "bcde");
    from_client(&told, 110, "klm"); /* these wait, and overlap */
    from_client(&told, 109, "jk");
    from_client(&told, 110, "klmn");
    from_client(&told, 105, "fghij");
    told_is(&told, "1+ 1C abc 1C de 1C fghij 1C k 1C lm 1C n 1C cut 1S cut 1- ");
}

static void sequence_numbers_wrap_around(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 0xfffffffd);
    from_client(&told, 1, "d");
    from_client(&told, 0xfffffffe, "abc");
    from_client(&told, 0xffffffff, "bcde");
    told_is(&told, "1+ 1C abc 1C d 1C e 1C cut 1S cut 1- ");
}

static void what_was_never_captured_is_lost(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    from_client(&told, 100, "abc");
    from_client(&told, 110, "klm");
    from_client(&told, 120, "uvw");
    fin(&told, true, 125, "");
    told_is(&told, "1+ 1C abc 1C lost 7 1C klm 1C lost 7 1C uvw 1C lost 2 1C fin 1S cut 1- ");
}

static void what_a_packet_was_cut_by_is_lost_at_once(void **state)
{
    struct packet cut = segment(true, 5000, 100, "abc");
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    cut.missing = 7;
    add(&told, cut);
    add(&told, cut);
    assert_int_equal(told.bytes, 10);
    cut.sequence = 113; /* this one waits */
    add(&told, cut);
    from_client(&told, 110, "klm");
    assert_int_equal(told.bytes, 23);
    cut.data = span_text("");
    cut.sequence = 123; /* nothing of it was captured */
    add(&told, cut);
    told_is(&told, "1+ 1C abc 1C lost 7 1C klm 1C abc 1C lost 7 1C lost 7 1C cut 1S cut 1- ");
}

static void a_reset_ends_both_directions_after_what_came_before(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    from_client(&told, 103, "def");
    rst(&told, false, 500);
    from_client(&told, 106, "ghi");
    told_is(&told, "1+ 1C lost 3 1C def 1S rst 1C rst 1- ");
}

static void nothing_is_told_behind_the_end(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 0);
    from_client(&told, 20, "waits");
    fin(&told, true, 1, "end");
    from_client(&told, 5, "late");
    told_is(&told, "1+ 1C end 1C fin 1S cut 1- ");
}

static void a_capture_may_begin_in_the_middle(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    from_server(&told, 5000, "reply");
    assert_true(told.mid_stream);
    from_client(&told, 777, "request");
    told_is(&told, "1+ 1S reply 1C request 1C cut 1S cut 1- ");
}

/* Whoever acknowledges bytes has seen them. */
static void an_answer_comes_behind_what_it_answers(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    syn_ack(&told, 499);
    with_ack(&told, true, 100, 500, "ask ");
    with_ack(&told, false, 500, 110, "answer"); /* to a question that comes into the capture later */
    assert_int_equal(told.packet, 3);
    with_ack(&told, true, 104, 500, "again?");
    assert_int_equal(told.packet, 4);
    with_ack(&told, true, 110, 506, "bye");
    told_is(&told, "1+ 1C ask  1C again? 1S answer 1C bye 1C cut 1S cut 1- ");
}

static void a_question_that_was_not_captured_is_lost_before_its_answer(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    syn_ack(&told, 499);
    with_ack(&told, false, 500, 104, "one");
    with_ack(&told, true, 104, 503, "ask2");
    with_ack(&told, false, 503, 108, "two");
    with_ack(&told, true, 112, 506, "ask4");
    fin(&told, false, 506, "");
    told_is(&told, "1+ 1C lost 4 1S one 1C ask2 1S two 1S fin 1C lost 4 1C ask4 1C cut 1- ");
}

/* Sent again with an ACK of what was already its answer. */
static void who_waits_for_each_other_waits_no_more(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    syn_ack(&told, 499);
    with_ack(&told, false, 500, 103, "answer");
    with_ack(&told, true, 100, 506, "ask");
    assert_int_equal(told.bytes, 9);
    told_is(&told, "1+ 1S answer 1C ask 1C cut 1S cut 1- ");
}

static void the_end_waits_for_what_it_acknowledges(void **state)
{
    struct packet packet = segment(false, 5000, 500, "");
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    syn_ack(&told, 499);
    packet.fin = packet.ack = true;
    packet.acknowledged = 103;
    add(&told, packet);
    with_ack(&told, true, 100, 500, "bye");
    told_is(&told, "1+ 1C bye 1S fin 1C cut 1- ");
}

static void what_was_acknowledged_before_the_first_segment_is_missing(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99); /* SYN-ACK and the greeting were not captured */
    with_ack(&told, true, 100, 500, "");
    with_ack(&told, true, 100, 518, "flags");
    with_ack(&told, false, 518, 105, "reply");
    told_is(&told, "1+ 1S lost 18 1C flags 1S reply 1C cut 1S cut 1- ");
}

/* Then what the client said is told too early, and who listens is told not to trust the beginning. */
static void a_beginning_that_comes_late_is_told(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    with_ack(&told, true, 100, 508, "hi");
    syn_ack(&told, 499);
    from_server(&told, 500, "NBDMAGIC");
    assert_true(told.mid_stream);
    told_is(&told, "1+ 1C hi 1S NBDMAGIC 1C cut 1S cut 1- ");
}

static void ports_may_be_used_again_without_syn(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    syn_ack(&told, 499);
    fin(&told, true, 100, "one");
    fin(&told, false, 500, "two");
    from_client(&told, 104, ""); /* the last ACK */
    from_client(&told, 100, "one");
    from_client(&told, 9000, "three");
    told_is(&told, "1+ 1C one 1C fin 1S two 1S fin 1- 2+ 2C three 2C cut 2S cut 2- ");
}

static void ports_may_be_used_again(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 99);
    from_client(&told, 100, "one");
    syn(&told, 7000);
    from_client(&told, 7001, "two");
    told_is(&told, "1+ 1C one 1C cut 1S cut 1- 2+ 2C two 2C cut 2S cut 2- ");
}

static void a_late_syn_is_not_another_connection(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn_ack(&told, 499);
    syn(&told, 99);
    from_client(&told, 100, "abc");
    told_is(&told, "1+ 1C abc 1C cut 1S cut 1- ");
}

static void a_reset_of_nothing_is_nothing(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    rst(&told, true, 100);
    told_is(&told, "");
}

static void one_connection_too_many_is_only_counted(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    for (unsigned i = 0; i < FLOWS_MAX + 10; i++) {
        struct packet packet = segment(true, i & 0xffff, 1, "x");

        packet.from.address[0] = (uint8_t)(i >> 16);
        packet.to.address[0] = 9;
        add(&told, packet);
    }
    assert_int_equal(flow_table_ignored(told.table), 10);
    flow_table_free(told.table);
    buffer_free(&told.log);
}

static void those_that_wait_are_limited(void **state)
{
    struct told told;

    (void)state;
    told_init(&told);
    syn(&told, 0);
    for (uint32_t i = 0; i < PENDING_SEGMENTS_MAX; i++)
        from_client(&told, 2 + 2 * i, "x");
    assert_int_equal(told.bytes, 0);
    from_client(&told, 2 + 2 * PENDING_SEGMENTS_MAX, "x");
    assert_int_equal(told.bytes, 2); /* the first gap was given up */
    flow_table_free(told.table);
    assert_int_equal(told.bytes, 2 + 2 * PENDING_SEGMENTS_MAX);
    buffer_free(&told.log);
}

static void large_segments_that_wait_are_limited(void **state)
{
    enum { LARGE = 60000 };
    char *large = calloc(1, LARGE + 1);
    struct told told;

    (void)state;
    assert_non_null(large);
    memset(large, 'x', LARGE);
    told_init(&told);
    for (unsigned flow = 0; flow < 8; flow++) /* 8 times 500 segments would be 240 MB */
        for (uint32_t i = 0; i < 500; i++)
            add(&told, segment(true, flow, (flow + 1) * 1000 + i * (LARGE + 1), i == 0 ? "x" : large));
    assert_true(told.bytes + PENDING_MAX + 1000 >= (uint64_t)8 * 499 * LARGE);
    flow_table_free(told.table);
    buffer_free(&told.log);
    free(large);
}

static void any_segments_do_no_harm(void **state)
{
    struct random random = random_seeded(3);
    struct told told;

    (void)state;
    told_init(&told);
    for (int i = 0; i < 100000; i++) {
        struct packet packet =
            segment(random_next(&random) & 1, (unsigned)random_below(&random, 4),
                    (uint32_t)random_below(&random, 64), &"some data"[random_below(&random, 9)]);

        if (random_below(&random, 100) == 0)
            packet.sequence = (uint32_t)random_next(&random);
        packet.syn = random_below(&random, 20) == 0;
        packet.fin = random_below(&random, 50) == 0;
        packet.rst = random_below(&random, 200) == 0;
        packet.ack = random_below(&random, 10) != 0;
        packet.acknowledged = (uint32_t)random_below(&random, 64);
        packet.missing = random_below(&random, 30) == 0 ? (uint32_t)random_next(&random) : 0;
        add(&told, packet);
    }
    flow_table_free(told.table);
    buffer_free(&told.log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_connection_is_told),
        cmocka_unit_test(order_is_restored),
        cmocka_unit_test(nothing_is_told_twice),
        cmocka_unit_test(sequence_numbers_wrap_around),
        cmocka_unit_test(what_was_never_captured_is_lost),
        cmocka_unit_test(what_a_packet_was_cut_by_is_lost_at_once),
        cmocka_unit_test(a_reset_ends_both_directions_after_what_came_before),
        cmocka_unit_test(nothing_is_told_behind_the_end),
        cmocka_unit_test(a_capture_may_begin_in_the_middle),
        cmocka_unit_test(an_answer_comes_behind_what_it_answers),
        cmocka_unit_test(a_question_that_was_not_captured_is_lost_before_its_answer),
        cmocka_unit_test(who_waits_for_each_other_waits_no_more),
        cmocka_unit_test(the_end_waits_for_what_it_acknowledges),
        cmocka_unit_test(what_was_acknowledged_before_the_first_segment_is_missing),
        cmocka_unit_test(a_beginning_that_comes_late_is_told),
        cmocka_unit_test(ports_may_be_used_again_without_syn),
        cmocka_unit_test(ports_may_be_used_again),
        cmocka_unit_test(a_late_syn_is_not_another_connection),
        cmocka_unit_test(a_reset_of_nothing_is_nothing),
        cmocka_unit_test(one_connection_too_many_is_only_counted),
        cmocka_unit_test(those_that_wait_are_limited),
        cmocka_unit_test(large_segments_that_wait_are_limited),
        cmocka_unit_test(any_segments_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
