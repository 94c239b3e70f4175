/* SPDX-License-Identifier: MIT */
/* Whole runs of the shipped cases against servers that mean ill, from the link to the report that people
 * read: no run crashes, hangs, blames by mistake or lets a foreign byte through to the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/files.h"
#include "reference/loop.h"
#include "report/tty.h"
#include "runner/run.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define EXPORT_BYTES (UINT64_C(1) << 30)
#define RUN_MAX_NS (180 * NS_PER_S) /* on a machine that is busy with other things */
#define REPORT_MAX_BYTES (64u << 20)

enum ill {
    HONEST,
    CLOSES,   /* after so many bytes */
    RESETS,   /* likewise, the hard way */
    SILENCES, /* falls silent after so many bytes */
    REPEATS,  /* says the last bytes again and again, for ever */
    BABBLES,  /* says anything, for ever */
    ALTERS,   /* flips, sets, drops and doubles bytes here and there */
    PAINTS,   /* turns every word in small letters, names and messages, into escape sequences of its length */
};

struct hostile {
    struct reference_export export;
    struct reference_config config;
    enum ill ill;
    uint64_t after; /* bytes of each connection that are honest */
    uint64_t seed;
    unsigned connections;
    uint64_t withheld; /* how often a connection was asked for bytes that it had and did not give */
};

/* ---- the server ---- */

/* Stands on an honest connection. */
struct hostile_link {
    struct link link;
    struct hostile *h;
    uint64_t given;
    struct random random;
    uint8_t last[64]; /* given; of them the newest comes last */
    bool told;        /* the end */
    bool left;        /* the client said goodbye, and cares no more for the answer */
};

static struct hostile_link *hostile_of(struct link *link)
{
    return (struct hostile_link *)link;
}

static enum link_state hostile_send(struct link *link, struct span *bytes)
{
    static const uint8_t abort_option[] = { 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', 0, 0, 0, 2, 0, 0, 0, 0 };

    hostile_of(link)->left = span_equal(*bytes, span_of(abort_option, sizeof abort_option));
    return link_send(link->next, bytes);
}

static void remember(struct hostile_link *l, const uint8_t *bytes, size_t len)
{
    size_t kept = len < sizeof l->last ? len : sizeof l->last;

    memmove(l->last, l->last + kept, sizeof l->last - kept);
    memcpy(l->last + sizeof l->last - kept, bytes + len - kept, kept);
}

static size_t repeat(struct hostile_link *l, uint8_t *to, size_t room)
{
    size_t unit = l->given < sizeof l->last ? (size_t)l->given : sizeof l->last;

    for (size_t i = 0; i < room; i++)
        to[i] = unit > 0 ? l->last[sizeof l->last - unit + i % unit] : 0;
    return room;
}

static size_t babble(struct hostile_link *l, uint8_t *to, size_t room)
{
    uint64_t eight = 0; /* bytes of a draw, since much is said */

    for (size_t i = 0; i < room; i++) {
        eight = i % 8 == 0 ? random_next(&l->random) : eight >> 8;
        to[i] = (uint8_t)eight;
    }
    return room;
}

static size_t alter(struct hostile_link *l, uint8_t *bytes, size_t len)
{
    static const uint8_t often[] = { 0, 1, 0x7f, 0x80, 0xff };
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t byte = bytes[i];

        switch (random_below(&l->random, 1000)) {
        case 0:
            byte ^= (uint8_t)(1u << random_below(&l->random, 8));
            break;
        case 1:
            byte = often[random_below(&l->random, sizeof often)];
            break;
        case 2:
            byte = (uint8_t)random_next(&l->random);
            break;
        case 3: /* one is lost */
            continue;
        case 4: /* and one comes twice, in the place of the next */
            if (i + 1 < len)
                bytes[i + 1] = byte;
            break;
        default:
            break;
        }
        bytes[used++] = byte;
    }
    return used;
}

static bool is_small(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || byte == ' ' || byte == ':';
}

static void paint(uint8_t *bytes, size_t len)
{
    static const char red[] = "\033[31m\033]0;x\a\r\n\b\x7f\xc2\x9b\x9b\xff";

    for (size_t i = 0, end; i < len; i = end + 1) {
        for (end = i; end < len && is_small(bytes[end]); end++)
            ;
        for (size_t at = i; end - i >= 4 && at < end; at++)
            bytes[at] = (uint8_t)red[(at - i) % (sizeof red - 1)];
    }
}

/* What an ill-meaning server does once it has been honest for long enough. */
static enum link_state misbehave(struct hostile_link *l, uint8_t *to, size_t room, size_t *ret_len)
{
    enum link_state honest;

    if (l->h->ill == REPEATS)
        return *ret_len = repeat(l, to, room), LINK_OPEN;
    if (l->h->ill == BABBLES)
        return *ret_len = babble(l, to, room), LINK_OPEN;
    honest = link_receive(l->link.next, to, room, ret_len);
    if (honest == LINK_OPEN && *ret_len == 0) /* nothing is kept from anybody */
        return LINK_OPEN;
    l->h->withheld += *ret_len > 0 && !l->told && !l->left;
    l->told = true;
    *ret_len = 0;
    if (l->h->ill == SILENCES)
        return LINK_OPEN;
    return l->h->ill == RESETS ? LINK_RESET : LINK_FINISHED;
}

