/* SPDX-License-Identifier: MIT */
/* Several metadata contexts.  proto.md, "Metadata querying", and "Option types", NBD_OPT_LIST_META_CONTEXT
 * and NBD_OPT_SET_META_CONTEXT. */
#include "reference/conversation.h"

#define ALLOCATION 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n'
#define PRIVATE 'x', '-', 'n', 'b', 'd', 't', 'e', 's', 't', ':'
#define WRITTEN PRIVATE, 'w', 'r', 'i', 't', 't', 'e', 'n'
#define HIGH PRIVATE, 'h', 'i', 'g', 'h'
#define QUERIES(count, ...) 0, 0, 0, 1, 'a', 0, 0, 0, (count), __VA_ARGS__

enum { QUERIES_SIZE = 9, ALLOCATION_SIZE = 4 + 15, WRITTEN_SIZE = 4 + 17, PRIVATE_SIZE = 4 + 10 };
enum { LIST = 9, SET = 10 };

static void begin_noted(struct conversation *c)
{
    begin(c, 65536);
    c->exports[0].written = written_new(65536, 65536);
    greet(c, 1);
    say(c, BYTES(OPTION(8, 0)));
    hear(c, BYTES(REPLY(8, 1, 0)));
}

static void end_noted(struct conversation *c)
{
    written_free(c->exports[0].written);
    end(c);
}

static void hear_allocation(struct conversation *c, uint8_t option, uint8_t id)
{
    hear(c, BYTES(REPLY(option, 4, ALLOCATION_SIZE), 0, 0, 0, id, ALLOCATION));
}

static void hear_written(struct conversation *c, uint8_t option, uint8_t id)
{
    hear(c, BYTES(REPLY(option, 4, WRITTEN_SIZE), 0, 0, 0, id, WRITTEN));
}

static void hear_end(struct conversation *c, uint8_t option)
{
    hear(c, BYTES(REPLY(option, 1, 0)));
    hear_nothing_more(c);
}

static void select_both(struct conversation *c)
{
    say(c, BYTES(OPTION(SET, QUERIES_SIZE + WRITTEN_SIZE + ALLOCATION_SIZE),
                 QUERIES(2, 0, 0, 0, 17, WRITTEN, 0, 0, 0, 15, ALLOCATION)));
    hear_allocation(c, SET, 1);
    hear_written(c, SET, 2);
    hear_end(c, SET);
}

static void go(struct conversation *c)
{
    say(c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'a', 0, 0));
    reference_session_sent(c->session, reference_session_output(c->session).len);
}

static void all_contexts_are_listed_and_those_of_a_namespace(void **state)
{
    struct conversation c;

    (void)state;
    begin_noted(&c);
    say(&c, BYTES(OPTION(LIST, QUERIES_SIZE), QUERIES(0)));
    hear_allocation(&c, LIST, 0);
    hear_written(&c, LIST, 0);
    hear_end(&c, LIST);
    say(&c, BYTES(OPTION(LIST, QUERIES_SIZE + PRIVATE_SIZE), QUERIES(1, 0, 0, 0, 10, PRIVATE)));
    hear_written(&c, LIST, 0);
    hear_end(&c, LIST);
    say(&c, BYTES(OPTION(LIST, QUERIES_SIZE + WRITTEN_SIZE), QUERIES(1, 0, 0, 0, 17, WRITTEN)));
    hear_written(&c, LIST, 0);
    hear_end(&c, LIST);
    say(&c, BYTES(OPTION(LIST, QUERIES_SIZE + 6), QUERIES(1, 0, 0, 0, 2, 'x', '-')));
    hear_end(&c, LIST);
    end_noted(&c);
}

static void an_export_without_notes_has_no_context_for_them(void **state)
{
    struct conversation c;

    (void)state;
    begin_noted(&c);
    say(&c, BYTES(OPTION(LIST, QUERIES_SIZE), 0, 0, 0, 1, 'b', 0, 0, 0, 0));
    hear_allocation(&c, LIST, 0);
    hear_end(&c, LIST);
    say(&c,
        BYTES(OPTION(SET, QUERIES_SIZE + WRITTEN_SIZE), 0, 0, 0, 1, 'b', 0, 0, 0, 1, 0, 0, 0, 17, WRITTEN));
    hear_end(&c, SET);
    end_noted(&c);
}

static void only_whole_names_are_selected(void **state)
{
    struct conversation c;

    (void)state;
    begin_noted(&c);
    say(&c, BYTES(OPTION(SET, QUERIES_SIZE + PRIVATE_SIZE), QUERIES(1, 0, 0, 0, 10, PRIVATE)));
    hear_end(&c, SET);
    go(&c);
    say(&c, BYTES(REQUEST(0, 7, 1), RANGE(0, 4096)));
    hear_error_chunk(&c, 1, 22);
    end_noted(&c);
}

