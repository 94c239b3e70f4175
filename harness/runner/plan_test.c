/* SPDX-License-Identifier: MIT */
#include "runner/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner/way.h"
#include "script/parse.h"
#include "script/print.h"

struct fixture {
    struct diagnostics d;
    struct tree *tree;
    struct library library;
    struct run_options options;
    struct plan plan;
    struct facts facts;
    struct arena *arena;
    struct buffer error;
    struct prepared prepared;
    const char *reason;
};

static void set_up(struct fixture *f, const char *text)
{
    *f = (struct fixture){ 0 };
    diagnostics_init(&f->d);
    buffer_init(&f->error, 4096);
    f->tree = tree_parse("t.nbd", span_text(text), &f->d);
    assert_string_equal(buffer_text(&f->d.text), "");
    f->library = (struct library){ &f->tree, 1, NULL };
    f->arena = arena_new();
    f->facts = (struct facts){
        .handshake_flags = NBD_FLAG_FIXED_NEWSTYLE,
        .size = 1024 * 1024,
        .flags_simple = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_TRIM,
        .flags_structured = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_DF,
        .structured = true,
        .block_size = { 1, 4096, 32 * 1024 * 1024 },
        .options = 1u << NBD_OPT_GO | 1u << NBD_OPT_LIST,
        .connections = 2,
        .contexts = { "base:allocation" },
        .context_count = 1,
    };
}

static void tear_down(struct fixture *f)
{
    plan_free(&f->plan);
    tree_free(f->tree);
    arena_free(f->arena);
    buffer_free(&f->error);
    diagnostics_free(&f->d);
}

static bool make(struct fixture *f)
{
    return plan_make(&f->plan, &f->library, &f->options, &f->error);
}

static enum plan_outcome prepare(struct fixture *f, size_t i)
{
    assert_true(i < f->plan.count);
    return plan_prepare(&f->plan.all[i], &f->facts, f->options.read_only, f->arena, &f->prepared, &f->reason);
}

static uint64_t number(const struct fixture *f, const char *name)
{
    const struct bound *b = environment_find(&f->prepared.variables, name);

    assert_non_null(b);
    assert_int_equal(b->kind, BOUND_NUMBER);
    return b->number;
}

/* ---- instances ---- */

static void a_case_has_an_instance_a_mode_and_a_combination_of_choices(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\nmodes simple structured\nfor cmd in WRITE TRIM\nfor length in 1M 4*$block\n\n"
               "C: DISC\nS: close\n");
    assert_true(make(&f));
    assert_int_equal(f.plan.count, 8);
    assert_string_equal(f.plan.all[0].id, "c/simple/cmd=WRITE,length=1M");
    assert_string_equal(f.plan.all[0].choices, "cmd=WRITE length=1M");
    assert_string_equal(f.plan.all[1].id, "c/simple/cmd=WRITE,length=4*$block");
    assert_string_equal(f.plan.all[2].id, "c/simple/cmd=TRIM,length=1M");
    assert_string_equal(f.plan.all[7].id, "c/structured/cmd=TRIM,length=4*$block");
    tear_down(&f);
}

static void a_case_that_stays_in_haggling_has_no_modes(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\nstart options\n\nC: OPT ABORT\nS: REP ACK\n");
    assert_true(make(&f));
    assert_int_equal(f.plan.count, 1);
    assert_string_equal(f.plan.all[0].id, "c");
    assert_null(mode_name(f.plan.all[0].mode));
    tear_down(&f);
}

static void without_modes_a_case_is_played_in_all_of_them_and_with_contexts_not_in_simple(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\n\nC: DISC\nS: close\n\n"
               "case d \"t\"\ncontexts \"base:allocation\"\n\nC: DISC\nS: close\n");
    assert_true(make(&f));
    assert_int_equal(f.plan.count, 5);
    assert_string_equal(f.plan.all[0].id, "c/simple");
    assert_string_equal(f.plan.all[1].id, "c/structured");
    assert_string_equal(f.plan.all[2].id, "c/extended");
    assert_string_equal(f.plan.all[3].id, "d/structured");
    assert_string_equal(f.plan.all[4].id, "d/extended");
    tear_down(&f);
}

