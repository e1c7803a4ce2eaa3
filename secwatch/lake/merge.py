"""Many small files of one table and day into few large ones: the same rows sorted by time, less to open and keep."""

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
from secwatch.lake.write import MAX_DAYS, Segment, explain

# A file of this many rows is opened quickly, and sorted within the memory below (what does not fit is
# put on the disk meanwhile).
ROWS_PER_MERGED = 2_000_000
MERGING_MEMORY = "384MB"
_MINUTE = 60_000_000


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
        connection.execute(f"SET memory_limit = '{MERGING_MEMORY}'; SET threads = 2")
        connection.execute(f"SET temp_directory = {_quoted(spill)}")
        try:
            divided = _show_rows(connection, table, lake, sources)
            made = [
                _write(connection, table, directory, bounds, work, divided=divided)
                for directory, bounds in _pieces(connection, table, sources, rows_per_file)
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
) -> Sequence[tuple[str, tuple[int, int]]]:
    """Return the files to be written: directory, and the times [from, to) of its rows in µs.

    A day with more rows than a file is to have is cut at full minutes. Rows of too many days stay together.
    """
    lowest = min(source.first_time for source in sources)
    highest = max(source.last_time for source in sources) + 1
    moment = f'epoch_us("{table.time_column}")'
    counted = f"({moment} - {lowest // DAY * DAY}::BIGINT) // {_MINUTE}"
    if highest // DAY - lowest // DAY > 366 or sum(source.rows for source in sources) == 0:
        return [(directory_of(table.name, None), (lowest, highest))]
    days: dict[int, list[tuple[int, int]]] = {}
    rows = connection.execute(f"SELECT {counted} AS minute, count(*) FROM merging GROUP BY minute ORDER BY minute")
    for minute, count in rows.fetchall():
        start = lowest // DAY * DAY + minute * _MINUTE
        days.setdefault(start // DAY, []).append((start, count))
    if len(days) > MAX_DAYS:
        return [(directory_of(table.name, None), (lowest, highest))]
    pieces: list[tuple[str, tuple[int, int]]] = []
    for day, minutes in days.items():
        total = sum(count for _, count in minutes)
        share = -(-total // max(1, -(-total // rows_per_file)))
        begin, held = minutes[0][0], 0
        for start, count in minutes:
            if held >= share:
                pieces.append((directory_of(table.name, day), (begin, start)))
                begin, held = start, 0
            held += count
        pieces.append((directory_of(table.name, day), (begin, (day + 1) * DAY)))
    return pieces


def _write(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    directory: str,
    bounds: tuple[int, int],
    work: Path,
    *,
    divided: bool,
) -> Merged:
    name = f"{secrets.token_hex(8)}-merged.parquet"
    path = work / name
    moment = f'"{table.time_column}"'
    connection.execute(
        f"COPY (SELECT * FROM merging WHERE epoch_us({moment}) >= {bounds[0]}::BIGINT"
        f" AND epoch_us({moment}) < {bounds[1]}::BIGINT ORDER BY {moment})"
        f" TO {_quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
    )
    sync(path)
    part = "lake_part" if divided else "0"
    rows = connection.execute(
        f"SELECT {part} AS part, count(*), min(epoch_us({moment})), max(epoch_us({moment}))"
        f" FROM read_parquet({_quoted(path)}, hive_partitioning = false) GROUP BY part"
    ).fetchall()
    total, first, last = sum(row[1] for row in rows), min(row[2] for row in rows), max(row[3] for row in rows)
    segment = Segment(f"{directory}/{name}", table.name, total, path.stat().st_size, first, last)
    return Merged(path, segment, {row[0]: row[1] for row in rows})


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
