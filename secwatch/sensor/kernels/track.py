"""The loop over packets: decode, find the flow, count, look into the payload."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.application import see_tcp, see_udp
from secwatch.sensor.kernels.compiler import hot, kernel, part
from secwatch.sensor.kernels.decode import decode
from secwatch.sensor.kernels.expiry import SWEEP_EVERY, end_all, sweep
from secwatch.sensor.kernels.flow_table import find, flow_tag, touch
from secwatch.sensor.kernels.flows import create, finish, has_room, split
from secwatch.sensor.kernels.fragments import claim, hold
from secwatch.sensor.kernels.history import LETTER_DATA, note_acknowledgement, note_history, note_late, note_segment
from secwatch.sensor.kernels.index import PacketIndex
from secwatch.sensor.kernels.network import arp_row, icmp_row
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.records import LATER_FRAGMENT, NOT_FRAGMENTED, ORPHAN_FRAGMENT
from secwatch.sensor.kernels.sequence import NEXT, REPEATED, place_of
from secwatch.sensor.kernels.state import (
    ACTIVE_TIMEOUT,
    BAD_TIME,
    BYTES,
    END,
    END_OF_TIME,
    FIRST_TIME,
    FLOWS_ONLY,
    IDLE,
    IS_ARP,
    LAST_TIME,
    LIST_CLOSED,
    NEXT_SWEEP,
    NOT_IP,
    PACKET_TIME,
    PACKETS,
    TIME_BACKWARDS,
    UNKNOWN_INTERFACE,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.tcp import advance


@kernel
def track(state: SensorState, data: Bytes, index: PacketIndex, start: int, count: int) -> int:
    """Take packets start..count of the index. Return where it stopped: `count`, or earlier when output is full."""
    for place in range(start, count):
        if not has_room(state):
            return place
        time = index.times[place]
        if time < 0 or time >= END_OF_TIME:
            _refuse(state, index, place)
            continue
        _note_time(state, time)
        if time >= state.control[NEXT_SWEEP]:
            sweep(state, time)
            if not has_room(state):
                # The clock of this packet is noted; taking it up again finds the same time.
                return place
        state.control[PACKETS] += 1
        vlan = index.vlans[place]
        state.control[BYTES] += index.wire[place] + (4 if vlan else 0)
        wire, link = index.wire[place], index.links[place]
        state.packet[np.uint64(0)]["time"] = time
        cause = decode(state, data, index.offsets[place], index.captured[place], wire, link, vlan)
        if cause == 0:
            _take(state, data, state.packet[np.uint64(0)])
        elif cause < 0:
            state.control[NOT_IP] += 1
            if cause == IS_ARP:
                arp_row(state, data, state.packet[np.uint64(0)])
        else:
            state.causes[cause] += 1
    return count


@part
def _refuse(state: SensorState, index: PacketIndex, place: int) -> None:
    """Count a packet whose time is impossible or missing, and touch neither the clock nor a flow."""
    state.control[PACKETS] += 1
    state.control[BYTES] += index.wire[place]
    state.causes[BAD_TIME if index.links[place] >= 0 else UNKNOWN_INTERFACE] += 1


@hot
def _note_time(state: SensorState, time: int) -> None:
    """Keep the clock, and count time running backwards; the heads of the lists are looked at anew then."""
    if time < state.control[PACKET_TIME]:
        state.control[TIME_BACKWARDS] += 1
        if state.control[NEXT_SWEEP] - time > SWEEP_EVERY:
            state.control[NEXT_SWEEP] = time
    state.control[FIRST_TIME] = min(state.control[FIRST_TIME], time)
    state.control[LAST_TIME] = max(state.control[LAST_TIME], time)
    state.control[PACKET_TIME] = time


@hot
def _take(state: SensorState, data: Bytes, packet: Record) -> None:
    """Count a decoded packet in its flow, and look into its payload."""
    time = packet["time"]
    protocol = packet["protocol"]
    flags = signed(packet["flags"])
    if packet["fragment"] == ORPHAN_FRAGMENT:
        hold(state, packet, data)
        return
    tag = flow_tag(state, packet)
    number, from_source = find(state, packet, tag)
    if number >= 0:
        old = state.flows[np.uint64(number)]
        if abs(time - old["last"]) > state.settings[np.uint64(old["list"])]:
            old["reason"] = IDLE
            finish(state, number)
            number = -1
        elif protocol == 6 and old["list"] == LIST_CLOSED and flags & 0x12 == 2:
            old["reason"] = END  # the ports are used again
            finish(state, number)
            number = -1
        elif time - old["first"] >= state.settings[ACTIVE_TIMEOUT]:
            split(state, number, time)
    if number < 0:
        number, from_source = create(state, packet, data, tag)
    _count(state.flows[np.uint64(number)], packet, from_source)
    if packet["fragment"] != NOT_FRAGMENTED:
        if packet["fragment"] == LATER_FRAGMENT:
            touch(state, number, time, False)
            return
        claim(state, state.flows[np.uint64(number)], packet, from_source)
    looked_into = state.settings[FLOWS_ONLY] == 0
    if protocol == 6:
        _segment(state, data, number, packet, from_source, looked_into)
        return
    note_history(state.flows[np.uint64(number)], LETTER_DATA, from_source)
    if protocol == 17:
        if looked_into and packet["payload_end"] > packet["payload_start"]:
            see_udp(state, data, number, packet, from_source)
    elif looked_into and (protocol == 1 or protocol == 58):
        icmp_row(state, data, number, packet, from_source)
    touch(state, number, time, False)


@hot
def _segment(
    state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, looked_into: bool
) -> None:
    """Take a TCP segment into the state and the history of its flow, and look into what it brings anew."""
    flags = signed(packet["flags"])
    note_segment(state, number, packet, from_source)
    new = False
    where = NEXT
    if packet["payload_length"] > 0 or flags & 2:
        where = place_of(state, number, packet, from_source)
        new = looked_into and where != REPEATED and packet["payload_end"] > packet["payload_start"]
        if where != NEXT:
            note_late(state, number, from_source)
    closed = advance(state.flows[np.uint64(number)], flags, packet["payload_length"], from_source)
    if flags & 0x14 == 0x10:
        note_acknowledgement(state, number, packet, from_source)
    touch(state, number, packet["time"], closed)
    if new:
        see_tcp(state, data, number, packet, from_source, where)


@hot
def _count(flow: Record, packet: Record, from_source: bool) -> None:
    """Add the packet to the numbers of its direction."""
    time = packet["time"]
    flow["last"] = max(flow["last"], time)
    flow["first"] = min(flow["first"], time)
    if from_source:
        flow["source_packets"] += np.uint64(1)
        flow["source_bytes"] += np.uint64(packet["ip_bytes"])
        flow["source_payload"] += np.uint64(min(packet["payload_length"], packet["ip_bytes"]))
        flow["source_flags"] |= packet["flags"]
        if flow["source_ttl"] == 0:
            flow["source_ttl"] = packet["ttl"]
        if flow["source_first_payload"] == 0 and packet["payload_length"] > 0:
            flow["source_first_payload"] = min(packet["payload_length"], 0xFFFF)
    else:
        flow["destination_packets"] += np.uint64(1)
        flow["destination_bytes"] += np.uint64(packet["ip_bytes"])
        flow["destination_payload"] += np.uint64(min(packet["payload_length"], packet["ip_bytes"]))
        flow["destination_flags"] |= packet["flags"]
        if flow["destination_ttl"] == 0:
            flow["destination_ttl"] = packet["ttl"]
        if flow["destination_first_payload"] == 0 and packet["payload_length"] > 0:
            flow["destination_first_payload"] = min(packet["payload_length"], 0xFFFF)


@kernel
def flush(state: SensorState) -> bool:
    """Export all flows, oldest first in each list. Return whether all went out; if not, empty the output and go on."""
    return end_all(state)


@kernel
def tick(state: SensorState, time: int) -> bool:
    """Export what is over at `time` (µs) though no packet says so: an idle link has no packet time.

    Return whether all went out; if not, empty the output and go on.
    """
    if not has_room(state):
        return False
    sweep(state, time)
    return has_room(state)
