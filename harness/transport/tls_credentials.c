/* SPDX-License-Identifier: MIT */
/* Credentials out of files. */
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "transport/tls_parts.h"

enum { PATH_BYTES = 4096, LINE_BYTES = 4096, PAIR_KEY_BYTES = 32 };

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

    if ((m->c->side == TLS_SERVER && !m->c->verify_peer) || m->c->trusts_all)
        return true; /* it asks for nothing, or takes whatever it gets */
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

void tls_priority(const struct tls_credentials *c, unsigned versions, char ret[TLS_PRIORITY_BYTES])
{
    static const struct {
        unsigned version;
        const char *words;
    } names[] = {
        { TLS_1_3, ":+VERS-TLS1.3" },
        { TLS_1_2, ":+VERS-TLS1.2" },
        { TLS_1_1, ":+VERS-TLS1.1" },
        { TLS_1_0, ":+VERS-TLS1.0" },
        { TLS_1_0 | TLS_1_1, ":+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1:%VERIFY_ALLOW_SIGN_WITH_SHA1" },
    };
    size_t len;

    /* What there are no credentials for is not agreed upon. */
    snprintf(ret, TLS_PRIORITY_BYTES, "NORMAL:-VERS-ALL%s",
             c->psk_server || c->psk_client ? ":+ECDHE-PSK:+DHE-PSK:+PSK" : "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        len = strlen(ret);
        if (versions & names[i].version)
            snprintf(ret + len, TLS_PRIORITY_BYTES - len, "%s", names[i].words);
    }
}

static bool make_priority(const struct making *m, unsigned versions)
{
    char priority[TLS_PRIORITY_BYTES];

    tls_priority(m->c, versions ? versions : TLS_1_2_OR_1_3, priority);
    return good(m, gnutls_priority_init(&m->c->priority, priority, NULL), "preparing", priority);
}

struct tls_credentials *tls_credentials_new(const struct tls_settings *settings,
                                            const struct tls_files *files, char *ret_error, size_t error_size)
{
    struct tls_credentials *c = memory_take(sizeof *c);
    const struct making m = { c, ret_error, error_size };

    ret_error[0] = '\0';
    *c = (struct tls_credentials){ .side = settings->side,
                                   .verify_peer = settings->verify_peer,
                                   .trusts_all = settings->trusts_all };
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

/* The key of a user who is in no file. */
static int find_shared(gnutls_session_t session, const char *user, gnutls_datum_t *ret_key)
{
    const struct tls_credentials *c = tls_credentials_of(session);

    if (strcmp(user, c->user) != 0)
        return -1;
    ret_key->data = gnutls_malloc(c->key.size);
    if (!ret_key->data)
        return -1;
    memcpy(ret_key->data, c->key.data, c->key.size);
    ret_key->size = c->key.size;
    return 0;
}

static bool share_key(struct tls_credentials *c)
{
    if (c->side == TLS_CLIENT)
        return gnutls_psk_allocate_client_credentials(&c->psk_client) >= 0 &&
               gnutls_psk_set_client_credentials(c->psk_client, c->user, &c->key, GNUTLS_PSK_KEY_RAW) >= 0;
    if (gnutls_psk_allocate_server_credentials(&c->psk_server) < 0)
        return false;
    gnutls_psk_set_server_credentials_function(c->psk_server, find_shared);
    return gnutls_psk_set_server_known_dh_params(c->psk_server, GNUTLS_SEC_PARAM_MEDIUM) >= 0;
}

static struct tls_credentials *shared(enum tls_side side, const uint8_t key[PAIR_KEY_BYTES])
{
    static const char user[] = "nbdtest";
    struct tls_credentials *c = memory_take(sizeof *c);
    const struct making m = { c, (char[1]){ "" }, 1 };

    *c = (struct tls_credentials){ .side = side };
    c->user = memory_take(sizeof user);
    memcpy(c->user, user, sizeof user);
    c->key = (gnutls_datum_t){ memory_take(PAIR_KEY_BYTES), PAIR_KEY_BYTES };
    memcpy(c->key.data, key, PAIR_KEY_BYTES);
    if (share_key(c) && make_priority(&m, 0))
        return c;
    tls_credentials_free(c);
    return NULL;
}

bool tls_credentials_pair(struct tls_credentials **ret_server, struct tls_credentials **ret_client)
{
    uint8_t key[PAIR_KEY_BYTES];

    if (gnutls_rnd(GNUTLS_RND_KEY, key, sizeof key) < 0)
        return false;
    *ret_server = shared(TLS_SERVER, key);
    *ret_client = shared(TLS_CLIENT, key);
    gnutls_memset(key, 0, sizeof key);
    return *ret_server && *ret_client;
}

void tls_credentials_free(struct tls_credentials *c)
{
    if (!c)
        return;
    free(c->user);
    free(c->key.data);
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
