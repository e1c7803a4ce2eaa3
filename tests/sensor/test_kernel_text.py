"""Foreign bytes made printable, and lines found, eight bytes at a time: the same as byte by byte."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import kernel
from secwatch.sensor.kernels.http_headers import line_end
from secwatch.sensor.kernels.text import put_escaped

_CONTENT = st.one_of(
    st.binary(max_size=80),
    st.lists(st.sampled_from([b"a", b"~", b" ", b"\x7f", b"\x1f", b"\\", b"\n", b"\xff", b"\x80", b"Abcdefgh"])).map(
        b"".join
    ),
)


@kernel
def _escape(arena: NDArray[np.uint8], limit: int, data: NDArray[np.uint8], start: int, lower: bool) -> int:
    return put_escaped(arena, 3, limit, data, start, len(data), lower, False)


@kernel
def _line(data: NDArray[np.uint8], start: int, end: int) -> int:
    return line_end(data, start, end)


def _escaped(content: bytes, room: int, lower: bool) -> bytes:
    """Return what `put_escaped` is to write into so much room."""
    written = b""
    for value in content:
        if len(written) + 4 > room:
            break
        plain = 0x20 <= value <= 0x7E and value != 0x5C
        text = bytes([value]) if plain else b"\\x%02x" % value
        written += text.lower() if lower else text
    return written


@settings(max_examples=400, deadline=None)
@given(_CONTENT, st.integers(0, 12), st.integers(0, 200), st.booleans())
def test_foreign_bytes_are_escaped(content: bytes, start: int, room: int, lower: bool) -> None:
    start = min(start, len(content))
    data = np.array(list(content), np.uint8)
    arena = np.full(3 + room + 16, 0xEE, np.uint8)
    end = _escape(arena, 3 + room, data, start, lower)
    assert arena[3:end].tobytes() == _escaped(content[start:], room, lower)
    assert (arena[3 + room :] == 0xEE).all()


@settings(max_examples=400, deadline=None)
@given(_CONTENT, st.integers(0, 40), st.integers(0, 80))
def test_the_end_of_a_line_is_found(content: bytes, start: int, end: int) -> None:
    data = np.frombuffer(bytearray(content) or bytearray(1), np.uint8)
    end = min(end, len(content))
    start = min(start, end)
    place = content.find(b"\n", start, end)
    assert _line(data, start, end) == (end if place < 0 else place)
