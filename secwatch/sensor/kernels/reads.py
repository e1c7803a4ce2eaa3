"""Reading numbers from packet bytes. The caller has checked that the bytes are there.

Every index passes through here as an unsigned number: a negative offset cannot wrap around to
the other end of the array, it fails under bounds checking instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import part

Bytes = NDArray[np.uint8]


@part
def signed(value: Any) -> int:
    """Return a field of a record or an element of an array as a signed 64-bit number.

    Mixed signed and unsigned arithmetic turns into floating point otherwise.
    """
    return np.int64(value)  # type: ignore[return-value]


@part
def byte(data: Bytes, offset: int) -> int:
    """Return one byte as a signed 64-bit number."""
    return np.int64(data[np.uint64(offset)])  # type: ignore[return-value]


@part
def big16(data: Bytes, offset: int) -> int:
    """Return two bytes in network order."""
    return (byte(data, offset) << 8) | byte(data, offset + 1)


@part
def big32(data: Bytes, offset: int) -> int:
    """Return four bytes in network order."""
    return (big16(data, offset) << 16) | big16(data, offset + 2)


@part
def big64(data: Bytes, offset: int) -> np.uint64:
    """Return eight bytes in network order as an unsigned number."""
    return (np.uint64(big32(data, offset)) << np.uint64(32)) | np.uint64(big32(data, offset + 4))


@part
def little16(data: Bytes, offset: int) -> int:
    """Return two bytes in little-endian order."""
    return byte(data, offset) | (byte(data, offset + 1) << 8)


@part
def little32(data: Bytes, offset: int) -> int:
    """Return four bytes in little-endian order."""
    return little16(data, offset) | (little16(data, offset + 2) << 16)


@part
def little64(data: Bytes, offset: int) -> np.uint64:
    """Return eight bytes in little-endian order as an unsigned number."""
    return np.uint64(little32(data, offset)) | (np.uint64(little32(data, offset + 4)) << np.uint64(32))


_ONES = np.uint64(0x0101010101010101)
_TOPS = np.uint64(0x8080808080808080)


@part
def some_byte(word: np.uint64, value: int) -> bool:
    """Return whether one of the eight bytes is `value`: the test for a zero byte of H. S. Warren, Hacker's Delight."""
    other = word ^ (_ONES * np.uint64(value))
    return bool((other - _ONES) & ~other & _TOPS)


@part
def file16(data: Bytes, offset: int, swapped: bool) -> int:
    """Return two bytes in the order of the file."""
    if swapped:
        return big16(data, offset)
    return byte(data, offset) | (byte(data, offset + 1) << 8)


@part
def file32(data: Bytes, offset: int, swapped: bool) -> int:
    """Return four bytes in the order of the file; `swapped` means big-endian."""
    if swapped:
        return big32(data, offset)
    return (
        byte(data, offset)
        | (byte(data, offset + 1) << 8)
        | (byte(data, offset + 2) << 16)
        | (byte(data, offset + 3) << 24)
    )
