"""TLS records at the beginning of a connection: which begin a hello, and one hello out of several records."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, byte, signed
from secwatch.sensor.kernels.state import LARGE_BYTES

CLIENT_HELLO, SERVER_HELLO = 1, 2
NOT_THERE, NO_RECORD = -1, -2
_SHORTEST_HELLO = 38  # bytes of a ServerHello without session and extensions; no ClientHello is shorter


@part
def is_hello(data: Bytes, start: int, end: int, kind: int) -> bool:
    """Return whether a TLS record with a hello of this kind begins at `start`.

    Records may be short (RFC 8446, section 5.1), which hides names from whoever reads only the first: what of
    the hello's head is in records that are not there yet is believed.
    """
    if end - start < 11:
        return False
    if byte(data, start) != 0x16 or byte(data, start + 1) != 3 or byte(data, start + 2) > 4:
        return False
    length = big16(data, start + 3)
    if byte(data, start + 5) != kind or length == 0 or length > 16384 + 2048:
        return False
    if length >= 42:
        return byte(data, start + 6) == 0 and byte(data, start + 9) == 3
    high, middle = hello_byte(data, start, end, 1), hello_byte(data, start, end, 2)
    low, version = hello_byte(data, start, end, 3), hello_byte(data, start, end, 4)
    if high > 0 or high == NO_RECORD or middle == NO_RECORD or low == NO_RECORD:
        return False
    if middle == 0 and low >= 0 and low < _SHORTEST_HELLO:
        return False
    return bool(version == 3 or version == NOT_THERE)


@part
def hello_byte(data: Bytes, start: int, end: int, index: int) -> int:
    """Return a byte of the handshake message whose records begin at `start`: 0 its type, 1 to 3 its length.

    NOT_THERE if the data ends before it, NO_RECORD if no handshake record is where it should be.
    """
    offset = start
    while offset + 5 <= end:
        length = big16(data, offset + 3)
        if byte(data, offset) != 0x16 or byte(data, offset + 1) != 3 or length == 0:
            return signed(NO_RECORD)
        if index < length:
            place = offset + 5 + index
            return byte(data, place) if place < end else signed(NOT_THERE)
        index -= length
        offset += 5 + length
    return signed(NOT_THERE)


@part
def join_records(data: Bytes, start: int, end: int) -> int:
    """Move the fragments of a hello over several records together, in place, behind the first header.

    Return the new end of data[start:end].
    """
    place = start + 5 + big16(data, start + 3)
    offset = place
    while offset + 5 <= end:
        length = big16(data, offset + 3)
        offset += 5
        for _ in range(min(length, end - offset)):
            data[np.uint64(place)] = data[np.uint64(offset)]
            place += 1
            offset += 1
    return min(place, end)


@part
def join_into(target: Bytes, place: int, data: Bytes, start: int, end: int) -> int:
    """Write what the handshake records of data[start:end] hold, LARGE_BYTES at most, as one record at `place`.

    Return its end in the target.
    """
    most = min(end - start, signed(LARGE_BYTES))
    stop = place + 5
    offset = start
    while offset + 5 <= start + most and byte(data, offset) == 0x16:
        length = min(big16(data, offset + 3), start + most - offset - 5)
        offset += 5
        for _ in range(length):
            target[np.uint64(stop)] = data[np.uint64(offset)]
            stop += 1
            offset += 1
    length = stop - place - 5
    target[np.uint64(place)] = 0x16
    target[np.uint64(place + 1)] = 3
    target[np.uint64(place + 2)] = 3
    target[np.uint64(place + 3)] = length >> 8
    target[np.uint64(place + 4)] = length & 255
    return stop
