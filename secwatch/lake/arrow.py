"""Column batches as one Arrow stream: numbers and texts are handed to DuckDB where they lie, no row is copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import nanoarrow
import numpy
from nanoarrow.c_array_stream import CArrayStream

from secwatch.core.columns import Column, ColumnBatch, Kind, NumbersColumn, Table, TextColumn, TextsColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[numpy.bool_]

_NUMBERS: dict[Kind, tuple[Any, Any]] = {
    Kind.TIME: (nanoarrow.timestamp("us"), numpy.int64),
    Kind.UINT8: (nanoarrow.uint8(), numpy.uint8),
    Kind.UINT16: (nanoarrow.uint16(), numpy.uint16),
    Kind.UINT32: (nanoarrow.uint32(), numpy.uint32),
    Kind.UINT64: (nanoarrow.uint64(), numpy.uint64),
    Kind.DOUBLE: (nanoarrow.float64(), numpy.float64),
}
_TYPES = {
    **{kind: arrow for kind, (arrow, _) in _NUMBERS.items()},
    Kind.TEXT: nanoarrow.string(),
    Kind.TEXTS: nanoarrow.list_(nanoarrow.string()),
    Kind.NUMBERS: nanoarrow.list_(nanoarrow.uint32()),
    Kind.BOOLEAN: nanoarrow.bool_(),
}


class ArrowSource:
    """Batches of one table behind the Arrow stream interface; a reader may ask for the stream several times."""

    def __init__(self, table: Table, batches: Sequence[ColumnBatch]):
        self._schema = nanoarrow.struct({column.name: _TYPES[column.kind] for column in table.stored})
        self._arrays = [_struct(table, batch, self._schema) for batch in batches]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a fresh stream over all batches (the Arrow PyCapsule interface)."""
        stream = CArrayStream.from_c_arrays(self._arrays, nanoarrow.c_schema(self._schema))
        return stream.__arrow_c_stream__()


def _struct(table: Table, batch: ColumnBatch, schema: Any) -> Any:
    children = [_column(column, batch) for column in table.stored]
    return nanoarrow.c_array_from_buffers(schema, batch.rows, [None], children=children)


def _column(column: Column, batch: ColumnBatch) -> Any:
    """Return one column as Arrow. Raise ValueError for one that does not have the shape it promises."""
    data = batch.columns.get(column.name)
    if data is None:
        raise ValueError(f"{batch.table}: the column {column.name} is missing")
    if isinstance(data, TextColumn):
        return _texts(data, batch.rows, column.name, empty_is_null=True)
    if isinstance(data, TextsColumn | NumbersColumn):
        return _lists(data, batch.rows, column.name)
    if data.shape != (batch.rows,):
        raise ValueError(f"{batch.table}.{column.name}: {data.shape} instead of {batch.rows} rows")
    validity, nulls = _validity(batch.nulls.get(column.name))
    if column.kind is Kind.BOOLEAN:
        bits = numpy.packbits(data.astype(numpy.bool_), bitorder="little")
        return nanoarrow.c_array_from_buffers(nanoarrow.bool_(), batch.rows, [validity, bits], null_count=nulls)
    arrow, kind = _NUMBERS[column.kind]
    values = numpy.ascontiguousarray(data, dtype=kind)
    return nanoarrow.c_array_from_buffers(arrow, batch.rows, [validity, values], null_count=nulls)


def _validity(missing: Mask | None) -> tuple[NDArray[numpy.uint8] | None, int]:
    """Return Arrow's validity bits and the number of nulls for a mask that is true where a value is missing."""
    if missing is None or not missing.any():
        return None, 0
    return numpy.packbits(~missing, bitorder="little"), int(missing.sum())


def _texts(data: TextColumn, rows: int, name: str, *, empty_is_null: bool) -> Any:
    data = sound(data, rows, name)
    validity, nulls = _validity(data.offsets[1:] == data.offsets[:-1]) if empty_is_null else (None, 0)
    buffers = [validity, data.offsets, data.data]
    return nanoarrow.c_array_from_buffers(nanoarrow.string(), rows, buffers, null_count=nulls)


def _lists(data: TextsColumn | NumbersColumn, rows: int, name: str) -> Any:
    """An empty list is NULL, as an empty text is: the sensor saw none."""
    if isinstance(data, NumbersColumn):
        _check_offsets(data.offsets, rows, len(data.values), name)
        numbers = numpy.ascontiguousarray(data.values, dtype=numpy.uint32)
        values = nanoarrow.c_array_from_buffers(nanoarrow.uint32(), len(numbers), [None, numbers], null_count=0)
        kind = _TYPES[Kind.NUMBERS]
    else:
        count = _check_offsets(data.offsets, rows, None, name)
        values = _texts(data.values, max(count, len(data.values.offsets) - 1), name, empty_is_null=False)
        kind = _TYPES[Kind.TEXTS]
    offsets = numpy.ascontiguousarray(data.offsets, dtype=numpy.int32)
    validity, nulls = _validity(offsets[1:] == offsets[:-1])
    return nanoarrow.c_array_from_buffers(kind, rows, [validity, offsets], children=[values], null_count=nulls)


def sound(data: TextColumn, rows: int, name: str) -> TextColumn:
    """Return the texts as they may be handed to native code: bounded offsets, valid UTF-8.

    Bytes that are not UTF-8 come out as U+FFFD. Raise ValueError for offsets outside the bytes: DuckDB
    would read foreign memory.
    """
    _check_offsets(data.offsets, rows, len(data.data), name)
    offsets = numpy.ascontiguousarray(data.offsets, dtype=numpy.int32)
    content = numpy.ascontiguousarray(data.data, dtype=numpy.uint8)
    used = content[: offsets[-1]]
    if not (used >= 0x80).any() or _is_utf8(used, offsets):
        return TextColumn(offsets, content)
    raw = used.tobytes()
    texts = [
        raw[start:end].decode("utf-8", "replace").encode()
        for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    ]
    repaired = numpy.zeros(rows + 1, numpy.int32)
    numpy.cumsum([len(text) for text in texts], out=repaired[1:])
    return TextColumn(repaired, numpy.frombuffer(b"".join(texts), numpy.uint8))


def _is_utf8(used: NDArray[numpy.uint8], offsets: NDArray[numpy.int32]) -> bool:
    """The whole arena is UTF-8, and no text begins inside a character."""
    try:
        used.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    starts = offsets[offsets < len(used)]
    return not bool(((used[starts] & 0xC0) == 0x80).any())


def _check_offsets(offsets: NDArray[numpy.int32], rows: int, size: int | None, name: str) -> int:
    last = int(offsets[-1]) if len(offsets) else -1
    wrong = len(offsets) != rows + 1 or int(offsets[0]) != 0 or bool((offsets[1:] < offsets[:-1]).any())
    if wrong or (size is not None and last > size):
        raise ValueError(f"{name}: the offsets do not fit {rows} rows")
    return last
