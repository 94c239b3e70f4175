/* SPDX-License-Identifier: MIT */
/* What clients may not do, as far as a request shows it.  What nbdtest itself does wrong as a client it does
 * on purpose: these are for captures of others.  proto.md, "Transmission", "Command flags", "Request types".
 */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

static const struct session_request *request(const struct sight *at)
{
    return &at->message->request;
}

static unsigned advertised(const struct sight *at)
{
    return at->session->negotiated.transmission_flags;
}

static const char *name_of(uint16_t type)
{
    const struct command_rules *command = command_rules_of(type);

    return command ? command->name : "an unknown command";
}

/* ---- magics ---- */

static bool lost_by(const struct sight *at, uint64_t magic)
{
    return at->session->transmission && at->session->streams[SIDE_CLIENT].lost_how.got == magic &&
           broken(at, "0x%08" PRIx64, magic);
}

bool historic_request(const struct sight *at)
{
    return lost_by(at, UINT32_C(0x12560953));
}

bool logged_request(const struct sight *at)
{
    return lost_by(at, UINT32_C(0x25609514));
}

bool extended_request_unasked(const struct sight *at)
{
    return !at->session->negotiated.extended && lost_by(at, NBD_EXTENDED_REQUEST_MAGIC);
}

/* ---- cookies ---- */

bool cookie_in_flight(const struct sight *at)
{
    return at->exchange && held_of(at->exchange)->ambiguous &&
           broken(at, "cookie 0x%" PRIx64 " of a request that is not yet answered", request(at)->cookie);
}

/* ---- flags ---- */

static bool unadvertised_flag(const struct sight *at, unsigned flag, unsigned advertised_by, const char *name)
{
    return (request(at)->flags & flag) && !(advertised(at) & advertised_by) &&
           broken(at, "%s on %s, and the transmission flags are 0x%04x", name, name_of(request(at)->type),
                  advertised(at));
}

bool fua_unadvertised(const struct sight *at)
{
    return unadvertised_flag(at, NBD_CMD_FLAG_FUA, NBD_FLAG_SEND_FUA, "FUA");
}

bool df_unadvertised(const struct sight *at)
{
    return unadvertised_flag(at, NBD_CMD_FLAG_DF, NBD_FLAG_SEND_DF, "DF");
}

bool fast_zero_unadvertised(const struct sight *at)
{
    return unadvertised_flag(at, NBD_CMD_FLAG_FAST_ZERO, NBD_FLAG_SEND_FAST_ZERO, "FAST_ZERO");
}

bool flag_undocumented(const struct sight *at)
{
    return !excuse_flags_known(at->session, request(at)) &&
           broken(at, "%s with flags 0x%04x", name_of(request(at)->type), request(at)->flags);
}

bool fua_without_write(const struct sight *at)
{
    const struct command_rules *command = command_rules_of(request(at)->type);

    return (request(at)->flags & NBD_CMD_FLAG_FUA) && (advertised(at) & NBD_FLAG_SEND_FUA) && command &&
           !command->writes && broken(at, "FUA on %s", command->name);
}

/* ---- commands ---- */

bool read_of_nothing(const struct sight *at)
{
    return request(at)->type == NBD_CMD_READ && request(at)->length == 0 && broken(at, "a READ of length 0");
}
