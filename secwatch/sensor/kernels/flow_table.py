"""The flow table: finding a packet's flow, and the lists that flows hang in. Bounded memory.

Open addressing with linear probing and deletion by shifting back, so there are no tombstones.
Flows hang in one list per time-out, ordered by last activity to within a second: the head of a
list is the next to expire, and the oldest head is evicted when the table is full.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.reads import signed
from secwatch.sensor.kernels.state import FREE_FLOW, LIST_ATTEMPT, LIST_CLOSED, LIST_TCP, Record, SensorState

RELIST_AFTER = 1_000_000  # µs; how exact the order of the lists is


@hot
def _mix(hashed: np.uint64, word: np.uint64) -> np.uint64:
    hashed = (hashed ^ word) * np.uint64(0x9E3779B97F4A7C15)
    return hashed ^ (hashed >> np.uint64(32))


@hot
def flow_tag(state: SensorState, packet: Record) -> int:
    """Return a 31-bit hash of the packet's ends and protocol, the same for both directions."""
    high, low = packet["source_high"], packet["source_low"]
    other_high, other_low = packet["destination_high"], packet["destination_low"]
    port, other_port = np.uint64(packet["source_port"]), np.uint64(packet["destination_port"])
    swap = high > other_high or (high == other_high and (low > other_low or (low == other_low and port > other_port)))
    if swap:
        high, other_high = other_high, high
        low, other_low = other_low, low
        port, other_port = other_port, port
    ports = (port << np.uint64(24)) | (other_port << np.uint64(8)) | np.uint64(packet["protocol"])
    hashed = _mix(state.seed[0] ^ ports, low)
    hashed = _mix(hashed, other_low)
    if packet["version"] == 6:
        hashed = _mix(_mix(hashed, high), other_high)
    hashed = _mix(hashed, ports)
    return signed(hashed >> np.uint64(33))


@hot
def find(state: SensorState, packet: Record, tag: int) -> tuple[int, bool]:
    """Return (flow, packet is from its source), or (-1, False)."""
    table = state.table
    mask = len(table) - 1
    place = tag & mask
    while True:
        entry = table[np.uint64(place)]
        if entry < 0:
            return -1, False
        if entry >> 32 == tag:
            number = entry & 0xFFFFFFFF
            flow = state.flows[np.uint64(number)]
            if flow["protocol"] == packet["protocol"] and flow["version"] == packet["version"]:
                if (
                    flow["source_low"] == packet["source_low"]
                    and flow["destination_low"] == packet["destination_low"]
                    and flow["source_port"] == packet["source_port"]
                    and flow["destination_port"] == packet["destination_port"]
                    and flow["source_high"] == packet["source_high"]
                    and flow["destination_high"] == packet["destination_high"]
                    and flow["one_way"] == packet["one_way"]
                ):
                    return number, True
                if (
                    flow["source_low"] == packet["destination_low"]
                    and flow["destination_low"] == packet["source_low"]
                    and flow["source_port"] == packet["destination_port"]
                    and flow["destination_port"] == packet["source_port"]
                    and flow["source_high"] == packet["destination_high"]
                    and flow["destination_high"] == packet["source_high"]
                    and flow["one_way"] == 0
                    and packet["one_way"] == 0
                ):
                    return number, False
        place = (place + 1) & mask


@part
def unlink(state: SensorState, number: int) -> None:
    """Take the flow out of its list."""
    flow = state.flows[np.uint64(number)]
    chain = np.uint64(flow["list"])
    before, after = signed(flow["previous"]), signed(flow["next"])
    if before >= 0:
        state.flows[np.uint64(before)]["next"] = after
    else:
        state.heads[0, chain] = after
    if after >= 0:
        state.flows[np.uint64(after)]["previous"] = before
    else:
        state.heads[1, chain] = before


@part
def append(state: SensorState, number: int, chain: int, time: int) -> None:
    """Put the flow at the young end of a list."""
    flow = state.flows[np.uint64(number)]
    newest = state.heads[1, np.uint64(chain)]
    flow["list"] = chain
    flow["listed"] = time
    flow["previous"] = newest
    flow["next"] = -1
    if newest >= 0:
        state.flows[np.uint64(newest)]["next"] = number
    else:
        state.heads[0, np.uint64(chain)] = number
    state.heads[1, np.uint64(chain)] = number


@hot
def touch(state: SensorState, number: int, time: int, closed: bool) -> None:
    """Move an active flow towards the young end of its list.

    A closed one goes into the list of closed flows, an attempt that turns out to be a connection into that of TCP.
    """
    flow = state.flows[np.uint64(number)]
    chain = signed(flow["list"])
    if closed and chain != LIST_CLOSED:
        unlink(state, number)
        append(state, number, LIST_CLOSED, time)
    elif chain == LIST_ATTEMPT and _is_connected(flow):
        unlink(state, number)
        append(state, number, LIST_TCP, time)
    elif abs(time - flow["listed"]) >= RELIST_AFTER:
        unlink(state, number)
        append(state, number, chain, time)


@part
def _is_connected(flow: Record) -> bool:
    """Return whether a TCP flow shows more than an attempt: an answer, or an acknowledgement with something to it.

    A bare acknowledgement that begins a flow and stays alone is a probe (nmap -sA), or the one packet of a
    connection that was open before the capture saw it. Nothing in it tells them apart, and both are told
    alike (OTH, A), so it waits like a SYN. An open connection shows itself soon: by payload, by its other
    side, which acknowledges a keep-alive at once, or by its next acknowledgement. One that pauses for longer
    and is seen on one side only comes in parts: rather that than a scan that is told after minutes.
    """
    if flow["destination_packets"] > 0:
        return True
    if signed(flow["source_flags"]) & 0x10 == 0:
        return False
    return bool(flow["source_packets"] > 1 or flow["source_payload"] > 0)


@part
def forget(state: SensorState, number: int) -> None:
    """Remove the flow from the hash table and free its record."""
    table = state.table
    mask = len(table) - 1
    flow = state.flows[np.uint64(number)]
    hole = signed(flow["tag"]) & mask
    while table[np.uint64(hole)] & 0xFFFFFFFF != number or table[np.uint64(hole)] < 0:
        hole = (hole + 1) & mask
    place = hole
    while True:
        place = (place + 1) & mask
        entry = table[np.uint64(place)]
        if entry < 0:
            break
        home = (entry >> 32) & mask
        if ((place - home) & mask) >= ((place - hole) & mask):
            table[np.uint64(hole)] = entry
            hole = place
    table[np.uint64(hole)] = -1
    flow["next"] = state.control[FREE_FLOW]
    flow["used"] = 0
    state.control[FREE_FLOW] = number
