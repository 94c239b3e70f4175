/* SPDX-License-Identifier: MIT */
/* The options of `nbdtest serve` that have to do with TLS. */
#ifndef NBDTEST_CLI_TLS_OPTIONS_H
#define NBDTEST_CLI_TLS_OPTIONS_H

#include <stdbool.h>

#include "reference/session.h"
#include "transport/tls.h"

/* Rows for options_parse() (cli/options.h). */
#define TLS_OPTIONS                                                                                   \
    { "tls", 0, "off|on|require", "TLS on demand, or before anything else (default off)" },           \
        { "tls-certificates", 0, "DIR", "folder with server-cert.pem, server-key.pem, ca-cert.pem" }, \
        { "tls-psk", 0, "FILE", "pre-shared keys, a line USER:HEX each" },                            \
    {                                                                                                 \
        "tls-verify-peer", 0, NULL, "clients need a certificate that the authority in DIR signed"     \
    }

enum tls_option {
    TLS_OPTION_MODE,
    TLS_OPTION_CERTIFICATES,
    TLS_OPTION_PSK,
    TLS_OPTION_VERIFY_PEER,
    TLS_OPTION_COUNT
};

struct tls_options {
    enum reference_tls mode;
    struct tls_files files;
    bool verify_peer;
};

/* Takes one of the options; false after telling the user what is wrong with it. */
bool tls_options_take(struct tls_options *o, enum tls_option option, const char *argument);

/* Sets mode and credentials, which the caller frees, where the exports have been set.  False after telling
 * the user what does not go together or cannot be read. */
bool tls_options_apply(const struct tls_options *o, struct reference_config *config,
                       struct tls_credentials **ret_credentials);

#endif
