/* SPDX-License-Identifier: MIT */
/* Where a server is: HOST:PORT, [IPV6]:PORT, or an NBD URI. */
#ifndef NBDTEST_CLI_ADDRESS_H
#define NBDTEST_CLI_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct address {
    bool is_unix;
    char host[256];    /* TCP: without the brackets of IPv6 */
    char port[16];     /* TCP */
    char path[108];    /* Unix socket */
    char export[4097]; /* of a URI; empty: none was given */
    bool has_export;
    bool tls;                /* nbds, nbds+unix: it cannot do without */
    char certificates[4096]; /* parameters of TLS; empty: not given */
    char psk[4096];
    char user[256];
    char tls_host[256];
    char verify[2]; /* "0" or "1" */
    char tls_type[16];
};

/* Understands HOST, HOST:PORT, [ADDRESS]:PORT, nbd://HOST[:PORT][/EXPORT] and
 * nbd+unix:///[EXPORT]?socket=PATH, with %XX undone in EXPORT and PATH; the same with nbds and nbds+unix,
 * where [USER@] and the parameters tls-certificates, tls-psk-file, tls-username, tls-hostname,
 * tls-verify-peer and tls-type may be.  False with what is wrong in error. */
bool address_parse(const char *text, struct address *ret, char *error, size_t error_size);

/* Writes an export's name or a path as it stands in a URI: what has a meaning there, and what is not ASCII,
 * as %XX. */
void address_print_escaped(FILE *out, const char *text);

#endif
