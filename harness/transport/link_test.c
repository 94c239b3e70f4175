/* SPDX-License-Identifier: MIT */
#include "transport/link.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "transport/listen.h"
#include "transport/tap.h"

static const uint64_t second_ns = 1000000000U;

/* Two ends of one connection. */
struct pair {
    struct link *near, *far;
};

static struct link *accept_soon(int listener)
{
    struct pollfd polled = { .fd = listener, .events = POLLIN };
    struct link *link;

    assert_int_equal(poll(&polled, 1, 5000), 1);
    link = listen_accept(listener);
    assert_non_null(link);
    return link;
}

static struct pair tcp_pair(void)
{
    char error[200] = "", port_text[16];
    struct pair pair;
    unsigned port;
    int listener = listen_tcp("127.0.0.1", "0", &port, error, sizeof error);

    assert_true(listener >= 0);
    snprintf(port_text, sizeof port_text, "%u", port);
    pair.near = link_dial_tcp("localhost", port_text, 5 * second_ns, error, sizeof error);
    assert_string_equal(error, "");
    pair.far = accept_soon(listener);
    close(listener);
    return pair;
}

static struct pair unix_pair(void)
{
    char folder[] = "/tmp/link_test-XXXXXX", path[64], error[200] = "";
    struct pair pair;
    int listener;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    listener = listen_unix(path, error, sizeof error);
    assert_true(listener >= 0);
    pair.near = link_dial_unix(path, 5 * second_ns, error, sizeof error);
    assert_string_equal(error, "");
    pair.far = accept_soon(listener);
    close(listener);
    unlink(path);
    rmdir(folder);
    return pair;
}

static void free_pair(struct pair pair)
{
    link_free(pair.near);
    link_free(pair.far);
}

/* Each property holds for both kinds of sockets: state is the function that makes a pair. */
typedef struct pair make_pair(void);

static struct pair pair_of(void **state)
{
    make_pair *const *make = *state;

    return (*make)();
}

static void wait_for(struct link *link)
{
    assert_true(link_wait(&link, &(bool){ false }, 1, 5 * second_ns));
}

static void send_all(struct link *link, const char *text)
{
    struct span bytes = span_text(text);

    assert_int_equal(link_send(link, &bytes), LINK_OPEN);
    assert_int_equal(bytes.len, 0);
}

/* Receives until the connection ends, which has to be in the given way, after exactly this. */
static void receives_then_ends(struct link *link, const char *wanted, enum link_state how)
{
    char got[100];
    size_t len = 0, more;
    enum link_state state;

    do {
        wait_for(link);
        state = link_receive(link, (uint8_t *)got + len, sizeof got - 1 - len, &more);
        len += more;
    } while (state == LINK_OPEN);
    got[len] = '\0';
    assert_string_equal(got, wanted);
    assert_int_equal(state, how);
    assert_int_equal(link_receive(link, (uint8_t *)got, 1, &more), how); /* and so it stays */
    assert_int_equal(more, 0);
}

static void bytes_go_both_ways(void **state)
{
    struct pair pair = pair_of(state);

    send_all(pair.near, "ping");
    send_all(pair.far, "pong");
    link_finish(pair.near);
    link_finish(pair.far);
    receives_then_ends(pair.far, "ping", LINK_FINISHED);
    receives_then_ends(pair.near, "pong", LINK_FINISHED);
    free_pair(pair);
}

static void nothing_there_is_not_an_end(void **state)
{
    struct pair pair = pair_of(state);
    uint8_t got;
    size_t len = 7;

    assert_int_equal(link_receive(pair.near, &got, 1, &len), LINK_OPEN);
    assert_int_equal(len, 0);
    assert_int_equal(link_receive(pair.near, &got, 0, &len), LINK_OPEN);
    free_pair(pair);
}

