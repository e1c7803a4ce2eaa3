"""The chunks of an HTTP/1.1 body (RFC 9112, section 7.1): stepped over, so that what stands behind the last is seen."""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.http_headers import line_end
from secwatch.sensor.kernels.reads import Bytes, byte, signed

CHUNK_LINE = 256  # bytes of a line with the size of a chunk and its extensions; real ones have none
_LARGEST_CHUNK = 1 << 40
_MOST_WAITED_FOR = 2048  # bytes of the last chunk with its trailers: half of what a slot takes


@part
def chunk_size(data: Bytes, start: int, end: int) -> int:
    """Return the size that the line data[start:end], or its beginning, gives, -1 if it is no size."""
    number = signed(0)
    offset = start
    while offset < end:
        value = byte(data, offset)
        if value >= 48 and value <= 57:
            digit = value - 48
        elif value | 32 >= 97 and value | 32 <= 102:
            digit = (value | 32) - 87
        else:
            break
        number = min(number * 16 + digit, _LARGEST_CHUNK)
        offset += 1
    if offset == start:
        return signed(-1)
    if offset < end:
        value = byte(data, offset)
        if value != 13 and value != 59 and value != 32 and value != 9:
            return signed(-1)
    return number


@part
def chunk_line(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return (offset of the line feed that ends the line at `start`, the size it gives).

    Or (-1, 0) if the line goes on behind `end`, and (-1, -1) if it is no chunk's.
    """
    limit = min(end, start + CHUNK_LINE)
    line = line_end(data, start, limit)
    if line == start:
        return signed(-1), signed(0 if line == end else -1)
    size = chunk_size(data, start, line)
    if line < limit:
        return (line, size) if size >= 0 else (signed(-1), signed(-1))
    return signed(-1), signed(0 if size >= 0 and end - start < CHUNK_LINE else -1)


@part
def ends_chunk(data: Bytes, stop: int, end: int) -> bool:
    """Return whether a chunk can end at `stop`: with the end of a line, if that is there."""
    return bool(stop >= end or byte(data, stop) == 13 or byte(data, stop) == 10)


@part
def frame_chunks(data: Bytes, start: int, end: int) -> tuple[int, int, bool]:
    """Return (length, wanted, inside) of the chunks from `start` on, as many as data[start:end] tells of.

    `start` is where a chunk begins, or the end of the line behind the chunk before. `length` goes to the end of
    the last chunk that began, or, not `inside` any more, behind the last of the body and its trailers; `wanted`
    of it must be there. (0, n, True) if n bytes must be there to know; (-1, 0, True) if there is no chunk.
    """
    offset = start
    while True:
        place = offset
        if place < end and byte(data, place) == 13:
            place += 1
        if place < end and byte(data, place) == 10:
            place += 1
        if place == end:
            return place - start, place - start, True
        line, size = chunk_line(data, place, end)
        if line >= 0 and size > 0 and ends_chunk(data, line + 1 + size, end):
            offset = line + 1 + size
            if offset >= end:
                return offset - start, line + 1 - start, True
            continue
        if line >= 0 and size == 0:
            stop = _behind_trailers(data, line + 1, end)
            if stop >= 0:
                return stop - start, stop - start, False
        if place > start:
            return place - start, place - start, True
        if (line < 0 and size < 0) or size > 0 or end - place > _MOST_WAITED_FOR:
            return signed(-1), signed(0), True
        return signed(0), end - start + 1, True


@part
def _behind_trailers(data: Bytes, start: int, end: int) -> int:
    """Return the offset behind the trailers and the empty line at `start`, -1 if that is not there yet.

    A line that is no header ends the body before it.
    """
    offset = start
    while offset < end:
        line = line_end(data, offset, end)
        if line == end:
            return signed(-1)
        if line == offset or (line == offset + 1 and byte(data, offset) == 13):
            return line + 1
        colon = offset
        while colon < line and byte(data, colon) != 58 and byte(data, colon) > 32:
            colon += 1
        if colon == line or byte(data, colon) != 58:
            return offset
        offset = line + 1
    return signed(-1)
