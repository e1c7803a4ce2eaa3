"""HTTP/1.x heads: request line and three headers of the request, status and type of the answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big32, byte, signed
from secwatch.sensor.kernels.rows import set_text
from secwatch.sensor.kernels.state import ARENA, SensorState
from secwatch.sensor.kernels.text import put_escaped

METHOD_TEXT, HOST_TEXT, URI_TEXT, AGENT_TEXT, TYPE_TEXT = range(5)
HEAD_BYTES = 4096
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
_HOST = np.frombuffer(b"host:", np.uint8)
_AGENT = np.frombuffer(b"user-agent:", np.uint8)
_TYPE = np.frombuffer(b"content-type:", np.uint8)


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
def status(data: Bytes, start: int) -> int:
    """Return the status of a response head that `is_response` has recognised."""
    return (byte(data, start + 9) - 48) * 100 + (byte(data, start + 10) - 48) * 10 + byte(data, start + 11) - 48


@part
def line_end(data: Bytes, start: int, end: int) -> int:
    """Return the offset of the next line feed, or `end`."""
    offset = start
    while offset < end and byte(data, offset) != 10:
        offset += 1
    return offset


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
def _is_header(data: Bytes, start: int, end: int, name: NDArray[np.uint8]) -> bool:
    """Return whether the line begins with this name (lower case, with its colon)."""
    if end - start < len(name):
        return False
    for index in range(len(name)):
        value = byte(data, start + index)
        if value >= 65 and value <= 90:
            value += 32
        if value != signed(name[index]):
            return False
    return True


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
def request_texts(state: SensorState, row: int, data: Bytes, start: int, end: int) -> None:
    """Fill method, host, target and user agent of the row from the head in data[start:end]."""
    line = line_end(data, start, end)
    space = start
    while space < line and byte(data, space) != 32:
        space += 1
    _put_value(state, row, METHOD_TEXT, data, start, space, False)
    last = line
    if line - start > 9:
        tail = line - 1 if byte(data, line - 1) == 13 else line
        if tail - 9 > space and byte(data, tail - 9) == 32 and big32(data, tail - 8) == _HTTP:
            last = tail - 9
    _put_value(state, row, URI_TEXT, data, space, last, False)
    has_host = False
    has_agent = False
    while line + 1 < end:
        begin = line + 1
        line = line_end(data, begin, end)
        if not has_host and _is_header(data, begin, line, _HOST):
            has_host = True
            _put_value(state, row, HOST_TEXT, data, begin + 5, _without_port(data, begin + 5, line), True)
        elif not has_agent and _is_header(data, begin, line, _AGENT):
            has_agent = True
            _put_value(state, row, AGENT_TEXT, data, begin + 11, line, False)


@part
def response_texts(state: SensorState, row: int, data: Bytes, start: int, end: int) -> None:
    """Fill the content type of the row from the response head in data[start:end]."""
    line = line_end(data, start, end)
    while line + 1 < end:
        begin = line + 1
        line = line_end(data, begin, end)
        if line - begin <= 1:
            return  # the head is over
        if _is_header(data, begin, line, _TYPE):
            _put_value(state, row, TYPE_TEXT, data, begin + 13, line, False)
            return
