/* SPDX-License-Identifier: MIT */
/* Rules for the talk of others, each seen broken, and what they do not blame. */
#include "referee/conversation.h"

static bool seen[128];

static void note_seen(const struct talk *t)
{
    assert_true(onlooker_rule_count <= sizeof seen);
    for (size_t i = 0; i < onlooker_rule_count; i++)
        seen[i] = seen[i] || has_rule(t, onlooker_rules[i].id);
}

#define TALK struct talk t = { .looked_on = true }
#define AGAIN(t) (*(t) = (struct talk){ .looked_on = true })
#define BREAKS(t, ...)             \
    do {                           \
        note_seen(t);              \
        ends_with(t, __VA_ARGS__); \
    } while (0)

/* ---- haggling ---- */

static void flags_that_end_the_connection(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 7);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    BREAKS(&t, "flags.unknown.server-closes");
    AGAIN(&t);
    start_haggling(&t, 1, 3);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    BREAKS(&t, "flags.unoffered-drops");
    AGAIN(&t);
    start_haggling(&t, 1, 7);
    option(&t, EXPORT_NAME, NOTHING);
    server_says(&t, U64(EXPORT_SIZE), U16(1));
    filled(&t, SIDE_SERVER, 0, 124);
    BREAKS(&t, "flags.unknown.server-closes", "flags.unoffered-drops");
    AGAIN(&t);
    start_haggling(&t, 3, 1);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    ends_well(&t);
}

static void answers_to_options(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, 0x80000006, NOTHING); /* ERR_UNKNOWN */
    option(&t, LIST, BYTES(1));
    option_reply(&t, LIST, ACK, NOTHING);
    option(&t, SR, BYTES(1));
    option_reply(&t, SR, ACK, NOTHING);
    option(&t, LIST_META, BYTES(U32(0), U32(2), U32(1), 'x'));
    option_reply(&t, LIST_META, ACK, NOTHING);
    option(&t, INFO, BYTES(U32(9), U16(0)));
    info_export(&t, INFO, WRITABLE);
    option_reply(&t, INFO, ACK, NOTHING);
    option(&t, ABORT, NOTHING);
    option_reply(&t, ABORT, 0x80000001, NOTHING); /* ERR_UNSUP */
    BREAKS(&t, "opt.starttls.ack-or-permitted-error", "opt.list.data-rejected",
           "opt.structured-reply.data-rejected", "opt.list-meta-context.malformed-invalid",
           "rep.err-invalid.malformed-option", "opt.abort.ack");
    AGAIN(&t);
    start_haggling(&t, 3, 3);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, 0x80000002, NOTHING);     /* ERR_POLICY */
    option(&t, INFO, BYTES(U32(2), 0xff, 0xfe, U16(0))); /* layout is all that has to be right */
    info_export(&t, INFO, WRITABLE);
    option_reply(&t, INFO, ACK, NOTHING);
    option(&t, ABORT, NOTHING);
    option_reply(&t, ABORT, ACK, NOTHING);
    ends_well(&t);
}

/* INFO, then GO with other flags; in between perhaps another option. */
static void ask_twice(struct talk *t, bool structured, unsigned flags)
{
    start_haggling(t, 3, 3);
    option(t, INFO, BYTES(U32(0), U16(1), U16(3)));
    info_export(t, INFO, WRITABLE);
    option_reply(t, INFO, ACK, NOTHING);
    if (structured) {
        option(t, SR, NOTHING);
        option_reply(t, SR, ACK, NOTHING);
    }
    option(t, GO, BYTES(U32(0), U16(1), U16(3)));
    info_export(t, GO, flags);
    option_reply(t, GO, ACK, NOTHING);
}

