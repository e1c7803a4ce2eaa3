"""Decoding one packet: IP with its extension headers and fragments, and the tunnels within it.

Every field is checked against the captured length before it is read. What cannot be decoded is
answered with its cause; nothing is guessed.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.fragments import identity_of, note_fragment
from secwatch.sensor.kernels.link import step_over_link
from secwatch.sensor.kernels.network import arp_row
from secwatch.sensor.kernels.reads import Bytes, big16, big32, big64, byte
from secwatch.sensor.kernels.records import FIRST_FRAGMENT, NOT_FRAGMENTED
from secwatch.sensor.kernels.state import (
    BAD_IPV4_HEADER,
    BAD_IPV6_HEADER,
    ERSPAN,
    GOOD,
    IP_LENGTH_BEYOND_WIRE,
    IS_ARP,
    MALFORMED_TUNNEL,
    MOST_TUNNELS,
    NO_IP,
    TOO_MANY_TUNNELS,
    TRUNCATED_IPV4,
    TRUNCATED_IPV6,
    TRUNCATED_IPV6_EXTENSION,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.transport import transport
from secwatch.sensor.kernels.tunnels import may_carry, open_tunnel

_JUMBO_OPTION = 0xC2  # RFC 2675
_AUTHENTICATION = 51


@hot
def decode(state: SensorState, data: Bytes, start: int, captured: int, wire: int, link: int, vlan: int) -> int:
    """Fill state.packet[0], whose time is set, from data[start:start + captured].

    `vlan` is the outermost tag if the network card took it out of the frame.
    Return GOOD, NO_IP, IS_ARP or a cause. What is inside a tunnel is the packet, if it can be decoded; an ARP
    packet there is written as a row at once, for which there must be room, unless FLOWS_ONLY is set.
    """
    packet = state.packet[np.uint64(0)]
    end = start + captured
    packet["vlan"] = vlan & 0x0FFF
    packet["outer_vlan"] = 0
    packet["tunnel"] = 0
    packet["tunnel_id"] = 0
    packet["link_source"] = -1
    offset, protocol = step_over_link(packet, data, start, end, link)
    if offset < 0:
        return protocol
    cause = _network(state, packet, data, offset, end, wire - (offset - start), protocol, False)
    if cause == GOOD and may_carry(packet):
        _open_tunnels(state, packet, data)
    return cause


@hot
def _network(
    state: SensorState, packet: Record, data: Bytes, offset: int, end: int, remaining: int, protocol: int, partly: bool
) -> int:
    """Decode what begins with a network header at `offset`, of which `remaining` bytes were on the wire.

    `partly`: what was on the wire here may be only the beginning of the packet.
    """
    packet["flags"] = 0
    packet["icmp_code"] = 0
    packet["one_way"] = 0
    packet["reply"] = 0
    packet["fragment"] = NOT_FRAGMENTED
    packet["source_port"] = 0
    packet["destination_port"] = 0
    if protocol == 0x0800:
        if offset >= end:
            return TRUNCATED_IPV4
        if byte(data, offset) >> 4 != 4:
            return BAD_IPV4_HEADER
        cause = _ipv4(state, packet, data, offset, end, remaining)
        if cause == GOOD and packet["ip_bytes"] > remaining:
            _believe_the_wire(state, packet, offset + remaining, remaining, partly)
        return cause
    if protocol == 0x86DD:
        if offset >= end:
            return TRUNCATED_IPV6
        if byte(data, offset) >> 4 != 6:
            return BAD_IPV6_HEADER
        cause = _ipv6(state, packet, data, offset, end, remaining)
        if cause == GOOD and packet["ip_bytes"] > remaining:
            _believe_the_wire(state, packet, offset + remaining, remaining, partly)
        return cause
    if protocol == 0x0806:
        packet["payload_start"] = offset
        packet["payload_end"] = end
        return IS_ARP
    return NO_IP


@part
def _believe_the_wire(state: SensorState, packet: Record, wire_end: int, remaining: int, partly: bool) -> None:
    """Let a packet whose header claims more than was sent count with what was sent: anyone can claim any volume.

    A packet that the capture cut short was longer on the wire, and is believed. One in a fragmented tunnel,
    or that a mirror cut before it sent it on (ERSPAN), is as long as it says, and its stream goes on behind
    its end; but it counts with the bytes that are here.
    """
    packet["ip_bytes"] = remaining
    if partly:
        return
    state.causes[IP_LENGTH_BEYOND_WIRE] += 1
    packet["payload_length"] = min(packet["payload_length"], wire_end - packet["payload_start"])


@part
def _open_tunnels(state: SensorState, packet: Record, data: Bytes) -> None:
    """Replace the packet by the one inside it, as far in as it can be decoded."""
    partly = False
    wire_end = packet["payload_start"] + packet["payload_length"]
    for _ in range(MOST_TUNNELS):
        state.packet[np.uint64(1)] = packet
        offset, protocol = open_tunnel(packet, data)
        if offset < 0:
            state.packet[np.uint64(0)] = state.packet[np.uint64(1)]
            if protocol != GOOD:
                state.causes[MALFORMED_TUNNEL] += 1
            return
        end = packet["payload_end"]
        wire_end = min(wire_end, packet["payload_start"] + packet["payload_length"])
        partly = partly or packet["fragment"] == FIRST_FRAGMENT or packet["tunnel"] == ERSPAN
        cause = _network(state, packet, data, offset, end, wire_end - offset, protocol, partly)
        if cause != GOOD:
            if cause == IS_ARP:
                arp_row(state, data, packet)
            elif cause != NO_IP:
                state.causes[MALFORMED_TUNNEL] += 1
            state.packet[np.uint64(0)] = state.packet[np.uint64(1)]
            return
        if not may_carry(packet):
            return
    state.causes[TOO_MANY_TUNNELS] += 1


@hot
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
    packet["ttl"] = byte(data, offset + 8)
    protocol = byte(data, offset + 9)
    fragment = big16(data, offset + 6)
    body_end = min(end, offset + total)
    length = total - header
    fragmented = fragment & 0x3FFF
    place = 0
    if fragmented:
        packet["identity"] = identity_of(state, packet, big16(data, offset + 4), protocol)
        place = fragment & 0x1FFF
    offset += header
    if protocol == _AUTHENTICATION and place == 0 and offset + 8 <= body_end:
        size = (byte(data, offset + 1) + 2) * 4
        if offset + size <= body_end:
            protocol = byte(data, offset)
            offset += size
            length -= size
    return _after_ip(state, packet, data, offset, body_end, length, protocol, fragmented != 0, place)


@part
def _ipv6(state: SensorState, packet: Record, data: Bytes, offset: int, end: int, remaining: int) -> int:
    """Decode the IPv6 header at `offset` and its extension headers, then the transport header."""
    if offset + 40 > end:
        return TRUNCATED_IPV6
    length = big16(data, offset + 4)
    protocol = byte(data, offset + 6)
    if length == 0:
        length = _long_payload(data, offset + 40, end, protocol, max(remaining - 40, 0))
    packet["version"] = 6
    packet["source_high"] = big64(data, offset + 8)
    packet["source_low"] = big64(data, offset + 16)
    packet["destination_high"] = big64(data, offset + 24)
    packet["destination_low"] = big64(data, offset + 32)
    packet["ip_bytes"] = length + 40
    packet["ttl"] = byte(data, offset + 7)
    body_end = min(end, offset + 40 + length)
    whole_end = offset + 40 + length
    offset += 40
    fragmented = False
    place = 0
    # As many headers as there are, each of eight bytes at least. The rest of a fragmented datagram has none.
    while place == 0 and _is_extension(protocol):
        if offset + 8 > body_end:
            return TRUNCATED_IPV6_EXTENSION
        following = byte(data, offset)
        size = (byte(data, offset + 1) + 1) * 8
        if protocol == 44:
            size = 8
            fragmented = big16(data, offset + 2) & 0xFFF9 != 0
            place = big16(data, offset + 2) >> 3
            if fragmented:
                packet["identity"] = identity_of(state, packet, big32(data, offset + 4), following)
        elif protocol == _AUTHENTICATION:
            size = (byte(data, offset + 1) + 2) * 4
        if offset + size > body_end:
            return TRUNCATED_IPV6_EXTENSION
        offset += size
        protocol = following
    return _after_ip(state, packet, data, offset, body_end, whole_end - offset, protocol, fragmented, place)


@part
def _is_extension(protocol: int) -> bool:
    """Return whether this is the number of an IPv6 extension header (RFC 7045) that can be stepped over."""
    if protocol == 0 or protocol == 43 or protocol == 44 or protocol == _AUTHENTICATION or protocol == 60:
        return True
    return protocol == 135 or protocol == 139 or protocol == 140


@part
def _long_payload(data: Bytes, offset: int, end: int, protocol: int, remaining: int) -> int:
    """Return the length of an IPv6 payload whose header says 0.

    A jumbo option in the hop-by-hop header tells it (RFC 2675); without one the network card
    splits the packet later (segmentation offload), or there is no payload.
    """
    if protocol == 0 and offset + 8 <= end and byte(data, offset + 2) == _JUMBO_OPTION and byte(data, offset + 3) == 4:
        return big32(data, offset + 4)
    return remaining


@hot
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
) -> int:
    """Decode the transport header; a later fragment takes the ports of the first one, if that was seen."""
    packet["protocol"] = protocol
    packet["payload_start"] = offset
    packet["payload_end"] = end
    packet["payload_length"] = length
    if place > 0:
        packet["payload_end"] = offset
        note_fragment(state, packet, False)
        return GOOD
    cause = transport(packet, data, offset, end, length, protocol, fragmented)
    if fragmented and cause == GOOD:
        note_fragment(state, packet, True)
    return cause
