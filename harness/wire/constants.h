/* SPDX-License-Identifier: MIT */
/* Every constant of the specification under its own name, made from the tables in wire/tbl/. */
#ifndef NBDTEST_WIRE_CONSTANTS_H
#define NBDTEST_WIRE_CONSTANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum nbd_option {
#define OPTION(name, value, layout, data_rule, name_rule, count_rule, items_rule) NBD_OPT_##name = (value),
#include "wire/tbl/option.def"
};

enum nbd_reply {
#define REPLY(name, value, layout, rule) \
    NBD_REP_##name = (value), /* errors do not fit an int: the enum is unsigned */
#include "wire/tbl/reply.def"
};

enum nbd_info {
#define INFO(name, value, least, most, rule) NBD_INFO_##name = (value),
#include "wire/tbl/info.def"
};

enum nbd_command {
#define COMMAND(name, value, data, ranged, writes, flags, payload) NBD_CMD_##name = (value),
#include "wire/tbl/command.def"
};

enum nbd_chunk {
#define CHUNK(name, value, layout, role, least, most, rule) NBD_REPLY_TYPE_##name = (value),
#include "wire/tbl/chunk.def"
};

enum nbd_error {
#define ERROR(name, value, meaning) NBD_##name = (value),
#include "wire/tbl/error.def"
};

enum nbd_flag {
#define FLAGS(field, what)
#define FLAG(field, constant, name, bit) constant = 1 << (bit),
#define END_FLAGS(field)
#include "wire/tbl/flag.def"
};

#define MAGIC(name, value) static const uint64_t NBD_##name = (value);
#include "wire/tbl/magic.def"

#define NBD_MAX_STRING 4096 /* bytes; "Conventions" */
#define NBD_EXPORT_PADDING \
    124 /* zero bytes behind the answer to NBD_OPT_EXPORT_NAME; "Newstyle negotiation" */

#endif