static void a_peer_that_finished_can_still_be_sent_to(void **state)
{
    struct pair pair = pair_of(state);

    link_finish(pair.far);
    receives_then_ends(pair.near, "", LINK_FINISHED);
    send_all(pair.near, "late");
    link_finish(pair.near);
    receives_then_ends(pair.far, "late", LINK_FINISHED);
    free_pair(pair);
}

static void what_came_before_a_reset_is_not_lost(void **state)
{
    struct pair pair = pair_of(state);
    struct span bytes = span_text("x");

    send_all(pair.near, "unread, so that closing a Unix socket resets as well");
    send_all(pair.far, "last words");
    link_reset(pair.far);
    receives_then_ends(pair.near, "last words", LINK_RESET);
    assert_int_equal(link_send(pair.near, &bytes), LINK_RESET);
    assert_int_equal(link_send(pair.far, &bytes), LINK_RESET);
    assert_int_equal(bytes.len, 1);
    free_pair(pair);
}

static void what_came_is_received_after_sending_failed(void **state)
{
    struct pair pair = pair_of(state);
    struct span bytes;

    send_all(pair.far, "last words");
    link_reset(pair.far);
    wait_for(pair.near);
    for (int i = 0; i < 100; i++) { /* the first one may still go out, into the void */
        bytes = span_text("x");
        assert_int_equal(link_send(pair.near, &bytes), LINK_OPEN);
    }
    assert_int_equal(bytes.len, 1);
    receives_then_ends(pair.near, "last words", LINK_RESET);
    assert_int_equal(link_send(pair.near, &bytes), LINK_RESET);
    free_pair(pair);
}

static void two_ends_that_both_send_do_not_wait_for_each_other(void **state)
{
    enum { MANY = 8 * 1024 * 1024 };
    struct pair pair = pair_of(state);
    struct link *ends[] = { pair.near, pair.far };
    uint8_t *much = calloc(1, MANY), *room = malloc(65536);
    struct span left[] = { { much, MANY }, { much, MANY } };
    size_t received[] = { 0, 0 };
    struct span before;

    assert_true(much && room);
    do /* the peer does not read: sending stops without blocking */
        before = left[0];
    while (link_send(pair.near, &left[0]) == LINK_OPEN && left[0].len < before.len);
    assert_true(left[0].len > 0);

    while (received[0] + received[1] < 2 * MANY) {
        assert_true(link_wait(ends, (bool[]){ left[0].len > 0, left[1].len > 0 }, 2, 5 * second_ns));
        for (int i = 0; i < 2; i++) {
            size_t len;

            assert_int_equal(link_send(ends[i], &left[i]), LINK_OPEN);
            assert_int_equal(link_receive(ends[i], room, 65536, &len), LINK_OPEN);
            received[i] += len;
        }
    }
    free(much);
    free(room);
    free_pair(pair);
}

static void parts_are_sent_in_their_order_until_there_is_no_room(void **state)
{
    enum { PARTS = 1500, SIZE = 10007 };
    static uint8_t bytes[PARTS * SIZE], room[65536];
    struct pair pair = pair_of(state);
    struct span parts[PARTS];
    size_t sent, received = 0, len;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = span_of(bytes + i * SIZE, i % 3 > 0 ? SIZE : 0);
    assert_int_equal(link_send_parts(pair.near, parts, PARTS, &sent), LINK_OPEN);
    assert_in_range(sent, 1, sizeof bytes / 3 * 2 - 1); /* more than sockets hold */
    while (received < sent) {
        wait_for(pair.far);
        assert_int_equal(link_receive(pair.far, room, sizeof room, &len), LINK_OPEN);
        for (size_t i = 0; i < len; i++, received++) {
            size_t part = received / SIZE / 2 * 3 + 1 + received / SIZE % 2;

            assert_int_equal(room[i], bytes[part * SIZE + received % SIZE]);
        }
    }
    assert_int_equal(received, sent);
    assert_int_equal(link_receive(pair.far, room, sizeof room, &len), LINK_OPEN);
    assert_int_equal(len, 0);
    link_finish(pair.near);
    assert_int_equal(link_send_parts(pair.near, parts, PARTS, &sent), LINK_OPEN);
    assert_int_equal(sent, 0);
    free_pair(pair);
}

