"""Segments that begin like an HTTP message where the body of the one before it should go on.

A body may never come: a server that refuses a request need not read it, and what its client sends then is
the next request. A body may also hold what looks like a request: an uploaded log does. The server knows
which it is, and its answer tells: until it has answered, it reads a body. So a request behind an answer
begins a message. One that comes before gets a row, for nothing may hide, but no answer: waiting, it would
take the answer of a request that is real. Where only one side was captured nobody knows, and all begin
messages.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.history import difference
from secwatch.sensor.kernels.http import begins_head, head_end, is_request, is_response
from secwatch.sensor.kernels.http_framing import FOR_OTHERS, frame_http
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.records import COLLECTING, FRAMED, GAP, NUMBERED
from secwatch.sensor.kernels.sides import frame_side
from secwatch.sensor.kernels.slots import base_of, fill
from secwatch.sensor.kernels.state import PIPELINED_SKIPPED, SERVICE_HTTP, Record, SensorState
from secwatch.sensor.kernels.transactions import finish_cut, finish_slot, take

_MOST_LOOKALIKES = 8  # of one segment


@part
def begins_anew(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> bool:
    """Return whether a message begins with the next segment of a side whose message before it is not over.

    Then that one is done with, as far as it came, and the side is framed at the segment.
    """
    side = 1 if from_source else 2
    seen = signed(state.flows[np.uint64(number)]["seen"])
    stream = state.streams[np.uint64(number), np.uint64(side - 1)]
    collecting = seen & (COLLECTING * side) != 0
    sequence = signed(packet["sequence"])
    if not collecting and (not seen & (FRAMED * side) or difference(signed(stream["message"]), sequence) <= 0):
        return False
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    if not begins_head(data, start, end):
        return False
    if collecting and (seen & (GAP * side) or not _has_head(state, signed(stream["slot"]), sequence)):
        return False
    if seen & (NUMBERED * (3 - side)):
        if not is_response(data, start, end):
            if _waiting(state, number, from_source) > 0:
                _note_lookalikes(state, data, number, packet, from_source)
                return False
        elif collecting and _waiting(state, number, not from_source) < 2:
            return False  # the one request that waits is what the response under way answers
    if collecting:
        finish_cut(state, signed(stream["slot"]))
    frame_side(state, number, sequence, from_source, False)
    return True


@part
def _has_head(state: SensorState, place: int, sequence: int) -> bool:
    """Return whether the slot puts together an HTTP message whose head is whole, and began before `sequence`."""
    slot = state.slots[np.uint64(place)]
    if slot["kind"] != SERVICE_HTTP or difference(sequence, signed(slot["sequence"])) <= 0:
        return False
    base = base_of(state, place)
    return head_end(state.slot_data, base, base + signed(slot["length"])) >= 0


@part
def _waiting(state: SensorState, number: int, from_source: bool) -> int:
    """Return how many HTTP messages of the side are under way or wait for an answer, two at most."""
    count = signed(0)
    place = signed(state.flows[np.uint64(number)]["waiting_head"])
    while place >= 0 and count < 2:
        slot = state.slots[np.uint64(place)]
        if slot["kind"] == SERVICE_HTTP and (slot["from_source"] == 1) == from_source:
            count += 1
        place = signed(slot["next"])
    return count


@part
def _note_lookalikes(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Write rows of what looks like requests from the beginning of the segment on; they wait for no answer."""
    offset, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    for _ in range(_MOST_LOOKALIKES):
        if offset >= end or not is_request(data, offset, end):
            return
        size, wanted, _ = frame_http(data, offset, end, signed(FOR_OTHERS))
        stop = min(end, offset + wanted) if size > 0 else end
        place = take(state, number, signed(packet["time"]), from_source, False)
        fill(state, place, data, offset, stop)
        state.slots[np.uint64(place)]["kind"] = SERVICE_HTTP
        finish_slot(state, place)
        if size <= 0:
            return
        offset += size
    state.causes[PIPELINED_SKIPPED] += 1
