"""TLS hellos: name, protocols, version, cipher, and the material of the JA3 and JA4 fingerprints.

The kernel writes the texts that JA3 (github.com/salesforce/ja3) and JA4 (github.com/FoxIO-LLC/ja4,
technical_details/JA4.md) hash; hashing them is left to Python, once per distinct text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, byte
from secwatch.sensor.kernels.rows import set_text
from secwatch.sensor.kernels.state import ARENA, SensorState
from secwatch.sensor.kernels.text import put, put_decimal, put_escaped, put_hex16, put_hex_digit

NAME_TEXT, PROTOCOLS_TEXT, JA3_TEXT, JA4_TEXT, JA3S_TEXT, ALPN_TEXT, CERTIFICATE_TEXT = range(7)
_MOST_NUMBERS = 256  # of one list of a hello; real ones have fewer than 100
_CIPHERS, _EXTENSIONS, _GROUPS, _SIGNATURES = range(4)


@part
def _is_grease(value: int) -> bool:
    """Return whether RFC 8701 reserves the number to keep servers tolerant."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


@part
def _numbers(state: SensorState, which: int, data: Bytes, start: int, end: int) -> int:
    """Read a list of 16-bit numbers without GREASE into a row of the scratch. Return how many."""
    count = 0
    offset = start
    while offset + 2 <= end and count < _MOST_NUMBERS:
        value = big16(data, offset)
        if not _is_grease(value):
            state.scratch[which, np.uint64(count)] = value
            count += 1
        offset += 2
    return count


@part
def _put_list(state: SensorState, place: int, which: int, count: int) -> int:
    """Write a list in decimal with hyphens, as JA3 does."""
    for index in range(count):
        if index:
            place = put(state.arena, place, 45)
        place = put_decimal(state.arena, place, state.scratch[which, np.uint64(index)])
    return place


@part
def _put_hex_list(state: SensorState, place: int, which: int, count: int, skip: bool) -> int:
    """Write a list in hexadecimal with commas, as JA4 does; `skip` leaves out server name and ALPN."""
    first = True
    for index in range(count):
        value = state.scratch[which, np.uint64(index)]
        if skip and (value == 0 or value == 16):
            continue
        if not first:
            place = put(state.arena, place, 44)
        first = False
        place = put_hex16(state.arena, place, value)
    return place


@part
def _sort(values: NDArray[np.int64], count: int) -> None:
    """Sort the first `count` numbers in place by insertion; lists are short."""
    for index in range(1, count):
        value = values[np.uint64(index)]
        place = index
        while place > 0 and values[np.uint64(place - 1)] > value:
            values[np.uint64(place)] = values[np.uint64(place - 1)]
            place -= 1
        values[np.uint64(place)] = value


@part
def _put_version(arena: Bytes, place: int, version: int) -> int:
    """Write the two characters of JA4 for a version."""
    if version >= 0x0301 and version <= 0x0304:
        return put(arena, put(arena, place, 49), 48 + version - 0x0301)
    if version == 0x0300 or version == 0x0002:
        return put(arena, put(arena, place, 115), 51 if version == 0x0300 else 50)
    return put(arena, put(arena, place, 48), 48)


@part
def _is_alphanumeric(value: int) -> bool:
    return (value >= 48 and value <= 57) or (value >= 65 and value <= 90) or (value >= 97 and value <= 122)


@part
def _put_protocol(arena: Bytes, place: int, data: Bytes, start: int, length: int) -> int:
    """Write the first and last character of the first ALPN name as JA4 wants them; 00 without one."""
    if length <= 0:
        return put(arena, put(arena, place, 48), 48)
    first, last = byte(data, start), byte(data, start + length - 1)
    if _is_alphanumeric(first) and _is_alphanumeric(last):
        return put(arena, put(arena, place, first), last)
    return put_hex_digit(arena, put_hex_digit(arena, place, first >> 4), last & 15)


