/* SPDX-License-Identifier: MIT */
/* What a C: line puts on the wire.  What is not given is right: magic, lengths, flags, cookie.  With extended
 * headers NBD_CMD_FLAG_PAYLOAD_LEN is set where bytes follow the request. */
#ifndef NBDTEST_SCRIPT_SEND_H
#define NBDTEST_SCRIPT_SEND_H

#include "base/buffer.h"
#include "script/tree.h"
#include "script/value.h"

#define SEND_MAX_DATA (64u * 1024 * 1024) /* bytes of data that one frame may carry */
#define SEND_MAX (SEND_MAX_DATA + 64 * 1024)

/* What a frame takes from its surroundings. */
struct sender {
    const struct environment *variables; /* defaults: base of offset, block of length, export of name */
    struct arena *arena;
    uint16_t handshake_flags; /* as the server offered them: FLAGS offered */
    bool extended;            /* requests have extended headers */
    uint64_t cookie;          /* of a request that gives none */
};

/* Appends the bytes of a frame that is neither fin nor reset; its ceiling bounds them.  False when the case
 * does not say what they are; *error then tells. */
bool send_frame(const struct sender *s, const struct frame *f, struct buffer *to, struct value_error *error);

#endif
