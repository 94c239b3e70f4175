/* SPDX-License-Identifier: MIT */
#include "transport/child.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NS_PER_S UINT64_C(1000000000)

/* A folder for one test, and the log in it. */
struct fixture {
    char folder[40], log[60];
};

static void set_up(struct fixture *f)
{
    strcpy(f->folder, "/tmp/child_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->log, sizeof f->log, "%s/log", f->folder);
}

static void tear_down(struct fixture *f)
{
    unlink(f->log);
    assert_int_equal(rmdir(f->folder), 0);
}

static struct child *start_shell(const struct fixture *f, const char *script)
{
    char error[200] = "", *words[] = { strdup("sh"), strdup("-c"), strdup(script), NULL };
    struct child *c = child_start(words, f->folder, f->log, -1, error, sizeof error);

    for (size_t i = 0; words[i]; i++)
        free(words[i]);
    if (!c)
        fail_msg("%s", error);
    return c;
}

/* A number that a shell wrote to the log, once it is there. */
static long number_in_log(const struct fixture *f)
{
    long number = 0;

    for (unsigned i = 0; i < 1000 && number == 0; i++) {
        FILE *log = fopen(f->log, "r");

        if (log && fscanf(log, "%ld", &number) != 1)
            number = 0;
        if (log)
            fclose(log);
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    assert_true(number > 0);
    return number;
}

/* A process that is gone, or that nobody has taken note of yet. */
static bool is_gone(long id)
{
    char path[40], state = '?';
    FILE *stat;

    snprintf(path, sizeof path, "/proc/%ld/stat", id);
    stat = fopen(path, "r");
    if (stat && fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    if (stat)
        fclose(stat);
    return !stat || state == 'Z';
}

static bool goes(long id)
{
    for (unsigned i = 0; i < 1000 && !is_gone(id); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    return is_gone(id);
}

static void how_it_ended_is_told(void **state)
{
    struct fixture f;
    struct child_end end;
    struct child *c;
    char how[64];

    (void)state;
    set_up(&f);
    c = start_shell(&f, "exit 3");
    assert_true(child_wait(c, 10 * NS_PER_S, &end));
    child_end_print(&end, how, sizeof how);
    assert_string_equal(how, "ended with status 3");
    assert_true(child_ended(c, &end)); /* and is told again */
    child_stop(c);

    c = start_shell(&f, "kill -11 $$");
    assert_true(child_wait(c, 10 * NS_PER_S, &end));
    child_end_print(&end, how, sizeof how);
    assert_string_equal(how, "was ended by signal 11");
    child_stop(c);
    tear_down(&f);
}

static void a_program_that_is_not_there_is_told_at_once(void **state)
{
    char error[200] = "", none[] = "/no/such/program", *words[] = { none, NULL };
    struct fixture f;

    (void)state;
    set_up(&f);
    assert_null(child_start(words, f.folder, f.log, -1, error, sizeof error));
    assert_string_equal(error, "cannot start /no/such/program: No such file or directory");
    tear_down(&f);
}

static void all_that_it_started_is_stopped_with_it(void **state)
{
    struct fixture f;
    struct child_end end;
    struct child *c;
    long grandchild;

    (void)state;
    set_up(&f);
    c = start_shell(&f, "trap '' TERM; (trap '' TERM; sleep 1000) & echo $!; wait");
    grandchild = number_in_log(&f);
    assert_false(child_ended(c, &end));
    assert_false(is_gone(grandchild));
    child_stop(c);
    assert_true(goes(grandchild));
    tear_down(&f);
}

/* As a daemon that forks once more, so that it leads no session. */
static void what_went_to_the_background_is_stopped_with_it(void **state)
{
    struct fixture f;
    struct child *c;
    long daemon;

    (void)state;
    set_up(&f);
    c = start_shell(&f, "setsid sh -c 'sleep 1000 & echo $!' & wait");
    daemon = number_in_log(&f);
    child_adopt(c, (pid_t)daemon);
    assert_false(is_gone(daemon));
    child_stop(c);
    assert_true(goes(daemon));
    tear_down(&f);
}

static void it_is_stopped_when_its_starter_is_killed(void **state)
{
    struct fixture f;
    pid_t starter;
    long id;

    (void)state;
    set_up(&f);
    starter = fork();
    if (starter == 0) {
        start_shell(&f, "echo $$; exec sleep 1000");
        number_in_log(&f);
        raise(SIGKILL);
    }
    id = number_in_log(&f);
    waitpid(starter, NULL, 0);
    assert_true(goes(id));
    tear_down(&f);
}

static void a_listening_socket_is_handed_over_as_systemd_does_it(void **state)
{
    char error[200], sh[] = "sh", c_flag[] = "-c",
                     script[] = "test $LISTEN_PID = $$ -a $LISTEN_FDS = 1 && test -S /proc/self/fd/3",
                     *words[] = { sh, c_flag, script, NULL };
    struct fixture f;
    struct child_end end;
    struct child *c;
    int pair[2];

    (void)state;
    set_up(&f);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    c = child_start(words, f.folder, f.log, pair[0], error, sizeof error);
    assert_non_null(c);
    assert_true(child_wait(c, 10 * NS_PER_S, &end));
    assert_false(end.by_signal);
    assert_int_equal(end.number, 0);
    child_stop(c);
    close(pair[0]);
    close(pair[1]);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_it_ended_is_told),
        cmocka_unit_test(a_program_that_is_not_there_is_told_at_once),
        cmocka_unit_test(all_that_it_started_is_stopped_with_it),
        cmocka_unit_test(what_went_to_the_background_is_stopped_with_it),
        cmocka_unit_test(it_is_stopped_when_its_starter_is_killed),
        cmocka_unit_test(a_listening_socket_is_handed_over_as_systemd_does_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
