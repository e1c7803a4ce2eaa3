"""Windows in packet time: however the data comes in, the alerts are the same, and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from secwatch.core.model import Alert
from secwatch.core.ownership import Ownership
from secwatch.detect.catalogue import load_path
from secwatch.detect.definition import Definition
from secwatch.detect.evaluate import Outcome, span, sweep
from secwatch.lake.protocol import File
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Segment, Writer
from secwatch.store import alerts
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from secwatch.system.settings import Detect
from tests.detect.test_lint import GOOD

START = 1_790_000_000
NOW = datetime(2026, 11, 23, tzinfo=UTC)
Row = tuple[int, str]  # second, source


class City:
    """A lake and a database that take rows as the pipeline does, without packets."""

    def __init__(self, directory: Path, definition: Definition, rows_in_memory: int = 100_000):
        self.lake = directory / "lake"
        self.database: Database = open_database(directory / "city.db", (MIGRATIONS,))
        self.definition = definition
        self.rows_in_memory = rows_in_memory
        self.recorded: list[Segment] = []

    def take(self, rows: Sequence[Row]) -> Outcome:
        """Take the rows of one input."""
        content = [
            {"first_seen": (START + at) * 10**6, "last_seen": (START + at) * 10**6, "source_address": source}
            for at, source in rows
        ]
        with Writer(self.lake) as writer:
            writer.add(batch_of("flows", content))
            segments = writer.finish()
        return self._evaluate(segments)

    def again(self) -> Outcome:
        """Evaluate everything once more, as `detect run` does."""
        segments, self.recorded = tuple(self.recorded), []
        return self._evaluate(segments)

    def _evaluate(self, segments: Sequence[Segment]) -> Outcome:
        first = min(item.first_time for item in segments)
        last = max(item.last_time for item in segments)
        margin = span([self.definition])
        old = [item for item in self.recorded if item.last_time >= first - margin and item.first_time <= last + margin]
        files = [File(item.path, item.first_time, item.last_time) for item in old]
        files += [File(item.path, item.first_time, item.last_time, new=True) for item in segments]
        outcome = sweep(
            self.lake,
            {"flows": files},
            [self.definition],
            first_time=first,
            last_time=last,
            ownership=Ownership(()),
            settings=Detect(),
            rows_in_memory=self.rows_in_memory,
        )
        assert not outcome.problems
        with self.database.atomic():
            alerts.record(self.database, outcome.findings, NOW)
        self.recorded.extend(segments)
        return outcome

    def facts(self) -> list[tuple[Any, ...]]:
        """The alerts as (source, first, last, count), by source and time."""
        found: Sequence[Alert] = alerts.select(self.database)
        facts = [
            (
                alert.finding.source,
                alert.finding.first_seen.timestamp() - START,
                alert.finding.last_seen.timestamp() - START,
                alert.finding.count,
            )
            for alert in found
        ]
        return sorted(facts)


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    """More than 3 flows of a source in 300 s, looked at every 60 s, suppressed for 600 s."""
    path = tmp_path_factory.mktemp("detections") / "mine.sql"
    path.write_text(GOOD, encoding="utf-8")
    return load_path(path).definitions[0]


ROWS = st.lists(
    st.tuples(st.integers(0, 3000), st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"])), min_size=8, max_size=60
).map(sorted)
SLOW = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(rows=ROWS, cut=st.integers(0, 3000))
def test_whole_or_in_two_files_the_alerts_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, definition: Definition, rows: list[Row], cut: int
) -> None:
    whole = City(tmp_path_factory.mktemp("whole"), definition)
    whole.take(rows)
    split = City(tmp_path_factory.mktemp("split"), definition)
    for part in ([row for row in rows if row[0] <= cut], [row for row in rows if row[0] > cut]):
        if part:
            split.take(part)
    assert split.facts() == whole.facts()
    before = split.facts()
    split.again()
    whole.again()
    assert split.facts() == whole.facts() == before


@SLOW
@given(rows=ROWS, cut=st.integers(0, 3000))
def test_in_any_order_the_same_sources_are_found(
    tmp_path_factory: pytest.TempPathFactory, definition: Definition, rows: list[Row], cut: int
) -> None:
    whole = City(tmp_path_factory.mktemp("whole"), definition)
    whole.take(rows)
    turned = City(tmp_path_factory.mktemp("turned"), definition)
    for part in ([row for row in rows if row[0] > cut], [row for row in rows if row[0] <= cut]):
        if part:
            turned.take(part)
    assert {fact[0] for fact in turned.facts()} == {fact[0] for fact in whole.facts()}


@SLOW
@given(rows=ROWS)
def test_little_memory_finds_the_same(
    tmp_path_factory: pytest.TempPathFactory, definition: Definition, rows: list[Row]
) -> None:
    """Windows that do not fit the memory are read from the files."""
    plenty = City(tmp_path_factory.mktemp("plenty"), definition)
    scarce = City(tmp_path_factory.mktemp("scarce"), definition, rows_in_memory=7)
    none = City(tmp_path_factory.mktemp("none"), definition, rows_in_memory=0)
    assert plenty.take(rows).findings == scarce.take(rows).findings == none.take(rows).findings


def test_a_window_across_two_files_sees_both(tmp_path: Path, definition: Definition) -> None:
    city = City(tmp_path, definition)
    city.take([(at, "192.0.2.1") for at in (10, 20)])
    assert city.facts() == []
    city.take([(at, "192.0.2.1") for at in (30, 40)])
    assert city.facts() == [("192.0.2.1", 10, 40, 4)]


def test_empty_windows_are_skipped(tmp_path: Path, definition: Definition) -> None:
    year = 365 * 86400
    city = City(tmp_path, definition)
    outcome = city.take([(at, "192.0.2.1") for at in (0, 1, 2, 3, year, year + 1, year + 2, year + 3)])
    assert outcome.evaluations["mine"].windows == 2
    assert [fact[3] for fact in city.facts()] == [4, 4]


def test_after_a_long_silence_another_alert_opens(tmp_path: Path, definition: Definition) -> None:
    city = City(tmp_path, definition)
    city.take([(at, "192.0.2.1") for at in range(5)])
    city.take([(500 + at, "192.0.2.1") for at in range(5)])
    assert [fact[3] for fact in city.facts()] == [10]
    city.take([(2000 + at, "192.0.2.1") for at in range(5)])
    assert [fact[3] for fact in city.facts()] == [10, 5]


def test_a_detection_that_fails_does_not_stop_the_others(tmp_path: Path, definition: Definition) -> None:
    bad = tmp_path / "bad.sql"
    bad.write_text(
        GOOD.replace('"mine"', '"bad"').replace("1.0 AS score", "length(repeat('x', 3000000000)) AS score"), "utf-8"
    )
    city = City(tmp_path, definition)
    with Writer(city.lake) as writer:
        rows = [
            {"first_seen": START * 10**6, "last_seen": START * 10**6 + at, "source_address": "a"} for at in range(9)
        ]
        writer.add(batch_of("flows", rows))
        segments = writer.finish()
    outcome = sweep(
        city.lake,
        {"flows": [File(item.path, item.first_time, item.last_time, new=True) for item in segments]},
        [load_path(bad).definitions[0], definition],
        first_time=segments[0].first_time,
        last_time=segments[0].last_time,
        ownership=Ownership(()),
        settings=Detect(),
    )
    assert [finding.detection for finding in outcome.findings] == ["mine"]
    assert len(outcome.problems) == 1
    assert "memory" in outcome.problems[0]