static const char two_cases[] = "case reads \"t\"\nfor length in 1 2\n\nC: DISC\nS: close\n\n"
                                "case writes \"t\"\n\nC: DISC\nS: close\n";

static size_t count_of(const char *pattern, const char *exclude)
{
    struct fixture f;
    size_t count;

    set_up(&f, two_cases);
    f.options.patterns = &pattern;
    f.options.pattern_count = pattern ? 1 : 0;
    f.options.excludes = &exclude;
    f.options.exclude_count = exclude ? 1 : 0;
    count = make(&f) ? f.plan.count : 0;
    tear_down(&f);
    return count;
}

static void patterns_name_cases_instances_and_what_they_begin_with(void **state)
{
    (void)state;
    assert_int_equal(count_of(NULL, NULL), 9);
    assert_int_equal(count_of("reads", NULL), 6);
    assert_int_equal(count_of("reads/simple", NULL), 2);
    assert_int_equal(count_of("reads/simple/length=2", NULL), 1);
    assert_int_equal(count_of("*/structured*", NULL), 3);
    assert_int_equal(count_of("r*", "*length=2"), 3);
    assert_int_equal(count_of(NULL, "reads"), 3);
    assert_int_equal(count_of("read", NULL), 0);
}

static void a_pattern_that_matches_nothing_is_told_with_the_nearest_name(void **state)
{
    const char *pattern = "raeds";
    struct fixture f;

    (void)state;
    set_up(&f, two_cases);
    f.options.patterns = &pattern;
    f.options.pattern_count = 1;
    assert_false(make(&f));
    assert_string_equal(buffer_text(&f.error), "no case matches 'raeds'; did you mean 'reads'?\n");
    tear_down(&f);
}

static size_t count_for(const struct catalogue *catalogue, const char *requirement)
{
    struct fixture f;
    size_t count;

    set_up(&f, "case cites \"t\"\n\nC: DISC\nS: close by greeting.ihaveopt\n\ncase cites-not \"t\"\n\nC: "
               "DISC\nS: close\n");
    f.library.catalogue = catalogue;
    f.options.patterns = &requirement;
    f.options.pattern_count = 1;
    count = make(&f) ? f.plan.count : 0;
    tear_down(&f);
    return count;
}

static void requirements_name_the_cases_that_may_show_them(void **state)
{
    static const char rows[] = "id\tlevel\tparty\tsection\tline\tsummary\n"
                               "greeting.ihaveopt\tMUST\tserver\tS\t1\tx\n"
                               "shows-as.it\tMUST\tserver\tS\t1\tx\t-\t-\tas greeting.ihaveopt\n"
                               "rep.header.magic\tMUST\tserver\tS\t1\tx\n" /* the referee watches it */
                               "nobody.watches\tMUST\tserver\tS\t1\tx\n";
    struct diagnostics d;
    struct catalogue *catalogue;

    (void)state;
    diagnostics_init(&d);
    catalogue = catalogue_parse("requirements.tsv", span_text(rows), &d);
    assert_non_null(catalogue);
    assert_int_equal(count_for(catalogue, "greeting.ihaveopt"), 3);
    assert_int_equal(count_for(catalogue, "shows-as.it"), 3);
    assert_int_equal(count_for(catalogue, "rep.header.magic"), 6);
    assert_int_equal(count_for(catalogue, "nobody.watches"), 0);
    catalogue_free(catalogue);
    diagnostics_free(&d);
}

