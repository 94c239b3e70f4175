/* SPDX-License-Identifier: MIT */
/* Credentials out of files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "transport/tls_parts.h"

enum { PATH_BYTES = 4096, LINE_BYTES = 4096 };

/* What is being made, and where to complain. */
struct making {
    struct tls_credentials *c;
    char *error;
    size_t error_size;
};

static bool complain(const struct making *m, const char *doing, const char *path, const char *why)
{
    snprintf(m->error, m->error_size, "TLS: %s %s: %s", doing, path, why);
    return false;
}

/* Says so when result is an error of GnuTLS. */
static bool good(const struct making *m, int result, const char *doing, const char *path)
{
    return result >= 0 || complain(m, doing, path, gnutls_strerror(result));
}

/* ---- which file ---- */

/* The file given by itself, or the one of that name in the folder; "" where neither is given.  False when the
 * path is too long. */
static bool path_of(const struct making *m, const char *file, const char *folder, const char *name,
                    char ret[PATH_BYTES])
{
    int len = 0;

    ret[0] = '\0';
    if (file)
        len = snprintf(ret, PATH_BYTES, "%s", file);
    else if (folder)
        len = snprintf(ret, PATH_BYTES, "%s/%s", folder, name);
    return len < PATH_BYTES || complain(m, "looking into", file ? file : folder, "the path is too long");
}

static bool is_there(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file)
        fclose(file);
    return file != NULL;
}

/* ---- X.509 ---- */

static bool load_authority(const struct making *m, const struct tls_files *files)
{
    char path[PATH_BYTES];
    int count;

    if (m->c->side == TLS_SERVER && !m->c->verify_peer)
        return true; /* it trusts nobody and asks for nothing */
    if (!path_of(m, files->authority, files->folder, "ca-cert.pem", path))
        return false;
    if (path[0] == '\0')
        return complain(m, "looking for", "an authority's certificate", "none given");
    if (!is_there(path))
        return complain(m, "reading the authority", path, strerror(errno));
    count = gnutls_certificate_set_x509_trust_file(m->c->x509, path, GNUTLS_X509_FMT_PEM);
    return good(m, count, "reading the authority", path) &&
           (count > 0 || complain(m, "reading the authority", path, "there is no certificate in it"));
}

static bool load_certificate(const struct making *m, const struct tls_files *files)
{
    bool server = m->c->side == TLS_SERVER;
    char certificate[PATH_BYTES], key[PATH_BYTES];

    if (!path_of(m, files->certificate, files->folder, server ? "server-cert.pem" : "client-cert.pem",
                 certificate) ||
        !path_of(m, files->key, files->folder, server ? "server-key.pem" : "client-key.pem", key))
        return false;
    if (!server && !files->certificate && !files->key && !is_there(certificate) && !is_there(key))
        return true; /* a client need not have one */
    if (certificate[0] == '\0' || key[0] == '\0')
        return complain(m, "looking for", certificate[0] == '\0' ? "a certificate" : "its key", "none given");
    if (!is_there(certificate))
        return complain(m, "reading the certificate", certificate, strerror(errno));
    if (!is_there(key))
        return complain(m, "reading the key", key, strerror(errno));
    return good(m, gnutls_certificate_set_x509_key_file(m->c->x509, certificate, key, GNUTLS_X509_FMT_PEM),
                "using the certificate", certificate);
}

static bool make_x509(const struct making *m, const struct tls_files *files)
{
    if (!files->folder && !files->authority && !files->certificate && !files->key)
        return true;
    if (!good(m, gnutls_certificate_allocate_credentials(&m->c->x509), "preparing", "X.509"))
        return false;
    if (m->c->side == TLS_SERVER &&
        !good(m, gnutls_certificate_set_known_dh_params(m->c->x509, GNUTLS_SEC_PARAM_MEDIUM), "preparing",
              "X.509"))
        return false;
    return load_authority(m, files) && load_certificate(m, files);
}

/* ---- pre-shared keys ---- */

/* Takes USER:KEY apart, in place.  False when the line is not of that form. */
static bool split_line(char *line, const char **ret_key)
{
    char *colon = strchr(line, ':');

    line[strcspn(line, "\r\n")] = '\0';
    if (!colon || colon == line || colon[1] == '\0')
        return false;
    *colon = '\0';
    *ret_key = colon + 1;
    return true;
}

