/* SPDX-License-Identifier: MIT */
/* For tests: an authority, certificates and keys made on the spot, so that none ever expires. */
#ifndef NBDTEST_TRANSPORT_TLS_CERTIFICATES_H
#define NBDTEST_TRANSPORT_TLS_CERTIFICATES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/* A certificate with its key. */
struct issued {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

static inline void tls_write_file(const char *folder, const char *name, gnutls_datum_t text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
    gnutls_free(text.data);
}

/* A certificate for that name, not yet signed. */
static inline struct issued tls_draft(const char *name, const char *purpose)
{
    static unsigned char serial;
    struct issued i;
    unsigned char id[20];
    size_t id_len = sizeof id;

    serial++;
    assert_int_equal(gnutls_x509_privkey_init(&i.key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(i.key, GNUTLS_PK_ECDSA, 256, 0), 0);
    assert_int_equal(gnutls_x509_crt_init(&i.certificate), 0);
    gnutls_x509_crt_set_version(i.certificate, 3);
    gnutls_x509_crt_set_serial(i.certificate, &serial, 1);
    gnutls_x509_crt_set_dn_by_oid(i.certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                  (unsigned)strlen(name));
    gnutls_x509_crt_set_activation_time(i.certificate, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(i.certificate, time(NULL) + 3600);
    gnutls_x509_crt_set_key(i.certificate, i.key);
    gnutls_x509_crt_get_key_id(i.certificate, 0, id, &id_len);
    gnutls_x509_crt_set_subject_key_id(i.certificate, id, id_len);
    if (purpose) {
        gnutls_x509_crt_set_key_purpose_oid(i.certificate, purpose, 0);
        gnutls_x509_crt_set_subject_alt_name(i.certificate, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                             0);
    }
    return i;
}

static inline void tls_release(struct issued i)
{
    gnutls_x509_crt_deinit(i.certificate);
    gnutls_x509_privkey_deinit(i.key);
}

/* Writes the certificate to WHO-cert.pem and its key to WHO-key.pem. */
static inline void tls_write(const char *folder, const char *who, struct issued i)
{
    gnutls_datum_t text;
    char name[64];

    assert_int_equal(gnutls_x509_crt_export2(i.certificate, GNUTLS_X509_FMT_PEM, &text), 0);
    snprintf(name, sizeof name, "%s-cert.pem", who);
    tls_write_file(folder, name, text);
    assert_int_equal(gnutls_x509_privkey_export2(i.key, GNUTLS_X509_FMT_PEM, &text), 0);
    snprintf(name, sizeof name, "%s-key.pem", who);
    tls_write_file(folder, name, text);
}

static inline void tls_issue(const char *folder, const char *who, const char *name, const char *purpose,
                             struct issued authority)
{
    struct issued i = tls_draft(name, purpose);

    assert_int_equal(gnutls_x509_crt_set_basic_constraints(i.certificate, 0, -1), 0);
    assert_int_equal(gnutls_x509_crt_set_key_usage(i.certificate, GNUTLS_KEY_DIGITAL_SIGNATURE), 0);
    assert_int_equal(
        gnutls_x509_crt_sign2(i.certificate, authority.certificate, authority.key, GNUTLS_DIG_SHA256, 0), 0);
    tls_write(folder, who, i);
    tls_release(i);
}

/* Fills a folder with ca-*.pem, server-*.pem (for "localhost") and client-*.pem. */
static inline void tls_make_folder(const char *folder)
{
    struct issued authority = tls_draft("An authority", NULL);

    gnutls_x509_crt_set_basic_constraints(authority.certificate, 1, -1);
    gnutls_x509_crt_set_key_usage(authority.certificate, GNUTLS_KEY_KEY_CERT_SIGN);
    assert_int_equal(gnutls_x509_crt_sign2(authority.certificate, authority.certificate, authority.key,
                                           GNUTLS_DIG_SHA256, 0),
                     0);
    tls_write(folder, "ca", authority);
    tls_issue(folder, "server", "localhost", GNUTLS_KP_TLS_WWW_SERVER, authority);
    tls_issue(folder, "client", "A client", GNUTLS_KP_TLS_WWW_CLIENT, authority);
    tls_release(authority);
}

static inline void tls_remove_folder(const char *folder)
{
    static const char *const names[] = { "ca-cert.pem",    "ca-key.pem",      "server-cert.pem",
                                         "server-key.pem", "client-cert.pem", "client-key.pem",
                                         "keys.psk" };
    char path[256];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

#endif
