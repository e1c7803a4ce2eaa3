"""DNS messages: a query waits for its answer."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.dns import dns_row, question_end
from secwatch.sensor.kernels.reads import Bytes, big16, signed
from secwatch.sensor.kernels.slots import base_of, fill, find_request, release
from secwatch.sensor.kernels.state import EVENTS, SERVICE_DNS, SensorState
from secwatch.sensor.kernels.transactions import take


@part
def take_query(
    state: SensorState, data: Bytes, number: int, time: int, start: int, end: int, from_source: bool
) -> bool:
    """Take the DNS message data[start:end], whose header is there. Return whether it was good."""
    flow = state.flows[np.uint64(number)]
    identifier = big16(data, start)
    if big16(data, start + 2) & 0x8000 == 0:
        stop = question_end(data, start, end) if big16(data, start + 4) > 0 else start + 12
        if stop < 0:
            return False
        flow["service"] = SERVICE_DNS
        place = take(state, number, time, from_source, False)
        fill(state, place, data, start, stop)
        state.slots[np.uint64(place)]["kind"] = SERVICE_DNS
        state.slots[np.uint64(place)]["number"] = identifier
        if big16(data, start + 4) > 1:  # only the first question is kept
            base = base_of(state, place)
            state.slot_data[np.uint64(base + 4)] = 0
            state.slot_data[np.uint64(base + 5)] = 1
        return True
    place = find_request(state, number, SERVICE_DNS, identifier, from_source)
    rows = state.control[EVENTS]
    if place < 0:
        announced = flow["source_port"] == 5353 and flow["destination_port"] == 5353
        good = dns_row(state, flow, data, start, end, time, -1, from_source if announced else not from_source)
    else:
        asked = signed(state.slots[np.uint64(place)]["time"])
        good = dns_row(state, flow, data, start, end, asked, max(time - asked, 0), not from_source)
        if state.control[EVENTS] > rows:
            release(state, place)
    if state.control[EVENTS] > rows:
        flow["service"] = SERVICE_DNS
    return good
