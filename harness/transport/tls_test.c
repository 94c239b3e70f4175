/* SPDX-License-Identifier: MIT */
#include "transport/tls.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/span.h"
#include "transport/link.h"
#include "transport/tls_certificates.h"

static const uint64_t second_ns = 1000000000U;
enum { ROUNDS_MAX = 200000, KEPT_MAX = 64 * 1024 * 1024 };

/* ---- a pipe within the process that delivers in pieces ---- */

/* One direction: what was sent and not yet received. */
struct lane {
    struct buffer bytes;
    bool finished;
    size_t room;  /* bytes that it holds at most */
    size_t piece; /* bytes that are received at once at most */
};

struct pipe_link {
    struct link link;
    struct lane *out, *in;
};

static enum link_state pipe_send(struct link *link, struct span *bytes)
{
    struct lane *out = ((struct pipe_link *)link)->out;
    size_t room = out->room > out->bytes.len ? out->room - out->bytes.len : 0;
    struct span taken = span_take(bytes, out->finished ? 0 : room);

    assert_true(buffer_add(&out->bytes, taken.at, taken.len));
    return LINK_OPEN;
}

static enum link_state pipe_receive(struct link *link, uint8_t *to, size_t room, size_t *ret_len)
{
    struct lane *in = ((struct pipe_link *)link)->in;
    size_t len = room < in->piece ? room : in->piece;

    *ret_len = len < in->bytes.len ? len : in->bytes.len;
    if (*ret_len > 0)
        memcpy(to, in->bytes.bytes, *ret_len);
    buffer_drop(&in->bytes, *ret_len);
    return *ret_len == 0 && in->finished ? LINK_FINISHED : LINK_OPEN;
}

static void pipe_finish(struct link *link)
{
    ((struct pipe_link *)link)->out->finished = true;
}

static int pipe_descriptor(const struct link *link)
{
    (void)link;
    return -1;
}

static void pipe_free(struct link *link)
{
    pipe_finish(link);
    free(link);
}

static const struct link_ops pipe_ops = { .send = pipe_send,
                                          .receive = pipe_receive,
                                          .finish = pipe_finish,
                                          .reset = pipe_finish,
                                          .descriptor = pipe_descriptor,
                                          .free = pipe_free };

static struct link *pipe_end(struct lane *out, struct lane *in)
{
    struct pipe_link *p = memory_take(sizeof *p);

    *p = (struct pipe_link){ .link.ops = &pipe_ops, .out = out, .in = in };
    return &p->link;
}

/* ---- two ends ---- */

struct ends {
    struct lane lanes[2]; /* to the client, to the server */
    struct link *client, *server;
    struct tls_credentials *of_client, *of_server;
};

static char folder[] = "/tmp/tls_test-XXXXXX", other_folder[] = "/tmp/tls_test-XXXXXX", keys[64];

static struct tls_credentials *credentials(struct tls_settings settings, struct tls_files files)
{
    char error[400] = "";
    struct tls_credentials *c = tls_credentials_new(&settings, &files, error, sizeof error);

    assert_string_equal(error, "");
    assert_non_null(c);
    return c;
}

static struct tls_credentials *x509(enum tls_side side, enum tls_versions versions)
{
    return credentials((struct tls_settings){ .side = side, .versions = versions },
                       (struct tls_files){ .folder = folder });
}

static struct tls_credentials *psk(enum tls_side side, enum tls_versions versions, const char *user)
{
    return credentials((struct tls_settings){ .side = side, .versions = versions, .user = user },
                       (struct tls_files){ .psk = keys });
}

static void join(struct ends *e, struct tls_credentials *of_client, struct tls_credentials *of_server,
                 const char *host_name, size_t room, size_t piece)
{
    *e = (struct ends){ .of_client = of_client, .of_server = of_server };
    for (int i = 0; i < 2; i++) {
        buffer_init(&e->lanes[i].bytes, KEPT_MAX);
        e->lanes[i].room = room;
        e->lanes[i].piece = piece;
    }
    e->client = link_tls(pipe_end(&e->lanes[1], &e->lanes[0]), of_client, host_name);
    e->server = link_tls(pipe_end(&e->lanes[0], &e->lanes[1]), of_server, NULL);
}

