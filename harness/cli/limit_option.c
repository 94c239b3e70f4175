/* SPDX-License-Identifier: MIT */
#include "cli/limit_option.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "cli/size.h"
#include "reference/loop.h"

#define SECONDS_MAX 1000000000

enum limit_kind { LIMIT_COUNT, LIMIT_BYTES, LIMIT_SECONDS };

static const struct limit_key {
    const char *name;
    size_t at; /* in struct reference_limits: an uint64_t */
    enum limit_kind kind;
    uint64_t most;
    const char *help;
} keys[] = {
#define KEY(name, field, kind, most, help)                               \
    {                                                                    \
        name, offsetof(struct reference_limits, field), kind, most, help \
    }
    KEY("options", options, LIMIT_COUNT, UINT32_MAX, "options in one handshake (default 1024)"),
    KEY("option-bytes", option_bytes, LIMIT_BYTES, 16u << 20,
        "data of an option; with more it is refused (256K)"),
    KEY("connections", connections, LIMIT_COUNT, REFERENCE_MAX_CONNECTIONS,
        "connections at the same time; more of them wait (16384)"),
    KEY("handshake", handshake_ns, LIMIT_SECONDS, SECONDS_MAX,
        "seconds from connecting to transmission (60)"),
    KEY("idle", idle_ns, LIMIT_SECONDS, SECONDS_MAX, "seconds without a byte either way (no limit)"),
    KEY("waiting", waiting, LIMIT_BYTES, INT64_MAX,
        "bytes that wait to be sent, to all clients together (1G)"),
    KEY("stuck", stuck_ns, LIMIT_SECONDS, SECONDS_MAX,
        "seconds in which a client takes nothing, at that limit (10)"),
    KEY("shutdown", shutdown_ns, LIMIT_SECONDS, SECONDS_MAX, "seconds for clients to leave at SIGTERM (1)"),
#undef KEY
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

static bool read_seconds(const char *text, const char **ret_end, uint64_t *ret_ns)
{
    char *end;
    double seconds = strtod(text, &end);

    *ret_end = end;
    if (end == text || !(seconds >= 0.001 && seconds <= SECONDS_MAX))
        return false;
    *ret_ns = (uint64_t)(seconds * 1e9);
    return true;
}

/* True when text begins with a value for the limit; *ret_end is what follows. */
static bool read_value(const struct limit_key *key, const char *text, const char **ret_end, uint64_t *ret)
{
    if (key->kind == LIMIT_SECONDS)
        return read_seconds(text, ret_end, ret);
    return size_read(text, ret_end, ret) && *ret > 0 && *ret <= key->most;
}

static const struct limit_key *find_key(struct span name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (span_equal(span_text(keys[i].name), name))
            return &keys[i];
    return NULL;
}

bool limit_option_parse(struct reference_limits *limits, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "=,");
        const struct limit_key *key = find_key(span_of(text, len));
        const char *end;
        uint64_t value;

        if (!key || text[len] != '=') {
            fprintf(stderr, "nbdtest: --limit '%s' is not KEY=VALUE,... of those that --help lists\n", text);
            return false;
        }
        text += len + 1;
        if (!read_value(key, text, &end, &value) || (*end != '\0' && *end != ',')) {
            fprintf(stderr, "nbdtest: --limit %s=%s: this has to be a number from %s to %" PRIu64 "\n",
                    key->name, text, key->kind == LIMIT_SECONDS ? "0.001" : "1", key->most);
            return false;
        }
        memcpy((char *)limits + key->at, &value, sizeof value);
        text = end + (*end == ',');
    }
    return true;
}

void limit_option_print_keys(FILE *out)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        fprintf(out, "  %-22s %s\n", keys[i].name, keys[i].help);
}
