/* SPDX-License-Identifier: MIT */
/* The parts of rules_test: each runs its tests and returns how many failed. */
#ifndef NBDTEST_REFEREE_RULES_TEST_H
#define NBDTEST_REFEREE_RULES_TEST_H

int handshake_rules_test(void);
int option_rules_test(void);
int reply_rules_test(void);
int chunk_rules_test(void);
int end_rules_test(void);
int tls_rules_test(void);

#endif
