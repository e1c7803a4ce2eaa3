"""Inputs as they come in a city: growing, packed anew, out of order, one of them hopeless."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from secwatch.core.ownership import Ownership
from secwatch.detect import catalogue
from secwatch.pipeline import read as pipeline
from secwatch.pipeline.read import ReadSummary, read_inputs
from secwatch.sensor.reader import FlowReader
from secwatch.store import alerts, backlog
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from secwatch.system.paths import Place, workspace_at
from secwatch.system.settings import Detect, Settings
from tests.conftest import Run
from tests.pipeline.captures import write_scan

Secwatch = Callable[..., Run]
NOW = datetime(2026, 11, 23, tzinfo=UTC)


class City:
    """A place that reads without a process of its own."""

    def __init__(self, directory: Path):
        self.place: Place = workspace_at(directory)
        self.database: Database = open_database(self.place.database, (MIGRATIONS,))

    def read(self, *paths: Path, again: bool = False, flows_only: bool = False, detect: bool = True) -> ReadSummary:
        """Read captures."""
        names = [str(path) for path in paths]
        where = (self.place, Settings(), self.database, Ownership(()))
        return read_inputs(*where, names, again=again, flows_only=flows_only, detect=detect, now=lambda: NOW)

    @property
    def flows(self) -> int:
        """How many flows the lake holds."""
        (row,) = self.database.query("SELECT sum(rows) AS rows FROM lake_files WHERE table_name = 'flows'")
        return int(row["rows"] or 0)

    def facts(self) -> list[tuple[Any, ...]]:
        """The alerts: severity, times, count."""
        found = (alert.finding for alert in alerts.select(self.database))
        return sorted((item.severity, item.first_seen, item.last_seen, item.count) for item in found)


@pytest.fixture
def city(tmp_path: Path) -> City:
    """An empty place."""
    return City(tmp_path / "city")


def test_a_capture_that_has_grown_replaces_what_it_was(city: City, tmp_path: Path) -> None:
    whole = write_scan(tmp_path / "whole.pcap", packets=15, every=20.0).read_bytes()
    live = tmp_path / "live.pcap"
    # six packets, then in the middle of the ninth, then packed, then all of them
    for content, flows, replaced in (
        (whole[: 24 + 70 * 6], 6, 0),
        (whole[: 24 + 70 * 8 + 30], 8, 1),
        (gzip.compress(whole[: 24 + 70 * 12]), 12, 1),
        (whole, 15, 1),
    ):
        live.write_bytes(content)
        (read,) = city.read(live).inputs
        assert (read.result, read.flows, read.replaced, city.flows) == ("read", flows, replaced, flows)
    assert [fact[3] for fact in city.facts()] == [15]
    (other,) = city.read(write_scan(tmp_path / "other.pcap", packets=6, every=21.0)).inputs
    assert (other.replaced, city.flows) == (0, 21)


def test_a_scan_in_a_growing_capture_is_counted_once(city: City, tmp_path: Path) -> None:
    """Every growth shares a slot with what was counted before it."""
    whole = write_scan(tmp_path / "whole.pcap", packets=60, every=1.0).read_bytes()
    live = tmp_path / "live.pcap"
    for packets in range(12, 61, 6):
        live.write_bytes(whole[: 24 + 70 * packets])
        city.read(live)
        assert [fact[3] for fact in city.facts()] == [packets]


def test_the_same_content_packed_or_not_is_known(city: City, tmp_path: Path) -> None:
    plain = write_scan(tmp_path / "plain.pcap", packets=30)
    packed = tmp_path / "packed.pcap.gz"
    for level in (9, 1):
        packed.write_bytes(gzip.compress(plain.read_bytes(), level))
        assert [item.result for item in city.read(packed, plain).inputs] == ["read" if level == 9 else "known", "known"]
    (again,) = city.read(plain, again=True).inputs
    assert (again.result, city.flows) == ("read", 30)


def test_out_of_order_the_alert_is_the_same(tmp_path: Path) -> None:
    early = write_scan(tmp_path / "early.pcap", packets=150, every=0.1)
    late = write_scan(tmp_path / "late.pcap", packets=12, every=0.1, first_second=400)
    facts = []
    for number, order in enumerate(((early, late), (late, early))):
        city = City(tmp_path / f"city{number}")
        for _ in range(2):
            for path in order:
                city.read(path)
            city.read(*order, again=True)
        facts.append(city.facts())
    assert facts[0] == facts[1]
    assert [(fact[0], fact[3]) for fact in facts[0]] == [(3, 162)]


def test_an_input_that_fails_unexpectedly_does_not_stop_the_others(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures = [write_scan(tmp_path / f"{number}.pcap", packets=12, source=number) for number in (1, 2, 3)]

    def failing(path: str, **options: Any) -> Any:
        if path.endswith("2.pcap"):
            raise ZeroDivisionError("by a packet")
        return FlowReader(path, **options)

    monkeypatch.setattr(pipeline, "FlowReader", failing)
    summary = city.read(*captures)
    assert [item.result for item in summary.inputs] == ["read", "failed", "read"]
    assert "ZeroDivisionError: by a packet" in (summary.inputs[1].error or "")
    assert summary.incomplete
    assert city.flows == 24
    with pytest.raises(ZeroDivisionError):
        city.read(captures[1])


def test_what_there_was_no_time_for_is_taken_up_by_the_next_run(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time at all: every detection gets its one window, and the rest waits where rows are that can matter."""
    captures = [write_scan(tmp_path / f"{number}.pcap", packets=300, source=number, every=2.0) for number in (1, 2)]
    with monkeypatch.context() as hurried:
        hurried.setattr("secwatch.detect.evaluate._PART_OF_TIMEOUT", 0.0)
        summary = city.read(captures[0])
    assert summary.incomplete
    assert any("port_scan: not evaluated in" in problem for problem in summary.inputs[0].problems)
    assert {item.detection for item in backlog.stretches(city.database)} == {"port_scan"}
    before = city.facts()
    resumed = city.read(captures[1])
    assert not resumed.incomplete
    assert backlog.stretches(city.database) == []
    whole = City(tmp_path / "whole")
    whole.read(*captures)
    assert before != city.facts() == whole.facts()


