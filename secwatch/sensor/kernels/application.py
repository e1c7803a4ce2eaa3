"""What a payload is: its service is told by its content, ports are only a hint; then its messages are read."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.collecting import begin, open_session
from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.conversation import take_datagram
from secwatch.sensor.kernels.copies import is_copy
from secwatch.sensor.kernels.dns import plausible
from secwatch.sensor.kernels.history import difference
from secwatch.sensor.kernels.http import begins_head
from secwatch.sensor.kernels.messages import FIRST_BYTES, LEAST_BYTES, recognise, recognise_datagram
from secwatch.sensor.kernels.queries import take_query
from secwatch.sensor.kernels.reads import Bytes, byte, signed
from secwatch.sensor.kernels.records import CLIENT_HELLO_SEEN, COLLECTING, GAP, SERVER_HELLO_SEEN
from secwatch.sensor.kernels.sequence import NEXT
from secwatch.sensor.kernels.sides import frame_side
from secwatch.sensor.kernels.state import (
    MALFORMED_DNS,
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
from secwatch.sensor.kernels.streams import read_stream
from secwatch.sensor.kernels.tls_records import CLIENT_HELLO, SERVER_HELLO, is_hello

_MOST_DATAGRAMS = 4  # of a flow that are looked into for its service
_MOST_GUESSES = 12  # packets of a flow among which its service is looked for by other than HTTP, TLS and DNS


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
        if flow["service"] != SERVICE_DNS:
            early = flow["source_packets"] + flow["destination_packets"] <= _MOST_DATAGRAMS
            if _take_datagram(state, data, number, packet, from_source, early):
                return
            if not early or not plausible(data, start, end):
                return
    if is_copy(state, data, number, packet, from_source):
        return
    whole = end - start >= packet["payload_length"]
    if end - start < 12 or not take_query(state, data, number, signed(packet["time"]), start, end, from_source):
        state.causes[MALFORMED_DNS if whole else TRUNCATED_DNS] += 1


@part
def _take_datagram(
    state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, early: bool
) -> bool:
    """Take a datagram of a service other than DNS, which is looked for while it is `early`; return whether it was."""
    flow = state.flows[np.uint64(number)]
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    service = signed(flow["service"])
    if end - start < LEAST_BYTES:
        return False
    if service == NO_SERVICE:
        if not early:
            return False
        source, destination = signed(packet["source_port"]), signed(packet["destination_port"])
        service = signed(recognise_datagram(data, start, end, source, destination))
        if service == NO_SERVICE:
            return False
        flow["service"] = service
    take_datagram(state, data, number, service, packet, from_source)
    return True


@part
def see_tcp(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, where: int) -> None:
    """Look into the payload of a segment that was not there before; `where` is NEXT or FILLING."""
    flow = state.flows[np.uint64(number)]
    seen = signed(flow["seen"])
    service = signed(flow["service"])
    side = 1 if from_source else 2
    if service == SERVICE_TLS and seen & SERVER_HELLO_SEEN:
        return  # the rest is encrypted
    start = signed(packet["payload_start"])
    payload = signed(flow["source_payload"] if from_source else flow["destination_payload"])
    opened = signed(flow["source_flags"] if from_source else flow["destination_flags"]) & 2 != 0
    first = opened and payload == signed(packet["payload_length"])
    if not seen & (COLLECTING * side):
        if service == NO_SERVICE:
            if not _find_service(state, data, number, packet, from_source, where, first):
                return
        elif service != SERVICE_SSH and byte(data, start) == 0x16:
            _begin_hello(state, data, number, packet, from_source)
    read_stream(state, data, number, packet, from_source, first, where)


@part
def _begin_hello(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Let the side go on as TLS when a hello begins with the segment: behind STARTTLS, CONNECT, or a lost beginning."""
    flow = state.flows[np.uint64(number)]
    seen = signed(flow["seen"])
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    client = not seen & CLIENT_HELLO_SEEN and is_hello(data, start, end, CLIENT_HELLO)
    if client or (not seen & SERVER_HELLO_SEEN and is_hello(data, start, end, SERVER_HELLO)):
        flow["service"] = SERVICE_TLS
        frame_side(state, number, signed(packet["sequence"]), from_source, False)


@part
def _find_service(
    state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, where: int, first: bool
) -> bool:
    """Tell the service of the flow by the segment. Return whether it is known now, and the segment to be read."""
    flow = state.flows[np.uint64(number)]
    seen = signed(flow["seen"])
    side = 1 if from_source else 2
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    sequence = signed(packet["sequence"])
    if first and where == NEXT and seen & (GAP * side):
        # It came before the beginning of its side, which the SYN told.
        expected = signed(state.streams[np.uint64(number), np.uint64(side - 1)]["gap_start"])
        ahead = difference(sequence, expected)
        if ahead > 0 and ahead < SLOT_BYTES:
            begin(state, data, number, packet, from_source, expected)
            return False
    if first and end - start < FIRST_BYTES:
        begin(state, data, number, packet, from_source, sequence)
        return False
    if end - start < LEAST_BYTES:
        return False
    if flow["source_packets"] + flow["destination_packets"] > _MOST_GUESSES:
        value = byte(data, start)
        if value == 0x16:
            _begin_hello(state, data, number, packet, from_source)
        elif begins_head(data, start, end):
            flow["service"] = SERVICE_HTTP
    else:
        source, destination = signed(packet["source_port"]), signed(packet["destination_port"])
        flow["service"] = recognise(data, start, end, source, destination)
    if flow["service"] == NO_SERVICE:
        return False
    if flow["service"] == SERVICE_SSH:
        open_session(state, packet, number)
    if flow["service"] != SERVICE_DNS or first:
        frame_side(state, number, sequence, from_source, False)
    return True
