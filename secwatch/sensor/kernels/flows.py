"""The life of a flow: made by its first packet, ended by time-out, close or want of room, exported."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.collecting import end_streams
from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.datagrams import BOOT_REPLY, recognise_dhcp
from secwatch.sensor.kernels.flow_table import append, forget, unlink
from secwatch.sensor.kernels.history import LETTER_TURNED, note_history
from secwatch.sensor.kernels.reads import Bytes, byte, signed
from secwatch.sensor.kernels.records import NOT_FRAGMENTED, TROUBLED
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
    LIST_ATTEMPT,
    LIST_CLOSED,
    LIST_OTHER,
    LIST_TCP,
    LIST_UDP,
    LISTS,
    ROOM_ARENA,
    ROOM_EVENTS,
    ROOM_FLOWS,
    USED_FLOWS,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.tcp import connection_state


@hot
def has_room(state: SensorState) -> bool:
    """Return whether any one packet's results still fit into the output arrays."""
    return bool(
        state.control[FINISHED] + ROOM_FLOWS <= len(state.finished)
        and state.control[EVENTS] + ROOM_EVENTS <= len(state.events)
        and state.control[ARENA] + ROOM_ARENA <= ARENA_BYTES
    )


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
    end_streams(state, number)
    _export(state, number)
    unlink(state, number)
    forget(state, number)


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
    flow["source_retransmissions"] = 0
    flow["destination_retransmissions"] = 0
    flow["seen"] = signed(flow["seen"]) & ~(TROUBLED * 3)
    if flow["protocol"] == 1 or flow["protocol"] == 58:
        flow["messages"] = 0


@part
def add_fragments(flow: Record, entry: Record, from_source: bool) -> None:
    """Add a PENDING, which ends, to one direction of a flow."""
    flow["first"] = min(flow["first"], entry["first"])
    flow["last"] = max(flow["last"], entry["last"])
    if from_source:
        flow["source_packets"] += np.uint64(entry["packets"])
        flow["source_bytes"] += np.uint64(entry["bytes"])
        flow["source_payload"] += np.uint64(entry["payload"])
        if flow["source_ttl"] == 0:
            flow["source_ttl"] = entry["ttl"]
    else:
        flow["destination_packets"] += np.uint64(entry["packets"])
        flow["destination_bytes"] += np.uint64(entry["bytes"])
        flow["destination_payload"] += np.uint64(entry["payload"])
        if flow["destination_ttl"] == 0:
            flow["destination_ttl"] = entry["ttl"]
    entry["packets"] = 0


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
        # A DHCP server answers a broadcast: that question is another flow. An answer to everybody has no client.
        if source == 67 and destination == 68 and packet["destination_low"] != np.uint64(0xFFFFFFFF):
            end = signed(packet["payload_end"])
            return recognise_dhcp(data, start, end, source, destination) and byte(data, start) == BOOT_REPLY
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
        note_history(flow, LETTER_TURNED, True)
    place = tag & (len(state.table) - 1)
    while state.table[np.uint64(place)] >= 0:
        place = (place + 1) & (len(state.table) - 1)
    state.table[np.uint64(place)] = (tag << 32) | number
    protocol = packet["protocol"]
    if protocol == 6:
        # A fragment may hide its flags.
        waits = packet["fragment"] == NOT_FRAGMENTED
        append(state, number, LIST_ATTEMPT if waits else LIST_TCP, packet["time"])
    else:
        append(state, number, LIST_UDP if protocol == 17 else LIST_OTHER, packet["time"])
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
    flow["seen"] = 0
    flow["messages"] = 0
    flow["source_retransmissions"] = 0
    flow["destination_retransmissions"] = 0
    flow["source_first_payload"] = 0
    flow["destination_first_payload"] = 0
    flow["source_ttl"] = 0
    flow["destination_ttl"] = 0
    flow["outer_vlan"] = packet["outer_vlan"]
    flow["tunnel"] = packet["tunnel"]
    flow["tunnel_id"] = packet["tunnel_id"]
