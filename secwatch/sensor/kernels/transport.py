"""Transport headers: TCP, UDP, ICMP, SCTP. Other protocols have no ports.

Every field is checked against the captured length before it is read.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.reads import Bytes, big16, big32, byte
from secwatch.sensor.kernels.state import (
    BAD_TCP_HEADER,
    BAD_UDP_HEADER,
    GOOD,
    TRUNCATED_ICMP,
    TRUNCATED_SCTP,
    TRUNCATED_TCP,
    TRUNCATED_UDP,
    Record,
)


@hot
def transport(packet: Record, data: Bytes, offset: int, end: int, length: int, protocol: int, fragmented: bool) -> int:
    """Decode the header in data[offset:end], `length` bytes on the wire. Return GOOD or a cause."""
    header = 0
    if protocol == 6:
        if offset + 20 > end:
            return TRUNCATED_TCP if length >= 20 else BAD_TCP_HEADER
        header = (byte(data, offset + 12) >> 4) * 4
        if header < 20 or header > length:
            return BAD_TCP_HEADER
        flags = byte(data, offset + 13)
        packet["flags"] = flags
        packet["sequence"] = (big32(data, offset + 4) + ((flags >> 1) & 1)) & 0xFFFFFFFF  # a SYN takes one number
        packet["acknowledgement"] = big32(data, offset + 8)
        packet["window"] = big16(data, offset + 14)
    elif protocol == 17:
        if offset + 8 > end:
            return TRUNCATED_UDP if length >= 8 else BAD_UDP_HEADER
        header = 8
        stated = big16(data, offset + 4)
        if stated != 0 and not fragmented:
            if stated < 8:
                return BAD_UDP_HEADER
            length = min(length, stated)
    elif protocol == 1 or protocol == 58:
        return _icmp(packet, data, offset, end, length, protocol)
    elif protocol == 132:
        if offset + 12 > end:
            return TRUNCATED_SCTP
        header = 12
    if header:
        packet["source_port"] = big16(data, offset)
        packet["destination_port"] = big16(data, offset + 2)
    packet["payload_start"] = min(offset + header, end)
    packet["payload_end"] = min(end, offset + length)
    packet["payload_length"] = length - header
    return GOOD


@part
def _icmp(packet: Record, data: Bytes, offset: int, end: int, length: int, protocol: int) -> int:
    """Decode an ICMP header; types map to ports as in Zeek and the Community ID specification."""
    if offset + 4 > end:
        return TRUNCATED_ICMP
    kind = byte(data, offset)
    code = byte(data, offset + 1)
    counterpart = -1
    reply = False
    if protocol == 1:
        if kind == 8 or kind == 0:
            counterpart, reply = 8 - kind, kind == 0
        elif kind == 13 or kind == 14:
            counterpart, reply = 27 - kind, kind == 14
        elif kind == 15 or kind == 16:
            counterpart, reply = 31 - kind, kind == 16
        elif kind == 17 or kind == 18:
            counterpart, reply = 35 - kind, kind == 18
        elif kind == 10 or kind == 9:
            counterpart, reply = 19 - kind, kind == 9
    elif kind >= 128 and kind <= 136 and kind != 132:
        if kind <= 129:
            counterpart, reply = 257 - kind, kind == 129
        elif kind <= 131:
            counterpart, reply = 261 - kind, kind == 131
        elif kind <= 134:
            counterpart, reply = 267 - kind, kind == 134
        else:
            counterpart, reply = 271 - kind, kind == 136
    elif kind == 139 or kind == 140:
        counterpart, reply = 279 - kind, kind == 140
    elif kind == 144 or kind == 145:
        counterpart, reply = 289 - kind, kind == 145
    packet["icmp_code"] = code
    packet["sequence"] = big32(data, offset + 4) if offset + 8 <= end else 0  # identifier and number of an echo
    packet["source_port"] = kind
    packet["destination_port"] = code if counterpart < 0 else counterpart
    packet["one_way"] = 1 if counterpart < 0 else 0
    packet["reply"] = 1 if reply else 0
    packet["payload_start"] = min(offset + 8, end)
    packet["payload_end"] = end
    packet["payload_length"] = max(length - 8, 0)
    return GOOD
