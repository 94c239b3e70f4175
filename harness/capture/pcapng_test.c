/* SPDX-License-Identifier: MIT */
#include "capture/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/random.h"

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, OLD_PACKET = 2, SIMPLE_PACKET = 3, STATISTICS = 5, PACKET = 6 };
enum { ETHERNET = 1, LINUX_COOKED = 113 };

/* A file that is being put together. */
struct made {
    struct buffer bytes;
    bool little;
};

static void put(struct made *f, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * (f->little ? i : len - 1 - i));

        buffer_add(&f->bytes, &byte, 1);
    }
}

/* A block with len bytes of body, which put() is to give, between these two. */
static void begin_block(struct made *f, uint32_t type, size_t len)
{
    put(f, type, 4);
    put(f, len + 12, 4);
}

static void end_block(struct made *f, size_t len)
{
    put(f, len + 12, 4);
}

static void begin_section(struct made *f, bool little)
{
    f->little = little;
    begin_block(f, SECTION, 16);
    put(f, 0x1a2b3c4d, 4);
    put(f, 1, 2);
    put(f, 0, 2);
    put(f, UINT64_MAX, 8);
    end_block(f, 16);
}

static void put_interface(struct made *f, unsigned link_type, uint8_t resolution)
{
    begin_block(f, INTERFACE, 20);
    put(f, link_type, 2);
    put(f, 0, 2);
    put(f, 0, 4);
    put(f, 9, 2);
    put(f, 1, 2);
    buffer_add(&f->bytes, (uint8_t[]){ resolution, 0, 0, 0 }, 4);
    put(f, 0, 4); /* the end of the options */
    end_block(f, 20);
}

static void put_packet(struct made *f, uint32_t interface, uint64_t units, const char text[static 4])
{
    begin_block(f, PACKET, 24);
    put(f, interface, 4);
    put(f, units >> 32, 4);
    put(f, units & UINT32_MAX, 4);
    put(f, 4, 4);
    put(f, 1000, 4);
    buffer_add(&f->bytes, text, 4);
    end_block(f, 24);
}

static struct made made(void)
{
    struct made f = { 0 };

    buffer_init(&f.bytes, 100000);
    return f;
}

/* Reads len bytes of it: "LINK TIME TEXT " for each packet, then "end" or what is wrong. */
static char *read_back(const struct made *f, size_t len)
{
    FILE *file = tmpfile();
    struct pcapng *p = pcapng_new(file);
    struct pcapng_packet packet;
    enum pcapng_event event;
    struct buffer got;
    char error[100], *text;

    fwrite(f->bytes.bytes, 1, len, file);
    rewind(file);
    buffer_init(&got, 1000000);
    while ((event = pcapng_next(p, &packet, error, sizeof error)) == PCAPNG_PACKET)
        buffer_print(&got, "%u %llu %.*s ", packet.link_type, (unsigned long long)packet.time_ns,
                     (int)packet.bytes.len, (const char *)packet.bytes.at);
    buffer_print(&got, "%s", event == PCAPNG_END ? "end" : error);
    text = strdup(buffer_text(&got));
    buffer_free(&got);
    pcapng_free(p);
    fclose(file);
    return text;
}

static void reads(const struct made *f, const char *wanted)
{
    char *got = read_back(f, f->bytes.len);

    assert_string_equal(got, wanted);
    free(got);
}

static void interfaces_have_links_and_clocks_of_their_own(void **state)
{
    (void)state;
    for (int little = 0; little <= 1; little++) {
        struct made f = made();

        begin_section(&f, little);
        put_interface(&f, ETHERNET, 6);
        put_interface(&f, LINUX_COOKED, 9);
        put_interface(&f, LINUX_COOKED, 0x80 | 10);
        put_packet(&f, 0, 1700000000123456, "tick");
        put_packet(&f, 1, 1700000000123456789, "tock");
        put_packet(&f, 2, (UINT64_C(1700000000) << 10) + 512, "half");
        reads(&f, "1 1700000000123456000 tick 113 1700000000123456789 tock 113 1700000000500000000 half end");
        buffer_free(&f.bytes);
    }
}

static void sections_begin_anew(void **state)
{
    struct made f = made();

    (void)state;
    begin_section(&f, true);
    put_interface(&f, ETHERNET, 9);
    put_packet(&f, 0, 1, "left");
    begin_section(&f, false);
    put_interface(&f, LINUX_COOKED, 9);
    put_packet(&f, 0, 2, "righ");
    put_packet(&f, 1, 3, "none");
    reads(&f, "1 1 left 113 2 righ a block of it contradicts itself");
    buffer_free(&f.bytes);
}

static void other_blocks_are_passed_over_and_other_packets_read(void **state)
{
    struct made f = made();

    (void)state;
    begin_section(&f, false);
    put_interface(&f, ETHERNET, 9);
    begin_block(&f, STATISTICS, 4);
    put(&f, 0, 4);
    end_block(&f, 4);
    begin_block(&f, SIMPLE_PACKET, 8);
    put(&f, 3, 4);
    buffer_add(&f.bytes, "one", 4);
    end_block(&f, 8);
    begin_block(&f, OLD_PACKET, 24);
    put(&f, 0, 2);
    put(&f, 0, 2);
    put(&f, 7, 8);
    put(&f, 3, 4);
    put(&f, 3, 4);
    buffer_add(&f.bytes, "two", 4);
    end_block(&f, 24);
    reads(&f, "1 0 one 1 7 two end");
    buffer_free(&f.bytes);
}

static void a_file_may_break_off_anywhere(void **state)
{
    struct made f = made();

    (void)state;
    begin_section(&f, true);
    put_interface(&f, ETHERNET, 9);
    put_packet(&f, 0, 1, "abcd");
    for (size_t len = 0; len < f.bytes.len; len++) {
        char *got = read_back(&f, len);

        if (len == 0 || len == 28 || len == 60) /* between blocks */
            assert_string_equal(got, "end");
        else
            assert_string_equal(got, "it breaks off in the middle of a block");
        free(got);
    }
    buffer_free(&f.bytes);
}

static void any_bytes_do_no_harm(void **state)
{
    struct random random = random_seeded(7);

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct made f = made();

        begin_section(&f, i % 2 == 0);
        put_interface(&f, ETHERNET, (uint8_t)random_next(&random));
        put_packet(&f, 0, random_next(&random), "abcd");
        put_packet(&f, 0, 1, "efgh");
        for (int k = 0; k < 3; k++)
            f.bytes.bytes[random_below(&random, f.bytes.len)] = (uint8_t)random_next(&random);
        free(read_back(&f, f.bytes.len));
        buffer_free(&f.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interfaces_have_links_and_clocks_of_their_own),
        cmocka_unit_test(sections_begin_anew),
        cmocka_unit_test(other_blocks_are_passed_over_and_other_packets_read),
        cmocka_unit_test(a_file_may_break_off_anywhere),
        cmocka_unit_test(any_bytes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
