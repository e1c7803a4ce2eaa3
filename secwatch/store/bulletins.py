"""Bulletins in the database: every edition of every week is kept as it was composed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlite_utils import Database

from secwatch.core.errors import SecwatchError
from secwatch.core.moments import from_text, to_text


@dataclass(frozen=True)
class Stored:
    """One edition. body is its canonical JSON, sha256 that of the body's UTF-8 bytes, hexadecimal."""

    year: int
    week: int
    edition: int
    composed_at: datetime
    body: str
    sha256: str


def claim(database: Database) -> None:
    """Take the write lock now: a transaction that read first could not wait for it later."""
    database.execute("UPDATE bulletins SET id = id WHERE 0")


def next_edition(database: Database, year: int, week: int) -> int:
    """Return the number of the next edition of a week, from 1. Call it inside the transaction that adds it."""
    (row,) = database.query(
        "SELECT COALESCE(MAX(edition), 0) + 1 AS next FROM bulletins WHERE year = ? AND week = ?", [year, week]
    )
    return int(row["next"])


def add(database: Database, year: int, week: int, edition: int, composed_at: datetime, body: str) -> Stored:
    """Keep an edition and return it."""
    digest = sha256(body.encode()).hexdigest()
    database.table("bulletins").insert(
        {
            "year": year,
            "week": week,
            "edition": edition,
            "composed_at": to_text(composed_at),
            "body": body,
            "sha256": digest,
        }
    )
    return Stored(year, week, edition, composed_at, body, digest)


def find(
    database: Database, year: int | None = None, week: int | None = None, edition: int | None = None
) -> Stored | None:
    """Return an edition: the newest of the week, or of the latest week there is; None if there is none.

    Raise SecwatchError if what is stored is not what was composed.
    """
    rows = database.query(
        "SELECT * FROM bulletins WHERE (:year IS NULL OR year = :year) AND (:week IS NULL OR week = :week)"
        " AND (:edition IS NULL OR edition = :edition) ORDER BY year DESC, week DESC, edition DESC LIMIT 1",
        {"year": year, "week": week, "edition": edition},
    )
    return next((_from_row(row) for row in list(rows)), None)


def every(database: Database) -> Sequence[Stored]:
    """Return all editions, newest week first."""
    rows = list(database.query("SELECT * FROM bulletins ORDER BY year DESC, week DESC, edition DESC"))
    return [_from_row(row) for row in rows]


def _from_row(row: Mapping[str, Any]) -> Stored:
    stored = Stored(row["year"], row["week"], row["edition"], from_text(row["composed_at"]), row["body"], row["sha256"])
    if sha256(stored.body.encode()).hexdigest() != stored.sha256:
        name = f"{stored.year}-W{stored.week:02d}"
        raise SecwatchError(
            f"edition {stored.edition} of the bulletin of {name} is not as it was composed: its fingerprint differs",
            f"compose it anew: secwatch bulletin compose --week {name}",
        )
    return stored
