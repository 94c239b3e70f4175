/* SPDX-License-Identifier: MIT */
/* The options that have to do with TLS: those that servers and clients share, and those of clients. */
#ifndef NBDTEST_CLI_TLS_OPTIONS_H
#define NBDTEST_CLI_TLS_OPTIONS_H

#include <stdbool.h>

#include "reference/session.h"
#include "runner/target.h"
#include "transport/tls.h"

/* Rows for options_parse() (cli/options.h). */
#define TLS_OPTIONS                                                                                   \
    { "tls", 0, "off|on|require", "TLS on demand, or before anything else (default off)" },           \
        { "tls-certificates", 0, "DIR", "folder with server-cert.pem, server-key.pem, ca-cert.pem" }, \
        { "tls-psk", 0, "FILE", "pre-shared keys, a line USER:HEX each" },                            \
    {                                                                                                 \
        "tls-verify-peer", 0, NULL, "clients need a certificate that the authority in DIR signed"     \
    }

#define TLS_CLIENT_OPTIONS                                                                      \
    { "tls-username", 0, "USER", "whose pre-shared key (default: the first in the file)" },     \
        { "tls-hostname", 0, "NAME", "name that the server's certificate has to be made for" }, \
    {                                                                                           \
        "tls-no-verify-peer", 0, NULL, "take any certificate from the server"                   \
    }

enum tls_option {
    TLS_OPTION_MODE,
    TLS_OPTION_CERTIFICATES,
    TLS_OPTION_PSK,
    TLS_OPTION_VERIFY_PEER,
    TLS_OPTION_COUNT,
    TLS_OPTION_USERNAME = TLS_OPTION_COUNT,
    TLS_OPTION_HOSTNAME,
    TLS_OPTION_NO_VERIFY_PEER,
    TLS_OPTION_CLIENT_COUNT
};

struct tls_options {
    enum reference_tls mode;
    struct tls_files files;
    bool verify_peer;
    bool given; /* any of the options was */
    bool mode_given;
    const char *user, *host; /* clients */
    bool trusts_all;
};

/* Takes one of the options; false after telling the user what is wrong with it. */
bool tls_options_take(struct tls_options *o, enum tls_option option, const char *argument);

/* Sets mode and credentials, which the caller frees, where the exports have been set.  False after telling
 * the user what does not go together or cannot be read. */
bool tls_options_apply(const struct tls_options *o, struct reference_config *config,
                       struct tls_credentials **ret_credentials);

struct address;

/* What a client needs for the server at that address: the parameters of its URI, and the options, which win.
 * False after telling the user what cannot be read.  Credentials are the caller's. */
bool tls_options_client(const struct tls_options *o, const struct address *address, struct target *target,
                        struct tls_credentials **ret_credentials);

/* The bundled server and its client: as the options say, and without files by a key that nobody
 * else knows. */
bool tls_options_bundled(const struct tls_options *o, struct reference_config *config, struct target *target,
                         struct tls_credentials **ret_server, struct tls_credentials **ret_client);

#endif
