"""What no detection has got to: stretches of time for which the time of a run was not enough, by detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database


@dataclass(frozen=True)
class Stretch:
    """A detection is still to be evaluated over what was seen between two times (µs, both included)."""

    detection: str
    first_time: int
    last_time: int


def stretches(database: Database) -> Sequence[Stretch]:
    """Return all of them, by detection and time."""
    rows = database.query("SELECT * FROM unevaluated ORDER BY detection, first_time, last_time")
    return [Stretch(row["detection"], row["first_time"], row["last_time"]) for row in rows]


def add(database: Database, stretch: Stretch) -> None:
    """Keep a stretch. Call it in the transaction that keeps what was found before it."""
    database.execute(
        "INSERT INTO unevaluated VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [stretch.detection, stretch.first_time, stretch.last_time],
    )


def remove(database: Database, stretch: Stretch) -> None:
    """Forget a stretch that was evaluated. Call it in the transaction that keeps what was found."""
    database.execute(
        "DELETE FROM unevaluated WHERE detection = ? AND first_time = ? AND last_time = ?",
        [stretch.detection, stretch.first_time, stretch.last_time],
    )
