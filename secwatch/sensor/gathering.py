"""Gathering: columns from few distinct values and the place of each row's value among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secwatch.core.columns import Column, ColumnData, Kind, NumbersColumn, TextColumn, TextsColumn
from secwatch.sensor.kernels import columns as kernels
from secwatch.sensor.kernels.state import Records, SensorState

NUMPY: dict[Kind, Any] = {
    Kind.TIME: np.int64,
    Kind.BOOLEAN: np.bool_,
    Kind.UINT8: np.uint8,
    Kind.UINT16: np.uint16,
    Kind.UINT32: np.uint32,
    Kind.UINT64: np.uint64,
    Kind.DOUBLE: np.float64,
}
_KEY = np.dtype(
    [
        *[(f"{side}_{half}", "u8") for side in ("source", "destination") for half in ("high", "low")],
        ("source_port", "u2"),
        ("destination_port", "u2"),
        ("protocol", "u1"),
    ]
)


def from_codes(codes: NDArray[np.generic], name: Callable[[int], str]) -> TextColumn:
    """Return the text of every code; `name` is asked once per distinct code."""
    if codes.dtype in (np.uint8, np.uint16):  # counting them is faster than sorting them
        distinct = np.flatnonzero(np.bincount(codes))
        number_of = np.zeros(int(distinct[-1]) + 1 if len(distinct) else 0, np.int64)
        number_of[distinct] = np.arange(len(distinct))
        places = number_of[codes]
    else:
        distinct, places = np.unique(codes, return_inverse=True)
    return from_choices([name(int(code)) for code in distinct], places)


def from_choices(texts: Sequence[str], places: NDArray[np.int64]) -> TextColumn:
    """Return a column of the texts at these places of `texts`."""
    encoded = [text.encode(errors="replace") for text in texts]
    lengths = np.array([len(text) for text in encoded], np.int64)
    starts = np.cumsum(lengths) - lengths
    arena = np.frombuffer(bytearray(b"".join(encoded)), np.uint8)
    return gather(arena, starts.reshape(-1, 1), lengths.reshape(-1, 1), places, 0)


def gather(
    source: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    places: NDArray[np.int64],
    column: int,
) -> TextColumn:
    """Return the spans that starts[places, column] and lengths[places, column] tell of as a column."""
    offsets = np.zeros(len(places) + 1, np.int32)
    arena = np.empty(kernels.measure(lengths, places, column, offsets), np.uint8)
    kernels.gather(source, starts, lengths, places, column, arena)
    return TextColumn(offsets, arena)


def take(records: Records, places: NDArray[np.int64]) -> Records:
    """Return the records at these places. As plain bytes: numpy copies records field by field, four times as slow."""
    return records.view(np.dtype((np.void, records.dtype.itemsize)))[places].view(records.dtype)


def text_of(state: SensorState, events: NDArray[np.int64], column: int) -> TextColumn:
    """Return a text column of these events."""
    return gather(state.arena, state.text_starts, state.text_lengths, events, column)


def list_of(state: SensorState, events: NDArray[np.int64], column: int) -> TextsColumn:
    """Return a text column of these events that holds lists."""
    spans = state.arena, state.text_starts, state.text_lengths, events, column
    offsets = np.zeros(len(events) + 1, np.int32)
    items, size = kernels.count_items(*spans, offsets)
    values = TextColumn(np.zeros(items + 1, np.int32), np.empty(size, np.uint8))
    kernels.gather_items(*spans, values.offsets, values.data)
    return TextsColumn(offsets, values)


def spread(lengths: Sequence[int], places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return, for lists of these lengths laid end to end, the items of the lists at `places`, and their offsets."""
    sizes = np.array(lengths, np.int64)
    begins = (np.cumsum(sizes) - sizes)[places]
    chosen = sizes[places]
    offsets = np.zeros(len(places) + 1, np.int32)
    np.cumsum(chosen, out=offsets[1:])
    items = np.arange(int(chosen.sum()), dtype=np.int64) + np.repeat(begins - offsets[:-1], chosen)
    return items, offsets


def flow_keys(records: Records) -> tuple[bytes, int]:
    """Return what tells the flow of each event from others: keys of one size end to end, and that size."""
    keys = np.empty(len(records), _KEY)
    for name in _KEY.names or ():
        keys[name] = records[name]
    return keys.tobytes(), _KEY.itemsize


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
