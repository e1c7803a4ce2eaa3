"""Alerts in the database: the same key adds, a count never counts twice, hostile text is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from secwatch.core.model import Severity, Text
from secwatch.store import alerts
from tests.findings import NOW, city_database, finding, record

HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A new database."""
    return city_database(tmp_path)


def test_a_finding_comes_back_as_it_was(database: Database) -> None:
    """Nothing of it is lost, lists and nested evidence included."""
    stated = finding(
        attack=("T1046",), evidence={"ports": [22, 80], "名": {"深": None}}, score=3.5, confidence=0.9, aspect="host"
    )
    (identifier,) = record(database, stated).opened
    alert = alerts.find(database, identifier)
    assert alert is not None
    assert alert.finding == finding(
        attack=("T1046",),
        evidence={"ports": [22, 80], "名": {"深": None}},
        score=3.5,
        confidence=0.9,
        aspect="host",
        new_count=0,
    )


def test_stating_a_finding_twice_changes_nothing(database: Database) -> None:
    """The same evaluation may run again after a kill."""
    first = record(database, finding())
    assert record(database, finding()) == alerts.Changes()
    (alert,) = alerts.select(database)
    assert (alert.id, alert.finding.count) == (first.opened[0], 120)


def test_a_later_finding_of_the_key_adds_what_is_new(database: Database) -> None:
    """Overlapping evaluations add their new part, separate ones all of theirs."""
    record(database, finding())
    record(database, finding(last_seen=NOW, count=150, new_count=30))
    assert alerts.select(database)[0].finding.count == 150
    later = finding(first_seen=NOW + HOUR / 2, last_seen=NOW + HOUR, count=7, new_count=7)
    assert record(database, later).updated
    (alert,) = alerts.select(database)
    assert alert.finding.count == 157
    assert (alert.finding.first_seen, alert.finding.last_seen) == (finding().first_seen, NOW + HOUR)


def test_after_the_suppression_time_a_new_alert_opens(database: Database) -> None:
    """suppress_seconds is measured from the last sighting."""
    record(database, finding())
    later = NOW + 2 * HOUR
    assert record(database, finding(first_seen=later, last_seen=later)).opened
    assert len(alerts.select(database)) == 2


def test_the_worst_severity_stays(database: Database) -> None:
    """An alert does not get milder."""
    record(database, finding(severity=Severity.HIGH))
    record(database, finding(severity=Severity.LOW, last_seen=NOW))
    assert alerts.select(database)[0].finding.severity is Severity.HIGH


def test_a_worse_finding_of_the_same_moment_raises_the_severity_and_adds_nothing(database: Database) -> None:
    """Two findings of one evaluation may share a key: the worse one is not lost, a milder one changes nothing."""
    opened = record(database, finding(severity=Severity.LOW)).opened
    worse = finding(severity=Severity.CRITICAL, title=Text("更严重", "worse"))
    assert record(database, worse).updated == opened
    assert record(database, worse, finding(severity=Severity.MEDIUM)) == alerts.Changes()
    (alert,) = alerts.select(database)
    assert (alert.finding.severity, alert.finding.title.en) == (Severity.CRITICAL, "worse")
    assert (alert.finding.count, alert.finding.last_seen) == (120, finding().last_seen)


def test_a_worse_finding_of_an_earlier_moment_moves_no_time_back(database: Database) -> None:
    """A late look at an older window may be worse; when the key was last seen stays."""
    record(database, finding(last_seen=NOW, severity=Severity.LOW))
    record(database, finding(severity=Severity.HIGH, count=7, new_count=7))
    (alert,) = alerts.select(database)
    assert (alert.finding.severity, alert.finding.last_seen) == (Severity.HIGH, NOW)
    assert alert.finding.count == 120


def test_null_in_a_key_is_a_value(database: Database) -> None:
    """A missing target is not the same key as none given."""
    record(database, finding(key={"source": "a", "target": None}), finding(key={"source": "a"}))
    assert len(alerts.select(database)) == 2


