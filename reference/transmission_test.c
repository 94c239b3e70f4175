/* SPDX-License-Identifier: MIT */
/* Every command, in both forms of reply, and what is refused.  proto.md, "Request types", "Error values". */
#include "reference/conversation.h"

#include <string.h>

enum { READ, WRITE, DISC, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS };
enum { FUA = 1, NO_HOLE = 2, DF = 4, REQ_ONE = 8, FAST_ZERO = 16 };
enum { EPERM_ = 1, EINVAL_ = 22, ENOSPC_ = 28, EOVERFLOW_ = 75 };

#define QUERY_ALLOCATION \
    0, 0, 0, 15, 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n'

static void drop_output(struct conversation *c)
{
    reference_session_sent(c->session, reference_session_output(c->session).len);
}

static void start_simple(struct conversation *c)
{
    greet(c, 3);
    say(c, BYTES(OPTION(1, 0)));
    drop_output(c);
}

static void start_structured(struct conversation *c)
{
    greet(c, 3);
    say(c, BYTES(OPTION(8, 0)));
    say(c, BYTES(OPTION(10, 28), 0, 0, 0, 1, 'a', 0, 0, 0, 1, QUERY_ALLOCATION));
    say(c, BYTES(OPTION(7, 6), 0, 0, 0, 0, 0, 0));
    drop_output(c);
}

/* A request with numbers of full width. */
static void ask(struct conversation *c, unsigned flags, unsigned type, uint64_t offset, uint32_t length)
{
    uint8_t bytes[28] = { 0x25, 0x60, 0x95, 0x13 };

    bytes[4] = (uint8_t)(flags >> 8);
    bytes[5] = (uint8_t)flags;
    bytes[6] = (uint8_t)(type >> 8);
    bytes[7] = (uint8_t)type;
    bytes[8] = 0xc0;
    bytes[15] = 1; /* the cookie of every request that ask() sends ends so */
    for (size_t i = 0; i < 8; i++)
        bytes[16 + i] = (uint8_t)(offset >> 8 * (7 - i));
    for (size_t i = 0; i < 4; i++)
        bytes[24 + i] = (uint8_t)(length >> 8 * (3 - i));
    say(c, bytes, sizeof bytes);
}

static void what_is_written_is_read_back_in_simple_replies(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    start_simple(&c);
    say(&c, BYTES(REQUEST(FUA, WRITE, 1), RANGE(511, 3), 'a', 'b', 'c'));
    hear(&c, BYTES(SIMPLE(0, 1)));
    say(&c, BYTES(REQUEST(0, READ, 2), RANGE(510, 5)));
    hear(&c, BYTES(SIMPLE(0, 2), 0, 'a', 'b', 'c', 0));
    say(&c, BYTES(REQUEST(0, READ, 3), RANGE(1023, 1)));
    hear(&c, BYTES(SIMPLE(0, 3), 0));
    say(&c, BYTES(REQUEST(0, READ, 4), RANGE(1024, 0)));
    hear(&c, BYTES(SIMPLE(0, 4)));
    hear_nothing_more(&c);
    end(&c);
}

static void commands_without_data_succeed_in_both_forms(void **state)
{
    static const struct {
        unsigned type, flags;
    } commands[] = {
        { FLUSH, 0 },
        { FLUSH, FUA },
        { TRIM, 0 },
        { TRIM, FUA },
        { CACHE, 0 },
        { CACHE, FUA },
        { WRITE_ZEROES, 0 },
        { WRITE_ZEROES, FUA | NO_HOLE },
        { WRITE_ZEROES, FAST_ZERO },
        { WRITE_ZEROES, FAST_ZERO | NO_HOLE | FUA },
    };
    struct conversation simple, structured;

    (void)state;
    begin(&simple, UINT64_C(1) << 33);
    begin(&structured, UINT64_C(1) << 33);
    start_simple(&simple);
    start_structured(&structured);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        static const uint32_t lengths[] = { 0, 1, 65536, UINT32_MAX };

        for (size_t j = 0; j < (commands[i].type == FLUSH ? 1 : 4); j++) {
            ask(&simple, commands[i].flags, commands[i].type, 0, lengths[j]);
            hear(&simple, BYTES(SIMPLE(0, 1)));
            hear_nothing_more(&simple);
            ask(&structured, commands[i].flags, commands[i].type, 0, lengths[j]);
            hear(&structured, BYTES(CHUNK(1, 0, 1, 0)));
            hear_nothing_more(&structured);
        }
    }
    end(&simple);
    end(&structured);
}

