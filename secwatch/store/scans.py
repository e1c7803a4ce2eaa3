"""Scans in the database: one row each, written when it begins and again while it goes on.

A row without an end is a scan that is still going on or that was killed; what it had found until
then is in its summary and in the alerts.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlite_utils import Database

from secwatch.core.escape import storable
from secwatch.core.moments import from_text, to_text


@dataclass(frozen=True)
class Scan:
    """A scan as it is kept. ruleset is the digest of rules and engine; summary is as the JSON of a scan."""

    id: int
    started_at: datetime
    ended_at: datetime | None
    paths: tuple[str, ...]
    ruleset: str
    summary: Mapping[str, Any]


def begin(database: Database, started_at: datetime, paths: Sequence[str], ruleset: str) -> int:
    """Note that a scan begins and return its number."""
    row = {
        "started_at": to_text(started_at),
        "ended_at": None,
        "paths": json.dumps([storable(path) for path in paths], ensure_ascii=False),
        "ruleset": ruleset,
        "summary": "{}",
    }
    return cast("int", database.table("scans").insert(row).last_pk)


def update(database: Database, identifier: int, summary: Mapping[str, Any], ended_at: datetime | None = None) -> None:
    """Note how far a scan is, and its end if it has ended. Call it in the transaction of its alerts."""
    values = {"summary": json.dumps(dict(summary)), "ended_at": to_text(ended_at) if ended_at else None}
    database.table("scans").update(identifier, values)


def attempt(database: Database, act: Callable[[], None]) -> bool:
    """Do something in one transaction; False, and nothing done, if another process holds the database."""
    try:
        with database.atomic():
            act()
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            return False
        raise
    return True


def select(database: Database, limit: int) -> Sequence[Scan]:
    """Return the newest scans, newest first."""
    rows = database.query("SELECT * FROM scans ORDER BY id DESC LIMIT ?", [limit])
    return [_from_row(row) for row in rows]


def _from_row(row: Mapping[str, Any]) -> Scan:
    return Scan(
        id=row["id"],
        started_at=from_text(row["started_at"]),
        ended_at=from_text(row["ended_at"]) if row["ended_at"] else None,
        paths=tuple(json.loads(row["paths"])),
        ruleset=row["ruleset"],
        summary=json.loads(row["summary"]),
    )
