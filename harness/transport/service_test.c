/* SPDX-License-Identifier: MIT */
#include "transport/service.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/link.h"
#include "transport/listen.h"

#define NS_PER_S UINT64_C(1000000000)

/* ---- a server: this program, started again ---- */

static int accept_one(int listener)
{
    return accept(listener, NULL, NULL);
}

/* What it does with a connection, by the word that it is started with. */
static void serve_one(int connection, const char *how)
{
    char byte;

    if (strcmp(how, "mute") != 0)
        (void)!write(connection, "hello", 5);
    while (read(connection, &byte, 1) == 1)
        ;
    if (strcmp(how, "crash") == 0)
        abort();
    if (strcmp(how, "fail") == 0)
        _exit(3);
    if (strcmp(how, "leave") == 0)
        _exit(0);
    close(connection);
}

static int serve(const char *socket_path, const char *how)
{
    char error[200];
    int listener, inherited[1];

    signal(SIGPIPE, SIG_IGN);
    if (strcmp(how, "refuse") == 0)
        return 1;
    if (strcmp(how, "nothing") == 0)
        return 0;
    if (*socket_path)
        listener = listen_unix(socket_path, error, sizeof error);
    else
        listener = listen_inherited(inherited, 1) == 1 ? inherited[0] : -1;
    if (listener < 0)
        return 99;
    for (;;) {
        int connection = accept_one(listener);

        if (connection >= 0)
            serve_one(connection, how);
        else if (errno == EAGAIN)
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        else
            return 98;
    }
}

/* ---- tests ---- */

struct fixture {
    char folder[40], log[60], socket[60];
    char program[4096], how[20];
    char *words[4];
    struct service *service;
    char error[300];
};

static void start(struct fixture *f, const char *how, bool activated)
{
    static char empty[] = "";
    ssize_t len = readlink("/proc/self/exe", f->program, sizeof f->program - 1);

    f->error[0] = '\0';
    assert_true(len > 0);
    f->program[len] = '\0';
    strcpy(f->folder, "/tmp/service_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->log, sizeof f->log, "%s/log", f->folder);
    snprintf(f->socket, sizeof f->socket, "%s/socket", f->folder);
    snprintf(f->how, sizeof f->how, "%s", how);
    f->words[0] = f->program;
    f->words[1] = activated ? empty : f->socket;
    f->words[2] = f->how;
    f->words[3] = NULL;

    const struct service_order order = {
        .words = f->words, .folder = f->folder, .log = f->log, .socket = f->socket, .activated = activated
    };
    f->service = service_start(&order, f->error, sizeof f->error);
}

static void stop(struct fixture *f)
{
    service_stop(f->service);
    unlink(f->log);
    unlink(f->socket);
    assert_int_equal(rmdir(f->folder), 0);
}

static void expect_served(struct fixture *f)
{
    struct link *link = service_dial(f->service, 10 * NS_PER_S, f->error, sizeof f->error);
    uint8_t said[8];
    size_t len;

    if (!link)
        fail_msg("%s", f->error);
    assert_int_equal(link_receive(link, said, sizeof said, &len), LINK_OPEN);
    assert_int_equal(len, 5); /* it has spoken, and what it said is still there */
    link_free(link);
}

static void expect_lost(struct fixture *f, const char *why)
{
    struct link *link = service_dial(f->service, 10 * NS_PER_S, f->error, sizeof f->error);

    /* It may take a connection before it is gone. */
    for (unsigned i = 0; i < 100 && link; i++) {
        link_free(link);
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        link = service_dial(f->service, NS_PER_S, f->error, sizeof f->error);
    }
    assert_null(link);
    assert_string_equal(f->error, why);
}

static void a_server_is_reached_again_and_again(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "stay", false);
    for (unsigned i = 0; i < 5; i++)
        expect_served(&f);
    assert_false(service_is_gone(f.service));
    stop(&f);
}

static void one_that_leaves_with_its_client_is_started_again(void **state)
{
    (void)state;
    for (unsigned activated = 0; activated < 2; activated++) {
        struct fixture f;

        start(&f, "leave", activated);

        for (unsigned i = 0; i < 5; i++)
            expect_served(&f);
        assert_false(service_is_gone(f.service));
        stop(&f);
    }
}

static void one_that_is_handed_its_socket_is_reached(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "stay", true);
    expect_served(&f);
    expect_served(&f);
    stop(&f);
}

static void how_a_server_died_is_told_and_it_can_be_revived(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "crash", false);
    expect_lost(&f, "the server was ended by signal 6");
    assert_true(service_is_gone(f.service));
    assert_true(service_revive(f.service, f.error, sizeof f.error));
    stop(&f);
    start(&f, "fail", false);
    expect_lost(&f, "the server ended with status 3");
    stop(&f);
}

static void one_that_cannot_be_reached_is_told(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "refuse", false);
    assert_null(f.service);
    assert_string_equal(f.error, "the server ended with status 1 before it could be reached");
    stop(&f);
    start(&f, "nothing", true); /* status 0 is no better where it was never reached */
    assert_null(f.service);
    assert_string_equal(f.error, "the server ended with status 0 before it could be reached");
    stop(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_reached_again_and_again),
        cmocka_unit_test(one_that_leaves_with_its_client_is_started_again),
        cmocka_unit_test(one_that_is_handed_its_socket_is_reached),
        cmocka_unit_test(how_a_server_died_is_told_and_it_can_be_revived),
        cmocka_unit_test(one_that_cannot_be_reached_is_told),
    };

    if (argc == 3)
        return serve(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
