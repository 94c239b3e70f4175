#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Conversations of libnbd with the bundled server, a test each.

    ci/interop/libnbd.py KIND URI [PATTERN]

KIND says how the server was started (ci/interop/run has the options): any, plain, read-only, simple, blocks or
withheld; PATTERN which tests.  Prints a line for each test, "ok NAME" or "FAILED NAME: why"; exit status 1 when one
failed.
"""
import os
import socket
import struct
import sys
import traceback
from fnmatch import fnmatchcase
from urllib.parse import parse_qs, unquote, urlparse

import nbd

MIB = 1024 * 1024
PAGE = 64 * 1024  # the bundled server's holes are whole pages
HOLE = nbd.STATE_HOLE | nbd.STATE_ZERO
TESTS = []


def test(*kinds):
    def register(function):
        TESTS.append((kinds, function))
        return function
    return register


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"{str(got)[:200]}, not {str(wanted)[:200]}")


def fails(wanted, call, *arguments):
    """The call has to fail, with an error of this name."""
    try:
        call(*arguments)
    except nbd.Error as error:
        equal(error.errno, wanted)
        return
    raise AssertionError(f"{call.__name__}{arguments} succeeded, {wanted} was due")


def extended(h):
    """Whether requests are extended, with which libnbd begins at 1.18."""
    return hasattr(h, "get_extended_headers_negotiated") and h.get_extended_headers_negotiated()


def still_served(h):
    """What was refused has left the connection in step."""
    h.set_strict_mode(nbd.STRICT_MASK)
    equal(len(h.pread(4096, 0)), 4096)
    h.shutdown()


def new(**settings):
    h = nbd.NBD()
    for name, value in settings.items():
        getattr(h, "set_" + name)(value)
    h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
    return h


def connect(uri, **settings):
    h = new(**settings)
    h.connect_uri(uri)
    return h


def negotiating(uri, **settings):
    h = connect(uri, opt_mode=True, **settings)
    assert h.aio_is_negotiating()
    return h


def pattern(length, seed=1):
    """No two of its blocks of 4 KiB are equal."""
    return b"".join(struct.pack("<QQ", seed, i) for i in range((length + 15) // 16))[:length]


def extents(h, length, offset, flags=0):
    found = []

    def each(context, at, entries, error):
        equal((context, at, error.value), (nbd.CONTEXT_BASE_ALLOCATION, offset, 0))
        found.extend(zip(entries[::2], entries[1::2]))
        return 0

    h.block_status(length, offset, each, flags)
    return found


def chunks(h, length, offset, flags=0):
    found = []

    def each(data, at, kind, error):
        equal(error.value, 0)
        found.append((at, len(data), kind))
        return 0

    data = h.pread_structured(length, offset, each, flags)
    return bytes(data), sorted(found)


# ---- haggling ----


@test("any")
def opt_go_enters_transmission(uri):
    h = negotiating(uri)
    h.opt_go()
    assert h.aio_is_ready()
    equal(h.get_protocol(), "newstyle-fixed")
    still_served(h)


@test("any")
def opt_abort_ends_the_session(uri):
    h = negotiating(uri)
    h.opt_abort()
    assert h.aio_is_closed()


@test("any")
def opt_list_names_the_export(uri):
    listed = []
    h = negotiating(uri)
    equal(h.opt_list(lambda name, description: listed.append(name) or 0), 1)
    equal(listed, [h.get_export_name()])
    equal(h.opt_list(lambda name, description: 0), 1)  # again
    h.opt_go()
    still_served(h)


@test("any")
def opt_info_tells_without_entering(uri):
    h = negotiating(uri, full_info=True)
    for _ in range(3):
        h.opt_info()
        assert h.aio_is_negotiating()
    told = h.get_size(), h.is_read_only(), h.get_block_size(nbd.SIZE_MINIMUM)
    equal(h.get_canonical_export_name(), h.get_export_name())
    h.opt_go()
    equal(told, (h.get_size(), h.is_read_only(), h.get_block_size(nbd.SIZE_MINIMUM)))
    still_served(h)


@test("any")
def opt_info_and_go_refuse_an_unknown_export(uri):
    h = negotiating(uri)
    name = h.get_export_name()
    h.set_export_name("there is none of this name")
    fails("ENOENT", h.opt_info)
    fails("ENOENT", h.opt_go)
    assert h.aio_is_negotiating()
    h.set_export_name(name)
    h.opt_go()
    still_served(h)


@test("any")
def opt_info_refuses_the_longest_name(uri):
    h = negotiating(uri)
    h.set_export_name("x" * 4096)
    fails("ENOENT", h.opt_info)
    h.opt_abort()


@test("plain")
def opt_list_meta_context_finds_what_is_asked_for(uri):
    for query, found in ((None, ["base:allocation"]), ("base:", ["base:allocation"]),
                         ("base:allocation", ["base:allocation"]), ("base:none", []), ("x-none:", [])):
        listed = []
        h = negotiating(uri)
        h.clear_meta_contexts()
        if query:
            h.add_meta_context(query)
        h.opt_list_meta_context(lambda name: listed.append(name) or 0)
        # A server may have contexts of its own beside the standard's.
        equal([name for name in listed if name.startswith("base:")], found)
        if query:
            assert all(name.startswith(query) for name in listed)
        h.opt_abort()


@test("plain")
def set_meta_context_selects_what_is_known(uri):
    h = negotiating(uri)
    h.add_meta_context("x-none:such")
    h.opt_info()
    assert h.can_meta_context("base:allocation")
    assert not h.can_meta_context("x-none:such")
    h.clear_meta_contexts()
    h.opt_go()
    assert h.get_structured_replies_negotiated()
    assert not h.can_meta_context("base:allocation")  # none was asked for any more
    still_served(h)


@test("plain")
def structured_replies_are_the_client_s_choice(uri):
    for wanted in (True, False):
        h = connect(uri, request_structured_replies=wanted)
        equal(h.get_structured_replies_negotiated(), wanted)
        equal(h.can_meta_context("base:allocation"), wanted)
        equal(h.can_df(), wanted)
        h.pwrite(pattern(MIB), 0)
        equal(h.pread(MIB, 0), pattern(MIB))
        still_served(h)


@test("any")
def any_client_flags_are_served(uri):
    for flags, protocol in ((0, "newstyle"), (nbd.HANDSHAKE_FLAG_NO_ZEROES, "newstyle"),
                            (nbd.HANDSHAKE_FLAG_FIXED_NEWSTYLE, "newstyle-fixed"),
                            (nbd.HANDSHAKE_FLAG_MASK, "newstyle-fixed")):
        h = connect(uri, handshake_flags=flags)
        equal(h.get_protocol(), protocol)
        still_served(h)


@test("plain")
def block_sizes_are_told_when_asked(uri):
    h = connect(uri, request_block_size=True)
    assert h.get_block_size(nbd.SIZE_PREFERRED) > 0
    h.shutdown()
    h = connect(uri, request_block_size=False)
    still_served(h)


@test("any")
def tls_allowed_is_not_demanded(uri):
    h = new(tls=nbd.TLS_ALLOW)
    h.connect_uri(uri)
    assert not h.get_tls_negotiated()
    still_served(h)


@test("any")
def a_connected_socket_does(uri):
    parts = urlparse(uri)
    if parts.scheme == "nbd+unix":
        s = socket.socket(socket.AF_UNIX)
        s.connect(parse_qs(parts.query)["socket"][0])
    else:
        s = socket.create_connection((parts.hostname, parts.port))
    h = new(export_name=unquote(parts.path.lstrip("/")))
    h.connect_socket(s.detach())
    still_served(h)


# ---- commands ----


@test("plain")
def every_command_is_advertised(uri):
    h = connect(uri)
    for can in ("cache", "df", "fast_zero", "flush", "fua", "multi_conn", "trim", "zero"):
        assert getattr(h, "can_" + can)(), can
    assert not h.is_read_only()
    assert not h.is_rotational()
    h.shutdown()


@test("plain")
def what_is_written_is_read(uri):
    h = connect(uri)
    size = h.get_size()
    for offset, length in ((0, 1), (1, 1), (511, 514), (PAGE - 1, 2), (3 * PAGE + 7, 5 * PAGE), (0, 32 * MIB),
                           (size - 1, 1), (size - PAGE - 3, PAGE + 3)):
        data = pattern(length, offset + 1)
        for flags in (0, nbd.CMD_FLAG_FUA):
            h.pwrite(data, offset, flags)
            equal(h.pread(length, offset), data)
    h.flush()
    still_served(h)


@test("plain")
def zero_and_trim_touch_nothing_else(uri):
    h = connect(uri)
    for flags in (0, nbd.CMD_FLAG_FUA, nbd.CMD_FLAG_NO_HOLE, nbd.CMD_FLAG_FAST_ZERO,
                  nbd.CMD_FLAG_NO_HOLE | nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_FUA):
        for offset, length in ((0, MIB), (1, 1), (PAGE - 3, 2 * PAGE + 9)):
            data = pattern(2 * MIB)
            h.pwrite(data, 0)
            h.zero(length, offset, flags)
            equal(h.pread(2 * MIB, 0), data[:offset] + bytes(length) + data[offset + length:])
    for flags in (0, nbd.CMD_FLAG_FUA):
        data = pattern(2 * MIB)
        h.pwrite(data, 0)
        h.trim(MIB, PAGE, flags)
        got = h.pread(2 * MIB, 0)
        equal(got[:PAGE] + got[PAGE + MIB:], data[:PAGE] + data[PAGE + MIB:])
    still_served(h)


@test("plain")
def cache_changes_nothing(uri):
    h = connect(uri)
    h.pwrite(pattern(MIB), 0)
    h.cache(MIB, 0)
    h.cache(1, h.get_size() - 1)
    equal(h.pread(MIB, 0), pattern(MIB))
    still_served(h)


@test("plain")
def block_status_tells_data_from_holes(uri):
    h = connect(uri)
    h.zero(16 * PAGE, 0)
    equal(extents(h, 16 * PAGE, 0), [(16 * PAGE, HOLE)])
    h.pwrite(pattern(PAGE), 4 * PAGE)
    h.zero(2 * PAGE, 8 * PAGE, nbd.CMD_FLAG_NO_HOLE)
    equal(extents(h, 16 * PAGE, 0), [(4 * PAGE, HOLE), (PAGE, 0), (3 * PAGE, HOLE),
                                     (2 * PAGE, nbd.STATE_ZERO), (6 * PAGE, HOLE)])
    equal(extents(h, 16 * PAGE, 0, nbd.CMD_FLAG_REQ_ONE), [(4 * PAGE, HOLE)])
    equal(extents(h, 3, 4 * PAGE - 1, nbd.CMD_FLAG_REQ_ONE), [(1, HOLE)])
    h.trim(PAGE, 4 * PAGE)
    equal(extents(h, 8 * PAGE, 0), [(8 * PAGE, HOLE)])
    still_served(h)


@test("plain")
def pread_structured_covers_the_range_once(uri):
    h = connect(uri)
    h.zero(16 * PAGE, 0)
    h.pwrite(pattern(PAGE), 4 * PAGE)
    wanted = bytes(4 * PAGE) + pattern(PAGE) + bytes(11 * PAGE)
    for offset, length in ((0, 16 * PAGE), (4 * PAGE - 1, PAGE + 2), (5, 1)):
        data, found = chunks(h, length, offset)
        equal(data, wanted[offset:offset + length])
        at = offset
        for chunk_offset, chunk_length, kind in found:
            assert kind in (nbd.READ_DATA, nbd.READ_HOLE)
            equal(chunk_offset, at)
            at += chunk_length
        equal(at, offset + length)
    assert nbd.READ_HOLE in [kind for _, _, kind in chunks(h, 16 * PAGE, 0)[1]]
    data, found = chunks(h, 16 * PAGE, 0, nbd.CMD_FLAG_DF)
    equal((data, len(found)), (wanted, 1))
    still_served(h)


@test("plain", "simple")
def pread_structured_works_with_simple_replies(uri):
    h = connect(uri, request_structured_replies=False)
    h.pwrite(pattern(MIB), 0)
    data, found = chunks(h, MIB, 0)
    equal((data, found), (pattern(MIB), [(0, MIB, nbd.READ_DATA)]))
    still_served(h)


@test("plain")
def many_requests_in_flight_are_each_answered(uri):
    h = connect(uri)
    size, depth, rounds = 8192, 64, 4
    for turn in range(rounds):
        cookies = [h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(pattern(size, turn * depth + i))), i * size)
                   for i in range(depth)]
        wait_for(h, cookies)
        cookies = [h.aio_flush(), h.aio_cache(size, 0), h.aio_zero(size, depth * size),
                   h.aio_trim(PAGE, 32 * MIB), h.aio_block_status(MIB, 0, lambda *told: 0)]
        buffers = [nbd.Buffer(size) for _ in range(depth)]
        cookies += [h.aio_pread(buffers[i], i * size) for i in range(depth)]
        wait_for(h, cookies)
        for i in range(depth):
            equal(buffers[i].to_bytearray(), pattern(size, turn * depth + i))
    still_served(h)


def wait_for(h, cookies):
    """Until all are completed; those that come first are done first."""
    waiting = set(cookies)
    while waiting:
        done = h.aio_peek_command_completed()
        if done == 0:
            assert h.poll(10000) == 1, f"{len(waiting)} requests are not answered"
            continue
        assert h.aio_command_completed(done)
        waiting.discard(done)
    equal(h.aio_in_flight(), 0)


@test("plain")
def connections_see_each_other_s_writes(uri):
    all_of_them = [connect(uri) for _ in range(8)]
    for i, writer in enumerate(all_of_them):
        writer.pwrite(pattern(PAGE, i), 0, nbd.CMD_FLAG_FUA if i % 2 else 0)
        if i % 2 == 0:
            writer.flush()
        for reader in all_of_them:
            equal(reader.pread(PAGE, 0), pattern(PAGE, i))
    for h in all_of_them:
        still_served(h)


@test("plain")
def a_client_may_leave_without_a_word(uri):
    h = connect(uri)
    h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(MIB)), 0)
    h.shutdown(nbd.SHUTDOWN_ABANDON_PENDING)
    h = connect(uri)
    for _ in range(16):
        h.aio_pread(nbd.Buffer(MIB), 0)
    del h  # in the middle of replies
    negotiating(uri)  # and in the middle of haggling
    still_served(connect(uri))


# ---- what a polite client never sends ----


@test("plain", "simple")
def out_of_bounds_is_refused(uri):
    h = connect(uri, strict_mode=0)
    size = h.get_size()
    h.zero(MIB, size - MIB)
    for offset, length in ((size, 512), (size - 511, 512), (2**63 - 512, 512), (2**63 - 1, 512)):
        fails("EINVAL", h.pread, length, offset)
        fails("ENOSPC", h.pwrite, bytes(length), offset)
        fails("EINVAL", h.trim, length, offset)
        fails("ENOSPC", h.zero, length, offset)
        fails("EINVAL", h.cache, length, offset)
    fails("ENOSPC", h.pwrite, bytes(2 * MIB), size - MIB)  # its data are taken off the connection
    equal(h.pread(MIB, size - MIB), bytes(MIB))
    still_served(h)


@test("plain")
def block_status_out_of_bounds_is_refused(uri):
    h = connect(uri, strict_mode=0)
    fails("EINVAL", h.block_status, 512, h.get_size(), lambda *told: 0)
    fails("EINVAL", h.block_status, 0, 0, lambda *told: 0)
    still_served(h)


@test("plain", "simple")
def unknown_flags_are_refused(uri):
    h = connect(uri, strict_mode=0)
    for flag in (nbd.CMD_FLAG_REQ_ONE, 0x20, 0x100, 0x8000):
        if flag == 0x20 and extended(h):
            continue  # known there: a payload follows, which the server waits for
        fails("EINVAL", h.pread, 512, 0, flag)
        fails("EINVAL", h.pwrite, bytes(512), 0, flag)
        fails("EINVAL", h.trim, 512, 0, flag)
        fails("EINVAL", h.zero, 512, 0, flag)
        fails("EINVAL", h.cache, 512, 0, flag)
        fails("EINVAL", h.flush, flag)
    still_served(h)


@test("plain", "simple")
def nothing_can_be_asked_for(uri):
    h = connect(uri, strict_mode=0)
    equal(h.pread(0, 0), b"")
    h.pwrite(b"", 0)
    h.trim(0, 0)
    h.zero(0, 0)
    h.cache(0, 0)
    still_served(h)


@test("plain", "simple")
def more_than_the_largest_payload_is_refused(uri):
    h = connect(uri, strict_mode=0)
    if not extended(h):  # where a READ is answered in several chunks, and a WRITE ends the connection
        fails("EOVERFLOW" if h.get_structured_replies_negotiated() else "EINVAL", h.pread, 33 * MIB, 0)
        fails("EINVAL", h.pwrite, bytes(33 * MIB), 0)
    h.zero(48 * MIB, 0)  # has no payload
    still_served(h)


@test("simple")
def without_structured_replies_there_are_no_contexts(uri):
    h = connect(uri)
    assert not h.get_structured_replies_negotiated()
    assert not h.can_meta_context("base:allocation")
    still_served(h)


@test("read-only")
def writes_are_refused_where_they_must_be(uri):
    h = connect(uri, strict_mode=0)
    assert h.is_read_only()
    fails("EPERM", h.pwrite, bytes(MIB), 0)
    fails("EPERM", h.zero, MIB, 0)
    fails("EPERM", h.trim, MIB, 0)
    equal(h.pread(MIB, 0), bytes(MIB))
    still_served(h)


@test("blocks")
def block_sizes_are_enforced(uri):
    h = connect(uri, strict_mode=0)
    equal([h.get_block_size(kind) for kind in (nbd.SIZE_MINIMUM, nbd.SIZE_PREFERRED, nbd.SIZE_MAXIMUM)],
          [512, 4096, MIB])
    for offset, length in ((0, 1), (1, 512), (0, 513), (511, 1)):
        fails("EINVAL", h.pread, length, offset)
        fails("EINVAL", h.pwrite, bytes(length), offset)
        fails("EINVAL", h.zero, length, offset)
        fails("EINVAL", h.trim, length, offset)
        fails("EINVAL", h.cache, length, offset)
    if not extended(h):  # where it ends the connection
        fails("EINVAL", h.pwrite, bytes(MIB + 512), 0)
    h.pwrite(pattern(MIB), 512)
    equal(h.pread(MIB, 512), pattern(MIB))
    h.zero(8 * MIB, 0)
    equal(h.pread(MIB, 512), bytes(MIB))
    still_served(h)


@test("withheld")
def what_is_not_advertised_is_refused(uri):
    h = connect(uri, strict_mode=0)
    for can in ("cache", "df", "fast_zero", "flush", "fua", "multi_conn", "trim", "zero"):
        assert not getattr(h, "can_" + can)(), can
    for call, arguments in ((h.trim, (512, 0)), (h.zero, (512, 0)), (h.cache, (512, 0)), (h.flush, ()),
                            (h.pread, (512, 0, nbd.CMD_FLAG_DF)), (h.pwrite, (b"x", 0, nbd.CMD_FLAG_FUA))):
        fails("EINVAL", call, *arguments)
    still_served(h)


def main():
    kind, uri, wanted = (sys.argv[1:] + ["*"])[:3]
    failed = 0
    for kinds, function in TESTS:
        if kind not in kinds and "any" not in kinds:
            continue
        name = function.__name__.replace("_", " ")
        if not fnmatchcase(name, wanted):
            continue
        try:
            function(uri)
            print(f"ok {name}", flush=True)
        except Exception as error:  # whatever went wrong, the next test has its turn
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            line = [frame.lineno for frame in where if frame.name == function.__name__][-1]
            print(f"FAILED {name}: line {line}: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)


main()
