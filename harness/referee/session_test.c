/* SPDX-License-Identifier: MIT */
#include "referee/session.h"

#include "base/random.h"
#include "referee/conversation.h"
#include "referee/rule.h"
#include "wire/constants.h"

static void a_handshake_ends_in_transmission(void **state)
{
    struct talk t = talk_with(NULL);
    const struct negotiated *n;

    (void)state;
    start(&t);
    assert_int_equal(session_phase(t.s), PHASE_GREETING);
    server_says(&t, NBDMAGIC, IHAVEOPT, U16(3));
    assert_int_equal(session_phase(t.s), PHASE_CLIENT_FLAGS);
    client_says(&t, U32(3));
    assert_int_equal(session_phase(t.s), PHASE_HAGGLING);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    option(&t, GO, BYTES(U32(1), 'a', U16(1), U16(3)));
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, REP_INFO, BYTES(U16(3), U32(512), U32(4096), U32(0xffffffff)));
    option_reply(&t, GO, ACK, NOTHING);
    assert_int_equal(session_phase(t.s), PHASE_TRANSMISSION);
    n = session_negotiated(t.s);
    assert_true(n->no_zeroes);
    assert_true(n->structured);
    assert_true(n->export_known);
    assert_int_equal(n->size, EXPORT_SIZE);
    assert_int_equal(n->transmission_flags, WRITABLE);
    assert_true(n->block_size_known);
    assert_int_equal(n->block_size.minimum, 512);
    assert_int_equal(t.messages, 8);
    assert_int_equal(session_messages(t.s), 8);
    ends_well(&t);
}

static void export_name_enters_transmission(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start_haggling(&t, 3, 1);
    option(&t, EXPORT_NAME, BYTES('a'));
    server_says(&t, U64(EXPORT_SIZE), U16(WRITABLE));
    filled(&t, SIDE_SERVER, 0, 124);
    assert_int_equal(session_phase(t.s), PHASE_TRANSMISSION);
    assert_int_equal(session_negotiated(t.s)->size, EXPORT_SIZE);
    request(&t, READ, 0, 1, 0, 4);
    simple(&t, 0, 1);
    server_says(&t, 1, 2, 3, 4);
    assert_int_equal(t.last.exchange->data.len, 4);
    ends_well(&t);
}

static void an_oldstyle_greeting_enters_transmission(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start(&t);
    server_says(&t, NBDMAGIC, U64(UINT64_C(0x420281861253)), U64(EXPORT_SIZE), U32(1));
    filled(&t, SIDE_SERVER, 0, 124);
    assert_int_equal(session_phase(t.s), PHASE_TRANSMISSION);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 0, 1);
    assert_true(t.last.exchange->answered);
    ends_well(&t);
}

static void contexts_are_selected_and_replaced(void **state)
{
    struct talk t = talk_with(NULL);
    const struct negotiated *n;

    (void)state;
    start_haggling(&t, 3, 3);
    n = session_negotiated(t.s);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    option(&t, SET_META, BYTES(U32(0), U32(0)));
    option_reply(&t, SET_META, META, BYTES(U32(3), 'x', '-', 'y', ':', 'z'));
    assert_int_equal(n->context_count, 0);
    option_reply(&t, SET_META, ACK, NOTHING);
    assert_int_equal(n->context_count, 1);
    assert_int_equal(n->contexts[0].id, 3);
    assert_string_equal(n->contexts[0].name, "x-y:z");
    option(&t, SET_META, BYTES(U32(0), U32(0)));
    option_reply(&t, SET_META, 0x80000009, NOTHING);
    assert_int_equal(n->context_count, 0);
    ends_well(&t);
}

static void requests_may_follow_go_at_once(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(0)));
    request(&t, READ, 0, 9, 0, 2);
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, ACK, NOTHING);
    simple(&t, 0, 9);
    server_says(&t, 1, 2);
    assert_true(t.last.exchange->answered);
    ends_well(&t);
}

