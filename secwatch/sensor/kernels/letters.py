"""Looking at text in packets: words, digits, lines. Every read is within data[start:end]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, byte, signed

MOST_TEXT = 4096  # bytes of a line that can be kept
_LOOK = 1024  # bytes that are searched for a word


@part
def begins_with(data: Bytes, start: int, end: int, letters: NDArray[np.uint8]) -> bool:
    """Return whether data[start:end] begins with these letters (lower case), capitals or not."""
    if end - start < len(letters):
        return False
    for index in range(len(letters)):
        value = byte(data, start + index)
        if value >= 65 and value <= 90:
            value += 32
        if value != signed(letters[index]):
            return False
    return True


@part
def has_word(data: Bytes, start: int, end: int, letters: NDArray[np.uint8]) -> bool:
    """Return whether the letters are among the first bytes."""
    for offset in range(start, min(end, start + _LOOK)):
        if begins_with(data, offset, end, letters):
            return True
    return False


@part
def is_digit(value: int) -> bool:
    return value >= 48 and value <= 57


@part
def is_letter(value: int) -> bool:
    return (value >= 65 and value <= 90) or (value >= 97 and value <= 122)


@part
def line_stop(data: Bytes, start: int, end: int) -> int:
    """Return the offset behind the next line feed, -1 without one."""
    for offset in range(start, end):
        if byte(data, offset) == 10:
            return offset + 1
    return -1


@part
def frame_line(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Frame a line; one that is too long comes in pieces."""
    if start >= end:
        return 0, 1
    limit = min(end, start + MOST_TEXT)
    stop = line_stop(data, start, limit)
    if stop >= 0:
        return stop - start, stop - start
    if limit - start >= MOST_TEXT:
        return MOST_TEXT, MOST_TEXT
    return 0, end - start + 1