static void part(struct ends *e)
{
    link_free(e->client);
    link_free(e->server);
    tls_credentials_free(e->of_client);
    tls_credentials_free(e->of_server);
    buffer_free(&e->lanes[0].bytes);
    buffer_free(&e->lanes[1].bytes);
}

static bool is_over(const struct link *link)
{
    return tls_state(link) != TLS_HANDSHAKING;
}

/* Lets both ends move until the handshake is over on both. */
static void shake(struct ends *e)
{
    uint8_t byte;
    size_t len;

    for (int round = 0; round < ROUNDS_MAX && !(is_over(e->client) && is_over(e->server)); round++) {
        link_receive(e->client, &byte, 1, &len);
        assert_int_equal(len, 0);
        link_receive(e->server, &byte, 1, &len);
        assert_int_equal(len, 0);
    }
    assert_true(is_over(e->client));
    assert_true(is_over(e->server));
}

/* Sends bytes from one end to the other, finishes, and checks that just these arrive and the end is told. */
static void carries(struct link *from, struct link *to, struct span bytes)
{
    uint8_t *got = memory_take(bytes.len + 1);
    struct span left = bytes;
    enum link_state state = LINK_OPEN;
    size_t len = 0, more;

    for (int round = 0; round < ROUNDS_MAX && state == LINK_OPEN; round++) {
        assert_int_equal(link_send(from, &left), LINK_OPEN);
        if (left.len == 0)
            link_finish(from);
        state = link_receive(to, got + len, bytes.len + 1 - len, &more);
        len += more;
    }
    assert_int_equal(state, LINK_FINISHED);
    assert_int_equal(len, bytes.len);
    assert_memory_equal(got, bytes.at, len);
    assert_false(tls_truncated(to));
    free(got);
}

/* ---- what works ---- */

static void talk(struct tls_credentials *of_client, struct tls_credentials *of_server, const char *host_name,
                 const char *version)
{
    struct ends e;

    join(&e, of_client, of_server, host_name, 64 * 1024, 64 * 1024);
    shake(&e);
    assert_string_equal(tls_reason(e.client), "");
    assert_string_equal(tls_reason(e.server), "");
    assert_string_equal(tls_version(e.client), version);
    assert_string_equal(tls_version(e.server), version);
    assert_false(tls_certificate_missed(e.client));
    carries(e.client, e.server, span_text("a question"));
    carries(e.server, e.client, span_text("an answer"));
    part(&e);
}

static void certificates_work(void **state)
{
    (void)state;
    talk(x509(TLS_CLIENT, TLS_1_2_OR_1_3), x509(TLS_SERVER, TLS_1_2_OR_1_3), "localhost", "TLS1.3");
    talk(x509(TLS_CLIENT, TLS_1_2), x509(TLS_SERVER, TLS_1_2_OR_1_3), "localhost", "TLS1.2");
    talk(x509(TLS_CLIENT, TLS_1_2_OR_1_3), x509(TLS_SERVER, TLS_1_2), NULL, "TLS1.2");
    talk(x509(TLS_CLIENT, TLS_1_3), x509(TLS_SERVER, TLS_1_3), NULL, "TLS1.3");
}

static void shared_keys_work(void **state)
{
    (void)state;
    talk(psk(TLS_CLIENT, TLS_1_2_OR_1_3, "alice"), psk(TLS_SERVER, TLS_1_2_OR_1_3, NULL), NULL, "TLS1.3");
    talk(psk(TLS_CLIENT, TLS_1_2, "bob"), psk(TLS_SERVER, TLS_1_2_OR_1_3, NULL), NULL, "TLS1.2");
    talk(psk(TLS_CLIENT, TLS_1_3, NULL), psk(TLS_SERVER, TLS_1_3, NULL), NULL, "TLS1.3");
}

