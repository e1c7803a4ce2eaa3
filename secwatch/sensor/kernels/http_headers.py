"""HTTP/1.x headers: their names and values as lists, and what they say of the body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big32, byte, little64, signed, some_byte
from secwatch.sensor.kernels.rows import set_span, set_text
from secwatch.sensor.kernels.state import ARENA, SensorState
from secwatch.sensor.kernels.text import put, put_escaped

NOT_STATED, CHUNKED = -1, -2
_VALUE_BYTES = 256  # of one value
_MOST_HEADERS = 64
_LIST_TEXT = 12 * 1024  # bytes of one list
_LOG_IN_BYTES = 4096
LOG_IN_TEXT = 12  # of an HTTP row: scheme and message of a log-in by NTLM, the client's, or else the server's
_TOKEN = int.from_bytes(b"TlRM", "big")  # how NTLM in base64 begins
_LENGTH = np.frombuffer(b"content-length:", np.uint8)
_ENCODING = np.frombuffer(b"transfer-encoding:", np.uint8)
_CREDENTIALS = np.frombuffer(b"authorization:", np.uint8)
_PROXY_CREDENTIALS = np.frombuffer(b"proxy-authorization:", np.uint8)


@part
def line_end(data: Bytes, start: int, end: int) -> int:
    """Return the offset of the next line feed, or `end`."""
    offset = start
    while offset + 8 <= end and not some_byte(little64(data, offset), 10):
        offset += 8
    while offset < end and byte(data, offset) != 10:
        offset += 1
    return offset


@part
def is_header(data: Bytes, start: int, end: int, name: NDArray[np.uint8]) -> bool:
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
def content_length(data: Bytes, start: int, end: int) -> int:
    """Return the Content-Length of the head in data[start:end], CHUNKED, or NOT_STATED."""
    length = signed(NOT_STATED)
    line = line_end(data, start, end)
    while line + 1 < end:
        begin = line + 1
        line = line_end(data, begin, end)
        if is_header(data, begin, line, _ENCODING):
            return signed(CHUNKED)
        if length < 0 and is_header(data, begin, line, _LENGTH):
            offset = begin + len(_LENGTH)
            while offset < line and byte(data, offset) == 32:
                offset += 1
            digits = 0
            number = signed(0)
            while offset < line and digits < 15 and byte(data, offset) >= 48 and byte(data, offset) <= 57:
                number = number * 10 + byte(data, offset) - 48
                digits += 1
                offset += 1
            if digits > 0:
                length = number
    return length


@part
def put_headers(state: SensorState, row: int, column: int, data: Bytes, start: int, end: int, values: bool) -> None:
    """Write the header names of the head, or their values, as a list; of credentials only the scheme.

    A message of NTLM among the values is kept as it is, beside them: whoever reads it takes the names out of it.
    """
    log_in, log_in_end = signed(0), signed(0)
    place = signed(state.control[ARENA])
    limit = place + _LIST_TEXT
    line = line_end(data, start, end)
    for _ in range(_MOST_HEADERS):
        if line + 1 >= end or place + 4 * _VALUE_BYTES + 8 > limit:
            break
        begin = line + 1
        line = line_end(data, begin, end)
        stop = line
        while stop > begin and byte(data, stop - 1) <= 32:
            stop -= 1
        if stop == begin:
            break  # the empty line
        colon = begin
        while colon < stop and byte(data, colon) != 58:
            colon += 1
        first, last = begin, colon
        if values:
            first, last = _value_of(data, begin, colon, stop)
            if log_in_end == 0 and _is_log_in(data, first, stop):
                log_in, log_in_end = first, stop
        last = min(last, first + _VALUE_BYTES)
        after = put_escaped(state.arena, place + 2, limit, data, first, last, False, False)
        size = after - place - 2
        put(state.arena, put(state.arena, place, size & 255), size >> 8)
        place = after
    set_text(state, row, column, place)
    if log_in_end > 0 and state.text_lengths[np.uint64(row), LOG_IN_TEXT] == 0:
        set_span(state, row, LOG_IN_TEXT, data, log_in, min(log_in_end, log_in + _LOG_IN_BYTES))


@part
def _is_log_in(data: Bytes, first: int, stop: int) -> bool:
    """Return whether this value is NTLM or Negotiate with a message that may be NTLM's second or third."""
    if stop - first < 16 or byte(data, first) | 32 != 110:
        return False
    offset = first
    while offset < stop and byte(data, offset) > 32:
        offset += 1
    while offset < stop and byte(data, offset) <= 32:
        offset += 1
    if stop - offset < 12:
        return False
    if byte(data, offset) == 111 and byte(data, offset + 1) >= 81 and byte(data, offset + 1) <= 89:
        return True  # o and Q to Y: a NegTokenResp of SPNEGO (RFC 4178), from the server's challenge on
    return big32(data, offset) == _TOKEN and byte(data, offset + 11) >= 67  # C or D: the kind 2 or 3


@part
def _value_of(data: Bytes, begin: int, colon: int, stop: int) -> tuple[int, int]:
    """Return where the value of the header line is; of credentials only their scheme counts."""
    first = min(colon + 1, stop)
    while first < stop and byte(data, first) <= 32:
        first += 1
    if not is_header(data, begin, stop, _CREDENTIALS) and not is_header(data, begin, stop, _PROXY_CREDENTIALS):
        return first, stop
    last = first
    while last < stop and byte(data, last) > 32:
        last += 1
    return first, last
