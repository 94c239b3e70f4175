/* SPDX-License-Identifier: MIT */
/* nbdtest serve: the bundled server on its own, for clients of any kind. */
#include "cli/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/bundled.h"
#include "cli/options.h"
#include "cli/tls_options.h"
#include "reference/loop.h"
#include "runner/status.h"
#include "transport/listen.h"

static const struct option_row rows[] = {
    BUNDLED_OPTIONS,
    TLS_OPTIONS,
    { "host", 0, "ADDRESS", "address to listen on (default 127.0.0.1)" },
    { "port", 'p', "PORT", "TCP port to listen on; 0: any free one, which is printed (default 10809)" },
    { "socket", 'U', "PATH", "Unix socket to listen on instead" },
    { "export", 'e', "NAME[,KEY=VALUE,...]", "an export, or one more; KEYs: see below" },
    { "read-only", 'r', NULL, "the export is read-only" },
    { "pid-file", 0, "FILE", "write the process id there once clients can connect" },
    { "help", 'h', NULL, "this text" },
};

enum {
    SERVE_TLS = BUNDLED_OPTION_COUNT,
    SERVE_HOST = SERVE_TLS + TLS_OPTION_COUNT,
    SERVE_PORT,
    SERVE_SOCKET,
    SERVE_EXPORT,
    SERVE_READ_ONLY,
    SERVE_PID_FILE,
    SERVE_HELP
};

#define LISTENERS_MAX 16
#define ROW_COUNT (sizeof rows / sizeof rows[0])

struct serve {
    struct bundled bundled;
    struct tls_options tls;
    const char *host, *port, *socket, *pid_file;
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
    if (row < SERVE_HOST)
        return tls_options_take(&s->tls, (enum tls_option)(row - SERVE_TLS), argument);
    if (row == SERVE_EXPORT)
        return bundled_take(&s->bundled, BUNDLED_EXPORT, argument);
    if (row == SERVE_READ_ONLY)
        return bundled_take(&s->bundled, BUNDLED_READ_ONLY, NULL);
    s->pid_file = row == SERVE_PID_FILE ? argument : s->pid_file;
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
    printf(s->tls.mode == REFERENCE_TLS_FORCED || s->bundled.exports[0].tls_only ? "nbds" : "nbd");
    if (s->socket)
        printf("+unix:///");
    else
        printf(strchr(s->host, ':') ? "://[%s]:%u/" : "://%s:%u/", s->host, port);
    address_print_escaped(stdout, bundled_name(&s->bundled));
    if (s->socket) {
        printf("?socket=");
        address_print_escaped(stdout, s->socket);
    }
    putchar('\n');
    fflush(stdout);
    return listener;
}

/* The sockets that this process was started with, otherwise one as the options say.  How many; 0 after
 * telling the user why there is none. */
static size_t open_listeners(const struct serve *s, int ret[LISTENERS_MAX])
{
    size_t count = listen_inherited(ret, LISTENERS_MAX);

    if (count == 0 && (ret[0] = listen_where_asked(s)) >= 0)
        count = 1;
    return count;
}

/* The file is never seen half written.  False after telling the user why it cannot be written. */
static bool write_pid_file(const char *path)
{
    char beside[4096];
    FILE *file;
    bool written;

    if (!path)
        return true;
    snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid());
    file = fopen(beside, "w");
    written = file && fprintf(file, "%ld\n", (long)getpid()) > 0;
    written = file && fclose(file) == 0 && written;
    if (written && rename(beside, path) == 0)
        return true;
    fprintf(stderr, "nbdtest: writing process id to %s: %s\n", path, strerror(errno));
    if (file)
        unlink(beside);
    return false;
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

/* Every connection takes a descriptor; what the system lets a program have is often more than it gives at
 * first. */
static void allow_connections(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(struct serve *s)
{
    int listeners[LISTENERS_MAX], stop_pipe[2];
    size_t listener_count;
    char error[512];
    bool served;

    listener_count = open_listeners(s, listeners);
    if (listener_count == 0 || !catch_signals(stop_pipe) || !write_pid_file(s->pid_file))
        return STATUS_USAGE;
    allow_connections();
    served =
        reference_serve(&s->bundled.config, listeners, listener_count, stop_pipe[0], error, sizeof error);
    if (!served)
        fprintf(stderr, "nbdtest: %s\n", error);
    if (s->pid_file)
        unlink(s->pid_file);
    if (s->socket)
        unlink(s->socket);
    return served ? STATUS_CONFORMS : STATUS_DEFECT;
}

static int configure_and_serve(struct serve *s)
{
    struct tls_credentials *credentials = NULL;
    int status = STATUS_USAGE;

    bundled_config(&s->bundled);
    if (tls_options_apply(&s->tls, &s->bundled.config, &credentials))
        status = serve(s);
    bundled_free(&s->bundled);
    tls_credentials_free(credentials);
    return status;
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
        puts("nbdtest serve [OPTIONS]: serves exports from memory until SIGTERM or SIGINT, on a TCP port, a "
             "Unix\n"
             "socket, or the sockets that it was started with (LISTEN_FDS)\n");
        options_print(rows, ROW_COUNT, stdout);
        bundled_print_keys();
        return s.help ? STATUS_CONFORMS : STATUS_USAGE;
    }
    if (bundled_print_lists(&s.bundled))
        return STATUS_CONFORMS;
    if (!bundled_check(&s.bundled))
        return STATUS_USAGE;
    return configure_and_serve(&s);
}
