"""How far a directory of rotated captures has been read, and where its open flows are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from secwatch.core.escape import storable
from secwatch.core.moments import to_text
from secwatch.store.lake import ReadInput, RecordedFile, add_file


@dataclass(frozen=True)
class Follow:
    """The newest file that was read of a directory: up to `position` (bytes of content), recorded as that input.

    done says that the file has ended; snapshot and sha256 are the file with the open flows, open_flows
    how many those are.
    """

    directory: str
    path: str
    first_time: int
    position: int
    done: bool
    input_id: int
    snapshot: str
    sha256: str
    open_flows: int


def find(database: Database, directory: str) -> Follow | None:
    """Return how far the directory has been read, None if never."""
    for row in database.query("SELECT * FROM follows WHERE directory = ?", [directory]):
        return Follow(**{**row, "done": bool(row["done"])})
    return None


def save(database: Database, follow: Follow) -> None:
    """Keep how far a directory has been read. Call it in the transaction that keeps what was read."""
    database.table("follows").upsert({**asdict(follow), "done": int(follow.done)}, pk="directory")


def snapshots(database: Database) -> frozenset[str]:
    """Return the names of all snapshots in use."""
    return frozenset(row["snapshot"] for row in database.query("SELECT snapshot FROM follows"))


def forget(database: Database, directory: str) -> None:
    """Forget the directory and the inputs that came from it. Call it inside a transaction."""
    for number in recorded(database, directory).values():
        database.execute("DELETE FROM inputs WHERE id = ?", [number[0]])
    database.execute("DELETE FROM follows WHERE directory = ?", [directory])


def recorded(database: Database, directory: str) -> Mapping[str, tuple[int, str, int]]:
    """Return the inputs that came from files of the directory: number, quick identity and first time by path."""
    rows = database.query(
        "SELECT id, name, quick_identity, first_time FROM inputs WHERE directory = ? ORDER BY id", [directory]
    )
    return {row["name"]: (row["id"], row["quick_identity"], row["first_time"] or 0) for row in rows}


def mark(database: Database, input_id: int, directory: str) -> None:
    """Say that an input came from a directory. Call it in the transaction that adds it."""
    database.execute("UPDATE inputs SET directory = ? WHERE id = ?", [directory, input_id])


@dataclass(frozen=True)
class Member:
    """A file that is read as a part of a directory; growing until it has been read to its end."""

    directory: str
    growing: bool


def member(database: Database, path: str) -> Member | None:
    """Return what the file at this very path is a part of, None if it was not read with its directory."""
    rows = database.query(
        "SELECT directory, quick_identity FROM inputs WHERE name = ? AND directory != '' ORDER BY id DESC",
        [storable(path)],
    )
    return next((Member(row["directory"], not row["quick_identity"]) for row in rows), None)


def counters(database: Database, input_id: int) -> Mapping[str, Any] | None:
    """Return what was counted in an input, None if it is not recorded any more."""
    rows = database.query("SELECT counters FROM inputs WHERE id = ?", [input_id])
    return next((json.loads(row["counters"]) for row in rows), None)


def extend(database: Database, input_id: int, read: ReadInput, produced: Sequence[RecordedFile]) -> None:
    """Record that an input has grown: what it is now, and the files that came. Call it inside a transaction."""
    values = {
        "identity": read.identity,
        "quick_identity": read.quick_identity,
        "read_at": to_text(read.read_at),
        "first_time": read.first_time,
        "last_time": read.last_time,
        "counters": json.dumps(dict(read.counters), ensure_ascii=False),
        "content_head": read.content_head,
        "content_length": read.content_length,
        "content_tag": read.content_tag,
    }
    database.table("inputs").update(input_id, values)
    for item in produced:
        add_file(database, item, {0: (input_id, item.rows)})
