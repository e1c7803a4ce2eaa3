"""Half-done transactions: a query, hello or request head that waits for its answer.

Each waits in a slot of fixed size that hangs in its flow's list (oldest first) and in a list of
all by age. When slots run out the oldest is written as a row without an answer: nothing is lost.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.dns import dns_row
from secwatch.sensor.kernels.http import request_texts, response_texts, status
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.rows import new_row
from secwatch.sensor.kernels.state import (
    FREE_SLOT,
    MALFORMED_DNS,
    MALFORMED_TLS,
    NEWEST_SLOT,
    OLDEST_SLOT,
    SERVICE_DNS,
    SERVICE_HTTP,
    SERVICE_TLS,
    SLOT_BYTES,
    SLOTS_EVICTED,
    TRUNCATED_CLIENT_HELLO,
    TRUNCATED_HTTP_HEAD,
    USED_SLOTS,
    WAITING_PER_FLOW,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.tls import client_hello


@part
def take(state: SensorState, number: int, time: int, from_source: bool) -> int:
    """Return a fresh slot at the end of the flow's list; the caller sets its kind."""
    flow = state.flows[np.uint64(number)]
    if flow["waiting"] >= WAITING_PER_FLOW:
        waiting_row(state, signed(flow["waiting_head"]))
    if state.control[FREE_SLOT] < 0 and state.control[USED_SLOTS] == len(state.slots):
        state.control[SLOTS_EVICTED] += 1
        waiting_row(state, state.control[OLDEST_SLOT])
    place = signed(state.control[FREE_SLOT])
    if place >= 0:
        state.control[FREE_SLOT] = state.slots[np.uint64(place)]["next"]
    else:
        place = signed(state.control[USED_SLOTS])
        state.control[USED_SLOTS] = place + 1
    slot = state.slots[np.uint64(place)]
    slot["flow"] = number
    slot["time"] = time
    slot["from_source"] = 1 if from_source else 0
    slot["length"] = 0
    slot["wanted"] = 0
    slot["collecting"] = 0
    slot["cut"] = 0
    slot["next"] = -1
    slot["previous"] = flow["waiting_tail"]
    if flow["waiting_tail"] >= 0:
        state.slots[np.uint64(flow["waiting_tail"])]["next"] = place
    else:
        flow["waiting_head"] = place
    flow["waiting_tail"] = place
    flow["waiting"] += np.uint16(1)
    newest = state.control[NEWEST_SLOT]
    slot["older"] = newest
    slot["newer"] = -1
    if newest >= 0:
        state.slots[np.uint64(newest)]["newer"] = place
    else:
        state.control[OLDEST_SLOT] = place
    state.control[NEWEST_SLOT] = place
    return place


@part
def release(state: SensorState, place: int) -> None:
    """Free the slot and take it out of both lists."""
    slot = state.slots[np.uint64(place)]
    flow = state.flows[np.uint64(slot["flow"])]
    before, after = signed(slot["previous"]), signed(slot["next"])
    if before >= 0:
        state.slots[np.uint64(before)]["next"] = after
    else:
        flow["waiting_head"] = after
    if after >= 0:
        state.slots[np.uint64(after)]["previous"] = before
    else:
        flow["waiting_tail"] = before
    flow["waiting"] -= np.uint16(1)
    older, newer = signed(slot["older"]), signed(slot["newer"])
    if older >= 0:
        state.slots[np.uint64(older)]["newer"] = newer
    else:
        state.control[OLDEST_SLOT] = newer
    if newer >= 0:
        state.slots[np.uint64(newer)]["older"] = older
    else:
        state.control[NEWEST_SLOT] = older
    slot["next"] = state.control[FREE_SLOT]
    state.control[FREE_SLOT] = place


@part
def store(state: SensorState, place: int, data: Bytes, start: int, end: int) -> int:
    """Append data[start:end] to the slot as far as it fits. Return how many bytes it took."""
    slot = state.slots[np.uint64(place)]
    length = signed(slot["length"])
    size = min(end - start, SLOT_BYTES - length)
    base = place * SLOT_BYTES + length
    for offset in range(size):
        state.slot_data[np.uint64(base + offset)] = data[np.uint64(start + offset)]
    slot["length"] = length + size
    return size


@part
def waiting_row(state: SensorState, place: int) -> int:
    """Write the row of a slot without an answer and free it. Return the row, -1 if there is none."""
    slot = state.slots[np.uint64(place)]
    flow = state.flows[np.uint64(slot["flow"])]
    kind = slot["kind"]
    client_is_source = slot["from_source"] == 1
    start = place * SLOT_BYTES
    end = start + signed(slot["length"])
    row = signed(-1)
    if kind == SERVICE_DNS:
        if not dns_row(state, flow, state.slot_data, start, end, slot["time"], -1, client_is_source):
            state.causes[MALFORMED_DNS] += 1
    else:
        row = new_row(state, flow, signed(kind), slot["time"], client_is_source)
        if kind == SERVICE_TLS:
            whole = client_hello(state, row, state.slot_data, start, end)
            if slot["cut"] == 1 or slot["collecting"] == 1:
                state.causes[TRUNCATED_CLIENT_HELLO] += 1
            elif not whole:
                state.causes[MALFORMED_TLS] += 1
        else:
            if slot["cut"] == 1 or slot["collecting"] == 1:
                state.causes[TRUNCATED_HTTP_HEAD] += 1
            request_texts(state, row, state.slot_data, start, end)
    release(state, place)
    return row


@part
def finish_waiting(state: SensorState, number: int) -> None:
    """Write all that the flow still waits for as rows without an answer."""
    flow = state.flows[np.uint64(number)]
    while flow["waiting_head"] >= 0:
        waiting_row(state, signed(flow["waiting_head"]))


@part
def answer_http(
    state: SensorState, number: int, data: Bytes, start: int, end: int, time: int, from_source: bool
) -> None:
    """Write the row of the oldest waiting request with this response head, or a row of the response alone."""
    flow = state.flows[np.uint64(number)]
    code = status(data, start)
    if code >= 100 and code < 200 and code != 101:
        return  # an interim answer
    place = signed(flow["waiting_head"])
    row = signed(-1)
    while place >= 0:
        slot = state.slots[np.uint64(place)]
        if slot["kind"] == SERVICE_HTTP and (slot["from_source"] == 1) != from_source:
            row = waiting_row(state, place)
            break
        place = signed(slot["next"])
    if row < 0:
        row = new_row(state, flow, SERVICE_HTTP, time, not from_source)
    record: Record = state.events[np.uint64(row)]
    record["answer"] = code
    response_texts(state, row, data, start, end)