static void what_is_needed_is_looked_for_once(void **state)
{
    struct facts_wanted wanted = { 0 };
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\nneeds context \"base:allocation\", connections>=2\ncontexts "
               "\"base:allocation\" \"x:y\"\n"
               "\nC: DISC\nS: close\n");
    assert_true(make(&f));
    plan_wanted(&f.plan, &wanted);
    assert_true(wanted.connections);
    assert_int_equal(wanted.context_count, 2);
    assert_string_equal(wanted.contexts[0], "base:allocation");
    assert_string_equal(wanted.contexts[1], "x:y");
    tear_down(&f);
}

/* ---- needs ---- */

/* The reason why a case with these needs is skipped in structured mode, or "". */
static void assert_reason(const char *needs, const char *reason, bool read_only, uint16_t flags)
{
    char text[300];
    struct fixture f;
    enum plan_outcome outcome;

    snprintf(text, sizeof text, "case c \"t\"\nmodes structured\nneeds %s\n\nC: DISC\nS: close\n", needs);
    set_up(&f, text);
    f.options.read_only = read_only;
    f.facts.flags_structured = (uint16_t)(f.facts.flags_structured | flags);
    assert_true(make(&f));
    outcome = prepare(&f, 0);
    if (*reason) {
        assert_int_equal(outcome, PLAN_SKIP);
        assert_string_equal(f.reason, reason);
    } else {
        assert_int_equal(outcome, PLAN_READY);
    }
    tear_down(&f);
}

static void needs_are_judged_by_the_facts(void **state)
{
    (void)state;
    assert_reason("SEND_TRIM", "", false, 0);
    assert_reason("SEND_FLUSH", "needs SEND_FLUSH", false, 0);
    assert_reason("not SEND_TRIM", "needs not SEND_TRIM", false, 0);
    assert_reason("not SEND_FLUSH, FIXED_NEWSTYLE", "", false, 0);
    assert_reason("NO_ZEROES", "needs NO_ZEROES", false, 0);
    assert_reason("structured", "", false, 0);
    assert_reason("size>=1M", "", false, 0);
    assert_reason("size>=4G", "needs size>=4G", false, 0);
    assert_reason("min_block=1, preferred_block<=4K, max_payload>32M", "needs max_payload>32M", false, 0);
    assert_reason("connections>=2", "", false, 0);
    assert_reason("connections>=3", "needs connections>=3", false, 0);
    assert_reason("option LIST", "", false, 0);
    assert_reason("option STARTTLS", "needs option STARTTLS", false, 0);
    assert_reason("context \"base:allocation\"", "", false, 0);
    assert_reason("context \"x:y\"", "needs context \"x:y\"", false, 0);
}

static void writing_is_a_matter_of_the_export_and_of_the_user(void **state)
{
    (void)state;
    assert_reason("writable", "", false, 0);
    assert_reason("writable", "needs writable", false, NBD_FLAG_READ_ONLY);
    assert_reason("writable", "needs writing (--read-only)", true, 0);
    assert_reason("READ_ONLY", "", false, NBD_FLAG_READ_ONLY);
}

static void flags_are_those_of_the_mode(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\nneeds SEND_DF\n\nC: DISC\nS: close\n");
    assert_true(make(&f));
    assert_int_equal(prepare(&f, 0), PLAN_SKIP);
    assert_string_equal(f.reason, "needs SEND_DF");
    assert_int_equal(prepare(&f, 1), PLAN_READY);
    assert_int_equal(number(&f, "flags"), f.facts.flags_structured);
    f.facts.structured = false;
    assert_int_equal(prepare(&f, 1), PLAN_SKIP);
    assert_string_equal(f.reason, "mode structured is not granted");
    assert_int_equal(prepare(&f, 2), PLAN_SKIP);
    assert_string_equal(f.reason, "mode extended is not granted");
    f.facts.extended = true;
    f.facts.flags_extended = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_DF | NBD_FLAG_BLOCK_STATUS_PAYLOAD;
    assert_int_equal(prepare(&f, 2), PLAN_READY);
    assert_int_equal(number(&f, "flags"), f.facts.flags_extended);
    tear_down(&f);
}

