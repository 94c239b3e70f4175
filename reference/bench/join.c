/* SPDX-License-Identifier: MIT */
#include "reference/bench/join.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/body.h"
#include "wire/constants.h"

enum {
    OPTION_MAX = 4096,
    REPLY_MAX = 4096,
    OPT_EXTENDED_HEADERS = 11,
    INFO_EXPORT_FLAGS_AT = 10,
    RECEIVE_BUFFER = 1 << 20,
};

static int dial_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

    if (descriptor < 0 || strlen(path) >= sizeof address.sun_path)
        return descriptor;
    memcpy(address.sun_path, path, strlen(path));
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0) {
        const int bytes = RECEIVE_BUFFER;

        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        return descriptor;
    }
    close(descriptor);
    return -1;
}

static int dial_tcp(const char *host, const char *port)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *addresses = NULL;
    const int on = 1;
    int descriptor = -1;

    if (getaddrinfo(host, port, &hints, &addresses) != 0)
        return -1;
    for (const struct addrinfo *a = addresses; a && descriptor < 0; a = a->ai_next) {
        descriptor = socket(a->ai_family, SOCK_STREAM, 0);
        if (descriptor >= 0 && connect(descriptor, a->ai_addr, a->ai_addrlen) < 0) {
            close(descriptor);
            descriptor = -1;
        }
    }
    freeaddrinfo(addresses);
    if (descriptor >= 0)
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

static bool send_all(struct end *e, const uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t sent = end_send(e, at, len);

        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* Sends an option and reads its replies to the last one.  *ret_flags receives the transmission flags where
 * they are among them. */
static enum join ask(struct end *e, uint32_t option, struct span data, uint16_t *ret_flags)
{
    uint8_t bytes[OPTION_MAX], reply[REPLY_MAX];
    struct wire_out out = wire_out(bytes, sizeof bytes);
    struct wire_option_reply head;

    option_put(&out, option, data);
    if (out.full || !send_all(e, bytes, out.len))
        return JOIN_FAILED;
    do {
        struct wire_in in = wire_in(span_of(reply, WIRE_SIZE_option_reply));

        if (!end_receive_all(e, reply, WIRE_SIZE_option_reply))
            return JOIN_FAILED;
        head = wire_get_option_reply(&in);
        if (head.magic != NBD_REP_MAGIC || head.length > sizeof reply ||
            !end_receive_all(e, reply, head.length))
            return JOIN_FAILED;
        if (head.type == NBD_REP_INFO && head.length == 12 && reply[0] == 0 && reply[1] == NBD_INFO_EXPORT)
            *ret_flags = (uint16_t)(reply[INFO_EXPORT_FLAGS_AT] << 8 | reply[INFO_EXPORT_FLAGS_AT + 1]);
    } while (head.type == NBD_REP_INFO || head.type == NBD_REP_META_CONTEXT);
    return head.type == NBD_REP_ACK ? JOIN_DONE : JOIN_REFUSED;
}

static enum join go_over_to_tls(struct end *e, const char *psk)
{
    uint16_t flags;
    enum join joined = ask(e, NBD_OPT_STARTTLS, span_of(NULL, 0), &flags);

    return joined == JOIN_DONE && !end_start_tls(e, psk) ? JOIN_FAILED : joined;
}

static enum join ask_for_framing(struct end *e, enum framing framing)
{
    uint16_t flags;

    if (framing == FRAMING_SIMPLE)
        return JOIN_DONE;
    return ask(e, framing == FRAMING_EXTENDED ? OPT_EXTENDED_HEADERS : NBD_OPT_STRUCTURED_REPLY,
               span_of(NULL, 0), &flags);
}

static enum join ask_for_export(struct end *e, const char *name, bool status, uint16_t *ret_flags)
{
    static const char context[] = "base:allocation";
    uint8_t data[OPTION_MAX / 2];
    struct wire_out out = wire_out(data, sizeof data);
    enum join joined = JOIN_DONE;

    wire_put_32(&out, (uint32_t)strlen(name));
    wire_put_bytes(&out, span_text(name));
    if (status) {
        struct wire_out more = out;

        wire_put_32(&more, 1);
        wire_put_32(&more, sizeof context - 1);
        wire_put_bytes(&more, span_text(context));
        joined = ask(e, NBD_OPT_SET_META_CONTEXT, span_of(data, more.len), ret_flags);
    }
    wire_put_16(&out, 0);
    return joined == JOIN_DONE ? ask(e, NBD_OPT_GO, span_of(data, out.len), ret_flags) : joined;
}

static enum join negotiate(struct end *e, const struct place *place, const struct workload *w)
{
    static const uint8_t client_flags[] = { 0, 0, 0, 3 }; /* FIXED_NEWSTYLE, NO_ZEROES */
    bool status = w->command == NBD_CMD_BLOCK_STATUS;
    uint16_t flags = 0;
    uint8_t greeting[18];
    enum join joined;

    if (!end_receive_all(e, greeting, sizeof greeting) || !send_all(e, client_flags, sizeof client_flags))
        return JOIN_FAILED;
    joined = place->psk ? go_over_to_tls(e, place->psk) : JOIN_DONE;
    if (joined == JOIN_DONE)
        joined = ask_for_framing(e, w->framing);
    if (joined == JOIN_DONE)
        joined = ask_for_export(e, place->export, status, &flags);
    if (joined == JOIN_DONE && w->command == NBD_CMD_WRITE_ZEROES && !(flags & NBD_FLAG_SEND_WRITE_ZEROES))
        joined = JOIN_REFUSED;
    return joined;
}

enum join join(const struct place *place, const struct workload *w, struct end *ret_end, const char **ret_why)
{
    struct end e = { .descriptor =
                         place->path ? dial_unix(place->path) : dial_tcp(place->host, place->port) };
    enum join joined;

    if (e.descriptor < 0) {
        *ret_why = strerror(errno);
        return JOIN_FAILED;
    }
    joined = negotiate(&e, place, w);
    if (joined != JOIN_DONE) {
        *ret_why =
            joined == JOIN_REFUSED ? "the server does not know what is asked for" : "the negotiation failed";
        end_close(&e);
        return joined;
    }
    fcntl(e.descriptor, F_SETFL, fcntl(e.descriptor, F_GETFL) | O_NONBLOCK);
    *ret_end = e;
    return JOIN_DONE;
}
