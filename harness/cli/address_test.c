/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/address.h"

static struct address parsed(const char *text)
{
    struct address a;
    char error[256];

    assert_true(address_parse(text, &a, error, sizeof error));
    return a;
}

static void tcp_addresses_have_a_host_and_a_port(void **state)
{
    (void)state;
    assert_string_equal(parsed("localhost:10810").host, "localhost");
    assert_string_equal(parsed("localhost:10810").port, "10810");
    assert_string_equal(parsed("localhost").port, "10809");
    assert_string_equal(parsed("[::1]:1").host, "::1");
    assert_string_equal(parsed("[::1]:1").port, "1");
    assert_string_equal(parsed("[::1]").port, "10809");
}

static void uris_may_name_an_export(void **state)
{
    struct address a = parsed("nbd://[::1]:99/disk%20one");

    (void)state;
    assert_string_equal(a.host, "::1");
    assert_string_equal(a.port, "99");
    assert_true(a.has_export);
    assert_string_equal(a.export, "disk one");
    assert_false(parsed("nbd://localhost").has_export);
    assert_false(parsed("nbd://localhost/").has_export);
}

static void unix_uris_name_a_socket(void **state)
{
    struct address a = parsed("nbd+unix:///data?socket=/run/a%3fb");

    (void)state;
    assert_true(a.is_unix);
    assert_string_equal(a.path, "/run/a?b");
    assert_string_equal(a.export, "data");
    assert_string_equal(parsed("nbd+unix:///?x=1&socket=/s").path, "/s");
}

static void secure_uris_say_how_they_are_secured(void **state)
{
    struct address a = parsed("nbds://al%20ice@[::1]:99/disk?tls-psk-file=/k/keys.psk&tls-hostname=there&"
                              "tls-verify-peer=0&unknown=1&tls-type=psk");

    (void)state;
    assert_true(a.tls);
    assert_string_equal(a.host, "::1");
    assert_string_equal(a.user, "al ice");
    assert_string_equal(a.psk, "/k/keys.psk");
    assert_string_equal(a.tls_host, "there");
    assert_string_equal(a.verify, "0");
    assert_string_equal(a.export, "disk");
    a = parsed("nbds+unix://bob@/?socket=/s&tls-certificates=pki");
    assert_true(a.tls && a.is_unix && !a.has_export);
    assert_string_equal(a.path, "/s");
    assert_string_equal(a.user, "bob");
    assert_string_equal(a.certificates, "pki");
    assert_string_equal(parsed("nbds://h?tls-username=eve").user, "eve");
    assert_false(parsed("nbd://h").tls);
}

static void what_is_printed_is_understood(void **state)
{
    static const char name[] = "a disk?/50%&\xc3\xa4";
    char text[200] = "nbd://h/";
    FILE *out = fmemopen(text + 8, sizeof text - 8, "w");

    (void)state;
    address_print_escaped(out, name);
    fclose(out);
    assert_string_equal(text, "nbd://h/a%20disk%3F/50%25%26%C3%A4");
    assert_string_equal(parsed(text).export, name);
}

static void wrong_addresses_are_refused_with_a_reason(void **state)
{
    static const char *const wrong[] = {
        "",
        ":10809",
        "::1",
        "[::1",
        "[::1]x",
        "host:",
        "http://host",
        "nbd+unix:///?socket=",
        "nbd+unix:///",
        "nbd+unix://s",
        "nbd://",
        "nbd://h/%4",
        "nbd://h/%00",
        "nbds+unix://h/?socket=/s",
        "nbds://h?tls-verify-peer=2",
        "nbds://h?tls-verify-peer=10",
        "nbds://h?tls-type=anon",
        "nbdss://h",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct address a;
        char error[256] = "";

        assert_false(address_parse(wrong[i], &a, error, sizeof error));
        assert_true(error[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_addresses_have_a_host_and_a_port),
        cmocka_unit_test(uris_may_name_an_export),
        cmocka_unit_test(unix_uris_name_a_socket),
        cmocka_unit_test(secure_uris_say_how_they_are_secured),
        cmocka_unit_test(what_is_printed_is_understood),
        cmocka_unit_test(wrong_addresses_are_refused_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