static void holes_and_data_come_in_chunks_of_their_own(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 3 * 65536);
    start_structured(&c);
    store_write(c.exports[0].store, 65536, span_text("x"));
    ask(&c, 0, READ, 65024, 65536 + 1024);
    hear(&c, BYTES(CHUNK(0, 2, 1, 12), 0, 0, 0, 0, 0, 0, 0xfe, 0, 0, 0, 2, 0));
    hear(&c, BYTES(0x66, 0x8e, 0x33, 0xef, 0, 0, 0, 1, 0xc0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0, 0,
                   1, 0, 0, 'x', 0));
    reference_session_sent(c.session, 65534);
    hear(&c, BYTES(CHUNK(1, 2, 1, 12), 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0));
    hear_nothing_more(&c);
    /* holes shorter than 512 bytes are sent as data */
    ask(&c, 0, READ, 65533, 4);
    hear(&c, BYTES(CHUNK(1, 1, 1, 12), 0, 0, 0, 0, 0, 0, 0xff, 0xfd, 0, 0, 0, 'x'));
    hear_nothing_more(&c);
    ask(&c, 0, READ, 0, 0);
    hear(&c, BYTES(CHUNK(1, 0, 1, 0)));
    end(&c);
}

static void with_df_there_is_one_chunk(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 3 * 65536);
    start_structured(&c);
    ask(&c, DF, READ, 0, 131072);
    hear(&c, BYTES(CHUNK(1, 2, 1, 12), 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0));
    hear_nothing_more(&c);
    store_write(c.exports[0].store, 131071, span_text("x"));
    ask(&c, DF, READ, 0, 131072);
    hear(&c, BYTES(0x66, 0x8e, 0x33, 0xef, 0, 1, 0, 1, 0xc0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 8, 0, 0, 0, 0, 0,
                   0, 0, 0));
    assert_int_equal(reference_session_output(c.session).len, 131072);
    end(&c);
}

static void block_status_tells_data_zeroes_and_holes(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 4 * 65536);
    start_structured(&c);
    store_write(c.exports[0].store, 0, span_text("x"));
    store_zero(c.exports[0].store, 65536, 65536, true);
    ask(&c, 0, BLOCK_STATUS, 65535, 131072);
    hear(&c, BYTES(CHUNK(1, 5, 1, 28), 0, 0, 0, 1));
    hear(&c, BYTES(0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 3));
    hear_nothing_more(&c);
    ask(&c, REQ_ONE, BLOCK_STATUS, 131072, 131072);
    hear(&c, BYTES(CHUNK(1, 5, 1, 12), 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3));
    hear_nothing_more(&c);
    ask(&c, 0, BLOCK_STATUS, 0, 0);
    hear_error_chunk(&c, 1, EINVAL_);
    end(&c);
}

/* What is wrong with a request, and the error for it; size of the export: 2^32 + 1000. */
static const struct refusal {
    unsigned flags, type;
    uint64_t offset;
    uint32_t length, error;
} refusals[] = {
    { 0, 8, 0, 0, EINVAL_ },
    { 0, 999, 0, 0, EINVAL_ },
    { 0, 65535, 5, 7, EINVAL_ },
    { 0, READ, UINT64_C(0x1000003e8), 1, EINVAL_ },
    { 0, READ, UINT64_C(0x1000003e7), 2, EINVAL_ },
    { 0, READ, UINT64_MAX, 1, EINVAL_ },
    { 0, READ, UINT64_MAX, 0, EINVAL_ },
    { 0, READ, UINT64_C(0x8000000000000000), 1, EINVAL_ },
    { 0, TRIM, UINT64_C(0x1000003e7), 2, EINVAL_ },
    { 0, TRIM, UINT64_MAX, UINT32_MAX, EINVAL_ },
    { 0, CACHE, 1002, UINT32_MAX, EINVAL_ },
    { 0, WRITE_ZEROES, 1002, UINT32_MAX, ENOSPC_ },
    { FAST_ZERO, WRITE_ZEROES, UINT64_MAX, 2, ENOSPC_ },
    { 0, FLUSH, 1, 0, EINVAL_ },
    { NO_HOLE, READ, 0, 1, EINVAL_ },
    { REQ_ONE, READ, 0, 1, EINVAL_ },
    { 0x8000, READ, 0, 1, EINVAL_ },
    { 0x20, READ, 0, 1, EINVAL_ },
    { DF, WRITE_ZEROES, 0, 1, EINVAL_ },
    { DF, CACHE, 0, 1, EINVAL_ },
    { 0x40, CACHE, 0, 1, EINVAL_ },
    { FAST_ZERO, TRIM, 0, 1, EINVAL_ },
    { NO_HOLE, FLUSH, 0, 0, EINVAL_ },
};

