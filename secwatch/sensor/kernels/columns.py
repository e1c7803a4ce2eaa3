"""Finished records to columns: addresses and histories as text, spans gathered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import kernel, part
from secwatch.sensor.kernels.reads import Bytes, little16, signed
from secwatch.sensor.kernels.text import put, put_hex16, put_ipv4, put_ipv6

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
def measure(lengths: NDArray[np.int64], places: NDArray[np.int64], column: int, offsets: Offsets) -> int:
    """Write where the spans at these places of lengths[:, column] begin when they lie end to end. Return their sum."""
    total = 0
    for row in range(len(places)):
        offsets[row] = total
        total += lengths[np.uint64(places[row]), np.uint64(column)]
    offsets[len(places)] = total
    return total


@kernel
def gather(
    source: Bytes,
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    places: NDArray[np.int64],
    column: int,
    arena: Bytes,
) -> None:
    """Copy the spans end to end; `arena` holds what `measure` returned.

    Span i is source[start:start + length] by starts[places[i], column] and lengths[places[i], column].
    """
    end = 0
    for row in range(len(places)):
        place = np.uint64(places[row])
        start = starts[place, np.uint64(column)]
        length = lengths[place, np.uint64(column)]
        for index in range(length):
            arena[np.uint64(end + index)] = source[np.uint64(start + index)]
        end += length


@part
def _item_length(source: Bytes, place: int, end: int) -> int:
    """Return how long the item of a list span is whose length stands at `place`, in two bytes that are there."""
    return min(little16(source, place), end - place - 2)


@kernel
def count_items(
    source: Bytes,
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    places: NDArray[np.int64],
    column: int,
    offsets: Offsets,
) -> tuple[int, int]:
    """Count the items of list spans (each item behind its length in two bytes) into offsets.

    Return how many there are, and how many bytes they have together.
    """
    total, size = 0, 0
    for row in range(len(places)):
        offsets[row] = total
        place = starts[np.uint64(places[row]), np.uint64(column)]
        end = place + lengths[np.uint64(places[row]), np.uint64(column)]
        while place + 2 <= end:
            length = _item_length(source, place, end)
            size += length
            place += 2 + length
            total += 1
    offsets[len(places)] = total
    return total, size


@kernel
def gather_items(
    source: Bytes,
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    places: NDArray[np.int64],
    column: int,
    offsets: Offsets,
    arena: Bytes,
) -> None:
    """Copy the items of list spans end to end; `arena` and `offsets` have the sizes that `count_items` returned."""
    item, after = 0, 0
    for row in range(len(places)):
        place = starts[np.uint64(places[row]), np.uint64(column)]
        end = place + lengths[np.uint64(places[row]), np.uint64(column)]
        while place + 2 <= end:
            length = _item_length(source, place, end)
            offsets[np.uint64(item)] = after
            for index in range(length):
                arena[np.uint64(after + index)] = source[np.uint64(place + 2 + index)]
            after += length
            place += 2 + length
            item += 1
    offsets[np.uint64(item)] = after


@kernel
def write_hexadecimal(values: NDArray[np.uint64], present: NDArray[np.bool_], offsets: Offsets, arena: Bytes) -> int:
    """Write the values that are present as 16 digits; `arena` holds 16 bytes a row. Return bytes written."""
    place = 0
    for row in range(len(values)):
        offsets[row] = place
        if present[row]:
            for shift in (48, 32, 16, 0):
                place = put_hex16(arena, place, signed(values[row] >> np.uint64(shift)) & 0xFFFF)
    offsets[len(values)] = place
    return place
