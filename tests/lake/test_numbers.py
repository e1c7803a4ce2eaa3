"""Rows counted in steps: never fewer than there are, and of two steps more at most."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some

from secwatch.core.tables import TABLES
from secwatch.lake.engine import connect
from secwatch.lake.numbers import SECOND, Numbers, count_rows
from secwatch.lake.protocol import File
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Writer

STEP = 60
TIMES = some.lists(some.integers(1, 2000), max_size=60).map(sorted)
BOUND = some.integers(-100, 2200)


def _numbers(times: list[int]) -> Numbers:
    steps = sorted({(time - 1) // STEP for time in times})
    counts = [sum((time - 1) // STEP == step for time in times) for step in steps]
    return Numbers(STEP, [step * STEP for step in steps], list(accumulate(counts, initial=0)))


@given(times=TIMES, lower=BOUND, upper=BOUND)
def test_at_most_holds(times: list[int], lower: int, upper: int) -> None:
    found = _numbers(times).at_most(lower, upper)
    assert found >= sum(lower < time <= upper for time in times)
    assert found <= sum(lower - STEP < time <= upper + STEP for time in times)


@given(times=TIMES, lower=BOUND, rows=some.integers(0, 60))
def test_what_is_in_reach_is_no_more_than_asked_for(times: list[int], lower: int, rows: int) -> None:
    numbers = _numbers(times)
    reach = numbers.reach(lower, rows)
    assert reach >= lower
    assert reach == lower or numbers.at_most(lower, reach) <= rows


def test_the_lake_is_counted(tmp_path: Path) -> None:
    times = [60 * SECOND, 60 * SECOND + 1, 119 * SECOND, 120 * SECOND, 7200 * SECOND]
    with Writer(tmp_path) as writer:
        writer.add(batch_of("flows", [{"last_seen": time} for time in times]))
        (segment,) = writer.finish()
    files = {"flows": [File(segment.path, segment.first_time, segment.last_time, new=True)]}
    connection = connect(str(tmp_path), files, 200)
    numbers = count_rows(connection, TABLES["flows"], 0, 10_000 * SECOND)
    assert numbers.starts == [0, 60 * SECOND, 7140 * SECOND]
    assert numbers.before == [0, 1, 4, 5]
    assert numbers.at_most(0, 10_000 * SECOND) == 5
    assert count_rows(connection, TABLES["flows"], 10**12, 10**12 + 1).before == [0]
