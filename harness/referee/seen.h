/* SPDX-License-Identifier: MIT */
/* For tests of rules: a rule counts only when a test has seen it broken. */
#ifndef NBDTEST_REFEREE_SEEN_H
#define NBDTEST_REFEREE_SEEN_H

#include "referee/conversation.h"

enum { RULES_MAX = 512 };

/* Which rules some test of this program has seen broken.  The program's main file owns it. */
extern bool seen[RULES_MAX];

static inline void note_seen(const struct talk *t)
{
    assert_true(rule_count <= RULES_MAX);
    for (size_t i = 0; i < rule_count; i++)
        seen[i] = seen[i] || has_rule(t, rules[i].id);
}

static inline void assert_seen(bool (*is_ours)(const struct rule *rule))
{
    for (size_t i = 0; i < rule_count; i++)
        if (is_ours(&rules[i]) && !seen[i])
            fail_msg("no test breaks %s", rules[i].id);
}

/* The session is over: these rules were broken, and no others by the server. */
#define BREAKS(t, ...)             \
    do {                           \
        note_seen(t);              \
        ends_with(t, __VA_ARGS__); \
    } while (0)

#define TALK struct talk t = talk_with(NULL)

#endif
