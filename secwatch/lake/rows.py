"""Rows written by hand into column batches: for the test cases of detections, never for traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy

from secwatch.core.columns import Column, ColumnBatch, ColumnData, Kind, NumbersColumn, TextColumn, TextsColumn
from secwatch.core.moments import from_text, to_microseconds
from secwatch.core.tables import TABLES

_NUMPY: dict[Kind, Any] = {
    Kind.TIME: numpy.int64,
    Kind.BOOLEAN: numpy.bool_,
    Kind.UINT8: numpy.uint8,
    Kind.UINT16: numpy.uint16,
    Kind.UINT32: numpy.uint32,
    Kind.UINT64: numpy.uint64,
    Kind.DOUBLE: numpy.float64,
}


def batch_of(table: str, rows: Sequence[Mapping[str, Any]]) -> ColumnBatch:
    """Return the rows as a batch; a column that a row does not give is 0, false or NULL.

    Moments are datetimes, ISO 8601 texts or microseconds. Raise ValueError for a column that the table does
    not have or computes, or a value that does not fit it.
    """
    schema = TABLES[table]
    known = {column.name for column in schema.stored}
    for row in rows:
        unknown = sorted(set(row) - known)
        if unknown:
            computed = any(column.name == unknown[0] for column in schema.columns)
            why = "is computed: it cannot be given" if computed else "is no column of it"
            raise ValueError(f"the table {table}: {unknown[0]!r} {why}")
    columns: dict[str, ColumnData] = {}
    nulls: dict[str, Any] = {}
    for column in schema.stored:
        values = [row.get(column.name) for row in rows]
        try:
            columns[column.name] = _column(column, values)
        except (OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"{table}.{column.name}: {error}") from error
        if column.nullable:
            nulls[column.name] = numpy.array([value is None for value in values], numpy.bool_)
    return ColumnBatch(table, len(rows), columns, nulls)


def text_column(values: Sequence[str | None]) -> TextColumn:
    """Return texts in one arena; None and the empty text are the same."""
    raw = [(value or "").encode() for value in values]
    offsets = numpy.zeros(len(raw) + 1, numpy.int32)
    numpy.cumsum([len(item) for item in raw], out=offsets[1:])
    return TextColumn(offsets, numpy.frombuffer(b"".join(raw), numpy.uint8))


def _column(column: Column, values: Sequence[Any]) -> ColumnData:
    if column.kind is Kind.TEXT:
        return text_column([None if value is None else str(value) for value in values])
    if column.kind is Kind.TEXTS:
        lists = [list(value or ()) for value in values]
        offsets = numpy.zeros(len(lists) + 1, numpy.int32)
        numpy.cumsum([len(item) for item in lists], out=offsets[1:])
        return TextsColumn(offsets, text_column([text for item in lists for text in item]))
    if column.kind is Kind.NUMBERS:
        numbers = [list(value or ()) for value in values]
        offsets = numpy.zeros(len(numbers) + 1, numpy.int32)
        numpy.cumsum([len(item) for item in numbers], out=offsets[1:])
        return NumbersColumn(offsets, numpy.array([value for item in numbers for value in item], numpy.uint32))
    if column.kind is Kind.TIME:
        return numpy.array([_microseconds(value) for value in values], numpy.int64)
    return numpy.array([0 if value is None else value for value in values], _NUMPY[column.kind])


def _microseconds(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, str):
        value = from_text(value)
    return to_microseconds(value) if isinstance(value, datetime) else int(value)
