/* SPDX-License-Identifier: MIT */
#include "cli/tls_options.h"

#include <stdio.h>
#include <string.h>

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
            return true;
        }
    fprintf(stderr, "nbdtest: --tls '%s' is not off, on or require\n", argument);
    return false;
}

bool tls_options_take(struct tls_options *o, enum tls_option option, const char *argument)
{
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
    case TLS_OPTION_COUNT:
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
static const char *contradiction(const struct tls_options *o, const struct reference_config *config)
{
    bool files = o->files.folder || o->files.psk;

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
    const char *wrong = contradiction(o, config);
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
