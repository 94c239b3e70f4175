/* SPDX-License-Identifier: MIT */
/* The client against servers that mean it ill: nothing hangs, nothing grows without bound, and what happened
 * is told. */
#include "runner/client.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "runner/test_server.h"

#define SECOND UINT64_C(1000000000)

static const struct client_replies nobody;

/* A server that answers everything with these bytes. */
static struct test_server canned(const uint8_t *bytes, size_t len)
{
    struct test_server s = test_server(4096);

    s.canned = span_of(bytes, len);
    return s;
}

static void open_client(struct client *c, struct test_server *s)
{
    struct target target = test_target(s);

    assert_true(client_open(c, &target, SECOND));
}

static void assert_option_fails(struct test_server *s, const char *why)
{
    struct client c;
    uint32_t type;

    open_client(&c, s);
    assert_false(client_option(&c, NBD_OPT_LIST, span_of(NULL, 0), nobody, &type));
    assert_true(c.broke);
    assert_non_null(strstr(c.error, why));
    client_close(&c, false);
    free(s->store);
}

static void silence_is_told(void **state)
{
    struct test_server s = test_server(4096);

    (void)state;
    s.says_nothing = true;
    assert_option_fails(&s, "option LIST: no answer in time");
}

static void a_server_that_closes_is_told(void **state)
{
    struct test_server s = canned((const uint8_t *)"", 0);

    (void)state;
    s.closes = true;
    assert_option_fails(&s, "option LIST: the server closed the connection");
}

static void what_is_no_reply_is_told(void **state)
{
    static const uint8_t bytes[24] = "HTTP/1.1 400 Bad Reques";
    struct test_server s = canned(bytes, sizeof bytes);

    (void)state;
    assert_option_fails(&s, "its magic is wrong");
}

static void a_huge_reply_takes_no_memory(void **state)
{
    static const uint8_t bytes[] = {
        0,    0x03, 0xe8, 0x89, 0x04, 0x55, 0x65, 0xa9, /* NBD_REP_MAGIC */
        0,    0,    0,    3,    0,    0,    0,    2,    /* LIST, SERVER */
        0xff, 0xff, 0xff, 0xff,                         /* length */
    };
    struct test_server s = canned(bytes, sizeof bytes);

    (void)state;
    assert_option_fails(&s, "announces more than 1 MiB");
}

static const uint8_t one_server_reply[] = {
    0, 0x03, 0xe8, 0x89, 0x04, 0x55, 0x65, 0xa9, /* NBD_REP_MAGIC */
    0, 0,    0,    3,    0,    0,    0,    2,    /* LIST, SERVER */
    0, 0,    0,    4,    0,    0,    0,    0,    /* length 4: a name of no bytes */
};

static void replies_without_an_end_are_cut_off(void **state)
{
    struct test_server s = canned(one_server_reply, sizeof one_server_reply);

    (void)state;
    s.repeats = true;
    assert_option_fails(&s, "does not end");
}

static void half_a_reply_is_told_from_none(void **state)
{
    struct test_server s = canned(one_server_reply, sizeof one_server_reply - 1);

    (void)state;
    assert_option_fails(&s, "the answer is incomplete");
}

static void the_text_of_an_error_is_shown_escaped(void **state)
{
    static const uint8_t bytes[] = {
        0, 0x03, 0xe8, 0x89, 0x04, 0x55, 0x65, 0xa9,                 /* NBD_REP_MAGIC */
        0, 0,    0,    3,    0x80, 0,    0,    2,                    /* LIST, ERR_POLICY */
        0, 0,    0,    7,    'n',  'o',  0x1b, '[',  '2', 'J', '\n', /* clears a screen */
    };
    struct test_server s = canned(bytes, sizeof bytes);
    struct client c;
    uint32_t type;

    (void)state;
    open_client(&c, &s);
    assert_true(client_option(&c, NBD_OPT_LIST, span_of(NULL, 0), nobody, &type));
    assert_int_equal(type, NBD_REP_ERR_POLICY);
    assert_string_equal(c.error, "option LIST: the server answers ERR_POLICY, \"no\\x1b[2J\\n\"");
    client_close(&c, false);
    free(s.store);
}

/* ---- a server that is none ---- */

static bool swallow(void *ctx, struct span *bytes)
{
    (void)ctx;
    span_take(bytes, bytes->len);
    return true;
}

static size_t say_hello(void *ctx, uint8_t *to, size_t room)
{
    (void)ctx;
    assert_true(room >= 20);
    memcpy(to, "SSH-2.0-OpenSSH_9.2\n", 20);
    return 20;
}