static void go_straight_behind_info_is_told_the_same(void **state)
{
    TALK;

    (void)state;
    ask_twice(&t, false, WRITABLE | MULTI_CONN);
    BREAKS(&t, "opt.info-go.go-repeats-info");
    AGAIN(&t);
    ask_twice(&t, true, WRITABLE | SEND_DF);
    ends_well(&t);
    AGAIN(&t);
    ask_twice(&t, false, WRITABLE);
    ends_well(&t);
    AGAIN(&t);
    start_haggling(&t, 3, 3);
    option(&t, INFO, BYTES(U32(0), U16(1), U16(3)));
    info_export(&t, INFO, WRITABLE);
    option_reply(&t, INFO, REP_INFO, BYTES(U16(3), U32(1), U32(4096), U32(1 << 20)));
    option_reply(&t, INFO, ACK, NOTHING);
    option(&t, GO, BYTES(U32(0), U16(1), U16(3)));
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, ACK, NOTHING);
    BREAKS(&t, "opt.info-go.go-repeats-info");
}

static void told(struct talk *t, uint32_t number, uint32_t id, const char *name)
{
    size_t len = strlen(name);

    server_says(t, REPLY_MAGIC, U32(number), U32(META), U32(4 + len), U32(id));
    say(t, SIDE_SERVER, span_text(name));
}

static void structured(struct talk *t)
{
    start_haggling(t, 3, 3);
    option(t, SR, NOTHING);
    option_reply(t, SR, ACK, NOTHING);
}

/* A selection by one query, and one context that it finds. */
static void select_as(struct talk *t, const char *asked, const char *name)
{
    structured(t);
    query(t, SET_META, asked);
    told(t, SET_META, 1, name);
    option_reply(t, SET_META, ACK, NOTHING);
}

static void contexts_that_queries_find(void **state)
{
    TALK;

    (void)state;
    structured(&t);
    query(&t, LIST_META, "base:");
    told(&t, LIST_META, 7, "base:allocation");
    told(&t, LIST_META, 0, "x-y:z");
    option_reply(&t, LIST_META, ACK, NOTHING);
    BREAKS(&t, "opt.list-meta-context.id-zero", "opt.list-meta-context.queries.only-matching");
    AGAIN(&t);
    select_as(&t, "base:", "base:allocation");
    BREAKS(&t, "meta.base.wildcard.set-ignored");
    AGAIN(&t);
    select_as(&t, "base:alloc", "base:allocation");
    BREAKS(&t, "meta.base.leaf.exact-select");
    AGAIN(&t);
    select_as(&t, "base:allocation", "x-y:z");
    BREAKS(&t, "meta.base.leaf.exact-select");
    AGAIN(&t);
    select_as(&t, "x-y:", "x-y:z"); /* what that stands for is nobody else's affair */
    ends_well(&t);
    AGAIN(&t);
    structured(&t);
    option(&t, LIST_META, BYTES(U32(0), U32(0)));
    told(&t, LIST_META, 0, "base:allocation");
    told(&t, LIST_META, 0, "x-y:z");
    option_reply(&t, LIST_META, ACK, NOTHING);
    option(&t, SET_META, BYTES(U32(0), U32(0)));
    told(&t, SET_META, 1, "base:allocation");
    option_reply(&t, SET_META, ACK, NOTHING);
    BREAKS(&t, "opt.set-meta-context.zero-queries-none");
    AGAIN(&t);
    structured(&t);
    query(&t, SET_META, "base:allocation");
    told(&t, SET_META, 1, "base:allocation");
    told(&t, SET_META, 2, "base:allocation");
    option_reply(&t, SET_META, ACK, NOTHING);
    BREAKS(&t, "opt.set-meta-context.one-reply-per-selected");
    AGAIN(&t);
    start_haggling(&t, 3, 3);
    query(&t, SET_META, "base:allocation");
    told(&t, SET_META, 1, "base:allocation");
    option_reply(&t, SET_META, ACK, NOTHING);
    BREAKS(&t, "opt.set-meta-context.unstructured-invalid");
}

/* ---- transmission ---- */

enum { PERM = 1, IO = 5, INVAL = 22, NOSPC = 28 };

