"""Many small files of one table and day into few large ones: the same rows in an order that takes less room."""

# ruff: noqa: S608 -- names come from core/tables and numbers are integers; paths are bound or quoted

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from secwatch.core.columns import Table
from secwatch.core.errors import SecwatchError
from secwatch.core.tables import TABLES
from secwatch.lake.engine import typed
from secwatch.lake.layout import DAY, directory_of, sync
from secwatch.lake.write import FORMAT, MAX_DAYS, Segment, explain

# A file of this many rows is opened quickly, and sorted within the memory below (what does not fit is
# put on the disk meanwhile).
ROWS_PER_MERGED = 2_000_000
MERGING_MEMORY = "384MB"
ROWS_PER_GROUP = 122_880
ROWS_PER_SMALL_GROUP = 10_240
_MINUTE = 60_000_000
_ENDS = ("destination_address", "source_address")


@dataclass(frozen=True)
class Source:
    """A file to be merged: path below the lake, rows that count, and new part numbers by old ones.

    `divided` says whether the file has a column lake_part; one that has none is all part 0. Rows of
    parts that are not listed are left out.
    """

    path: str
    rows: int
    first_time: int
    last_time: int
    parts: Mapping[int, int]
    divided: bool
    whole: bool


@dataclass(frozen=True)
class Merged:
    """A new file: where it lies now, where it is to be (segment.path), and its rows by part number."""

    made: Path
    segment: Segment
    rows: Mapping[int, int]


@dataclass(frozen=True)
class _Piece:
    """A file to be written: its directory, the times [start, end) of its rows in µs, and how many rows it will have."""

    directory: str
    start: int
    end: int
    rows: int


def merge(
    lake: Path, table_name: str, sources: Sequence[Source], work: Path, *, rows_per_file: int = ROWS_PER_MERGED
) -> tuple[Merged, ...]:
    """Write the rows of the sources into new files in the directory `work`, a day each, and make them durable.

    The files have a column lake_part where they hold more than one part. Raise SecwatchError if that
    fails, or if the new files do not hold exactly the rows that the sources are recorded to have.
    """
    table = TABLES[table_name]
    spill = work / "spill"
    spill.mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{MERGING_MEMORY}'; SET threads = 1")
        connection.execute(f"SET temp_directory = {_quoted(spill)}")
        try:
            divided = _show_rows(connection, table, lake, sources)
            made = [
                _write(connection, table, piece, work, divided=divided)
                for piece in _pieces(connection, table, sources, rows_per_file)
            ]
        except duckdb.Error as error:
            raise explain(error, lake / table_name) from error
    found: dict[int, int] = {}
    for item in made:
        for part, rows in item.rows.items():
            found[part] = found.get(part, 0) + rows
    if sum(found.values()) != sum(source.rows for source in sources):
        raise SecwatchError(
            f"merging files of {table_name} gave {sum(found.values())} rows instead of "
            f"{sum(source.rows for source in sources)}; nothing was changed",
            "secwatch doctor",
        )
    sync(work)
    return tuple(made)


def _show_rows(connection: duckdb.DuckDBPyConnection, table: Table, lake: Path, sources: Sequence[Source]) -> bool:
    """Make the view `merging` of all rows that count; return whether it has the column lake_part."""
    names = ", ".join(f'"{column.name}"' for column in table.stored)
    divided = len({part for source in sources for part in source.parts.values()}) > 1
    plain = not divided and all(source.whole for source in sources)
    connection.execute("CREATE TABLE numbering (lake_file VARCHAR, lake_old USMALLINT, lake_new USMALLINT)")
    if not plain:
        rows = [(str(lake / s.path), old, new) for s in sources for old, new in s.parts.items()]
        connection.executemany("INSERT INTO numbering VALUES (?, ?, ?)", rows)
    parts = [
        f"SELECT {typed(table)}, CAST(NULL AS VARCHAR) AS lake_file, CAST(NULL AS USMALLINT) AS lake_old WHERE false"
    ]
    for has_part in (False, True):
        paths = [lake / source.path for source in sources if source.divided is has_part]
        if paths:
            old = "lake_part" if has_part else "0::USMALLINT"
            listed = ", ".join(map(_quoted, paths))
            parts.append(
                f"SELECT *, {old} AS lake_old FROM read_parquet([{listed}],"
                " union_by_name = true, hive_partitioning = false, filename = 'lake_file')"
            )
    body = " UNION ALL BY NAME ".join(parts)
    if plain:
        connection.execute(f"CREATE VIEW merging AS SELECT {names} FROM ({body})")
    else:
        part = ", lake_new AS lake_part" if divided else ""
        joined = f"({body}) JOIN numbering USING (lake_file, lake_old)"
        connection.execute(f"CREATE VIEW merging AS SELECT {names}{part} FROM {joined}")
    return divided