static void do_nothing(void *ctx)
{
    (void)ctx;
}

static struct link *dial_ssh(void *ctx, uint64_t timeout_ns, char *error, size_t error_size)
{
    (void)ctx;
    (void)timeout_ns;
    (void)error;
    (void)error_size;
    return link_memory((struct link_peer){ swallow, say_hello, do_nothing, NULL });
}

static void a_server_of_another_kind_is_recognised(void **state)
{
    const struct target target = { .name = "ssh", .dial = dial_ssh, .ctx = NULL };
    struct client c;

    (void)state;
    assert_false(client_open(&c, &target, SECOND));
    assert_string_equal(
        c.error, "the greeting: this is no NBD server: the first bytes it sends are \"SSH-2.0-OpenSSH_\"");
}

/* ---- transmission ---- */

struct seen {
    uint8_t data[64];
    size_t bytes, hole_bytes;
};

static void note(void *ctx, uint64_t offset, struct span data)
{
    struct seen *s = ctx;

    (void)offset;
    if (!data.at) {
        s->hole_bytes += data.len;
        return;
    }
    assert_true(data.len <= sizeof s->data - s->bytes);
    memcpy(s->data + s->bytes, data.at, data.len);
    s->bytes += data.len;
}

static void enter(struct client *c, struct test_server *s, bool structured)
{
    struct target target = test_target(s);
    uint32_t type;

    assert_int_equal(client_enter(c, &target, SECOND, span_text(""),
                                  structured ? CLIENT_STRUCTURED : CLIENT_SIMPLE, &type),
                     CLIENT_IN);
}

static void what_is_written_is_read_in_either_form(void **state)
{
    (void)state;
    for (int structured = 0; structured < 2; structured++) {
        struct test_server s = test_server(4096);
        struct seen seen = { 0 };
        struct client c;

        enter(&c, &s, structured);
        assert_int_equal(c.size, 4096);
        assert_true(c.has_block_size);
        assert_true(client_write(&c, 7, span_text("hello")));
        assert_true(client_read(&c, 6, 6, (struct client_reader){ note, &seen }));
        assert_memory_equal(seen.data, "\0hello", 6);
        assert_true(client_write_zeroes(&c, 0, 4096));
        assert_true(client_read(&c, 0, 32, (struct client_reader){ note, &seen }));
        assert_int_equal(structured ? seen.hole_bytes : seen.bytes - 6, 32);
        client_close(&c, true);
        free(s.store);
    }
}

static void a_refused_request_leaves_the_session_in_step(void **state)
{
    struct test_server s = test_server(4096);
    struct seen seen = { 0 };
    struct client c;

    (void)state;
    enter(&c, &s, false);
    assert_false(client_read(&c, 4096, 1, (struct client_reader){ note, &seen }));
    assert_string_equal(c.error, "READ of 1 bytes at offset 4096: the server answers EINVAL");
    assert_false(c.broke);
    assert_true(client_read(&c, 0, 1, (struct client_reader){ note, &seen }));
    client_close(&c, true);
    free(s.store);
}

static void without_go_the_way_is_by_name(void **state)
{
    (void)state;
    for (int zeroes = 0; zeroes < 2; zeroes++) {
        struct test_server s = test_server(4096);
        struct seen seen = { 0 };
        struct client c;

        s.no_go = true;
        s.handshake_flags = (uint16_t)(NBD_FLAG_FIXED_NEWSTYLE | (zeroes ? 0 : NBD_FLAG_NO_ZEROES));
        enter(&c, &s, true);
        assert_int_equal(c.size, 4096);
        assert_false(c.has_block_size);
        assert_true(client_read(&c, 0, 4, (struct client_reader){ note, &seen }));
        client_close(&c, true);
        free(s.store);
    }
}

static void data_of_go_that_are_left_are_no_hindrance(void **state)
{
    struct test_server s = test_server(4096);
    struct client c;

    (void)state;
    s.no_go = s.leaves_data = true;
    enter(&c, &s, true);
    assert_int_equal(c.size, 4096);
    assert_true(c.structured);
    client_close(&c, true);
    free(s.store);
}

static void one_that_leaves_at_each_refusal_is_asked_afresh(void **state)
{
    (void)state;
    for (int no_go = 0; no_go < 2; no_go++) {
        struct test_server s = test_server(4096);
        struct client c;

        s.structured = false;
        s.leaves_at_unknown = true;
        s.no_go = no_go;
        enter(&c, &s, true);
        assert_int_equal(c.size, 4096);
        assert_false(c.structured);
        assert_int_equal(c.by_name, no_go);
        client_close(&c, true);
        free(s.store);
    }
}

