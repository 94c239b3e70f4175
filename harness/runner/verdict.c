/* SPDX-License-Identifier: MIT */
#include "runner/verdict.h"

static const char *const names[VERDICT_COUNT] = {
    [VERDICT_PASS] = "pass",   [VERDICT_NOTE] = "note", [VERDICT_SKIP] = "skip", [VERDICT_KNOWN] = "known",
    [VERDICT_FIXED] = "fixed", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "fail", [VERDICT_ERROR] = "error",
};

const char *verdict_name(enum verdict v)
{
    return names[v];
}