static enum link_state hostile_receive(struct link *link, uint8_t *to, size_t room, size_t *ret_len)
{
    struct hostile_link *l = hostile_of(link);
    enum link_state state;

    *ret_len = 0;
    if (l->told && l->h->ill != SILENCES)
        return l->h->ill == RESETS ? LINK_RESET : LINK_FINISHED;
    if (room > 0 && l->given >= l->h->after)
        return misbehave(l, to, room, ret_len);
    room = room < l->h->after - l->given ? room : (size_t)(l->h->after - l->given);
    state = link_receive(link->next, to, room, ret_len);
    if (l->h->ill == ALTERS)
        *ret_len = alter(l, to, *ret_len);
    if (l->h->ill == PAINTS)
        paint(to, *ret_len);
    remember(l, to, *ret_len);
    l->given += *ret_len;
    return state;
}

static void hostile_finish(struct link *link)
{
    link_finish(link->next);
}

static void hostile_reset(struct link *link)
{
    link_reset(link->next);
}

static int hostile_descriptor(const struct link *link)
{
    return link_descriptor(link->next);
}

static void hostile_free(struct link *link)
{
    free(link);
}

static struct link *dial(void *ctx, uint64_t timeout_ns, char *error, size_t error_size)
{
    static const struct link_ops ops = {
        .send = hostile_send,
        .receive = hostile_receive,
        .finish = hostile_finish,
        .reset = hostile_reset,
        .descriptor = hostile_descriptor,
        .free = hostile_free,
    };
    struct hostile *h = ctx;
    struct hostile_link *l = memory_take(sizeof *l);

    (void)timeout_ns;
    (void)error;
    (void)error_size;
    *l = (struct hostile_link){ .link = { .ops = &ops, .next = link_memory(reference_peer(&h->config)) },
                                .h = h,
                                .random = random_seeded(h->seed + h->connections) };
    h->connections++;
    return &l->link;
}

/* ---- a run ---- */

/* What every test shares: the shipped cases. */
struct shipped {
    struct catalogue *catalogue;
    struct library library;
};

static int load(void **state)
{
    static const char folder[] = NBDTEST_SOURCE_DIR "/cases";
    struct shipped *s = memory_take(sizeof *s);

    s->catalogue = files_catalogue(folder);
    *state = s;
    return s->catalogue && files_library(folder, NULL, 0, s->catalogue, &s->library) ? 0 : -1;
}

static int unload(void **state)
{
    struct shipped *s = *state;

    library_free(&s->library);
    catalogue_free(s->catalogue);
    free(s);
    return 0;
}

/* A bit of everything: options, every form of reply, commands, errors. */
static const char *const some[] = {
    "list",
    "info-all",
    "list-contexts",
    "unknown-option",
    "disc/simple",
    "read-range/structured",
    "pipelined/simple",
    "df-one-chunk/structured",
    "block-status-many-extents",
    "zero-fua",
    "read-at-end/simple",
    "bad-command-with-range/simple",
};

struct watched {
    struct hostile *h;
    uint64_t withheld; /* before the present instance */
    size_t instances;
    size_t by_verdict[VERDICT_COUNT];
    size_t cut_and_passed; /* instances that were cut off, and nothing is said of that */
    char example[200];
    bool ended;
};

static void watch_began(void *ctx, const struct about *about)
{
    struct watched *w = ctx;

    (void)about;
    w->withheld = w->h->withheld;
}

static void watch_instance(void *ctx, const struct instance *i)
{
    struct watched *w = ctx;

    w->instances++;
    w->by_verdict[i->verdict]++;
    if (w->h->withheld > w->withheld && i->verdict == VERDICT_PASS) {
        w->cut_and_passed++;
        snprintf(w->example, sizeof w->example, "%s", i->id);
    }
    w->withheld = w->h->withheld;
}

static void watch_ended(void *ctx, const struct totals *totals)
{
    (void)totals;
    ((struct watched *)ctx)->ended = true;
}

/* Nothing that a terminal would obey: control characters of ASCII, of Latin 1 as UTF-8 or bare. */
static void expect_shown_safely(struct span text)
{
    size_t shown;

    while (text.len > 0) {
        shown = *text.at == '\n' ? 1 : escape_shown(text);
        if (shown == 0)
            print_error("raw byte 0x%02x before: %.60s\n", *text.at, (const char *)text.at);
        assert_int_not_equal(shown, 0);
        span_take(&text, shown);
    }
}

struct run_outcome {
    enum status status;
    struct watched watched;
};

