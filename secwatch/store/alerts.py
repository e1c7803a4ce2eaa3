"""Alerts in the database: a finding of a known key adds to its alert, another one opens a new alert."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isnan
from typing import Any, cast

from sqlite_utils import Database

from secwatch.core.escape import storable, storable_json
from secwatch.core.model import Alert, Finding, Origin, Severity, Text
from secwatch.core.moments import from_text, to_text


@dataclass(frozen=True)
class Changes:
    """Identifiers of the alerts that findings opened and added to."""

    opened: tuple[int, ...] = ()
    updated: tuple[int, ...] = ()


def canonical(key: Mapping[str, Any]) -> str:
    """Return a key as canonical JSON: sorted, without spaces, NULL as an explicit value."""
    return storable_json(json.dumps(dict(key), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str))


def record(database: Database, findings: Iterable[Finding], now: datetime) -> Changes:
    """Open alerts, or add to those whose key is the same and that are not older than the suppression time.

    Findings of one key come in order of time. A count grows by what lies past the alert's last_seen or
    before its first_seen, and is never less than that of one finding, so stating a finding twice changes
    nothing. In whatever order inputs come, times, severity and score are those of all findings together.
    A finding that is later or worse gives the alert its words. Call it inside a transaction.
    """
    opened: list[int] = []
    updated: list[int] = []
    earlier: dict[int, _Earlier] = {}
    for finding in findings:
        alert = _open_alert(database, finding)
        if alert is None:
            opened.append(_insert(database, finding, now))
            continue
        merged = _merge(alert.finding, finding, _past(alert, finding, earlier))
        if _facts(merged) != _facts(alert.finding):
            database.table("alerts").update(alert.id, {**_to_row(merged), "updated_at": to_text(now)})
            updated.append(alert.id)
    return Changes(tuple(opened), tuple(dict.fromkeys(updated)))


def find_for(database: Database, finding: Finding) -> Alert | None:
    """Return the alert that a finding belongs to once it is recorded, or None."""
    return _open_alert(database, finding)


def _open_alert(database: Database, finding: Finding) -> Alert | None:
    """The alert that spans the finding before one that only touches it, and that before the newest one near it."""
    suppress = timedelta(seconds=finding.suppress_seconds)
    rows = database.query(
        "SELECT * FROM alerts WHERE detection = :detection AND key = :key"
        " AND last_seen >= :since AND first_seen <= :until"
        " ORDER BY first_seen <= :first AND last_seen >= :last DESC,"
        " first_seen <= :last AND last_seen >= :first DESC, last_seen DESC LIMIT 1",
        {
            "detection": finding.detection,
            "key": canonical(finding.key),
            "since": to_text(_moved(finding.first_seen, -suppress)),
            "until": to_text(_moved(finding.last_seen, suppress)),
            "first": to_text(finding.first_seen),
            "last": to_text(finding.last_seen),
        },
    )
    return next((from_row(row) for row in rows), None)


def _moved(moment: datetime, by: timedelta) -> datetime:
    """A packet may claim any time: at the ends of the calendar we stop."""
    try:
        return moment + by
    except OverflowError:
        return moment


def _insert(database: Database, finding: Finding, now: datetime) -> int:
    row = {**_to_row(finding), "created_at": to_text(now), "updated_at": to_text(now)}
    return cast("int", database.table("alerts").insert(row).last_pk)


@dataclass
class _Earlier:
    """What one recording has put before an alert: it began at `begin` until then, and has now been counted to `end`."""

    begin: datetime
    end: datetime


def _past(alert: Alert, finding: Finding, earlier: dict[int, _Earlier]) -> int:
    """Return how many things of a finding the alert has not counted, as far as that can be known."""
    old = alert.finding
    if finding.last_seen > old.last_seen:
        return finding.count if finding.first_seen > old.last_seen else finding.new_count
    known = earlier.get(alert.id)
    if finding.last_seen >= (known.begin if known else old.first_seen):
        return 0
    if known is None:
        earlier[alert.id] = _Earlier(old.first_seen, finding.last_seen)
        return finding.count
    if finding.last_seen <= known.end:
        return 0
    apart, known.end = finding.first_seen > known.end, finding.last_seen
    return finding.count if apart else finding.new_count


def _merge(old: Finding, finding: Finding, more: int) -> Finding:
    later, worse = finding.last_seen > old.last_seen, finding.severity > old.severity
    words, other = (finding, old) if later or worse else (old, finding)
    return replace(
        words,
        first_seen=min(old.first_seen, finding.first_seen),
        last_seen=max(old.last_seen, finding.last_seen),
        count=max(old.count + more, finding.count),
        score=max(_score(old), _score(finding)),
        severity=max(old.severity, finding.severity),
        organisation=words.organisation or other.organisation,
    )


def _facts(finding: Finding) -> tuple[object, ...]:
    return (
        finding.first_seen,
        finding.last_seen,
        finding.count,
        _score(finding),
        finding.severity,
        finding.organisation,
    )


def _score(finding: Finding) -> float:
    return 0.0 if isnan(finding.score) else finding.score


def find(database: Database, identifier: int) -> Alert | None:
    """Return the alert of that number, or None."""
    rows = database.query("SELECT * FROM alerts WHERE id = ?", [identifier])
    return next((from_row(row) for row in rows), None)


def select(
    database: Database,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    minimum_severity: int = 1,
    organisation: str | None = None,
    detection: str | None = None,
    limit: int | None = None,
) -> Sequence[Alert]:
    """Return alerts, newest first; those seen at or after `since` and first seen before `until`."""
    values = {
        "severity": minimum_severity,
        "since": to_text(since) if since else None,
        "until": to_text(until) if until else None,
        "organisation": organisation,
        "detection": detection,
        "limit": -1 if limit is None else limit,
    }
    return [from_row(row) for row in database.query(_SELECT, values)]


_SELECT = """
SELECT * FROM alerts
WHERE severity >= :severity
  AND (:since IS NULL OR last_seen >= :since)
  AND (:until IS NULL OR first_seen < :until)
  AND (:organisation IS NULL OR organisation = :organisation)
  AND (:detection IS NULL OR detection = :detection)
