/* SPDX-License-Identifier: MIT */
/* The loop where connections go over to TLS. */
#include "reference/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/listen.h"
#include "transport/tls.h"

#define SECONDS UINT64_C(1000000000)

#define IHAVEOPT 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T'
#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define STARTTLS IHAVEOPT, 0, 0, 0, 5, 0, 0, 0, 0
#define STARTTLS_ACK 0, 3, 0xe8, 0x89, 4, 0x55, 0x65, 0xa9, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0
#define READ_4M \
    0x25, 0x60, 0x95, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0
#define DISC 0x25, 0x60, 0x95, 0x13, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

/* A server in a process of its own that insists on TLS, and what it takes to be let in. */
struct served {
    char keys[32], wrong_keys[32];
    int listener, stop;
    pid_t server;
    struct tls_credentials *credentials;
    char port[16];
};

static void write_key(char *path, const char *key)
{
    int descriptor = mkstemp(path);

    assert_true(descriptor >= 0);
    assert_int_equal(dprintf(descriptor, "alice:%s\n", key), 39);
    close(descriptor);
}

static struct tls_credentials *credentials(enum tls_side side, const char *keys)
{
    const struct tls_settings settings = { .side = side };
    const struct tls_files files = { .psk = keys };
    char error[200] = "";
    struct tls_credentials *c = tls_credentials_new(&settings, &files, error, sizeof error);

    assert_string_equal(error, "");
    return c;
}

/* Ends the process: 0 when it served well. */
static _Noreturn void serve(const struct served *s, int stop_descriptor)
{
    struct reference_export export = { .name = "" };
    struct reference_config config = { .exports = &export, .export_count = 1, .tls = REFERENCE_TLS_FORCED };
    struct tls_credentials *c = credentials(TLS_SERVER, s->keys);
    char error[200];
    bool well;

    export.store = store_new(UINT64_C(1) << 30, UINT64_C(1) << 30);
    config.tls_credentials = c;
    well = reference_serve(&config, &s->listener, 1, stop_descriptor, error, sizeof error);
    store_free(export.store);
    tls_credentials_free(c);
    _exit(well ? 0 : 1);
}

static void begin(struct served *s)
{
    char error[200] = "";
    int stop_pipe[2];
    unsigned port;

    *s = (struct served){ .keys = "/tmp/loop_tls_test-XXXXXX", .wrong_keys = "/tmp/loop_tls_test-XXXXXX" };
    write_key(s->keys, "5f2b1c3d4e6a798897a6b5c4d3e2f101");
    write_key(s->wrong_keys, "00112233445566778899aabbccddeeff");
    s->listener = listen_tcp("127.0.0.1", "0", &port, error, sizeof error);
    assert_string_equal(error, "");
    snprintf(s->port, sizeof s->port, "%u", port);
    assert_int_equal(pipe(stop_pipe), 0);
    s->stop = stop_pipe[1];
    s->server = fork();
    if (s->server == 0)
        serve(s, stop_pipe[0]);
    close(stop_pipe[0]);
    s->credentials = credentials(TLS_CLIENT, s->keys);
}

static void end(struct served *s)
{
    int status;

    assert_int_equal(write(s->stop, "", 1), 1);
    assert_int_equal(waitpid(s->server, &status, 0), s->server);
    assert_int_equal(status, 0);
    close(s->stop);
    close(s->listener);
    unlink(s->keys);
    unlink(s->wrong_keys);
    tls_credentials_free(s->credentials);
}

static void send_all(struct link *link, const uint8_t *bytes, size_t len)
{
    struct span rest = span_of(bytes, len);
    uint8_t nothing;
    size_t received;

    while (rest.len > 0) {
        assert_int_equal(link_send(link, &rest), LINK_OPEN);
        assert_int_equal(link_receive(link, &nothing, 0, &received), LINK_OPEN);
        if (rest.len > 0)
            assert_true(link_wait(&link, &(bool){ true }, 1, 10 * SECONDS));
    }
}

static void receive(struct link *link, uint8_t *to, size_t bytes)
{
    size_t got = 0, len;

    while (got < bytes) {
        assert_int_equal(link_receive(link, to + got, bytes - got, &len), LINK_OPEN);
        got += len;
        if (len == 0)
            assert_true(link_wait(&link, &(bool){ false }, 1, 10 * SECONDS));
    }
}

