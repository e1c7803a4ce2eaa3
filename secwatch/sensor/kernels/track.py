"""The loop over packets: decode, find the flow, count, look into the payload."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.application import see_tcp, see_udp
from secwatch.sensor.kernels.compiler import kernel, part
from secwatch.sensor.kernels.decode import decode
from secwatch.sensor.kernels.flow_table import find, flow_tag, touch
from secwatch.sensor.kernels.flows import SWEEP_EVERY, create, finish, has_room, split, sweep
from secwatch.sensor.kernels.index import PacketIndex
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.sequence import REPEATED, place_of
from secwatch.sensor.kernels.state import (
    ACTIVE_TIMEOUT,
    BAD_TIME,
    BYTES,
    END,
    END_OF_TIME,
    FIRST_TIME,
    FLOWS_ONLY,
    FLUSH,
    IDLE,
    LAST_TIME,
    LIST_CLOSED,
    LISTS,
    NEXT_SWEEP,
    NO_IP,
    NOT_IP,
    PACKET_TIME,
    PACKETS,
    TIME_BACKWARDS,
    UNKNOWN_INTERFACE,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.tcp import advance, note_history


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
        cause = decode(state, data, index.offsets[place], index.captured[place], wire, link, vlan)
        if cause == 0:
            packet = state.packet[0]
            packet["time"] = time
            _take(state, data, packet)
        elif cause == NO_IP:
            state.control[NOT_IP] += 1
        else:
            state.causes[cause] += 1
    return count


@part
def _refuse(state: SensorState, index: PacketIndex, place: int) -> None:
    """Count a packet whose time is impossible or missing, and touch neither the clock nor a flow."""
    state.control[PACKETS] += 1
    state.control[BYTES] += index.wire[place]
    state.causes[BAD_TIME if index.links[place] >= 0 else UNKNOWN_INTERFACE] += 1


@part
def _note_time(state: SensorState, time: int) -> None:
    """Keep the clock, and count time running backwards; the heads of the lists are looked at anew then."""
    if time < state.control[PACKET_TIME]:
        state.control[TIME_BACKWARDS] += 1
        if state.control[NEXT_SWEEP] - time > SWEEP_EVERY:
            state.control[NEXT_SWEEP] = time
    state.control[FIRST_TIME] = min(state.control[FIRST_TIME], time)
    state.control[LAST_TIME] = max(state.control[LAST_TIME], time)
    state.control[PACKET_TIME] = time


@part
def _take(state: SensorState, data: Bytes, packet: Record) -> None:
    """Count a decoded packet in its flow, and look into its payload."""
    time = packet["time"]
    protocol = packet["protocol"]
    flags = signed(packet["flags"])
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
    closed = False
    looked_into = state.settings[FLOWS_ONLY] == 0 and packet["payload_end"] > packet["payload_start"]
    if packet["later_fragment"] == 0:
        if protocol == 6:
            closed = advance(state.flows[np.uint64(number)], flags, packet["payload_length"], from_source)
            touch(state, number, time, closed)
            if packet["payload_length"] > 0 or flags & 2:
                where = place_of(state, number, packet, from_source)
                if where != REPEATED and looked_into:
                    see_tcp(state, data, number, packet, from_source, where)
            return
        note_history(state.flows[np.uint64(number)], 3, from_source)
        if protocol == 17 and looked_into:
            see_udp(state, data, number, packet, from_source)
    touch(state, number, time, closed)


@part
def _count(flow: Record, packet: Record, from_source: bool) -> None:
    """Add the packet to the numbers of its direction."""
    time = packet["time"]
    flow["last"] = max(flow["last"], time)
    flow["first"] = min(flow["first"], time)
    if from_source:
        flow["source_packets"] += np.uint64(1)
        flow["source_bytes"] += np.uint64(packet["ip_bytes"])
        flow["source_payload"] += np.uint64(packet["payload_length"])
        flow["source_flags"] |= packet["flags"]
    else:
        flow["destination_packets"] += np.uint64(1)
        flow["destination_bytes"] += np.uint64(packet["ip_bytes"])
        flow["destination_payload"] += np.uint64(packet["payload_length"])
        flow["destination_flags"] |= packet["flags"]


@kernel
def flush(state: SensorState) -> bool:
    """Export all flows, oldest first in each list. Return whether all went out; if not, empty the output and go on."""
    for chain in range(LISTS):
        while state.heads[0, chain] >= 0:
            if not has_room(state):
                return False
            number = state.heads[0, chain]
            state.flows[np.uint64(number)]["reason"] = FLUSH
            finish(state, number)
    return True


@kernel
def tick(state: SensorState, time: int) -> bool:
    """Export what is over at `time` (µs) though no packet says so: an idle link has no packet time.

    Return whether all went out; if not, empty the output and go on.
    """
    if not has_room(state):
        return False
    sweep(state, time)
    return has_room(state)
