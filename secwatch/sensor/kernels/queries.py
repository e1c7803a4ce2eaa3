"""DNS messages on their way: a query waits for its answer; in TCP streams each stands behind its length.

Of a stream, the messages that lie within one segment are read (RFC 7766 section 8 asks senders for
that); where one goes on in later segments it is counted and stepped over.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.dns import dns_row, plausible, question_end
from secwatch.sensor.kernels.reads import Bytes, big16, signed
from secwatch.sensor.kernels.records import FRAMED
from secwatch.sensor.kernels.sequence import NEXT, difference
from secwatch.sensor.kernels.state import (
    EVENTS,
    MALFORMED_DNS,
    MOST_PIPELINED,
    PIPELINED_SKIPPED,
    SERVICE_DNS,
    SLOT_BYTES,
    TRUNCATED_DNS,
    Record,
    SensorState,
)
from secwatch.sensor.kernels.transactions import release, store, take

_LONGEST_FRAME = 2 + 65535  # bytes of a message behind its length, RFC 1035 section 4.2.2


@part
def take_message(
    state: SensorState, data: Bytes, number: int, packet: Record, start: int, end: int, from_source: bool
) -> bool:
    """Take the DNS message data[start:end], whose header is there. Return whether it was good."""
    flow = state.flows[np.uint64(number)]
    identifier = big16(data, start)
    if big16(data, start + 2) & 0x8000 == 0:
        stop = question_end(data, start, end) if big16(data, start + 4) > 0 else start + 12
        if stop < 0:
            return False
        flow["service"] = SERVICE_DNS
        place = take(state, number, packet["time"], from_source)
        store(state, place, data, start, stop)
        state.slots[np.uint64(place)]["kind"] = SERVICE_DNS
        state.slots[np.uint64(place)]["number"] = identifier
        if big16(data, start + 4) > 1:  # only the first question is kept
            state.slot_data[np.uint64(place * SLOT_BYTES + 4)] = 0
            state.slot_data[np.uint64(place * SLOT_BYTES + 5)] = 1
        return True
    place = signed(flow["waiting_head"])
    while place >= 0:
        slot = state.slots[np.uint64(place)]
        if slot["kind"] == SERVICE_DNS and slot["number"] == identifier and (slot["from_source"] == 1) != from_source:
            break
        place = signed(slot["next"])
    time = signed(packet["time"])
    rows = state.control[EVENTS]
    if place < 0:
        announced = packet["source_port"] == 5353 and packet["destination_port"] == 5353
        good = dns_row(state, flow, data, start, end, time, -1, from_source if announced else not from_source)
    else:
        asked = signed(state.slots[np.uint64(place)]["time"])
        good = dns_row(state, flow, data, start, end, asked, max(time - asked, 0), not from_source)
        if state.control[EVENTS] > rows:
            release(state, place)
    if state.control[EVENTS] > rows:
        flow["service"] = SERVICE_DNS
    return good


@part
def see_stream(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool, where: int) -> None:
    """Take the messages of a segment of a DNS stream.

    Where messages begin is known from the SYN on, as long as no segment is missing. Behind a gap or
    in one, and when the beginning was not captured, a message must look like one to be believed.
    """
    flow = state.flows[np.uint64(number)]
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    sequence = signed(packet["sequence"])
    side = 1 if from_source else 2
    stream = state.streams[np.uint64(number), np.uint64(side - 1)]
    ahead = difference(signed(stream["message"]), sequence)
    framed = signed(flow["seen"]) & FRAMED * side != 0
    sure = where == NEXT and framed and ahead >= 0 and ahead <= _LONGEST_FRAME
    if not sure:
        if not _begins_message(data, start, end):
            state.causes[TRUNCATED_DNS] += 1
            if where == NEXT:
                flow["seen"] = signed(flow["seen"]) & ~(FRAMED * side)
            return
        ahead = signed(0)
    waits = sure and ahead > 0 and stream["prefixed"] == 1  # its length was the end of the segment before
    offset, alone = _take_messages(
        state, data, number, packet, start if waits else start + ahead, ahead if waits else signed(-1), from_source
    )
    if where != NEXT:
        return
    seen = signed(flow["seen"]) & ~(FRAMED * side)
    if offset >= 0:
        stream["message"] = (sequence + offset - start) & 0xFFFFFFFF
        stream["prefixed"] = 1 if alone else 0
        seen |= FRAMED * side
    flow["seen"] = seen


@part
def _begins_message(data: Bytes, start: int, end: int) -> bool:
    """Return whether an ordinary message behind its length begins at `start` and ends within the segment."""
    if end - start < 2:
        return False
    stop = start + 2 + big16(data, start)
    return stop <= end and plausible(data, start + 2, stop)


@part
def _take_messages(
    state: SensorState, data: Bytes, number: int, packet: Record, offset: int, length: int, from_source: bool
) -> tuple[int, bool]:
    """Take messages from `offset` to the end of the segment; `length` of the first if it came before, else -1.

    Return (offset where the last one ends, which may lie behind the segment, or -1 if that is not
    known; whether only the length of the last one is here).
    """
    end = signed(packet["payload_end"])
    whole = end - packet["payload_start"] >= packet["payload_length"]
    taken = 0
    while offset < end:
        if length < 0:
            if offset + 2 > end:
                state.causes[TRUNCATED_DNS] += 1
                return signed(-1), False
            length = big16(data, offset)
            offset += 2
            if offset == end and whole and length > 0:
                return offset + length, True
        stop = offset + length
        if stop > end:
            state.causes[TRUNCATED_DNS] += 1
        elif taken == MOST_PIPELINED:
            state.causes[PIPELINED_SKIPPED] += 1
        else:
            taken += 1
            if length < 12 or not take_message(state, data, number, packet, offset, stop, from_source):
                state.causes[MALFORMED_DNS] += 1
        offset = stop
        length = signed(-1)
    return offset, False
