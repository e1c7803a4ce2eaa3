"""Decoding one packet: IP with its extension headers and fragments, transport header.

Every field is checked against the captured length before it is read. What cannot be decoded is
answered with its cause; nothing is guessed.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.link import step_over_link
from secwatch.sensor.kernels.reads import Bytes, big16, big32, big64, byte, signed
from secwatch.sensor.kernels.state import (
    BAD_IPV4_HEADER,
    BAD_IPV6_EXTENSION,
    BAD_IPV6_HEADER,
    BAD_TCP_HEADER,
    BAD_UDP_HEADER,
    FRAGMENTS,
    GOOD,
    NO_IP,
    TRUNCATED_ICMP,
    TRUNCATED_IPV4,
    TRUNCATED_IPV6,
    TRUNCATED_IPV6_EXTENSION,
    TRUNCATED_SCTP,
    TRUNCATED_TCP,
    TRUNCATED_UDP,
    Record,
    SensorState,
)

_MOST_EXTENSIONS = 16  # IPv6 extension headers of one packet


@part
def decode(state: SensorState, data: Bytes, start: int, captured: int, wire: int, link: int, vlan: int) -> int:
    """Fill state.packet[0] from data[start:start + captured]. Return GOOD, NO_IP or a cause.

    `vlan` is the outermost tag if the network card took it out of the frame; tags within it count more.
    """
    packet = state.packet[0]
    end = start + captured
    packet["vlan"] = vlan & 0x0FFF
    packet["flags"] = 0
    packet["icmp_code"] = 0
    packet["one_way"] = 0
    packet["reply"] = 0
    packet["later_fragment"] = 0
    packet["source_port"] = 0
    packet["destination_port"] = 0
    offset, protocol = step_over_link(packet, data, start, end, link)
    if offset < 0:
        return protocol
    if protocol == 0x0800 or protocol == 0x86DD:
        if offset >= end:
            return TRUNCATED_IPV4 if protocol == 0x0800 else TRUNCATED_IPV6
        version = byte(data, offset) >> 4
        remaining = wire - (offset - start)
        if protocol == 0x0800:
            if version != 4:
                return BAD_IPV4_HEADER
            return _ipv4(state, packet, data, offset, end, remaining)
        if version != 6:
            return BAD_IPV6_HEADER
        return _ipv6(state, packet, data, offset, end, remaining)
    return NO_IP


@part
def _ipv4(state: SensorState, packet: Record, data: Bytes, offset: int, end: int, remaining: int) -> int:
    """Decode the IPv4 header at `offset`, then the transport header."""
    if offset + 20 > end:
        return TRUNCATED_IPV4
    header = (byte(data, offset) & 15) * 4
    if header < 20:
        return BAD_IPV4_HEADER
    if offset + header > end:
        return TRUNCATED_IPV4
    total = big16(data, offset + 2)
    if total == 0:  # the network card splits the packet later (segmentation offload)
        total = remaining
    if total < header:
        return BAD_IPV4_HEADER
    packet["version"] = 4
    packet["source_high"] = 0
    packet["destination_high"] = 0
    packet["source_low"] = big32(data, offset + 12)
    packet["destination_low"] = big32(data, offset + 16)
    packet["ip_bytes"] = total
    protocol = byte(data, offset + 9)
    fragment = big16(data, offset + 6)
    body_end = min(end, offset + total)
    length = total - header
    fragmented = fragment & 0x3FFF
    place = 0
    identity = np.uint64(0)
    if fragmented:
        identity = _datagram(packet, big16(data, offset + 4), protocol)
        place = fragment & 0x1FFF
    return _after_ip(state, packet, data, offset + header, body_end, length, protocol, fragmented != 0, place, identity)


@part
def _ipv6(state: SensorState, packet: Record, data: Bytes, offset: int, end: int, remaining: int) -> int:
    """Decode the IPv6 header at `offset` and its extension headers, then the transport header."""
    if offset + 40 > end:
        return TRUNCATED_IPV6
    length = big16(data, offset + 4)
    if length == 0:  # jumbo payload or segmentation offload
        length = max(remaining - 40, 0)
    packet["version"] = 6
    packet["source_high"] = big64(data, offset + 8)
    packet["source_low"] = big64(data, offset + 16)
    packet["destination_high"] = big64(data, offset + 24)
    packet["destination_low"] = big64(data, offset + 32)
    packet["ip_bytes"] = length + 40
    protocol = byte(data, offset + 6)
    body_end = min(end, offset + 40 + length)
    whole_end = offset + 40 + length
    offset += 40
    fragmented = False
    place = 0
    identity = np.uint64(0)
    for _ in range(_MOST_EXTENSIONS + 1):
        known = protocol == 0 or protocol == 43 or protocol == 60 or protocol == 44 or protocol == 51
        if not known and protocol != 135 and protocol != 139 and protocol != 140:
            break
        if place > 0:
            break  # the rest of a fragmented datagram has no headers
        if offset + 8 > body_end:
            return TRUNCATED_IPV6_EXTENSION
        following = byte(data, offset)
        size = (byte(data, offset + 1) + 1) * 8
        if protocol == 44:
            size = 8
            fragmented = big16(data, offset + 2) & 0xFFF9 != 0
            place = big16(data, offset + 2) >> 3
            if fragmented:
                identity = _datagram(packet, big32(data, offset + 4), following)
        elif protocol == 51:
            size = (byte(data, offset + 1) + 2) * 4
        if offset + size > body_end:
            return TRUNCATED_IPV6_EXTENSION
        offset += size
        protocol = following
    else:
        return BAD_IPV6_EXTENSION
    return _after_ip(state, packet, data, offset, body_end, whole_end - offset, protocol, fragmented, place, identity)


@part
def _datagram(packet: Record, identifier: int, protocol: int) -> np.uint64:
    """Return a hash that the fragments of one datagram share; never 0."""
    mixed = np.uint64(packet["source_low"]) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(packet["destination_low"]) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= np.uint64(packet["source_high"]) ^ (np.uint64(packet["destination_high"]) << np.uint64(1))
    mixed ^= np.uint64((identifier << 8) | protocol) * np.uint64(0x165667B19E3779F9)
    return (mixed ^ (mixed >> np.uint64(29))) | np.uint64(1)


@part
def _after_ip(
    state: SensorState,
    packet: Record,
    data: Bytes,
    offset: int,
    end: int,
    length: int,
    protocol: int,
    fragmented: bool,
    place: int,
    identity: np.uint64,
) -> int:
    """Decode the transport header; for a later fragment take the ports of the first one if it was seen."""
    packet["protocol"] = protocol
    packet["payload_start"] = offset
    packet["payload_end"] = end
    packet["payload_length"] = length
    if not fragmented:
        return _transport(packet, data, offset, end, length, protocol, False)
    state.control[FRAGMENTS] += 1
    remembered = state.fragments[np.uint64(identity >> np.uint64(3)) & np.uint64(4095)]
    if place == 0:
        cause = _transport(packet, data, offset, end, length, protocol, True)
        if cause == GOOD:
            ports = (signed(packet["source_port"]) << 16) | signed(packet["destination_port"])
            remembered[0] = identity
            remembered[1] = np.uint64(ports)
        return cause
    packet["later_fragment"] = 1
    packet["payload_end"] = offset
    if remembered[0] == identity:
        ports = signed(remembered[1])
        packet["source_port"] = ports >> 16
        packet["destination_port"] = ports & 0xFFFF
    return GOOD


@part
def _transport(packet: Record, data: Bytes, offset: int, end: int, length: int, protocol: int, fragmented: bool) -> int:
    """Decode the TCP, UDP, ICMP or SCTP header in data[offset:end]; other protocols have no ports."""
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
    packet["source_port"] = kind
    packet["destination_port"] = code if counterpart < 0 else counterpart
    packet["one_way"] = 1 if counterpart < 0 else 0
    packet["reply"] = 1 if reply else 0
    packet["payload_start"] = min(offset + 8, end)
    packet["payload_end"] = end
    packet["payload_length"] = max(length - 8, 0)
    return GOOD
