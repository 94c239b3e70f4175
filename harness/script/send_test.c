/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "script/parse.h"
#include "script/send.h"

static void sends_with(bool extended, const char *line, const char *wanted)
{
    struct arena *arena = arena_new();
    struct environment e = { .count = 0 };
    struct sender sender = {
        .variables = &e, .arena = arena, .handshake_flags = 0xff, .extended = extended, .cookie = 7
    };
    struct value_error error;
    struct diagnostics d;
    struct buffer got, hex;
    struct step *step;

    diagnostics_init(&d);
    buffer_init(&got, SEND_MAX);
    buffer_init(&hex, 1 << 20);
    environment_set_number(&e, "base", 0x10000);
    environment_set_number(&e, "block", 4);
    environment_set(&e, (struct bound){ .name = "export", .kind = BOUND_BYTES, .bytes = span_text("x") });
    environment_set(&e, (struct bound){ .name = "cmd", .kind = BOUND_WORD, .word = "TRIM" });
    step = tree_parse_steps(arena, "test", span_text(arena_print(arena, "C: %s\n", line)), &d);
    if (d.errors > 0)
        fail_msg("%s", buffer_text(&d.text));
    if (!send_frame(&sender, &step->frame, &got, &error))
        fail_msg("%s: %s", line, error.reason);
    for (size_t i = 0; i < got.len; i++)
        buffer_print(&hex, "%02x", got.bytes[i]);
    assert_string_equal(buffer_text(&hex), wanted);
    buffer_free(&hex);
    buffer_free(&got);
    diagnostics_free(&d);
    arena_free(arena);
}

/* What "C: LINE" sends, in hex. */
static void sends(const char *line, const char *wanted)
{
    sends_with(false, line, wanted);
}

#define IHAVEOPT "49484156454f5054"
#define REQUEST "25609513"
#define EXTENDED "21e41c71"

static void client_flags(void **state)
{
    (void)state;
    sends("FLAGS offered", "00000003"); /* the handshake's other bits are not the client's */
    sends("FLAGS FIXED_NEWSTYLE", "00000001");
    sends("FLAGS 0x80000000", "80000000");
}

static void options_are_right_where_nothing_is_said(void **state)
{
    (void)state;
    sends("OPT ABORT", IHAVEOPT "00000002"
                                "00000000");
    sends("OPT EXPORT_NAME name=\"disk\"", IHAVEOPT "00000001"
                                                    "00000004"
                                                    "6469736b");
    sends("OPT GO infos=(EXPORT BLOCK_SIZE 9)", IHAVEOPT "00000007"
                                                         "0000000d"
                                                         "00000001"
                                                         "78"
                                                         "0003"
                                                         "0000"
                                                         "0003"
                                                         "0009");
    sends("OPT SET_META_CONTEXT name=\"\" queries=(\"a:\" \"b\")", IHAVEOPT "0000000a"
                                                                            "00000013"
                                                                            "00000000"
                                                                            "00000002"
                                                                            "00000002"
                                                                            "613a"
                                                                            "00000001"
                                                                            "62");
    sends("OPT 0x6e756c6c data=\"ab\"", IHAVEOPT "6e756c6c"
                                                 "00000002"
                                                 "6162");
}

static void options_lie_as_they_are_told(void **state)
{
    (void)state;
    sends("OPT LIST length=9 magic=1 option=ABORT", "0000000000000001"
                                                    "00000002"
                                                    "00000009");
    sends("OPT GO name=\"x\" name.length=99 infos=() infos.count=5", IHAVEOPT "00000007"
                                                                              "00000007"
                                                                              "00000063"
                                                                              "78"
                                                                              "0005");
    sends("OPT LIST_META_CONTEXT queries=(\"a\" length=99) queries.count=3", IHAVEOPT "00000009"
                                                                                      "0000000e"
                                                                                      "00000001"
                                                                                      "78"
                                                                                      "00000003"
                                                                                      "00000063"
                                                                                      "61");
    sends("OPT GO data=be32(1)", IHAVEOPT "00000007"
                                          "00000004"
                                          "00000001");
    sends("OPT LIST name=\"n\"", IHAVEOPT "00000003"
                                          "00000001"
                                          "6e");
}