def test_selecting(database: Database) -> None:
    """Each filter keeps what it names; the newest comes first."""
    record(
        database,
        finding(),
        finding(target="192.0.2.70", organisation="HEALTH", severity=Severity.LOW, last_seen=NOW),
        finding(detection="beacon", organisation=None, first_seen=NOW + HOUR, last_seen=NOW + 2 * HOUR),
    )
    assert [alert.finding.detection for alert in alerts.select(database)] == ["beacon", "port-scan", "port-scan"]
    assert len(alerts.select(database, minimum_severity=2)) == 2
    assert len(alerts.select(database, organisation="HEALTH")) == 1
    assert len(alerts.select(database, detection="beacon")) == 1
    assert len(alerts.select(database, since=NOW)) == 2
    assert len(alerts.select(database, until=NOW)) == 2
    assert len(alerts.select(database, limit=1)) == 1
    assert [alert.finding.detection for alert in alerts.unowned(database)] == ["beacon"]


hostile = st.text(alphabet=st.characters(), max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(hostile, hostile, hostile)
def test_any_text_of_a_packet_or_file_name_is_kept(database: Database, source: str, title: str, deep: str) -> None:
    """Control characters, quotes, and bytes that were no text neither fail nor get lost."""
    stated = finding(
        source=source, key={"deep": deep, "source": source}, title=Text(title, title), evidence={deep: [deep]}
    )
    opened = record(database, stated).opened
    assert len(opened) <= 1
    assert record(database, stated) == alerts.Changes()


def test_a_file_name_that_is_no_text_is_kept(database: Database) -> None:
    """Bytes that are not UTF-8 reach us as surrogates, which a database refuses."""
    name = "/srv/\udcff\udc80.php"
    stated = finding(source=None, target=name, key={"path": name, "nul": "\x00"}, title=Text(name, name))
    (identifier,) = record(database, stated).opened
    assert record(database, stated) == alerts.Changes()
    alert = alerts.find(database, identifier)
    assert alert is not None and alert.finding.target == "/srv/\\xff\\x80.php"


def test_a_finding_before_the_alert_adds_all_of_itself(database: Database) -> None:
    """Captures may be read in any order: an earlier one that was worse is neither lost nor counted twice."""
    record(database, finding(first_seen=NOW, last_seen=NOW, count=12, new_count=12, severity=Severity.MEDIUM))
    first, middle = NOW - HOUR, NOW - HOUR / 2
    earlier = (
        finding(first_seen=first, last_seen=first, count=150, new_count=150, severity=Severity.HIGH, score=150),
        finding(first_seen=first, last_seen=middle, count=180, new_count=30, severity=Severity.HIGH, score=180),
    )
    for expected in (True, False):
        assert bool(record(database, *earlier).updated) is expected
        (alert,) = alerts.select(database)
        assert (alert.finding.severity, alert.finding.count, alert.finding.score) == (Severity.HIGH, 192, 180)
        assert (alert.finding.first_seen, alert.finding.last_seen) == (first, NOW)


PARTS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 12), st.sampled_from(Severity), st.integers(1, 99)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(parts=PARTS, order=st.randoms(use_true_random=False))
def test_the_order_of_findings_plays_no_part(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, int, Severity, int]], order: Random
) -> None:
    """Times, severity and score are those of all together; the count lies between the largest and the sum."""
    stated = [
        finding(
            first_seen=NOW + timedelta(minutes=begin),
            last_seen=NOW + timedelta(minutes=begin + length),
            severity=severity,
            count=count,
            new_count=count,
            score=float(count),
        )
        for begin, length, severity, count in parts
    ]
    order.shuffle(stated)
    database = city_database(tmp_path_factory.mktemp("order"))
    for item in stated:
        record(database, item)
    (alert,) = alerts.select(database)
    found = alert.finding
    assert found.first_seen == min(item.first_seen for item in stated)
    assert found.last_seen == max(item.last_seen for item in stated)
    assert (found.severity, found.score) == (max(item.severity for item in stated), max(item.score for item in stated))
    assert max(item.count for item in stated) <= found.count <= sum(item.count for item in stated)
    for item in stated:
        assert record(database, item) == alerts.Changes()
    database.close()


def test_the_ends_of_the_calendar(database: Database) -> None:
    """A capture may claim the last second there is."""
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert len(record(database, finding(first_seen=last, last_seen=last), finding(first_seen=first)).opened) == 2
