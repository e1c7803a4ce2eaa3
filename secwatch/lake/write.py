"""Batches into Parquet files: written beside, made durable, renamed; visible only once the database records them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from types import TracebackType

import duckdb
import numpy

from secwatch.core.columns import ColumnBatch, NumbersColumn, TextColumn, TextsColumn
from secwatch.core.errors import SecwatchError
from secwatch.core.moments import from_microseconds
from secwatch.core.tables import TABLES
from secwatch.lake.arrow import ArrowSource
from secwatch.system.paths import prepare

# What bounds the memory of a reading run: this much of each table is held before a file is written.
ROWS_PER_FILE = 500_000
BYTES_PER_FILE = 96 << 20
WRITER_MEMORY = "512MB"
PARTIAL = ".partial"


@dataclass(frozen=True)
class Segment:
    """One Parquet file: path below the lake, its table, rows, bytes, and its time range in µs (both included)."""

    path: str
    table: str
    rows: int
    bytes: int
    first_time: int
    last_time: int


class Writer:
    """Turns batches into segments; leaving the block by an exception removes what was written.

    A segment belongs to one input, so removing an input or the oldest data is removing whole files.
    """

    def __init__(self, lake: Path, *, rows_per_file: int = ROWS_PER_FILE):
        self._lake = lake
        self._rows_per_file = rows_per_file
        self._pending: dict[str, list[ColumnBatch]] = {}
        self._segments: list[Segment] = []
        self._token = secrets.token_hex(8)
        self._connection = duckdb.connect()
        self._connection.execute(f"SET memory_limit = '{WRITER_MEMORY}'; SET threads = 2; SET temp_directory = ''")

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if kind is not None:
            self.discard()

    def add(self, batch: ColumnBatch) -> None:
        """Take a batch; it must not change afterwards. Writes a file when enough has come together."""
        if batch.rows == 0:
            return
        pending = self._pending.setdefault(batch.table, [])
        pending.append(batch)
        rows = sum(item.rows for item in pending)
        if rows >= self._rows_per_file or sum(_size(item) for item in pending) >= BYTES_PER_FILE:
            self._write(batch.table)

    def finish(self) -> tuple[Segment, ...]:
        """Write what is left, make all of it durable, and return every segment."""
        for table in list(self._pending):
            self._write(table)
        for table in {segment.table for segment in self._segments}:
            _sync(self._lake / table)
        return tuple(self._segments)

    def discard(self) -> None:
        """Remove what was written."""
        for segment in self._segments:
            (self._lake / segment.path).unlink(missing_ok=True)
        self._segments.clear()
        self._pending.clear()

    def _write(self, name: str) -> None:
        batches = self._pending.pop(name, [])
        if not batches:
            return
        table = TABLES[name]
        times = numpy.concatenate([numpy.asarray(batch.columns[table.time_column]) for batch in batches])
        first, last = int(times.min()), int(times.max())
        directory = prepare(self._lake / name)
        path = directory / f"{_day(first)}-{self._token}-{len(self._segments):04d}.parquet"
        partial = path.with_name(path.name + PARTIAL)
        try:
            relation = self._connection.from_arrow(ArrowSource(table, batches))
            relation.write_parquet(str(partial), compression="zstd")
            _sync(partial)
            partial.rename(path)
        except duckdb.Error as error:
            partial.unlink(missing_ok=True)
            raise _explain(error, directory) from error
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        size = path.stat().st_size
        self._segments.append(Segment(f"{name}/{path.name}", name, len(times), size, first, last))


def files_on_disk(lake: Path) -> Iterator[str]:
    """Yield the path below the lake of every file that lies in a table's directory."""
    for table in TABLES:
        directory = lake / table
        if directory.is_dir():
            yield from (f"{table}/{entry.name}" for entry in os.scandir(directory) if entry.is_file())


def remove_unrecorded(lake: Path, recorded: Collection[str]) -> int:
    """Remove the files that no database row names, left by a run that was killed; return how many.

    Call it only while holding the lock of the writers.
    """
    known = frozenset(recorded)
    orphans = [path for path in files_on_disk(lake) if path not in known]
    for path in orphans:
        (lake / path).unlink(missing_ok=True)
    return len(orphans)


def _size(batch: ColumnBatch) -> int:
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


def _day(microseconds: int) -> str:
    """The name of a file starts with the day of its first row, for the people who look at the directory."""
    try:
        return from_microseconds(microseconds).astimezone(UTC).strftime("%Y-%m-%d")
    except SecwatchError:
        return "0000-00-00"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(error: duckdb.Error, directory: Path) -> SecwatchError:
    text = str(error).partition("\n")[0]
    if "No space left" in text:
        return SecwatchError(f"no space left on the disk for {directory}", "free some space; nothing was changed")
    return SecwatchError(f"cannot write to the lake in {directory}: {text}", "secwatch doctor")
