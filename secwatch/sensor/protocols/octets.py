"""Reading fields from the bytes of a message: checked, never beyond its end, texts bounded."""

from __future__ import annotations

import struct

from secwatch.sensor.protocols.row import Malformed

LONGEST_TEXT = 1024  # bytes of UTF-8
MOST_ITEMS = 64  # of one list


def byte(data: bytes, at: int) -> int:
    """Return one byte. Raise Malformed if it is not there."""
    if not 0 <= at < len(data):
        raise Malformed
    return data[at]


def little(data: bytes, at: int, size: int) -> int:
    """Return a number of `size` bytes in little-endian order. Raise Malformed if they are not all there."""
    if at < 0 or at + size > len(data):
        raise Malformed
    return int.from_bytes(data[at : at + size], "little")


def big(data: bytes, at: int, size: int) -> int:
    """Return a number of `size` bytes in network order. Raise Malformed if they are not all there."""
    if at < 0 or at + size > len(data):
        raise Malformed
    return int.from_bytes(data[at : at + size], "big")


def piece(data: bytes, at: int, size: int) -> bytes:
    """Return what is there of `size` bytes from `at`. Raise Malformed if they begin behind the end."""
    if at < 0 or size < 0 or at > len(data):
        raise Malformed
    return data[at : at + size]


def bounded(text: str) -> str:
    """Return the text without what a database cannot hold, at most LONGEST_TEXT bytes of UTF-8."""
    if "\0" in text:
        text = text.rstrip("\0").replace("\0", "\ufffd")
    if len(text) * 3 <= LONGEST_TEXT:
        return text
    return text[:LONGEST_TEXT].encode("utf-8", "replace")[:LONGEST_TEXT].decode("utf-8", "ignore")


def wide(data: bytes) -> str:
    """Return UTF-16, little-endian, as a bounded text; what is not valid shows as U+FFFD."""
    return bounded(data[: 2 * LONGEST_TEXT].decode("utf-16-le", "replace"))


def narrow(data: bytes) -> str:
    """Return UTF-8 as a bounded text; what is not valid shows as U+FFFD."""
    return bounded(data[:LONGEST_TEXT].decode("utf-8", "replace"))


def wide_until_nul(data: bytes, at: int) -> tuple[str, int]:
    """Return a UTF-16 text that a zero ends, and the offset behind that zero."""
    end = at
    while True:
        end = data.find(b"\0\0", end)
        if end < 0:
            return wide(data[at:]), len(data)
        if (end - at) % 2 == 0:
            return wide(data[at:end]), end + 2
        end += 1


def narrow_until_nul(data: bytes, at: int) -> tuple[str, int]:
    """Return a text of single bytes that a zero ends, and the offset behind that zero."""
    end = data.find(b"\0", at)
    return (narrow(data[at:]), len(data)) if end < 0 else (narrow(data[at:end]), end + 1)


def identifier(data: bytes, at: int) -> str:
    """Return the UUID of 16 bytes in Microsoft's order of bytes. Raise Malformed if they are not all there."""
    if at < 0 or at + 16 > len(data):
        raise Malformed
    first, second, third = struct.unpack_from("<IHH", data, at)
    rest = data[at + 8 : at + 16].hex()
    return f"{first:08x}-{second:04x}-{third:04x}-{rest[:4]}-{rest[4:]}"
