/* SPDX-License-Identifier: MIT */
#include "cli/tls_options.h"

#include <stdio.h>
#include <string.h>

#include "cli/address.h"

static bool take_mode(struct tls_options *o, const char *argument)
{
    static const struct {
        const char *word;
        enum reference_tls mode;
    } modes[] = {
        { "off", REFERENCE_TLS_OFF },
        { "on", REFERENCE_TLS_SELECTIVE },
        { "require", REFERENCE_TLS_FORCED },
    };

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argument, modes[i].word) == 0) {
            o->mode = modes[i].mode;
            o->mode_given = true;
            return true;
        }
    fprintf(stderr, "nbdtest: --tls '%s' is not off, on or require\n", argument);
    return false;
}

bool tls_options_take(struct tls_options *o, enum tls_option option, const char *argument)
{
    o->given = true;
    switch (option) {
    case TLS_OPTION_MODE:
        return take_mode(o, argument);
    case TLS_OPTION_CERTIFICATES:
        o->files.folder = argument;
        return true;
    case TLS_OPTION_PSK:
        o->files.psk = argument;
        return true;
    case TLS_OPTION_VERIFY_PEER:
        o->verify_peer = true;
        return true;
    case TLS_OPTION_USERNAME:
        o->user = argument;
        return true;
    case TLS_OPTION_HOSTNAME:
        o->host = argument;
        return true;
    case TLS_OPTION_NO_VERIFY_PEER:
        o->trusts_all = true;
        return true;
    case TLS_OPTION_CLIENT_COUNT:
        break;
    }
    return false;
}

static bool has_tls_only(const struct reference_config *config)
{
    for (size_t i = 0; i < config->export_count; i++)
        if (config->exports[i].tls_only)
            return true;
    return false;
}

/* What does not go together, or NULL. */
static const char *contradiction(const struct tls_options *o, const struct reference_config *config,
                                 bool has_key)
{
    bool files = o->files.folder || o->files.psk || has_key;

    if (o->mode == REFERENCE_TLS_OFF && (files || o->verify_peer || has_tls_only(config)))
        return "options for TLS go with --tls on or --tls require";
    if (o->mode == REFERENCE_TLS_OFF)
        return NULL;
    if (config->face != REFERENCE_FIXED_NEWSTYLE)
        return "there is TLS only in the fixed newstyle";
    if (!files)
        return "--tls needs --tls-certificates DIR, --tls-psk FILE, or both";
    if (o->verify_peer && !o->files.folder)
        return "--tls-verify-peer needs --tls-certificates DIR";
    return NULL;
}

bool tls_options_apply(const struct tls_options *o, struct reference_config *config,
                       struct tls_credentials **ret_credentials)
{
    const struct tls_settings settings = { .side = TLS_SERVER, .verify_peer = o->verify_peer };
    const char *wrong = contradiction(o, config, false);
    char error[4400];

    *ret_credentials = NULL;
    if (wrong) {
        fprintf(stderr, "nbdtest: %s\n", wrong);
        return false;
    }
    if (o->mode == REFERENCE_TLS_OFF)
        return true;
    *ret_credentials = tls_credentials_new(&settings, &o->files, error, sizeof error);
    if (!*ret_credentials) {
        fprintf(stderr, "nbdtest: %s\n", error);
        return false;
    }
    config->tls = o->mode;
    config->tls_credentials = *ret_credentials;
    return true;
}

/* ---- clients ---- */

static const char *given(const char *option, const char *parameter)
{
    return option ? option : *parameter ? parameter : NULL;
}

static bool client_credentials(const struct tls_settings *settings, const struct tls_files *files,
                               struct tls_credentials **ret)
{
    char error[4400];

    *ret = tls_credentials_new(settings, files, error, sizeof error);
    if (!*ret)
        fprintf(stderr, "nbdtest: %s\n", error);
    return *ret != NULL;
}

static enum target_tls use_of(const struct tls_options *o, const struct address *address)
{
    if (o->mode_given)
        return o->mode == REFERENCE_TLS_OFF      ? TARGET_TLS_NEVER
               : o->mode == REFERENCE_TLS_FORCED ? TARGET_TLS_ALWAYS
                                                 : TARGET_TLS_WHERE_OFFERED;
    return address->tls ? TARGET_TLS_ALWAYS : TARGET_TLS_WHERE_OFFERED;
}

/* Which of the files the URI's tls-type leaves. */
static struct tls_files files_of(const struct tls_options *o, const struct address *address)
{
    struct tls_files files = { .folder = given(o->files.folder, address->certificates),
                               .psk = given(o->files.psk, address->psk) };

    if (strcmp(address->tls_type, "psk") == 0)
        files.folder = NULL;
    if (strcmp(address->tls_type, "x509") == 0)
        files.psk = NULL;
    return files;
}

bool tls_options_client(const struct tls_options *o, const struct address *address, struct target *target,
                        struct tls_credentials **ret_credentials)
{
    const struct tls_files files = files_of(o, address);
    const struct tls_settings settings = { .side = TLS_CLIENT,
                                           .user = given(o->user, address->user),
                                           .trusts_all = o->trusts_all || address->verify[0] == '0' };

    *ret_credentials = NULL;
    target->tls_use = use_of(o, address);
    if (address->tls && target->tls_use != TARGET_TLS_ALWAYS) {
        fprintf(stderr, "nbdtest: a URI of nbds cannot do without TLS\n");
        return false;
    }
    if (!files.folder && !files.psk) {
        if (target->tls_use == TARGET_TLS_ALWAYS || (o->mode_given && o->mode != REFERENCE_TLS_OFF)) {
            fprintf(stderr, "nbdtest: TLS takes --tls-certificates DIR or --tls-psk FILE, or the URI's "
                            "tls-certificates or tls-psk-file\n");
            return false;
        }
        return true;
    }
    if (!client_credentials(&settings, &files, ret_credentials))
        return false;
    target->tls = *ret_credentials;
    target->tls_host = given(o->host, address->tls_host);
    if (!target->tls_host && !address->is_unix)
        target->tls_host = address->host;
    return true;
}

/* ---- the bundled server ---- */

bool tls_options_bundled(const struct tls_options *o, struct reference_config *config, struct target *target,
                         struct tls_credentials **ret_server, struct tls_credentials **ret_client)
{
    const struct tls_settings settings = { .side = TLS_CLIENT, .user = o->user, .trusts_all = o->trusts_all };

    *ret_server = *ret_client = NULL;
    if (o->files.folder || o->files.psk || o->mode == REFERENCE_TLS_OFF) {
        if (!tls_options_apply(o, config, ret_server))
            return false;
        if (*ret_server && !client_credentials(&settings, &o->files, ret_client))
            return false;
    } else {
        const char *wrong = contradiction(o, config, true);

        if (wrong || !tls_credentials_pair(ret_server, ret_client)) {
            fprintf(stderr, "nbdtest: %s\n", wrong ? wrong : "TLS: there is no random key to be had");
            return false;
        }
        config->tls = o->mode;
        config->tls_credentials = *ret_server;
    }
    target->tls = *ret_client;
    target->tls_host = o->host;
    target->tls_use = o->mode == REFERENCE_TLS_FORCED ? TARGET_TLS_ALWAYS : TARGET_TLS_WHERE_OFFERED;
    return true;
}
