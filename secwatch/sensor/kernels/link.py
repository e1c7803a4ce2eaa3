"""The layers below IP: Ethernet, VLAN tags, MPLS labels and pseudowires, PPPoE, PPP, Linux cooked capture, raw IP.

Every field is checked against the captured length before it is read. Layers can follow one
another in any order; that is a bounded loop, not a recursion.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.reads import Bytes, big16, big32, byte
from secwatch.sensor.kernels.state import (
    MPLS,
    NO_IP,
    PPPOE,
    TOO_MANY_TAGS,
    TRUNCATED_LINK,
    TRUNCATED_MPLS,
    UNKNOWN_INTERFACE,
    UNKNOWN_LINK_TYPE,
    Record,
)

ETHERNET, LINUX_COOKED, LINUX_COOKED_2 = 1, 113, 276
NULL, LOOP = 0, 108
PPP, PPP_SERIAL = 9, 50
RAW_TYPES = (12, 14, 101, 228, 229)
NOT_AN_IP_LINK = -2  # of a captured packet that the system calls something else than IP; no file has it
LINK_TYPES = (ETHERNET, LINUX_COOKED, LINUX_COOKED_2, NULL, LOOP, PPP, PPP_SERIAL, *RAW_TYPES)
# Link types that people do capture and the sensor does not read, for the message that says so.
UNSUPPORTED = {
    **dict.fromkeys((105, 119, 127, 163), "IEEE 802.11, wireless frames"),
    **dict.fromkeys((189, 220, 249), "USB"),
    **dict.fromkeys((187, 201), "Bluetooth"),
    **dict.fromkeys((195, 215, 230), "IEEE 802.15.4"),
}
_MOST_LAYERS = 8  # VLAN tags, MPLS labels and the like of one packet
# Types of IEEE 802.2 frames are lengths: up to 1500. IP follows where LLC says SNAP and no vendor.
_LONGEST_LENGTH = 1500


@hot
def step_over_link(packet: Record, data: Bytes, start: int, end: int, link: int) -> tuple[int, int]:
    """Return (offset of the network header, EtherType), or (-1, cause)."""
    if link == 1:
        return step_over_ethernet(packet, data, start, end)
    if link == 113:
        if start + 16 > end:
            return -1, TRUNCATED_LINK
        packet["link_source"] = start + 6
        return step_over_layers(packet, data, start + 16, end, big16(data, start + 14))
    if link == 276:
        if start + 20 > end:
            return -1, TRUNCATED_LINK
        packet["link_source"] = start + 12
        return step_over_layers(packet, data, start + 20, end, big16(data, start))
    if link == 0 or link == 108:
        if start + 5 > end:
            return -1, TRUNCATED_LINK
        return by_version(data, start + 4, end)
    if link == 9 or link == 50:
        return step_over_ppp(packet, data, start, end)
    if link == 12 or link == 14 or link == 101 or link == 228 or link == 229:
        return by_version(data, start, end)
    if link == NOT_AN_IP_LINK:
        return -1, NO_IP
    return -1, UNKNOWN_LINK_TYPE if link >= 0 else UNKNOWN_INTERFACE


@hot
def step_over_ethernet(packet: Record, data: Bytes, offset: int, end: int) -> tuple[int, int]:
    """Return (offset of the network header, EtherType) of the frame at `offset`, or (-1, cause)."""
    if offset + 14 > end:
        return -1, TRUNCATED_LINK
    packet["link_source"] = offset + 6
    protocol = big16(data, offset + 12)
    if protocol == 0x0800 or protocol == 0x86DD:
        return offset + 14, protocol
    return step_over_layers(packet, data, offset + 14, end, protocol)


@part
def step_over_ppp(packet: Record, data: Bytes, offset: int, end: int) -> tuple[int, int]:
    """Return (offset of the network header, EtherType) of a PPP frame (RFC 1661), or (-1, cause).

    Address and control (FF 03) may be left out, and so may a first byte of the protocol that is zero.
    """
    if offset + 2 <= end and big16(data, offset) == 0xFF03:
        offset += 2
    if offset + 2 > end:
        return -1, TRUNCATED_LINK
    protocol = byte(data, offset)
    offset += 1
    if protocol & 1 == 0:
        protocol = protocol << 8 | byte(data, offset)
        offset += 1
    return step_over_layers(packet, data, offset, end, _of_ppp(protocol))


@part
def _of_ppp(protocol: int) -> int:
    """Return the EtherType of a PPP protocol number, 0 for those that carry no packets."""
    if protocol == 0x0021:
        return 0x0800
    if protocol == 0x0057:
        return 0x86DD
    if protocol == 0x0281:
        return 0x8847
    return 0x8848 if protocol == 0x0283 else 0


@part
def by_version(data: Bytes, offset: int, end: int) -> tuple[int, int]:
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
def step_over_layers(packet: Record, data: Bytes, offset: int, end: int, protocol: int) -> tuple[int, int]:
    """Step over all that lies between `offset` and the network header, from this EtherType on.

    Return (offset, EtherType) or (-1, cause). Tags, labels and sessions are noted on the packet.
    """
    for _ in range(_MOST_LAYERS + 1):
        if protocol == 0x8100 or protocol == 0x88A8 or protocol == 0x9100:
            if offset + 4 > end:
                return -1, TRUNCATED_LINK
            note_tag(packet, big16(data, offset) & 0x0FFF)
            protocol = big16(data, offset + 2)
            offset += 4
        elif protocol == 0x8847 or protocol == 0x8848:
            if offset + 4 > end:
                return -1, TRUNCATED_MPLS
            label = big32(data, offset)
            offset += 4
            if label & 0x100:  # the last of its stack
                packet["tunnel"] = MPLS
                packet["tunnel_id"] = label >> 12
                offset, protocol = _under_labels(packet, data, offset, end)
                if offset < 0:
                    return offset, protocol
        elif protocol == 0x8864:
            if offset + 8 > end:
                return -1, TRUNCATED_LINK
            if big16(data, offset) != 0x1100:
                return offset, 0
            packet["tunnel"] = PPPOE
            packet["tunnel_id"] = big16(data, offset + 2)
            protocol = _of_ppp(big16(data, offset + 6))
            offset += 8
        elif 0 < protocol <= _LONGEST_LENGTH and offset + 8 <= end and big32(data, offset) == 0xAAAA0300:
            protocol = big16(data, offset + 6) if big16(data, offset + 4) == 0 else 0
            offset += 8
        else:
            return offset, protocol
    return -1, TOO_MANY_TAGS


@part
def note_tag(packet: Record, number: int) -> None:
    """Note a VLAN tag: the last one is the innermost, the first of several the outermost; 0 is a priority only."""
    if number == 0:
        return
    if packet["vlan"] != 0 and packet["outer_vlan"] == 0:
        packet["outer_vlan"] = packet["vlan"]
    packet["vlan"] = number


@part
def _under_labels(packet: Record, data: Bytes, offset: int, end: int) -> tuple[int, int]:
    """Return (offset, EtherType) of what lies under an MPLS stack, which does not say what it is, or (-1, cause).

    The first four bits tell: 4 and 6 are IP, 0 is the control word of a pseudowire (RFC 4385) with an
    Ethernet frame behind. A pseudowire without one is taken for such if there is an EtherType in its place.
    """
    if offset >= end:
        return -1, TRUNCATED_LINK
    first = byte(data, offset) >> 4
    if first == 4:
        return offset, 0x0800
    if first == 6:
        return offset, 0x86DD
    if first == 0 and offset + 18 <= end and _is_known(big16(data, offset + 16)):
        offset += 4
    elif offset + 14 > end or not _is_known(big16(data, offset + 12)):
        return offset, 0
    packet["link_source"] = offset + 6
    return offset + 14, big16(data, offset + 12)


@part
def _is_known(protocol: int) -> bool:
    """Return whether this EtherType may be the one of an Ethernet frame that nothing announced."""
    if protocol == 0x0800 or protocol == 0x86DD or protocol == 0x0806 or protocol == 0x8100:
        return True
    return protocol == 0x88A8 or protocol == 0x8847 or protocol == 0x8848 or protocol == 0x8864
