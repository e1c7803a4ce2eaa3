"""What a payload is: DNS, TLS, HTTP or SSH, recognised by content. Halves wait, pairs become rows.

Ports are only a hint, for DNS. A ClientHello or request head is collected over in-order segments
up to 4 KiB; nothing else is reassembled.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.dns import dns_row, plausible, question_end
from secwatch.sensor.kernels.http import HEAD_BYTES, head_end, is_request, is_response
from secwatch.sensor.kernels.reads import Bytes, big16, big32, byte, signed
from secwatch.sensor.kernels.rows import new_row
from secwatch.sensor.kernels.state import (
    EVENTS,
    KIND_DNS,
    KIND_HTTP,
    KIND_TLS,
    MALFORMED_DNS,
    MALFORMED_TLS,
    NO_SERVICE,
    SERVICE_DNS,
    SERVICE_HTTP,
    SERVICE_SSH,
    SERVICE_TLS,
    SLOT_BYTES,
    TRUNCATED_DNS,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.tls import CLIENT_HELLO, HELLO_BYTES, SERVER_HELLO, is_hello, server_hello
from secwatch.sensor.kernels.transactions import answer_http, release, store, take, waiting_row

_SSH = int.from_bytes(b"SSH-", "big")
_PIPELINED = 16  # request heads taken from one segment
_SEEN_CLIENT, _SEEN_SERVER = 1, 2


@part
def see_udp(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Look into a datagram."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    source, destination = signed(packet["source_port"]), signed(packet["destination_port"])
    flow = state.flows[np.uint64(number)]
    expected = (
        source == 53
        or destination == 53
        or source == 5353
        or destination == 5353
        or source == 5355
        or destination == 5355
    )
    if not expected:
        if source == 137 or destination == 137:
            return  # NetBIOS names look like DNS and are not
        if flow["service"] != SERVICE_DNS and (
            flow["source_packets"] + flow["destination_packets"] > 4 or not plausible(data, start, end)
        ):
            return
    whole = end - start >= packet["payload_length"]
    if end - start < 12 or not _dns(state, data, number, packet, from_source):
        state.causes[MALFORMED_DNS if whole else TRUNCATED_DNS] += 1


@part
def _dns(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> bool:
    """Take a DNS message whose header is there. Return whether it was good."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    flow = state.flows[np.uint64(number)]
    identifier = big16(data, start)
    if big16(data, start + 2) & 0x8000 == 0:
        stop = question_end(data, start, end) if big16(data, start + 4) > 0 else start + 12
        if stop < 0:
            return False
        flow["service"] = SERVICE_DNS
        place = take(state, number, packet["time"], from_source)
        store(state, place, data, start, stop)
        state.slots[np.uint64(place)]["kind"] = KIND_DNS
        state.slots[np.uint64(place)]["number"] = identifier
        if big16(data, start + 4) > 1:  # only the first question is kept
            state.slot_data[np.uint64(place * SLOT_BYTES + 4)] = 0
            state.slot_data[np.uint64(place * SLOT_BYTES + 5)] = 1
        return True
    place = signed(flow["waiting_head"])
    while place >= 0:
        slot = state.slots[np.uint64(place)]
        if slot["kind"] == KIND_DNS and slot["number"] == identifier and (slot["from_source"] == 1) != from_source:
            break
        place = signed(slot["next"])
    time = signed(packet["time"])
    rows = state.control[EVENTS]
    if place < 0:
        announced = packet["source_port"] == 5353 and packet["destination_port"] == 5353
        good = dns_row(state, flow, data, start, end, time, -1, from_source if announced else not from_source)
    else:
        asked = signed(state.slots[np.uint64(place)]["time"])
        good = dns_row(state, flow, data, start, end, asked, max(time - asked, 0), not from_source)
        if state.control[EVENTS] > rows:
            release(state, place)
    if state.control[EVENTS] > rows:
        flow["service"] = SERVICE_DNS
    return good


