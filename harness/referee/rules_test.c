/* SPDX-License-Identifier: MIT */
/* Each rule for servers seen to be broken: the parts, and what they leave out. */
#include "referee/rules_test.h"

#include "referee/rule.h"
#include "referee/seen.h"

bool seen[RULES_MAX];

static bool is_ours(const struct rule *rule)
{
    return rule->watch && rule->party == SIDE_SERVER && !is_of_extension(rule);
}

static void every_rule_with_a_function_was_seen_broken(void **state)
{
    (void)state;
    assert_seen(is_ours);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_rule_with_a_function_was_seen_broken) };
    const int failed = handshake_rules_test() + option_rules_test() + reply_rules_test() +
                       chunk_rules_test() + end_rules_test() + tls_rules_test();

    return failed + cmocka_run_group_tests_name("all rules", tests, NULL, NULL);
}
