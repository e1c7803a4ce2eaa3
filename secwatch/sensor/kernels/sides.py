"""Where the next message of each side of a TCP stream begins, and what stage its conversation has come to."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import signed
from secwatch.sensor.kernels.records import FRAMED, PHASE
from secwatch.sensor.kernels.state import HTTP_BODY, SERVICE_HTTP, Record, SensorState


@part
def phase_of(flow: Record) -> int:
    """Return the stage of the flow's conversation, 0 to 3."""
    return (signed(flow["seen"]) // PHASE) & 3


@part
def kind_of(flow: Record, from_source: bool) -> int:
    """Return what the side sends next: a message of the flow's service, or HTTP_BODY, the next chunk of a body."""
    service = signed(flow["service"])
    side = 1 if from_source else 2
    seen = signed(flow["seen"])
    if service == SERVICE_HTTP and seen & (FRAMED * side) and seen & (PHASE * side):
        return signed(HTTP_BODY)
    return service


@part
def frame_side(state: SensorState, number: int, sequence: int, from_source: bool, inside: bool) -> None:
    """Let the next message of the side begin at `sequence`; `inside`: the next chunk of the body of an HTTP message."""
    side = 1 if from_source else 2
    state.streams[np.uint64(number), np.uint64(side - 1)]["message"] = np.uint32(sequence & 0xFFFFFFFF)
    flow = state.flows[np.uint64(number)]
    seen = signed(flow["seen"]) | (FRAMED * side)
    if flow["service"] == SERVICE_HTTP:
        seen &= ~(PHASE * side)
        if inside:
            seen |= PHASE * side
    flow["seen"] = seen


@part
def lose_side(state: SensorState, number: int, from_source: bool) -> None:
    """Forget where the next message of the side begins."""
    flow = state.flows[np.uint64(number)]
    flow["seen"] = signed(flow["seen"]) & ~(FRAMED * (1 if from_source else 2))
