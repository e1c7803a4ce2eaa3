"""The files of the lake with their parts: what merging, retention and the overview need to know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from secwatch.core.moments import from_text, to_text


@dataclass(frozen=True)
class Part:
    """Rows of one input in a file; `lasting` when that input cannot be read again."""

    number: int
    input_id: int
    rows: int
    read_at: datetime
    lasting: bool


@dataclass(frozen=True)
class HeldFile:
    """One file: `written` is how many parts it was written with, `parts` are those that still count."""

    path: str
    table: str
    bytes: int
    first_time: int
    last_time: int
    written: int
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """The rows that count."""
        return sum(part.rows for part in self.parts)

    @property
    def read_at(self) -> datetime:
        """When the newest of its rows was read."""
        return max(part.read_at for part in self.parts)


def held(database: Database, paths: Iterable[str] | None = None) -> Sequence[HeldFile]:
    """Return every file with its parts, or those of the given paths that are there, by table and time."""
    wanted = None if paths is None else frozenset(paths)
    found: dict[str, tuple[Mapping[str, Any], list[Part]]] = {}
    for row in database.query(_HELD):
        if wanted is None or row["path"] in wanted:
            part = Part(row["part"], row["input_id"], row["seen"], from_text(row["read_at"]), bool(row["lasting"]))
            found.setdefault(row["path"], (row, []))[1].append(part)
    return [
        HeldFile(path, row["table_name"], row["bytes"], row["first_time"], row["last_time"], row["parts"], tuple(parts))
        for path, (row, parts) in found.items()
    ]


_HELD = """
SELECT f.*, p.part, p.input_id, p.rows AS seen, i.read_at, i.lasting
FROM lake_files f JOIN lake_parts p ON p.path = f.path JOIN inputs i ON i.id = p.input_id
ORDER BY f.table_name, f.first_time, f.path, p.part
"""


def forget(database: Database, paths: Iterable[str]) -> None:
    """Forget files. Call it inside a transaction; they go with the next clean-up."""
    for path in paths:
        database.execute("DELETE FROM lake_files WHERE path = ?", [path])


def forget_spent_inputs(database: Database, before: datetime) -> int:
    """Forget the inputs read before a moment of which no row is left; return how many. Call it inside a transaction.

    The one with the newest packet stays: it says since when the sensor is blind.
    """
    spent = database.execute(
        "DELETE FROM inputs WHERE read_at < ? AND id NOT IN (SELECT input_id FROM lake_parts)"
        " AND id IS NOT (SELECT id FROM inputs ORDER BY last_time DESC, id DESC LIMIT 1)",
        [to_text(before)],
    )
    return int(spent.rowcount)


def bytes_held(database: Database) -> int:
    """Return the bytes of all files."""
    (row,) = database.query("SELECT coalesce(sum(bytes), 0) AS bytes FROM lake_files")
    return int(row["bytes"])


def bytes_read_since(database: Database, moment: datetime) -> tuple[int, datetime | None]:
    """Return how many bytes of the files are of inputs read at or after a moment, and when the first of them was."""
    (row,) = database.query(
        "SELECT coalesce(sum(f.bytes * 1.0 * p.rows / max(f.rows, 1)), 0) AS bytes, min(i.read_at) AS first"
        " FROM inputs i JOIN lake_parts p ON p.input_id = i.id JOIN lake_files f ON f.path = p.path"
        " WHERE i.read_at >= ?",
        [to_text(moment)],
    )
    return int(row["bytes"]), from_text(row["first"]) if row["first"] else None
