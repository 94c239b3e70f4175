/* SPDX-License-Identifier: MIT */
#include "transport/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "transport/child.h"
#include "transport/deadline.h"
#include "transport/link.h"
#include "transport/listen.h"

#define NS_PER_S UINT64_C(1000000000)
#define READY_NS (10 * NS_PER_S)
#define LOOK_NS (NS_PER_S / 50)    /* how often a server that says nothing is looked after */
#define LEAVING_NS (NS_PER_S / 10) /* for one that closes because it is about to end */

struct service {
    struct service_order order;
    struct child *child; /* NULL: not started */
    pid_t background;    /* 0: none */
    bool reached;        /* since it was started */
    int listener;        /* that it is handed; -1: none */
};

static void rest_10ms(void)
{
    const struct timespec rest = { .tv_nsec = 10 * 1000 * 1000 };

    nanosleep(&rest, NULL);
}

/* ---- the process ---- */

/* The process id in the file; 0 as long as there is none. */
static pid_t read_pid(const char *path)
{
    FILE *file = fopen(path, "r");
    long id = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%ld", &id) != 1 || id <= 1)
        id = 0;
    fclose(file);
    return (pid_t)id;
}

/* Takes notice of the process in the background as soon as there is one. */
static void find_background(struct service *s)
{
    if (!s->order.pid_file || !s->child || s->background > 0)
        return;
    s->background = read_pid(s->order.pid_file);
    if (s->background > 0)
        child_adopt(s->child, s->background);
}

static void stop(struct service *s)
{
    find_background(s);
    child_stop(s->child);
    s->child = NULL;
    s->background = 0;
}

static bool start(struct service *s, char *ret_error, size_t error_size)
{
    const struct service_order *o = &s->order;

    stop(s);
    s->reached = false;
    if (o->pid_file)
        unlink(o->pid_file);
    if (o->socket && !o->activated)
        unlink(o->socket);
    s->child = child_start(o->words, o->folder, o->log, s->listener, ret_error, error_size);
    return s->child != NULL;
}

/* In the background a server is nobody's child, and its status is not known. */
static bool has_ended(struct service *s, struct child_end *ret)
{
    find_background(s);
    if (s->background == 0)
        return child_ended(s->child, ret) && (!s->order.pid_file || ret->by_signal || ret->number != 0);
    *ret = (struct child_end){ .by_signal = true };
    return kill(s->background, 0) < 0 && errno == ESRCH;
}

/* One that ends well once it was reached may have left with its client. */
static bool has_failed(const struct service *s, const struct child_end *end)
{
    return end->by_signal || end->number != 0 || !s->reached;
}

/* Sees that there is a process.  False when it is gone and there is no good reason for that. */
static bool keep_running(struct service *s, char *ret_error, size_t error_size)
{
    struct child_end end;
    char how[64];

    if (!s->child) {
        snprintf(ret_error, error_size, "the server could not be started again");
        return false;
    }
    if (!has_ended(s, &end))
        return true;
    if (!has_failed(s, &end))
        return start(s, ret_error, error_size);
    child_end_print(&end, how, sizeof how);
    snprintf(ret_error, error_size, "the server %s%s", s->background ? "is gone" : how,
             s->reached ? "" : " before it could be reached");
    return false;
}

/* ---- the connection ---- */

static struct link *connect_once(const struct service *s, uint64_t timeout_ns, char *ret_error,
                                 size_t error_size)
{
    char port[8];

    if (s->order.socket)
        return link_dial_unix(s->order.socket, timeout_ns, ret_error, error_size);
    snprintf(port, sizeof port, "%u", s->order.port);
    return link_dial_tcp("127.0.0.1", port, timeout_ns, ret_error, error_size);
}

enum said { SAID_SOMETHING, SAID_NOTHING, SAID_END };

/* What there is to be received, which is left for others. */
static enum said listen_to(const struct link *link, uint64_t deadline_ns)
{
    struct pollfd polled = { .fd = link_descriptor(link), .events = POLLIN };
    char first;