static void a_server_with_both_serves_both(void **state)
{
    const struct tls_files both = { .folder = folder, .psk = keys };

    (void)state;
    for (enum tls_versions v = TLS_1_2_OR_1_3; v <= TLS_1_3; v++) {
        const struct tls_settings server = { .side = TLS_SERVER, .versions = v };
        const char *version = v == TLS_1_2 ? "TLS1.2" : "TLS1.3";

        talk(x509(TLS_CLIENT, v), credentials(server, both), "localhost", version);
        talk(psk(TLS_CLIENT, v, "bob"), credentials(server, both), "localhost", version);
    }
}

static void clients_can_be_verified(void **state)
{
    const struct tls_settings verifies = { .side = TLS_SERVER, .verify_peer = true };

    (void)state;
    talk(x509(TLS_CLIENT, TLS_1_2_OR_1_3), credentials(verifies, (struct tls_files){ .folder = folder }),
         "localhost", "TLS1.3");
    talk(x509(TLS_CLIENT, TLS_1_2), credentials(verifies, (struct tls_files){ .folder = folder }),
         "localhost", "TLS1.2");
}

static void files_can_be_named_one_by_one(void **state)
{
    char authority[64], certificate[64], key[64];

    (void)state;
    snprintf(authority, sizeof authority, "%s/ca-cert.pem", folder);
    snprintf(certificate, sizeof certificate, "%s/server-cert.pem", folder);
    snprintf(key, sizeof key, "%s/server-key.pem", folder);
    talk(credentials((struct tls_settings){ .side = TLS_CLIENT },
                     (struct tls_files){ .authority = authority }),
         credentials((struct tls_settings){ .side = TLS_SERVER },
                     (struct tls_files){ .certificate = certificate, .key = key }),
         "localhost", "TLS1.3");
}

/* ---- what must not work ---- */

static void both_fail(struct tls_credentials *of_client, struct tls_credentials *of_server,
                      const char *host_name, const char *client_says, const char *server_says)
{
    struct span bytes = span_text("secret");
    enum link_state state = LINK_OPEN;
    struct ends e;
    uint8_t got;
    size_t len;

    join(&e, of_client, of_server, host_name, 64 * 1024, 64 * 1024);
    for (int round = 0; round < 100 && state == LINK_OPEN; round++) {
        link_receive(e.client, &got, 1, &len);
        assert_int_equal(len, 0);
        state = link_receive(e.server, &got, 1, &len); /* in TLS 1.3 the client may be done before */
        assert_int_equal(len, 0);
    }
    assert_int_equal(state, LINK_RESET);
    assert_int_equal(tls_state(e.server), TLS_FAILED);
    link_receive(e.client, &got, 1, &len);
    assert_int_equal(tls_state(e.client), TLS_FAILED);
    assert_non_null(strstr(tls_reason(e.client), client_says));
    assert_non_null(strstr(tls_reason(e.server), server_says));
    link_send(e.client, &bytes);
    link_send(e.server, &bytes);
    assert_int_equal(bytes.len, 6);
    part(&e);
}

static void a_server_of_another_authority_is_refused(void **state)
{
    (void)state;
    both_fail(credentials((struct tls_settings){ .side = TLS_CLIENT },
                          (struct tls_files){ .folder = other_folder }),
              x509(TLS_SERVER, TLS_1_2_OR_1_3), "localhost", "NOT trusted", "alert");
    both_fail(credentials((struct tls_settings){ .side = TLS_CLIENT, .versions = TLS_1_2 },
                          (struct tls_files){ .folder = other_folder }),
              x509(TLS_SERVER, TLS_1_2_OR_1_3), "localhost", "NOT trusted", "alert");
}

