"""The material of a bulletin out of the database: counts of the week and of the weeks before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from secwatch.bulletin.material import Backups, Material, WeekCounts
from secwatch.bulletin.week import Week
from secwatch.core.model import EarlyWarning, Organisation, Origin
from secwatch.store import warnings, weekly
from secwatch.system.database import Database

# Choices of this project after a back-test of weekly counts: with less than half a year of complete
# weeks the spread cannot be estimated, so nothing is forecast and the range of eight weeks is shown.
RANGE_WEEKS = 8
FORECAST_WEEKS = 26
LOOK_BACK_WEEKS = 104


def gather(
    database: Database,
    week: Week,
    zone: ZoneInfo,
    organisations: Iterable[Organisation],
    backups: Backups,
    now: datetime,
) -> Material:
    """Return the material of a week. Only what is in the database by now is counted."""
    active = warnings.select(database, active=(week.start, week.end))
    known = warnings.select(database)
    history = tuple(_count(database, week.before(number, zone), zone, known) for number in range(1, RANGE_WEEKS + 1))
    return Material(
        week=week,
        now=now,
        zone=zone,
        current=_count(database, week, zone, known),
        history=history,
        complete_weeks=_complete_weeks(database, week, zone),
        detections=tuple(weekly.by_detection(database, week.start, week.end)),
        organisations=tuple(weekly.by_organisation(database, week.start, week.end)),
        warnings=tuple(active),
        names={organisation.code: organisation.name for organisation in organisations},
        backups=backups,
        inputs=len(weekly.observed(database, week.start, week.end)),
    )


def _count(database: Database, week: Week, zone: ZoneInfo, known: Sequence[EarlyWarning]) -> WeekCounts:
    start, end = week.start, week.end
    organisations = weekly.by_organisation(database, start, end)
    return WeekCounts(
        week=week,
        days_observed=days_observed(week, zone, weekly.observed(database, start, end)),
        scans=len(weekly.scans_started(database, start, end)),
        network_alerts=weekly.alerts_of(database, Origin.NETWORK, start, end),
        network_sources=weekly.sources_of(database, start, end),
        scan_alerts=weekly.alerts_of(database, Origin.SCAN, start, end),
        backup_alerts=weekly.alerts_of(database, Origin.BACKUP, start, end),
        severe_alerts=sum(row.severe for row in organisations),
        organisations=sum(1 for row in organisations if row.organisation is not None),
        new_warnings=sum(1 for warning in known if start <= warning.created_at < end),
    )


def days_observed(week: Week, zone: ZoneInfo, spans: Iterable[tuple[datetime, datetime]]) -> int:
    """Return how many days of the week have packets, each span reaching from its first packet to its last."""
    spans = list(spans)
    return sum(1 for start, end in week.days(zone) if any(first < end and last >= start for first, last in spans))


def _complete_weeks(database: Database, week: Week, zone: ZoneInfo) -> int:
    """Count the weeks before this one with packets of all seven days, as far back as a forecast would look."""
    earliest = week.before(LOOK_BACK_WEEKS, zone)
    spans = weekly.observed(database, earliest.start, week.start)
    before = (week.before(number, zone) for number in range(1, LOOK_BACK_WEEKS + 1))
    return sum(1 for past in before if days_observed(past, zone, spans) == 7)
