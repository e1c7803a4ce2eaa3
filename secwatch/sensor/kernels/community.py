"""Community ID version 1: "1:" and the base64 of a SHA-1 over the ends of a flow.

Specification: github.com/corelight/community-id-spec. SHA-1 (FIPS 180-4) is an identifier here,
not a protection.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.state import Record
from secwatch.sensor.kernels.text import put

_BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)


@part
def _rotate(value: np.uint32, count: int) -> np.uint32:
    return np.uint32((np.uint32(value) << np.uint32(count)) | (np.uint32(value) >> np.uint32(32 - count)))


@part
def _sha1_block(words: NDArray[np.uint32]) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32, np.uint32]:
    """Return the SHA-1 of one padded block in words[0:16]; words has shape (80,)."""
    for index in range(16, 80):
        words[index] = _rotate(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1)
    a, b, c, d, e = (
        np.uint32(0x67452301),
        np.uint32(0xEFCDAB89),
        np.uint32(0x98BADCFE),
        np.uint32(0x10325476),
        np.uint32(0xC3D2E1F0),
    )
    for index in range(80):
        if index < 20:
            mixed, constant = (b & c) | (~b & d), np.uint32(0x5A827999)
        elif index < 40:
            mixed, constant = b ^ c ^ d, np.uint32(0x6ED9EBA1)
        elif index < 60:
            mixed, constant = (b & c) | (b & d) | (c & d), np.uint32(0x8F1BBCDC)
        else:
            mixed, constant = b ^ c ^ d, np.uint32(0xCA62C1D6)
        total = np.uint32(_rotate(a, 5) + np.uint32(mixed) + e + constant + words[index])
        e, d, c, b, a = d, c, _rotate(b, 30), a, total
    return (
        np.uint32(a + np.uint32(0x67452301)),
        np.uint32(b + np.uint32(0xEFCDAB89)),
        np.uint32(c + np.uint32(0x98BADCFE)),
        np.uint32(d + np.uint32(0x10325476)),
        np.uint32(e + np.uint32(0xC3D2E1F0)),
    )


@part
def _add_byte(words: NDArray[np.uint32], place: int, value: int) -> int:
    """Put a byte into the block at a byte position."""
    words[place >> 2] |= np.uint32(value << (24 - 8 * (place & 3)))
    return place + 1


@part
def _add_address(words: NDArray[np.uint32], place: int, version: int, high: np.uint64, low: np.uint64) -> int:
    """Put the 4 or 16 bytes of an address into the block."""
    if version == 6:
        for shift in range(56, -8, -8):
            place = _add_byte(words, place, signed((high >> np.uint64(shift)) & np.uint64(255)))
        for shift in range(56, 24, -8):
            place = _add_byte(words, place, signed((low >> np.uint64(shift)) & np.uint64(255)))
    for shift in range(24, -8, -8):
        place = _add_byte(words, place, signed((low >> np.uint64(shift)) & np.uint64(255)))
    return place


@part
def put_community_id(arena: Bytes, place: int, record: Record, words: NDArray[np.uint32]) -> int:
    """Write the 30 characters of the Community ID of a flow or event record."""
    for index in range(16):
        words[index] = 0
    high, low, port = record["source_high"], record["source_low"], signed(record["source_port"])
    other_high, other_low = record["destination_high"], record["destination_low"]
    other_port = signed(record["destination_port"])
    smaller = high < other_high or (
        high == other_high and (low < other_low or (low == other_low and port < other_port))
    )
    if not smaller and record["one_way"] == 0:
        high, other_high = other_high, high
        low, other_low = other_low, low
        port, other_port = other_port, port
    version, protocol = signed(record["version"]), signed(record["protocol"])
    size = _add_address(words, 2, version, high, low)  # after the seed, two zero bytes
    size = _add_address(words, size, version, other_high, other_low)
    size = _add_byte(words, size, protocol) + 1
    if protocol == 6 or protocol == 17 or protocol == 1 or protocol == 58 or protocol == 132:
        size = _add_byte(words, _add_byte(words, size, port >> 8), port & 255)
        size = _add_byte(words, _add_byte(words, size, other_port >> 8), other_port & 255)
    _add_byte(words, size, 0x80)
    words[15] = np.uint32(size * 8)
    digest = _sha1_block(words)
    place = put(arena, put(arena, place, 49), 58)
    bits = np.uint64(0)
    held = 0
    for word in digest:
        bits = ((bits & np.uint64(63)) << np.uint64(32)) | np.uint64(word)
        held += 32
        while held >= 6:
            held -= 6
            place = put(arena, place, signed(_BASE64[(bits >> np.uint64(held)) & np.uint64(63)]))
    place = put(arena, place, signed(_BASE64[(bits << np.uint64(2)) & np.uint64(63)]))
    return put(arena, place, 61)