/* An export with a minimum block size of 512. */
static void start_in_sectors(struct talk *t, unsigned flags)
{
    structured(t);
    option(t, GO, BYTES(U32(0), U16(1), U16(3)));
    info_export(t, GO, flags);
    option_reply(t, GO, REP_INFO, BYTES(U16(3), U32(512), U32(4096), U32(1 << 20)));
    option_reply(t, GO, ACK, NOTHING);
}

static void refuse(struct talk *t, uint32_t error, uint64_t cookie)
{
    chunk(t, DONE, 0x8001, cookie, BYTES(U32(error), U16(0)));
}

struct asked {
    unsigned flags; /* of the export */
    unsigned type, command_flags;
    uint64_t offset;
    uint32_t length, error;
    const char *rule; /* NULL: none */
};

static void ask(const struct asked *a)
{
    TALK;

    start_in_sectors(&t, a->flags | SEND_DF);
    request(&t, a->type, a->command_flags, 1, a->offset, a->length);
    if (a->type == WRITE)
        filled(&t, SIDE_CLIENT, 1, a->length);
    if (a->error)
        refuse(&t, a->error, 1);
    else if (a->type == READ)
        data_chunk(&t, DONE, 1, a->offset, a->length, 0);
    else
        chunk(&t, DONE, 0, 1, NOTHING);
    if (a->rule)
        BREAKS(&t, a->rule);
    else
        ends_well(&t);
}

