/* SPDX-License-Identifier: MIT */
#include "capture/write.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/random.h"
#include "capture/read.h"

/* ---- what is read back ---- */

enum { CONVERSATIONS_MAX = 4 };

struct conversation {
    struct buffer bytes[2]; /* by enum flow_from */
    char ends[8];           /* CF: the client finished; SR: the server reset; X instead: cut */
    struct packet_end client, server;
    size_t pieces; /* calls that brought bytes */
    bool closed;
};

struct seen {
    struct conversation conversations[CONVERSATIONS_MAX];
    size_t count;
    uint64_t last_ns;
};

static void see_time(struct seen *seen, struct flow_packet packet)
{
    assert_true(packet.time_ns >= seen->last_ns);
    seen->last_ns = packet.time_ns;
}

static void see_open(void *ctx, struct flow *flow, struct flow_packet packet)
{
    struct seen *seen = ctx;
    struct conversation *conversation = &seen->conversations[seen->count++];

    assert_int_equal(flow->number, seen->count);
    assert_true(flow->from_start);
    buffer_init(&conversation->bytes[FLOW_CLIENT], 1 << 28);
    buffer_init(&conversation->bytes[FLOW_SERVER], 1 << 28);
    conversation->client = flow->client;
    conversation->server = flow->server;
    flow->user = conversation;
    see_time(seen, packet);
}

static void see_bytes(void *ctx, struct flow *flow, enum flow_from from, struct span bytes,
                      struct flow_packet packet)
{
    struct conversation *conversation = flow->user;

    see_time(ctx, packet);
    conversation->pieces++;
    assert_true(buffer_add(&conversation->bytes[from], bytes.at, bytes.len));
}

static void see_loss(void *ctx, struct flow *flow, enum flow_from from, uint32_t count,
                     struct flow_packet packet)
{
    (void)ctx;
    (void)flow;
    (void)from;
    (void)packet;
    assert_int_equal(count, 0);
}

static void see_end(void *ctx, struct flow *flow, enum flow_from from, enum flow_end how,
                    struct flow_packet packet)
{
    struct conversation *conversation = flow->user;
    size_t len = strlen(conversation->ends);

    see_time(ctx, packet);
    assert_true(len + 2 < sizeof conversation->ends);
    conversation->ends[len] = "CS"[from];
    conversation->ends[len + 1] = "FRX"[how];
}

static void see_close(void *ctx, struct flow *flow)
{
    struct conversation *conversation = flow->user;

    (void)ctx;
    conversation->closed = true;
}

static void read_back(const char *path, struct seen *seen)
{
    char error[200] = "";
    struct capture_summary summary;

    *seen = (struct seen){ 0 };
    capture_read(path, (struct flow_listener){ see_open, see_bytes, see_loss, see_end, see_close, seen },
                 &summary, error, sizeof error);
    assert_string_equal(error, "");
    assert_int_equal(summary.packets, summary.segments);
    for (size_t i = 0; i < seen->count; i++)
        assert_true(seen->conversations[i].closed);
}

static void free_seen(struct seen *seen)
{
    for (size_t i = 0; i < seen->count; i++) {
        buffer_free(&seen->conversations[i].bytes[FLOW_CLIENT]);
        buffer_free(&seen->conversations[i].bytes[FLOW_SERVER]);
    }
}

static void said(const struct conversation *conversation, enum flow_from from, const char *wanted)
{
    struct buffer bytes = conversation->bytes[from];

    assert_int_equal(bytes.len, strlen(wanted));
    assert_memory_equal(bytes.bytes, wanted, bytes.len);
}

/* ---- what is written ---- */

static int make_path(void **state)
{
    static char path[] = "/tmp/write_test-XXXXXX";
    int descriptor;

    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    descriptor = mkstemp(path);
    *state = path;
    return descriptor < 0 || close(descriptor) < 0;
}

static int remove_path(void **state)
{
    return unlink(*state);
}

static struct capture_writer *create(const char *path)
{
    char error[200] = "";
    struct capture_writer *writer = capture_create(path, error, sizeof error);

    assert_string_equal(error, "");
    assert_non_null(writer);
    return writer;
}

static void close_whole(struct capture_writer *writer)
{
    char error[200] = "";

    capture_close(writer, error, sizeof error);
    assert_string_equal(error, "");
}

