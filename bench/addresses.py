"""Where the addresses of a captured frame are, and the checksums that cover them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """Where a packet holds an address: offset of its two bytes that vary, and of the checksums that cover them."""

    offset: int
    checksums: tuple[int, ...]


def addresses_of(data: bytes) -> Sequence[Address]:
    """Return where the addresses of an Ethernet frame are, tags and labels stepped over."""
    return _network(data, *_after_tags(data, 12)) if len(data) >= 14 else []


def _after_tags(data: bytes, offset: int) -> tuple[int, int]:
    kind = int.from_bytes(data[offset : offset + 2], "big")
    offset += 2
    while kind in (0x8100, 0x88A8) and offset + 4 <= len(data):
        kind = int.from_bytes(data[offset + 2 : offset + 4], "big")
        offset += 4
    while kind == 0x8847 and offset + 5 <= len(data):
        if data[offset + 2] & 1:
            kind = {4: 0x0800, 6: 0x86DD}.get(data[offset + 4] >> 4, 0)
        offset += 4
    if kind == 0x8864 and offset + 8 <= len(data):
        kind = {0x0021: 0x0800, 0x0057: 0x86DD}.get(int.from_bytes(data[offset + 6 : offset + 8], "big"), 0)
        offset += 8
    return offset, kind


def _network(data: bytes, offset: int, kind: int) -> list[Address]:
    if kind == 0x0800 and offset + 20 <= len(data):
        body = offset + (data[offset] & 15) * 4
        later = int.from_bytes(data[offset + 6 : offset + 8], "big") & 0x1FFF != 0
        sums = (offset + 10, *(() if later else _checksum(data, body, data[offset + 9])))
        found = [_ipv4(data, place, sums) for place in (offset + 12, offset + 16)]
        return [*(item for item in found if item), *([] if later else _inner(data, body, data[offset + 9]))]
    if kind == 0x86DD and offset + 40 <= len(data):
        sums = _checksum(data, offset + 40, data[offset + 6])
        found = [_ipv6(data, place, sums) for place in (offset + 8, offset + 24)]
        return [*(item for item in found if item), *_inner(data, offset + 40, data[offset + 6])]
    return []


def _checksum(data: bytes, body: int, protocol: int) -> tuple[int, ...]:
    """Return where the transport checksum over the addresses is, if there is one."""
    place = {6: body + 16, 17: body + 6, 58: body + 2}.get(protocol, len(data))
    if place + 2 > len(data) or (protocol == 17 and data[place : place + 2] == b"\0\0"):
        return ()
    return (place,)


def _inner(data: bytes, body: int, protocol: int) -> list[Address]:
    """Return the addresses inside VXLAN and inside ICMP errors."""
    if protocol == 17 and data[body + 2 : body + 4] == (4789).to_bytes(2, "big") and body + 30 <= len(data):
        return _network(data, *_after_tags(data, body + 28))
    if protocol == 1 and data[body : body + 1] in (b"\3", b"\x0b"):
        return _network(data, body + 8, 0x0800)
    if protocol == 58 and data[body : body + 1] in (b"\1", b"\2", b"\3"):
        return _network(data, body + 8, 0x86DD)
    return []


def _ipv4(data: bytes, place: int, sums: tuple[int, ...]) -> Address | None:
    """The last two bytes vary: private addresses stay private so, public ones public."""
    first, second = data[place], data[place + 1]
    fixed = first in (0, 127) or first >= 224 or (first, second) == (169, 254)
    return None if fixed else Address(place + 2, sums)


def _ipv6(data: bytes, place: int, sums: tuple[int, ...]) -> Address | None:
    """The subnet varies; multicast, unspecified and link-local addresses do not."""
    if data[place] == 0xFF or data[place : place + 2] == b"\xfe\x80" or not any(data[place : place + 8]):
        return None
    return Address(place + 6, sums)
