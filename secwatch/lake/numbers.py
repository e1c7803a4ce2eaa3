"""How many rows a table has in a stretch of time: counted once, in steps of a minute, for all that ask."""

# ruff: noqa: S608 -- names come from core/tables and bounds are integers; what users write is never put into a text

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy
from numpy.typing import NDArray

from secwatch.core.columns import Table

SECOND = 1_000_000
_STEP = 60 * SECOND
_MOST_STEPS = 1 << 20  # what a sweep of two years has; longer ones are counted in longer steps


@dataclass(frozen=True)
class Numbers:
    """Rows by step: those in (start, start + step] are the difference of two neighbours in `before`.

    starts (steps,) are in µs and ascending, steps without a row left out; before (steps + 1,) counts from 0.
    """

    step: int
    starts: NDArray[numpy.int64]
    before: NDArray[numpy.int64]

    @property
    def rows(self) -> NDArray[numpy.int64]:
        """The rows of each step, (steps,)."""
        return numpy.diff(self.before)

    def at_most(self, lower: int, upper: int) -> int:
        """Return the number of rows in (lower, upper] µs, or up to two steps more."""
        first = numpy.searchsorted(self.starts, lower - self.step, side="right")
        last = numpy.searchsorted(self.starts, upper, side="left")
        return int(self.before[max(last, first)] - self.before[first])

    def reach(self, lower: int, rows: int) -> int:
        """Return the latest end of a step up to which at_most(lower, …) is no more than `rows`; lower if none is."""
        first = numpy.searchsorted(self.starts, lower - self.step, side="right")
        last = int(numpy.searchsorted(self.before, self.before[first] + rows, side="right")) - 1
        return max(int(self.starts[last - 1]) + self.step, lower) if last > first else lower


def count_rows(connection: duckdb.DuckDBPyConnection, table: Table, lower: int, upper: int) -> Numbers:
    """Count the rows of a table in (lower, upper] µs."""
    step = max(_STEP, -(-(upper - lower) // _MOST_STEPS))
    sql = (
        f'SELECT (epoch_us("{table.time_column}") - 1) // {step} AS number, count(*) AS rows'
        f" FROM all_{table.name} WHERE {between(table, lower, upper)} GROUP BY number ORDER BY number"
    )
    found = connection.execute(sql).fetchnumpy()
    starts = numpy.asarray(found["number"], numpy.int64) * step
    before = numpy.zeros(len(starts) + 1, numpy.int64)
    numpy.cumsum(numpy.asarray(found["rows"], numpy.int64), out=before[1:])
    return Numbers(step, starts, before)


def between(table: Table, lower: int, upper: int) -> str:
    """Return the condition that a row lies in (lower, upper] µs."""
    moment = f'"{table.time_column}"'
    return f"{moment} > make_timestamp({lower}::BIGINT) AND {moment} <= make_timestamp({upper}::BIGINT)"
