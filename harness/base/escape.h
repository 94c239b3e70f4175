/* SPDX-License-Identifier: MIT */
/* Foreign bytes made safe to show.  Nothing that came from a peer or a file reaches a terminal otherwise. */
#ifndef NBDTEST_BASE_ESCAPE_H
#define NBDTEST_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/span.h"

/* Appends text in the case language's string notation, without the quotes: printable ASCII and valid UTF-8
 * above U+009F as they are, `"` and `\` behind a backslash, the rest as \n \t \r or \xHH.  False at the
 * buffer's ceiling, with part of the text appended. */
bool escape_text(struct buffer *to, struct span text);

/* Bytes of text's first character when that may be shown to a person as it is: 1 for printable ASCII, 2 to 4
 * for valid UTF-8 above U+009F; 0 when its first byte has to be escaped, or when text is empty. */
size_t escape_shown(struct span text);

/* True when text is valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
bool utf8_valid(struct span text);

#endif