static void a_simple_read_is_put_together(void **state)
{
    struct talk t = talk_with(NULL);
    struct exchange *e;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, UINT64_C(0xffffffffffffffff), 100, 3);
    e = session_oldest(t.s);
    assert_ptr_equal(t.last.exchange, e);
    assert_int_equal(session_in_flight(t.s), 1);
    simple(&t, 0, UINT64_C(0xffffffffffffffff));
    assert_false(e->answered);
    server_says(&t, 'a', 'b', 'c');
    assert_true(e->answered);
    assert_int_equal(e->form, REPLY_FORM_SIMPLE);
    assert_memory_equal(e->data.bytes, "abc", 3);
    assert_int_equal(e->data.len, 3);
    assert_int_equal(session_in_flight(t.s), 0);
    session_release(t.s, e);
    ends_well(&t);
}

static void a_structured_read_is_put_together_in_order(void **state)
{
    struct talk t = talk_with(NULL);
    struct exchange *e;

    (void)state;
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, READ, 0, 5, 100, 8);
    e = session_oldest(t.s);
    chunk(&t, 0, 1, 5, BYTES(U64(106), 'g', 'h'));
    chunk(&t, 0, 2, 5, BYTES(U64(102), U32(4)));
    assert_int_equal(e->covered, 6);
    chunk(&t, 0, 1, 5, BYTES(U64(100), 'a', 'b'));
    chunk(&t, DONE, 0, 5, NOTHING);
    assert_true(e->answered);
    assert_int_equal(e->error, 0);
    assert_int_equal(e->data_chunks, 2);
    assert_int_equal(e->hole_chunks, 1);
    assert_int_equal(e->chunks, 4);
    assert_memory_equal(e->data.bytes, "ab\0\0\0\0gh", 8);
    ends_well(&t);
}

static void an_error_chunk_makes_the_reply_an_error(void **state)
{
    struct talk t = talk_with(NULL);
    struct exchange *e;

    (void)state;
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 5, 0, 2);
    e = session_oldest(t.s);
    chunk(&t, 0, 1, 5, BYTES(U64(0), 'a', 0));
    chunk(&t, 0, 0x8002, 5, BYTES(U32(5), U16(3), 'b', 'a', 'd', U64(1)));
    chunk(&t, DONE, 0, 5, NOTHING);
    assert_int_equal(e->error, 5);
    assert_int_equal(e->error_chunks, 1);
    assert_memory_equal(e->message_text.at, "bad", 3);
    assert_int_equal(e->data.len, 0);
    ends_well(&t);
}

static void block_status_is_put_together(void **state)
{
    struct talk t = talk_with(NULL);
    struct exchange *e;

    (void)state;
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 5, 0, 4096);
    e = session_oldest(t.s);
    chunk(&t, DONE, 5, 5, BYTES(U32(7), U32(512), U32(0), U32(8192), U32(3)));
    assert_int_equal(e->status_chunks, 1);
    assert_int_equal(e->statuses[0].context, 7);
    assert_int_equal(e->statuses[0].count, 2);
    assert_int_equal(e->statuses[0].extents[1].length, 8192);
    assert_int_equal(e->statuses[0].extents[1].flags, 3);
    ends_well(&t);
}

static void replies_find_their_requests_by_cookie(void **state)
{
    enum { MANY = 3000 };
    struct talk t = talk_with(NULL);
    struct random r = random_seeded(3);
    uint64_t cookies[MANY];

    (void)state;
    start_simple(&t, WRITABLE);
    for (size_t i = 0; i < MANY; i++) {
        cookies[i] = random_next(&r);
        request(&t, FLUSH, 0, cookies[i], 0, 0);
    }
    assert_int_equal(session_in_flight(t.s), MANY);
    for (size_t i = MANY; i-- > 0;) {
        simple(&t, 0, cookies[(i * 7) % MANY]);
        assert_int_equal(t.last.exchange->number, (i * 7) % MANY);
        session_release(t.s, t.last.exchange);
    }
    assert_int_equal(session_in_flight(t.s), 0);
    ends_well(&t);
}

