/* SPDX-License-Identifier: MIT */
/* Writes what passed over connections to a pcap file that tshark and others read.
 *
 * The file shows each connection as one over TCP to port 10809, whatever it really ran over (a Unix socket,
 * the process itself, TCP of which only the bytes were seen): made-up loopback addresses, correct handshakes,
 * sequence numbers and checksums.  Packets are cut so that each request and each simple reply begins one,
 * because tshark looks for them only there and counts packets; where a message is larger than 32 KiB it goes
 * on in the next packet.
 *
 * Everything is flushed as it comes, so that a run that is cut short leaves a file that can be read; only a
 * reply's header that has not come whole waits for the rest, for the other side's bytes or for the end. */
#ifndef NBDTEST_CAPTURE_WRITE_H
#define NBDTEST_CAPTURE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum capture_from { CAPTURE_CLIENT, CAPTURE_SERVER };

struct capture_writer;
struct capture_flow;

/* Creates the file, or overwrites it.  NULL when that fails; ret_error then says why. */
struct capture_writer *capture_create(const char *path, char *ret_error, size_t error_size);

/* Closes the file; flows have to be closed before.  False when it could not be written whole; ret_error then
 * says why.  NULL is allowed and is success. */
bool capture_close(struct capture_writer *writer, char *ret_error, size_t error_size);

/* A connection begins.  All times are those of clock_ns(); one that lies before the last one written is moved
 * to it. The flow is the caller's until capture_flow_close(). */
struct capture_flow *capture_flow_open(struct capture_writer *writer, uint64_t time_ns);

/* Bytes passed.  Ignored after the end of their direction. */
void capture_flow_bytes(struct capture_flow *flow, enum capture_from from, struct span bytes,
                        uint64_t time_ns);

/* One side closed its direction, or with reset the whole connection.  Ignored when that has already ended. */
void capture_flow_end(struct capture_flow *flow, enum capture_from from, bool reset, uint64_t time_ns);

/* Forgets the flow; without capture_flow_end() before, it stays open in the file.  NULL is allowed. */
void capture_flow_close(struct capture_flow *flow);

#endif