    if (!deadline_poll(&polled, 1, deadline_ns))
        return SAID_NOTHING;
    return recv(polled.fd, &first, 1, MSG_PEEK) == 1 ? SAID_SOMETHING : SAID_END;
}

/* One that closes at once may be on its way out. */
static bool is_leaving(struct service *s)
{
    uint64_t deadline_ns = deadline_after(LEAVING_NS);
    struct child_end end;

    while (!has_ended(s, &end)) {
        if (clock_ns() >= deadline_ns)
            return false;
        rest_10ms();
    }
    return true;
}

/* What became of a new connection. */
enum taken {
    TAKEN,    /* it is to be used, whatever the server makes of it */
    LEFT,     /* the process ended meanwhile: another one has to be asked */
    HOPELESS, /* it ended as it should not have */
};

/* Waits until the server has said something.  Where the listening socket is ours, a connection that nobody
 * has accepted outlives the process, and the next one will take it. */
static enum taken wait_for_word(struct service *s, const struct link *link, uint64_t deadline_ns,
                                char *ret_error, size_t error_size)
{
    struct child_end end;

    for (;;) {
        uint64_t now_ns = clock_ns();

        switch (listen_to(link, deadline_ns - now_ns < LOOK_NS ? deadline_ns : now_ns + LOOK_NS)) {
        case SAID_SOMETHING:
            s->reached = true;
            return TAKEN;
        case SAID_END:
            return is_leaving(s) ? LEFT : TAKEN;
        case SAID_NOTHING:
            if (has_ended(s, &end) && s->listener < 0)
                return LEFT;
            if (!keep_running(s, ret_error, error_size))
                return HOPELESS;
            if (clock_ns() >= deadline_ns)
                return TAKEN;
        }
    }
}

struct link *service_dial(void *service, uint64_t timeout_ns, char *ret_error, size_t error_size)
{
    uint64_t deadline_ns = deadline_after(timeout_ns);
    struct service *s = service;

    while (keep_running(s, ret_error, error_size)) {
        uint64_t now_ns = clock_ns();
        struct link *link =
            connect_once(s, now_ns < deadline_ns ? deadline_ns - now_ns : 0, ret_error, error_size);

        if (!link && clock_ns() >= deadline_ns)
            return NULL;
        switch (link ? wait_for_word(s, link, deadline_ns, ret_error, error_size) : LEFT) {
        case TAKEN:
            return link;
        case LEFT:
            link_free(link);
            break;
        case HOPELESS:
            link_free(link);
            return NULL;
        }
        rest_10ms(); /* it does not listen yet, or not yet again */
    }
    return NULL;
}

static bool wait_until_reached(struct service *s, char *ret_error, size_t error_size)
{
    struct link *link = service_dial(s, READY_NS, ret_error, error_size);

    link_free(link);
    if (link && !s->reached)
        snprintf(ret_error, error_size, "the server accepts connections and says nothing");
    return s->reached;
}

bool service_is_gone(void *service)
{
    struct service *s = service;
    struct child_end end;

    return !s->child || (has_ended(s, &end) && has_failed(s, &end));
}

bool service_revive(void *service, char *ret_error, size_t error_size)
{
    struct service *s = service;

    return start(s, ret_error, error_size) && wait_until_reached(s, ret_error, error_size);
}

struct service *service_start(const struct service_order *order, char *ret_error, size_t error_size)
{
    struct service *s = memory_take(sizeof *s);

    *s = (struct service){ .order = *order, .listener = -1 };
    if (order->activated)
        s->listener = listen_unix(order->socket, ret_error, error_size);
    if ((!order->activated || s->listener >= 0) && service_revive(s, ret_error, error_size))
        return s;
    service_stop(s);
    return NULL;
}

void service_stop(struct service *s)
{
    if (!s)
        return;
    stop(s);
    if (s->listener >= 0)
        close(s->listener);
    free(s);
}