static void what_go_does_not_know_may_be_had_by_name(void **state)
{
    static const uint8_t unknown[] = { 0, 3,          0xe8, 0x89, 4, 0x55, 0x65, 0xa9, 0, 0,
                                       0, NBD_OPT_GO, 0x80, 0,    0, 6,    0,    0,    0, 0 };
    struct test_server s = test_server(4096);
    struct client c;

    (void)state;
    s.canned = span_of(unknown, sizeof unknown); /* to GO, and then to all that comes on that connection */
    s.canned_option = NBD_OPT_GO;
    enter(&c, &s, true);
    assert_true(c.by_name);
    assert_int_equal(c.size, 4096);
    client_close(&c, true);
    free(s.store);
}

static void another_answer_to_the_option_before_is_passed_over(void **state)
{
    struct test_server s = test_server(4096);
    struct client c;

    (void)state;
    s.structured = s.repeats_itself = true;
    enter(&c, &s, true);
    assert_true(c.structured);
    assert_false(c.by_name);
    assert_int_equal(c.size, 4096);
    client_close(&c, true);
    free(s.store);
}

static void assert_read_breaks(const uint8_t *bytes, size_t len, const char *why)
{
    struct test_server s = test_server(4096);
    struct seen seen = { 0 };
    struct client c;

    enter(&c, &s, true);
    s.canned = span_of(bytes, len);
    s.repeats = true;
    assert_false(client_read(&c, 0, 8, (struct client_reader){ note, &seen }));
    assert_true(c.broke);
    assert_non_null(strstr(c.error, why));
    client_close(&c, true);
    free(s.store);
}

static void chunks_stay_within_what_was_asked_for(void **state)
{
    static const uint8_t data_elsewhere[] = {
        0x66, 0x8e, 0x33, 0xef, 0, 0, 0, 1, 0, 0, 0, 0, 0,   0, 0, 1, /* OFFSET_DATA, cookie 1 */
        0,    0,    0,    9,    0, 0, 0, 0, 0, 0, 0, 8, 'x',          /* one byte at 8, behind the end */
    };
    static const uint8_t hole_too_large[] = {
        0x66, 0x8e, 0x33, 0xef, 0, 0, 0, 2, 0, 0, 0, 0, 0,    0,    0,    1, /* OFFSET_HOLE, cookie 1 */
        0,    0,    0,    12,   0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
    };
    static const uint8_t same_again[] = {
        0x66, 0x8e, 0x33, 0xef, 0, 0, 0, 1, 0, 0, 0, 0, 0,   0,   0,   1,
        0,    0,    0,    12,   0, 0, 0, 0, 0, 0, 0, 4, 'a', 'b', 'c', 'd',
    };
    static const uint8_t huge_payload[] = {
        0x66, 0x8e, 0x33, 0xef, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff,
    };
    static const uint8_t nothing[] = {
        0x66, 0x8e, 0x33, 0xef, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, /* NONE, and never DONE */
    };

    (void)state;
    assert_read_breaks(data_elsewhere, sizeof data_elsewhere, "not asked for");
    assert_read_breaks(hole_too_large, sizeof hole_too_large, "not asked for");
    assert_read_breaks(same_again, sizeof same_again, "more data than");
    assert_read_breaks(huge_payload, sizeof huge_payload, "more than 64 KiB");
    assert_read_breaks(nothing, sizeof nothing, "does not end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_told),
        cmocka_unit_test(a_server_that_closes_is_told),
        cmocka_unit_test(what_is_no_reply_is_told),
        cmocka_unit_test(a_huge_reply_takes_no_memory),
        cmocka_unit_test(replies_without_an_end_are_cut_off),
        cmocka_unit_test(half_a_reply_is_told_from_none),
        cmocka_unit_test(the_text_of_an_error_is_shown_escaped),
        cmocka_unit_test(a_server_of_another_kind_is_recognised),
        cmocka_unit_test(what_is_written_is_read_in_either_form),
        cmocka_unit_test(a_refused_request_leaves_the_session_in_step),
        cmocka_unit_test(without_go_the_way_is_by_name),
        cmocka_unit_test(data_of_go_that_are_left_are_no_hindrance),
        cmocka_unit_test(one_that_leaves_at_each_refusal_is_asked_afresh),
        cmocka_unit_test(what_go_does_not_know_may_be_had_by_name),
        cmocka_unit_test(another_answer_to_the_option_before_is_passed_over),
        cmocka_unit_test(chunks_stay_within_what_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
