"""Which files a statement can need: those of other days are never opened.

DuckDB opens every file that a view names before it looks at a condition. So the statement is planned
first over empty tables, one for each day of the files, behind the condition that its rows lie between
the day's first and last time. What DuckDB's own optimizer then proves to be empty, whatever the rows
are, is left out of the plan, and its files are left out of the views.
"""

# ruff: noqa: S608 -- names come from core/columns.py and bounds are integers; what users write is never put into a text

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb

from secwatch.core.columns import Table
from secwatch.core.tables import TABLES
from secwatch.lake.engine import Accepted, explain, names
from secwatch.lake.layout import day_number
from secwatch.lake.protocol import File

_GROUP = "group_of_files_"
# Those that conclude from conditions alone. The others conclude from statistics too: an empty table proves nothing.
_OPTIMIZERS = ("expression_rewriter", "filter_pullup", "filter_pushdown", "empty_result_pullup", "cte_inlining")

# Planning over many groups takes longer than it saves: first a few wide ones, then what is left of them in days.
_AT_ONCE = 16

Files = Mapping[str, Sequence[File]]
Groups = Mapping[str, Sequence[Sequence[File]]]


def needed(connect: Callable[[], duckdb.DuckDBPyConnection], files: Files, statement: Accepted) -> Files:
    """Return the files that the statement can need. `connect` gives a locked-down connection without any table.

    Raise Unacceptable for a statement that cannot be planned.
    """
    rest: dict[str, Sequence[File]] = {name: files[name] for name in TABLES if files.get(name)}
    while True:
        groups = {name: _groups(of) for name, of in rest.items()}
        used = _planned(connect, groups, statement)
        before = rest
        rest = {}
        for name, of in groups.items():
            if chosen := [file for number, group in enumerate(of) if (name, number) in used for file in group]:
                rest[name] = chosen
        # Where a group of several days was left out, looking at days may leave out more.
        changed = any(len(of) < len(before[name]) for name, of in rest.items())
        if not changed or all(len(_days(of)) <= _AT_ONCE for of in before.values()):
            return rest


def _days(files: Sequence[File]) -> Sequence[Sequence[File]]:
    """Return the files of the same days together, in order."""
    found: dict[tuple[int, int], list[File]] = {}
    for file in files:
        found.setdefault((day_number(file.first_time), day_number(file.last_time)), []).append(file)
    return [found[days] for days in sorted(found)]


def _groups(files: Sequence[File]) -> Sequence[Sequence[File]]:
    """Return the files in at most _AT_ONCE groups, each of one day or of days that follow each other."""
    days = _days(files)
    width = -(-len(days) // _AT_ONCE)
    return [[file for day in days[at : at + width] for file in day] for at in range(0, len(days), width)]


def _planned(
    connect: Callable[[], duckdb.DuckDBPyConnection],
    groups: Groups,
    statement: Accepted,
) -> frozenset[tuple[str, int]]:
    """Return the groups, as (table, number), that are left in the plan of the statement."""
    with connect() as connection:
        known = {row[0] for row in connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()}
        connection.execute(f"SET disabled_optimizers = '{','.join(sorted(known.difference(_OPTIMIZERS)))}'")
        for table in TABLES.values():
            _show(connection, table, groups.get(table.name, ()))
        connection.execute("SET lock_configuration = true")
        try:
            row = connection.execute(f"EXPLAIN (FORMAT json) {statement.sql}").fetchone()
        except duckdb.Error as error:
            raise explain(error) from error
    return frozenset(_scanned(json.loads(row[1]) if row else None))


def _show(connection: duckdb.DuckDBPyConnection, table: Table, groups: Sequence[Sequence[File]]) -> None:
    columns = ", ".join(f'"{column.name}" {column.kind.value}' for column in table.columns)
    parts = []
    for number, files in enumerate(groups):
        name = f"{_GROUP}{number}_{table.name}"
        connection.execute(f"CREATE TABLE {name} ({columns})")
        first, last = min(file.first_time for file in files), max(file.last_time for file in files)
        moment = f'"{table.time_column}"'
        bounds = f"{moment} >= make_timestamp({first}::BIGINT) AND {moment} <= make_timestamp({last}::BIGINT)"
        parts.append(f"SELECT * FROM {name} WHERE {bounds}")
    typed = ", ".join(f'CAST(NULL AS {column.kind.value}) AS "{column.name}"' for column in table.columns)
    body = " UNION ALL ".join(parts) or f"SELECT {typed} WHERE false"
    connection.execute(f"CREATE VIEW all_{table.name} AS SELECT *, false AS new FROM ({body})")
    connection.execute(f"CREATE VIEW {table.name} AS SELECT {names(table)} FROM all_{table.name}")


def _scanned(plan: Any) -> set[tuple[str, int]]:
    """Return the groups that any text of the plan names: too many rather than too few."""
    found: set[tuple[str, int]] = set()
    stack = [plan]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, str):
            found.update((table, int(number)) for number, table in re.findall(rf"{_GROUP}(\d+)_(\w+)", node))
    return found
