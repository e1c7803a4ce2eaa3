"""Early warnings in the database, and which alerts each has taken in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from secwatch.core.model import Alert, EarlyWarning, Level, Text, WarningState
from secwatch.core.moments import from_text, to_text
from secwatch.store import alerts


@dataclass(frozen=True)
class Group:
    """Alerts of one detection in one organisation: what one warning is about."""

    organisation: str | None
    detection: str


@dataclass(frozen=True)
class Facts:
    """What alerts say together. `leading` is the worst of them, the newest of equals; ends are sources and targets."""

    alerts: int
    severity: int
    first_seen: datetime
    last_seen: datetime
    leading: Alert
    ends: frozenset[tuple[str | None, str | None]]


# An alert is pending while no warning of its present owner has taken it in as far as it goes. The
# pending ones are collected once into a table of this connection: asking anew for each of
# thousands of groups would read all alerts each time.
_COLLECT = """
INSERT INTO temp.pending SELECT id, organisation, detection, last_seen FROM alerts
WHERE severity >= ? AND NOT EXISTS (
    SELECT 1 FROM warning_alerts JOIN warnings ON warnings.id = warning_alerts.warning_id
    WHERE warning_alerts.alert_id = alerts.id AND warning_alerts.last_seen >= alerts.last_seen
      AND warning_alerts.severity >= alerts.severity
      AND warnings.organisation IS alerts.organisation)
"""
_PENDING_GROUP = """
FROM temp.pending JOIN alerts ON alerts.id = pending.id
WHERE pending.detection = :detection AND pending.organisation IS :organisation
"""

# The owner is compared again: whatever else went wrong, a warning never shows what another organisation owns.
_TAKEN = """
FROM alerts JOIN warning_alerts ON warning_alerts.alert_id = alerts.id
JOIN warnings ON warnings.id = warning_alerts.warning_id
WHERE warnings.id = :warning AND alerts.organisation IS warnings.organisation
"""


def claim(database: Database) -> None:
    """Take the write lock now: a transaction that read first could not wait for it later."""
    database.execute("UPDATE warnings SET id = id WHERE 0")


def pending_groups(database: Database, minimum_severity: int) -> Sequence[Group]:
    """Collect the alerts not yet taken in and return their groups in a stable order.

    What pending_facts and take_in say of a group is as of this call. Call all of them in one transaction.
    """
    database.execute("DROP TABLE IF EXISTS temp.pending")
    database.execute(
        "CREATE TABLE temp.pending (id INTEGER PRIMARY KEY, organisation TEXT, detection TEXT, last_seen TEXT)"
    )
    database.execute(_COLLECT, [minimum_severity])
    database.execute("CREATE INDEX temp.pending_group ON pending (detection, organisation)")
    rows = database.query("SELECT DISTINCT organisation, detection FROM temp.pending ORDER BY organisation, detection")
    return [Group(row["organisation"], row["detection"]) for row in rows]


def pending_facts(database: Database, group: Group) -> Facts | None:
    """Return what the group's pending alerts say together, None if it has none."""
    return _facts(database, _PENDING_GROUP, _values(group))


def taken_facts(database: Database, warning: int) -> Facts | None:
    """Return what a warning's alerts say together, None if it has none."""
    return _facts(database, _TAKEN, {"warning": warning})


def _values(group: Group) -> dict[str, Any]:
    return {"organisation": group.organisation, "detection": group.detection}


def _facts(database: Database, condition: str, values: Mapping[str, Any]) -> Facts | None:
    (row,) = database.query(
        "SELECT COUNT(*) AS number, MAX(alerts.severity) AS severity, MIN(alerts.first_seen) AS first_seen,"
        f" MAX(alerts.last_seen) AS last_seen {condition}",
        dict(values),
    )
    if not row["number"]:
        return None
    (leading,) = database.query(
        f"SELECT alerts.* {condition} ORDER BY alerts.severity DESC, alerts.last_seen DESC, alerts.id LIMIT 1",
        dict(values),
    )
    ends = database.query(f"SELECT DISTINCT alerts.source, alerts.target {condition}", dict(values))
    return Facts(
        alerts=row["number"],
        severity=row["severity"],
        first_seen=from_text(row["first_seen"]),
        last_seen=from_text(row["last_seen"]),
        leading=alerts.from_row(leading),
        ends=frozenset((end["source"], end["target"]) for end in ends),
    )


def take_in(database: Database, warning: int, group: Group) -> int:
    """Let a warning take in the group's pending alerts and return how many they were."""
    done = database.execute(
        "INSERT INTO warning_alerts (warning_id, alert_id, last_seen, severity)"
        f" SELECT :warning, alerts.id, alerts.last_seen, alerts.severity {_PENDING_GROUP}"
        " ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen, severity = excluded.severity",
        {"warning": warning, **_values(group)},
    )
    return done.rowcount


def release_moved(database: Database) -> None:
    """Take alerts that have got another owner out of the warnings of the former one."""
    database.execute(
        "DELETE FROM warning_alerts WHERE EXISTS (SELECT 1 FROM alerts, warnings WHERE alerts.id = alert_id"
        " AND warnings.id = warning_id AND alerts.organisation IS NOT warnings.organisation)"
    )