static enum link_state end_of(struct link *link)
{
    enum link_state state;
    uint8_t byte;
    size_t len;

    while ((state = link_receive(link, &byte, 1, &len)) == LINK_OPEN) {
        assert_int_equal(len, 0);
        assert_true(link_wait(&link, &(bool){ false }, 1, 10 * SECONDS));
    }
    return state;
}

/* A connection on which STARTTLS was acknowledged, and what has been put behind it. */
static struct link *ask_for_tls(const struct served *s, const uint8_t *behind, size_t len)
{
    static const uint8_t ack[] = { STARTTLS_ACK };
    uint8_t said[200] = { 0, 0, 0, 3, STARTTLS }, heard[18 + sizeof ack];
    char error[200] = "";
    struct link *link = link_dial_tcp("127.0.0.1", s->port, 10 * SECONDS, error, sizeof error);

    assert_string_equal(error, "");
    if (len > 0)
        memcpy(said + 20, behind, len);
    send_all(link, said, 20 + len);
    receive(link, heard, sizeof heard);
    assert_memory_equal(heard + 18, ack, sizeof ack);
    return link;
}

/* A session from the options to NBD_CMD_DISC, with an answer of 4 MiB. */
static void converse(const struct served *s)
{
    enum { ANSWER = 16 + (4 << 20) };
    struct link *link = link_tls(ask_for_tls(s, NULL, 0), s->credentials, NULL);
    uint8_t *answer = malloc(ANSWER);

    assert_non_null(answer);
    send_all(link, BYTES(IHAVEOPT, 0, 0, 0, 1, 0, 0, 0, 0));
    receive(link, answer, 10);
    send_all(link, BYTES(READ_4M, DISC));
    receive(link, answer, ANSWER);
    assert_int_equal(answer[0], 0x67);
    assert_int_equal(end_of(link), LINK_FINISHED);
    assert_false(tls_truncated(link)); /* the server has said close_notify */
    link_free(link);
    free(answer);
}

static void a_session_goes_on_under_tls(void **state)
{
    struct served s;

    (void)state;
    begin(&s);
    converse(&s);
    converse(&s);
    end(&s);
}

static void what_is_put_behind_starttls_ends_the_connection(void **state)
{
    struct served s;
    struct link *link;

    (void)state;
    begin(&s);
    link = ask_for_tls(&s, BYTES(IHAVEOPT, 0, 0, 0, 3, 0, 0, 0, 0));
    assert_int_equal(end_of(link), LINK_FINISHED);
    link_free(link);
    link = ask_for_tls(&s, BYTES('I'));
    assert_int_equal(end_of(link), LINK_FINISHED);
    link_free(link);
    converse(&s);
    end(&s);
}

static void plain_text_in_place_of_the_handshake_ends_the_connection(void **state)
{
    struct served s;
    struct link *link;
    uint8_t alert[7];

    (void)state;
    begin(&s);
    link = ask_for_tls(&s, NULL, 0);
    send_all(link, BYTES(IHAVEOPT, 0, 0, 0, 3, 0, 0, 0, 0));
    receive(link, alert, sizeof alert); /* a record of type 21 and nothing else */
    assert_int_equal(alert[0], 21);
    assert_int_equal(end_of(link), LINK_FINISHED);
    link_free(link);
    link = ask_for_tls(&s, NULL, 0);
    link_reset(link);
    link_free(link);
    converse(&s);
    end(&s);
}

static void a_handshake_that_fails_ends_the_connection(void **state)
{
    struct tls_credentials *wrong;
    struct served s;
    struct link *link;

    (void)state;
    begin(&s);
    wrong = credentials(TLS_CLIENT, s.wrong_keys);
    link = link_tls(ask_for_tls(&s, NULL, 0), wrong, NULL);
    assert_int_equal(end_of(link), LINK_RESET);
    assert_int_equal(tls_state(link), TLS_FAILED);
    link_free(link);
    converse(&s);
    tls_credentials_free(wrong);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_goes_on_under_tls),
        cmocka_unit_test(what_is_put_behind_starttls_ends_the_connection),
        cmocka_unit_test(plain_text_in_place_of_the_handshake_ends_the_connection),
        cmocka_unit_test(a_handshake_that_fails_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
