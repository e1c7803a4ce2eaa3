"""Transactions: a request waits in a slot, its answer makes a row of both; what is never answered makes a row alone.

When slots run out the oldest is written as it is: nothing is lost.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.dns import dns_row
from secwatch.sensor.kernels.framing import go_on_behind
from secwatch.sensor.kernels.http import is_response, request_texts, response_texts, status
from secwatch.sensor.kernels.messages import LEAST_BYTES, role
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.records import COLLECTING, REQUEST_TEXT, RESPONSE_TEXT
from secwatch.sensor.kernels.roles import IGNORE, REQUEST, RESPONSE
from secwatch.sensor.kernels.rows import new_row, set_span
from secwatch.sensor.kernels.sides import lose_side
from secwatch.sensor.kernels.slots import base_of, find_request, link, release, small_slots, stop_collecting
from secwatch.sensor.kernels.state import (
    FREE_LARGE,
    FREE_SLOT,
    HTTP_BODY,
    MALFORMED_DNS,
    MALFORMED_TLS,
    MESSAGES_CUT,
    MESSAGES_SKIPPED,
    MOST_MESSAGES,
    NO_SERVICE,
    OLDEST_SLOT,
    SERVICE_DNS,
    SERVICE_HTTP,
    SERVICE_SSH,
    SERVICE_TLS,
    SLOTS_EVICTED,
    TRUNCATED_CLIENT_HELLO,
    TRUNCATED_DNS,
    TRUNCATED_HTTP_HEAD,
    USED_LARGE,
    USED_SLOTS,
    WAITING_PER_FLOW,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.tls import client_hello
from secwatch.sensor.kernels.tls_records import CLIENT_HELLO, SERVER_HELLO, is_hello, join_records
from secwatch.sensor.kernels.tls_server import server_texts


@part
def _request_row(state: SensorState, place: int) -> int:
    """Write the row of a request without its answer and free the slot. Return the row, -1 if there is none."""
    slot = state.slots[np.uint64(place)]
    number = signed(slot["flow"])
    flow = state.flows[np.uint64(number)]
    kind = signed(slot["kind"])
    client_is_source = slot["from_source"] == 1
    start = base_of(state, place)
    end = start + signed(slot["length"])
    unfinished = slot["collecting"] == 1
    cut = unfinished or slot["cut"] == 1
    row = signed(-1)
    if kind == SERVICE_DNS:
        if unfinished:
            state.causes[TRUNCATED_DNS] += 1
        elif not dns_row(state, flow, state.slot_data, start, end, slot["time"], -1, client_is_source):
            state.causes[MALFORMED_DNS] += 1
    elif kind == SERVICE_TLS:
        row = new_row(state, flow, kind, slot["time"], client_is_source)
        whole = client_hello(state, row, state.slot_data, start, join_records(state.slot_data, start, end))
        if cut:
            state.causes[TRUNCATED_CLIENT_HELLO] += 1
        elif not whole:
            state.causes[MALFORMED_TLS] += 1
    elif kind == SERVICE_HTTP:
        if unfinished:
            go_on_behind(state, place)
        row = new_row(state, flow, kind, slot["time"], client_is_source)
        if not request_texts(state, row, state.slot_data, start, end):
            state.causes[TRUNCATED_HTTP_HEAD] += 1
    elif kind != NO_SERVICE:
        if cut:
            state.causes[MESSAGES_CUT] += 1
        row = _message_row(state, number, kind, slot["time"], client_is_source)
        if row >= 0:
            state.events[np.uint64(row)]["value"] = slot["counted"]
            set_span(state, row, REQUEST_TEXT, state.slot_data, start, end)
    release(state, place)
    return row


@part
def _message_row(state: SensorState, number: int, kind: int, time: int, client_is_source: bool) -> int:
    """Begin a row of messages that are read elsewhere; -1, and counted, beyond the bound of a flow."""
    flow = state.flows[np.uint64(number)]
    if flow["messages"] >= MOST_MESSAGES:
        state.causes[MESSAGES_SKIPPED] += 1
        return signed(-1)
    flow["messages"] += np.uint16(1)
    return new_row(state, flow, kind, time, client_is_source)


@part
def answer_http(
    state: SensorState, number: int, data: Bytes, start: int, end: int, time: int, from_source: bool
) -> None:
    """Write the row of the oldest waiting request with this response, or a row of the response alone."""
    code = status(data, start)
    if code >= 100 and code < 200 and code != 101:
        return  # an interim answer
    place = find_request(state, number, SERVICE_HTTP, 0, from_source)
    row = _request_row(state, place) if place >= 0 else signed(-1)
    if row < 0:
        row = new_row(state, state.flows[np.uint64(number)], SERVICE_HTTP, time, not from_source)
    record: Record = state.events[np.uint64(row)]
    record["answer"] = code
    response_texts(state, row, data, start, end)


@part
def answer_tls(
    state: SensorState, number: int, data: Bytes, start: int, end: int, time: int, from_source: bool
) -> None:
    """Write the row of the waiting ClientHello with the server's first messages, or a row of those alone."""
    place = find_request(state, number, SERVICE_TLS, 0, from_source)
    row = _request_row(state, place) if place >= 0 else signed(-1)
    if row < 0:
        row = new_row(state, state.flows[np.uint64(number)], SERVICE_TLS, time, not from_source)
    if not server_texts(state, row, data, start, end):
        state.causes[MALFORMED_TLS] += 1


