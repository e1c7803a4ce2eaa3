"""Gathering: columns from few distinct values and the place of each row's value among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secwatch.core.columns import Column, ColumnData, Kind, NumbersColumn, TextColumn, TextsColumn
from secwatch.sensor.kernels import columns as kernels
from secwatch.sensor.kernels.state import Records

NUMPY: dict[Kind, Any] = {
    Kind.TIME: np.int64,
    Kind.BOOLEAN: np.bool_,
    Kind.UINT8: np.uint8,
    Kind.UINT16: np.uint16,
    Kind.UINT32: np.uint32,
    Kind.UINT64: np.uint64,
    Kind.DOUBLE: np.float64,
}
_ADDRESSES = ("source_high", "source_low", "destination_high", "destination_low")
_KEY = (*_ADDRESSES, "source_port", "destination_port", "protocol")


def from_codes(codes: NDArray[np.generic], name: Callable[[int], str]) -> TextColumn:
    """Return the text of every code; `name` is asked once per distinct code."""
    distinct, places = np.unique(codes, return_inverse=True)
    return from_choices([name(int(code)) for code in distinct], places)


def from_choices(texts: Sequence[str], places: NDArray[np.integer]) -> TextColumn:
    """Return a column of the texts at these places of `texts`."""
    encoded = [text.encode(errors="replace") for text in texts]
    lengths = np.array([len(text) for text in encoded], np.int64)
    starts = np.cumsum(lengths) - lengths
    arena = np.frombuffer(bytearray(b"".join(encoded)), np.uint8)
    return gather(arena, starts[places], lengths[places])


def gather(source: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> TextColumn:
    """Return the spans source[start:start + length] as a column."""
    offsets = np.zeros(len(starts) + 1, np.int32)
    arena = np.empty(int(lengths.sum()), np.uint8)
    kernels.gather(source, starts, lengths, offsets, arena)
    return TextColumn(offsets, arena)


def spread(lengths: Sequence[int], places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return, for lists of these lengths laid end to end, the items of the lists at `places`, and their offsets."""
    sizes = np.array(lengths, np.int64)
    begins = (np.cumsum(sizes) - sizes)[places]
    chosen = sizes[places]
    offsets = np.zeros(len(places) + 1, np.int32)
    np.cumsum(chosen, out=offsets[1:])
    items = np.arange(int(chosen.sum()), dtype=np.int64) + np.repeat(begins - offsets[:-1], chosen)
    return items, offsets


def flow_key(record: Records) -> bytes:
    """Return what tells the flow of an event (an array of one record) from others."""
    return b"".join(record[name].tobytes() for name in _KEY)


def of_values(column: Column, values: Sequence[object], places: NDArray[np.int64]) -> ColumnData:
    """Return the values at these places as a column of that kind; None is an empty text or list, or 0."""
    if column.kind is Kind.TEXT:
        return from_choices([str(value or "") for value in values], places)
    if column.kind in (Kind.TEXTS, Kind.NUMBERS):
        lists = [list(value) if isinstance(value, tuple | list) else [] for value in values]
        items, offsets = spread([len(item) for item in lists], places)
        flat = [item for chosen in lists for item in chosen]
        if column.kind is Kind.NUMBERS:
            return NumbersColumn(offsets, np.array(flat, np.uint32)[items])
        return TextsColumn(offsets, from_choices([str(item) for item in flat], items))
    numbers: NDArray[Any] = np.array([0 if value is None else value for value in values], NUMPY[column.kind])
    return numbers[places]
