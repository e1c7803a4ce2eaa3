"""Suppressions in the database: which matches are silenced or lowered, why, by whom and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from sqlite_utils import Database

from secwatch.core.moments import from_text, to_text


@dataclass(frozen=True)
class Suppression:
    """One suppression. Of rule, tag, path (a pattern) and sha256 all that are given must hold.

    lowered_to is a severity of 1 to 4 that the match gets; None silences it. id is None before it is kept.
    """

    reason: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    rule: str | None = None
    tag: str | None = None
    path: str | None = None
    sha256: str | None = None
    lowered_to: int | None = None
    id: int | None = None


def add(database: Database, suppression: Suppression) -> int:
    """Keep a suppression and return its number, which no other ever had."""
    row = asdict(suppression)
    row |= {name: to_text(row[name]) for name in ("created_at", "expires_at")}
    return cast("int", database.table("suppressions").insert(row).last_pk)


def end(database: Database, identifier: int, moment: datetime) -> Suppression | None:
    """End a suppression now; return it as it was, or None if there is none of that number in force."""
    with database.atomic():
        found = next(iter(_select(database, "id = ? AND expires_at > ?", identifier, to_text(moment))), None)
        if found is not None:
            database.table("suppressions").update(identifier, {"expires_at": to_text(moment)})
    return found


def in_force(database: Database, moment: datetime) -> Sequence[Suppression]:
    """Return the suppressions that have not expired, the oldest first."""
    return _select(database, "expires_at > ?", to_text(moment))


def every(database: Database) -> Sequence[Suppression]:
    """Return all suppressions, those that have ended too, the oldest first."""
    return _select(database, "1")


def _select(database: Database, where: str, *values: object) -> Sequence[Suppression]:
    rows = database.query(f"SELECT * FROM suppressions WHERE {where} ORDER BY id", list(values))  # noqa: S608 - constants
    return [_from_row(row) for row in rows]


def _from_row(row: Mapping[str, Any]) -> Suppression:
    moments = {name: from_text(row[name]) for name in ("created_at", "expires_at")}
    return Suppression(**{**row, **moments})
