"""The layers below IP: Ethernet, VLAN tags, MPLS labels, PPPoE, Linux cooked capture, raw IP.

Every field is checked against the captured length before it is read.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, byte
from secwatch.sensor.kernels.state import (
    NO_IP,
    TOO_MANY_TAGS,
    TRUNCATED_LINK,
    TRUNCATED_MPLS,
    UNKNOWN_INTERFACE,
    UNKNOWN_LINK_TYPE,
    Record,
)

ETHERNET, LINUX_COOKED, LINUX_COOKED_2 = 1, 113, 276
NULL, LOOP = 0, 108
RAW_TYPES = (12, 14, 101, 228, 229)
NOT_AN_IP_LINK = -2  # of a captured packet that the system calls something else than IP; no file has it
LINK_TYPES = (ETHERNET, LINUX_COOKED, LINUX_COOKED_2, NULL, LOOP, *RAW_TYPES)
_MOST_TAGS = 8  # VLAN tags or MPLS labels of one packet


@part
def step_over_link(packet: Record, data: Bytes, start: int, end: int, link: int) -> tuple[int, int]:
    """Return (offset of the network header, EtherType), or (-1, cause)."""
    if link == 1:
        if start + 14 > end:
            return -1, TRUNCATED_LINK
        return _tags(packet, data, start + 14, end, big16(data, start + 12))
    if link == 113:
        if start + 16 > end:
            return -1, TRUNCATED_LINK
        return _tags(packet, data, start + 16, end, big16(data, start + 14))
    if link == 276:
        if start + 20 > end:
            return -1, TRUNCATED_LINK
        return _tags(packet, data, start + 20, end, big16(data, start))
    if link == 0 or link == 108:
        if start + 5 > end:
            return -1, TRUNCATED_LINK
        return _by_version(data, start + 4, end)
    if link == 12 or link == 14 or link == 101 or link == 228 or link == 229:
        return _by_version(data, start, end)
    if link == NOT_AN_IP_LINK:
        return -1, NO_IP
    return -1, UNKNOWN_LINK_TYPE if link >= 0 else UNKNOWN_INTERFACE


@part
def _by_version(data: Bytes, offset: int, end: int) -> tuple[int, int]:
    """Return (offset, EtherType) of a packet that begins with its IP header."""
    if offset >= end:
        return -1, TRUNCATED_LINK
    version = byte(data, offset) >> 4
    if version == 4:
        return offset, 0x0800
    if version == 6:
        return offset, 0x86DD
    return offset, 0


@part
def _tags(packet: Record, data: Bytes, offset: int, end: int, protocol: int) -> tuple[int, int]:
    """Step over VLAN tags, MPLS labels and PPPoE. Return (offset, EtherType) or (-1, cause)."""
    for _ in range(_MOST_TAGS):
        if protocol == 0x8100 or protocol == 0x88A8 or protocol == 0x9100:
            if offset + 4 > end:
                return -1, TRUNCATED_LINK
            packet["vlan"] = big16(data, offset) & 0x0FFF
            protocol = big16(data, offset + 2)
            offset += 4
        elif protocol == 0x8847 or protocol == 0x8848:
            if offset + 4 > end:
                return -1, TRUNCATED_MPLS
            bottom = byte(data, offset + 2) & 1
            offset += 4
            if bottom == 1:
                return _by_version(data, offset, end)
        elif protocol == 0x8864:
            if offset + 8 > end:
                return -1, TRUNCATED_LINK
            inner = big16(data, offset + 6)
            protocol = 0x0800 if inner == 0x0021 else 0x86DD if inner == 0x0057 else 0
            offset += 8
        else:
            return offset, protocol
    if protocol in (0x8100, 0x88A8, 0x9100, 0x8847, 0x8848, 0x8864):
        return -1, TOO_MANY_TAGS
    return offset, protocol