static void a_server_of_another_name_is_refused(void **state)
{
    (void)state;
    both_fail(x509(TLS_CLIENT, TLS_1_2_OR_1_3), x509(TLS_SERVER, TLS_1_2_OR_1_3), "elsewhere.example",
              "name in the certificate does not match", "alert");
}

static void a_client_of_another_authority_is_refused(void **state)
{
    const struct tls_settings verifies = { .side = TLS_SERVER, .verify_peer = true };
    char authority[64], certificate[64], key[64];

    (void)state;
    snprintf(authority, sizeof authority, "%s/ca-cert.pem", folder);
    snprintf(certificate, sizeof certificate, "%s/client-cert.pem", other_folder);
    snprintf(key, sizeof key, "%s/client-key.pem", other_folder);
    for (enum tls_versions v = TLS_1_2_OR_1_3; v <= TLS_1_3; v++)
        both_fail(
            credentials((struct tls_settings){ .side = TLS_CLIENT, .versions = v },
                        (struct tls_files){ .authority = authority, .certificate = certificate, .key = key }),
            credentials(verifies, (struct tls_files){ .folder = folder }), "localhost", "", "");
    for (enum tls_versions v = TLS_1_2_OR_1_3; v <= TLS_1_3; v++) /* none at all */
        both_fail(credentials((struct tls_settings){ .side = TLS_CLIENT, .versions = v },
                              (struct tls_files){ .authority = authority }),
                  credentials(verifies, (struct tls_files){ .folder = folder }), "localhost", "alert", "");
}

static void a_client_knows_that_it_had_no_certificate(void **state)
{
    char authority[64];
    struct ends e;
    uint8_t got;
    size_t len;

    (void)state;
    snprintf(authority, sizeof authority, "%s/ca-cert.pem", folder);
    join(&e,
         credentials((struct tls_settings){ .side = TLS_CLIENT, .versions = TLS_1_3 },
                     (struct tls_files){ .authority = authority }),
         credentials((struct tls_settings){ .side = TLS_SERVER, .verify_peer = true },
                     (struct tls_files){ .folder = folder }),
         "localhost", 64 * 1024, 64 * 1024);
    assert_false(tls_certificate_missed(e.client));
    for (int round = 0; round < 100 && tls_state(e.client) == TLS_HANDSHAKING; round++) {
        link_receive(e.client, &got, 1, &len);
        link_receive(e.server, &got, 1, &len);
    }
    assert_true(tls_certificate_missed(e.client));
    part(&e);
}

static void a_wrong_key_is_refused(void **state)
{
    char wrong[64];
    FILE *file;

    (void)state;
    snprintf(wrong, sizeof wrong, "%s/keys.psk", other_folder);
    file = fopen(wrong, "w");
    assert_non_null(file);
    fputs("alice:00112233445566778899aabbccddeeff\nmallory:00112233445566778899aabbccddeeff\n", file);
    fclose(file);
    for (enum tls_versions v = TLS_1_2_OR_1_3; v <= TLS_1_3; v++) {
        both_fail(credentials((struct tls_settings){ .side = TLS_CLIENT, .versions = v, .user = "alice" },
                              (struct tls_files){ .psk = wrong }),
                  psk(TLS_SERVER, TLS_1_2_OR_1_3, NULL), NULL, "", "");
        both_fail(credentials((struct tls_settings){ .side = TLS_CLIENT, .versions = v, .user = "mallory" },
                              (struct tls_files){ .psk = wrong }),
                  psk(TLS_SERVER, TLS_1_2_OR_1_3, NULL), NULL, "", "");
    }
}

static void versions_that_do_not_meet_fail(void **state)
{
    (void)state;
    both_fail(x509(TLS_CLIENT, TLS_1_2), x509(TLS_SERVER, TLS_1_3), NULL, "", "");
    both_fail(x509(TLS_CLIENT, TLS_1_3), x509(TLS_SERVER, TLS_1_2), NULL, "", "");
    both_fail(x509(TLS_CLIENT, TLS_1_2_OR_1_3), psk(TLS_SERVER, TLS_1_2_OR_1_3, NULL), NULL, "", "");
}

