"""DNS messages: question, answers in Zeek's words, response code."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, big32, big64, byte, signed
from secwatch.sensor.kernels.rows import new_row, set_text
from secwatch.sensor.kernels.state import ARENA, SERVICE_DNS, Record, SensorState
from secwatch.sensor.kernels.text import put, put_decimal, put_escaped, put_ipv4, put_ipv6

QUERY_TEXT, ANSWERS_TEXT, TTLS_TEXT = range(3)
_MOST_JUMPS = 16  # compression pointers followed for one name
_LONGEST_NAME = 255  # bytes on the wire, RFC 1035 section 2.3.4
_MOST_QUESTIONS = 16
_MOST_ANSWERS = 128
_ANSWER_TEXT = 8192  # bytes of all answers of one message; one more may begin below this
_ONE_ANSWER = 2048


@part
def question_end(data: Bytes, start: int, end: int) -> int:
    """Return the offset after the first question of the message in data[start:end], -1 if it is bad."""
    offset = start + 12
    while True:
        if offset >= end:
            return -1
        length = byte(data, offset)
        offset += 1
        if length == 0:
            break
        offset += length
        if length > 63 or offset - start - 12 > _LONGEST_NAME:
            return -1
    return offset + 4 if offset + 4 <= end else -1


@part
def put_name(arena: Bytes, place: int, limit: int, data: Bytes, start: int, end: int, offset: int) -> tuple[int, int]:
    """Write the name at `offset` of the message data[start:end], in lower case, the root as a dot.

    Return (offset after the name, place); the offset is -1 if the name is bad.
    """
    after = signed(-1)
    jumps = 0
    size = 0
    first = True
    while True:
        if offset >= end:
            return -1, place
        length = byte(data, offset)
        if length == 0:
            if after < 0:
                after = offset + 1
            break
        if length >= 0xC0:
            if offset + 2 > end:
                return -1, place
            if after < 0:
                after = offset + 2
            target = start + (big16(data, offset) & 0x3FFF)
            jumps += 1
            if jumps > _MOST_JUMPS or target >= offset:
                return -1, place
            offset = target
            continue
        size += length + 1
        if length > 63 or size > _LONGEST_NAME or offset + 1 + length > end:
            return -1, place
        if not first:
            place = put(arena, place, 46)
        first = False
        place = put_escaped(arena, place, limit, data, offset + 1, offset + 1 + length, True, True)
        offset += 1 + length
    if first:
        place = put(arena, place, 46)
    return after, place


@part
def _put_strings(arena: Bytes, place: int, limit: int, data: Bytes, start: int, end: int) -> int:
    """Write the character strings of a TXT record as `TXT <length> <text>`, separated by spaces."""
    offset = start
    while offset < end and place + 16 < limit:
        length = byte(data, offset)
        offset += 1
        if place > 0 and offset > start + 1:
            place = put(arena, place, 32)
        for character in (84, 88, 84, 32):  # "TXT "
            place = put(arena, place, character)
        place = put(arena, put_decimal(arena, place, length), 32)
        stop = min(offset + length, end)
        place = put_escaped(arena, place, limit, data, offset, stop, False, False)
        offset = stop
    return place


@part
def _put_unknown(arena: Bytes, place: int, kind: int) -> int:
    """Write what Zeek writes for a record type it does not take apart."""
    for character in (60, 117, 110, 107, 110, 111, 119, 110, 32, 116, 121, 112, 101, 61):
        place = put(arena, place, character)
    return put(arena, put_decimal(arena, place, kind), 62)


@part
def _put_answer(
    arena: Bytes, place: int, data: Bytes, start: int, end: int, kind: int, offset: int, length: int
) -> int:
    """Write one resource record's data. Return the place after it, -1 if it is bad."""
    limit = place + _ONE_ANSWER
    stop = offset + length
    if kind == 1:
        return put_ipv4(arena, place, big32(data, offset)) if length == 4 else -1
    if kind == 28:
        if length != 16:
            return -1
        return put_ipv6(arena, place, big64(data, offset), big64(data, offset + 8))
    if kind == 16 or kind == 99:
        return _put_strings(arena, place, limit, data, offset, stop)
    skipped = -1
    if kind == 2 or kind == 5 or kind == 6 or kind == 12 or kind == 39:
        skipped = 0
    elif kind == 15 or kind == 64 or kind == 65:
        skipped = 2
    elif kind == 33:
        skipped = 6
    if skipped < 0:
        return _put_unknown(arena, place, kind)
    after, place = put_name(arena, place, limit, data, start, stop, offset + skipped)
    return place if after >= 0 else -1