static void what_was_said_is_read_back(void **state)
{
    struct capture_writer *writer = create(*state);
    struct capture_flow *flow = capture_flow_open(writer, 1000);
    struct seen seen;

    capture_flow_bytes(flow, CAPTURE_SERVER, span_text("NBDMAGIC"), 2000);
    capture_flow_bytes(flow, CAPTURE_CLIENT, span_text("hello"), 1500); /* a clock that went backwards */
    capture_flow_end(flow, CAPTURE_CLIENT, false, 3000);
    capture_flow_bytes(flow, CAPTURE_CLIENT, span_text("too late"), 3500);
    capture_flow_bytes(flow, CAPTURE_SERVER, span_text("bye"), 4000);
    capture_flow_end(flow, CAPTURE_SERVER, false, 5000);
    capture_flow_close(flow);
    close_whole(writer);

    read_back(*state, &seen);
    assert_int_equal(seen.count, 1);
    said(&seen.conversations[0], FLOW_CLIENT, "hello");
    said(&seen.conversations[0], FLOW_SERVER, "NBDMAGICbye");
    assert_string_equal(seen.conversations[0].ends, "CFSF");
    free_seen(&seen);
}

static void connections_at_the_same_time_do_not_mix(void **state)
{
    struct capture_writer *writer = create(*state);
    struct capture_flow *one = capture_flow_open(writer, 1), *two = capture_flow_open(writer, 2);
    struct seen seen;

    capture_flow_bytes(one, CAPTURE_CLIENT, span_text("one"), 3);
    capture_flow_bytes(two, CAPTURE_CLIENT, span_text("two"), 4);
    capture_flow_bytes(one, CAPTURE_CLIENT, span_text("one"), 5);
    capture_flow_end(two, CAPTURE_SERVER, true, 6);
    capture_flow_bytes(two, CAPTURE_SERVER, span_text("from the grave"), 7);
    capture_flow_close(one);
    capture_flow_close(two);
    close_whole(writer);

    read_back(*state, &seen);
    assert_int_equal(seen.count, 2);
    said(&seen.conversations[0], FLOW_CLIENT, "oneone");
    said(&seen.conversations[1], FLOW_CLIENT, "two");
    said(&seen.conversations[1], FLOW_SERVER, "");
    assert_string_equal(seen.conversations[0].ends, "CXSX");
    assert_string_equal(seen.conversations[1].ends, "SRCR");
    assert_memory_not_equal(&seen.conversations[0].client, &seen.conversations[1].client, 18);
    assert_memory_equal(seen.conversations[0].server.port, "\x2a\x39", 2); /* 10809 */
    free_seen(&seen);
}

static void an_aborted_run_leaves_a_file_that_can_be_read(void **state)
{
    struct capture_writer *writer = create(*state);
    struct capture_flow *flow;
    struct seen seen;

    read_back(*state, &seen); /* nothing but the file's header */
    assert_int_equal(seen.count, 0);
    flow = capture_flow_open(writer, 1);
    capture_flow_bytes(flow, CAPTURE_CLIENT, span_text("as it goes"), 2);
    read_back(*state, &seen);
    said(&seen.conversations[0], FLOW_CLIENT, "as it goes");
    free_seen(&seen);
    capture_flow_close(flow);
    close_whole(writer);
}

static void much_at_once_is_cut_into_packets(void **state)
{
    enum { MANY = 5000001 };
    struct capture_writer *writer = create(*state);
    struct capture_flow *flow = capture_flow_open(writer, 1);
    struct random random = random_seeded(7);
    uint8_t *much = malloc(MANY);
    struct seen seen;

    assert_non_null(much);
    for (size_t i = 0; i < MANY; i++)
        much[i] = (uint8_t)random_next(&random);
    capture_flow_bytes(flow, CAPTURE_SERVER, span_of(much, MANY), 2);
    capture_flow_close(flow);
    close_whole(writer);

    read_back(*state, &seen);
    assert_int_equal(seen.conversations[0].bytes[FLOW_SERVER].len, MANY);
    assert_memory_equal(seen.conversations[0].bytes[FLOW_SERVER].bytes, much, MANY);
    assert_in_range(seen.conversations[0].pieces, MANY / 32768 + 1, MANY / 32768 + 4);
    free_seen(&seen);
    free(much);
}

static const uint8_t two_replies[] = {
    0x67, 0x44, 0x66, 0x98, 0,    0, 0, 0, /* NBD_SIMPLE_REPLY_MAGIC, no error */
    0,    0,    0,    0,    0,    0, 0, 1, /* cookie */
    'd',  'a',  't',  'a',  0x67,          /* 0x67: also a magic begins so */
    0x67, 0x44, 0x66, 0x98, 0,    0, 0, 0, /* the second */
    0,    0,    0,    0,    0,    0, 0, 2,
};

static void every_reply_begins_a_packet_however_it_came(void **state)
{
    for (size_t cut = 0; cut <= sizeof two_replies; cut++) {
        struct capture_writer *writer = create(*state);
        struct capture_flow *flow = capture_flow_open(writer, 1);
        struct seen seen;

        capture_flow_bytes(flow, CAPTURE_SERVER, span_of(two_replies, cut), 2);
        capture_flow_bytes(flow, CAPTURE_SERVER, span_of(two_replies + cut, sizeof two_replies - cut), 3);
        capture_flow_end(flow, CAPTURE_SERVER, false, 4);
        capture_flow_close(flow);
        close_whole(writer);

        read_back(*state, &seen);
        assert_int_equal(seen.conversations[0].bytes[FLOW_SERVER].len, sizeof two_replies);
        assert_memory_equal(seen.conversations[0].bytes[FLOW_SERVER].bytes, two_replies, sizeof two_replies);
        assert_in_range(seen.conversations[0].pieces, 2, 4);
        free_seen(&seen);
    }
}

