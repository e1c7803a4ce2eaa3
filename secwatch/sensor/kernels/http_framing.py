"""How long HTTP/1.x messages are: heads and the beginning of bodies, of requests and responses."""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.http import BODY_BYTES, HEAD_BYTES, begins_head, head_end, is_response, status
from secwatch.sensor.kernels.http_chunks import chunk_line, ends_chunk
from secwatch.sensor.kernels.http_headers import CHUNKED, content_length, line_end
from secwatch.sensor.kernels.reads import Bytes, big32, byte, signed

FOR_OTHERS, FOR_HEAD, FOR_CONNECT = range(3)  # what a request wants answered, as far as it matters for the body
_HEAD, _CONN = (int.from_bytes(word, "big") for word in (b"HEAD", b"CONN"))


@part
def asks_for(data: Bytes, start: int, end: int) -> int:
    """Return what the request at `start` wants answered: FOR_HEAD, FOR_CONNECT or FOR_OTHERS."""
    if end - start < 5:
        return signed(FOR_OTHERS)
    word = big32(data, start)
    if word == _HEAD and byte(data, start + 4) == 32:
        return signed(FOR_HEAD)
    return signed(FOR_CONNECT if word == _CONN else FOR_OTHERS)


@part
def frame_http(data: Bytes, start: int, end: int, asked: int) -> tuple[int, int, bool]:
    """Return (length, wanted, chunks) of the message at `start`: its head, and the beginning of its body.

    `asked`: what a response answers (`asks_for`). `chunks`: behind it come chunks of its body. Of a body whose
    length is not stated only what has come with the head, or the first chunk, counts. Empty lines before a
    head (RFC 9112, section 2.2) are a message without content.
    """
    if not begins_head(data, start, end):
        blank = start
        while blank < end and (byte(data, blank) == 13 or byte(data, blank) == 10):
            blank += 1
        if blank > start:
            return blank - start, blank - start, False
        begun = end - start < 12 and byte(data, start) >= 67 and byte(data, start) <= 85
        return (0, 12, False) if begun else (-1, 0, False)
    stop = head_end(data, start, min(end, start + HEAD_BYTES))
    if stop < 0:
        if end - start >= HEAD_BYTES:
            return HEAD_BYTES, HEAD_BYTES, False
        return 0, end - start + 1, False
    head = stop - start
    answers = is_response(data, start, end)
    if answers and _has_no_body(status(data, start), asked):
        return head, head, False
    length = content_length(data, start, stop)
    if length == CHUNKED:
        return _frame_chunked(data, start, stop, end)
    if length < 0:
        kept = min(end - stop, BODY_BYTES, HEAD_BYTES - head) if answers else 0
        return head + kept, head + kept, False
    return head + length, head + min(length, BODY_BYTES, HEAD_BYTES - head), False


@part
def _has_no_body(code: int, asked: int) -> bool:
    """Return whether a response of this status has no body, whatever its head says (RFC 9112, section 6.3)."""
    if code < 200 or code == 204 or code == 304 or asked == FOR_HEAD:
        return True
    return bool(asked == FOR_CONNECT and code < 300)


@part
def _frame_chunked(data: Bytes, start: int, stop: int, end: int) -> tuple[int, int, bool]:
    """Return what `frame_http` returns of a message whose head is data[start:stop], with the first chunk if it has one.

    A body that does not begin with a chunk is left to who frames the chunks.
    """
    head = stop - start
    line, size = chunk_line(data, stop, end)
    if line < 0 and size == 0 and end - start < HEAD_BYTES:
        return 0, end - start + 1, False
    if line < 0 or size == 0 or not ends_chunk(data, line + 1 + size, end):
        return head, head, True
    length = line + 1 + size - stop
    return head + length, head + min(length, BODY_BYTES, HEAD_BYTES - head), True


@part
def find_head(data: Bytes, start: int, end: int) -> int:
    """Return the offset of the first head that begins at `start` or with a later line, -1 if there is none."""
    offset = start
    while offset < end:
        if begins_head(data, offset, end):
            return offset
        offset = line_end(data, offset, end) + 1
    return signed(-1)
