"""How long the next message of a side is, with what the conversation before it says of that."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.http import is_response
from secwatch.sensor.kernels.http_chunks import frame_chunks
from secwatch.sensor.kernels.http_framing import FOR_OTHERS, asks_for, frame_http
from secwatch.sensor.kernels.messages import frame
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.sides import frame_side, lose_side, phase_of
from secwatch.sensor.kernels.slots import base_of, find_request
from secwatch.sensor.kernels.state import HTTP_BODY, SERVICE_HTTP, SensorState


@part
def frame_next(
    state: SensorState, number: int, kind: int, data: Bytes, start: int, end: int, from_source: bool
) -> tuple[int, int, bool]:
    """Return (length, wanted, inside) of what is at `start`, a message of the service `kind` or HTTP_BODY.

    Length and wanted are those of `messages.frame`; `inside`: behind it come chunks of the body of an HTTP message.
    """
    if kind == HTTP_BODY:
        return frame_chunks(data, start, end)
    if kind == SERVICE_HTTP:
        return frame_http(data, start, end, _asked(state, number, data, start, end, from_source))
    size, wanted = frame(kind, data, start, end, from_source, phase_of(state.flows[np.uint64(number)]))
    return size, wanted, False


@part
def _asked(state: SensorState, number: int, data: Bytes, start: int, end: int, from_source: bool) -> int:
    """Return what the request asks for that the response at `start`, if it is one, answers."""
    if not is_response(data, start, end):
        return signed(FOR_OTHERS)
    place = find_request(state, number, SERVICE_HTTP, 0, from_source)
    if place < 0:
        return signed(FOR_OTHERS)
    base = base_of(state, place)
    return asks_for(state.slot_data, base, base + signed(state.slots[np.uint64(place)]["length"]))


@part
def go_on_behind(state: SensorState, place: int) -> None:
    """Let the side of an HTTP message that is written before it was whole go on where it said that it ends."""
    slot = state.slots[np.uint64(place)]
    number, from_source = signed(slot["flow"]), slot["from_source"] == 1
    start = base_of(state, place)
    size, _, inside = frame_http(state.slot_data, start, start + signed(slot["length"]), signed(FOR_OTHERS))
    if size > 0:
        frame_side(state, number, signed(slot["sequence"]) + size, from_source, inside)
    else:
        lose_side(state, number, from_source)