/* What a peer says in plain text where TLS is due is never handed on. */
static void plain_text_is_no_record(void **state)
{
    static const char plain[] = "IHAVEOPT\0\0\0\3\0\0\0\0";
    struct span bytes = span_of(plain, sizeof plain - 1);
    struct lane lanes[2] = { { .room = 4096, .piece = 4096 }, { .room = 4096, .piece = 4096 } };
    struct tls_credentials *c = x509(TLS_SERVER, TLS_1_2_OR_1_3);
    struct link *client, *server;
    uint8_t got[64];
    size_t len;

    (void)state;
    buffer_init(&lanes[0].bytes, 4096);
    buffer_init(&lanes[1].bytes, 4096);
    client = pipe_end(&lanes[1], &lanes[0]);
    server = link_tls(pipe_end(&lanes[0], &lanes[1]), c, NULL);
    link_send(client, &bytes);
    assert_int_equal(link_receive(server, got, sizeof got, &len), LINK_OPEN);
    assert_int_equal(len, 0);
    assert_int_equal(tls_state(server), TLS_FAILED);
    link_finish(client);
    assert_int_equal(link_receive(server, got, sizeof got, &len), LINK_RESET);
    assert_int_equal(len, 0);
    assert_true(lanes[0].finished);
    link_free(client);
    link_free(server);
    tls_credentials_free(c);
    buffer_free(&lanes[0].bytes);
    buffer_free(&lanes[1].bytes);
}

/* ---- delivery ---- */

static void any_piece_gives_the_same_bytes(void **state)
{
    enum { MANY = 40000 };
    uint8_t *many = memory_take(MANY);

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        many[i] = (uint8_t)(i * i >> 4);
    for (enum tls_versions v = TLS_1_2; v <= TLS_1_3; v++)
        for (size_t piece = 1; piece < 5000; piece = piece < 40 ? piece + 1 : piece * 2) {
            struct ends e;

            join(&e, x509(TLS_CLIENT, v), x509(TLS_SERVER, v), NULL, piece * 3, piece);
            shake(&e);
            carries(e.client, e.server, span_of(many, piece < 8 ? 2000 : MANY));
            carries(e.server, e.client, span_of(many, piece < 8 ? 2000 : MANY));
            part(&e);
        }
    free(many);
}

/* Every cut of what the client sends: the handshake, or the data, ends unfinished and is told so. */
static void a_cut_anywhere_is_noticed(void **state)
{
    (void)state;
    for (size_t cut = 0;; cut += 7) {
        struct span said = span_text("some words of the client");
        enum link_state ended = LINK_OPEN;
        struct ends e;
        uint8_t got[100];
        size_t len, all = 0, passed = 0;

        join(&e, psk(TLS_CLIENT, TLS_1_3, NULL), psk(TLS_SERVER, TLS_1_3, NULL), NULL, 4096, 1);
        for (int round = 0; round < ROUNDS_MAX && ended == LINK_OPEN; round++) {
            link_receive(e.client, got, sizeof got, &len);
            link_send(e.client, &said);
            if (said.len == 0)
                link_finish(e.client);
            if (passed == cut)
                e.lanes[1].finished = true, buffer_clear(&e.lanes[1].bytes);
            passed += e.lanes[1].bytes.len > 0 && passed < cut;
            ended = link_receive(e.server, got, sizeof got, &len);
            all += len;
        }
        if (ended == LINK_FINISHED && !tls_truncated(e.server)) { /* it came through before the cut */
            assert_int_equal(all, 24);
            part(&e);
            break;
        }
        assert_int_not_equal(ended, LINK_OPEN);
        assert_true(tls_state(e.server) == TLS_FAILED || tls_truncated(e.server));
        part(&e);
    }
}