static void one_cookie_for_two_requests_is_the_clients_fault(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 0, 1);
    server_says(&t, 0, 0);
    assert_int_equal(t.last.exchange->number, 0);
    simple(&t, 0, 1);
    assert_int_equal(t.last.exchange->number, 1);
    simple(&t, 0, 1);
    ends_well(&t);
}

static void disc_is_not_in_flight(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, DISC, 0, 1, 0, 0);
    assert_int_equal(session_in_flight(t.s), 0);
    assert_int_equal(session_phase(t.s), PHASE_ENDED);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
}

static void nonsense_of_the_client_excuses_the_server(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    client_says(&t, U32(0xdeadbeef), U32(1));
    assert_int_equal(t.event, SESSION_LOST);
    assert_int_equal(session_lost(t.s, SIDE_CLIENT)->got, 0xdeadbeef);
    simple(&t, 0, 1);
    server_says(&t, 1, 2);
    assert_true(t.last.exchange->answered);
    session_ended(t.s, SIDE_SERVER, ENDING_RESET);
    ends_well(&t);
}

static void after_starttls_nothing_is_judged(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    assert_int_equal(session_phase(t.s), PHASE_STARTTLS);
    client_says(&t, 22, 3, 1);
    server_says(&t, 22, 3, 3);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
}

static void huge_lengths_take_no_memory(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 4);
    server_says(&t, STRUCTURED, U16(0), U16(1), U64(1), U32(0xffffffff), U64(0));
    for (unsigned i = 0; i < 100; i++)
        filled(&t, SIDE_SERVER, 0, 100000);
    assert_int_equal(t.event, SESSION_MORE);
    ends_well(&t);
}

static void chunks_that_do_not_fit_are_left_out(void **state)
{
    struct talk t = talk_with(NULL);
    struct exchange *e;

    (void)state;
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 10, 4);
    e = session_oldest(t.s);
    chunk(&t, 0, 1, 1, BYTES(U64(9), 1, 2));
    chunk(&t, 0, 1, 1, BYTES(U64(13), 1, 2));
    chunk(&t, 0, 1, 1, BYTES(U64(UINT64_MAX), 1, 2));
    chunk(&t, 0, 2, 1, BYTES(U64(0), U32(0xffffffff)));
    chunk(&t, DONE, 1, 1, BYTES(U64(10), 1, 2, 3, 4));
    assert_int_equal(e->covered, 4);
    assert_memory_equal(e->data.bytes, "\1\2\3\4", 4);
    ends_with(&t, "chunk.offset-data.within-request", "chunk.offset-hole.within-request");
}

static void owing(struct talk *t, const char *wanted)
{
    struct buffer text;

    buffer_init(&text, 1000);
    session_owing(t->s, &text);
    assert_string_equal(buffer_text(&text), wanted);
    buffer_free(&text);
}

static void it_says_who_owes_whom(void **state)
{
    struct talk t = talk_with(NULL);

    (void)state;
    start(&t);
    owing(&t, "the server owes the greeting; the client owes nothing");
    server_says(&t, NBDMAGIC);
    owing(&t, "the server has sent 8 of the 18 bytes of the greeting; the client owes nothing");
    server_says(&t, IHAVEOPT, U16(3));
    owing(&t, "the server owes nothing; the client owes its flags");
    client_says(&t, U32(3), 'I');
    owing(&t, "the server owes nothing; the client has sent 1 of the 16 bytes of its message");
    client_says(&t, 'H', 'A', 'V', 'E', 'O', 'P', 'T', U32(7), U32(6), U32(0), U16(0));
    owing(&t, "the server owes the reply to option GO; the client owes nothing");
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, ACK, NOTHING);
    owing(&t, "the server owes nothing; the client owes nothing");
    request(&t, READ, 0, 7, 0, 8);
    request(&t, FLUSH, 0, 8, 0, 0);
    owing(&t, "the server owes the reply to cookie 7 and to 1 more requests; the client owes nothing");
    server_says(&t, SIMPLE, U32(0), 0);
    owing(&t, "the server has sent 9 of the 16 bytes of the reply to cookie 7; the client owes nothing");
    server_says(&t, 0, 0, 0, 0, 0, 0, 7, 1, 2);
    owing(&t, "the server has sent 18 of the 24 bytes of the reply to cookie 7; the client owes nothing");
    ends_well(&t);
}

