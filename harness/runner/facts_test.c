/* SPDX-License-Identifier: MIT */
#include "runner/facts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "runner/test_server.h"

#define SECOND UINT64_C(1000000000)

struct fixture {
    struct test_server server;
    struct facts_wanted wanted;
    struct facts facts;
    struct buffer error;
};

static const char *const contexts[] = { "x:y", "base:allocation" };

static void set_up(struct fixture *f)
{
    *f = (struct fixture){ .server = test_server(65536) };
    f->wanted = (struct facts_wanted){ NULL, SECOND, contexts, 2, true, true };
    buffer_init(&f->error, 64 * 1024);
}

static enum status probe(struct fixture *f)
{
    struct target target = test_target(&f->server);

    return facts_probe(&target, &f->wanted, &f->facts, &f->error);
}

static void tear_down(struct fixture *f)
{
    assert_int_equal(f->server.open, 0); /* no connection is left */
    free(f->server.store);
    buffer_free(&f->error);
}

static void what_the_server_says_is_found_out(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_int_equal(f.facts.handshake_flags, f.server.handshake_flags);
    assert_int_equal(f.facts.size, 65536);
    assert_int_equal(f.facts.flags_structured, f.server.transmission_flags);
    assert_true(f.facts.structured);
    assert_true(f.facts.has_block_size);
    assert_true(f.facts.unasked);
    assert_true(f.facts.refuses_unknown);
    assert_int_equal(f.facts.connections, FACTS_CONNECTIONS_MAX);
    assert_int_equal(f.facts.context_count, 1);
    assert_true(facts_has_context(&f.facts, "base:allocation"));
    assert_true(facts_has_option(&f.facts, NBD_OPT_GO));
    assert_true(facts_has_option(&f.facts, NBD_OPT_INFO));
    assert_true(facts_has_option(&f.facts, NBD_OPT_LIST));
    assert_true(facts_has_option(&f.facts, NBD_OPT_STRUCTURED_REPLY));
    assert_true(facts_has_option(&f.facts, NBD_OPT_SET_META_CONTEXT));
    assert_false(facts_has_option(&f.facts, NBD_OPT_LIST_META_CONTEXT));
    assert_false(facts_has_option(&f.facts, NBD_OPT_EXTENDED_HEADERS));
    assert_false(facts_has_option(&f.facts, NBD_OPT_STARTTLS));
    tear_down(&f);
}

static void extended_headers_are_found_out(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_false(f.facts.extended);
    tear_down(&f);
    set_up(&f);
    f.server.extended = true;
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_true(f.facts.extended);
    assert_int_equal(f.facts.flags_extended, f.server.transmission_flags);
    assert_true(facts_has_option(&f.facts, NBD_OPT_EXTENDED_HEADERS));
    tear_down(&f);
}

static void a_server_that_takes_one_client_at_a_time_is_no_trap(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.most_connections = 1;
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_int_equal(f.facts.connections, 1);
    tear_down(&f);
}

static void where_single_bytes_are_never_the_same_sectors_are_counted_in(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.garbles = true;
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_int_equal(facts_unit(&f.facts), 512);
    assert_int_equal(f.facts.block_size.minimum, 1);
    tear_down(&f);
}

static void a_server_that_does_one_handshake_at_a_time_is_no_trap(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.one_handshake = true;
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_int_equal(f.facts.connections, 1);
    tear_down(&f);
}

static void without_fixed_newstyle_there_is_the_name_alone(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.handshake_flags = 0;
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_int_equal(f.facts.size, 65536);
    assert_false(f.facts.structured);
    assert_int_equal(f.facts.options, 1u << NBD_OPT_EXPORT_NAME);
    assert_int_equal(f.facts.context_count, 0);
    tear_down(&f);
}

static void without_go_the_export_is_entered_by_name(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.no_go = true;
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_true(f.facts.structured);
    assert_false(f.facts.has_block_size);
    assert_int_equal(f.facts.block_size.preferred, 4096);
    assert_false(facts_has_option(&f.facts, NBD_OPT_GO));
    tear_down(&f);
}

static void where_no_block_sizes_are_told_a_minimum_is_found(void **state)
{
    static const struct {
        uint32_t sector, found;
    } all[] = { { 0, 1 }, { 512, 512 }, { 4096, 4096 }, { 8192, 1 } };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fixture f;

        set_up(&f);
        f.server.no_go = true;
        f.server.sector = all[i].sector;
        assert_int_equal(probe(&f), STATUS_CONFORMS);
        assert_int_equal(f.facts.block_size.minimum, all[i].found);
        assert_false(f.facts.has_block_size);
        tear_down(&f);
    }
}