static void two_ends_that_both_send_do_not_wait_for_each_other(void **state)
{
    enum { MANY = 8 * 1024 * 1024, ROOM = 65536 };
    struct tls_credentials *of_client = psk(TLS_CLIENT, TLS_1_2_OR_1_3, NULL);
    struct tls_credentials *of_server = psk(TLS_SERVER, TLS_1_2_OR_1_3, NULL);
    uint8_t *many = memory_take(MANY), *room = memory_take(ROOM);
    struct span left[] = { { many, MANY }, { many, MANY } };
    size_t received[] = { 0, 0 };
    int sockets[2];
    struct link *ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    ends[0] = link_tls(link_socket(sockets[0]), of_client, NULL);
    ends[1] = link_tls(link_socket(sockets[1]), of_server, NULL);
    assert_int_equal(link_descriptor(ends[0]), sockets[0]);
    while (received[0] + received[1] < 2 * MANY) {
        for (int i = 0; i < 2; i++) {
            size_t len;

            assert_int_equal(link_send(ends[i], &left[i]), LINK_OPEN);
            assert_int_equal(link_receive(ends[i], room, ROOM, &len), LINK_OPEN);
            received[i] += len;
        }
        if (received[0] + received[1] < 2 * MANY)
            assert_true(link_wait(ends, (bool[]){ left[0].len > 0, left[1].len > 0 }, 2, 5 * second_ns));
    }
    for (int i = 0; i < 2; i++)
        link_finish(ends[i]);
    for (int i = 0; i < 2; i++) {
        size_t len;

        assert_int_equal(link_receive(ends[i], room, ROOM, &len), LINK_FINISHED);
        assert_false(tls_truncated(ends[i]));
        link_free(ends[i]);
    }
    tls_credentials_free(of_client);
    tls_credentials_free(of_server);
    free(many);
    free(room);
}

/* A record that was received in part by the reader is not waited for: the socket has nothing more. */
static void one_does_not_wait_for_what_is_held(void **state)
{
    struct tls_credentials *of_client = psk(TLS_CLIENT, TLS_1_2_OR_1_3, NULL);
    struct tls_credentials *of_server = psk(TLS_SERVER, TLS_1_2_OR_1_3, NULL);
    struct span said = span_text("ab"), late = span_text("late");
    struct link *client, *server;
    int sockets[2];
    uint8_t got;
    size_t len = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    client = link_tls(link_socket(sockets[0]), of_client, NULL);
    server = link_tls(link_socket(sockets[1]), of_server, NULL);
    for (int i = 0; i < 100 && len == 0; i++) {
        link_send(client, &said);
        link_receive(server, &got, 1, &len);
    }
    assert_int_equal(got, 'a');
    assert_true(link_holds(server, LINK_HELD_RECEIVED));
    assert_true(link_wait(&server, &(bool){ false }, 1, 5 * second_ns));
    link_receive(server, &got, 1, &len);
    assert_int_equal(got, 'b');
    assert_false(link_holds(server, LINK_HELD_RECEIVED));
    assert_false(link_wait(&server, &(bool){ false }, 1, second_ns / 50));

    link_reset(client);
    assert_int_equal(link_receive(client, &got, 1, &len), LINK_RESET);
    while (link_receive(server, &got, 1, &len) == LINK_OPEN)
        link_wait(&server, &(bool){ false }, 1, second_ns);
    assert_true(tls_truncated(server));
    assert_int_equal(link_send(server, &late), LINK_OPEN); /* that is no failure of TLS */
    assert_int_equal(late.len, 4);
    assert_int_equal(tls_state(server), TLS_ESTABLISHED);
    link_free(client);
    link_free(server);
    tls_credentials_free(of_client);
    tls_credentials_free(of_server);
}