static void half_a_header_is_written_when_no_more_comes(void **state)
{
    struct capture_writer *writer = create(*state);
    struct capture_flow *flow = capture_flow_open(writer, 1);
    struct seen seen;

    capture_flow_bytes(flow, CAPTURE_SERVER, span_of(two_replies, 9), 2);
    capture_flow_bytes(flow, CAPTURE_CLIENT, span_text("what?"), 3);
    capture_flow_bytes(flow, CAPTURE_SERVER, span_of(two_replies, 3), 4);
    capture_flow_close(flow);
    close_whole(writer);

    read_back(*state, &seen);
    assert_int_equal(seen.conversations[0].bytes[FLOW_SERVER].len, 12);
    assert_memory_equal(seen.conversations[0].bytes[FLOW_SERVER].bytes, two_replies, 9);
    free_seen(&seen);
}

static void a_file_that_cannot_be_created_is_told(void **state)
{
    char error[200];

    (void)state;
    assert_null(capture_create("/nowhere/x.pcap", error, sizeof error));
    assert_string_equal(error, "cannot write capture /nowhere/x.pcap: No such file or directory");
    assert_true(capture_close(NULL, error, sizeof error));
}

static void a_file_that_cannot_be_written_whole_is_told(void **state)
{
    struct capture_writer *writer = create(*state);
    struct capture_flow *flow = capture_flow_open(writer, 1);
    struct rlimit before, small;
    char error[200] = "";

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 100; i++)
        capture_flow_bytes(flow, CAPTURE_CLIENT, span_text("too much for this file"), 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    capture_flow_close(flow);
    assert_false(capture_close(writer, error, sizeof error));
    assert_string_equal(error, "cannot write capture: File too large");
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    const char *path = *state;
    char error[300], wanted[300];
    struct capture_summary summary;
    struct seen seen = { 0 };
    struct flow_listener listener = { see_open, see_bytes, see_loss, see_end, see_close, &seen };
    FILE *file;

    assert_false(capture_read("/nowhere/x.pcap", listener, &summary, error, sizeof error));
    assert_string_equal(error, "cannot read capture /nowhere/x.pcap: No such file or directory");

    file = fopen(path, "w");
    assert_non_null(file);
    fputs("this is no capture, however long one looks at it", file);
    fclose(file);
    assert_false(capture_read(path, listener, &summary, error, sizeof error));
    snprintf(wanted, sizeof wanted,
             "cannot read capture %s: unknown file format (pcap and pcapng can be read, unpacked; editcap "
             "makes them of "
             "others)",
             path);
    assert_string_equal(error, wanted);
}

static void a_file_that_breaks_off_is_read_up_to_there(void **state)
{
    const char *path = *state;
    struct capture_writer *writer = create(path);
    struct capture_flow *flow = capture_flow_open(writer, 1);
    struct capture_summary summary;
    struct seen seen = { 0 };
    char error[300];
    FILE *file;
    long size;

    capture_flow_bytes(flow, CAPTURE_CLIENT, span_text("hello"), 2);
    capture_flow_close(flow);
    close_whole(writer);
    file = fopen(path, "r");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    fclose(file);
    assert_int_equal(truncate(path, size - 50), 0); /* into the last packet, which only acknowledges */

    assert_false(
        capture_read(path, (struct flow_listener){ see_open, see_bytes, see_loss, see_end, see_close, &seen },
                     &summary, error, sizeof error));
    assert_non_null(strstr(error, "cannot read all of capture"));
    said(&seen.conversations[0], FLOW_CLIENT, "hello");
    assert_true(seen.conversations[0].closed);
    free_seen(&seen);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(what_was_said_is_read_back),
        WITH_FILE(connections_at_the_same_time_do_not_mix),
        WITH_FILE(an_aborted_run_leaves_a_file_that_can_be_read),
        WITH_FILE(much_at_once_is_cut_into_packets),
        WITH_FILE(every_reply_begins_a_packet_however_it_came),
        WITH_FILE(half_a_header_is_written_when_no_more_comes),
        cmocka_unit_test(a_file_that_cannot_be_created_is_told),
        WITH_FILE(a_file_that_cannot_be_written_whole_is_told),
        WITH_FILE(a_file_that_cannot_be_read_is_told),
        WITH_FILE(a_file_that_breaks_off_is_read_up_to_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
