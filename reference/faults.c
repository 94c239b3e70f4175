/* SPDX-License-Identifier: MIT */
#include "reference/faults.h"

const struct fault_row fault_rows[FAULT_COUNT] = {
#define FAULT(constant, name, breaks, consequences, with, does) { name, breaks, consequences, with, does },
#include "reference/faults.def"
#define FAULT(constant, name, breaks, consequences, with, does) { name, breaks, consequences, with, does },
#include "reference/faults_extended.def"
#define FAULT(constant, name, breaks, consequences, with, does) { name, breaks, consequences, with, does },
#include "reference/faults_tls.def"
};

bool faults_switch_on(struct faults *f, struct span name)
{
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (span_equal(span_text(fault_rows[i].name), name)) {
            f->on[i] = true;
            return true;
        }
    return false;
}
