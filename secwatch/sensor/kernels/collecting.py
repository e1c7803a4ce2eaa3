"""Putting a message together from several segments, in whatever order they come, and reading it when it is whole.

At most one message of each side is under way. What stands behind a hole that is never filled is
read from where it begins like a message.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.conversation import take_message
from secwatch.sensor.kernels.framing import frame_next
from secwatch.sensor.kernels.history import difference
from secwatch.sensor.kernels.http_framing import find_head
from secwatch.sensor.kernels.messages import FIRST_BYTES, next_phase, recognise
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.records import COLLECTING, PHASE
from secwatch.sensor.kernels.sides import frame_side, kind_of, lose_side, phase_of
from secwatch.sensor.kernels.slots import add, base_of, capacity_of, collect, release, shift
from secwatch.sensor.kernels.state import (
    HTTP_BODY,
    MALFORMED_CHUNKS,
    MOST_PIPELINED,
    NO_SERVICE,
    SERVICE_HTTP,
    SERVICE_SSH,
    SERVICE_TLS,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.transactions import finish_cut, finish_waiting, take


@part
def begin(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, sequence: int) -> None:
    """Begin to put together the message at `sequence`, at or before this segment, and add the segment."""
    service = kind_of(state.flows[np.uint64(number)], from_source)
    place = take(
        state, number, signed(packet["time"]), from_source, service == SERVICE_TLS and _server_side(state, number)
    )
    state.slots[np.uint64(place)]["kind"] = service
    collect(state, place, sequence)
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    add(state, place, data, start, end, difference(signed(packet["sequence"]), sequence))


@part
def _server_side(state: SensorState, number: int) -> bool:
    """Return whether a TLS message that begins now is the server's: the client's came before."""
    return signed(state.flows[np.uint64(number)]["seen"]) & 1 != 0


@part
def collect_segment(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> bool:
    """Add the segment to what is put together, and take the messages that are whole now.

    Return whether nothing is put together any more, and the segment may hold more.
    """
    side = 1 if from_source else 2
    place = signed(state.streams[np.uint64(number), np.uint64(side - 1)]["slot"])
    slot = state.slots[np.uint64(place)]
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    for _ in range(MOST_PIPELINED):
        position = difference(signed(packet["sequence"]), signed(slot["sequence"]))
        add(state, place, data, start, end, position)
        if slot["kind"] == NO_SERVICE and not _recognise_slot(state, packet, place):
            return False
        length = signed(slot["length"])
        size, wanted, inside = signed(0), signed(1), False
        if length > 0:
            size, wanted, inside = _frame_slot(state, place)
        if size < 0:
            kind = signed(slot["kind"])
            _salvage(state, number, place)
            release(state, place)
            lose_side(state, number, from_source)
            if kind == HTTP_BODY:
                _find_next(state, data, number, packet, from_source)
            return True
        if size == 0 or wanted > length:
            return _give_up(state, number, packet, place, size, inside)
        frame_side(state, number, signed(slot["sequence"]) + size, from_source, inside)
        behind = length <= position + end - start  # whatever follows is in this segment
        if _take_from_slot(state, number, place, size, wanted, behind and size >= position):
            return True
    return False


@part
def _find_next(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> None:
    """Where no chunk is, let what looks like a message in the segment be the next one of the side."""
    state.causes[MALFORMED_CHUNKS] += 1
    start = signed(packet["payload_start"])
    found = find_head(data, start, signed(packet["payload_end"]))
    if found >= 0:
        frame_side(state, number, signed(packet["sequence"]) + found - start, from_source, False)


@part
def _frame_slot(state: SensorState, place: int) -> tuple[int, int, bool]:
    """Return (length, wanted, inside) of the message at the beginning of the slot."""
    slot = state.slots[np.uint64(place)]
    number, from_source = signed(slot["flow"]), slot["from_source"] == 1
    base = base_of(state, place)
    stop = base + signed(slot["length"])
    return frame_next(state, number, signed(slot["kind"]), state.slot_data, base, stop, from_source)


@part
def _take_from_slot(state: SensorState, number: int, place: int, size: int, wanted: int, last: bool) -> bool:
    """Take the message at the beginning of the slot. Return whether the slot is done with: it was the `last` there."""
    slot = state.slots[np.uint64(place)]
    from_source = slot["from_source"] == 1
    service = signed(slot["kind"])
    base = base_of(state, place)
    time = signed(slot["time"])
    last = slot["islands"] == 0 and (last or size >= signed(slot["length"]))
    set_phase(state, number, service, state.slot_data, base, base + wanted, from_source)
    holder = place if last else signed(-1)
    take_message(state, number, service, state.slot_data, base, base + wanted, time, from_source, holder, False)
    if service == SERVICE_TLS:
        lose_side(state, number, from_source)
        if not last:
            release(state, place)
    if last or service == SERVICE_TLS:
        return True
    side = 1 if from_source else 2
    if not signed(state.flows[np.uint64(number)]["seen"]) & (COLLECTING * side):
        return True  # it had to make room
    if size > signed(slot["length"]):
        _salvage(state, number, place)
        release(state, place)
        return True
    shift(state, place, size)
    if service == SERVICE_HTTP or service == HTTP_BODY:
        slot["kind"] = kind_of(state.flows[np.uint64(number)], from_source)
    return False


@part
def _give_up(state: SensorState, number: int, packet: Record, place: int, size: int, inside: bool) -> bool:
    """Go on waiting, or, when the rest will not come or not fit, take what is there.

    Return whether it was given up because of a hole: then the segment may begin anew.
    """
    slot = state.slots[np.uint64(place)]
    from_source = slot["from_source"] == 1
    length = signed(slot["length"])
    capacity = capacity_of(state, place)
    position = difference(signed(packet["sequence"]), signed(slot["sequence"]))
    captured = position + signed(packet["payload_end"]) - signed(packet["payload_start"])
    stop = position + signed(packet["payload_length"])
    cut_short = captured < stop and length >= captured
    hopeless = stop >= capacity and length < min(captured, capacity)
    if not cut_short and not hopeless and length < capacity:
        return False
    sequence = signed(slot["sequence"])
    _salvage(state, number, place)
    if signed(state.flows[np.uint64(number)]["seen"]) & (COLLECTING * (1 if from_source else 2)):
        finish_cut(state, place)
    if size > 0:
        frame_side(state, number, sequence + size, from_source, inside)
    else:
        lose_side(state, number, from_source)
    return hopeless


@part
def _salvage(state: SensorState, number: int, place: int) -> None:
    """Take the messages that stand behind holes which will not be filled."""
    slot = state.slots[np.uint64(place)]
    flow = state.flows[np.uint64(number)]
    service = signed(slot["kind"])
    if service == SERVICE_TLS:
        return
    if service == HTTP_BODY:
        service = signed(SERVICE_HTTP)
    from_source = slot["from_source"] == 1
    time = signed(slot["time"])
    base = base_of(state, place)
    for index in range(signed(slot["islands"])):
        offset = base + signed(state.islands[np.uint64(place), np.uint64(index), 0])
        stop = base + signed(state.islands[np.uint64(place), np.uint64(index), 1])
        if service == NO_SERVICE and stop - offset >= FIRST_BYTES:
            ports = signed(flow["source_port"]), signed(flow["destination_port"])
            service = recognise(state.slot_data, offset, stop, ports[0], ports[1])
            flow["service"] = service
            slot["kind"] = service
        while offset < stop:
            size, wanted, _ = frame_next(state, number, service, state.slot_data, offset, stop, from_source)
            if size <= 0 or offset + wanted > stop:
                break
            take_message(state, number, service, state.slot_data, offset, offset + wanted, time, from_source, -1, False)
            if slot["collecting"] == 0:
                return  # it had to make room
            offset += size
    slot["islands"] = 0


@part
def end_streams(state: SensorState, number: int) -> None:
    """Take what both sides still have, then write all that waits."""
    for side in range(2):
        if signed(state.flows[np.uint64(number)]["seen"]) & (COLLECTING << side):
            _salvage(state, number, signed(state.streams[np.uint64(number), np.uint64(side)]["slot"]))
    finish_waiting(state, number)


@part
def _recognise_slot(state: SensorState, packet: Record, place: int) -> bool:
    """Tell the service of a slot whose first bytes came late or few at a time. Return whether it is known now."""
    slot = state.slots[np.uint64(place)]
    flow = state.flows[np.uint64(slot["flow"])]
    base = base_of(state, place)
    length = signed(slot["length"])
    if flow["service"] == NO_SERVICE:
        if length < FIRST_BYTES:
            return False
        source, destination = signed(packet["source_port"]), signed(packet["destination_port"])
        flow["service"] = recognise(state.slot_data, base, base + length, source, destination)
        if flow["service"] == SERVICE_SSH:
            open_session(state, packet, signed(slot["flow"]))
    slot["kind"] = flow["service"]
    if flow["service"] == NO_SERVICE:
        release(state, place)
        return False
    return True


@part
def open_session(state: SensorState, packet: Record, number: int) -> None:
    """Let an SSH flow keep what its row will be made of."""
    place = take(state, number, signed(packet["time"]), True, False)
    state.slots[np.uint64(place)]["kind"] = SERVICE_SSH


@part
def set_phase(
    state: SensorState, number: int, service: int, data: Bytes, start: int, end: int, from_source: bool
) -> None:
    """Move the conversation to the stage that the message brings."""
    flow = state.flows[np.uint64(number)]
    phase = phase_of(flow)
    following = next_phase(service, data, start, end, from_source, phase)
    if following != phase:
        flow["seen"] = (signed(flow["seen"]) & ~(3 * PHASE)) | (following * PHASE)