/* Finds the user's key, or the first one; NULL: there is none.  line keeps both. */
static const char *find_key(FILE *file, const char *user, char line[LINE_BYTES])
{
    const char *key;

    while (fgets(line, LINE_BYTES, file))
        if (line[0] != '#' && split_line(line, &key) && (!user || strcmp(line, user) == 0))
            return key;
    return NULL;
}

static bool use_key(const struct making *m, const char *path, const char *user, const char *key)
{
    gnutls_datum_t datum = { NULL, 0 };

    if (m->c->side == TLS_SERVER)
        return good(m, gnutls_psk_allocate_server_credentials(&m->c->psk_server), "preparing", path) &&
               good(m, gnutls_psk_set_server_credentials_file(m->c->psk_server, path), "using", path) &&
               good(m, gnutls_psk_set_server_known_dh_params(m->c->psk_server, GNUTLS_SEC_PARAM_MEDIUM),
                    "using", path);
    datum.size = (unsigned)strlen(key);
    datum.data = memory_take(datum.size + 1u);
    memcpy(datum.data, key, datum.size);
    if (good(m, gnutls_psk_allocate_client_credentials(&m->c->psk_client), "preparing", path))
        good(m, gnutls_psk_set_client_credentials(m->c->psk_client, user, &datum, GNUTLS_PSK_KEY_HEX),
             "using the key in", path);
    free(datum.data);
    return m->error[0] == '\0';
}

static bool make_psk(const struct making *m, const struct tls_files *files, const char *user)
{
    char line[LINE_BYTES], what[LINE_BYTES + 32];
    const char *key;
    FILE *file;

    if (!files->psk)
        return true;
    file = fopen(files->psk, "rb");
    if (!file)
        return complain(m, "reading the keys", files->psk, strerror(errno));
    key = find_key(file, m->c->side == TLS_CLIENT ? user : NULL, line);
    fclose(file);
    if (!key) {
        snprintf(what, sizeof what, user ? "there is no key for user '%s' in it" : "%.0sno line is USER:KEY",
                 user ? user : "");
        return complain(m, "reading the keys", files->psk, what);
    }
    return use_key(m, files->psk, line, key);
}

/* ---- all together ---- */

static bool make_priority(const struct making *m, enum tls_versions versions)
{
    static const char *const names[] = {
        [TLS_1_2_OR_1_3] = "+VERS-TLS1.3:+VERS-TLS1.2",
        [TLS_1_2_ONLY] = "+VERS-TLS1.2",
        [TLS_1_3_ONLY] = "+VERS-TLS1.3",
    };
    bool psk = m->c->psk_server || m->c->psk_client;
    char priority[200];

    /* What there are no credentials for is not agreed upon. */
    snprintf(priority, sizeof priority, "NORMAL:-VERS-ALL:%s%s", names[versions],
             psk ? ":+ECDHE-PSK:+DHE-PSK:+PSK" : "");
    return good(m, gnutls_priority_init(&m->c->priority, priority, NULL), "preparing", priority);
}

struct tls_credentials *tls_credentials_new(const struct tls_settings *settings,
                                            const struct tls_files *files, char *ret_error, size_t error_size)
{
    struct tls_credentials *c = memory_take(sizeof *c);
    const struct making m = { c, ret_error, error_size };

    ret_error[0] = '\0';
    *c = (struct tls_credentials){ .side = settings->side, .verify_peer = settings->verify_peer };
    if (make_x509(&m, files) && make_psk(&m, files, settings->user) &&
        make_priority(&m, settings->versions)) {
        if (!c->x509 && (c->verify_peer || (!c->psk_server && !c->psk_client)))
            complain(&m, "looking for", "certificates", "none given");
        else
            return c;
    }
    tls_credentials_free(c);
    return NULL;
}

void tls_credentials_free(struct tls_credentials *c)
{
    if (!c)
        return;
    if (c->x509)
        gnutls_certificate_free_credentials(c->x509);
    if (c->psk_server)
        gnutls_psk_free_server_credentials(c->psk_server);
    if (c->psk_client)
        gnutls_psk_free_client_credentials(c->psk_client);
    if (c->priority)
        gnutls_priority_deinit(c->priority);
    free(c);
}
