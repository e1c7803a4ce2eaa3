"""The rows that detections look at: decoded in memory where they fit, else read from the files."""

# ruff: noqa: S608 -- names come from core/columns.py and bounds are integers; what users write is never put into a text

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from secwatch.core.columns import Table
from secwatch.core.tables import TABLES
from secwatch.lake.engine import names
from secwatch.lake.protocol import Sweep, Watch

SECOND = 1_000_000


@dataclass
class Shelf:
    """Which rows of each table are decoded in memory: (lower, upper] in µs, and how many there may be."""

    connection: duckdb.DuckDBPyConnection
    capacity: int
    columns: Mapping[str, str]
    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)

    def show(self, table: Table, lower: int, upper: int) -> None:
        """Let the table's view read (lower, upper] from memory if it fits there, else from the files."""
        if self.source(table, lower, upper) == f"held_{table.name}":
            self._view(table, f"held_{table.name}")
        elif self.count(table, lower, upper) <= self.capacity:
            self.connection.execute(
                f"CREATE OR REPLACE TABLE held_{table.name} AS SELECT {self.columns[table.name]}, new"
                f" FROM all_{table.name} WHERE {between(table, lower, upper)}"
            )
            self.held[table.name] = (lower, upper)
            self.shown.pop(table.name, None)
            self._view(table, f"held_{table.name}")
        else:
            self._view(table, f"all_{table.name}")
            self.connection.execute(f"DROP TABLE IF EXISTS held_{table.name}")
            self.held.pop(table.name, None)

    def source(self, table: Table, lower: int, upper: int) -> str:
        """Return the name of a table or view that has every row in (lower, upper]: the one in memory if it can."""
        held = self.held.get(table.name)
        return f"{'held' if held and held[0] <= lower and upper <= held[1] else 'all'}_{table.name}"

    def count(self, table: Table, lower: int, upper: int) -> int:
        """Return the number of rows in (lower, upper]."""
        sql = f"SELECT count(*) FROM all_{table.name} WHERE {between(table, lower, upper)}"
        row = self.connection.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def _view(self, table: Table, rows: str) -> None:
        if self.shown.get(table.name) == rows:
            return
        moment = f'"{table.time_column}"'
        self.connection.execute(
            f"CREATE OR REPLACE VIEW {table.name} AS SELECT {self.columns[table.name]},"
            f" new AND {moment} > getvariable('slot_start') AS fresh FROM {rows}"
            f" WHERE {moment} > getvariable('window_start') AND {moment} <= getvariable('window_end')"
        )
        self.shown[table.name] = rows


def stock(connection: duckdb.DuckDBPyConnection, work: Sweep) -> Shelf:
    """Return the shelf of a sweep; one over little data reads each table once for all watches."""
    columns = {name: _columns_read(table, work.watches) for name, table in TABLES.items()}
    shelf = Shelf(connection, work.rows_in_memory, columns)
    set_bounds(connection, 0, 0, 0)
    for name in sorted({name for watch in work.watches for name in watch.consumes}):
        users = [watch for watch in work.watches if name in watch.consumes]
        before = max(watch.window_seconds for watch in users) * SECOND
        after = max(watch.window_seconds + watch.every_seconds for watch in users) * SECOND
        shelf.show(TABLES[name], work.first_time - before - 1, work.last_time + after)
    return shelf


def place(shelf: Shelf, watch: Watch, end: int, work: Sweep) -> None:
    """Set the window, and see to it that its rows can be read quickly: from memory where they fit."""
    window, every = watch.window_seconds * SECOND, watch.every_seconds * SECOND
    for name in watch.consumes:
        table = TABLES[name]
        if shelf.source(table, end - window, end) == f"held_{name}":
            shelf.show(table, end - window, end)
        else:
            shelf.show(table, end - window, _stretch(shelf, table, end - window, end, max(window, every), work))
    set_bounds(shelf.connection, end - window, max(end - every, work.fresh_after), end)


def set_bounds(connection: duckdb.DuckDBPyConnection, start: int, slot: int, end: int) -> None:
    """Say which window the views show, and from when on a new row is fresh (all in µs)."""
    connection.execute(
        f"SET VARIABLE window_start = make_timestamp({start}::BIGINT);"
        f" SET VARIABLE slot_start = make_timestamp({slot}::BIGINT);"
        f" SET VARIABLE window_end = make_timestamp({end}::BIGINT)"
    )


def between(table: Table, lower: int, upper: int) -> str:
    """Return the condition that a row lies in (lower, upper] µs."""
    moment = f'"{table.time_column}"'
    return f"{moment} > make_timestamp({lower}::BIGINT) AND {moment} <= make_timestamp({upper}::BIGINT)"


def _stretch(shelf: Shelf, table: Table, lower: int, end: int, window: int, work: Sweep) -> int:
    """Return how far to read ahead from this window: as long as doubling still fits the memory."""
    upper, step = end, window
    while upper < work.last_time + window and shelf.count(table, lower, upper + step) <= shelf.capacity:
        upper += step
        step *= 2
    return upper


# `SELECT *`, `t.*`, `(FROM t)`, `COLUMNS(…)` and `NATURAL JOIN` read columns without naming them.
_UNNAMED = re.compile(r"(\bselect\s+(distinct\s+)?|,\s*|\.)\*|\(\s*from\b|\bcolumns\s*\(|\bnatural\b", re.IGNORECASE)


def _columns_read(table: Table, watches: Sequence[Watch]) -> str:
    """Return the columns that the watches may read, as SQL: holding the others would cost most of the memory."""
    users = [watch for watch in watches if table.name in watch.consumes]
    text = "\n".join(watch.sql for watch in users)
    if _UNNAMED.search(text):
        return names(table)
    words = set(re.findall(r"\w+", text.lower())) | {table.time_column}
    for watch in users:
        words.update(watch.needs.same if watch.needs else ())
    return ", ".join(f'"{column.name}"' for column in table.columns if column.name in words)
