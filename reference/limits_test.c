/* SPDX-License-Identifier: MIT */
/* What the loop does about clients that take their time or want too much, and how it stops. */
#include "reference/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "transport/listen.h"

#define MILLISECONDS UINT64_C(1000000)
#define SECONDS UINT64_C(1000000000)

static const uint8_t start[] = { 0, 0, 0, 3, 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', 0, 0, 0, 1, 0, 0, 0, 0 };
static const uint8_t list[] = { 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', 0, 0, 0, 3, 0, 0, 0, 0 };
static const uint8_t abort_[] = { 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', 0, 0, 0, 2, 0, 0, 0, 0 };
static const uint8_t read_32m[28] = { 0x25, 0x60, 0x95, 0x13, [24] = 2 };
static const uint8_t write_2[28] = { 0x25, 0x60, 0x95, 0x13, [7] = 1, [27] = 2 };
static const uint8_t flush[28] = { 0x25, 0x60, 0x95, 0x13, [7] = 3 };
static const uint8_t disc[28] = { 0x25, 0x60, 0x95, 0x13, [7] = 2 };

enum { GREETING = 18, START_ANSWER = 18 + 10, REPLY = 16, READ_ANSWER = 16 + (32 << 20) };

/* A server in a process of its own. */
struct server {
    char directory[40], path[64];
    int listener, stop[2];
    pid_t process;
};

static void serve(struct server *s, const struct reference_limits *limits)
{
    struct reference_export export = { .name = "", .store = store_new(1 << 26, 1 << 26) };
    const struct reference_config config = { .exports = &export, .export_count = 1, .limits = *limits };
    char error[200];
    bool well;

    strcpy(s->directory, "/tmp/reference-limits-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    snprintf(s->path, sizeof s->path, "%s/socket", s->directory);
    s->listener = listen_unix(s->path, error, sizeof error);
    assert_true(s->listener >= 0);
    assert_int_equal(pipe(s->stop), 0);
    s->process = fork();
    if (s->process == 0) {
        well = reference_serve(&config, &s->listener, 1, s->stop[0], error, sizeof error);
        store_free(export.store);
        _exit(well ? 0 : 1);
    }
    store_free(export.store);
}

static void ask_to_stop(const struct server *s)
{
    assert_int_equal(write(s->stop[1], "", 1), 1);
}

/* Waits for the end of a server that was asked to stop; nanoseconds. */
static uint64_t await_end(struct server *s)
{
    uint64_t since_ns = clock_ns();
    int status;

    assert_int_equal(waitpid(s->process, &status, 0), s->process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(s->listener);
    close(s->stop[0]);
    close(s->stop[1]);
    unlink(s->path);
    rmdir(s->directory);
    return clock_ns() - since_ns;
}

static struct link *dial(const struct server *s)
{
    char error[200];
    struct link *link = link_dial_unix(s->path, 10 * SECONDS, error, sizeof error);

    assert_non_null(link);
    return link;
}

static void send_all(struct link *link, const void *bytes, size_t len)
{
    struct span rest = span_of(bytes, len);
    bool wants_send = true;

    while (rest.len > 0) {
        assert_int_equal(link_send(link, &rest), LINK_OPEN);
        if (rest.len > 0)
            assert_true(link_wait(&link, &wants_send, 1, 10 * SECONDS));
    }
}

/* Bytes that arrive, at most len, the last ones of them in last; fewer when nothing comes for a while or the
 * connection ends. */
static size_t receive_within(struct link *link, size_t len, uint8_t last[REPLY], uint64_t patience_ns)
{
    static uint8_t room[65536];
    bool wants_send = false;
    size_t all = 0, some;

    while (all < len) {
        size_t want = len - all < sizeof room ? len - all : sizeof room;

        if (link_receive(link, room, want, &some) != LINK_OPEN)
            break;
        all += some;
        if (last && some >= REPLY)
            memcpy(last, room + some - REPLY, REPLY);
        if (some == 0 && !link_wait(&link, &wants_send, 1, patience_ns))
            break;
    }
    return all;
}

static void receive(struct link *link, size_t len)
{
    assert_int_equal(receive_within(link, len, NULL, 10 * SECONDS), len);
}

/* The server closes; nothing more comes before. */
static void expect_end(struct link *link)
{
    bool wants_send = false;
    enum link_state state;
    uint8_t byte;
    size_t len;

    while ((state = link_receive(link, &byte, 1, &len)) == LINK_OPEN) {
        assert_int_equal(len, 0);
        assert_true(link_wait(&link, &wants_send, 1, 10 * SECONDS));
    }
    assert_true(state != LINK_OPEN);
    link_free(link);
}

static struct link *enter(const struct server *s)
{
    struct link *link = dial(s);

    send_all(link, start, sizeof start);
    receive(link, START_ANSWER);
    return link;
}

static void leave(struct link *link)
{
    send_all(link, disc, sizeof disc);
    expect_end(link);
}

/* Sends LIST until it is refused, which tells that the server knows it has to stop. */
static void await_refusal(struct link *link)
{
    uint8_t reply[20];
    bool refused = false;

    while (!refused) {
        uint32_t data;
        size_t len = 0, some;
        bool wants_send = false;

        send_all(link, list, sizeof list);
        do {
            for (len = 0; len < sizeof reply; len += some) {
                assert_int_equal(link_receive(link, reply + len, sizeof reply - len, &some), LINK_OPEN);
                if (some == 0)
                    assert_true(link_wait(&link, &wants_send, 1, 10 * SECONDS));
            }
            data = (uint32_t)reply[18] << 8 | reply[19];
            receive(link, data);
        } while (reply[15] == 2); /* NBD_REP_SERVER */
        refused = reply[12] == 0x80 && reply[15] == 7;
    }
}

static void a_server_that_stops_finishes_what_was_begun(void **state)
{
    const struct reference_limits limits = { .shutdown_ns = 60 * SECONDS };
    struct link *writer, *haggler;
    uint8_t reply[REPLY];
    struct server s;

    (void)state;
    serve(&s, &limits);
    writer = enter(&s);
    haggler = dial(&s);
    send_all(haggler, start, 4);
    receive(haggler, GREETING);
    send_all(writer, write_2, sizeof write_2);
    send_all(writer, "h", 1);
    ask_to_stop(&s);
    await_refusal(haggler);
    send_all(writer, "i", 1);
    assert_int_equal(receive_within(writer, REPLY, reply, 10 * SECONDS), REPLY);
    assert_int_equal(reply[7], 0);
    send_all(writer, flush, sizeof flush);
    assert_int_equal(receive_within(writer, REPLY, reply, 10 * SECONDS), REPLY);
    assert_int_equal(reply[7], 108);
    leave(writer);
    send_all(haggler, abort_, sizeof abort_);
    receive(haggler, 20);
    expect_end(haggler);
    assert_true(await_end(&s) < 30 * SECONDS); /* all have left */
}

static void a_server_that_stops_does_not_wait_for_ever(void **state)
{
    const struct reference_limits limits = { .shutdown_ns = 100 * MILLISECONDS };
    struct link *idle;
    struct server s;

    (void)state;
    serve(&s, &limits);
    idle = enter(&s);
    ask_to_stop(&s);
    assert_true(await_end(&s) < 30 * SECONDS);
    expect_end(idle);
}

static void a_server_that_is_told_twice_stops_at_once(void **state)
{
    const struct reference_limits limits = { .shutdown_ns = 3600 * SECONDS };
    struct link *idle;
    struct server s;

    (void)state;
    serve(&s, &limits);
    idle = enter(&s);
    ask_to_stop(&s);
    ask_to_stop(&s);
    assert_true(await_end(&s) < 30 * SECONDS);
    expect_end(idle);
}

static void a_handshake_may_not_take_for_ever(void **state)
{
    const struct reference_limits limits = { .handshake_ns = 100 * MILLISECONDS };
    struct link *served, *slow;
    struct server s;

    (void)state;
    serve(&s, &limits);
    served = enter(&s);
    slow = dial(&s);
    receive(slow, GREETING);
    send_all(slow, start, 10);
    expect_end(slow);
    send_all(served, flush, sizeof flush); /* the limit is none to those who are past it */
    receive(served, REPLY);
    leave(served);
    ask_to_stop(&s);
    await_end(&s);
}

static void idle_connections_may_be_ended(void **state)
{
    const struct reference_limits limits = { .idle_ns = 300 * MILLISECONDS };
    uint64_t until_ns;
    struct link *busy, *idle;
    struct server s;

    (void)state;
    serve(&s, &limits);
    idle = enter(&s);
    busy = enter(&s);
    until_ns = clock_ns() + 1 * SECONDS;
    while (clock_ns() < until_ns) {
        send_all(busy, flush, sizeof flush);
        receive(busy, REPLY);
    }
    expect_end(idle);
    leave(busy);
    ask_to_stop(&s);
    await_end(&s);
}

static void connections_beyond_the_limit_wait(void **state)
{
    const struct reference_limits limits = { .connections = 1 };
    struct link *first, *second;
    struct server s;

    (void)state;
    serve(&s, &limits);
    first = enter(&s);
    second = dial(&s);
    assert_int_equal(receive_within(second, GREETING, NULL, 100 * MILLISECONDS), 0);
    leave(first);
    receive(second, GREETING);
    link_free(second);
    ask_to_stop(&s);
    await_end(&s);
}

static void answers_that_wait_are_bounded(void **state)
{
    const struct reference_limits limits = { .waiting = 1000 };
    struct link *slow, *other;
    struct server s;

    (void)state;
    serve(&s, &limits);
    other = enter(&s);
    slow = enter(&s);
    send_all(slow, read_32m, sizeof read_32m);
    receive(slow, REPLY);
    send_all(other, flush, sizeof flush);
    assert_int_equal(receive_within(other, REPLY, NULL, 300 * MILLISECONDS), 0);
    receive(slow, READ_ANSWER - REPLY);
    receive(other, REPLY);
    leave(other);
    leave(slow);
    ask_to_stop(&s);
    await_end(&s);
}

static void who_takes_no_answers_does_not_hold_up_the_others(void **state)
{
    const struct reference_limits limits = { .waiting = 1000, .stuck_ns = 300 * MILLISECONDS };
    struct link *slow, *other;
    struct server s;

    (void)state;
    serve(&s, &limits);
    other = enter(&s);
    slow = enter(&s);
    send_all(slow, read_32m, sizeof read_32m);
    receive(slow, REPLY);
    send_all(other, flush, sizeof flush);
    receive(other, REPLY);
    assert_true(receive_within(slow, READ_ANSWER, NULL, 10 * SECONDS) < READ_ANSWER - REPLY);
    link_free(slow);
    leave(other);
    ask_to_stop(&s);
    await_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_stops_finishes_what_was_begun),
        cmocka_unit_test(a_server_that_stops_does_not_wait_for_ever),
        cmocka_unit_test(a_server_that_is_told_twice_stops_at_once),
        cmocka_unit_test(a_handshake_may_not_take_for_ever),
        cmocka_unit_test(idle_connections_may_be_ended),
        cmocka_unit_test(connections_beyond_the_limit_wait),
        cmocka_unit_test(answers_that_wait_are_bounded),
        cmocka_unit_test(who_takes_no_answers_does_not_hold_up_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
