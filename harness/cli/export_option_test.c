/* SPDX-License-Identifier: MIT */
/* What is refused is told on stderr, which nobody reads here. */
#include "cli/export_option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/limit_option.h"
#include "wire/constants.h"

static bool parse(struct export_option *e, const char *text)
{
    export_option_init(e);
    return export_option_parse(e, "--export", text);
}

static void a_name_alone_is_an_export(void **state)
{
    struct export_option e;

    (void)state;
    assert_true(parse(&e, "disk"));
    assert_string_equal(e.export.name, "disk");
    assert_null(e.export.description);
    assert_int_equal(e.size, UINT64_C(1) << 40);
    assert_int_equal(e.memory, UINT64_MAX);
    export_option_free(&e);
    assert_true(parse(&e, ""));
    assert_string_equal(e.export.name, "");
    export_option_free(&e);
}

static void every_key_is_understood(void **state)
{
    struct export_option e;

    (void)state;
    assert_true(parse(&e, "a,size=0x7fffffffffffffff,description=two,, with = in it,read-only,"
                          "block-size=512:4K:1M,block-size-required,without=SEND_TRIM+SEND_DF,memory=64K"));
    assert_int_equal(e.size, UINT64_C(0x7fffffffffffffff));
    assert_string_equal(e.export.description, "two, with = in it");
    assert_true(e.export.read_only);
    assert_int_equal(e.export.block_size.minimum, 512);
    assert_int_equal(e.export.block_size.preferred, 4096);
    assert_int_equal(e.export.block_size.maximum, 1 << 20);
    assert_true(e.export.block_size_required);
    assert_int_equal(e.export.without, NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_DF);
    assert_int_equal(e.memory, 65536);
    export_option_free(&e);
    assert_true(parse(&e, ",,a,,,size=0"));
    assert_string_equal(e.export.name, ",a,");
    assert_int_equal(e.size, 0);
    export_option_free(&e);
}

static void what_is_no_export_is_refused(void **state)
{
    static const char *const texts[] = {
        "a,size",
        "a,size=",
        "a,size=8E",
        "a,size=1Mb",
        "a,read-only=yes",
        "a,colour=red",
        "a,",
        "\xff",
        "a,size=0x8000000000000000",
        "a,size=-1",
        "a,size=9999999999T",
        "a,block-size=3:512:1M",
        "a,block-size=1:512",
        "a,block-size=0:512:1M",
        "a,block-size=512:512:1000",
        "a,without=TRIM",
        "a,without=HAS_FLAGS",
        "a,without=SEND_TRIM+",
        "a,block-size-required",
    };
    struct export_option e;
    char *name = test_malloc(4098);

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_false(parse(&e, texts[i]));
        export_option_free(&e);
    }
    memset(name, 'x', 4097);
    name[4097] = '\0';
    assert_false(parse(&e, name));
    export_option_free(&e);
    assert_true(parse(&e, name + 1));
    export_option_free(&e);
    test_free(name);
}

static void limits_are_understood(void **state)
{
    struct reference_limits limits = { 0 };

    (void)state;
    assert_true(limit_option_parse(&limits, "options=20,option-bytes=4K,connections=3,handshake=0.5"));
    assert_true(limit_option_parse(&limits, "idle=2,waiting=1M,shutdown=1"));
    assert_int_equal(limits.options, 20);
    assert_int_equal(limits.option_bytes, 4096);
    assert_int_equal(limits.connections, 3);
    assert_int_equal(limits.handshake_ns, 500000000);
    assert_int_equal(limits.idle_ns, 2000000000);
    assert_int_equal(limits.waiting, 1 << 20);
    assert_int_equal(limits.shutdown_ns, 1000000000);
    assert_false(limit_option_parse(&limits, "options"));
    assert_false(limit_option_parse(&limits, "options=0"));
    assert_false(limit_option_parse(&limits, "connections=16385"));
    assert_false(limit_option_parse(&limits, "idle=nan"));
    assert_false(limit_option_parse(&limits, "idle=1s"));
    assert_false(limit_option_parse(&limits, "patience=1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_alone_is_an_export),
        cmocka_unit_test(every_key_is_understood),
        cmocka_unit_test(what_is_no_export_is_refused),
        cmocka_unit_test(limits_are_understood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
