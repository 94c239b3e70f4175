/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/bundled.h"
#include "cli/options.h"
#include "reference/loop.h"
#include "runner/run.h"
#include "transport/listen.h"

static const struct option_row rows[] = {
    BUNDLED_OPTIONS,
    { "host", 0, "ADDRESS", "address to listen on (default 127.0.0.1)" },
    { "port", 'p', "PORT", "TCP port to listen on; 0: any free one, which is printed (default 10809)" },
    { "socket", 'U', "PATH", "Unix socket to listen on instead" },
    { "help", 'h', NULL, "this text" },
};

enum { SERVE_HOST = BUNDLED_OPTION_COUNT, SERVE_PORT, SERVE_SOCKET, SERVE_HELP };

#define ROW_COUNT (sizeof rows / sizeof rows[0])

struct serve {
    struct bundled bundled;
    const char *host, *port, *socket;
    bool help;
};

/* Where the signal handler tells the loop to stop. */
static volatile sig_atomic_t stop_writer = -1;

static void stop(int signal_number)
{
    int saved = errno;

    (void)signal_number;
    if (write(stop_writer, "", 1) < 0) {
        /* the pipe is full: the loop has been told already */
    }
    errno = saved;
}

static bool take(void *ctx, size_t row, const char *argument)
{
    struct serve *s = ctx;

    if (row < BUNDLED_OPTION_COUNT)
        return bundled_take(&s->bundled, (enum bundled_option)row, argument);
    s->host = row == SERVE_HOST ? argument : s->host;
    s->port = row == SERVE_PORT ? argument : s->port;
    s->socket = row == SERVE_SOCKET ? argument : s->socket;
    s->help = s->help || row == SERVE_HELP;
    return true;
}

/* A listening descriptor, its address told on stdout; -1 after telling the user why not. */
static int listen_where_asked(const struct serve *s)
{
    char error[512];
    unsigned port;
    int listener;

    listener = s->socket ? listen_unix(s->socket, error, sizeof error)
                         : listen_tcp(s->host, s->port, &port, error, sizeof error);
    if (listener < 0) {
        fprintf(stderr, "nbdtest: %s\n", error);
        return -1;
    }
    if (s->socket)
        printf("nbd+unix:///%s?socket=%s\n", s->bundled.export.name, s->socket);
    else
        printf(strchr(s->host, ':') ? "nbd://[%s]:%u/%s\n" : "nbd://%s:%u/%s\n", s->host, port,
               s->bundled.export.name);
    fflush(stdout);
    return listener;
}

static bool catch_signals(int ret_pipe[2])
{
    struct sigaction action = { .sa_handler = stop };

    if (pipe(ret_pipe) < 0) {
        fprintf(stderr, "nbdtest: making a pipe: %s\n", strerror(errno));
        return false;
    }
    stop_writer = ret_pipe[1];
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return true;
}

static int serve(struct serve *s)
{
    int listener = listen_where_asked(s);
    int stop_pipe[2];
    char error[512];
    bool served;

    if (listener < 0 || !catch_signals(stop_pipe))
        return STATUS_USAGE;
    served = reference_serve(bundled_config(&s->bundled), &listener, 1, stop_pipe[0], error, sizeof error);
    if (!served)
        fprintf(stderr, "nbdtest: %s\n", error);
    if (s->socket)
        unlink(s->socket);
    bundled_free(&s->bundled);
    return served ? STATUS_CONFORMS : STATUS_DEFECT;
}

int command_serve(int argc, char **argv)
{
    struct serve s = { .host = "127.0.0.1", .port = "10809" };
    int first;

    bundled_init(&s.bundled);
    first = options_parse(rows, ROW_COUNT, argc, argv, take, &s);
    if (first < 0)
        return STATUS_USAGE;
    if (s.help || first < argc) {
        puts("nbdtest serve [OPTIONS]: serves an export from memory until SIGTERM or SIGINT\n");
        options_print(rows, ROW_COUNT, stdout);
        return s.help ? STATUS_CONFORMS : STATUS_USAGE;
    }
    if (s.bundled.list_faults) {
        bundled_print_faults();
        return STATUS_CONFORMS;
    }
    return serve(&s);
}
