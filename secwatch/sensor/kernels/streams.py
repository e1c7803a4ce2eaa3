"""Reading the messages of a TCP stream, one side at a time, in order of sequence numbers.

A message that lies within a segment is taken where it lies. One that goes on in later segments is
put together in a slot, as far as its parser wants it; the rest is skipped by length. Behind a gap
that is not filled, and when the beginning was not captured, a segment must begin like a message to
be believed.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.collecting import (
    begin,
    collect_segment,
    set_phase,
)
from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.conversation import note_encrypted, take_message
from secwatch.sensor.kernels.dns import plausible
from secwatch.sensor.kernels.framing import frame_next
from secwatch.sensor.kernels.history import difference
from secwatch.sensor.kernels.http_framing import find_head
from secwatch.sensor.kernels.lookalikes import begins_anew
from secwatch.sensor.kernels.messages import LEAST_BYTES
from secwatch.sensor.kernels.reads import Bytes, big16, signed
from secwatch.sensor.kernels.records import COLLECTING, FRAMED
from secwatch.sensor.kernels.sequence import NEXT
from secwatch.sensor.kernels.sides import frame_side, kind_of, lose_side, phase_of
from secwatch.sensor.kernels.slots import add, collect
from secwatch.sensor.kernels.state import (
    HTTP_BODY,
    MALFORMED_CHUNKS,
    MOST_PIPELINED,
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
from secwatch.sensor.kernels.transactions import finish_cut, take

_FARTHEST = 1 << 27  # bytes that the next message can lie ahead: more is not believed


@part
def read_stream(
    state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, first: bool, where: int
) -> None:
    """Take the messages of a segment of a flow whose service is known.

    `first`: it is the side's first payload behind its SYN, so a message begins with it.
    """
    flow = state.flows[np.uint64(number)]
    side = 1 if from_source else 2
    sequence = signed(packet["sequence"])
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    service = signed(flow["service"])
    # A length that lied, or a body that never came, hides nothing.
    anew = (
        service == SERVICE_HTTP
        and where == NEXT
        and not first
        and begins_anew(state, data, number, packet, from_source)
    )
    if not anew and signed(flow["seen"]) & (COLLECTING * side):
        if not collect_segment(state, data, number, packet, from_source):
            return
        service = signed(flow["service"])
    if not signed(flow["seen"]) & (FRAMED * side):
        if not first and not _begins_message(state, number, service, data, start, end, from_source):
            if service == SERVICE_SSH:
                _encrypted(state, number, signed(packet["payload_length"]), from_source)
            elif service == SERVICE_DNS:
                state.causes[TRUNCATED_DNS] += 1
            return
        frame_side(state, number, sequence, from_source, False)
    stream = state.streams[np.uint64(number), np.uint64(side - 1)]
    ahead = difference(signed(stream["message"]), sequence)
    if ahead < 0:
        if -ahead < SLOT_BYTES:
            begin(state, data, number, packet, from_source, signed(stream["message"]))
            return
        if not _begins_message(state, number, service, data, start, end, from_source):
            lose_side(state, number, from_source)
            return
        frame_side(state, number, sequence, from_source, False)
        ahead = signed(0)
    if ahead > _FARTHEST:
        lose_side(state, number, from_source)
    elif ahead < signed(packet["payload_length"]) and start + ahead < end:
        _take_messages(state, data, number, packet, from_source, start + ahead)


@part
def _encrypted(state: SensorState, number: int, size: int, from_source: bool) -> None:
    """Note a segment of an SSH side behind its NEWKEYS."""
    if phase_of(state.flows[np.uint64(number)]) & (1 if from_source else 2) and size > 0:
        note_encrypted(state, number, size, from_source)


@part
def _begins_message(
    state: SensorState, number: int, service: int, data: Bytes, start: int, end: int, from_source: bool
) -> bool:
    """Return whether a message of the service may begin with the segment."""
    if service == SERVICE_DNS:
        if end - start < 2:
            return False
        stop = start + 2 + big16(data, start)
        return stop <= end and plausible(data, start + 2, stop)
    if service == SERVICE_TLS:
        return False
    length, _, _ = frame_next(state, number, service, data, start, end, from_source)
    return length > 0


@part
def _take_messages(
    state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, offset: int
) -> None:
    """Take the messages from `offset` to the end of the segment."""
    flow = state.flows[np.uint64(number)]
    service = signed(flow["service"])
    kind = kind_of(flow, from_source)
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    sequence = signed(packet["sequence"])
    time = signed(packet["time"])
    whole = end - start >= packet["payload_length"]
    taken = 0
    while offset < end:
        size, wanted, inside = frame_next(state, number, kind, data, offset, end, from_source)
        if size < 0:
            if kind == HTTP_BODY:
                state.causes[MALFORMED_CHUNKS] += 1
                kind = service
                offset = find_head(data, offset, end)
                if offset >= 0:
                    continue
            lose_side(state, number, from_source)
            if service == SERVICE_SSH:
                _encrypted(state, number, signed(packet["payload_length"]) - (offset - start), from_source)
            return
        if size == 0 or offset + wanted > end:
            frame_side(state, number, sequence + offset - start, from_source, kind == HTTP_BODY)
            _unfinished(state, data, number, packet, from_source, offset, size, inside, whole)
            return
        if taken == MOST_PIPELINED and kind != HTTP_BODY:
            state.causes[PIPELINED_SKIPPED] += 1
        else:
            stop = offset + wanted
            set_phase(state, number, service, data, offset, stop, from_source)
            if take_message(state, number, kind, data, offset, stop, time, from_source, -1, False):
                taken += 1
        if service == SERVICE_TLS:
            lose_side(state, number, from_source)  # one message of each side; the rest is not looked at
            return
        offset += size
        if service == SERVICE_HTTP:
            kind = signed(HTTP_BODY) if inside else service
    frame_side(state, number, sequence + offset - start, from_source, kind == HTTP_BODY)


@part
def _unfinished(
    state: SensorState,
    data: Bytes,
    number: int,
    packet: Record,
    from_source: bool,
    offset: int,
    size: int,
    inside: bool,
    whole: bool,
) -> None:
    """Begin to put together the message at `offset` that the segment does not end; or take what the capture kept."""
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    sequence = (signed(packet["sequence"]) + offset - start) & 0xFFFFFFFF
    if whole:
        begin(state, data, number, packet, from_source, sequence)
        return
    body = kind_of(state.flows[np.uint64(number)], from_source) == HTTP_BODY
    if size > 0:
        frame_side(state, number, sequence + size, from_source, inside)
        service = signed(state.flows[np.uint64(number)]["service"])
        own = service == SERVICE_DNS or service == SERVICE_TLS or service == SERVICE_HTTP or service == SERVICE_SSH
        if not own and end - offset >= LEAST_BYTES:  # what is there pairs it
            take_message(
                state, number, service, data, offset, end, signed(packet["time"]), from_source, signed(-1), True
            )
            return
    else:
        lose_side(state, number, from_source)
    if body:
        return
    place = take(state, number, signed(packet["time"]), from_source, False)
    state.slots[np.uint64(place)]["kind"] = state.flows[np.uint64(number)]["service"]
    collect(state, place, sequence)
    add(state, place, data, offset, end, 0)
    finish_cut(state, place)
