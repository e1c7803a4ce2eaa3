"""Where a TCP segment belongs in its stream: next, into a gap, or seen before.

Mirror ports show packets twice and senders repeat themselves; events must not be made twice of
it. The first copy counts. Each side of a flow remembers the sequence number after its highest
byte, and one gap below it: segments that arrive out of order fill the gap and are new. When there
are several gaps they are kept as one that covers them all, so nothing new is ever taken for old;
what lies between them may be looked at twice.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.history import difference
from secwatch.sensor.kernels.reads import signed
from secwatch.sensor.kernels.records import FRAMED, GAP, NUMBERED
from secwatch.sensor.kernels.state import RETRANSMISSIONS, Record, SensorState

REPEATED, NEXT, FILLING = range(3)
# Bytes below the highest one that a repetition can lie. Farther away the numbers are not those of this
# stream: a decoy far ahead must not make all that follows look old. A sender has at most bandwidth times
# round trip under way: 1 MB at 1 Gbit/s and 8 ms, more than a city's lines have.
_WINDOW = 1 << 20


@hot
def place_of(state: SensorState, number: int, packet: Record, from_source: bool) -> int:
    """Take note of a segment with payload or SYN. Return REPEATED, NEXT (also behind a gap) or FILLING."""
    flow = state.flows[np.uint64(number)]
    start = signed(packet["sequence"])
    stop = (start + packet["payload_length"]) & 0xFFFFFFFF
    following = signed(flow["source_next"] if from_source else flow["destination_next"])
    known = signed(flow["seen"]) & (NUMBERED if from_source else NUMBERED * 2) != 0
    ahead = difference(stop, following)
    if known and ahead <= 0 and ahead >= -_WINDOW and packet["flags"] & 2 == 0:
        if _fills_gap(state, number, start, stop, from_source):
            return FILLING
        if packet["payload_length"] > 1 or ahead < 0:  # a keep-alive repeats the last byte
            state.control[RETRANSMISSIONS] += 1
            if from_source:
                flow["source_retransmissions"] += np.uint32(1)
            else:
                flow["destination_retransmissions"] += np.uint32(1)
        return REPEATED
    if from_source:
        flow["source_next"] = stop
    else:
        flow["destination_next"] = stop
    if not known or ahead <= 0 or packet["flags"] & 2:
        _begin(state, number, start, from_source, packet["flags"] & 2 != 0)
    elif difference(start, following) > 0:
        _leave_gap(state, number, start, following, from_source)
    return NEXT


@part
def _begin(state: SensorState, number: int, start: int, from_source: bool, opened: bool) -> None:
    """Begin the numbering of a side anew; `opened`: with a SYN, so that a message begins at `start`."""
    flow = state.flows[np.uint64(number)]
    side = 1 if from_source else 2
    seen = signed(flow["seen"]) & ~((GAP | FRAMED) * side)
    flow["seen"] = seen | NUMBERED * side


@part
def _leave_gap(state: SensorState, number: int, start: int, following: int, from_source: bool) -> None:
    """Remember that the bytes from `following` to `start` are missing."""
    flow = state.flows[np.uint64(number)]
    side = 1 if from_source else 2
    stream = state.streams[np.uint64(number), np.uint64(side - 1)]
    seen = signed(flow["seen"])
    # A gap that nothing has filled for so long was lost by the capture.
    if not seen & GAP * side or difference(following, signed(stream["gap_start"])) > _WINDOW:
        stream["gap_start"] = following
    stream["gap_end"] = start
    flow["seen"] = seen | GAP * side


@part
def _fills_gap(state: SensorState, number: int, start: int, stop: int, from_source: bool) -> bool:
    """Return whether a segment below the highest byte brings something of the gap, and narrow the gap by it."""
    flow = state.flows[np.uint64(number)]
    side = 1 if from_source else 2
    seen = signed(flow["seen"])
    if not seen & GAP * side:
        return False
    stream = state.streams[np.uint64(number), np.uint64(side - 1)]
    behind_start = difference(stop, signed(stream["gap_start"]))
    before_end = difference(signed(stream["gap_end"]), start)
    if behind_start <= 0 or before_end <= 0:
        return False
    at_start = difference(start, signed(stream["gap_start"])) <= 0
    at_end = difference(stop, signed(stream["gap_end"])) >= 0
    if at_start and at_end:
        flow["seen"] = seen & ~(GAP * side)
    elif at_start:
        stream["gap_start"] = stop
    elif at_end:
        stream["gap_end"] = start
    return True
