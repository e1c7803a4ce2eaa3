"""What columns are made of: kinds, tables, and the batches that pass from the sensor to the lake.

The tables themselves are in `secwatch.core.tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


class Kind(Enum):
    """What a column holds; the value is the SQL type."""

    TIME = "TIMESTAMP"
    TEXT = "VARCHAR"
    TEXTS = "VARCHAR[]"
    NUMBERS = "UINTEGER[]"
    BOOLEAN = "BOOLEAN"
    UINT8 = "UTINYINT"
    UINT16 = "USMALLINT"
    UINT32 = "UINTEGER"
    UINT64 = "UBIGINT"
    DOUBLE = "DOUBLE"


@dataclass(frozen=True)
class Column:
    """One column. A nullable number carries a mask in `ColumnBatch.nulls`; an empty text is NULL.

    `computed`: what it is made of, in SQL with the functions of the lake; such a column is in no batch
    and no file, only where the table is read.
    """

    name: str
    kind: Kind
    meaning: str
    zeek: str = ""
    nullable: bool = False
    computed: str = ""


@dataclass(frozen=True)
class Table:
    """One table; `time_column` places its rows in detection windows."""

    name: str
    time_column: str
    columns: tuple[Column, ...]

    @property
    def stored(self) -> tuple[Column, ...]:
        """Return the columns that batches and files have: all that are not computed."""
        return tuple(column for column in self.columns if not column.computed)

    def column(self, name: str) -> Column:
        """Return the column of that name. Raise KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class TextColumn:
    """Texts in one byte arena: text i is `data[offsets[i]:offsets[i + 1]]`, UTF-8.

    offsets has shape (rows + 1,) and starts at 0.
    """

    offsets: NDArray[numpy.int32]
    data: NDArray[numpy.uint8]


@dataclass(frozen=True)
class TextsColumn:
    """Lists of texts: list i is `values` from offsets[i] to offsets[i + 1]."""

    offsets: NDArray[numpy.int32]
    values: TextColumn


@dataclass(frozen=True)
class NumbersColumn:
    """Lists of numbers: list i is `values` from offsets[i] to offsets[i + 1]; values are uint32."""

    offsets: NDArray[numpy.int32]
    values: NDArray[numpy.uint32]


ColumnData: TypeAlias = "NDArray[numpy.generic] | TextColumn | TextsColumn | NumbersColumn"


@dataclass(frozen=True)
class ColumnBatch:
    """Rows of one table as they pass from the sensor to the lake. TIME columns are int64.

    `nulls` holds, for a nullable number column, a mask of shape (rows,) that is true where the
    value is missing.
    """

    table: str
    rows: int
    columns: Mapping[str, ColumnData]
    nulls: Mapping[str, NDArray[numpy.bool_]] = field(default_factory=dict)


def in_bytes(batch: ColumnBatch) -> int:
    """Return how much memory the columns of a batch take, without the masks."""
    total = 0
    for data in batch.columns.values():
        if isinstance(data, TextColumn):
            total += data.offsets.nbytes + data.data.nbytes
        elif isinstance(data, TextsColumn):
            total += data.offsets.nbytes + data.values.offsets.nbytes + data.values.data.nbytes
        elif isinstance(data, NumbersColumn):
            total += data.offsets.nbytes + data.values.nbytes
        else:
            total += data.nbytes
    return total