static void each_selected_context_has_a_chunk(void **state)
{
    struct conversation c;

    (void)state;
    begin_noted(&c);
    select_both(&c);
    go(&c);
    say(&c, BYTES(REQUEST(0, 1, 1), RANGE(4097, 2), 'h', 'i'));
    hear(&c, BYTES(CHUNK(1, 0, 1, 0)));
    say(&c, BYTES(REQUEST(0, 7, 2), RANGE(0, 16384)));
    hear(&c, BYTES(CHUNK(0, 5, 2, 12), 0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0, 0, 0));
    hear(&c, BYTES(CHUNK(1, 5, 2, 28), 0, 0, 0, 2, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 1, 0, 0,
                   0x20, 0, 0, 0, 0, 0));
    hear_nothing_more(&c);
    say(&c, BYTES(REQUEST(8, 7, 3), RANGE(4096, 8192))); /* REQ_ONE: one extent in each */
    hear(&c, BYTES(CHUNK(0, 5, 3, 12), 0, 0, 0, 1, 0, 0, 0x20, 0, 0, 0, 0, 0));
    hear(&c, BYTES(CHUNK(1, 5, 3, 12), 0, 0, 0, 2, 0, 0, 0x10, 0, 0, 0, 0, 1));
    hear_nothing_more(&c);
    end_noted(&c);
}

static void one_context_alone_may_be_selected(void **state)
{
    struct conversation c;

    (void)state;
    begin_noted(&c);
    select_both(&c);
    say(&c, BYTES(OPTION(SET, QUERIES_SIZE + WRITTEN_SIZE), QUERIES(1, 0, 0, 0, 17, WRITTEN)));
    hear_written(&c, SET, 2);
    hear_end(&c, SET);
    go(&c);
    say(&c, BYTES(REQUEST(0, 4, 1), RANGE(0, 4096))); /* TRIM may alter what is read, too */
    hear(&c, BYTES(CHUNK(1, 0, 1, 0)));
    say(&c, BYTES(REQUEST(0, 6, 2), RANGE(8192, 4096)));
    hear(&c, BYTES(CHUNK(1, 0, 2, 0)));
    say(&c, BYTES(REQUEST(0, 0, 3), RANGE(4096, 1))); /* READ does not */
    hear(&c, BYTES(CHUNK(1, 1, 3, 9), 0, 0, 0, 0, 0, 0, 0x10, 0, 0));
    say(&c, BYTES(REQUEST(0, 7, 4), RANGE(0, 12288)));
    hear(&c, BYTES(CHUNK(1, 5, 4, 28), 0, 0, 0, 2, 0, 0, 0x10, 0, 0, 0, 0, 1, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0,
                   0x10, 0, 0, 0, 0, 1));
    hear_nothing_more(&c);
    end_noted(&c);
}

/* Its status has more than 32 bits. */
static void one_context_is_there_with_extended_headers_alone(void **state)
{
    struct conversation c;

    (void)state;
    begin_noted(&c);
    say(&c, BYTES(OPTION(SET, QUERIES_SIZE + 18), QUERIES(1, 0, 0, 0, 14, HIGH)));
    hear_end(&c, SET);
    say(&c, BYTES(OPTION(11, 0)));
    hear(&c, BYTES(REPLY(11, 1, 0)));
    say(&c, BYTES(OPTION(LIST, QUERIES_SIZE), QUERIES(0)));
    hear_allocation(&c, LIST, 0);
    hear_written(&c, LIST, 0);
    hear(&c, BYTES(REPLY(LIST, 4, 18), 0, 0, 0, 0, HIGH));
    hear_end(&c, LIST);
    say(&c, BYTES(OPTION(SET, QUERIES_SIZE + 18), QUERIES(1, 0, 0, 0, 14, HIGH)));
    hear(&c, BYTES(REPLY(SET, 4, 18), 0, 0, 0, 3, HIGH));
    hear_end(&c, SET);
    go(&c);
    say(&c, BYTES(0x21, 0xe4, 0x1c, 0x71, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                  0, 0, 0, 0x10, 0));
    hear(&c,
         BYTES(0x6e, 0x8a, 0x27, 0x8c, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
               0, 0, 0, 24, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 3, 0, 0, 0, 0));
    hear_nothing_more(&c);
    end_noted(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_contexts_are_listed_and_those_of_a_namespace),
        cmocka_unit_test(an_export_without_notes_has_no_context_for_them),
        cmocka_unit_test(only_whole_names_are_selected),
        cmocka_unit_test(each_selected_context_has_a_chunk),
        cmocka_unit_test(one_context_alone_may_be_selected),
        cmocka_unit_test(one_context_is_there_with_extended_headers_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
