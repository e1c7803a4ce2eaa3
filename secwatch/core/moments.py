"""Moments and weeks: UTC in data as ISO 8601 with microseconds, weeks from Monday to Sunday (ISO 8601)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

from secwatch.core.errors import SecwatchError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_text(moment: datetime) -> str:
    """Return a UTC moment as `2026-11-23T14:00:00.000000Z`: sorts as text. Raise ValueError if naive."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> datetime:
    """Return the UTC moment of an ISO 8601 text; a text without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def from_microseconds(value: int) -> datetime:
    """Return the moment that many microseconds after 1970-01-01 UTC.

    Raise SecwatchError outside the years 1 to 9999.
    """
    try:
        return EPOCH + timedelta(microseconds=value)
    except OverflowError as error:
        words = f"a time of {value // 1_000_000} seconds after 1970 lies outside the years 1 to 9999"
        raise SecwatchError(words, "check the clock of whatever wrote it") from error


def to_microseconds(moment: datetime) -> int:
    """Return microseconds since 1970-01-01 UTC."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def week_of(day: date) -> tuple[date, date]:
    """Return Monday and Sunday of the ISO week that holds the day."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def in_zone(moment: datetime, zone: tzinfo) -> str:
    """Return a moment as people in that time zone read it: `2026-11-23 22:00`."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
