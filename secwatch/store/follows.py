"""How far a directory of rotated captures has been read, and where its open flows are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from secwatch.core.escape import storable
from secwatch.core.moments import to_text
from secwatch.store.lake import ReadInput, RecordedFile, add_file, keep_as_beginning


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
    for part in recorded(database, directory).values():
        database.execute("DELETE FROM inputs WHERE id = ?", [part.id])
    database.execute("DELETE FROM follows WHERE directory = ?", [directory])


@dataclass(frozen=True)
class Part:
    """An input that came from a file of a directory; its quick identity is '' until it was read to the end of the file.

    first_time is that of its packets (µs). carried is how many flows were open when it began: they came from the
    files before it, and their rows, if they ended in this one, are among its own.
    """

    id: int
    path: str
    quick_identity: str
    first_time: int
    flows_only: bool
    carried: int


def recorded(database: Database, directory: str) -> Mapping[str, Part]:
    """Return the inputs that came from files of the directory, by path, in the order of their packets."""
    rows = database.query(
        "SELECT id, name, quick_identity, first_time, flows_only, carried FROM inputs WHERE directory = ? ORDER BY id",
        [directory],
    )
    parts = {
        row["name"]: Part(
            row["id"],
            row["name"],
            row["quick_identity"],
            row["first_time"] or 0,
            bool(row["flows_only"]),
            row["carried"],
        )
        for row in rows
    }
    return dict(sorted(parts.items(), key=lambda item: (item[1].first_time, item[1].id)))


def mark(database: Database, input_id: int, directory: str, carried: int) -> None:
    """Say that an input came from a directory, with flows that were open. Call it in the transaction that adds it."""
    database.execute("UPDATE inputs SET directory = ?, carried = ? WHERE id = ?", [directory, carried, input_id])


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


def counters(database: Database, follow: Follow) -> Mapping[str, Any] | None:
    """Return what was counted in the input that was read last, None if it is not recorded any more.

    Its number may have been given to another since: that one comes from elsewhere.
    """
    rows = database.query(
        "SELECT counters FROM inputs WHERE id = ? AND directory = ?", [follow.input_id, follow.directory]
    )
    return next((json.loads(row["counters"]) for row in rows), None)


def extend(database: Database, input_id: int, read: ReadInput, produced: Sequence[RecordedFile]) -> None:
    """Record that an input has grown: what it is now, and the files that came. Call it inside a transaction.

    What it was stays known as its beginning; it has been read for more than its flows if all of it was.
    """
    keep_as_beginning(database, input_id, input_id, but=read.identity)
    values = {
        "name": read.name,
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
    database.execute("UPDATE inputs SET flows_only = max(flows_only, ?) WHERE id = ?", [int(read.flows_only), input_id])
    for item in produced:
        add_file(database, item, {0: (input_id, item.rows)})