static struct run_outcome run(const struct shipped *s, struct hostile *h, const char *const *patterns,
                              size_t pattern_count)
{
    const struct target target = { .name = "hostile server", .dial = dial, .ctx = h };
    const struct run_options options = { .destroy = true, /* what looks like data is a lie */
                                         .timeout_ns = 20 * NS_PER_MS,
                                         .patterns = patterns,
                                         .pattern_count = pattern_count };
    struct run_outcome o = { .watched.h = h };
    char *text = NULL;
    size_t len = 0;
    struct tty_options look = { .out = open_memstream(&text, &len), .transcripts = true, .again = "nbdtest" };
    struct tty_report *report = tty_report_new(&look);
    const struct listener listeners[] = {
        tty_report_listener(report),
        { .began = watch_began, .instance = watch_instance, .ended = watch_ended, .ctx = &o.watched }
    };
    uint64_t began_ns = clock_ns();
    struct buffer error;

    buffer_init(&error, 1024 * 1024);
    h->export = (struct reference_export){ .name = "",
                                           .description = "a description in small letters",
                                           .store = h->export.store };
    h->config.exports = &h->export;
    h->config.export_count = 1;
    o.status = run_library(&s->library, s->catalogue, &target, &options, NULL, listeners, 2, &error);
    assert_true(clock_ns() - began_ns < RUN_MAX_NS);
    tty_report_free(report);
    fclose(look.out);
    assert_true(len < REPORT_MAX_BYTES);
    expect_shown_safely(span_of(text, len));
    expect_shown_safely(buffer_span(&error));
    /* Whoever cannot go on says why; the program and the cases are not to blame. */
    assert_int_not_equal(o.status, STATUS_DEFECT);
    assert_int_equal(o.watched.by_verdict[VERDICT_ERROR], 0);
    if (o.status == STATUS_UNREACHABLE || o.status == STATUS_DIED || o.status == STATUS_USAGE)
        assert_true(error.len > 0);
    assert_true(o.watched.ended || o.watched.instances == 0);
    buffer_free(&error);
    free(text);
    return o;
}

static struct hostile hostile(enum ill ill, uint64_t after)
{
    struct hostile h = { .ill = ill, .after = after };

    h.export.store = store_new(EXPORT_BYTES, EXPORT_BYTES);
    return h;
}

static void tear_down(struct hostile *h)
{
    store_free(h->export.store);
}

static struct run_outcome run_some(void **state, enum ill ill, uint64_t after, uint64_t seed)
{
    struct hostile h = hostile(ill, after);
    struct run_outcome o;

    h.seed = seed;
    o = run(*state, &h, some, sizeof some / sizeof *some);
    tear_down(&h);
    return o;
}

/* ---- the tests ---- */

static void an_honest_server_conforms(void **state)
{
    struct run_outcome o = run_some(state, HONEST, UINT64_MAX, 0);

    assert_int_equal(o.status, STATUS_CONFORMS);
    assert_true(o.watched.instances > sizeof some / sizeof *some);
}

/* A cut that shows in an instance is never overlooked; a close where the specification allows one is
 * a note. */
static void cut_off_after(void **state, enum ill ill, uint64_t step)
{
    for (uint64_t after = 0; after <= 400; after += step) {
        struct run_outcome o = run_some(state, ill, after, 0);

        if (after < 18) /* not even a greeting */
            assert_int_equal(o.status, STATUS_UNREACHABLE);
        if (o.watched.cut_and_passed > 0)
            print_error("after %u bytes %s was cut off and passed\n", (unsigned)after, o.watched.example);
        assert_int_equal(o.watched.cut_and_passed, 0);
    }
}

static void a_server_that_closes_after_any_byte_is_seen(void **state)
{
    cut_off_after(state, CLOSES, 1);
}

static void a_server_that_resets_is_seen(void **state)
{
    cut_off_after(state, RESETS, 7);
}

static void a_server_that_falls_silent_is_seen(void **state)
{
    cut_off_after(state, SILENCES, 3);
}

static void a_server_that_never_ends_is_cut_off(void **state)
{
    static const uint64_t after[] = { 0, 18, 90, 300 };

    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        assert_int_not_equal(run_some(state, REPEATS, after[i], 0).status, STATUS_CONFORMS);
        assert_int_not_equal(run_some(state, BABBLES, after[i], 1).status, STATUS_CONFORMS);
    }
}

static void any_altered_bytes_are_survived(void **state)
{
    size_t failed = 0;

    for (uint64_t seed = 0; seed < 100; seed++)
        failed += run_some(state, ALTERS, UINT64_MAX, seed).status != STATUS_CONFORMS;
    assert_true(failed > 80);
}

static void escape_sequences_reach_no_terminal(void **state)
{
    struct hostile h = hostile(PAINTS, UINT64_MAX);
    struct run_outcome o = run(*state, &h, NULL, 0);

    assert_int_equal(o.status, STATUS_VIOLATIONS); /* base:allocation is not what it was */
    tear_down(&h);
    assert_true(o.watched.instances > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_server_conforms),
        cmocka_unit_test(a_server_that_closes_after_any_byte_is_seen),
        cmocka_unit_test(a_server_that_resets_is_seen),
        cmocka_unit_test(a_server_that_falls_silent_is_seen),
        cmocka_unit_test(a_server_that_never_ends_is_cut_off),
        cmocka_unit_test(any_altered_bytes_are_survived),
        cmocka_unit_test(escape_sequences_reach_no_terminal),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
