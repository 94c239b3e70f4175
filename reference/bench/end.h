/* SPDX-License-Identifier: MIT */
/* The client's end of a connection: a socket, with TLS on it or not. */
#ifndef NBDTEST_REFERENCE_BENCH_END_H
#define NBDTEST_REFERENCE_BENCH_END_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct end {
    int descriptor;
    void *tls; /* a session of GnuTLS; NULL: plain text */
};

/* As send() and recv() of a socket that does not block: bytes, 0 at the end, or -1 with errno. */
ssize_t end_send(struct end *e, const void *from, size_t len);
ssize_t end_receive(struct end *e, void *to, size_t size); /* size: at least END_RECEIVE_MIN */

enum { END_RECEIVE_MIN = 16 * 1024 }; /* the longest record */

/* Waits for all of it, on a socket that blocks. */
bool end_receive_all(struct end *e, void *to, size_t len);

/* Goes over to TLS on a socket that blocks.  psk: file with a line USER:KEY, the key in
 * hexadecimal digits. */
bool end_start_tls(struct end *e, const char *psk);

void end_close(struct end *e);

#endif
