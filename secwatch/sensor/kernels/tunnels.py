"""Tunnels: GRE, ERSPAN, IP in IP, VXLAN, Geneve, MPLS in IP. What is inside them is the packet.

Sources: RFC 2784 and 2890 (GRE), 2637 (PPTP), draft-foschiano-erspan, RFC 2003, 2473 and 4213
(IP in IP), 7348 (VXLAN; the group policy flag: draft-smith-vxlan-group-policy), 8926 (Geneve), 4023.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.link import by_version, note_tag, step_over_ethernet, step_over_layers, step_over_ppp
from secwatch.sensor.kernels.reads import Bytes, big16, big32, byte, signed
from secwatch.sensor.kernels.records import FIRST_FRAGMENT
from secwatch.sensor.kernels.state import (
    ERSPAN,
    GENEVE,
    GOOD,
    GRE,
    IP_IN_IP,
    TRUNCATED_LINK,
    VXLAN,
    Record,
)

_MOST_ROUTES = 16  # source routes of one GRE header


@hot
def may_carry(packet: Record) -> bool:
    """Return whether the protocol or port of a decoded packet is that of a tunnel."""
    protocol = packet["protocol"]
    if protocol == 6 or packet["fragment"] > FIRST_FRAGMENT:
        return False
    if protocol == 17:
        port = packet["destination_port"]
        return bool(port == 4789 or port == 8472 or port == 6081)
    return bool(protocol == 47 or protocol == 4 or protocol == 41 or protocol == 137)


@part
def open_tunnel(packet: Record, data: Bytes) -> tuple[int, int]:
    """Return (offset of the network header inside, its EtherType).

    Or (-1, GOOD) where the packet is no tunnel after all or carries nothing, or (-1, cause).
    """
    protocol = packet["protocol"]
    offset, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    if protocol == 17:
        if packet["destination_port"] == 6081:
            return _geneve(packet, data, offset, end)
        return _vxlan(packet, data, offset, end)
    if protocol == 47:
        return _gre(packet, data, offset, end)
    if protocol == 137:
        return step_over_layers(packet, data, offset, end, 0x8847)
    packet["tunnel"] = IP_IN_IP
    packet["tunnel_id"] = 0
    return offset, 0x0800 if protocol == 4 else 0x86DD


@part
def _vxlan(packet: Record, data: Bytes, offset: int, end: int) -> tuple[int, int]:
    """Open VXLAN. What does not have its flags is something else on its port."""
    if offset + 8 > end or byte(data, offset) & 0x7F != 0x08 or byte(data, offset + 7) != 0:
        return -1, GOOD
    if byte(data, offset) == 0x08 and big32(data, offset) != 0x08000000:
        return -1, GOOD
    packet["tunnel"] = VXLAN
    packet["tunnel_id"] = big32(data, offset + 4) >> 8
    return step_over_ethernet(packet, data, offset + 8, end)


@part
def _geneve(packet: Record, data: Bytes, offset: int, end: int) -> tuple[int, int]:
    """Open Geneve and step over its options. What has another version or set reserved bits is something else."""
    if offset + 8 > end or byte(data, offset) >> 6 != 0:
        return -1, GOOD
    if byte(data, offset + 1) & 0x3F or byte(data, offset + 7) != 0:
        return -1, GOOD
    protocol = big16(data, offset + 2)
    packet["tunnel"] = GENEVE
    packet["tunnel_id"] = big32(data, offset + 4) >> 8
    offset += 8 + (byte(data, offset) & 0x3F) * 4
    if offset > end:
        return -1, TRUNCATED_LINK
    return _inside(packet, data, offset, end, protocol)


@part
def _gre(packet: Record, data: Bytes, offset: int, end: int) -> tuple[int, int]:
    """Open GRE version 0 with its optional fields, and PPTP's version 1."""
    if offset + 4 > end:
        return -1, TRUNCATED_LINK
    flags, protocol = big16(data, offset), big16(data, offset + 2)
    if flags & 7 == 1:
        return _pptp(packet, data, offset, end, flags)
    if flags & 7:
        return -1, TRUNCATED_LINK
    packet["tunnel"] = GRE
    packet["tunnel_id"] = 0
    offset += 4
    if flags & 0xC000:  # a checksum or a route: both fields are there
        offset += 4
    if flags & 0x2000:
        if offset + 4 > end:
            return -1, TRUNCATED_LINK
        packet["tunnel_id"] = big32(data, offset)
        offset += 4
    if flags & 0x1000:
        offset += 4
    if flags & 0x4000:
        offset = _after_routes(data, offset, end)
        if offset < 0:
            return -1, TRUNCATED_LINK
    if offset > end:
        return -1, TRUNCATED_LINK
    if protocol == 0x88BE or protocol == 0x22EB:
        return _erspan(packet, data, offset, end, flags & 0x1000 != 0)
    if protocol == 0x880B:
        return step_over_ppp(packet, data, offset, end)
    return _inside(packet, data, offset, end, protocol)


@part
def _inside(packet: Record, data: Bytes, offset: int, end: int, protocol: int) -> tuple[int, int]:
    """Open what an EtherType announces; 0x6558 is a whole Ethernet frame."""
    if protocol == 0x6558:
        return step_over_ethernet(packet, data, offset, end)
    return step_over_layers(packet, data, offset, end, protocol)


@part
def _after_routes(data: Bytes, offset: int, end: int) -> int:
    """Return the offset behind the source routes of a GRE header (RFC 1701), or -1."""
    for _ in range(_MOST_ROUTES):
        if offset + 4 > end:
            return -1
        size = byte(data, offset + 3)
        if size == 0:
            return offset + 4
        offset += 4 + size
    return -1


@part
def _pptp(packet: Record, data: Bytes, offset: int, end: int, flags: int) -> tuple[int, int]:
    """Open PPTP's GRE: PPP inside. A packet without the sequence bit only acknowledges."""
    if big16(data, offset + 2) != 0x880B or flags & 0x2000 == 0 or offset + 8 > end:
        return -1, TRUNCATED_LINK
    if flags & 0x1000 == 0 or big16(data, offset + 4) == 0:
        return -1, GOOD
    packet["tunnel"] = GRE
    packet["tunnel_id"] = big16(data, offset + 6)
    offset += 16 if flags & 0x0080 else 12
    return step_over_ppp(packet, data, offset, end)


@part
def _erspan(packet: Record, data: Bytes, offset: int, end: int, numbered: bool) -> tuple[int, int]:
    """Open ERSPAN: type I has no header and no sequence number, II has 8 bytes, III 12 or 20."""
    packet["tunnel"] = ERSPAN
    if not numbered:
        return step_over_ethernet(packet, data, offset, end)
    if offset + 8 > end:
        return -1, TRUNCATED_LINK
    first = big32(data, offset)
    version = first >> 28
    packet["tunnel_id"] = first & 0x03FF
    if version == 1:
        if first >> 11 & 3 == 2:  # the mirror took a VLAN tag off the frame and tells it here
            note_tag(packet, first >> 16 & 0x0FFF)
        return step_over_ethernet(packet, data, offset + 8, end)
    if version != 2 or offset + 12 > end:
        return -1, TRUNCATED_LINK
    last = big16(data, offset + 10)
    kind = last >> 10 & 31
    offset += 20 if last & 1 else 12
    if kind == 2:
        return by_version(data, offset, end)
    if kind != 0 or offset > end:
        return -1, TRUNCATED_LINK
    return step_over_ethernet(packet, data, offset, end)