@part
def _put_two(arena: Bytes, place: int, count: int) -> int:
    """Write a count with two digits, 99 at most."""
    count = min(count, 99)
    return put(arena, put(arena, place, 48 + count // 10), 48 + count % 10)


@part
def _put_names(state: SensorState, row: int, data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Write the ALPN names of the row. Return (offset, length) of the first name."""
    place = state.control[ARENA]
    limit = place + 2048
    first, first_length = start, 0
    offset = start
    while offset < end and place + 4 < limit:
        length = byte(data, offset)
        offset += 1
        if length == 0 or offset + length > end:
            break
        if first_length == 0:
            first, first_length = offset, length
        stop = put_escaped(state.arena, place + 2, limit, data, offset, offset + length, False, False)
        size = stop - place - 2
        put(state.arena, put(state.arena, place, size & 255), size >> 8)
        place = stop
        offset += length
    set_text(state, row, PROTOCOLS_TEXT, place)
    return first, first_length


@part
def _put_server_name(state: SensorState, row: int, data: Bytes, start: int, end: int) -> None:
    """Write the host name of the server name extension in data[start:end], in lower case."""
    if end - start < 5 or byte(data, start + 2) != 0:
        return
    stop = min(start + 5 + big16(data, start + 3), end)
    place = state.control[ARENA]
    set_text(state, row, NAME_TEXT, put_escaped(state.arena, place, place + 1100, data, start + 5, stop, True, False))


@part
def client_hello(state: SensorState, row: int, data: Bytes, start: int, end: int) -> bool:
    """Fill the row from the ClientHello whose record begins at `start`. Return whether it was whole and good."""
    if start + 44 > end:
        return False
    version = big16(data, start + 9)
    legacy_version = version
    whole = min(start + 9 + (byte(data, start + 7) << 8 | byte(data, start + 8)), end)
    good = start + 9 + (byte(data, start + 7) << 8 | byte(data, start + 8)) <= end
    offset = start + 44 + byte(data, start + 43)
    if offset + 2 > whole:
        return False
    size = big16(data, offset)
    offset += 2
    ciphers = _numbers(state, _CIPHERS, data, offset, min(offset + size, whole))
    offset += size
    if offset + 1 > whole:
        return False
    offset += 1 + byte(data, offset)
    extensions, groups, signatures = 0, 0, 0
    formats, formats_end = whole, whole
    protocol, protocol_length = whole, 0
    has_name = False
    if offset + 2 <= whole:
        stop = offset + 2 + big16(data, offset)
        offset += 2
        good = good and stop <= whole
        stop = min(stop, whole)
        while offset + 4 <= stop:
            kind = big16(data, offset)
            body = offset + 4
            after = body + big16(data, offset + 2)
            offset = after
            if not _is_grease(kind) and extensions < _MOST_NUMBERS:
                state.scratch[_EXTENSIONS, np.uint64(extensions)] = kind
                extensions += 1
            if after > stop:
                good = False
                after = stop
            if kind == 0:
                has_name = True
                _put_server_name(state, row, data, body, after)
            elif kind == 10 and body + 2 <= after:
                groups = _numbers(state, _GROUPS, data, body + 2, min(after, body + 2 + big16(data, body)))
            elif kind == 11 and body < after:
                formats, formats_end = body + 1, min(after, body + 1 + byte(data, body))
            elif kind == 13 and body + 2 <= after:
                signatures = _numbers(state, _SIGNATURES, data, body + 2, min(after, body + 2 + big16(data, body)))
            elif kind == 16 and body + 2 <= after:
                protocol, protocol_length = _put_names(
                    state, row, data, body + 2, min(after, body + 2 + big16(data, body))
                )
            elif kind == 43 and body < after:
                version = _highest(data, body + 1, min(after, body + 1 + byte(data, body)), version)
    state.events[np.uint64(row)]["number"] = version
    place = state.control[ARENA]
    place = _put_ja3(state, place, legacy_version, ciphers, extensions, groups, data, formats, formats_end)
    set_text(state, row, JA3_TEXT, place)
    place = _put_ja4_head(state.arena, place, version, has_name, ciphers, extensions)
    place = _put_protocol(state.arena, place, data, protocol, protocol_length)
    _sort(state.scratch[_CIPHERS], ciphers)
    _sort(state.scratch[_EXTENSIONS], extensions)
    place = put(state.arena, place, 124)
    place = _put_hex_list(state, place, _CIPHERS, ciphers, False)
    place = put(state.arena, place, 124)
    place = _put_hex_list(state, place, _EXTENSIONS, extensions, True)
    if signatures:
        place = put(state.arena, place, 95)
        place = _put_hex_list(state, place, _SIGNATURES, signatures, False)
    set_text(state, row, JA4_TEXT, place)
    return good


@part
def _highest(data: Bytes, start: int, end: int, version: int) -> int:
    """Return the highest version of a supported_versions list, GREASE aside; `version` if it is empty."""
    best = 0
    offset = start
    while offset + 2 <= end:
        value = big16(data, offset)
        if not _is_grease(value) and value > best and value <= 0x0304:
            best = value
        offset += 2
    return best if best else version


@part
def _put_ja3(
    state: SensorState,
    place: int,
    version: int,
    ciphers: int,
    extensions: int,
    groups: int,
    data: Bytes,
    formats: int,
    formats_end: int,
) -> int:
    """Write version,ciphers,extensions,groups,point formats."""
    place = put(state.arena, put_decimal(state.arena, place, version), 44)
    place = put(state.arena, _put_list(state, place, _CIPHERS, ciphers), 44)
    place = put(state.arena, _put_list(state, place, _EXTENSIONS, extensions), 44)
    place = put(state.arena, _put_list(state, place, _GROUPS, groups), 44)
    for offset in range(formats, formats_end):
        if offset > formats:
            place = put(state.arena, place, 45)
        place = put_decimal(state.arena, place, byte(data, offset))
    return place


@part
def _put_ja4_head(arena: Bytes, place: int, version: int, has_name: bool, ciphers: int, extensions: int) -> int:
    """Write the readable part of JA4 up to the counts: t13d1516."""
    place = _put_version(arena, put(arena, place, 116), version)
    place = put(arena, place, 100 if has_name else 105)
    return _put_two(arena, _put_two(arena, place, ciphers), extensions)