static void what_is_wrong_is_refused_and_what_follows_is_answered(void **state)
{
    struct conversation simple, structured;

    (void)state;
    begin(&simple, UINT64_C(0x1000003e8));
    begin(&structured, UINT64_C(0x1000003e8));
    start_simple(&simple);
    start_structured(&structured);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];

        ask(&simple, r->flags, r->type, r->offset, r->length);
        hear(&simple, BYTES(SIMPLE((uint8_t)r->error, 1)));
        hear_nothing_more(&simple);
        ask(&structured, r->flags, r->type, r->offset, r->length);
        hear_error_chunk(&structured, 1, r->error);
    }
    ask(&simple, 0, BLOCK_STATUS, 0, 512);
    hear(&simple, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&simple, DF, READ, 0, 512); /* only with structured replies */
    hear(&simple, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&structured, 0, BLOCK_STATUS, UINT64_C(0x1000003e7), 2);
    hear_error_chunk(&structured, 1, EINVAL_);
    end(&simple);
    end(&structured);
}

static void the_data_of_a_refused_write_are_skipped(void **state)
{
    struct conversation c;
    uint8_t *data = test_calloc(1, 64 << 20);

    (void)state;
    begin(&c, 128 << 20);
    start_simple(&c);
    ask(&c, 0, WRITE, (128 << 20) - 4, 8);
    say(&c, BYTES(1, 2, 3, 4, 5, 6, 7, 8));
    hear(&c, BYTES(SIMPLE(ENOSPC_, 1)));
    ask(&c, DF, WRITE, 0, 3);
    say(&c, BYTES(1, 2, 3));
    hear(&c, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&c, 0, WRITE, 0, 64 << 20);
    say(&c, data, 64 << 20);
    hear(&c, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&c, 0, READ, (128 << 20) - 4, 4);
    hear(&c, BYTES(SIMPLE(0, 1), 0, 0, 0, 0));
    ask(&c, 0, WRITE, 0, (64 << 20) + 1);
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    test_free(data);
    end(&c);
}

static void payloads_up_to_the_default_maximum_are_served(void **state)
{
    struct conversation simple, structured;
    uint32_t maximum = 32 << 20;
    uint8_t *data = test_malloc(maximum);

    (void)state;
    memset(data, 0xa5, maximum);
    begin(&simple, 128 << 20);
    begin(&structured, 128 << 20);
    start_simple(&simple);
    start_structured(&structured);
    ask(&simple, 0, WRITE, 1, maximum);
    say(&simple, data, maximum);
    hear(&simple, BYTES(SIMPLE(0, 1)));
    ask(&simple, 0, READ, 1, maximum);
    hear(&simple, BYTES(SIMPLE(0, 1)));
    hear(&simple, data, maximum);
    hear_nothing_more(&simple);
    ask(&simple, 0, READ, 0, maximum + 1);
    hear(&simple, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&structured, 0, READ, 0, maximum + 1);
    hear_error_chunk(&structured, 1, EOVERFLOW_);
    ask(&structured, DF, READ, 0, maximum + 1);
    hear_error_chunk(&structured, 1, EOVERFLOW_);
    test_free(data);
    end(&simple);
    end(&structured);
}

static void read_only_exports_refuse_what_writes(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    c.exports[0].read_only = true;
    start_simple(&c);
    ask(&c, 0, WRITE, 0, 2);
    say(&c, BYTES('n', 'o'));
    hear(&c, BYTES(SIMPLE(EPERM_, 1)));
    ask(&c, 0, WRITE_ZEROES, 0, 1);
    hear(&c, BYTES(SIMPLE(EPERM_, 1)));
    ask(&c, 0, TRIM, 0, 1);
    hear(&c, BYTES(SIMPLE(EPERM_, 1)));
    ask(&c, FUA, READ, 0, 2);
    hear(&c, BYTES(SIMPLE(0, 1), 0, 0));
    ask(&c, 0, FLUSH, 0, 0);
    hear(&c, BYTES(SIMPLE(0, 1)));
    end(&c);
}