/* While the handshake waits for the peer there is room to send, and no use for it. */
static void waiting_for_room_is_no_busy_waiting(void **state)
{
    struct tls_credentials *c = psk(TLS_CLIENT, TLS_1_2_OR_1_3, NULL);
    struct span said = span_text("x");
    struct link *client;
    int sockets[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    client = link_tls(link_socket(sockets[0]), c, NULL);
    assert_int_equal(link_send(client, &said), LINK_OPEN); /* the client hello goes out */
    assert_int_equal(said.len, 1);
    assert_false(link_wait(&client, &(bool){ true }, 1, second_ns / 50));
    link_free(client);
    close(sockets[1]);
    tls_credentials_free(c);
}

/* ---- files ---- */

static void complains(struct tls_settings settings, struct tls_files files, const char *wanted)
{
    char error[400] = "";

    assert_null(tls_credentials_new(&settings, &files, error, sizeof error));
    assert_non_null(strstr(error, wanted));
}

static void mistakes_in_files_are_told(void **state)
{
    const struct tls_settings server = { .side = TLS_SERVER }, client = { .side = TLS_CLIENT };
    char key[64];

    (void)state;
    snprintf(key, sizeof key, "%s/client-key.pem", folder);
    complains(server, (struct tls_files){ .folder = NULL }, "none given");
    complains(client, (struct tls_files){ .folder = NULL }, "none given");
    complains(server, (struct tls_files){ .folder = "/nowhere" }, "/nowhere/server-cert.pem: No such file");
    complains(client, (struct tls_files){ .folder = "/nowhere" }, "/nowhere/ca-cert.pem: No such file");
    complains(server, (struct tls_files){ .folder = folder, .key = key }, "using the certificate");
    complains(client, (struct tls_files){ .authority = keys }, "");
    complains(server, (struct tls_files){ .psk = "/nowhere" }, "/nowhere: No such file");
    complains(server, (struct tls_files){ .psk = key }, "no line is USER:KEY");
    complains((struct tls_settings){ .side = TLS_CLIENT, .user = "carol" }, (struct tls_files){ .psk = keys },
              "no key for user 'carol'");
    complains((struct tls_settings){ .side = TLS_SERVER, .verify_peer = true },
              (struct tls_files){ .psk = keys }, "certificates: none given");
}

static int make_files(void **state)
{
    FILE *file;

    (void)state;
    if (!mkdtemp(folder) || !mkdtemp(other_folder))
        return -1;
    tls_make_folder(folder);
    tls_make_folder(other_folder);
    snprintf(keys, sizeof keys, "%s/keys.psk", folder);
    file = fopen(keys, "w");
    if (!file)
        return -1;
    fputs("alice:5f2b1c3d4e6a798897a6b5c4d3e2f101\nbob:000102030405060708090a0b0c0d0e0f\n", file);
    return fclose(file);
}

static int remove_files(void **state)
{
    (void)state;
    tls_remove_folder(folder);
    tls_remove_folder(other_folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_work),
        cmocka_unit_test(shared_keys_work),
        cmocka_unit_test(a_server_with_both_serves_both),
        cmocka_unit_test(clients_can_be_verified),
        cmocka_unit_test(files_can_be_named_one_by_one),
        cmocka_unit_test(a_server_of_another_authority_is_refused),
        cmocka_unit_test(a_server_of_another_name_is_refused),
        cmocka_unit_test(a_client_of_another_authority_is_refused),
        cmocka_unit_test(a_client_knows_that_it_had_no_certificate),
        cmocka_unit_test(a_wrong_key_is_refused),
        cmocka_unit_test(versions_that_do_not_meet_fail),
        cmocka_unit_test(plain_text_is_no_record),
        cmocka_unit_test(any_piece_gives_the_same_bytes),
        cmocka_unit_test(a_cut_anywhere_is_noticed),
        cmocka_unit_test(two_ends_that_both_send_do_not_wait_for_each_other),
        cmocka_unit_test(one_does_not_wait_for_what_is_held),
        cmocka_unit_test(waiting_for_room_is_no_busy_waiting),
        cmocka_unit_test(mistakes_in_files_are_told),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