@part
def _put_answers(
    state: SensorState, place: int, data: Bytes, start: int, end: int, offset: int, count: int
) -> tuple[int, int, bool]:
    """Write the answer records, each behind its length in two bytes; their times to live go to the scratch.

    Return (place, how many, all were good).
    """
    arena = state.arena
    limit = place + _ANSWER_TEXT
    taken = signed(0)
    for _ in range(min(count, _MOST_ANSWERS)):
        if place >= limit:
            break
        after, _unused = put_name(arena, place, place + _ONE_ANSWER, data, start, end, offset)
        if after < 0 or after + 10 > end:
            return place, taken, False
        kind = big16(data, after)
        length = big16(data, after + 8)
        offset = after + 10
        if offset + length > end:
            return place, taken, False
        stop = _put_answer(arena, place + 2, data, start, end, kind, offset, length)
        if stop < 0:
            return place, taken, False
        state.scratch[0, np.uint64(taken)] = big32(data, after + 4)
        taken += 1
        size = stop - place - 2
        put(arena, put(arena, place, size & 255), size >> 8)
        place = stop
        offset += length
    return place, taken, True


@part
def dns_row(
    state: SensorState,
    flow: Record,
    data: Bytes,
    start: int,
    end: int,
    time: int,
    round_trip: int,
    client_is_source: bool,
) -> bool:
    """Add a row for the message data[start:end], whose header is there. Return whether all of it was good.

    A message whose question is bad makes no row.
    """
    flags = big16(data, start + 2)
    questions = big16(data, start + 4)
    place = state.control[ARENA]
    begin = place
    offset = start + 12
    kind = 0
    if questions > _MOST_QUESTIONS:
        return False
    query_end = place
    for index in range(questions):
        offset, place = put_name(state.arena, query_end, begin + 4096, data, start, end, offset)
        if offset < 0 or offset + 4 > end:
            return False
        if index == 0:
            query_end = place
            kind = big16(data, offset)
        offset += 4
    row = new_row(state, flow, SERVICE_DNS, time, client_is_source)
    record = state.events[np.uint64(row)]
    record["number"] = big16(data, start)
    record["code"] = kind
    set_text(state, row, QUERY_TEXT, query_end)
    if flags & 0x8000 == 0:
        return True
    record["answer"] = flags & 15
    record["round_trip"] = round_trip
    answers = big16(data, start + 6)
    place, taken, good = _put_answers(state, signed(state.control[ARENA]), data, start, end, offset, answers)
    set_text(state, row, ANSWERS_TEXT, place)
    for index in range(taken):
        for shift in (0, 8, 16, 24):  # as little-endian numbers
            place = put(state.arena, place, (state.scratch[0, np.uint64(index)] >> shift) & 255)
    set_text(state, row, TTLS_TEXT, place)
    return good


@part
def plausible(data: Bytes, start: int, end: int) -> bool:
    """Return whether a datagram on an unusual port is a DNS message: one whole, ordinary question."""
    if end - start < 17:
        return False
    flags = big16(data, start + 2)
    if flags & 0x7840 != 0 or big16(data, start + 4) != 1:
        return False
    after = question_end(data, start, end)
    if after < 0 or big16(data, after - 2) != 1 or big16(data, after - 4) == 0:
        return False
    if flags & 0x8000 == 0:
        return big16(data, start + 6) == 0 and (after == end or big16(data, start + 10) > 0)
    return big16(data, start + 6) > 0 or flags & 15 != 0
