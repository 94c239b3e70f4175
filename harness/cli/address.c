/* SPDX-License-Identifier: MIT */
#include "cli/address.h"

#include <ctype.h>
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

static bool parse_unix(const char *rest, struct address *ret)
{
    const char *query = strchr(rest, '?');
    static const char key[] = "socket=";

    ret->is_unix = true;
    if (rest[0] != '/' || !query)
        return false;
    ret->has_export = query - rest > 1;
    if (!copy_unescaped(ret->export, sizeof ret->export, rest + 1, (size_t)(query - rest - 1)))
        return false;
    query++;
    while (strncmp(query, key, strlen(key)) != 0) {
        query = strchr(query, '&');
        if (!query)
            return false;
        query++;
    }
    query += strlen(key);
    return copy_unescaped(ret->path, sizeof ret->path, query, strcspn(query, "&")) && ret->path[0] != '\0';
}

static bool parse_tcp(const char *rest, struct address *ret)
{
    size_t authority = strcspn(rest, "/?");
    const char *export = rest + authority;

    if (!parse_host_port(rest, authority, ret))
        return false;
    if (*export != '/')
        return *export == '\0';
    ret->has_export = export[1] != '\0';
    return copy_unescaped(ret->export, sizeof ret->export, export + 1, strcspn(export + 1, "?"));
}

bool address_parse(const char *text, struct address *ret, char *error, size_t error_size)
{
    const char *scheme_end = strstr(text, "://");
    size_t scheme = scheme_end ? (size_t)(scheme_end - text) : 0;

    *ret = (struct address){ 0 };
    if (scheme_end && (strncmp(text, "nbds", 4) == 0)) {
        snprintf(error, error_size, "'%s': TLS is not supported yet", text);
        return false;
    }
    if (scheme_end && scheme == strlen("nbd") && strncmp(text, "nbd", scheme) == 0) {
        if (parse_tcp(scheme_end + 3, ret))
            return true;
        snprintf(error, error_size, "'%s' is not nbd://HOST[:PORT][/EXPORT]", text);
    } else if (scheme_end && scheme == strlen("nbd+unix") && strncmp(text, "nbd+unix", scheme) == 0) {
        if (parse_unix(scheme_end + 3, ret))
            return true;
        snprintf(error, error_size, "'%s' is not nbd+unix:///[EXPORT]?socket=PATH", text);
    } else if (scheme_end) {
        snprintf(error, error_size, "'%s': the scheme is neither nbd nor nbd+unix", text);
    } else {
        if (parse_host_port(text, strlen(text), ret))
            return true;
        snprintf(error, error_size, "'%s' is not HOST:PORT (IPv6 addresses go in brackets)", text);
    }
    return false;
}

void address_print_escaped(FILE *out, const char *text)
{
    for (; *text; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~/", *text))
            fputc(*text, out);
        else
            fprintf(out, "%%%02X", (unsigned char)*text);
}