@part
def see_tcp(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Look into the payload of a segment."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    flow = state.flows[np.uint64(number)]
    place = signed(flow["waiting_tail"])
    if place >= 0:
        slot = state.slots[np.uint64(place)]
        if slot["collecting"] == 1 and (slot["from_source"] == 1) == from_source:
            if signed(slot["sequence"]) == signed(packet["sequence"]):
                _collect(state, place, data, start, end, packet)
                return
            behind = (signed(slot["sequence"]) - signed(packet["sequence"])) & 0xFFFFFFFF
            if behind < 0x40000000:
                return  # a retransmission
            slot["collecting"] = 0  # a gap: what is there must do
            slot["cut"] = 1
    if end - start < 8:
        return
    first = byte(data, start)
    if first == 0x16:
        _tls(state, data, number, packet, from_source)
    elif first >= 67 and first <= 85:  # C to U: the first letters of methods, HTTP and SSH
        _text(state, data, number, packet, from_source)


@part
def _tls(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Take a segment that may begin with a hello; the first of each side counts."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    flow = state.flows[np.uint64(number)]
    hellos = signed(flow["hellos"])
    if not hellos & _SEEN_CLIENT and is_hello(data, start, end, CLIENT_HELLO):
        flow["hellos"] = hellos | _SEEN_CLIENT
        flow["service"] = SERVICE_TLS
        place = take(state, number, packet["time"], from_source)
        slot = state.slots[np.uint64(place)]
        wanted = 5 + big16(data, start + 3)
        if byte(data, start + 7) * 256 + byte(data, start + 8) + 9 > wanted:
            slot["cut"] = 1  # goes on in a second record
        slot["kind"] = KIND_TLS
        slot["wanted"] = wanted
        slot["collecting"] = 1
        _collect(state, place, data, start, end, packet)
    elif not hellos & _SEEN_SERVER and is_hello(data, start, end, SERVER_HELLO):
        flow["hellos"] = hellos | _SEEN_SERVER | _SEEN_CLIENT
        flow["service"] = SERVICE_TLS
        version, cipher = server_hello(data, start, end)
        if version == 0:
            state.causes[MALFORMED_TLS] += 1
        place = signed(flow["waiting_head"])
        row = signed(-1)
        while place >= 0:
            slot = state.slots[np.uint64(place)]
            if slot["kind"] == KIND_TLS and (slot["from_source"] == 1) != from_source:
                row = waiting_row(state, place)
                break
            place = signed(slot["next"])
        if row < 0:
            row = new_row(state, flow, KIND_TLS, packet["time"], not from_source)
        record = state.events[np.uint64(row)]
        record["answer"] = version
        record["code"] = cipher


@part
def _text(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Take a segment that may begin with a request head, a response head or an SSH banner."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    flow = state.flows[np.uint64(number)]
    if is_response(data, start, end):
        flow["service"] = SERVICE_HTTP
        answer_http(state, number, data, start, end, packet["time"], from_source)
        return
    if flow["service"] == NO_SERVICE and big32(data, start) == _SSH:
        flow["service"] = SERVICE_SSH
        return
    for _ in range(_PIPELINED):
        if not is_request(data, start, end):
            return
        flow["service"] = SERVICE_HTTP
        place = take(state, number, packet["time"], from_source)
        slot = state.slots[np.uint64(place)]
        slot["kind"] = KIND_HTTP
        slot["wanted"] = HEAD_BYTES
        slot["collecting"] = 1
        start = _collect(state, place, data, start, end, packet)
        if slot["collecting"] == 1:
            return


@part
def _collect(state: SensorState, place: int, data: Bytes, start: int, end: int, packet: Record) -> int:
    """Add a segment to a hello or head. Return the offset of the first byte that is not part of it."""
    slot = state.slots[np.uint64(place)]
    base = place * SLOT_BYTES
    before = signed(slot["length"])
    missing = packet["payload_length"] > packet["payload_end"] - packet["payload_start"]
    taken = store(state, place, data, start, end)
    length = before + taken
    wanted = signed(slot["wanted"])
    if slot["kind"] == KIND_HTTP:
        stop = head_end(state.slot_data, base + max(before - 3, 0), base + length)
        if stop >= 0:
            slot["length"] = stop - base
            slot["collecting"] = 0
            return start + (stop - base - before)
    elif length >= min(wanted, HELLO_BYTES):
        slot["collecting"] = 0
        if wanted > HELLO_BYTES:
            slot["cut"] = 1
        return start + taken
    if missing or length >= SLOT_BYTES:
        slot["collecting"] = 0
        slot["cut"] = 1
    slot["sequence"] = np.uint32((signed(packet["sequence"]) + signed(packet["payload_length"])) & 0xFFFFFFFF)
    return end
