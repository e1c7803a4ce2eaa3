"""The flow table: finding a packet's flow, making, ending and exporting flows. Bounded memory.

Open addressing with linear probing and deletion by shifting back, so there are no tombstones.
Flows hang in one list per time-out, ordered by last activity to within a second: the head of a
list is the next to expire, and the oldest head is evicted when the table is full.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, byte, signed
from secwatch.sensor.kernels.state import (
    ACTIVE,
    ARENA,
    ARENA_BYTES,
    END,
    EVENTS,
    EVICTED,
    FINISHED,
    FLOWS_TOTAL,
    FREE_FLOW,
    IDLE,
    LIST_CLOSED,
    LIST_OTHER,
    LIST_TCP,
    LIST_UDP,
    LISTS,
    NEXT_SWEEP,
    ROOM_ARENA,
    ROOM_EVENTS,
    ROOM_FLOWS,
    USED_FLOWS,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.tcp import connection_state, note_history
from secwatch.sensor.kernels.transactions import finish_waiting

RELIST_AFTER = 1_000_000  # µs; how exact the order of the lists is
SWEEP_EVERY = 100_000  # µs of packet time between looks at the heads of the lists


@part
def has_room(state: SensorState) -> bool:
    """Return whether any one packet's results still fit into the output arrays."""
    return bool(
        state.control[FINISHED] + ROOM_FLOWS <= len(state.finished)
        and state.control[EVENTS] + ROOM_EVENTS <= len(state.events)
        and state.control[ARENA] + ROOM_ARENA <= ARENA_BYTES
    )


@part
def _mix(hashed: np.uint64, word: np.uint64) -> np.uint64:
    hashed = (hashed ^ word) * np.uint64(0x9E3779B97F4A7C15)
    return hashed ^ (hashed >> np.uint64(32))


@part
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


@part
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
def _unlink(state: SensorState, number: int) -> None:
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
def _append(state: SensorState, number: int, chain: int, time: int) -> None:
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


@part
def touch(state: SensorState, number: int, time: int, closed: bool) -> None:
    """Move an active flow towards the young end of its list, and a closed one into the list of closed flows."""
    flow = state.flows[np.uint64(number)]
    chain = signed(flow["list"])
    if closed and chain != LIST_CLOSED:
        _unlink(state, number)
        _append(state, number, LIST_CLOSED, time)
    elif abs(time - flow["listed"]) >= RELIST_AFTER:
        _unlink(state, number)
        _append(state, number, chain, time)


@part
def _forget(state: SensorState, number: int) -> None:
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


@part
def _export(state: SensorState, number: int) -> None:
    """Copy the flow into the finished rows. The caller has made sure of room, and set the reason."""
    flow = state.flows[np.uint64(number)]
    flow["state"] = connection_state(flow)
    place = state.control[FINISHED]
    state.finished[np.uint64(place)] = flow
    state.control[FINISHED] = place + 1
    state.control[FLOWS_TOTAL] += 1


@part
def finish(state: SensorState, number: int) -> None:
    """Export the flow, whose reason is set, and what it still waits for; then forget it."""
    flow = state.flows[np.uint64(number)]
    if flow["list"] == LIST_CLOSED and flow["reason"] != EVICTED:
        flow["reason"] = END
    finish_waiting(state, number)
    _export(state, number)
    _unlink(state, number)
    _forget(state, number)


@part
def split(state: SensorState, number: int, time: int) -> None:
    """Export a flow that lives on, and begin its next row with everything counted from zero."""
    flow = state.flows[np.uint64(number)]
    flow["reason"] = ACTIVE
    _export(state, number)
    flow["first"] = time
    flow["last"] = time
    flow["source_packets"] = 0
    flow["source_bytes"] = 0
    flow["source_payload"] = 0
    flow["destination_packets"] = 0
    flow["destination_bytes"] = 0
    flow["destination_payload"] = 0
    flow["history_early"] = 0
    flow["history_late"] = 0
    flow["history_seen"] = 0
    flow["history_length"] = 0
    flow["source_flags"] = 0
    flow["destination_flags"] = 0


@part
def sweep(state: SensorState, time: int) -> None:
    """Export the flows whose time is over. Stops early when the output is full, to go on at the next packet."""
    for chain in range(LISTS):
        limit = state.settings[chain]
        while True:
            number = state.heads[0, chain]
            if number < 0:
                break
            if abs(time - state.flows[np.uint64(number)]["last"]) <= limit:
                break
            if not has_room(state):
                return
            state.flows[np.uint64(number)]["reason"] = IDLE
            finish(state, number)
    state.control[NEXT_SWEEP] = time + SWEEP_EVERY