static void sound_requests_that_are_refused(void **state)
{
    static const struct asked all[] = {
        { WRITABLE, FLUSH, 0, 0, 0, INVAL, "flag.send-flush.only-supported" },
        { WRITABLE, TRIM, 0, 512, 512, INVAL, "flag.send-trim.only-supported" },
        { WRITABLE, WRITE_ZEROES, 0, 512, 512, INVAL, "flag.send-write-zeroes.only-supported" },
        { WRITABLE, WRITE_ZEROES, NO_HOLE, 512, 512, INVAL, "flag.send-write-zeroes.no-hole-supported" },
        { WRITABLE, WRITE, FUA, 512, 512, INVAL, "flag.send-fua.only-supported" },
        { WRITABLE, TRIM, 0, 512, 512, IO, NULL },
        { WRITABLE, TRIM, 0, 512, 100, INVAL, NULL },
        { WRITABLE, FLUSH, 0, 0, 512, INVAL, NULL },
        { 1, TRIM, 0, 512, 512, INVAL, NULL },
        { WRITABLE, READ, 0, 512, 512, INVAL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ask(&all[i]);
}

/* Though the same is granted without them. */
static void flags_that_are_refused(void **state)
{
    TALK;

    (void)state;
    start_in_sectors(&t, WRITABLE);
    request(&t, WRITE_ZEROES, 0, 1, 0, 512);
    chunk(&t, DONE, 0, 1, NOTHING);
    request(&t, WRITE_ZEROES, NO_HOLE, 2, 0, 512);
    refuse(&t, INVAL, 2);
    BREAKS(&t, "flag.send-write-zeroes.no-hole-supported");
}

/* An error of one request is no proof where others were granted, or where block sizes were not told. */
static void refusals_that_may_have_a_reason(void **state)
{
    TALK;

    (void)state;
    start_in_sectors(&t, WRITABLE);
    request(&t, TRIM, 0, 1, 0, 512);
    chunk(&t, DONE, 0, 1, NOTHING);
    request(&t, TRIM, 0, 2, 512, 512);
    refuse(&t, INVAL, 2);
    ends_well(&t);
    AGAIN(&t);
    start_simple(&t, WRITABLE);
    request(&t, TRIM, 0, 1, 512, 512);
    simple(&t, INVAL, 1);
    ends_well(&t);
    AGAIN(&t);
    start_simple(&t, WRITABLE);
    request(&t, TRIM, 0, 1, 65536, 65536);
    simple(&t, INVAL, 1);
    BREAKS(&t, "flag.send-trim.only-supported");
}

static void unsound_requests(void **state)
{
    static const struct asked all[] = {
        { WRITABLE, READ, 0, EXPORT_SIZE, 512, 0, "error.einval.read-beyond-end" },
        { WRITABLE, READ, 0, EXPORT_SIZE, 512, IO, "error.einval.read-beyond-end" },
        { WRITABLE, READ, 0, EXPORT_SIZE, 512, INVAL, NULL },
        { WRITABLE, TRIM, 0, EXPORT_SIZE, 512, 0, "error.einval.trim-beyond-end" },
        { WRITABLE, WRITE, 0, EXPORT_SIZE, 512, 0, "error.enospc.write-beyond-end" },
        { WRITABLE, WRITE, 0, EXPORT_SIZE, 512, NOSPC, NULL },
        { WRITABLE, WRITE, 0, EXPORT_SIZE, 512, INVAL, NULL },
        { WRITABLE, WRITE_ZEROES, 0, EXPORT_SIZE, 512, IO, "cmd.write-zeroes.beyond-end.enospc" },
        { WRITABLE, CACHE, 0, EXPORT_SIZE, 512, 0, "request.beyond-end.einval" },
        { WRITABLE, READ, 0, 1, 512, 0, "error.einval.unaligned-read" },
        { WRITABLE, READ, 0, 1, 512, INVAL, NULL },
        { WRITABLE, WRITE, 0, 1, 512, IO, "error.einval.unaligned-write" },
        { WRITABLE, TRIM, 0, 1, 512, 0, "request.unaligned.einval" },
        { WRITABLE, TRIM, 0, 1, 512, IO, NULL },
        { WRITABLE, READ, 0, EXPORT_SIZE - 1, 512, IO, NULL }, /* more is wrong than one thing */
        { WRITABLE | READ_ONLY, WRITE, 0, 0, 512, INVAL, "error.eperm.write-read-only" },
        { WRITABLE | READ_ONLY, TRIM, 0, 0, 512, INVAL, "error.eperm.trim-read-only" },
        { WRITABLE | READ_ONLY, WRITE_ZEROES, 0, 0, 512, IO, "cmd.write-zeroes.read-only.eperm" },
        { WRITABLE | READ_ONLY, WRITE, 0, 0, 512, PERM, NULL },
        { WRITABLE, READ, 0x4000, 0, 512, 0, "error.einval.unknown-flag" },
        { WRITABLE, READ, NO_HOLE, 0, 512, 0, "error.einval.inapplicable-flag" },
        { WRITABLE, READ, NO_HOLE, 0, 512, INVAL, NULL },
        { WRITABLE, READ, PAYLOAD_LEN, 0, 512, 0, NULL },
        { WRITABLE, READ, FUA, 0, 512, 0, NULL },
        { WRITABLE, BLOCK_STATUS, 0, 0, 512, IO, "meta.block-status.unselected-einval" },
        { WRITABLE, BLOCK_STATUS, 0, 0, 512, INVAL, NULL },
    };
    TALK;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ask(&all[i]);
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, EXPORT_SIZE, 512);
    refuse(&t, IO, 1);
    BREAKS(&t, "cmd.block-status.beyond-end.einval");
}

/* ---- all of them ---- */

static void where_cases_are_played_nobody_looks_on(void **state)
{
    struct talk t = { .looked_on = false };

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, EXPORT_SIZE, 512);
    simple(&t, IO, 1);
    ends_well(&t);
}

static void every_rule_was_seen_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < onlooker_rule_count; i++)
        if (!seen[i])
            fail_msg("no test breaks %s", onlooker_rules[i].id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_that_end_the_connection),
        cmocka_unit_test(answers_to_options),
        cmocka_unit_test(go_straight_behind_info_is_told_the_same),
        cmocka_unit_test(contexts_that_queries_find),
        cmocka_unit_test(sound_requests_that_are_refused),
        cmocka_unit_test(flags_that_are_refused),
        cmocka_unit_test(refusals_that_may_have_a_reason),
        cmocka_unit_test(unsound_requests),
        cmocka_unit_test(where_cases_are_played_nobody_looks_on),
        cmocka_unit_test(every_rule_was_seen_broken), /* the last one */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
