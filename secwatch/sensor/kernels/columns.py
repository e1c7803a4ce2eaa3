"""Finished records to columns: addresses and histories as text, spans gathered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import kernel
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.text import put, put_ipv4, put_ipv6

LONGEST_ADDRESS = 45
LONGEST_HISTORY = 24

_LETTERS = np.frombuffer(b"\x00SsHhAaDdFfRrIiQq^^TtGgWw", np.uint8)

Offsets = NDArray[np.int32]


@kernel
def write_addresses(
    version: NDArray[np.uint8], high: NDArray[np.uint64], low: NDArray[np.uint64], offsets: Offsets, arena: Bytes
) -> int:
    """Write addresses of shape (rows,) as text; `arena` holds LONGEST_ADDRESS bytes a row. Return bytes written."""
    place = 0
    for row in range(len(version)):
        offsets[row] = place
        if version[row] == 4:
            place = put_ipv4(arena, place, signed(low[row]))
        else:
            place = put_ipv6(arena, place, high[row], low[row])
    offsets[len(version)] = place
    return place


@kernel
def write_histories(early: NDArray[np.uint64], late: NDArray[np.uint64], offsets: Offsets, arena: Bytes) -> int:
    """Write the histories of flow records; `arena` holds LONGEST_HISTORY bytes a row."""
    place = 0
    for row in range(len(early)):
        offsets[row] = place
        for half in range(2):
            packed = early[row] if half == 0 else late[row]
            while packed:
                place = put(arena, place, signed(_LETTERS[packed & np.uint64(31)]))
                packed >>= np.uint64(5)
    offsets[len(early)] = place
    return place


@kernel
def gather(
    source: Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64], offsets: Offsets, arena: Bytes
) -> None:
    """Copy the spans source[start:start + length] one after another; `arena` holds the sum of the lengths."""
    place = 0
    for row in range(len(starts)):
        offsets[row] = place
        start = starts[row]
        for index in range(lengths[row]):
            arena[np.uint64(place + index)] = source[np.uint64(start + index)]
        place += lengths[row]
    offsets[len(starts)] = place


@kernel
def count_items(source: Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64], offsets: Offsets) -> int:
    """Count the items of list spans (each item behind its length in two bytes) into offsets. Return the total."""
    total = 0
    for row in range(len(starts)):
        offsets[row] = total
        place = starts[row]
        end = place + lengths[row]
        while place + 2 <= end:
            place += 2 + signed(source[np.uint64(place)]) + signed(source[np.uint64(place + 1)]) * 256
            total += 1
    offsets[len(starts)] = total
    return total


@kernel
def find_items(
    source: Bytes,
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    item_starts: NDArray[np.int64],
    item_lengths: NDArray[np.int64],
) -> None:
    """Write where the items of list spans are; the item arrays have the size that `count_items` returned."""
    item = 0
    for row in range(len(starts)):
        place = starts[row]
        end = place + lengths[row]
        while place + 2 <= end:
            size = signed(source[np.uint64(place)]) + signed(source[np.uint64(place + 1)]) * 256
            item_starts[item] = place + 2
            item_lengths[item] = size
            place += 2 + size
            item += 1
