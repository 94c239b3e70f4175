/* SPDX-License-Identifier: MIT */
#include "reference/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/listen.h"

#define SECONDS UINT64_C(1000000000)

/* NO_ZEROES and FIXED_NEWSTYLE; NBD_OPT_EXPORT_NAME of the default export; the answer is 18 and 10 bytes. */
static const uint8_t start[] = { 0, 0, 0, 3, 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', 0, 0, 0, 1, 0, 0, 0, 0 };
enum { START_ANSWER = 18 + 10 };

/* READ of 32 MiB; NBD_CMD_DISC. */
static const uint8_t read_32m[] = { 0x25, 0x60, 0x95, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    0,    1,    0,    0,    0, 0, 0, 0, 0, 0, 2, 0, 0, 0 };
static const uint8_t disc[28] = { 0x25, 0x60, 0x95, 0x13, 0, 0, 0, 2 };
enum { READ_ANSWER = 16 + (32 << 20) };

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

/* Receives this many bytes, which are not looked at. */
static void receive(struct link *link, size_t bytes)
{
    static uint8_t room[65536];
    bool wants_send = false;
    size_t len;

    while (bytes > 0) {
        assert_int_equal(link_receive(link, room, bytes < sizeof room ? bytes : sizeof room, &len),
                         LINK_OPEN);
        bytes -= len;
        if (len == 0)
            assert_true(link_wait(&link, &wants_send, 1, 10 * SECONDS));
    }
}

static void expect_end(struct link *link)
{
    uint8_t byte;
    bool wants_send = false;
    size_t len;
    enum link_state state;

    while ((state = link_receive(link, &byte, 1, &len)) == LINK_OPEN) {
        assert_int_equal(len, 0);
        assert_true(link_wait(&link, &wants_send, 1, 10 * SECONDS));
    }
    assert_int_equal(state, LINK_FINISHED);
}

static void converse(struct link *link)
{
    send_all(link, start, sizeof start);
    receive(link, START_ANSWER);
    send_all(link, read_32m, sizeof read_32m);
    receive(link, READ_ANSWER);
    send_all(link, disc, sizeof disc);
    expect_end(link);
    link_free(link);
}

/* Many requests that arrive together: those that wait for answers to leave are not forgotten when these have
 * left. */
static void ask_much_at_once(struct link *link)
{
    enum { REQUESTS = 64, LENGTH = 256 * 1024 };
    static uint8_t requests[REQUESTS][28];

    for (size_t i = 0; i < REQUESTS; i++) {
        memcpy(requests[i], read_32m, sizeof requests[i]);
        requests[i][24] = 0;
        requests[i][25] = LENGTH >> 16;
    }
    send_all(link, start, sizeof start);
    receive(link, START_ANSWER);
    send_all(link, requests, sizeof requests);
    receive(link, (size_t)REQUESTS * (16 + LENGTH));
    send_all(link, disc, sizeof disc);
    expect_end(link);
    link_free(link);
}

struct served {
    struct reference_export export;
    struct reference_config config;
};

static void set_up(struct served *s)
{
    *s =
        (struct served){ .export = { .name = "", .store = store_new(UINT64_C(1) << 30, UINT64_C(1) << 30) } };
    s->config.exports = &s->export;
    s->config.export_count = 1;
}

static void a_link_within_the_process_is_served(void **state)
{
    struct served s;
    struct link *link;

    (void)state;
    set_up(&s);
    converse(link_memory(reference_peer(&s.config)));
    link = link_memory(reference_peer(&s.config));
    link_finish(link);
    receive(link, 18);
    expect_end(link);
    link_free(link);
    link_free(link_memory(reference_peer(&s.config)));
    store_free(s.export.store);
}

/* Serves in a process of its own until a byte comes through the pipe. */
static pid_t serve(int listener, int stop_descriptor)
{
    struct served s;
    char error[200];
    bool well;
    pid_t child = fork();

    if (child != 0)
        return child;
    set_up(&s);
    well = reference_serve(&s.config, &listener, 1, stop_descriptor, error, sizeof error);
    store_free(s.export.store);
    _exit(well ? 0 : 1);
}

static void many_clients_are_served_and_slow_ones_hold_up_nobody(void **state)
{
    char directory[] = "/tmp/reference-loop-XXXXXX", path[64], error[200];
    struct link *idle, *slow, *early;
    int listener, stop[2], status;
    pid_t child;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    listener = listen_unix(path, error, sizeof error);
    assert_true(listener >= 0);
    assert_int_equal(pipe(stop), 0);
    child = serve(listener, stop[0]);
    idle = link_dial_unix(path, 10 * SECONDS, error, sizeof error);
    slow = link_dial_unix(path, 10 * SECONDS, error, sizeof error);
    send_all(slow, start, sizeof start);
    send_all(slow, read_32m, sizeof read_32m);
    early = link_dial_unix(path, 10 * SECONDS, error, sizeof error);
    send_all(early, start, sizeof start);
    send_all(early, read_32m, sizeof read_32m);
    link_reset(early);
    link_free(early);
    for (unsigned i = 0; i < 5; i++)
        converse(link_dial_unix(path, 10 * SECONDS, error, sizeof error));
    for (unsigned i = 0; i < 20; i++)
        ask_much_at_once(link_dial_unix(path, 10 * SECONDS, error, sizeof error));
    receive(slow, START_ANSWER + READ_ANSWER);
    receive(idle, 18);
    assert_int_equal(write(stop[1], "", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    link_free(idle);
    link_free(slow);
    close(listener);
    close(stop[0]);
    close(stop[1]);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_within_the_process_is_served),
        cmocka_unit_test(many_clients_are_served_and_slow_ones_hold_up_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