@part
def answer_message(
    state: SensorState,
    number: int,
    kind: int,
    key: int,
    data: Bytes,
    start: int,
    end: int,
    time: int,
    from_source: bool,
) -> None:
    """Write the row of the waiting request of this key with its response, or a row of the response alone."""
    place = find_request(state, number, kind, key, from_source)
    if place >= 0:
        asked = signed(state.slots[np.uint64(place)]["time"])
        row = _request_row(state, place)
    else:
        asked = signed(-1)
        row = _message_row(state, number, kind, time, not from_source)
    if row < 0:
        return
    set_span(state, row, RESPONSE_TEXT, data, start, end)
    if asked >= 0:
        state.events[np.uint64(row)]["round_trip"] = max(time - asked, 0)


@part
def count_message(state: SensorState, number: int, kind: int, key: int, from_source: bool) -> None:
    """Add one to the waiting request of this key that the other side sent."""
    place = find_request(state, number, kind, key, from_source)
    if place >= 0:
        state.slots[np.uint64(place)]["counted"] += np.uint32(1)


@part
def lone_message(
    state: SensorState, number: int, kind: int, data: Bytes, start: int, end: int, time: int, from_source: bool
) -> None:
    """Write the row of a message that nothing answers, on the side that sent it."""
    row = _message_row(state, number, kind, time, True)
    if row >= 0:
        set_span(state, row, REQUEST_TEXT if from_source else RESPONSE_TEXT, data, start, end)


@part
def finish_slot(state: SensorState, place: int) -> None:
    """Write what is in the slot, as far as it came, and free it."""
    slot = state.slots[np.uint64(place)]
    kind = signed(slot["kind"])
    if slot["collecting"] == 1 and (slot["length"] == 0 or kind == HTTP_BODY):
        if kind == HTTP_BODY:
            lose_side(state, signed(slot["flow"]), slot["from_source"] == 1)
        release(state, place)  # only what stood behind a hole, or what is no message
        return
    if slot["collecting"] == 0 or kind == NO_SERVICE or kind == SERVICE_DNS:
        _request_row(state, place)
        return
    number = signed(slot["flow"])
    from_source = slot["from_source"] == 1
    start = base_of(state, place)
    end = start + signed(slot["length"])
    time = signed(slot["time"])
    if kind == SERVICE_TLS and is_hello(state.slot_data, start, end, SERVER_HELLO):
        answer_tls(state, number, state.slot_data, start, end, time, from_source)
    elif kind == SERVICE_HTTP and is_response(state.slot_data, start, end):
        go_on_behind(state, place)
        answer_http(state, number, state.slot_data, start, end, time, from_source)
    elif kind == SERVICE_TLS or kind == SERVICE_HTTP:
        _request_row(state, place)
        return
    elif kind != SERVICE_SSH and end - start >= LEAST_BYTES:
        what, key = role(kind, state.slot_data, start, end, from_source)
        if what == RESPONSE:
            state.causes[MESSAGES_CUT] += 1
            answer_message(state, number, kind, key, state.slot_data, start, end, time, from_source)
        elif what != IGNORE:
            _request_row(state, place)
            return
    release(state, place)


@part
def finish_cut(state: SensorState, place: int) -> None:
    """Let a request whose rest the capture did not keep wait for its answer; write anything else as far as it came."""
    slot = state.slots[np.uint64(place)]
    kind = signed(slot["kind"])
    start = base_of(state, place)
    end = start + signed(slot["length"])
    slot["number"] = 0
    if kind == HTTP_BODY:
        waits = False
    elif kind == SERVICE_HTTP:
        waits = end > start and not is_response(state.slot_data, start, end)
    elif kind == SERVICE_TLS:
        waits = is_hello(state.slot_data, start, end, CLIENT_HELLO)
    elif kind == SERVICE_DNS or kind == SERVICE_SSH or kind == NO_SERVICE or end - start < LEAST_BYTES:
        waits = False
    else:
        what, key = role(kind, state.slot_data, start, end, slot["from_source"] == 1)
        waits = what == REQUEST
        if waits:
            slot["number"] = key
    if waits:
        slot["cut"] = 1
        stop_collecting(state, place)
    else:
        finish_slot(state, place)


@part
def finish_waiting(state: SensorState, number: int) -> None:
    """Write all that the flow still waits for: what was being put together first, for it may be an answer."""
    flow = state.flows[np.uint64(number)]
    for side in range(2):
        if signed(flow["seen"]) & (COLLECTING << side):
            finish_slot(state, signed(state.streams[np.uint64(number), np.uint64(side)]["slot"]))
    while flow["waiting_head"] >= 0:
        finish_slot(state, signed(flow["waiting_head"]))


@part
def take(state: SensorState, number: int, time: int, from_source: bool, large: bool) -> int:
    """Return a fresh slot at the end of the flow's list, a small one when no large one is left."""
    flow = state.flows[np.uint64(number)]
    if flow["waiting"] >= WAITING_PER_FLOW:
        finish_slot(state, signed(flow["waiting_head"]))
    small = small_slots(state)
    place = signed(-1)
    if large:
        place = signed(state.control[FREE_LARGE])
        if place >= 0:
            state.control[FREE_LARGE] = state.slots[np.uint64(place)]["next"]
        elif state.control[USED_LARGE] < len(state.slots) - small:
            place = small + signed(state.control[USED_LARGE])
            state.control[USED_LARGE] += 1
    if place < 0:
        if state.control[FREE_SLOT] < 0 and state.control[USED_SLOTS] == small:
            state.control[SLOTS_EVICTED] += 1
            finish_slot(state, state.control[OLDEST_SLOT])
        place = signed(state.control[FREE_SLOT])
        if place >= 0:
            state.control[FREE_SLOT] = state.slots[np.uint64(place)]["next"]
        else:
            place = signed(state.control[USED_SLOTS])
            state.control[USED_SLOTS] = place + 1
    link(state, place, number, time, from_source)
    return place