ORDER BY last_seen DESC, id DESC LIMIT :limit
"""


def count_by_severity(database: Database, since: datetime) -> Mapping[Severity, int]:
    """Return how many alerts were seen at or after a moment, for every severity from the worst down."""
    rows = database.query(
        "SELECT severity, count(*) AS number FROM alerts WHERE last_seen >= ? GROUP BY severity", [to_text(since)]
    )
    found = {row["severity"]: row["number"] for row in rows}
    return {severity: found.get(int(severity), 0) for severity in reversed(Severity)}


def unowned(database: Database) -> Iterator[Alert]:
    """Yield the alerts that no organisation owns."""
    for row in list(database.query("SELECT * FROM alerts WHERE organisation IS NULL ORDER BY id")):
        yield from_row(row)


def assign(database: Database, identifier: int, organisation: str) -> None:
    """Say who owns an alert that nobody owned."""
    database.execute(
        "UPDATE alerts SET organisation = ? WHERE id = ? AND organisation IS NULL", [organisation, identifier]
    )


def _to_row(finding: Finding) -> dict[str, Any]:
    details = {
        "title": [finding.title.zh, finding.title.en],
        "response": [finding.response.zh, finding.response.en],
        "key": dict(finding.key),
        "confidence": finding.confidence,
        "aspect": finding.aspect,
        "attack": list(finding.attack),
        "evidence": dict(finding.evidence),
        "suppress_seconds": finding.suppress_seconds,
    }
    return {
        "detection": finding.detection,
        "key": canonical(finding.key),
        "origin": finding.origin.value,
        "severity": int(finding.severity),
        "organisation": finding.organisation,
        "source": None if finding.source is None else storable(finding.source),
        "target": None if finding.target is None else storable(finding.target),
        "first_seen": to_text(finding.first_seen),
        "last_seen": to_text(finding.last_seen),
        "count": finding.count,
        "score": _score(finding),
        "details": storable_json(json.dumps(details, ensure_ascii=False, default=str)),
    }


def from_row(row: Mapping[str, Any]) -> Alert:
    """Return the alert of a row of the table."""
    details = json.loads(row["details"])
    finding = Finding(
        detection=row["detection"],
        title=Text(*details["title"]),
        origin=Origin(row["origin"]),
        severity=Severity(row["severity"]),
        key=details["key"],
        first_seen=from_text(row["first_seen"]),
        last_seen=from_text(row["last_seen"]),
        count=row["count"],
        new_count=0,
        suppress_seconds=details["suppress_seconds"],
        source=row["source"],
        target=row["target"],
        score=row["score"],
        confidence=details["confidence"],
        aspect=details["aspect"],
        attack=tuple(details["attack"]),
        evidence=details["evidence"],
        response=Text(*details["response"]),
        organisation=row["organisation"],
    )
    return Alert(row["id"], finding, from_text(row["created_at"]), from_text(row["updated_at"]))
