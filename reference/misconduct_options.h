/* SPDX-License-Identifier: MIT */
/* What the faults share that answer options otherwise than they should be: the rows they stand in. */
#ifndef NBDTEST_REFERENCE_MISCONDUCT_OPTIONS_H
#define NBDTEST_REFERENCE_MISCONDUCT_OPTIONS_H

#include "reference/misconduct_parts.h"

typedef bool condition(const struct reference_session *s, const struct option_data *data, uint32_t refusal);
typedef void action(struct reference_session *s, const struct option_data *data);

/* An option, when it is taken over, and what answers it. */
struct option_fault {
    enum fault fault;
    uint32_t option;
    condition *when;
    uint32_t reply; /* 0: none, what act() does */
    action *act;
};

condition is_malformed, names_nothing, unstructured, after_extended;

/* The first row that is for this option takes it over: true when there is one. */
bool options_take(struct reference_session *s, const struct option_data *data, uint32_t refusal,
                  const struct option_fault *among, size_t count);

/* The options that ask for metadata contexts. */
bool queries_misconduct(struct reference_session *s, const struct option_data *data, uint32_t refusal);

#endif
