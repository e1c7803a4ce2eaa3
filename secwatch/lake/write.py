"""Batches into Parquet files: written beside, made durable, renamed; visible only once the database records them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import duckdb
import numpy

from secwatch.core.columns import ColumnBatch, Table, in_bytes
from secwatch.core.errors import SecwatchError
from secwatch.core.tables import TABLES
from secwatch.lake.arrow import ArrowSource
from secwatch.lake.layout import DAY, PARTIAL, directory_of, sync
from secwatch.system.paths import prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What bounds the memory of a reading run: a table is written when this many of its rows wait, and when the rows of
# all tables take this much memory the one that takes most of it.
ROWS_PER_FILE = 500_000
BYTES_HELD = 32 << 20
WRITER_MEMORY = "256MB"
# Level 1 instead of DuckDB's 3: a fifth less time for one byte of two hundred more (measured on 524,232 flows).
_LEVEL = 1
# Version 2: the differences of numbers and lengths instead of themselves, three bytes of eleven less for a sorted flow.
FORMAT = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd"
# A capture spans a day or two; one that claims many is damaged or lies, and must not make a file for each.
MAX_DAYS = 32


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

    A segment holds rows of one input and one day, so removing an input or the oldest data is removing
    whole files.
    """

    def __init__(self, lake: Path, *, rows_per_file: int = ROWS_PER_FILE, bytes_held: int = BYTES_HELD):
        self._lake = lake
        self._bytes_held = bytes_held
        self._rows_per_file = rows_per_file
        self._pending: dict[str, list[ColumnBatch]] = {}
        self._rows: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._segments: list[Segment] = []
        self._token = secrets.token_hex(8)
        self._connection = duckdb.connect()
        self._connection.execute(f"SET memory_limit = '{WRITER_MEMORY}'; SET threads = 1; SET temp_directory = ''")

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if kind is not None:
            self.discard()

    def add(self, batch: ColumnBatch) -> None:
        """Take a batch; it must not change afterwards. Writes files when enough has come together."""
        if batch.rows == 0:
            return
        self._pending.setdefault(batch.table, []).append(batch)
        self._rows[batch.table] = self._rows.get(batch.table, 0) + batch.rows
        self._bytes[batch.table] = self._bytes.get(batch.table, 0) + in_bytes(batch)
        if self._rows[batch.table] >= self._rows_per_file:
            self._write(batch.table)
        while sum(self._bytes.values()) >= self._bytes_held:
            self._write(max(self._bytes, key=self._bytes.__getitem__))

    def finish(self) -> tuple[Segment, ...]:
        """Write what is left, make all of it durable, and return every segment; nothing can follow."""
        for table in list(self._pending):
            self._write(table)
        self._connection.close()
        days = {(self._lake / segment.path).parent for segment in self._segments}
        for directory in sorted({*days, *(day.parent for day in days)} | ({self._lake} if days else set())):
            sync(directory)
        return tuple(self._segments)

    def discard(self) -> None:
        """Remove what was written."""
        for segment in self._segments:
            (self._lake / segment.path).unlink(missing_ok=True)
        self._segments.clear()
        self._pending.clear()
        self._rows.clear()
        self._bytes.clear()

    def _write(self, name: str) -> None:
        """Write what is pending of a table: one file for each day that its rows lie in."""
        batches = self._pending.pop(name, [])
        self._rows.pop(name, None)
        self._bytes.pop(name, None)
        if not batches:
            return
        table = TABLES[name]
        times = numpy.concatenate([numpy.asarray(batch.columns[table.time_column]) for batch in batches])
        source = ArrowSource(table, batches)
        for share in _shares(times, table):
            self._write_share(source, name, share)

    def _write_share(self, source: ArrowSource, name: str, share: _Share) -> None:
        below = f"{directory_of(name, share.day)}/{self._token}-{len(self._segments):04d}.parquet"
        path = self._lake / below
        prepare(path.parent)
        partial = path.with_name(path.name + PARTIAL)
        try:
            relation = self._connection.from_arrow(source)
            if share.condition:
                relation = relation.filter(share.condition)
            target = str(partial).replace("'", "''")
            # The target is quoted; nothing else comes from outside.
            relation.query("rows", f"COPY (SELECT * FROM rows) TO '{target}' ({FORMAT}, COMPRESSION_LEVEL {_LEVEL})")  # noqa: S608
            sync(partial)
            partial.rename(path)
        except duckdb.Error as error:
            partial.unlink(missing_ok=True)
            raise explain(error, path.parent) from error
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        size = path.stat().st_size
        self._segments.append(Segment(below, name, share.rows, size, share.first, share.last))


@dataclass(frozen=True)
class _Share:
    """The rows of one day (days since 1970; None for several): the condition that chooses them, '' for all."""

    day: int | None
    condition: str
    rows: int
    first: int
    last: int


def _shares(times: NDArray[numpy.int64], table: Table) -> Iterator[_Share]:
    """Divide rows by day. Of more than MAX_DAYS days those with the fewest rows share a file: times are claims."""
    days, counts = numpy.unique(times // DAY, return_counts=True)
    if len(days) == 1:
        yield _Share(int(days[0]), "", len(times), int(times.min()), int(times.max()))
        return
    kept = days if len(days) <= MAX_DAYS else days[numpy.sort(numpy.argsort(-counts, kind="stable")[: MAX_DAYS - 1])]
    moment = f'epoch_us("{table.time_column}")'
    for day in kept.tolist():
        chosen = times[(times >= day * DAY) & (times < (day + 1) * DAY)]
        condition = f"{moment} >= {day * DAY} AND {moment} < {(day + 1) * DAY}"
        yield _Share(day, condition, len(chosen), int(chosen.min()), int(chosen.max()))
    if len(kept) < len(days):
        chosen = times[~numpy.isin(times // DAY, kept)]
        condition = " AND ".join(f"({moment} < {day * DAY} OR {moment} >= {(day + 1) * DAY})" for day in kept.tolist())
        yield _Share(None, condition, len(chosen), int(chosen.min()), int(chosen.max()))


def explain(error: duckdb.Error, directory: Path) -> SecwatchError:
    """Return in words why DuckDB could not write below a directory."""
    text = str(error).partition("\n")[0]
    if "No space left" in text:
        return SecwatchError(f"no space left on the disk for {directory}", "free some space; nothing was changed")
    return SecwatchError(f"cannot write to the lake in {directory}: {text}", "secwatch doctor")