static void waiting_ends_when_its_time_is_over(void **state)
{
    struct pair pair = pair_of(state);
    uint64_t begin_ns = clock_ns();

    assert_false(link_wait(&pair.near, &(bool){ false }, 1, second_ns / 50));
    assert_true(clock_ns() - begin_ns >= second_ns / 50);
    assert_true(link_wait(&pair.near, &(bool){ true }, 1, second_ns));
    free_pair(pair);
}

static void one_does_not_wait_for_a_peer_that_finished(void **state)
{
    struct pair pair = pair_of(state);

    link_finish(pair.far);
    receives_then_ends(pair.near, "", LINK_FINISHED);
    assert_false(link_wait(&pair.near, &(bool){ false }, 1, second_ns / 50));
    free_pair(pair);
}

/* ---- tap ---- */

struct heard {
    struct buffer log; /* what was told, in the order in which it was told */
};

static void heard_sent(void *ctx, struct span bytes)
{
    struct heard *heard = ctx;

    buffer_print(&heard->log, "sent %.*s\n", (int)bytes.len, (const char *)bytes.at);
}

static void heard_received(void *ctx, struct span bytes)
{
    struct heard *heard = ctx;

    buffer_print(&heard->log, "received %.*s\n", (int)bytes.len, (const char *)bytes.at);
}

static void heard_end(void *ctx, enum tap_end how)
{
    static const char *const names[] = {
        [TAP_FINISHED_HERE] = "finished here",
        [TAP_RESET_HERE] = "reset here",
        [TAP_FINISHED_THERE] = "finished there",
        [TAP_RESET_THERE] = "reset there",
        [TAP_CLOSED] = "closed",
    };
    struct heard *heard = ctx;

    buffer_print(&heard->log, "%s\n", names[how]);
}

static struct link *tap_on(struct link *link, struct heard *heard)
{
    buffer_init(&heard->log, 1000);
    return link_tap(link, (struct tap_listener){ heard_sent, heard_received, heard_end, heard });
}

static void a_tap_hears_all(void **state)
{
    struct pair pair = pair_of(state);
    struct heard heard;

    pair.near = tap_on(pair.near, &heard);
    send_all(pair.near, "ping");
    send_all(pair.far, "pong");
    link_finish(pair.far);
    receives_then_ends(pair.near, "pong", LINK_FINISHED);
    link_finish(pair.near);
    link_finish(pair.near);
    receives_then_ends(pair.far, "ping", LINK_FINISHED);
    free_pair(pair);
    assert_string_equal(buffer_text(&heard.log),
                        "sent ping\nreceived pong\nfinished there\nfinished here\nclosed\n");
    buffer_free(&heard.log);
}

static void a_tap_tells_who_reset(void **state)
{
    struct pair pair = pair_of(state);
    struct heard near, far;

    pair.near = tap_on(pair.near, &near);
    pair.far = tap_on(pair.far, &far);
    send_all(pair.near, "x");
    link_reset(pair.far);
    receives_then_ends(pair.near, "", LINK_RESET);
    free_pair(pair);
    assert_string_equal(buffer_text(&near.log), "sent x\nreset there\nclosed\n");
    assert_string_equal(buffer_text(&far.log), "reset here\nclosed\n");
    buffer_free(&near.log);
    buffer_free(&far.log);
}

/* ---- in the process ---- */

/* A far end that gives back what it takes and closes at the byte '!', or when the near end finished. */
struct echo {
    struct buffer kept;
    int closed;
    size_t takes_at_once;
};

