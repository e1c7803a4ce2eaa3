"""The week that a bulletin is about: an ISO week of the city's time zone, as moments in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from secwatch.core.errors import UsageProblem

_PATTERN = re.compile(r"(\d{4})-?W(\d{1,2})", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Week:
    """An ISO week. start is included, end is not; both are UTC and fall on the zone's midnights."""

    year: int
    number: int
    monday: date
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """The week as ISO 8601 writes it: `2026-W47`."""
        return f"{self.year:04d}-W{self.number:02d}"

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + timedelta(days=6)

    def days(self, zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
        """Return start and end of its seven days in UTC."""
        midnights = [_midnight(self.monday + timedelta(days=number), zone) for number in range(8)]
        return tuple(pairwise(midnights))

    def before(self, number: int, zone: ZoneInfo) -> Week:
        """Return the week that many weeks earlier."""
        return week_holding(self.monday - timedelta(weeks=number), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def week_holding(day: date, zone: ZoneInfo) -> Week:
    """Return the week that holds a day of the zone's calendar."""
    monday = day - timedelta(days=day.weekday())
    year, number, _ = monday.isocalendar()
    return Week(year, number, monday, _midnight(monday, zone), _midnight(monday + timedelta(weeks=1), zone))


def named_week(name: str, now: datetime, zone: ZoneInfo) -> Week:
    """Return the week of `2026-W47`, `this` or `last`. Raise UsageProblem for anything else."""
    today = now.astimezone(zone).date()
    if name in ("this", "last"):
        return week_holding(today - timedelta(weeks=name == "last"), zone)
    found = _PATTERN.fullmatch(name)
    try:
        if found is None:
            raise ValueError(name)
        return week_holding(date.fromisocalendar(int(found[1]), int(found[2]), 1), zone)
    except (ValueError, OverflowError) as error:
        raise UsageProblem(
            f"there is no week {name!r}", f"name a week as {week_holding(today, zone).name}, this or last"
        ) from error