def _pieces(
    connection: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source], rows_per_file: int
) -> Sequence[_Piece]:
    """Return the files to be written.

    A day with more rows than a file is to have is cut at full minutes. Rows of too many days stay together.
    """
    lowest = min(source.first_time for source in sources)
    highest = max(source.last_time for source in sources) + 1
    moment = f'epoch_us("{table.time_column}")'
    counted = f"({moment} - {lowest // DAY * DAY}::BIGINT) // {_MINUTE}"
    total = sum(source.rows for source in sources)
    whole = _Piece(directory_of(table.name, None), lowest, highest, total)
    if highest // DAY - lowest // DAY > 366 or total == 0:
        return [whole]
    days: dict[int, list[tuple[int, int]]] = {}
    rows = connection.execute(f"SELECT {counted} AS minute, count(*) FROM merging GROUP BY minute ORDER BY minute")
    for minute, count in rows.fetchall():
        start = lowest // DAY * DAY + minute * _MINUTE
        days.setdefault(start // DAY, []).append((start, count))
    if len(days) > MAX_DAYS:
        return [whole]
    pieces: list[_Piece] = []
    for day, minutes in days.items():
        total = sum(count for _, count in minutes)
        share = -(-total // max(1, -(-total // rows_per_file)))
        begin, held = minutes[0][0], 0
        for start, count in minutes:
            if held >= share:
                pieces.append(_Piece(directory_of(table.name, day), begin, start, held))
                begin, held = start, 0
            held += count
        last = min((day + 1) * DAY, minutes[-1][0] + _MINUTE)
        pieces.append(_Piece(directory_of(table.name, day), begin, last, held))
    return pieces


def _order(table: Table, piece: _Piece) -> str:
    """Return how the rows of a file are sorted.

    Stretches of time of about one row group follow each other, so that a window opens few of them. Within one, rows
    between the same addresses stand side by side: 11 bytes a flow instead of 22 in the order of time alone.
    """
    moment = f'"{table.time_column}"'
    keys = [*(f'"{name}"' for name in _ENDS if any(column.name == name for column in table.stored)), moment]
    if piece.rows > ROWS_PER_GROUP and piece.end - piece.start <= DAY:
        stretch = max(_MINUTE, (piece.end - piece.start) * ROWS_PER_GROUP // piece.rows)
        keys.insert(0, f"(epoch_us({moment}) - {piece.start}::BIGINT) // {stretch}")
    return ", ".join(keys)


def _write(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    piece: _Piece,
    work: Path,
    *,
    divided: bool,
) -> Merged:
    name = f"{secrets.token_hex(8)}-merged.parquet"
    path = work / name
    moment = f'"{table.time_column}"'
    _copy(
        connection,
        f"SELECT * FROM merging WHERE epoch_us({moment}) >= {piece.start}::BIGINT"
        f" AND epoch_us({moment}) < {piece.end}::BIGINT",
        f"ORDER BY {_order(table, piece)}",
        path,
    )
    sync(path)
    part = "lake_part" if divided else "0"
    rows = connection.execute(
        f"SELECT {part} AS part, count(*), min(epoch_us({moment})), max(epoch_us({moment}))"
        f" FROM read_parquet({_quoted(path)}, hive_partitioning = false) GROUP BY part"
    ).fetchall()
    total, first, last = sum(row[1] for row in rows), min(row[2] for row in rows), max(row[3] for row in rows)
    segment = Segment(f"{piece.directory}/{name}", table.name, total, path.stat().st_size, first, last)
    return Merged(path, segment, {row[0]: row[1] for row in rows})


def _copy(connection: duckdb.DuckDBPyConnection, rows: str, order: str, path: Path) -> None:
    """Write the rows sorted; where they are too wide for that in the memory, in smaller row groups, or as they come.

    A million rows of HTTP with their bodies need a gigabyte to be sorted. Unsorted they pass through.
    """
    ways = ((order, ROWS_PER_GROUP), (order, ROWS_PER_SMALL_GROUP), ("", ROWS_PER_SMALL_GROUP))
    for number, (sorting, group) in enumerate(ways, 1):
        try:
            connection.execute(
                f"COPY ({rows} {sorting}) TO {_quoted(path)} ({FORMAT}, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE {group})"
            )
            return
        except duckdb.OutOfMemoryException:
            path.unlink(missing_ok=True)
            if number == len(ways):
                raise


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
