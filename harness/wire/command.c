/* SPDX-License-Identifier: MIT */
/* Requests: what the table of request types says of each.  See wire/body.h. */
#include "wire/body.h"

static const struct command_rules commands[] = {
#define COMMAND(name, value, data, ranged, writes, flags) { #name, value, data, ranged, writes, flags },
#include "wire/tbl/command.def"
};

const struct command_rules *command_rules_of(uint16_t type)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].type == type)
            return &commands[i];
    return NULL;
}
