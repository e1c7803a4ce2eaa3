"""Rule packs in the database, and the switches of what is not to be used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from secwatch.core.escape import storable
from secwatch.core.moments import from_text, to_text

_MOMENTS = ("imported_at", "updated_at")


@dataclass(frozen=True)
class Pack:
    """A pack of rules that was imported.

    path is where it was read from, source what it says of its origin (the remote of a git checkout,
    else the path); folder is its directory among the packs; contents has the SHA-256 of every file in
    use, broken what was left out; sha256 is over the names and contents. signer is empty if unsigned.
    """

    name: str
    kind: str
    path: str
    source: str
    version: str
    licence: str
    author: str
    signer: str
    sha256: str
    folder: str
    contents: Mapping[str, str]
    broken: Sequence[Mapping[str, Any]]
    rules: int
    imported_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Switch:
    """Something that is off: a pack (rule empty, file a pack's name), a file, or a rule (file empty: everywhere)."""

    rule_file: str
    rule: str
    reason: str
    changed_by: str
    changed_at: datetime


def every(database: Database) -> Sequence[Pack]:
    """Return all packs, by name."""
    return [_from_row(row) for row in database.query("SELECT * FROM rule_packs ORDER BY name")]


def find(database: Database, name: str) -> Pack | None:
    """Return the pack of that name, or None."""
    return next((_from_row(row) for row in database.query("SELECT * FROM rule_packs WHERE name = ?", [name])), None)


def keep(database: Database, pack: Pack) -> None:
    """Keep a pack in place of the one of its name, if there is one."""
    row = asdict(pack)
    row |= {name: to_text(row[name]) for name in _MOMENTS}
    row |= {name: storable(row[name]) for name in ("path", "source", "version", "licence", "author")}
    row |= {name: json.dumps(row[name]) for name in ("contents", "broken")}
    with database.atomic():
        database.table("rule_packs").upsert(row, pk="name")


def remove(database: Database, name: str) -> None:
    """Remove a pack, and the switches of its files."""
    with database.atomic():
        database.execute("DELETE FROM rule_packs WHERE name = ?", [name])
        prefix = f"{name}/"
        database.execute(
            "DELETE FROM rule_switches WHERE rule_file = ? OR substr(rule_file, 1, ?) = ?", [name, len(prefix), prefix]
        )


def switches(database: Database) -> Sequence[Switch]:
    """Return all switches."""
    rows = database.query("SELECT * FROM rule_switches ORDER BY rule_file, rule")
    return [Switch(**{**row, "changed_at": from_text(row["changed_at"])}) for row in rows]


def switch_off(database: Database, switch: Switch) -> None:
    """Keep a switch."""
    row = {**asdict(switch), "changed_at": to_text(switch.changed_at)}
    with database.atomic():
        database.table("rule_switches").upsert(row, pk=("rule_file", "rule"))


def switch_on(database: Database, rule_file: str, rule: str) -> bool:
    """Remove a switch; return whether there was one."""
    with database.atomic():
        gone = database.execute("DELETE FROM rule_switches WHERE rule_file = ? AND rule = ?", [rule_file, rule])
        return gone.rowcount > 0


def _from_row(row: Mapping[str, Any]) -> Pack:
    decoded = {name: json.loads(row[name]) for name in ("contents", "broken")}
    return Pack(**{**row, **decoded, **{name: from_text(row[name]) for name in _MOMENTS}})
