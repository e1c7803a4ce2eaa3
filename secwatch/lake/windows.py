"""Detections over time: each SELECT is evaluated in every window that holds something new.

A window is (end - window_seconds, end], its end a multiple of every_seconds in packet time. The
slot (end - every_seconds, end] is the part of it that no earlier window ended in: a row of a new
file is `fresh` in exactly that one evaluation. Windows with an empty slot state nothing new.
"""

# ruff: noqa: S608 -- names come from core/columns.py and bounds are integers; what users write is never put into a text

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from secwatch.core.columns import TABLES, Table
from secwatch.lake.engine import Accepted, Unacceptable, accept, explain, names, run, tables_of
from secwatch.lake.protocol import Answer, End, Evaluated, Stated, Sweep, Watch, moment_text

_SECOND = 1_000_000


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
        held = self.held.get(table.name)
        if held and held[0] <= lower and upper <= held[1]:
            self._view(table, f"held_{table.name}")
        elif self.count(table, lower, upper) <= self.capacity:
            self.connection.execute(
                f"CREATE OR REPLACE TABLE held_{table.name} AS SELECT {self.columns[table.name]}, new"
                f" FROM all_{table.name} WHERE {_between(table, lower, upper)}"
            )
            self.held[table.name] = (lower, upper)
            self.shown.pop(table.name, None)
            self._view(table, f"held_{table.name}")
        else:
            self._view(table, f"all_{table.name}")
            self.connection.execute(f"DROP TABLE IF EXISTS held_{table.name}")
            self.held.pop(table.name, None)

    def count(self, table: Table, lower: int, upper: int) -> int:
        """Return the number of rows in (lower, upper]."""
        sql = f"SELECT count(*) FROM all_{table.name} WHERE {_between(table, lower, upper)}"
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


def sweep(connection: duckdb.DuckDBPyConnection, work: Sweep) -> Iterator[Answer]:
    """Yield what every watch states, and for every watch that it is through. Raise Unacceptable on a bug of ours."""
    columns = {name: _columns_read(table, work.watches) for name, table in TABLES.items()}
    shelf = Shelf(connection, work.rows_in_memory, columns)
    _bounds(connection, 0, 0, 0)
    _hold_everything(shelf, work)
    for watch in work.watches:
        started = time.monotonic()
        windows = 0
        problem = None
        try:
            statement = accept(connection, watch.sql)
            _refuse_other_tables(connection, watch)
            for end in _window_ends(connection, watch, work):
                _place(shelf, watch, end, work)
                yield from _evaluate(connection, watch, statement, end, work.rows_per_window)
                windows += 1
        except Unacceptable as error:
            problem = error.message + (f" (line {error.line} of its SQL)" if error.line else "")
        except duckdb.Error as error:
            problem = explain(error).message
        yield Evaluated(watch.id, windows, time.monotonic() - started, problem)
    yield End()


# `SELECT *`, `t.*`, `(FROM t)`, `COLUMNS(…)` and `NATURAL JOIN` read columns without naming them.
_UNNAMED = re.compile(r"(\bselect\s+(distinct\s+)?|,\s*|\.)\*|\(\s*from\b|\bcolumns\s*\(|\bnatural\b", re.IGNORECASE)


def _columns_read(table: Table, watches: Sequence[Watch]) -> str:
    """Return the columns that the watches may read, as SQL: holding the others would cost most of the memory."""
    text = "\n".join(watch.sql for watch in watches if table.name in watch.consumes)
    if _UNNAMED.search(text):
        return names(table)
    words = set(re.findall(r"\w+", text.lower())) | {table.time_column}
    return ", ".join(f'"{column.name}"' for column in table.columns if column.name in words)


def _refuse_other_tables(connection: duckdb.DuckDBPyConnection, watch: Watch) -> None:
    """A table that a watch does not consume is not placed in its window: its rows would be those of another."""
    others = sorted(set(tables_of(connection, watch.sql)) - set(watch.consumes))
    if others:
        raise Unacceptable(f"it reads {', '.join(others)}, which it does not name in consumes")


def _hold_everything(shelf: Shelf, work: Sweep) -> None:
    """A sweep over little data reads each table once for all watches."""
    for name in sorted({name for watch in work.watches for name in watch.consumes}):
        users = [watch for watch in work.watches if name in watch.consumes]
        before = max(watch.window_seconds for watch in users) * _SECOND
        after = max(watch.window_seconds + watch.every_seconds for watch in users) * _SECOND
        shelf.show(TABLES[name], work.first_time - before - 1, work.last_time + after)


def _window_ends(connection: duckdb.DuckDBPyConnection, watch: Watch, work: Sweep) -> list[int]:
    """Return the ends of the windows that hold a row of the sweep's range and whose slot is not empty.

    They reach past the sweep's last row by up to a window: rows read earlier but later in time (files
    read in another order) meet the new rows there.
    """
    every, window = watch.every_seconds * _SECOND, watch.window_seconds * _SECOND
    upper = (work.last_time + window - 1) // every * every
    ends: set[int] = set()
    for name in watch.consumes:
        table = TABLES[name]
        moment = f'epoch_us("{table.time_column}")'
        sql = (
            f"SELECT DISTINCT ({moment} + {every - 1}) // {every} FROM all_{name}"
            f" WHERE {_between(table, work.first_time - 1, max(upper, work.last_time))}"
        )
        ends.update(int(row[0]) * every for row in connection.execute(sql).fetchall())
    return sorted(ends)


def _place(shelf: Shelf, watch: Watch, end: int, work: Sweep) -> None:
    """Set the window, and see to it that its rows can be read quickly: from memory where they fit."""
    window, every = watch.window_seconds * _SECOND, watch.every_seconds * _SECOND
    for name in watch.consumes:
        table = TABLES[name]
        held = shelf.held.get(name)
        if held and held[0] <= end - window and end <= held[1]:
            shelf.show(table, end - window, end)
        else:
            shelf.show(table, end - window, _stretch(shelf, table, end - window, end, max(window, every), work))
    _bounds(shelf.connection, end - window, end - every, end)


def _stretch(shelf: Shelf, table: Table, lower: int, end: int, window: int, work: Sweep) -> int:
    """Return how far to read ahead from this window: as long as doubling still fits the memory."""
    upper, step = end, window
    while upper < work.last_time + window and shelf.count(table, lower, upper + step) <= shelf.capacity:
        upper += step
        step *= 2
    return upper


def _evaluate(
    connection: duckdb.DuckDBPyConnection, watch: Watch, statement: Accepted, end: int, most: int
) -> Iterator[Stated]:
    run(connection, statement, watch.parameters)
    columns = [item[0] for item in connection.description or ()]
    rows = connection.fetchmany(most + 1)
    for row in rows[:most]:
        yield Stated(watch.id, end, dict(zip(columns, map(moment_text, row), strict=True)))
    if len(rows) > most:
        raise Unacceptable(f"it states more than {most} things in one window")


def _bounds(connection: duckdb.DuckDBPyConnection, start: int, slot: int, end: int) -> None:
    connection.execute(
        f"SET VARIABLE window_start = make_timestamp({start}::BIGINT);"
        f" SET VARIABLE slot_start = make_timestamp({slot}::BIGINT);"
        f" SET VARIABLE window_end = make_timestamp({end}::BIGINT)"
    )


def _between(table: Table, lower: int, upper: int) -> str:
    moment = f'"{table.time_column}"'
    return f"{moment} > make_timestamp({lower}::BIGINT) AND {moment} <= make_timestamp({upper}::BIGINT)"