/* ---- any cut, any bytes ---- */

struct piece_of_talk {
    enum side from;
    size_t at, len;
};

/* What both sides say, one after the other. */
struct record {
    uint8_t bytes[4096];
    size_t len;
    struct piece_of_talk pieces[64];
    size_t count;
};

static void record(struct record *r, enum side from, struct span bytes)
{
    assert_true(r->count < 64 && r->len + bytes.len <= sizeof r->bytes);
    r->pieces[r->count++] = (struct piece_of_talk){ from, r->len, bytes.len };
    memcpy(r->bytes + r->len, bytes.at, bytes.len);
    r->len += bytes.len;
}

#define S(...) record(&r, SIDE_SERVER, BYTES(__VA_ARGS__))
#define C(...) record(&r, SIDE_CLIENT, BYTES(__VA_ARGS__))

static struct record whole_talk(void)
{
    struct record r = { .len = 0 };

    S(NBDMAGIC, IHAVEOPT, U16(3));
    C(U32(3), IHAVEOPT, U32(SR), U32(0));
    S(REPLY_MAGIC, U32(SR), U32(ACK), U32(0));
    C(IHAVEOPT, U32(SET_META), U32(12 + 15), U32(0), U32(1), U32(15), 'b', 'a', 's', 'e', ':', 'a', 'l', 'l',
      'o', 'c', 'a', 't', 'i', 'o', 'n');
    S(REPLY_MAGIC, U32(SET_META), U32(META), U32(19), U32(7), 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o',
      'c', 'a', 't', 'i', 'o', 'n', REPLY_MAGIC, U32(SET_META), U32(ACK), U32(0));
    C(IHAVEOPT, U32(GO), U32(8), U32(0), U16(1), U16(3));
    S(REPLY_MAGIC, U32(GO), U32(REP_INFO), U32(12), U16(0), U64(EXPORT_SIZE), U16(WRITABLE));
    S(REPLY_MAGIC, U32(GO), U32(REP_INFO), U32(14), U16(3), U32(1), U32(4096), U32(1 << 25));
    S(REPLY_MAGIC, U32(GO), U32(ACK), U32(0));
    C(U32(0x25609513), U16(FUA), U16(WRITE), U64(1), U64(8), U32(4), 'a', 'b', 'c', 'd');
    S(SIMPLE, U32(0), U64(1));
    C(U32(0x25609513), U16(0), U16(READ), U64(2), U64(6), U32(8));
    C(U32(0x25609513), U16(0), U16(BLOCK_STATUS), U64(3), U64(0), U32(16));
    S(STRUCTURED, U16(0), U16(1), U64(2), U32(14), U64(6), 9, 9, 'a', 'b', 'c', 'd');
    S(STRUCTURED, U16(DONE), U16(5), U64(3), U32(20), U32(7), U32(8), U32(3), U32(8), U32(0));
    S(STRUCTURED, U16(0), U16(2), U64(2), U32(12), U64(12), U32(2));
    S(STRUCTURED, U16(DONE), U16(0), U64(2), U32(0));
    C(U32(0x25609513), U16(0), U16(WRITE_ZEROES), U64(4), U64(0), U32(1 << 20));
    S(STRUCTURED, U16(DONE), U16(0x8001), U64(4), U32(9), U32(5), U16(3), 'b', 'a', 'd');
    C(U32(0x25609513), U16(0), U16(DISC), U64(5), U64(0), U32(0));
    return r;
}

