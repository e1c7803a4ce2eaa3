"""What one week held, counted for the bulletin. An alert belongs to the week in which it was first seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from secwatch.core.model import Origin, Severity, Text
from secwatch.core.moments import from_microseconds, from_text, to_microseconds, to_text
from secwatch.store import alerts


@dataclass(frozen=True)
class DetectionCount:
    """Alerts of one detection in a time: how many, of how many occurrences, in how many organisations."""

    origin: Origin
    detection: str
    title: Text
    severity: Severity
    alerts: int
    occurrences: int
    organisations: int
    sources: int


@dataclass(frozen=True)
class OrganisationCount:
    """Alerts of one organisation in a time; None is what nobody owns."""

    organisation: str | None
    alerts: int
    severe: int


def _between(start: datetime, end: datetime) -> dict[str, Any]:
    return {"start": to_text(start), "end": to_text(end)}


def by_detection(database: Database, start: datetime, end: datetime) -> Sequence[DetectionCount]:
    """Return the alerts first seen in the time by detection, the worst and most frequent first."""
    rows = list(
        database.query(
            "SELECT origin, detection, MAX(severity) AS severity, COUNT(*) AS alerts, SUM(count) AS occurrences,"
            " COUNT(DISTINCT organisation) AS organisations, COUNT(DISTINCT source) AS sources, MAX(id) AS newest"
            " FROM alerts WHERE first_seen >= :start AND first_seen < :end GROUP BY origin, detection"
            " ORDER BY MAX(severity) DESC, COUNT(*) DESC, detection",
            _between(start, end),
        )
    )
    return [_detection(database, row) for row in rows]


def _detection(database: Database, row: Mapping[str, Any]) -> DetectionCount:
    newest = alerts.find(database, row["newest"])
    return DetectionCount(
        origin=Origin(row["origin"]),
        detection=row["detection"],
        title=newest.finding.title if newest else Text(row["detection"], row["detection"]),
        severity=Severity(row["severity"]),
        alerts=row["alerts"],
        occurrences=row["occurrences"],
        organisations=row["organisations"],
        sources=row["sources"],
    )


def by_organisation(database: Database, start: datetime, end: datetime) -> Sequence[OrganisationCount]:
    """Return the alerts first seen in the time by organisation; severe ones have severity 3 or 4."""
    rows = database.query(
        "SELECT organisation, COUNT(*) AS alerts, SUM(severity >= 3) AS severe FROM alerts"
        " WHERE first_seen >= :start AND first_seen < :end GROUP BY organisation ORDER BY organisation",
        _between(start, end),
    )
    return [OrganisationCount(row["organisation"], row["alerts"], row["severe"]) for row in rows]


def alerts_of(database: Database, origin: Origin, start: datetime, end: datetime) -> int:
    """Return how many alerts of that origin were first seen in the time."""
    (row,) = database.query(
        "SELECT COUNT(*) AS number FROM alerts WHERE origin = :origin AND first_seen >= :start AND first_seen < :end",
        {"origin": origin.value, **_between(start, end)},
    )
    return int(row["number"])


def sources_of(database: Database, start: datetime, end: datetime) -> int:
    """Return how many different sources the network alerts first seen in the time name."""
    (row,) = database.query(
        "SELECT COUNT(DISTINCT source) AS number FROM alerts WHERE origin = 'network'"
        " AND first_seen >= :start AND first_seen < :end",
        _between(start, end),
    )
    return int(row["number"])


def observed(database: Database, start: datetime, end: datetime) -> Sequence[tuple[datetime, datetime]]:
    """Return first and last packet time of every input that lies at least partly in the time."""
    rows = database.query(
        "SELECT first_time, last_time FROM inputs WHERE first_time < :end AND last_time >= :start ORDER BY first_time",
        {"start": to_microseconds(start), "end": to_microseconds(end)},
    )
    return [(from_microseconds(row["first_time"]), from_microseconds(row["last_time"])) for row in rows]


def scans_started(database: Database, start: datetime, end: datetime) -> Sequence[datetime]:
    """Return when the file scans of the time began, those that never ended left out."""
    rows = database.query(
        "SELECT started_at FROM scans WHERE started_at >= :start AND started_at < :end AND ended_at IS NOT NULL"
        " ORDER BY started_at",
        _between(start, end),
    )
    return [from_text(row["started_at"]) for row in rows]
