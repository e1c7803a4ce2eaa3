"""What becomes of a message: a request waits in a slot, a response finds it, SSH keeps its session."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.copies import is_copy
from secwatch.sensor.kernels.http import is_response
from secwatch.sensor.kernels.messages import role, role_datagram
from secwatch.sensor.kernels.queries import take_query
from secwatch.sensor.kernels.reads import Bytes, big16, byte, signed
from secwatch.sensor.kernels.records import CLIENT_HELLO_SEEN, SERVER_HELLO_SEEN
from secwatch.sensor.kernels.roles import ALONE, COUNTED, IGNORE, REQUEST, RESPONSE
from secwatch.sensor.kernels.slots import fill, release, stop_collecting
from secwatch.sensor.kernels.ssh import note_packet, note_size, session_of
from secwatch.sensor.kernels.state import (
    HTTP_BODY,
    MALFORMED_DNS,
    MESSAGES_CUT,
    SERVICE_DNS,
    SERVICE_HTTP,
    SERVICE_SSH,
    SERVICE_TLS,
    SLOT_BYTES,
    TRUNCATED_DNS,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.tls_records import CLIENT_HELLO, is_hello
from secwatch.sensor.kernels.transactions import (
    answer_http,
    answer_message,
    answer_tls,
    count_message,
    finish_slot,
    lone_message,
    take,
)


@part
def take_message(
    state: SensorState,
    number: int,
    service: int,
    data: Bytes,
    start: int,
    end: int,
    time: int,
    from_source: bool,
    place: int,
    cut: bool,
) -> bool:
    """Take the message whose wanted bytes are data[start:end].

    `place` is the slot that holds exactly these bytes (`data` is `slot_data` then), or -1; it is freed or
    becomes the waiting request. `cut`: bytes that were wanted are missing. Return whether it can have made
    a row, now or later.
    """
    if service == SERVICE_DNS:
        _dns(state, number, data, start, end, time, from_source, cut)
        _free(state, place)
        return True
    if service == SERVICE_SSH:
        session = session_of(state, number)
        if session >= 0:
            note_packet(state, session, data, start, end, from_source)
        _free(state, place)
        return True
    if service == HTTP_BODY or (service == SERVICE_HTTP and byte(data, start) < 32):
        _free(state, place)  # chunks, or empty lines
        return False
    if service == SERVICE_HTTP:
        if is_response(data, start, end):
            answer_http(state, number, data, start, end, time, from_source)
            _free(state, place)
        else:
            _wait(state, number, service, 0, data, start, end, time, from_source, place, cut)
        return True
    if service == SERVICE_TLS:
        _tls(state, number, data, start, end, time, from_source, place, cut)
        return True
    what, key = role(service, data, start, end, from_source)
    if what == REQUEST:
        _wait(state, number, service, key, data, start, end, time, from_source, place, cut)
        return True
    _take_other(state, number, service, what, key, data, start, end, time, from_source, cut)
    _free(state, place)
    return bool(what == RESPONSE or what == ALONE)


@part
def take_datagram(
    state: SensorState, data: Bytes, number: int, service: int, packet: Record, from_source: bool
) -> None:
    """Take a datagram of a service that is known, unless it is a copy."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    cut = end - start < packet["payload_length"]
    end = min(end, start + SLOT_BYTES)
    time = signed(packet["time"])
    what, key = role_datagram(service, data, start, end, from_source)
    if what == IGNORE or is_copy(state, data, number, packet, from_source):
        return
    if what == REQUEST:
        _wait(state, number, service, key, data, start, end, time, from_source, signed(-1), cut)
    else:
        _take_other(state, number, service, what, key, data, start, end, time, from_source, cut)


@part
def _take_other(
    state: SensorState,
    number: int,
    service: int,
    what: int,
    key: int,
    data: Bytes,
    start: int,
    end: int,
    time: int,
    from_source: bool,
    cut: bool,
) -> None:
    """Take a message that does not wait."""
    if what == RESPONSE:
        answer_message(state, number, service, key, data, start, end, time, from_source)
    elif what == ALONE:
        lone_message(state, number, service, data, start, end, time, from_source)
    elif what == COUNTED:
        count_message(state, number, service, key, from_source)
    if cut and what != IGNORE:
        state.causes[MESSAGES_CUT] += 1


@part
def _free(state: SensorState, place: int) -> None:
    if place >= 0:
        release(state, place)


@part
def _wait(
    state: SensorState,
    number: int,
    service: int,
    key: int,
    data: Bytes,
    start: int,
    end: int,
    time: int,
    from_source: bool,
    place: int,
    cut: bool,
) -> None:
    """Let the message wait for its answer."""
    if place < 0:
        place = take(state, number, time, from_source, False)
        fill(state, place, data, start, end)
    else:
        stop_collecting(state, place)
        state.slots[np.uint64(place)]["length"] = end - start
    slot = state.slots[np.uint64(place)]
    slot["kind"] = service
    slot["number"] = key
    slot["cut"] = 1 if cut else 0


@part
def _dns(
    state: SensorState, number: int, data: Bytes, start: int, end: int, time: int, from_source: bool, cut: bool
) -> None:
    """Take a DNS message behind its length."""
    cut = cut or end - start < 2 + big16(data, start)
    if cut:
        state.causes[TRUNCATED_DNS] += 1
    if end - start < 14 or not take_query(state, data, number, time, start + 2, end, from_source):
        if not cut:
            state.causes[MALFORMED_DNS] += 1


@part
def _tls(
    state: SensorState,
    number: int,
    data: Bytes,
    start: int,
    end: int,
    time: int,
    from_source: bool,
    place: int,
    cut: bool,
) -> None:
    """Take the first messages of a TLS client or server; those of each side count once."""
    flow = state.flows[np.uint64(number)]
    if is_hello(data, start, end, CLIENT_HELLO):
        flow["seen"] = signed(flow["seen"]) | CLIENT_HELLO_SEEN
        _wait(state, number, SERVICE_TLS, 0, data, start, end, time, from_source, place, cut)
        return
    flow["seen"] = signed(flow["seen"]) | CLIENT_HELLO_SEEN | SERVER_HELLO_SEEN
    answer_tls(state, number, data, start, end, time, from_source)
    _free(state, place)


@part
def note_encrypted(state: SensorState, number: int, size: int, from_source: bool) -> None:
    """Keep the size of an encrypted SSH segment; with the last one that counts the session's row is written."""
    place = session_of(state, number)
    if place >= 0 and note_size(state, place, size, from_source):
        finish_slot(state, place)
