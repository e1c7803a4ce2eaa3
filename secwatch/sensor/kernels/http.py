"""HTTP/1.x: what begins a request or a response, and the texts of both."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.http_headers import content_length, is_header, line_end, put_headers
from secwatch.sensor.kernels.reads import Bytes, big32, byte
from secwatch.sensor.kernels.rows import set_text
from secwatch.sensor.kernels.state import ARENA, SensorState
from secwatch.sensor.kernels.text import put_escaped

METHOD_TEXT, HOST_TEXT, URI_TEXT, AGENT_TEXT, TYPE_TEXT, REFERRER_TEXT = range(6)
REQUEST_NAMES, REQUEST_VALUES, RESPONSE_NAMES, RESPONSE_VALUES, REQUEST_BODY, RESPONSE_BODY = range(6, 12)
HEAD_BYTES = 4096
BODY_BYTES = 1024  # of a body that are kept
_LONGEST_TEXT = 4096  # bytes of one escaped text

_METHODS = np.array(
    [
        int.from_bytes(word, "big")
        for word in (b"GET ", b"POST", b"HEAD", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN", b"TRAC", b"PROP",
                     b"MKCO", b"COPY", b"MOVE", b"LOCK", b"UNLO", b"REPO", b"SEAR", b"NOTI", b"SUBS", b"M-SE")
    ],
    np.int64,
)  # fmt: skip
_HTTP = int.from_bytes(b"HTTP", "big")
_VERSION = np.frombuffer(b"HTTP/1.1", np.uint8)
_HOST = np.frombuffer(b"host:", np.uint8)
_AGENT = np.frombuffer(b"user-agent:", np.uint8)
_TYPE = np.frombuffer(b"content-type:", np.uint8)
_REFERRER = np.frombuffer(b"referer:", np.uint8)


@part
def is_request(data: Bytes, start: int, end: int) -> bool:
    """Return whether a request head begins at `start`: a known method, and HTTP/1 if the line is whole."""
    if end - start < 8:
        return False
    word = big32(data, start)
    found = False
    for index in range(len(_METHODS)):
        if _METHODS[index] == word:
            found = True
            break
    if not found:
        return False
    limit = min(end, start + HEAD_BYTES)
    line = line_end(data, start, limit)
    space = start
    while space < min(line, start + 16) and byte(data, space) != 32:
        space += 1
    if space >= line or byte(data, space) != 32:
        return False
    if line == limit:
        return True  # the line goes on behind what is looked at
    if line > start and byte(data, line - 1) == 13:
        line -= 1
    return line - start >= 14 and big32(data, line - 8) == _HTTP and byte(data, line - 3) == 49


@part
def is_response(data: Bytes, start: int, end: int) -> bool:
    """Return whether a response head begins at `start`: HTTP/1.x and a status of three digits."""
    if end - start < 12 or big32(data, start) != _HTTP or byte(data, start + 8) != 32:
        return False
    if byte(data, start + 4) != 47 or byte(data, start + 5) != 49:
        return False
    for offset in range(start + 9, start + 12):
        if byte(data, offset) < 48 or byte(data, offset) > 57:
            return False
    return True


@part
def begins_head(data: Bytes, start: int, end: int) -> bool:
    """Return whether the head of a request or response begins at `start`."""
    if end - start < 8:
        return False
    first = byte(data, start)
    if first < 67 or first > 85:  # C to U: the first letters of methods and HTTP
        return False
    return is_request(data, start, end) or is_response(data, start, end)


@part
def status(data: Bytes, start: int) -> int:
    """Return the status of a response head that `is_response` has recognised."""
    return (byte(data, start + 9) - 48) * 100 + (byte(data, start + 10) - 48) * 10 + byte(data, start + 11) - 48


@part
def head_end(data: Bytes, start: int, end: int) -> int:
    """Return the offset after the empty line that ends a head, -1 if it is not there."""
    offset = start
    while True:
        offset = line_end(data, offset, end)
        if offset + 1 >= end:
            return -1
        if byte(data, offset + 1) == 10:
            return offset + 2
        if offset + 2 < end and byte(data, offset + 1) == 13 and byte(data, offset + 2) == 10:
            return offset + 3
        offset += 1


@part
def _put_value(state: SensorState, row: int, column: int, data: Bytes, start: int, end: int, lower: bool) -> None:
    """Make data[start:end] without surrounding blanks the text of the column."""
    while start < end and (byte(data, start) == 32 or byte(data, start) == 9):
        start += 1
    while end > start and byte(data, end - 1) <= 32:
        end -= 1
    place = state.control[ARENA]
    set_text(state, row, column, put_escaped(state.arena, place, place + _LONGEST_TEXT, data, start, end, lower, False))


@part
def _without_port(data: Bytes, start: int, end: int) -> int:
    """Return the end of a Host value without its port, as in Zeek; brackets of IPv6 stay whole."""
    bracketed = False
    for offset in range(start, end):
        value = byte(data, offset)
        if value == 91:
            bracketed = True
        elif value == 93:
            bracketed = False
        elif value == 58 and not bracketed:
            return offset
    return end


@part
def _without_cut_version(data: Bytes, start: int, end: int) -> int:
    """Return where the target ends in a line that was cut: before a last word that is the beginning of HTTP/1.1."""
    space = end - 1
    while space > start and byte(data, space) != 32:
        space -= 1
    if space <= start or end - space > len(_VERSION):
        return end
    for place in range(space + 1, end):
        if byte(data, place) != _VERSION[np.uint64(place - space - 1)]:
            return end
    return space


@part
def request_texts(state: SensorState, row: int, data: Bytes, start: int, end: int) -> bool:
    """Fill the row from the request in data[start:end], its head and the beginning of its body.

    Return whether the head was whole.
    """
    stop = head_end(data, start, end)
    whole = stop >= 0
    if not whole:
        stop = end
    line = line_end(data, start, stop)
    space = start
    while space < line and byte(data, space) != 32:
        space += 1
    _put_value(state, row, METHOD_TEXT, data, start, space, False)
    record = state.events[np.uint64(row)]
    last = line
    if line - start > 9:
        tail = line - 1 if byte(data, line - 1) == 13 else line
        if tail - 9 > space and byte(data, tail - 9) == 32 and big32(data, tail - 8) == _HTTP:
            last = tail - 9
            record["number"] = byte(data, tail - 3) * 10 + byte(data, tail - 1) - 528
    if line == end and last == line:
        last = _without_cut_version(data, space + 1, line)
    _put_value(state, row, URI_TEXT, data, space, last, False)
    seen = 0
    while line + 1 < stop:
        begin = line + 1
        line = line_end(data, begin, stop)
        if not seen & 1 and is_header(data, begin, line, _HOST):
            seen |= 1
            _put_value(state, row, HOST_TEXT, data, begin + 5, _without_port(data, begin + 5, line), True)
        elif not seen & 2 and is_header(data, begin, line, _AGENT):
            seen |= 2
            _put_value(state, row, AGENT_TEXT, data, begin + 11, line, False)
        elif not seen & 4 and is_header(data, begin, line, _REFERRER):
            seen |= 4
            _put_value(state, row, REFERRER_TEXT, data, begin + 8, line, False)
    length = content_length(data, start, stop)
    if length >= 0:
        record["value"] = length
        record["flag"] = 1
    put_headers(state, row, REQUEST_NAMES, data, start, stop, False)
    put_headers(state, row, REQUEST_VALUES, data, start, stop, True)
    _put_body(state, row, REQUEST_BODY, data, stop, end)
    return whole


@part
def response_texts(state: SensorState, row: int, data: Bytes, start: int, end: int) -> None:
    """Fill the row from the response in data[start:end], its head and the beginning of its body."""
    stop = head_end(data, start, end)
    if stop < 0:
        stop = end
    record = state.events[np.uint64(row)]
    if record["number"] == 0:
        record["number"] = byte(data, start + 5) * 10 + byte(data, start + 7) - 528
    record["round_trip"] = content_length(data, start, stop)
    line = line_end(data, start, stop)
    while line + 1 < stop:
        begin = line + 1
        line = line_end(data, begin, stop)
        if is_header(data, begin, line, _TYPE):
            _put_value(state, row, TYPE_TEXT, data, begin + 13, line, False)
            break
    put_headers(state, row, RESPONSE_NAMES, data, start, stop, False)
    put_headers(state, row, RESPONSE_VALUES, data, start, stop, True)
    _put_body(state, row, RESPONSE_BODY, data, stop, end)


@part
def _put_body(state: SensorState, row: int, column: int, data: Bytes, start: int, end: int) -> None:
    """Write the beginning of a body, byte for byte what was sent, unprintable ones as \\xNN."""
    place = state.control[ARENA]
    stop = min(end, start + BODY_BYTES)
    set_text(
        state, row, column, put_escaped(state.arena, place, place + 4 * BODY_BYTES + 4, data, start, stop, False, False)
    )
