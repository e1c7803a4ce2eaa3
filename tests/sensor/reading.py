"""Reading a capture with the sensor and showing its columns as rows of plain Python values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secwatch.core.columns import ColumnBatch, ColumnData, NumbersColumn, TextColumn, TextsColumn
from secwatch.core.tables import TABLES
from secwatch.sensor import gathering
from secwatch.sensor.content import SEGMENT_BYTES
from secwatch.sensor.reader import FlowReader, SensorCounters, SensorSettings
from tests.community import of_row

Row = dict[str, Any]


KEY = bytes(range(32))


def tag(content: bytes, size: int = SEGMENT_BYTES) -> str:
    """The tag of these bytes under KEY, by another way: each stretch of `size` bytes encrypted as additional data."""
    parts = [content[start : start + size] for start in range(0, len(content) + 1, size)]
    tags = [AESGCM(KEY).encrypt(number.to_bytes(12, "big"), b"", part) for number, part in enumerate(parts)]
    return "keyed:" + hashlib.sha256(b"".join(tags) + len(content).to_bytes(8, "big")).hexdigest()


@dataclass(frozen=True)
class Reading:
    """All rows of a capture by table, and the final counters."""

    tables: dict[str, list[Row]]
    counters: SensorCounters
    identity: str
    largest_batch: int

    def __getattr__(self, table: str) -> list[Row]:
        """The rows of a table."""
        if table not in TABLES:
            raise AttributeError(table)
        return self.tables[table]


def texts(column: TextColumn) -> list[str]:
    """The texts of a column."""
    data = column.data.tobytes()
    return [data[start:end].decode() for start, end in pairwise(column.offsets.tolist())]


def _values(column: ColumnData) -> list[Any]:
    if isinstance(column, TextColumn):
        return texts(column)
    if isinstance(column, TextsColumn):
        values = texts(column.values)
        return [values[start:end] for start, end in pairwise(column.offsets.tolist())]
    if isinstance(column, NumbersColumn):
        numbers = column.values.tolist()
        return [numbers[start:end] for start, end in pairwise(column.offsets.tolist())]
    return list(column.tolist())


def rows_of(batch: ColumnBatch) -> list[Row]:
    """The rows of a batch, with None where a mask says so; the batch must fit its table exactly.

    What the lake computes from a row is added here in another way.
    """
    table = TABLES[batch.table]
    assert list(batch.columns) == [column.name for column in table.stored]
    values = {name: _values(data) for name, data in batch.columns.items()}
    for column in table.stored:
        assert len(values[column.name]) == batch.rows
        data = batch.columns[column.name]
        if not isinstance(data, TextColumn | TextsColumn | NumbersColumn):
            assert data.dtype == gathering.NUMPY[column.kind], column.name
            assert data.flags.c_contiguous, column.name
        if column.nullable:
            values[column.name] = [
                None if missing else value
                for value, missing in zip(values[column.name], batch.nulls[column.name].tolist(), strict=True)
            ]
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    if len(table.stored) < len(table.columns):
        for item in rows:
            item["community_id"] = of_row(table.name, item)
    return rows


def read(path: Path | str, settings: SensorSettings | None = None) -> Reading:
    """Read a capture to its end."""
    rows: dict[str, list[Row]] = {table: [] for table in TABLES}
    largest = 0
    with FlowReader(str(path), settings=settings, key=KEY) as reader:
        for batch in reader.batches():
            rows[batch.table] += rows_of(batch)
            largest = max(largest, batch.rows)
        counters, identity = reader.counters, reader.identity
    return Reading(rows, counters, identity, largest)


def accounted(reading: Reading) -> bool:
    """Whether every packet is in a flow, not IP, or counted as malformed."""
    counters = reading.counters
    in_flows = sum(flow["source_packets"] + flow["destination_packets"] for flow in reading.flows)
    return bool(in_flows + counters.not_ip + counters.malformed_packets() == counters.packets)
