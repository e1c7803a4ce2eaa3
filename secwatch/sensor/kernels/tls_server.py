"""What a TLS server says first: version and cipher, JA3S, the protocol it chose, its certificates.

Handshake messages are read across records. Up to TLS 1.2 the server's messages run up to its
certificates; from 1.3 on all behind the ServerHello is encrypted.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, byte, signed
from secwatch.sensor.kernels.rows import set_text
from secwatch.sensor.kernels.state import ARENA, LARGE_BYTES, SLOT_BYTES, SensorState
from secwatch.sensor.kernels.text import put, put_decimal, put_escaped
from secwatch.sensor.kernels.tls import ALPN_TEXT, CERTIFICATE_TEXT, JA3S_TEXT
from secwatch.sensor.kernels.tls_records import NOT_THERE, hello_byte

_CERTIFICATE = 11
_RECORD = 5  # bytes of a record header
_LARGEST_RECORD = 16384 + 2048
_LARGEST_HELLO = 1 << 16


@part
def frame_client(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return (length, wanted) of the records of the ClientHello at `start`, whose first header is there."""
    size = signed(0)
    for index in range(1, 4):
        value = hello_byte(data, start, end, index)
        if value < 0:
            return (0, end - start + 1) if value == NOT_THERE else (-1, 0)
        size = size << 8 | value
    size += 4
    if size > _LARGEST_HELLO:
        return -1, 0
    got = 0
    offset = start
    while got < size:
        if offset + _RECORD > end:
            return _or_cut(offset + _RECORD - start, SLOT_BYTES)
        length = big16(data, offset + 3)
        if byte(data, offset) != 0x16 or length == 0 or length > _LARGEST_RECORD:
            return -1, 0
        got += length
        offset += _RECORD + length
        if offset - start >= SLOT_BYTES:
            return _or_cut(offset - start, SLOT_BYTES)
    return offset - start, offset - start


@part
def _or_cut(needed: int, most: int) -> tuple[int, int]:
    """Return that so many bytes are needed, or, when that is too much, a message of the most there can be."""
    if needed >= most:
        return most, most
    return 0, needed


@part
def frame_server(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return (length, wanted) of a server's messages from `start` up to its certificates, or while they are plain."""
    offset = start
    left = 0  # of the message that is under way
    kind = -1
    while True:
        if offset + _RECORD > end:
            return _or_cut(offset + _RECORD - start, LARGE_BYTES)
        length = big16(data, offset + 3)
        if byte(data, offset) != 0x16 or length == 0 or length > _LARGEST_RECORD:
            return (offset - start, offset - start) if offset > start else (-1, 0)
        place = offset + _RECORD
        stop = place + length
        while place < stop:
            if left == 0:
                if place + 4 > stop:
                    return stop - start, stop - start  # a header over two records: nobody does that
                if place + 4 > end:
                    return _or_cut(stop - start, LARGE_BYTES)
                kind = byte(data, place)
                left = 4 + (byte(data, place + 1) << 16 | byte(data, place + 2) << 8 | byte(data, place + 3))
            step = min(left, stop - place)
            if place + step > end:
                return _or_cut(place + step - start, LARGE_BYTES)
            if kind == 2 and step == left and _chosen_version(data, place, place + step) == 0x0304:
                return stop - start, place + step - start
            left -= step
            place += step
            if left == 0 and kind == _CERTIFICATE:
                return place - start, place - start
        offset = stop


@part
def _chosen_version(data: Bytes, start: int, end: int) -> int:
    """Return the version of the ServerHello message in data[start:end], 0 if it is too short."""
    version, _, _ = _server_hello(data, start, end)
    return version


@part
def _server_hello(data: Bytes, start: int, end: int) -> tuple[int, int, int]:
    """Return (version, cipher, offset of the extensions or `end`) of the message; (0, 0, end) if it is cut short."""
    if start + 39 > end:
        return 0, 0, end
    version = big16(data, start + 4)
    offset = start + 39 + byte(data, start + 38)
    if offset + 3 > end:
        return 0, 0, end
    cipher = big16(data, offset)
    extensions = offset + 3
    if extensions + 2 > end:
        return version, cipher, end
    offset = extensions + 2
    stop = min(offset + big16(data, extensions), end)
    while offset + 4 <= stop:
        size = big16(data, offset + 2)
        if big16(data, offset) == 43 and size == 2 and offset + 6 <= stop:
            version = big16(data, offset + 4)
        offset += 4 + size
    return version, cipher, extensions


@part
def server_texts(state: SensorState, row: int, data: Bytes, start: int, end: int) -> bool:
    """Fill the row from the server's messages, whose first record begins at `start`. Return whether they were good."""
    message = start + _RECORD
    stop = min(message + big16(data, start + 3), end)
    if message + 4 > stop:
        return False
    stop = min(stop, message + 4 + (byte(data, message + 2) << 8 | byte(data, message + 3)))
    version, cipher, extensions = _server_hello(data, message, stop)
    record = state.events[np.uint64(row)]
    record["answer"] = version
    record["code"] = cipher
    if version == 0:
        return False
    _put_ja3s(state, row, data, big16(data, message + 4), cipher, extensions, stop)
    if version < 0x0304:
        _put_certificates(state, row, data, start, end)
    return True


@part
def _put_ja3s(state: SensorState, row: int, data: Bytes, version: int, cipher: int, start: int, end: int) -> None:
    """Write version,cipher,extensions as github.com/salesforce/ja3 does for servers, and the ALPN name chosen."""
    place = put(state.arena, put_decimal(state.arena, signed(state.control[ARENA]), version), 44)
    place = put(state.arena, put_decimal(state.arena, place, cipher), 44)
    name, name_end = end, end
    offset = start + 2
    if offset <= end:
        stop = min(offset + big16(data, start), end)
        first = True
        for _ in range(64):
            if offset + 4 > stop:
                break
            if not first:
                place = put(state.arena, place, 45)
            first = False
            kind, size = big16(data, offset), big16(data, offset + 2)
            place = put_decimal(state.arena, place, kind)
            offset += 4
            if kind == 16 and size >= 4 and offset + 3 <= stop:
                name = offset + 3
                name_end = min(name + byte(data, offset + 2), offset + size, stop)
            offset += size
    set_text(state, row, JA3S_TEXT, place)
    place = signed(state.control[ARENA])
    set_text(state, row, ALPN_TEXT, put_escaped(state.arena, place, place + 1024, data, name, name_end, False, False))


@part
def _put_certificates(state: SensorState, row: int, data: Bytes, start: int, end: int) -> None:
    """Copy the body of the server's Certificate message, as far as it is there, without record headers."""
    begin = signed(state.control[ARENA])
    place = begin
    offset = start
    left = 0
    kind = -1
    while offset + _RECORD <= end and byte(data, offset) == 0x16 and (kind != _CERTIFICATE or left > 0):
        stop = offset + _RECORD + big16(data, offset + 3)
        offset += _RECORD
        while offset < min(stop, end):
            if left == 0:
                if kind == _CERTIFICATE or offset + 4 > min(stop, end):
                    break
                kind = byte(data, offset)
                left = byte(data, offset + 1) << 16 | byte(data, offset + 2) << 8 | byte(data, offset + 3)
                offset += 4
            step = min(left, stop - offset, end - offset)
            if kind == _CERTIFICATE:
                for index in range(step):
                    place = put(state.arena, place, byte(data, offset + index))
            offset += step
            left -= step
        offset = stop
    set_text(state, row, CERTIFICATE_TEXT, place)