/* Plays a record, each piece in slices of at most `most` bytes, in memory of just their size. */
static void play(const struct record *r, size_t most, struct talk *t)
{
    t->model = model_new();
    start(t);
    for (size_t i = 0; i < r->count; i++) {
        struct span rest = span_of(r->bytes + r->pieces[i].at, r->pieces[i].len);

        do {
            struct span slice = span_take(&rest, most);
            uint8_t *own = malloc(slice.len + 1);

            memcpy(own, slice.at, slice.len);
            say(t, r->pieces[i].from, span_of(own, slice.len));
            free(own);
        } while (rest.len > 0);
    }
    session_ended(t->s, SIDE_SERVER, ENDING_FINISHED);
    session_stalled(t->s);
    session_free(t->s);
    model_free(t->model);
}

static void a_good_talk_breaks_no_rule(void **state)
{
    struct record r = whole_talk();
    struct talk t = { 0 };

    (void)state;
    play(&r, SIZE_MAX, &t);
    for (size_t i = 0; i < t.v.count; i++)
        fail_msg("%s: %s", t.v.all[i].rule, t.v.all[i].came);
    assert_int_equal(t.messages, 22);
}

/* Bytes changed at random: no crash, and the same messages and violations however the streams were cut. */
static void any_cut_gives_the_same(void **state)
{
    struct random random = random_seeded(4);

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        struct record r = whole_talk();
        struct talk whole = { 0 }, cut = { 0 };

        for (uint64_t changes = random_below(&random, 4); changes > 0 && round > 0; changes--)
            r.bytes[random_below(&random, r.len)] ^= (uint8_t)(1u << random_below(&random, 8));
        play(&r, SIZE_MAX, &whole);
        play(&r, 1 + (size_t)random_below(&random, 5), &cut);
        assert_int_equal(whole.messages, cut.messages);
        assert_int_equal(whole.v.count, cut.v.count);
        for (size_t i = 0; i < whole.v.count; i++) {
            assert_string_equal(whole.v.all[i].rule, cut.v.all[i].rule);
            assert_string_equal(whole.v.all[i].came, cut.v.all[i].came);
            assert_int_equal(whole.v.all[i].message, cut.v.all[i].message);
        }
    }
}

/* Pieces dropped, doubled and swapped: no crash. */
static void any_order_is_borne(void **state)
{
    struct random random = random_seeded(5);

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        struct record r = whole_talk();
        struct talk t = { 0 };

        for (uint64_t changes = 1 + random_below(&random, 6); changes > 0; changes--)
            r.pieces[random_below(&random, r.count)] = r.pieces[random_below(&random, r.count)];
        play(&r, 1 + (size_t)random_below(&random, 40), &t);
    }
}

static void every_rule_says_when_it_is_looked_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count; i++)
        assert_non_null(occasion_text(rules[i].occasion));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_ends_in_transmission),
        cmocka_unit_test(export_name_enters_transmission),
        cmocka_unit_test(an_oldstyle_greeting_enters_transmission),
        cmocka_unit_test(contexts_are_selected_and_replaced),
        cmocka_unit_test(requests_may_follow_go_at_once),
        cmocka_unit_test(a_simple_read_is_put_together),
        cmocka_unit_test(a_structured_read_is_put_together_in_order),
        cmocka_unit_test(an_error_chunk_makes_the_reply_an_error),
        cmocka_unit_test(block_status_is_put_together),
        cmocka_unit_test(replies_find_their_requests_by_cookie),
        cmocka_unit_test(one_cookie_for_two_requests_is_the_clients_fault),
        cmocka_unit_test(disc_is_not_in_flight),
        cmocka_unit_test(nonsense_of_the_client_excuses_the_server),
        cmocka_unit_test(after_starttls_nothing_is_judged),
        cmocka_unit_test(huge_lengths_take_no_memory),
        cmocka_unit_test(chunks_that_do_not_fit_are_left_out),
        cmocka_unit_test(it_says_who_owes_whom),
        cmocka_unit_test(a_good_talk_breaks_no_rule),
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(any_order_is_borne),
        cmocka_unit_test(every_rule_says_when_it_is_looked_at),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
