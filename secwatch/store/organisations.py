"""The registry of organisations in the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from secwatch.core.model import Organisation, Text


def every(database: Database) -> Sequence[Organisation]:
    """Return all organisations, by code."""
    return [_from_row(row) for row in database.query("SELECT * FROM organisations ORDER BY code")]


def find(database: Database, code: str) -> Organisation | None:
    """Return the organisation with that code, or None."""
    rows = database.query("SELECT * FROM organisations WHERE code = ?", [code])
    return next((_from_row(row) for row in rows), None)


def replace(database: Database, organisations: Iterable[Organisation]) -> None:
    """Make the registry hold exactly these, in one transaction."""
    with database.atomic():
        database.execute("DELETE FROM organisations")
        database.table("organisations").insert_all(_to_row(organisation) for organisation in organisations)


def merge(database: Database, organisations: Iterable[Organisation]) -> None:
    """Add these, and replace those of the same code, in one transaction."""
    with database.atomic():
        database.table("organisations").upsert_all((_to_row(organisation) for organisation in organisations), pk="code")


def _to_row(organisation: Organisation) -> dict[str, Any]:
    return {
        "code": organisation.code,
        "name_zh": organisation.name.zh,
        "name_en": organisation.name.en,
        "parent": organisation.parent,
        "importance": organisation.importance,
        **{
            name: json.dumps(getattr(organisation, name), ensure_ascii=False)
            for name in ("netblocks", "domains", "hosts", "paths")
        },
    }


def _from_row(row: Mapping[str, Any]) -> Organisation:
    return Organisation(
        code=row["code"],
        name=Text(row["name_zh"], row["name_en"]),
        parent=row["parent"],
        importance=row["importance"],
        netblocks=tuple(json.loads(row["netblocks"])),
        domains=tuple(json.loads(row["domains"])),
        hosts=tuple(json.loads(row["hosts"])),
        paths=tuple(json.loads(row["paths"])),
    )
