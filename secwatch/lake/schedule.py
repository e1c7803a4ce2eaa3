"""Which windows of a watch are evaluated: those that hold something new, and enough for it to state anything.

Found by counting, in a few queries over all windows at once: to plan and run a watch in a window of
nothing takes milliseconds, and a capture of a year has half a million windows.
"""

# ruff: noqa: S608 -- names come from core/columns.py and bounds are integers; what users write is never put into a text

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

import duckdb

from secwatch.core.columns import Table
from secwatch.core.tables import TABLES
from secwatch.lake.alone import Sources
from secwatch.lake.numbers import SECOND, between
from secwatch.lake.protocol import Needs, Sweep, Watch
from secwatch.lake.shelf import Shelf

# From so many rows a window on, evaluating it costs less than finding out whether it need be.
_DENSE = 10_000
# A row that is counted by what it agrees in takes this part of the memory of one that is held.
_COUNTED = 8


def parts(shelf: Shelf, watch: Watch, work: Sweep) -> list[Sequence[int]]:
    """Return the ends (µs) of the windows that may be evaluated, in order, in parts for `promising`.

    They hold a row of the sweep's range, and their slot is not empty. They reach past the sweep's last
    row by up to a window: rows read earlier but later in time (files read in another order) meet the
    new rows there. The windows of a part together hold no more rows than the shelf may, or it is a single one.
    """
    every, window = watch.every_seconds * SECOND, watch.window_seconds * SECOND
    upper = max((work.last_time + window - 1) // every * every, work.last_time)
    slots = _rows_by_slot(shelf, watch, work.first_time - window - every, upper)
    ends = sorted(end for end in slots if end >= work.first_time)
    if not ends or watch.needs is None:
        return [ends] if ends else []
    capacity = shelf.capacity * (_COUNTED if watch.needs.alone else 1)
    return list(_parts(ends, slots, window + every, capacity))


def split(part: Sequence[int], pieces: int) -> Sequence[Sequence[int]]:
    """Return a part in so many pieces, or one for each window, in order."""
    length = -(-len(part) // pieces)
    return [part[start : start + length] for start in range(0, len(part), length)]


def dense(shelf: Shelf, watch: Watch, part: Sequence[int]) -> bool:
    """Return whether the windows of a part hold so many rows that all of them are better evaluated."""
    window = watch.window_seconds * SECOND
    rows = sum(shelf.numbers[name].at_most(part[0] - window, part[-1]) for name in watch.consumes)
    return rows * window > _DENSE * (part[-1] - part[0] + window)


def _rows_by_slot(shelf: Shelf, watch: Watch, lower: int, upper: int) -> Mapping[int, int]:
    """Return the number of rows in (lower, upper] by the end of their slot, slots without a row left out.

    Where slots are whole steps that are counted already, they may hold rows before `lower` too.
    """
    every = watch.every_seconds * SECOND
    found: dict[int, int] = {}
    for name in watch.consumes:
        numbers = shelf.numbers[name]
        if every % numbers.step == 0 and upper % every == 0:
            slots = (-(-(start + numbers.step) // every) for start in numbers.starts)
            counts: Iterable[tuple[int, int]] = zip(slots, numbers.rows, strict=True)
        else:
            counts = _counted_by_slot(shelf, TABLES[name], every, lower, upper)
        for slot, count in counts:
            end = int(slot) * every
            if end <= upper or upper % every:
                found[end] = found.get(end, 0) + int(count)
    return found


def _counted_by_slot(shelf: Shelf, table: Table, every: int, lower: int, upper: int) -> Iterable[tuple[int, int]]:
    sql = (
        f'SELECT (epoch_us("{table.time_column}") + {every - 1}) // {every} AS slot, count(*)'
        f" FROM {shelf.source(table, lower, upper)} WHERE {between(table, lower, upper)} GROUP BY slot"
    )
    return shelf.connection.execute(sql).fetchall()


def _parts(ends: Sequence[int], slots: Mapping[int, int], reach: int, capacity: int) -> Iterator[Sequence[int]]:
    """Yield the ends in pieces whose windows together hold no more rows than the capacity, or one end each."""
    order = sorted(slots)
    before = [0]
    for end in order:
        before.append(before[-1] + slots[end])
    start = 0
    while start < len(ends):
        base = before[bisect_right(order, ends[start] - reach)]
        stop = bisect_right(before, base + capacity) - 1  # slots up to this index fit
        fit = bisect_left(ends, order[stop]) if stop < len(order) else len(ends)
        fit = max(fit, start + 1)
        yield ends[start:fit]
        start = fit


def promising(shelf: Shelf, watch: Watch, needs: Needs, source: Sources, ends: Sequence[int]) -> Sequence[int]:
    """Return the ends whose window holds `needs.rows` rows that agree in `needs.same`.

    n such rows, one after the other, lie together in every window that ends at or after the last of
    them and begins before the first. All ends when it cannot be found out.
    """
    every, window = watch.every_seconds * SECOND, watch.window_seconds * SECOND
    lower, upper = ends[0] - window, ends[-1]
    # Rows that agree have the same hash; that others may have it too only lets a window be evaluated for nothing.
    columns = ", ".join(f'"{name}"' for name in needs.same)
    same = f", hash({columns}) AS same" if needs.same else ""
    every_row = " UNION ALL ".join(
        f'SELECT epoch_us("{TABLES[name].time_column}") AS moment{same} {source.rows(name, lower, upper)}'
        for name in watch.consumes
    )
    often = f"SELECT same FROM candidates GROUP BY same HAVING count(*) >= {needs.rows}"
    many = f" SEMI JOIN ({often}) AS often USING (same)" if same else ""
    partition = "PARTITION BY same " if same else ""
    sql = (
        f"WITH candidates AS MATERIALIZED ({every_row}), runs AS (SELECT moment,"
        f" lag(moment, {needs.rows - 1}) OVER ({partition}ORDER BY moment) AS first FROM candidates{many})"
        f" SELECT (moment + {every - 1}) // {every} * {every} AS slot, max(first) FROM runs"
        f" WHERE first > moment - {window} GROUP BY slot ORDER BY slot"
    )
    try:
        found = shelf.connection.execute(sql, source.values).fetchall()
    except duckdb.Error:
        return ends
    chosen: list[int] = []
    done = 0
    for first_end, first_row in found:
        begin = max(bisect_left(ends, first_end), done)
        done = max(bisect_left(ends, first_row + window), done)
        chosen.extend(ends[begin:done])
    return chosen
