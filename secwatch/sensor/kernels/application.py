"""What a payload is: DNS, TLS, HTTP or SSH, recognised by content. Halves wait, pairs become rows.

Ports are only a hint, for DNS. A ClientHello or request head is collected over in-order segments
up to 4 KiB; nothing else is reassembled.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.dns import plausible
from secwatch.sensor.kernels.http import HEAD_BYTES, head_end, is_request, is_response
from secwatch.sensor.kernels.queries import see_stream, take_message
from secwatch.sensor.kernels.reads import Bytes, big16, big32, byte, signed
from secwatch.sensor.kernels.records import CLIENT_HELLO_SEEN, SERVER_HELLO_SEEN
from secwatch.sensor.kernels.rows import new_row
from secwatch.sensor.kernels.state import (
    MALFORMED_DNS,
    MALFORMED_TLS,
    MOST_PIPELINED,
    NO_SERVICE,
    PIPELINED_SKIPPED,
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
from secwatch.sensor.kernels.transactions import answer_http, store, take, waiting_row

_SSH = int.from_bytes(b"SSH-", "big")


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
    if end - start < 12 or not take_message(state, data, number, packet, start, end, from_source):
        state.causes[MALFORMED_DNS if whole else TRUNCATED_DNS] += 1


@part
def see_tcp(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, where: int) -> None:
    """Look into the payload of a segment that was not there before; `where` is NEXT or FILLING."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    flow = state.flows[np.uint64(number)]
    place = signed(flow["waiting_tail"])
    if place >= 0:
        slot = state.slots[np.uint64(place)]
        if slot["collecting"] == 1 and (slot["from_source"] == 1) == from_source:
            if signed(slot["sequence"]) == signed(packet["sequence"]):
                start = _collect(state, place, data, start, end, packet)
                if slot["kind"] == SERVICE_HTTP and slot["collecting"] == 0:
                    _requests(state, data, number, packet, from_source, start)
                return
            behind = (signed(slot["sequence"]) - signed(packet["sequence"])) & 0xFFFFFFFF
            if behind < 0x40000000:
                return  # a retransmission
            slot["collecting"] = 0  # a gap: what is there must do
            slot["cut"] = 1
    named = packet["source_port"] == 53 or packet["destination_port"] == 53
    if end - start >= 8 and not (named and flow["service"] == SERVICE_DNS):
        _see_content(state, data, number, packet, from_source)
    if named and (flow["service"] == NO_SERVICE or flow["service"] == SERVICE_DNS):
        see_stream(state, data, number, packet, from_source, where)


@part
def _see_content(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Take a segment of at least eight bytes that may begin with a hello, a head or a banner."""
    first = byte(data, packet["payload_start"])
    if first == 0x16:
        _tls(state, data, number, packet, from_source)
    elif first >= 67 and first <= 85:  # C to U: the first letters of methods, HTTP and SSH
        _text(state, data, number, packet, from_source)


@part
def _tls(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Take a segment that may begin with a hello; the first of each side counts."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    flow = state.flows[np.uint64(number)]
    seen = signed(flow["seen"])
    if not seen & CLIENT_HELLO_SEEN and is_hello(data, start, end, CLIENT_HELLO):
        flow["seen"] = seen | CLIENT_HELLO_SEEN
        flow["service"] = SERVICE_TLS
        place = take(state, number, packet["time"], from_source)
        slot = state.slots[np.uint64(place)]
        wanted = 5 + big16(data, start + 3)
        if byte(data, start + 7) * 256 + byte(data, start + 8) + 9 > wanted:
            slot["cut"] = 1  # goes on in a second record
        slot["kind"] = SERVICE_TLS
        slot["wanted"] = wanted
        slot["collecting"] = 1
        _collect(state, place, data, start, end, packet)
    elif not seen & SERVER_HELLO_SEEN and is_hello(data, start, end, SERVER_HELLO):
        flow["seen"] = seen | SERVER_HELLO_SEEN | CLIENT_HELLO_SEEN
        flow["service"] = SERVICE_TLS
        version, cipher = server_hello(data, start, end)
        if version == 0:
            state.causes[MALFORMED_TLS] += 1
        place = signed(flow["waiting_head"])
        row = signed(-1)
        while place >= 0:
            slot = state.slots[np.uint64(place)]
            if slot["kind"] == SERVICE_TLS and (slot["from_source"] == 1) != from_source:
                row = waiting_row(state, place)
                break
            place = signed(slot["next"])
        if row < 0:
            row = new_row(state, flow, SERVICE_TLS, packet["time"], not from_source)
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
    _requests(state, data, number, packet, from_source, start)


@part
def _requests(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, start: int) -> None:
    """Take the request heads that follow one another from `start`; count those beyond the bound."""
    end = signed(packet["payload_end"])
    for _ in range(MOST_PIPELINED):
        if not is_request(data, start, end):
            return
        state.flows[np.uint64(number)]["service"] = SERVICE_HTTP
        place = take(state, number, packet["time"], from_source)
        slot = state.slots[np.uint64(place)]
        slot["kind"] = SERVICE_HTTP
        slot["wanted"] = HEAD_BYTES
        slot["collecting"] = 1
        start = _collect(state, place, data, start, end, packet)
        if slot["collecting"] == 1:
            return
    while is_request(data, start, end):
        state.causes[PIPELINED_SKIPPED] += 1
        start = head_end(data, start, min(end, start + HEAD_BYTES))
        if start < 0:
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
    if slot["kind"] == SERVICE_HTTP:
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
