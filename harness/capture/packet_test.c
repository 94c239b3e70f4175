/* SPDX-License-Identifier: MIT */
#include "capture/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "capture/segment.h"

/* IPv4 from 127.0.0.1 port 49152 to 127.0.0.1 port 10809, TCP with PSH and ACK, "abc", four bytes
 * of padding. */
static const uint8_t ip4[] = {
    0x45, 0,    0,    43,   0,   0, 0x40, 0, 64, 6, 0, 0, /* 43 bytes, TCP */
    127,  0,    0,    1,    127, 0, 0,    1,              /* from, to */
    0xc0, 0,    0x2a, 0x39, 0,   0, 0,    7, 0,  0, 0, 9, /* ports, sequence 7, acknowledged 9 */
    0x50, 0x18, 0xff, 0xff, 0,   0, 0,    0,              /* 5 words, PSH ACK, window, checksum, urgent */
    'a',  'b',  'c',  0,    0,   0, 0,
};

/* IPv6 from ::1 to ::1 with a hop-by-hop header of 8 bytes, TCP with FIN and ACK, "xy". */
static const uint8_t ip6[] = {
    0x60, 0,    0,    0, 0, 30, 0, 64, /* 30 bytes follow; hop-by-hop options come next */
    0,    0,    0,    0, 0, 0,  0, 0,  0, 0, 0, 0, 0,    0,    0,    1, /* from */
    0,    0,    0,    0, 0, 0,  0, 0,  0, 0, 0, 0, 0,    0,    0,    1, /* to */
    6,    0,    1,    4, 0, 0,  0, 0,                                   /* TCP comes next; padding */
    0x2a, 0x39, 0xc0, 0, 0, 0,  1, 0,  0, 0, 0, 9, 0x50, 0x11, 0xff, 0xff, 0, 0, 0, 0, 'x', 'y',
};

static bool parse_behind(enum packet_link link, const void *header, size_t header_len, const void *ip,
                         size_t ip_len, struct packet *ret)
{
    static uint8_t frame[4096];

    memcpy(frame, header, header_len);
    memcpy(frame + header_len, ip, ip_len);
    return packet_parse(link, span_of(frame, header_len + ip_len), ret);
}

static void is_abc(const struct packet *packet)
{
    static const uint8_t local[16] = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 };

    assert_memory_equal(packet->from.address, local, 16);
    assert_memory_equal(packet->to.address, local, 16);
    assert_memory_equal(packet->from.port, "\xc0\0", 2);
    assert_memory_equal(packet->to.port, "\x2a\x39", 2);
    assert_int_equal(packet->sequence, 7);
    assert_true(packet->ack && !packet->syn && !packet->fin && !packet->rst);
    assert_int_equal(packet->missing, 0);
    assert_int_equal(packet->data.len, 3);
    assert_memory_equal(packet->data.at, "abc", 3);
}

static void ip4_without_padding_is_read(void **state)
{
    struct packet packet;

    (void)state;
    assert_true(packet_parse(PACKET_IP, span_of(ip4, sizeof ip4), &packet));
    is_abc(&packet);
}

static void ip6_behind_extension_headers_is_read(void **state)
{
    struct packet packet;

    (void)state;
    assert_true(packet_parse(PACKET_IP, span_of(ip6, sizeof ip6), &packet));
    assert_int_equal(packet.from.address[15], 1);
    assert_int_equal(packet.sequence, 256);
    assert_true(packet.ack && packet.fin);
    assert_int_equal(packet.data.len, 2);
    assert_memory_equal(packet.data.at, "xy", 2);
}

static void every_link_layer_is_read(void **state)
{
    static const uint8_t ethernet[14] = { [12] = 0x08 };
    static const uint8_t two_tags[22] = { [12] = 0x88, [13] = 0xa8, [16] = 0x81, [20] = 0x08 };
    static const uint8_t loopback[4] = { 2 };
    static const uint8_t cooked[16] = { [14] = 0x08 };
    static const uint8_t cooked2[20] = { 0x08 };
    struct packet packet;

    (void)state;
    assert_true(parse_behind(PACKET_ETHERNET, ethernet, sizeof ethernet, ip4, sizeof ip4, &packet));
    is_abc(&packet);
    assert_true(parse_behind(PACKET_ETHERNET, two_tags, sizeof two_tags, ip4, sizeof ip4, &packet));
    is_abc(&packet);
    assert_true(parse_behind(PACKET_LOOPBACK, loopback, sizeof loopback, ip4, sizeof ip4, &packet));
    is_abc(&packet);
    assert_true(parse_behind(PACKET_LINUX_COOKED, cooked, sizeof cooked, ip4, sizeof ip4, &packet));
    is_abc(&packet);
    assert_true(parse_behind(PACKET_LINUX_COOKED2, cooked2, sizeof cooked2, ip4, sizeof ip4, &packet));
    is_abc(&packet);
}