def test_detect_run_takes_up_what_waits(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr("secwatch.detect.evaluate._PART_OF_TIMEOUT", 0.0)
        city.read(write_scan(tmp_path / "s.pcap", packets=300, every=2.0))
    (waiting,) = backlog.stretches(city.database)
    definitions = catalogue.load(city.place).definitions
    since = waiting.last_time - 10_000_000
    for begin in (since, None):
        pipeline.reevaluate(
            city.place,
            Settings(detect=Detect()),
            city.database,
            Ownership(()),
            definitions,
            since=begin,
            until=None,
            now=NOW,
        )
        assert backlog.stretches(city.database) == []
        assert [fact[3] for fact in city.facts()] == [300]


def test_detections_that_were_put_off_find_the_same(city: City, tmp_path: Path) -> None:
    paths = [write_scan(tmp_path / "early.pcap", packets=40), write_scan(tmp_path / "late.pcap", packets=40, every=2.0)]
    at_once = City(tmp_path / "at once")
    at_once.read(*paths)
    summary = city.read(*paths, detect=False)
    assert (summary.alerts, summary.incomplete, city.facts()) == ((), False, [])
    assert city.flows == at_once.flows
    assert backlog.stretches(city.database)
    (known,) = city.read(paths[0], detect=False).inputs
    assert (known.result, city.facts()) == ("known", [])
    resumed = city.read(paths[0])
    assert resumed.alerts
    assert not backlog.stretches(city.database)
    assert city.facts() == at_once.facts()