@part
def _evict_oldest(state: SensorState) -> None:
    """Export the flow that has been silent for longest, of all lists."""
    oldest = signed(-1)
    oldest_time = signed(0)
    for chain in range(LISTS):
        number = state.heads[0, chain]
        if number >= 0:
            listed = state.flows[np.uint64(number)]["listed"]
            if oldest < 0 or listed < oldest_time:
                oldest = number
                oldest_time = listed
    state.flows[np.uint64(oldest)]["reason"] = EVICTED
    finish(state, oldest)


@part
def _likely_server(port: int) -> bool:
    """Return whether a port belongs to a service; only asked when no SYN tells who began."""
    if port == 80 or port == 443 or port == 53 or port == 22 or port == 25:
        return True
    if port == 21 or port == 23 or port == 110 or port == 143 or port == 389 or port == 445:
        return True
    if port == 465 or port == 587 or port == 636 or port == 993 or port == 995 or port == 1433:
        return True
    return port == 3306 or port == 3389 or port == 5432 or port == 8080 or port == 8443


@part
def _sender_answers(packet: Record, data: Bytes) -> bool:
    """Return whether the first packet of a flow comes from the server: its beginning was not captured.

    A SYN decides. Without one, as in Zeek (likely_server_ports), the well-known port is the
    server's, but only for segments that an open connection would send, so that a stealth scan
    from port 80 still has the scanner as its source.
    """
    protocol = packet["protocol"]
    flags = signed(packet["flags"])
    source, destination = signed(packet["source_port"]), signed(packet["destination_port"])
    if protocol == 6:
        if flags & 2:
            return flags & 0x10 != 0
        if flags & 0x17 != 0x10:
            return False
        return _likely_server(source) and not _likely_server(destination) and destination >= 1024
    if protocol == 17:
        start = signed(packet["payload_start"])
        named = source == 53 or source == 5353 or source == 5355
        if named and source != destination and packet["payload_end"] - start >= 12:
            return byte(data, start + 2) & 0x80 != 0
        return False
    return bool(packet["reply"] == 1)


@part
def create(state: SensorState, packet: Record, data: Bytes, tag: int) -> tuple[int, bool]:
    """Make a flow for the packet, evicting the oldest if need be. Return (flow, packet is from its source)."""
    number = state.control[FREE_FLOW]
    if number < 0 and state.control[USED_FLOWS] == len(state.flows):
        _evict_oldest(state)
        number = state.control[FREE_FLOW]
    if number >= 0:
        state.control[FREE_FLOW] = state.flows[np.uint64(number)]["next"]
    else:
        number = state.control[USED_FLOWS]
        state.control[USED_FLOWS] = number + 1
    answers = _sender_answers(packet, data)
    flow = state.flows[np.uint64(number)]
    flow["used"] = 1
    flow["tag"] = tag
    if answers:
        flow["source_high"] = packet["destination_high"]
        flow["source_low"] = packet["destination_low"]
        flow["destination_high"] = packet["source_high"]
        flow["destination_low"] = packet["source_low"]
        flow["source_port"] = packet["destination_port"]
        flow["destination_port"] = packet["source_port"]
    else:
        flow["source_high"] = packet["source_high"]
        flow["source_low"] = packet["source_low"]
        flow["destination_high"] = packet["destination_high"]
        flow["destination_low"] = packet["destination_low"]
        flow["source_port"] = packet["source_port"]
        flow["destination_port"] = packet["destination_port"]
    _clear(flow, packet)
    if answers:
        note_history(flow, 8, True)  # ^: turned round
    place = tag & (len(state.table) - 1)
    while state.table[np.uint64(place)] >= 0:
        place = (place + 1) & (len(state.table) - 1)
    state.table[np.uint64(place)] = (tag << 32) | number
    protocol = packet["protocol"]
    chain = LIST_TCP if protocol == 6 else LIST_UDP if protocol == 17 else LIST_OTHER
    _append(state, number, chain, packet["time"])
    return number, not answers


@part
def _clear(flow: Record, packet: Record) -> None:
    """Set everything of a new flow that does not depend on its direction."""
    flow["first"] = packet["time"]
    flow["last"] = packet["time"]
    flow["source_packets"] = 0
    flow["source_bytes"] = 0
    flow["source_payload"] = 0
    flow["destination_packets"] = 0
    flow["destination_bytes"] = 0
    flow["destination_payload"] = 0
    flow["history_early"] = 0
    flow["history_late"] = 0
    flow["history_seen"] = 0
    flow["history_length"] = 0
    flow["waiting_head"] = -1
    flow["waiting_tail"] = -1
    flow["waiting"] = 0
    flow["vlan"] = packet["vlan"]
    flow["icmp_code"] = packet["icmp_code"]
    flow["protocol"] = packet["protocol"]
    flow["version"] = packet["version"]
    flow["one_way"] = packet["one_way"]
    flow["source_flags"] = 0
    flow["destination_flags"] = 0
    flow["source_state"] = 0
    flow["destination_state"] = 0
    flow["was_closed"] = 0
    flow["service"] = 0
    flow["hellos"] = 0