static void what_is_not_advertised_is_refused(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    c.exports[0].without = 1 << 2 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 10 | 1 << 11;
    start_structured(&c);
    ask(&c, 0, FLUSH, 0, 0);
    hear_error_chunk(&c, 1, EINVAL_);
    ask(&c, FUA, READ, 0, 1);
    hear_error_chunk(&c, 1, EINVAL_);
    ask(&c, 0, TRIM, 0, 1);
    hear_error_chunk(&c, 1, EINVAL_);
    ask(&c, DF, READ, 0, 1);
    hear_error_chunk(&c, 1, EINVAL_);
    ask(&c, 0, CACHE, 0, 1);
    hear_error_chunk(&c, 1, EINVAL_);
    ask(&c, FAST_ZERO, WRITE_ZEROES, 0, 1);
    hear_error_chunk(&c, 1, EINVAL_);
    ask(&c, NO_HOLE, WRITE_ZEROES, 0, 1);
    hear(&c, BYTES(CHUNK(1, 0, 1, 0)));
    end(&c);
}

static void block_sizes_are_enforced(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 8 << 20);
    c.exports[0].block_size = (struct wire_info_block_size){ 512, 4096, 1 << 20 };
    start_simple(&c);
    ask(&c, 0, READ, 1, 512);
    hear(&c, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&c, 0, TRIM, 512, 513);
    hear(&c, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&c, 0, WRITE, 0, 1);
    say(&c, BYTES('x'));
    hear(&c, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&c, 0, READ, 0, (1 << 20) + 512);
    hear(&c, BYTES(SIMPLE(EINVAL_, 1)));
    ask(&c, 0, WRITE_ZEROES, 0, 4 << 20); /* no payload */
    hear(&c, BYTES(SIMPLE(0, 1)));
    ask(&c, 0, READ, 512, 512);
    hear(&c, BYTES(SIMPLE(0, 1)));
    assert_int_equal(reference_session_output(c.session).len, 512);
    end(&c);
}

static void without_room_a_write_fails(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1 << 20);
    store_free(c.exports[0].store);
    c.exports[0].store = store_new(1 << 20, 65536);
    start_simple(&c);
    ask(&c, 0, WRITE, 65535, 2);
    say(&c, BYTES('x', 'y'));
    hear(&c, BYTES(SIMPLE(ENOSPC_, 1)));
    ask(&c, NO_HOLE, WRITE_ZEROES, 0, 1 << 20);
    hear(&c, BYTES(SIMPLE(ENOSPC_, 1)));
    ask(&c, 0, WRITE_ZEROES, 0, 1 << 20);
    hear(&c, BYTES(SIMPLE(0, 1)));
    end(&c);
}

static void disc_ends_the_session_after_what_came_before(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    start_simple(&c);
    say(&c, BYTES(REQUEST(0, WRITE, 1), RANGE(0, 1), 'x', REQUEST(0, READ, 2), RANGE(0, 1),
                  REQUEST(0, DISC, 3), RANGE(0, 0), REQUEST(0, READ, 4), RANGE(0, 1)));
    hear(&c, BYTES(SIMPLE(0, 1), SIMPLE(0, 2), 'x'));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void a_wrong_magic_ends_the_session(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    start_simple(&c);
    say(&c, BYTES(0x25, 0x60, 0x95, 0x14));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back_in_simple_replies),
        cmocka_unit_test(commands_without_data_succeed_in_both_forms),
        cmocka_unit_test(holes_and_data_come_in_chunks_of_their_own),
        cmocka_unit_test(with_df_there_is_one_chunk),
        cmocka_unit_test(block_status_tells_data_zeroes_and_holes),
        cmocka_unit_test(what_is_wrong_is_refused_and_what_follows_is_answered),
        cmocka_unit_test(the_data_of_a_refused_write_are_skipped),
        cmocka_unit_test(payloads_up_to_the_default_maximum_are_served),
        cmocka_unit_test(read_only_exports_refuse_what_writes),
        cmocka_unit_test(what_is_not_advertised_is_refused),
        cmocka_unit_test(block_sizes_are_enforced),
        cmocka_unit_test(without_room_a_write_fails),
        cmocka_unit_test(disc_ends_the_session_after_what_came_before),
        cmocka_unit_test(a_wrong_magic_ends_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
