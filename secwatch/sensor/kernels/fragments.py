"""Fragments of IP datagrams: only the first has ports, and it need not come first.

The ports of first fragments are remembered for those that follow. A fragment whose first one has
not been seen waits, as a count, for it: then it joins that flow. Where none comes within
FRAGMENTS_TIMEOUT, or its place is needed, the count goes into a flow without ports. So one datagram
is in one flow, in any order, and nothing is lost.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.flow_table import find, flow_tag
from secwatch.sensor.kernels.flows import add_fragments, create
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.records import FIRST_FRAGMENT, LATER_FRAGMENT, ORPHAN_FRAGMENT
from secwatch.sensor.kernels.state import (
    FRAGMENTS,
    FRAGMENTS_TIMEOUT,
    PENDING_DATAGRAMS,
    PENDING_SIZE,
    REMEMBERED,
    Record,
    SensorState,
)


@part
def identity_of(state: SensorState, packet: Record, identifier: int, protocol: int) -> np.uint64:
    """Return a hash of 63 bits that the fragments of one datagram share; never 0."""
    mixed = np.uint64(packet["source_low"]) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(packet["destination_low"]) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= np.uint64(packet["source_high"]) ^ (np.uint64(packet["destination_high"]) << np.uint64(1))
    mixed ^= np.uint64((identifier << 8) | protocol) * np.uint64(0x165667B19E3779F9)
    mixed = (mixed ^ state.seed[0]) * np.uint64(0x9E3779B97F4A7C15)
    return np.uint64(((mixed ^ (mixed >> np.uint64(29))) >> np.uint64(1)) | np.uint64(1))


@part
def note_fragment(state: SensorState, packet: Record, first: bool) -> None:
    """Remember the ports of a first fragment; give a later one those of its first, if that was seen."""
    state.control[FRAGMENTS] += 1
    identity = signed(packet["identity"])
    remembered = state.fragments[np.uint64((identity >> 3) & (REMEMBERED - 1))]
    if first:
        packet["fragment"] = FIRST_FRAGMENT
        remembered[0] = identity
        remembered[1] = _ports(packet)
        remembered[2] = packet["time"]
    elif remembered[0] == identity and abs(packet["time"] - remembered[2]) <= FRAGMENTS_TIMEOUT:
        packet["fragment"] = LATER_FRAGMENT
        _set_ports(packet, remembered[1])
    else:
        packet["fragment"] = ORPHAN_FRAGMENT


@part
def _ports(packet: Record) -> int:
    """Return what tells the flow of a packet besides its addresses, in one number."""
    ports = (signed(packet["source_port"]) << 16) | signed(packet["destination_port"])
    return (signed(packet["one_way"]) << 32) | ports


@part
def _set_ports(packet: Record, ports: int) -> None:
    packet["source_port"] = (ports >> 16) & 0xFFFF
    packet["destination_port"] = ports & 0xFFFF
    packet["one_way"] = ports >> 32


@part
def hold(state: SensorState, packet: Record, data: Bytes) -> None:
    """Let an orphan wait for its first fragment."""
    identity = signed(packet["identity"])
    number = (identity >> 3) & (PENDING_SIZE - 1)
    entry = state.pending[np.uint64(number)]
    if entry["packets"] > 0 and signed(entry["identity"]) != identity:
        release(state, number, data)
    if entry["packets"] == 0:
        state.control[PENDING_DATAGRAMS] += 1
        entry["identity"] = packet["identity"]
        entry["source_high"], entry["source_low"] = packet["source_high"], packet["source_low"]
        entry["destination_high"], entry["destination_low"] = packet["destination_high"], packet["destination_low"]
        entry["first"] = packet["time"]
        entry["last"] = packet["time"]
        entry["bytes"] = 0
        entry["payload"] = 0
        entry["tunnel_id"] = packet["tunnel_id"]
        entry["vlan"], entry["outer_vlan"] = packet["vlan"], packet["outer_vlan"]
        entry["protocol"], entry["version"] = packet["protocol"], packet["version"]
        entry["ttl"], entry["tunnel"] = packet["ttl"], packet["tunnel"]
    entry["first"] = min(entry["first"], packet["time"])
    entry["last"] = max(entry["last"], packet["time"])
    entry["packets"] += np.uint64(1)
    entry["bytes"] += np.uint64(packet["ip_bytes"])
    entry["payload"] += np.uint64(min(packet["payload_length"], packet["ip_bytes"]))


@part
def claim(state: SensorState, flow: Record, packet: Record, from_source: bool) -> None:
    """Add to the flow of a first fragment those of its datagram that came before it."""
    identity = signed(packet["identity"])
    entry = state.pending[np.uint64((identity >> 3) & (PENDING_SIZE - 1))]
    if entry["packets"] == 0 or signed(entry["identity"]) != identity:
        return
    add_fragments(flow, entry, from_source)
    state.control[PENDING_DATAGRAMS] -= 1


@part
def release(state: SensorState, number: int, data: Bytes) -> None:
    """Put fragments that wait in this place into a flow: that of their ports if those are known after all."""
    entry = state.pending[np.uint64(number)]
    packet = state.packet[np.uint64(1)]
    packet["source_high"], packet["source_low"] = entry["source_high"], entry["source_low"]
    packet["destination_high"], packet["destination_low"] = entry["destination_high"], entry["destination_low"]
    packet["time"] = entry["last"]
    packet["payload_start"] = 0
    packet["payload_end"] = 0
    packet["tunnel_id"] = entry["tunnel_id"]
    packet["vlan"], packet["outer_vlan"] = entry["vlan"], entry["outer_vlan"]
    packet["protocol"], packet["version"] = entry["protocol"], entry["version"]
    packet["ttl"], packet["tunnel"] = entry["ttl"], entry["tunnel"]
    packet["flags"] = 0
    packet["icmp_code"] = 0
    packet["reply"] = 0
    identity = signed(entry["identity"])
    remembered = state.fragments[np.uint64((identity >> 3) & (REMEMBERED - 1))]
    _set_ports(packet, remembered[1] if remembered[0] == identity else 0)
    tag = flow_tag(state, packet)
    flow, from_source = find(state, packet, tag)
    if flow < 0:
        flow, from_source = create(state, packet, data, tag)
    add_fragments(state.flows[np.uint64(flow)], entry, from_source)
    state.control[PENDING_DATAGRAMS] -= 1
