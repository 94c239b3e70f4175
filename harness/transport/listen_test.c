/* SPDX-License-Identifier: MIT */
#include "transport/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static const uint64_t second_ns = 1000000000U;

static void a_refusal_says_what_was_tried_and_why_it_failed(void **state)
{
    char error[200], port_text[16];
    unsigned port;
    int listener = listen_tcp("127.0.0.1", "0", &port, error, sizeof error);

    (void)state;
    close(listener); /* now nobody listens there */
    snprintf(port_text, sizeof port_text, "%u", port);
    assert_null(link_dial_tcp("127.0.0.1", port_text, second_ns, error, sizeof error));
    assert_non_null(strstr(error, port_text));
    assert_non_null(strstr(error, "127.0.0.1: Connection refused"));
    assert_null(link_dial_unix("/nowhere/s", second_ns, error, sizeof error));
    assert_string_equal(error, "cannot connect to Unix socket /nowhere/s: No such file or directory");
}

static void an_error_fits_the_room_given(void **state)
{
    char error[8] = "xxxxxxx";

    (void)state;
    assert_null(link_dial_unix("/nowhere/s", second_ns, error, sizeof error));
    assert_string_equal(error, "cannot ");
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    char path[200], error[400];

    (void)state;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_null(link_dial_unix(path, second_ns, error, sizeof error));
    assert_non_null(strstr(error, "107 bytes at most"));
    assert_int_equal(listen_unix(path, error, sizeof error), -1);
    assert_non_null(strstr(error, "107 bytes at most"));
}

static void an_unknown_host_is_told_as_such(void **state)
{
    char error[200];

    (void)state;
    assert_null(link_dial_tcp("127.0.0.1", "no-such-service", second_ns, error, sizeof error));
    assert_non_null(strstr(error, "cannot look up host 127.0.0.1, port no-such-service"));
}

static void a_port_in_use_is_told_as_such(void **state)
{
    char error[200], port_text[16];
    unsigned port;
    int listener = listen_tcp("127.0.0.1", "0", &port, error, sizeof error);

    (void)state;
    snprintf(port_text, sizeof port_text, "%u", port);
    assert_int_equal(listen_tcp("127.0.0.1", port_text, &port, error, sizeof error), -1);
    assert_non_null(strstr(error, "Address already in use"));
    close(listener);
}

static void nobody_waiting_is_no_connection(void **state)
{
    char error[200];
    unsigned port;
    int listener = listen_tcp("127.0.0.1", "0", &port, error, sizeof error);

    (void)state;
    assert_true(port > 0);
    assert_null(listen_accept(listener));
    close(listener);
}

static void a_full_backlog_is_tried_again_until_the_time_is_over(void **state)
{
    char folder[] = "/tmp/listen_test-XXXXXX", path[64], error[200] = "";
    struct link *waiting[10], *last, *accepted;
    size_t count = 0;
    uint64_t begin_ns;
    int listener;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    listener = listen_unix(path, error, sizeof error);
    assert_int_equal(listen(listener, 0), 0);
    while (count < 10 && (waiting[count] = link_dial_unix(path, 0, error, sizeof error)))
        count++;
    assert_true(count > 0 && count < 10);
    assert_non_null(strstr(error, "its backlog stayed full"));

    begin_ns = clock_ns();
    assert_null(link_dial_unix(path, second_ns / 20, error, sizeof error));
    assert_true(clock_ns() - begin_ns >= second_ns / 20);
    accepted = listen_accept(listener);
    last = link_dial_unix(path, second_ns, error, sizeof error);
    assert_non_null(last);

    link_free(last);
    link_free(accepted);
    while (count > 0)
        link_free(waiting[--count]);
    close(listener);
    unlink(path);
    rmdir(folder);
}

/* In a process of its own, where descriptor 3 is free: 0 when it finds what it was given. */
static int find_inherited(int listener, long process, const char *announced)
{
    char pid[32];
    int found[2] = { -1, -1 };
    size_t count;

    snprintf(pid, sizeof pid, "%ld", process);
    if (dup2(listener, 3) != 3 || setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDS", announced, 1) < 0)
        return -1;
    count = listen_inherited(found, 2);
    if (count > 0 && (found[0] != 3 || getenv("LISTEN_FDS") || listen_accept(3)))
        return -1;
    return (int)count;
}

static int inherits(bool own, const char *announced)
{
    char error[200];
    unsigned port;
    int status, listener = listen_tcp("127.0.0.1", "0", &port, error, sizeof error);
    pid_t child = fork();

    if (child == 0)
        _exit(find_inherited(listener, (long)getpid() + !own, announced));
    assert_int_equal(waitpid(child, &status, 0), child);
    close(listener);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void sockets_that_were_handed_over_are_found(void **state)
{
    (void)state;
    assert_int_equal(inherits(true, "1"), 1);
    assert_int_equal(inherits(true, "0"), 0);
    assert_int_equal(inherits(true, "x"), 0);
    assert_int_equal(inherits(false, "1"), 0); /* meant for another process */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_says_what_was_tried_and_why_it_failed),
        cmocka_unit_test(an_error_fits_the_room_given),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
        cmocka_unit_test(an_unknown_host_is_told_as_such),
        cmocka_unit_test(a_port_in_use_is_told_as_such),
        cmocka_unit_test(nobody_waiting_is_no_connection),
        cmocka_unit_test(a_full_backlog_is_tried_again_until_the_time_is_over),
        cmocka_unit_test(sockets_that_were_handed_over_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