static void a_choice_stands_in_the_needs_of_its_line(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\nmodes simple\nfor cmd in TRIM CACHE needs SEND_$cmd\n\nC: DISC\nS: close\n");
    assert_true(make(&f));
    assert_int_equal(prepare(&f, 0), PLAN_READY);
    assert_string_equal(environment_find(&f.prepared.variables, "cmd")->word, "TRIM");
    assert_int_equal(prepare(&f, 1), PLAN_SKIP);
    assert_string_equal(f.reason, "needs SEND_CACHE");
    tear_down(&f);
}

static void contexts_of_the_way_in_are_needed(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\ncontexts \"x:y\"\n\nC: DISC\nS: close\n");
    assert_true(make(&f));
    assert_int_equal(prepare(&f, 0), PLAN_SKIP);
    assert_string_equal(f.reason, "needs context \"x:y\"");
    tear_down(&f);
}

/* ---- windows ---- */

static void assert_window(const char *window, uint64_t size, uint32_t preferred, uint64_t base)
{
    char text[200];
    struct fixture f;

    snprintf(text, sizeof text, "case c \"t\"\nmodes simple\nwindow %s\n\nC: DISC\nS: close\n", window);
    set_up(&f, text);
    f.facts.size = size;
    f.facts.block_size.preferred = preferred;
    assert_true(make(&f));
    if (base == UINT64_MAX) {
        assert_int_equal(prepare(&f, 0), PLAN_SKIP);
        assert_string_equal(f.reason, "size: the window does not fit");
    } else {
        assert_int_equal(prepare(&f, 0), PLAN_READY);
        assert_int_equal(number(&f, "base"), base);
        assert_int_equal(f.prepared.base, base);
        assert_int_equal(number(&f, "window"), f.prepared.window);
    }
    tear_down(&f);
}

static void a_window_stands_clear_of_the_exports_start_where_there_is_room(void **state)
{
    (void)state;
    assert_window("4*$block", 1 << 20, 4096, 65536);
    assert_window("4*$block", 1 << 20, 262144, 262144);
    assert_window("64K", 128 * 1024, 4096, 65536);
    assert_window("64K", 128 * 1024 - 1, 4096, 0);
    assert_window("64K", 65536, 4096, 0);
    assert_window("64K", 65535, 4096, UINT64_MAX);
    assert_window("64K", 0, 4096, UINT64_MAX);
    assert_window("64K at 512", 65536 + 512, 4096, 512);
    assert_window("64K at 513", 65536 + 512, 4096, UINT64_MAX);
}

static void a_window_at_the_tail_is_the_exports_end(void **state)
{
    (void)state;
    assert_window("tail 512", 1000, 4096, 488);
    assert_window("tail 1000", 1000, 4096, 0);
    assert_window("tail 1001", 1000, 4096, UINT64_MAX);
}

static void a_window_may_hang_on_a_choice(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f,
           "case c \"t\"\nmodes simple\nfor length in 1K 2*$block\nwindow 2*$length\n\nC: DISC\nS: close\n");
    assert_true(make(&f));
    assert_int_equal(prepare(&f, 0), PLAN_READY);
    assert_int_equal(f.prepared.window, 2048);
    assert_int_equal(prepare(&f, 1), PLAN_READY);
    assert_int_equal(f.prepared.window, 4);
    tear_down(&f);
}

static void no_window_is_opened_where_the_user_forbids_writing(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\nneeds READ_ONLY\nmodes simple\nwindow 1\n\nC: DISC\nS: close\n");
    f.options.read_only = true;
    assert_true(make(&f));
    assert_int_equal(prepare(&f, 0), PLAN_SKIP);
    assert_string_equal(f.reason, "needs writing (--read-only)");
    tear_down(&f);
}

/* ---- the way in ---- */