static void requests(void **state)
{
    (void)state;
    sends("READ", REQUEST "0000"
                          "0000"
                          "0000000000000007"
                          "0000000000010000"
                          "00000004");
    sends("DISC", REQUEST "0000"
                          "0002"
                          "0000000000000007"
                          "0000000000000000"
                          "00000000");
    sends("$cmd flags=FUA|NO_HOLE offset=1 length=2 cookie=0", REQUEST "0003"
                                                                       "0004"
                                                                       "0000000000000000"
                                                                       "0000000000000001"
                                                                       "00000002");
    sends("CMD 999 magic=5 offset=0xffffffffffffffff", "00000005"
                                                       "0000"
                                                       "03e7"
                                                       "0000000000000007"
                                                       "ffffffffffffffff"
                                                       "00000000");
}

static void payloads_may_be_right_or_wrong(void **state)
{
    (void)state;
    sends("WRITE offset=0 data=\"abc\"", REQUEST "0000"
                                                 "0001"
                                                 "0000000000000007"
                                                 "0000000000000000"
                                                 "00000003"
                                                 "616263");
    sends("WRITE offset=0 length=2 data=fill(9)", REQUEST "0000"
                                                          "0001"
                                                          "0000000000000007"
                                                          "0000000000000000"
                                                          "00000002"
                                                          "0909");
    sends("WRITE offset=0 data=zero", REQUEST "0000"
                                              "0001"
                                              "0000000000000007"
                                              "0000000000000000"
                                              "00000004"
                                              "00000000");
    sends("WRITE offset=0 length=9 data=\"abc\"", REQUEST "0000"
                                                          "0001"
                                                          "0000000000000007"
                                                          "0000000000000000"
                                                          "00000009"
                                                          "616263");
    sends("raw hex(\"00ff\") be16(1)", "00ff0001");
}

static void a_write_without_data_carries_a_pattern(void **state)
{
    uint8_t pattern[4];
    char wanted[80];

    (void)state;
    pattern_fill(1, 0x10000, pattern, sizeof pattern);
    snprintf(wanted, sizeof wanted,
             REQUEST "000000010000000000000007000000000001000000000004%02x%02x%02x%02x", pattern[0],
             pattern[1], pattern[2], pattern[3]);
    sends("WRITE", wanted);
}

/* proto-extended-headers.md, "Request message". */
static void requests_with_extended_headers(void **state)
{
    (void)state;
    sends_with(true, "TRIM length=0x123456789abcdef0",
               EXTENDED "0000"
                        "0004"
                        "0000000000000007"
                        "0000000000010000"
                        "123456789abcdef0");
    sends_with(true, "DISC",
               EXTENDED "0000"
                        "0002"
                        "0000000000000007"
                        "0000000000000000"
                        "0000000000000000");
    sends_with(true, "OPT ABORT", IHAVEOPT "0000000200000000");
}

static void payloads_with_extended_headers(void **state)
{
    (void)state;
    sends_with(true, "WRITE offset=0 data=\"abc\" flags=FUA",
               EXTENDED "0021" /* PAYLOAD_LEN is set */
                        "0001"
                        "0000000000000007"
                        "0000000000000000"
                        "0000000000000003"
                        "616263");
    sends_with(true, "BLOCK_STATUS offset=1 payload=be64(512) be32(7)",
               EXTENDED "0020"
                        "0007"
                        "0000000000000007"
                        "0000000000000001"
                        "000000000000000c"
                        "000000000000020000000007");
    sends_with(true, "WRITE offset=0 length=9 payload=\"\"",
               EXTENDED "0000"
                        "0001"
                        "0000000000000007"
                        "0000000000000000"
                        "0000000000000009");
    sends_with(true, "READ offset=0 length=9 flags=PAYLOAD_LEN",
               EXTENDED "0020"
                        "0000"
                        "0000000000000007"
                        "0000000000000000"
                        "0000000000000009");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_flags),
        cmocka_unit_test(options_are_right_where_nothing_is_said),
        cmocka_unit_test(options_lie_as_they_are_told),
        cmocka_unit_test(requests),
        cmocka_unit_test(payloads_may_be_right_or_wrong),
        cmocka_unit_test(a_write_without_data_carries_a_pattern),
        cmocka_unit_test(requests_with_extended_headers),
        cmocka_unit_test(payloads_with_extended_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