static void other_things_are_passed_over(void **state)
{
    static const uint8_t arp[14] = { [12] = 0x08, [13] = 0x06 };
    uint8_t changed[sizeof ip4];
    struct packet packet;

    (void)state;
    assert_false(parse_behind(PACKET_ETHERNET, arp, sizeof arp, ip4, sizeof ip4, &packet));
    memcpy(changed, ip4, sizeof ip4);
    changed[9] = 17; /* UDP */
    assert_false(packet_parse(PACKET_IP, span_of(changed, sizeof changed), &packet));
    memcpy(changed, ip4, sizeof ip4);
    changed[6] = 0x20; /* more fragments */
    assert_false(packet_parse(PACKET_IP, span_of(changed, sizeof changed), &packet));
}

static void fragments_are_told_apart(void **state)
{
    uint8_t changed[sizeof ip4], wide[sizeof ip6 + 8];
    struct packet_fragment fragment;
    struct packet packet;

    (void)state;
    assert_false(packet_parse_fragment(PACKET_IP, span_of(ip4, sizeof ip4), &fragment));
    memcpy(changed, ip4, sizeof ip4);
    changed[5] = 77;   /* identification */
    changed[6] = 0x20; /* more fragments */
    changed[7] = 3;
    assert_true(packet_parse_fragment(PACKET_IP, span_of(changed, sizeof changed), &fragment));
    assert_int_equal(fragment.id, 77);
    assert_int_equal(fragment.at, 24);
    assert_true(fragment.more);
    assert_int_equal(fragment.bytes.len, 23);
    assert_true(packet_parse_payload(&fragment, fragment.bytes, &packet));
    is_abc(&packet);
    assert_false(packet_parse_fragment(PACKET_IP, span_of(changed, 42), &fragment)); /* one byte is missing */

    memcpy(wide, ip6, 48);
    memcpy(wide + 48, (const uint8_t[]){ 6, 0, 0, 0, 0, 0, 1, 2 }, 8); /* alone, and called a fragment */
    memcpy(wide + 56, ip6 + 48, sizeof ip6 - 48);
    wide[5] += 8;
    wide[40] = 44;
    assert_true(packet_parse(PACKET_IP, span_of(wide, sizeof wide), &packet));
    assert_int_equal(packet.data.len, 2);
    wide[51] = 0x11; /* at 16, and more */
    assert_false(packet_parse(PACKET_IP, span_of(wide, sizeof wide), &packet));
    assert_true(packet_parse_fragment(PACKET_IP, span_of(wide, sizeof wide), &fragment));
    assert_int_equal(fragment.id, 0x102);
    assert_int_equal(fragment.at, 16);
    assert_true(fragment.more);
}

static void what_was_not_captured_is_missing(void **state)
{
    struct packet packet;

    (void)state;
    assert_true(packet_parse(PACKET_IP, span_of(ip4, 41), &packet));
    assert_int_equal(packet.data.len, 1);
    assert_int_equal(packet.missing, 2);
}

static void headers_cut_anywhere_are_no_segment(void **state)
{
    struct packet packet;

    (void)state;
    for (size_t len = 0; len < 40; len++)
        assert_false(packet_parse(PACKET_IP, span_of(ip4, len), &packet));
    for (size_t len = 0; len < 68; len++)
        assert_false(packet_parse(PACKET_IP, span_of(ip6, len), &packet));
}

static void a_written_segment_is_read_back(void **state)
{
    static uint8_t bytes[SEGMENT_MAX];
    const struct segment segment = { .from = { 0x7f000001, 49152 },
                                     .to = { 0x7f000001, 10809 },
                                     .sequence = 7,
                                     .acknowledged = 9,
                                     .flags = SEGMENT_PSH | SEGMENT_ACK,
                                     .data = span_text("abc") };
    struct packet packet;
    size_t size = segment_write(&segment, 0, bytes);

    (void)state;
    assert_int_equal(size, 43);
    assert_true(packet_parse(PACKET_IP, span_of(bytes, size), &packet));
    is_abc(&packet);
    bytes[10] = bytes[11] = bytes[36] = bytes[37] = 0; /* the checksums, which tshark judges */
    assert_memory_equal(bytes, ip4, size);
}

static void broken_packets_do_no_harm(void **state)
{
    struct random random = random_seeded(1);

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)random_below(&random, 100);
        uint8_t *bytes = malloc(len + 1); /* its own memory, so that a sanitizer sees reads beyond it */
        struct packet packet;

        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = round % 2 && i < sizeof ip6 && random_below(&random, 8)
                           ? ip6[i]
                           : (uint8_t)random_next(&random);
        for (int link = PACKET_ETHERNET; link <= PACKET_LINUX_COOKED2; link++)
            if (packet_parse((enum packet_link)link, span_of(bytes, len), &packet))
                assert_true(packet.data.len <= len);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip4_without_padding_is_read),
        cmocka_unit_test(ip6_behind_extension_headers_is_read),
        cmocka_unit_test(every_link_layer_is_read),
        cmocka_unit_test(other_things_are_passed_over),
        cmocka_unit_test(fragments_are_told_apart),
        cmocka_unit_test(what_was_not_captured_is_missing),
        cmocka_unit_test(headers_cut_anywhere_are_no_segment),
        cmocka_unit_test(a_written_segment_is_read_back),
        cmocka_unit_test(broken_packets_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