def next_number(database: Database, year: int) -> str:
    """Return the next free `YYYY-NNNN` of a year. Call it inside the transaction that uses it."""
    (row,) = database.query(
        "SELECT COALESCE(MAX(CAST(substr(number, 6) AS INTEGER)), 0) + 1 AS next FROM warnings WHERE number LIKE ?",
        [f"{year:04d}-%"],
    )
    return f"{year:04d}-{row['next']:04d}"


def insert(database: Database, warning: EarlyWarning) -> int:
    """Add a warning and return its identifier; its own id and alerts are not looked at."""
    return int(database.table("warnings").insert(_to_row(warning)).last_pk)  # type: ignore[arg-type]


def update(database: Database, warning: EarlyWarning) -> None:
    """Make the stored warning equal to this one, its alerts apart."""
    database.table("warnings").update(warning.id, _to_row(warning))


def find(database: Database, name: str | int) -> EarlyWarning | None:
    """Return the warning of that number (`2026-0001`) or identifier (`1`), or None."""
    rows = database.query("SELECT * FROM warnings WHERE number = :name OR id = :name", {"name": str(name)})
    return next((_from_row(database, row) for row in list(rows)), None)


def select(
    database: Database,
    *,
    state: WarningState | None = None,
    organisation: str | None = None,
    unowned: bool = False,
    open_at: datetime | None = None,
    active: tuple[datetime, datetime] | None = None,
) -> Sequence[EarlyWarning]:
    """Return warnings, newest first.

    open_at keeps those neither lifted nor expired then; active those that stood, or whose evidence
    lies, in that time (start included, end not).
    """
    values = {
        "state": state.value if state else None,
        "organisation": organisation,
        "unowned": unowned,
        "open_at": to_text(open_at) if open_at else None,
        "start": to_text(active[0]) if active else None,
        "end": to_text(active[1]) if active else None,
    }
    return [_from_row(database, row) for row in list(database.query(_SELECT, values))]


_SELECT = """
SELECT * FROM warnings
WHERE (:state IS NULL OR state = :state)
  AND (:organisation IS NULL OR organisation = :organisation)
  AND (NOT :unowned OR organisation IS NULL)
  AND (:open_at IS NULL OR (expires_at > :open_at AND state != 'lifted'))
  AND (:start IS NULL OR (last_seen >= :start AND first_seen < :end)
       OR ((CASE state WHEN 'lifted' THEN updated_at ELSE expires_at END) > :start AND created_at < :end))
ORDER BY created_at DESC, id DESC
"""


def alerts_of(database: Database, warning: EarlyWarning, limit: int | None = None) -> Iterator[Alert]:
    """Yield a warning's alerts, the newest first: only such as its own organisation owns."""
    rows = database.query(
        f"SELECT alerts.* {_TAKEN} ORDER BY alerts.last_seen DESC, alerts.id DESC LIMIT :limit",
        {"warning": warning.id, "limit": -1 if limit is None else limit},
    )
    for row in rows:
        yield alerts.from_row(row)


def _alert_numbers(database: Database, warning: int) -> tuple[int, ...]:
    rows = database.query(f"SELECT alerts.id {_TAKEN} ORDER BY alerts.id", {"warning": warning})
    return tuple(row["id"] for row in rows)


def _to_row(warning: EarlyWarning) -> dict[str, Any]:
    details = {
        "title": [warning.title.zh, warning.title.en],
        "response": [warning.response.zh, warning.response.en],
        "reasons": [[reason.zh, reason.en] for reason in warning.reasons],
        "inputs": dict(warning.inputs),
        "evaluated_at": to_text(warning.evaluated_at),
        "clean_evaluations": warning.clean_evaluations,
    }
    return {
        "number": warning.number,
        "state": warning.state.value,
        "level": warning.level.value,
        "computed_level": warning.computed_level.value,
        "organisation": warning.organisation,
        "detection": warning.detection,
        "details": json.dumps(details, ensure_ascii=False, sort_keys=True),
        **{
            name: to_text(getattr(warning, name))
            for name in ("first_seen", "last_seen", "created_at", "updated_at", "expires_at")
        },
    }


def _from_row(database: Database, row: Mapping[str, Any]) -> EarlyWarning:
    details = json.loads(row["details"])
    return EarlyWarning(
        id=row["id"],
        number=row["number"],
        level=Level(row["level"]),
        computed_level=Level(row["computed_level"]),
        state=WarningState(row["state"]),
        organisation=row["organisation"],
        detection=row["detection"],
        title=Text(*details["title"]),
        response=Text(*details["response"]),
        alerts=_alert_numbers(database, row["id"]),
        reasons=tuple(Text(*reason) for reason in details["reasons"]),
        first_seen=from_text(row["first_seen"]),
        last_seen=from_text(row["last_seen"]),
        created_at=from_text(row["created_at"]),
        updated_at=from_text(row["updated_at"]),
        expires_at=from_text(row["expires_at"]),
        evaluated_at=from_text(details["evaluated_at"]),
        clean_evaluations=details["clean_evaluations"],
        inputs=details["inputs"],
    )
