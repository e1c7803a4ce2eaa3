"""The rows that can matter to a watch, held alone: found once for many windows, and a small part of all as a rule.

A watch that states nothing of less than n rows that agree need not see the others, if its header says so
(`needs.alone`): they are counted by what they agree in, and only where enough agree they are decoded.
"""

# ruff: noqa: S608 -- names come from core/columns.py, bounds are integers, conditions from the engine's own tree

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from secwatch.core.tables import TABLES
from secwatch.lake.conditions import Condition
from secwatch.lake.numbers import between
from secwatch.lake.protocol import Needs, Watch
from secwatch.lake.shelf import Shelf, columns_read


@dataclass(frozen=True)
class Sources:
    """Where a watch's rows are read: by table the name of a table or view, and the condition that they fulfil.

    values are those of the parameters in the conditions.
    """

    names: Mapping[str, str]
    conditions: Mapping[str, Condition]
    values: Mapping[str, object]

    def rows(self, name: str, lower: int, upper: int) -> str:
        """Return the FROM and WHERE that give the rows of a table in (lower, upper] µs."""
        return f"FROM {self.names[name]} WHERE {between(TABLES[name], lower, upper)} AND ({self.conditions[name].sql})"


def sources(shelf: Shelf, watch: Watch, conditions: Mapping[str, Condition], lower: int, upper: int) -> Sources:
    """Return where all rows of a watch in (lower, upper] µs are read."""
    names = {name: shelf.source(TABLES[name], lower, upper) for name in watch.consumes}
    used = {name for condition in conditions.values() for name in condition.parameters}
    return Sources(names, conditions, {name: watch.parameters[name] for name in used})


class TooMany(Exception):
    """Rows that are more than may be held, so many times over."""

    def __init__(self, times: int):
        super().__init__(times)
        self.times = times


def gather(shelf: Shelf, watch: Watch, needs: Needs, source: Sources, lower: int, upper: int) -> Mapping[str, str]:
    """Hold the rows in (lower, upper] µs that agree with enough others; return the tables' names by what they are of.

    Nothing when it cannot be told within the memory. Rows that agree have the same hash; that others may
    have it too only lets some be held for nothing. Raise TooMany where the shelf may not hold all of them.
    """
    columns = ", ".join(f'"{name}"' for name in needs.same)
    same = f"hash({columns})"
    shelf.made += 1
    keys = f"keys_{shelf.made}"
    made = {name: f"alone_{name}_{shelf.made}" for name in watch.consumes}
    every = " UNION ALL ".join(f"SELECT {same} AS same {source.rows(name, lower, upper)}" for name in watch.consumes)
    run = shelf.connection.execute
    try:
        counted = f"SELECT same, count(*) AS rows FROM ({every}) GROUP BY same HAVING count(*) >= {needs.rows}"
        run(f"CREATE TABLE {keys} AS {counted}", source.values)
        (rows,) = run(f"SELECT coalesce(sum(rows), 0) FROM {keys}").fetchone() or (0,)
        if rows > shelf.capacity:
            raise TooMany(-(-int(rows) // max(shelf.capacity, 1)))
        for name, held in made.items():
            chosen = f"SELECT {columns_read(TABLES[name], [watch])}, new {source.rows(name, lower, upper)}"
            run(f"CREATE TABLE {held} AS {chosen} AND {same} IN (SELECT same FROM {keys})", source.values)
        return made
    except duckdb.Error:
        drop(shelf, made)
        return {}
    finally:
        run(f"DROP TABLE IF EXISTS {keys}")


def drop(shelf: Shelf, held: Mapping[str, str]) -> None:
    """Forget rows that were held alone."""
    for name in held.values():
        shelf.connection.execute(f"DROP TABLE IF EXISTS {name}")
