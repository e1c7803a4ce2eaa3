"""How many rows a table has in a stretch of time: counted once, in steps of a minute, for all that ask."""

# ruff: noqa: S608 -- names come from core/tables and bounds are integers; what users write is never put into a text

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import duckdb

from secwatch.core.columns import Table

SECOND = 1_000_000
_STEP = 60 * SECOND
_MOST_STEPS = 1 << 20  # what a sweep of two years has; longer ones are counted in longer steps


@dataclass(frozen=True)
class Numbers:
    """Rows by step: those in (start, start + step] are the difference of two neighbours in `before`.

    starts are in µs and ascending, steps without a row left out; before has one more, and counts from 0.
    Lists, because loading numpy takes a tenth of a small sweep.
    """

    step: int
    starts: Sequence[int]
    before: Sequence[int]

    @property
    def rows(self) -> Sequence[int]:
        """The rows of each step."""
        return [after - before for before, after in pairwise(self.before)]

    def at_most(self, lower: int, upper: int) -> int:
        """Return the number of rows in (lower, upper] µs, or up to two steps more."""
        first = bisect_right(self.starts, lower - self.step)
        last = bisect_left(self.starts, upper)
        return self.before[max(last, first)] - self.before[first]

    def reach(self, lower: int, rows: int) -> int:
        """Return the latest end of a step up to which at_most(lower, …) is no more than `rows`; lower if none is."""
        first = bisect_right(self.starts, lower - self.step)
        last = bisect_right(self.before, self.before[first] + rows) - 1
        return max(self.starts[last - 1] + self.step, lower) if last > first else lower


def count_rows(connection: duckdb.DuckDBPyConnection, table: Table, lower: int, upper: int) -> Numbers:
    """Count the rows of a table in (lower, upper] µs."""
    step = max(_STEP, -(-(upper - lower) // _MOST_STEPS))
    sql = (
        f'SELECT (epoch_us("{table.time_column}") - 1) // {step} AS number, count(*) AS rows'
        f" FROM all_{table.name} WHERE {between(table, lower, upper)} GROUP BY number ORDER BY number"
    )
    found = connection.execute(sql).fetchall()
    starts = [int(number) * step for number, _ in found]
    return Numbers(step, starts, list(accumulate((int(rows) for _, rows in found), initial=0)))


def between(table: Table, lower: int, upper: int) -> str:
    """Return the condition that a row lies in (lower, upper] µs."""
    moment = f'"{table.time_column}"'
    return f"{moment} > make_timestamp({lower}::BIGINT) AND {moment} <= make_timestamp({upper}::BIGINT)"