static void a_minimum_that_is_not_served_is_not_counted_in(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.block_size = (struct wire_info_block_size){ 1, 4096, 1u << 25 };
    f.server.sector = 512;
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_int_equal(f.facts.block_size.minimum, 1);
    assert_int_equal(facts_unit(&f.facts), 512);
    tear_down(&f);
}

static void where_no_block_sizes_are_told_a_maximum_is_found(void **state)
{
    static const struct {
        uint64_t refused, closed; /* a READ of more is */
        uint32_t found;
    } all[] = { { 0, 0, 1u << 25 },
                { 32768, 0, 32768 },
                { 20000, 0, 16384 },
                { 8, 0, 1u << 25 },
                { 0, 32768, 1u << 25 } };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fixture f;

        set_up(&f);
        f.server.no_go = true;
        f.server.read_max = all[i].refused;
        f.server.request_max = all[i].closed;
        assert_int_equal(probe(&f), STATUS_CONFORMS);
        assert_int_equal(f.facts.block_size.maximum, all[i].found);
        tear_down(&f);
    }
}

static void block_sizes_that_may_not_be_are_not_kept_to(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.block_size = (struct wire_info_block_size){ 1u << 24, 1u << 30, 2 };
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_int_equal(f.facts.block_size.minimum, 1);
    assert_int_equal(f.facts.block_size.preferred, 4096);
    assert_int_equal(f.facts.block_size.maximum, 1u << 25);
    tear_down(&f);
}

static void the_only_export_is_taken_and_said(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.export = "disk";
    assert_int_equal(probe(&f), STATUS_CONFORMS);
    assert_true(f.facts.export_chosen);
    assert_string_equal(f.facts.export, "disk");
    tear_down(&f);
}

static void an_export_that_is_not_there_is_told_with_the_list(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.export = "di\x1bsk";
    f.wanted.export = "disc";
    assert_int_equal(probe(&f), STATUS_USAGE);
    assert_non_null(strstr(buffer_text(&f.error), "the server has no export \"disc\""));
    assert_non_null(strstr(buffer_text(&f.error), "it lists:\n  \"di\\x1bsk\"\n"));
    tear_down(&f);
}

static void a_server_that_demands_tls_is_told(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.demands_tls = true;
    assert_int_equal(probe(&f), STATUS_USAGE);
    assert_non_null(strstr(buffer_text(&f.error), "demands TLS"));
    tear_down(&f);
}

static void a_server_that_is_not_there_is_told(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.dead = true;
    assert_int_equal(probe(&f), STATUS_UNREACHABLE);
    assert_string_equal(buffer_text(&f.error), "the server is gone\n");
    tear_down(&f);
}

static void a_server_that_falls_silent_is_told(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.says_nothing = true;
    assert_int_equal(probe(&f), STATUS_UNREACHABLE);
    assert_non_null(strstr(buffer_text(&f.error), "no answer in time"));
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_server_says_is_found_out),
        cmocka_unit_test(extended_headers_are_found_out),
        cmocka_unit_test(a_server_that_takes_one_client_at_a_time_is_no_trap),
        cmocka_unit_test(where_single_bytes_are_never_the_same_sectors_are_counted_in),
        cmocka_unit_test(a_server_that_does_one_handshake_at_a_time_is_no_trap),
        cmocka_unit_test(without_fixed_newstyle_there_is_the_name_alone),
        cmocka_unit_test(without_go_the_export_is_entered_by_name),
        cmocka_unit_test(where_no_block_sizes_are_told_a_minimum_is_found),
        cmocka_unit_test(where_no_block_sizes_are_told_a_maximum_is_found),
        cmocka_unit_test(a_minimum_that_is_not_served_is_not_counted_in),
        cmocka_unit_test(block_sizes_that_may_not_be_are_not_kept_to),
        cmocka_unit_test(the_only_export_is_taken_and_said),
        cmocka_unit_test(an_export_that_is_not_there_is_told_with_the_list),
        cmocka_unit_test(a_server_that_demands_tls_is_told),
        cmocka_unit_test(a_server_that_is_not_there_is_told),
        cmocka_unit_test(a_server_that_falls_silent_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
