"""What a TLS server says first: version and cipher, JA3S, the protocol it chose, its certificates.

Handshake messages are read across records of any length. Up to TLS 1.2 the server's messages run up to its
certificates; from 1.3 on all behind the ServerHello is encrypted.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, byte, signed
from secwatch.sensor.kernels.rows import set_text
from secwatch.sensor.kernels.state import ARENA, LARGE_BYTES, ROW_TEXT, SLOT_BYTES, SensorState
from secwatch.sensor.kernels.text import put, put_decimal, put_escaped
from secwatch.sensor.kernels.tls import ALPN_TEXT, CERTIFICATE_TEXT, JA3S_TEXT
from secwatch.sensor.kernels.tls_records import NOT_THERE, hello_byte, join_into

_CERTIFICATE = 11
_RECORD = 5  # bytes of a record header
_MESSAGE = 4  # bytes of the header of a handshake message
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
    have = 0  # bytes of the header of the message that is under way
    left = 0  # bytes of its body that are to come
    kind = -1
    while True:
        if offset + _RECORD > end:
            return _or_cut(offset + _RECORD - start, LARGE_BYTES)
        length = big16(data, offset + 3)
        if byte(data, offset) != 0x16 or length == 0 or length > _LARGEST_RECORD:
            return (offset - start, offset - start) if offset > start else (-1, 0)
        place = offset + _RECORD
        stop = place + length
        begun = -1  # where the message begins, if it does in this record
        while place < stop:
            if place >= end:
                return _or_cut(place + 1 - start, LARGE_BYTES)
            if have < _MESSAGE:
                if have == 0:
                    begun, kind, left = place, byte(data, place), 0
                else:
                    left = left << 8 | byte(data, place)
                have += 1
                place += 1
                if have < _MESSAGE or left > 0:
                    continue
            step = min(left, stop - place)
            if place + step > end:
                return _or_cut(place + step - start, LARGE_BYTES)
            left -= step
            place += step
            if left == 0:
                # One in several records need not be looked into: in 1.3 a record that is no handshake follows.
                if kind == 2 and begun >= 0 and _chosen_version(data, begun, place) == 0x0304:
                    return stop - start, place - start
                if kind == _CERTIFICATE:
                    return place - start, place - start
                have = 0
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
    length = big16(data, start + 3)
    if length >= _MESSAGE and message + _MESSAGE <= end:
        if length >= _MESSAGE + (byte(data, message + 2) << 8 | byte(data, message + 3)):
            return _hello_texts(state, row, data, start, end)
    # Behind the most that the texts of this row can be, the arena is free.
    place = signed(state.control[ARENA]) + ROW_TEXT
    return _hello_texts(state, row, state.arena, place, join_into(state.arena, place, data, start, end))


@part
def _hello_texts(state: SensorState, row: int, data: Bytes, start: int, end: int) -> bool:
    """Fill the row from messages of which the first is in the record at `start`. Return whether it was good."""
    message = start + _RECORD
    stop = min(message + big16(data, start + 3), end)
    if message + _MESSAGE > stop:
        return False
    stop = min(stop, message + _MESSAGE + (byte(data, message + 2) << 8 | byte(data, message + 3)))
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
    have, left = 0, 0
    kind = -1
    while offset + _RECORD <= end and byte(data, offset) == 0x16 and not (kind == _CERTIFICATE and have == 0):
        stop = offset + _RECORD + big16(data, offset + 3)
        offset += _RECORD
        while offset < min(stop, end):
            if have < _MESSAGE:
                if have == 0:
                    if kind == _CERTIFICATE:
                        break
                    kind, left = byte(data, offset), 0
                else:
                    left = left << 8 | byte(data, offset)
                have += 1
                offset += 1
                if have < _MESSAGE or left > 0:
                    continue
            step = min(left, stop - offset, end - offset)
            if kind == _CERTIFICATE:
                for index in range(step):
                    place = put(state.arena, place, byte(data, offset + index))
            offset += step
            left -= step
            if left == 0:
                have = 0
        offset = stop
    set_text(state, row, CERTIFICATE_TEXT, place)