static void assert_way(struct fixture *f, const struct way_wanted *wanted, const char *text)
{
    struct ways ways = { f->arena, &f->facts, NULL };
    const struct step *way, *again;
    const char *reason;
    struct buffer printed;

    buffer_init(&printed, 4096);
    assert_true(ways_find(&ways, wanted, &way, &reason));
    assert_true(ways_find(&ways, wanted, &again, &reason));
    assert_ptr_equal(way, again);
    for (const struct step *s = way; s; s = s->next)
        print_step(s, 0, &printed);
    assert_string_equal(buffer_text(&printed), text);
    buffer_free(&printed);
}

static void the_way_in_follows_from_the_facts(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, "case c \"t\"\ncontexts \"base:allocation\"\n\nC: DISC\nS: close\n");
    assert_way(&f, &(struct way_wanted){ .start = START_CONNECT }, "");
    assert_way(&f, &(struct way_wanted){ .start = START_GREETING }, "S: GREETING\n");
    assert_way(&f, &(struct way_wanted){ .start = START_OPTIONS }, "S: GREETING\nC: FLAGS offered\n");
    assert_way(&f,
               &(struct way_wanted){ .start = START_TRANSMISSION,
                                     .mode = MODE_STRUCTURED,
                                     .contexts = f.tree->cases->contexts },
               "S: GREETING\n"
               "C: FLAGS offered\n"
               "C: OPT STRUCTURED_REPLY\n"
               "S: REP ACK\n"
               "C: OPT SET_META_CONTEXT name=$export queries=(\"base:allocation\")\n"
               "S: REP META_CONTEXT*\n"
               "S: REP ACK\n"
               "C: OPT GO name=$export infos=(EXPORT BLOCK_SIZE)\n"
               "S: REP INFO*\n"
               "S: REP ACK\n");
    assert_way(&f, &(struct way_wanted){ .start = START_TRANSMISSION, .mode = MODE_EXTENDED },
               "S: GREETING\n"
               "C: FLAGS offered\n"
               "C: OPT EXTENDED_HEADERS\n"
               "S: REP ACK\n"
               "C: OPT GO name=$export infos=(EXPORT BLOCK_SIZE)\n"
               "S: REP INFO*\n"
               "S: REP ACK\n");
    f.facts.options = 0;
    assert_way(&f, &(struct way_wanted){ .start = START_TRANSMISSION },
               "S: GREETING\n"
               "C: FLAGS offered\n"
               "C: OPT EXPORT_NAME name=$export\n"
               "S: EXPORT\n");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_has_an_instance_a_mode_and_a_combination_of_choices),
        cmocka_unit_test(a_case_that_stays_in_haggling_has_no_modes),
        cmocka_unit_test(without_modes_a_case_is_played_in_all_of_them_and_with_contexts_not_in_simple),
        cmocka_unit_test(requirements_name_the_cases_that_may_show_them),
        cmocka_unit_test(patterns_name_cases_instances_and_what_they_begin_with),
        cmocka_unit_test(a_pattern_that_matches_nothing_is_told_with_the_nearest_name),
        cmocka_unit_test(what_is_needed_is_looked_for_once),
        cmocka_unit_test(needs_are_judged_by_the_facts),
        cmocka_unit_test(writing_is_a_matter_of_the_export_and_of_the_user),
        cmocka_unit_test(flags_are_those_of_the_mode),
        cmocka_unit_test(a_choice_stands_in_the_needs_of_its_line),
        cmocka_unit_test(contexts_of_the_way_in_are_needed),
        cmocka_unit_test(a_window_stands_clear_of_the_exports_start_where_there_is_room),
        cmocka_unit_test(a_window_at_the_tail_is_the_exports_end),
        cmocka_unit_test(a_window_may_hang_on_a_choice),
        cmocka_unit_test(no_window_is_opened_where_the_user_forbids_writing),
        cmocka_unit_test(the_way_in_follows_from_the_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