static bool echo_take(void *ctx, struct span *bytes)
{
    struct echo *echo = ctx;
    struct span taken = span_take(bytes, echo->takes_at_once);

    buffer_add(&echo->kept, taken.at, taken.len);
    return taken.len > 0 && taken.at[taken.len - 1] != '!';
}

static size_t echo_give(void *ctx, uint8_t *to, size_t room)
{
    struct echo *echo = ctx;
    size_t len = echo->kept.len < room ? echo->kept.len : room;

    if (len > 0)
        memcpy(to, echo->kept.bytes, len);
    buffer_drop(&echo->kept, len);
    return len;
}

static void echo_closed(void *ctx)
{
    struct echo *echo = ctx;

    echo->closed++;
    buffer_free(&echo->kept);
}

static struct link *echo_link(struct echo *echo, size_t takes_at_once)
{
    *echo = (struct echo){ .takes_at_once = takes_at_once };
    buffer_init(&echo->kept, 1000);
    return link_memory((struct link_peer){ echo_take, echo_give, echo_closed, echo });
}

static void a_far_end_in_the_process_answers(void **state)
{
    struct echo echo;
    struct link *link = echo_link(&echo, 100);

    (void)state;
    assert_int_equal(link_descriptor(link), -1);
    send_all(link, "hello");
    link_finish(link);
    receives_then_ends(link, "hello", LINK_FINISHED);
    link_free(link);
    assert_int_equal(echo.closed, 1);
}

static void a_far_end_that_closes_has_the_last_word(void **state)
{
    struct echo echo;
    struct link *link = echo_link(&echo, 100);
    struct span bytes = span_text("more");

    (void)state;
    send_all(link, "bye!");
    assert_int_equal(link_send(link, &bytes), LINK_OPEN);
    assert_int_equal(bytes.len, 4);
    receives_then_ends(link, "bye!", LINK_FINISHED);
    assert_int_equal(link_send(link, &bytes), LINK_RESET);
    link_free(link);
    assert_int_equal(echo.closed, 1);
}

static void a_far_end_may_take_a_part(void **state)
{
    struct echo echo;
    struct link *link = echo_link(&echo, 3);
    struct span bytes = span_text("hello");

    (void)state;
    assert_int_equal(link_send(link, &bytes), LINK_OPEN);
    assert_int_equal(bytes.len, 2);
    assert_int_equal(link_send(link, &bytes), LINK_OPEN);
    link_reset(link);
    assert_int_equal(echo.closed, 1);
    receives_then_ends(link, "", LINK_RESET);
    link_free(link);
    assert_int_equal(echo.closed, 1);
}

static void there_need_not_be_a_link_to_free(void **state)
{
    (void)state;
    link_free(NULL);
}

#define BOTH(test)                                    \
    { #test " (TCP)", test, NULL, NULL, &over_tcp },  \
    {                                                 \
#test " (Unix)", test, NULL, NULL, &over_unix \
    }

int main(void)
{
    make_pair *over_tcp = tcp_pair, *over_unix = unix_pair;
    const struct CMUnitTest tests[] = {
        BOTH(bytes_go_both_ways),
        BOTH(nothing_there_is_not_an_end),
        BOTH(a_peer_that_finished_can_still_be_sent_to),
        BOTH(what_came_before_a_reset_is_not_lost),
        BOTH(what_came_is_received_after_sending_failed),
        BOTH(two_ends_that_both_send_do_not_wait_for_each_other),
        BOTH(parts_are_sent_in_their_order_until_there_is_no_room),
        BOTH(waiting_ends_when_its_time_is_over),
        BOTH(one_does_not_wait_for_a_peer_that_finished),
        BOTH(a_tap_hears_all),
        BOTH(a_tap_tells_who_reset),
        cmocka_unit_test(a_far_end_in_the_process_answers),
        cmocka_unit_test(a_far_end_that_closes_has_the_last_word),
        cmocka_unit_test(a_far_end_may_take_a_part),
        cmocka_unit_test(there_need_not_be_a_link_to_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
