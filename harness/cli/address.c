/* SPDX-License-Identifier: MIT */
#include "cli/address.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT "10809"

static bool copy(char *to, size_t room, const char *from, size_t len)
{
    if (len >= room)
        return false;
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

/* Undoes %XX; a NUL cannot be part of what we look for. */
static bool copy_unescaped(char *to, size_t room, const char *from, size_t len)
{
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        char c = from[i];

        if (c == '%') {
            char hex[3];

            if (len - i < 3 || !isxdigit((unsigned char)from[i + 1]) || !isxdigit((unsigned char)from[i + 2]))
                return false;
            hex[0] = from[i + 1];
            hex[1] = from[i + 2];
            hex[2] = '\0';
            c = (char)strtol(hex, NULL, 16);
            i += 2;
        }
        if (c == '\0' || used + 1 >= room)
            return false;
        to[used++] = c;
    }
    to[used] = '\0';
    return true;
}

/* HOST[:PORT] or [ADDRESS][:PORT], len bytes. */
static bool parse_host_port(const char *text, size_t len, struct address *ret)
{
    const char *end = text + len, *host = text, *host_end, *colon;

    if (len > 0 && text[0] == '[') {
        host = text + 1;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end)
            return false;
        colon = host_end + 1;
        if (colon < end && *colon != ':')
            return false;
    } else {
        colon = memchr(text, ':', len);
        host_end = colon ? colon : end;
        if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
            return false;
        colon = host_end;
    }
    if (host == host_end || !copy(ret->host, sizeof ret->host, host, (size_t)(host_end - host)))
        return false;
    if (colon == end)
        return copy(ret->port, sizeof ret->port, DEFAULT_PORT, strlen(DEFAULT_PORT));
    return colon + 1 < end && copy(ret->port, sizeof ret->port, colon + 1, (size_t)(end - colon - 1));
}

/* The parameters of a URI.  proto.md's companion on URIs, "TLS"; what is not known is passed over. */
static const struct parameter {
    const char *name;
    size_t offset, room;
} parameters[] = {
    { "socket", offsetof(struct address, path), sizeof((struct address *)0)->path },
    { "tls-certificates", offsetof(struct address, certificates), sizeof((struct address *)0)->certificates },
    { "tls-psk-file", offsetof(struct address, psk), sizeof((struct address *)0)->psk },
    { "tls-username", offsetof(struct address, user), sizeof((struct address *)0)->user },
    { "tls-hostname", offsetof(struct address, tls_host), sizeof((struct address *)0)->tls_host },
    { "tls-verify-peer", offsetof(struct address, verify), sizeof((struct address *)0)->verify },
    { "tls-type", offsetof(struct address, tls_type), sizeof((struct address *)0)->tls_type },
};

static bool parse_parameter(const char *text, size_t len, struct address *ret)
{
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        const struct parameter *p = &parameters[i];
        size_t name = strlen(p->name);

        if (len > name && strncmp(text, p->name, name) == 0 && text[name] == '=')
            return copy_unescaped((char *)ret + p->offset, p->room, text + name + 1, len - name - 1);
    }
    return true;
}

/* What stands behind "?", if anything. */
static bool parse_query(const char *query, struct address *ret)
{
    while (*query) {
        size_t len = strcspn(query, "&");

        if (!parse_parameter(query, len, ret))
            return false;
        query += len + (query[len] == '&');
    }
    return true;
}

/* USER@ in front of the authority, of len bytes. */
static bool take_user(const char **authority, size_t *len, struct address *ret)
{
    const char *at = memchr(*authority, '@', *len);
    size_t user = at ? (size_t)(at - *authority) : 0;

    if (!at)
        return true;
    if (!copy_unescaped(ret->user, sizeof ret->user, *authority, user))
        return false;
    *authority += user + 1;
    *len -= user + 1;
    return true;
}

/* [USER@][HOST[:PORT]][/EXPORT][?PARAMETERS] */
static bool parse_uri(const char *rest, struct address *ret)
{
    size_t authority = strcspn(rest, "/?"), export;
    const char *path = rest + authority;

    if (!take_user(&rest, &authority, ret))
        return false;
    if (ret->is_unix ? authority > 0 || *path != '/' : !parse_host_port(rest, authority, ret))
        return false;
    if (*path == '/')
        path++;
    export = strcspn(path, "?");
    ret->has_export = export > 0;
    if (!copy_unescaped(ret->export, sizeof ret->export, path, export))
        return false;
    return (path[export] == '\0' || parse_query(path + export + 1, ret)) &&
           (!ret->is_unix || ret->path[0] != '\0');
}

static const struct scheme {
    const char *name;
    bool is_unix, tls;
    const char *form;
} schemes[] = {
    { "nbd", false, false, "nbd://HOST[:PORT][/EXPORT]" },
    { "nbds", false, true, "nbds://[USER@]HOST[:PORT][/EXPORT][?tls-...=...]" },
    { "nbd+unix", true, false, "nbd+unix:///[EXPORT]?socket=PATH" },
    { "nbds+unix", true, true, "nbds+unix://[USER@]/[EXPORT]?socket=PATH[&tls-...=...]" },
};

static const struct scheme *scheme_of(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i].name) == len && strncmp(text, schemes[i].name, len) == 0)
            return &schemes[i];
    return NULL;
}

bool address_parse(const char *text, struct address *ret, char *error, size_t error_size)
{
    const char *end = strstr(text, "://");
    const struct scheme *scheme = end ? scheme_of(text, (size_t)(end - text)) : NULL;

    *ret = (struct address){ 0 };
    if (end && !scheme) {
        snprintf(error, error_size, "'%s': the scheme is none of nbd, nbds, nbd+unix, nbds+unix", text);
        return false;
    }
    if (!scheme) {
        if (parse_host_port(text, strlen(text), ret))
            return true;
        snprintf(error, error_size, "'%s' is not HOST:PORT (IPv6 addresses go in brackets)", text);
        return false;
    }
    ret->is_unix = scheme->is_unix;
    ret->tls = scheme->tls;
    if (!parse_uri(end + 3, ret)) {
        snprintf(error, error_size, "'%s' is not %s", text, scheme->form);
        return false;
    }
    if (ret->verify[0] != '\0' && strcmp(ret->verify, "0") != 0 && strcmp(ret->verify, "1") != 0) {
        snprintf(error, error_size, "'%s': tls-verify-peer is 0 or 1", text);
        return false;
    }
    if (ret->tls_type[0] != '\0' && strcmp(ret->tls_type, "x509") != 0 && strcmp(ret->tls_type, "psk") != 0) {
        snprintf(error, error_size, "'%s': of values of tls-type nbdtest knows x509 and psk", text);
        return false;
    }
    return true;
}

void address_print_escaped(FILE *out, const char *text)
{
    for (; *text; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~/", *text))
            fputc(*text, out);
        else
            fprintf(out, "%%%02X", (unsigned char)*text);
}
