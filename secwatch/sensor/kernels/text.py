"""Writing text into the byte arena: numbers, addresses, names, foreign bytes made printable.

Every writer takes the place to write at and returns the place after what it wrote. The caller
has made sure that ROW_TEXT bytes are free; writers of foreign bytes also take a limit.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, byte, little64, signed, some_byte


@part
def put(arena: Bytes, place: int, value: int) -> int:
    """Write one byte."""
    arena[np.uint64(place)] = value
    return place + 1


@part
def put_decimal(arena: Bytes, place: int, value: int) -> int:
    """Write a number from 0 to 99999."""
    divisor = 10000
    while divisor > 1 and value < divisor:
        divisor //= 10
    while divisor > 0:
        place = put(arena, place, 48 + (value // divisor) % 10)
        divisor //= 10
    return place


@part
def put_hex_digit(arena: Bytes, place: int, value: int) -> int:
    """Write one lower-case hexadecimal digit."""
    return put(arena, place, 48 + value if value < 10 else 87 + value)


@part
def put_hex16(arena: Bytes, place: int, value: int) -> int:
    """Write four hexadecimal digits."""
    for shift in (12, 8, 4, 0):
        place = put_hex_digit(arena, place, (value >> shift) & 15)
    return place


@part
def put_ipv4(arena: Bytes, place: int, address: int) -> int:
    """Write an IPv4 address given as a number."""
    for shift in (24, 16, 8, 0):
        place = put_decimal(arena, place, (address >> shift) & 255)
        if shift:
            place = put(arena, place, 46)
    return place


@part
def _group(high: np.uint64, low: np.uint64, index: int) -> int:
    """Return one of the eight 16-bit groups of an IPv6 address."""
    word = high if index < 4 else low
    return signed((word >> np.uint64(48 - 16 * (index & 3))) & np.uint64(0xFFFF))


@part
def put_ipv6(arena: Bytes, place: int, high: np.uint64, low: np.uint64) -> int:
    """Write an IPv6 address as RFC 5952 wants it; an IPv4-mapped one in its mixed form."""
    if high == 0 and low >> np.uint64(32) == 0xFFFF:
        for character in (58, 58, 102, 102, 102, 102, 58):  # ::ffff:
            place = put(arena, place, character)
        return put_ipv4(arena, place, signed(low & np.uint64(0xFFFFFFFF)))
    best, best_length = -1, 1  # a single zero group is not shortened
    run, length = 0, 0
    for index in range(8):
        if _group(high, low, index) == 0:
            if length == 0:
                run = index
            length += 1
            if length > best_length:
                best, best_length = run, length
        else:
            length = 0
    index = 0
    while index < 8:
        if index == best:
            place = put(arena, put(arena, place, 58), 58)
            index += best_length
            continue
        if index > 0 and (best < 0 or index != best + best_length):
            place = put(arena, place, 58)
        place = _put_group(arena, place, _group(high, low, index))
        index += 1
    return place


@part
def _put_group(arena: Bytes, place: int, value: int) -> int:
    """Write a group without leading zeros."""
    started = False
    for shift in (12, 8, 4, 0):
        digit = (value >> shift) & 15
        if digit or started or shift == 0:
            place = put_hex_digit(arena, place, digit)
            started = True
    return place


@part
def _printable(word: np.uint64) -> bool:
    """Return whether all eight bytes are printable ASCII but no backslash."""
    tops = np.uint64(0x8080808080808080)
    below_blank = (word - np.uint64(0x2020202020202020)) & ~word  # its top bits, as long as no byte has its own set
    delete = word + np.uint64(0x0101010101010101)  # 0x7F gets its top bit
    return not ((word | below_blank | delete) & tops) and not some_byte(word, 0x5C)


@part
def put_escaped(
    arena: Bytes, place: int, limit: int, data: Bytes, start: int, end: int, lower: bool, escape_dot: bool
) -> int:
    """Write data[start:end] with everything but printable ASCII as \\xNN; stop before `limit`."""
    offset = start
    while offset < end and place + 4 <= limit:
        if not lower and not escape_dot:
            while offset + 8 <= end and place + 11 <= limit and _printable(little64(data, offset)):
                for index in range(8):
                    arena[np.uint64(place + index)] = data[np.uint64(offset + index)]
                offset += 8
                place += 8
            if offset == end or place + 4 > limit:
                break
        value = byte(data, offset)
        offset += 1
        if value < 0x20 or value > 0x7E or value == 0x5C or (escape_dot and value == 0x2E):
            place = put(arena, put(arena, place, 0x5C), 0x78)
            place = put_hex_digit(arena, place, value >> 4)
            place = put_hex_digit(arena, place, value & 15)
        else:
            if lower and value >= 65 and value <= 90:
                value += 32
            place = put(arena, place, value)
    return place
