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
from secwatch.lake.numbers import SECOND, Numbers, between, count_rows
from secwatch.lake.protocol import Sweep, Watch

_PIECES = 4  # a piece has this part of the rows that may be held: few enough queries, and little read ahead


@dataclass(frozen=True)
class _Piece:
    """Rows of a table in (lower, upper] µs, decoded in memory."""

    name: str
    lower: int
    upper: int
    rows: int


@dataclass
class Shelf:
    """Which rows of each table are decoded in memory: pieces that lie side by side, and how many rows they may have.

    Windows go forward in time, so pieces are added at the young end, and the oldest ones make room: each row
    is decoded once for all watches.
    """

    connection: duckdb.DuckDBPyConnection
    capacity: int
    columns: Mapping[str, str]
    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    held: dict[str, list[_Piece]] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    made: int = 0

    def show(self, table: Table, lower: int, upper: int) -> None:
        """Let the table's view read (lower, upper] from memory if it fits there, else from the files."""
        if self.source(table, lower, upper) == f"held_{table.name}":
            self.view(table, f"held_{table.name}")
        elif self.numbers[table.name].at_most(lower, upper) <= self.capacity:
            self._hold(table, lower, upper)
            self.view(table, f"held_{table.name}")
        else:
            self.view(table, f"all_{table.name}")
            self._drop(table, len(self.held.get(table.name, ())))

    def source(self, table: Table, lower: int, upper: int) -> str:
        """Return the name of a table or view that has every row in (lower, upper]: the one in memory if it can."""
        pieces = self.held.get(table.name)
        inside = pieces and pieces[0].lower <= lower and upper <= pieces[-1].upper
        return f"{'held' if inside else 'all'}_{table.name}"

    def _hold(self, table: Table, lower: int, upper: int) -> None:
        """Decode what is missing of (lower, upper], and what comes after it as far as a piece goes."""
        pieces = self.held.setdefault(table.name, [])
        if pieces and not pieces[0].lower <= lower <= pieces[-1].upper:
            self._drop(table, len(pieces))
        start = pieces[-1].upper if pieces else lower
        numbers = self.numbers[table.name]
        stop = max(upper, numbers.reach(start, self.capacity // _PIECES))
        rows = numbers.at_most(start, stop)
        spare = 0
        while spare < len(pieces) and sum(item.rows for item in pieces[spare:]) + rows > self.capacity:
            if pieces[spare].upper > lower:  # this window needs it: go no further than the window
                stop = upper
                rows = numbers.at_most(start, stop)
                break
            spare += 1
        self._drop(table, spare)
        self.made += 1
        name = f"held_{table.name}_{self.made}"
        self.connection.execute(
            f"CREATE TABLE {name} AS SELECT {self.columns[table.name]}, new"
            f" FROM all_{table.name} WHERE {between(table, start, stop)}"
        )
        pieces.append(_Piece(name, start, stop, rows))
        self._join(table)

    def _drop(self, table: Table, count: int) -> None:
        """Forget the oldest pieces."""
        if count == 0:
            return
        pieces = self.held[table.name]
        dropped, pieces[:] = pieces[:count], pieces[count:]
        self._join(table)
        for piece in dropped:
            self.connection.execute(f"DROP TABLE {piece.name}")

    def _join(self, table: Table) -> None:
        """Make the view over all pieces."""
        names_held = [item.name for item in self.held[table.name]] or [f"all_{table.name} WHERE false"]
        rows = " UNION ALL ".join(f"SELECT {self.columns[table.name]}, new FROM {name}" for name in names_held)
        self.connection.execute(f"CREATE OR REPLACE VIEW held_{table.name} AS {rows}")

    def view(self, table: Table, rows: str, columns: str | None = None) -> None:
        """Let the table's view read what has that name; its columns are those of the shelf if no others are named."""
        if self.shown.get(table.name) == rows:
            return
        moment = f'"{table.time_column}"'
        self.connection.execute(
            f"CREATE OR REPLACE VIEW {table.name} AS SELECT {columns or self.columns[table.name]},"
            f" new AND {moment} > getvariable('slot_start') AS fresh FROM {rows}"
            f" WHERE {moment} > getvariable('window_start') AND {moment} <= getvariable('window_end')"
        )
        self.shown[table.name] = rows


def stock(connection: duckdb.DuckDBPyConnection, work: Sweep) -> Shelf:
    """Return the shelf of a sweep; one over little data reads each table once for all watches."""
    columns = {name: columns_read(table, work.watches) for name, table in TABLES.items()}
    numbers: dict[str, Numbers] = {}
    shelf = Shelf(connection, work.rows_in_memory, columns, numbers)
    set_bounds(connection, 0, 0, 0)
    for name in sorted({name for watch in work.watches for name in watch.consumes}):
        users = [watch for watch in work.watches if name in watch.consumes]
        reach = max(watch.window_seconds + watch.every_seconds for watch in users) * SECOND
        lower, upper = work.first_time - reach - 1, work.last_time + reach
        numbers[name] = count_rows(connection, TABLES[name], lower, upper)
        if not all(watch.needs and watch.needs.alone for watch in users):
            shelf.show(TABLES[name], lower, upper)
    return shelf


def place(shelf: Shelf, watch: Watch, end: int, work: Sweep, alone: Mapping[str, str]) -> None:
    """Set the window, and see to it that its rows can be read quickly: from memory where they fit.

    alone names the tables that hold all rows that matter to the watch, by the table that they are of.
    """
    window, every = watch.window_seconds * SECOND, watch.every_seconds * SECOND
    for name in watch.consumes:
        if name in alone:
            shelf.view(TABLES[name], alone[name], columns_read(TABLES[name], [watch]))
        else:
            shelf.show(TABLES[name], end - window, end)
    set_bounds(shelf.connection, end - window, max(end - every, work.fresh_after), end)


def at_hand(shelf: Shelf, watch: Watch, end: int) -> bool:
    """Return whether all rows of the window that ends there are in memory."""
    lower = end - watch.window_seconds * SECOND
    return all(shelf.source(TABLES[name], lower, end) == f"held_{name}" for name in watch.consumes)


def set_bounds(connection: duckdb.DuckDBPyConnection, start: int, slot: int, end: int) -> None:
    """Say which window the views show, and from when on a new row is fresh (all in µs)."""
    connection.execute(
        f"SET VARIABLE window_start = make_timestamp({start}::BIGINT);"
        f" SET VARIABLE slot_start = make_timestamp({slot}::BIGINT);"
        f" SET VARIABLE window_end = make_timestamp({end}::BIGINT)"
    )


# `SELECT *`, `t.*`, `(FROM t)`, `COLUMNS(…)` and `NATURAL JOIN` read columns without naming them.
_UNNAMED = re.compile(r"(\bselect\s+(distinct\s+)?|,\s*|\.)\*|\(\s*from\b|\bcolumns\s*\(|\bnatural\b", re.IGNORECASE)


def columns_read(table: Table, watches: Sequence[Watch]) -> str:
    """Return the columns that the watches may read, as SQL: holding the others would cost most of the memory."""
    users = [watch for watch in watches if table.name in watch.consumes]
    text = "\n".join(watch.sql for watch in users)
    if _UNNAMED.search(text):
        return names(table)
    words = set(re.findall(r"\w+", text.lower())) | {table.time_column}
    for watch in users:
        words.update(watch.needs.same if watch.needs else ())
    return ", ".join(f'"{column.name}"' for column in table.columns if column.name in words)
