"""Rows of icmp and arp: one a packet, written straight from it.

Fields of an icmp EVENT: `number` the identifier, `code` the sequence number, `size` the payload bytes,
`value` the FNV-1a of the captured payload, `flag` whether the source of the flow sent it, `answer` the
port of the packet that an error answers or NONE16, `detail` its protocol, `round_trip` the code of
this message and 256 times that of the flow. Of an arp EVENT: `code` the operation, `number` the VLAN;
`source_low` and `destination_low` the addresses.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, big32, big64, byte, signed
from secwatch.sensor.kernels.rows import new_row, set_text
from secwatch.sensor.kernels.state import (
    ARENA,
    EVENTS,
    FLOWS_ONLY,
    ICMP_ROWS_SKIPPED,
    MALFORMED_ARP,
    MOST_ICMP_ROWS,
    NONE16,
    SERVICE_ARP,
    SERVICE_ICMP,
    TEXTS,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.text import put, put_hex_digit, put_ipv4, put_ipv6

ORIGINAL_TEXT = 0  # icmp: where the packet went that an error answers
SOURCE_TEXT, DESTINATION_TEXT, LINK_TEXT = 0, 1, 2  # arp: hardware addresses


@part
def icmp_row(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Write the row of an ICMP packet of this flow; count it if the flow has had its share of rows."""
    flow = state.flows[np.uint64(number)]
    if flow["messages"] >= MOST_ICMP_ROWS:
        state.causes[ICMP_ROWS_SKIPPED] += 1
        return
    flow["messages"] += np.uint16(1)
    row = new_row(state, flow, SERVICE_ICMP, packet["time"], True)
    record = state.events[np.uint64(row)]
    record["one_way"] = flow["one_way"]
    record["flag"] = 1 if from_source else 0
    record["round_trip"] = signed(packet["icmp_code"]) + 256 * signed(flow["icmp_code"])
    record["size"] = min(packet["payload_length"], 0xFFFF)
    record["detail"] = 0
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    record["value"] = _fnv(data, start, end)
    kind = signed(packet["source_port"])
    version = signed(packet["version"])
    if _is_numbered(kind, version):
        record["number"] = signed(packet["sequence"]) >> 16
        record["code"] = signed(packet["sequence"]) & 0xFFFF
    elif _is_error(kind, version):
        _original(state, data, row, start, end)


@part
def _is_numbered(kind: int, version: int) -> bool:
    """Return whether messages of this type have an identifier and a sequence number."""
    if version == 6:
        return kind == 128 or kind == 129
    return kind == 0 or kind == 8 or (kind >= 13 and kind <= 18)


@part
def _is_error(kind: int, version: int) -> bool:
    """Return whether messages of this type carry the beginning of the packet that they answer."""
    if version == 6:
        return kind >= 1 and kind <= 4
    return kind == 3 or kind == 4 or kind == 5 or kind == 11 or kind == 12


@part
def _fnv(data: Bytes, start: int, end: int) -> np.uint64:
    """Return the FNV-1a hash (64 bits) of data[start:end]."""
    hashed = np.uint64(0xCBF29CE484222325)
    for offset in range(start, end):
        hashed = (hashed ^ np.uint64(byte(data, offset))) * np.uint64(0x100000001B3)
    return hashed


@part
def _original(state: SensorState, data: Bytes, row: int, start: int, end: int) -> None:
    """Take note of the packet that an error answers, as far as it was captured."""
    if start >= end:
        return
    record = state.events[np.uint64(row)]
    place = signed(state.control[ARENA])
    version = byte(data, start) >> 4
    if version == 4 and start + 20 <= end:
        protocol = byte(data, start + 9)
        ports = start + (byte(data, start) & 15) * 4
        if big16(data, start + 6) & 0x1FFF:
            ports = end  # a later fragment has none
        set_text(state, row, ORIGINAL_TEXT, put_ipv4(state.arena, place, big32(data, start + 16)))
    elif version == 6 and start + 40 <= end:
        protocol = byte(data, start + 6)
        ports = start + 40
        high, low = big64(data, start + 24), big64(data, start + 32)
        set_text(state, row, ORIGINAL_TEXT, put_ipv6(state.arena, place, high, low))
    else:
        return
    record["detail"] = protocol
    if (protocol == 6 or protocol == 17 or protocol == 132) and ports >= start + 20 and ports + 4 <= end:
        record["answer"] = big16(data, ports + 2)


@part
def arp_row(state: SensorState, data: Bytes, packet: Record) -> None:
    """Write the row of an ARP packet for IPv4 over Ethernet (RFC 826); count one that is none."""
    if state.settings[FLOWS_ONLY]:
        return
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    if start + 28 > end or big32(data, start) != 0x00010800 or big16(data, start + 4) != 0x0604:
        state.causes[MALFORMED_ARP] += 1
        return
    number = signed(state.control[EVENTS])
    state.control[EVENTS] = number + 1
    row = state.events[np.uint64(number)]
    row["kind"] = SERVICE_ARP
    row["time"] = packet["time"]
    row["round_trip"] = -1
    row["code"] = big16(data, start + 6)
    row["number"] = packet["vlan"]
    row["answer"] = NONE16
    row["version"] = 4
    row["source_low"] = big32(data, start + 14)
    row["destination_low"] = big32(data, start + 24)
    for column in range(TEXTS):
        state.text_lengths[np.uint64(number), column] = 0
    _hardware(state, data, number, SOURCE_TEXT, start + 8)
    _hardware(state, data, number, DESTINATION_TEXT, start + 18)
    link = signed(packet["link_source"])
    if link >= 0:
        _hardware(state, data, number, LINK_TEXT, link)


@part
def _hardware(state: SensorState, data: Bytes, row: int, column: int, offset: int) -> None:
    """Write six bytes as a hardware address into a column of the row."""
    place = signed(state.control[ARENA])
    for index in range(6):
        if index > 0:
            place = put(state.arena, place, 58)
        value = byte(data, offset + index)
        place = put_hex_digit(state.arena, place, value >> 4)
        place = put_hex_digit(state.arena, place, value & 15)
    set_text(state, row, column, place)
