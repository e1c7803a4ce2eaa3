"""What the lake holds: inputs that were read, and the files they gave. A file without a row here does not exist."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlite_utils import Database

from secwatch.core.escape import storable
from secwatch.core.moments import to_text

KEY_BYTES = 32
GROWING = "growing:"  # how the identity of an input begins whose file has not been read to its end


@dataclass(frozen=True)
class RecordedFile:
    """One Parquet file: path below the lake, its table, its time range in µs (both included).

    rows are those that are seen. Where rows of inputs that are gone lie in the file too, `parts` are the
    numbers in its column lake_part of those that count; None when all do.
    """

    path: str
    table: str
    rows: int
    bytes: int
    first_time: int
    last_time: int
    parts: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ReadInput:
    """An input that was read. identity is the tag of its bytes, quick_identity a cheap hint ('' for none).

    content_length and content_tag are of what was read after decompression, content_head is its
    beginning in hexadecimal. flows_only: no payload was looked into. A lasting input cannot be read again
    (live capture): nothing replaces it.
    """

    identity: str
    quick_identity: str
    name: str
    read_at: datetime
    first_time: int | None
    last_time: int | None
    counters: Mapping[str, Any]
    content_head: str = ""
    content_length: int = 0
    content_tag: str = ""
    flows_only: bool = False
    lasting: bool = False


@dataclass(frozen=True)
class KnownContent:
    """An input by its content: number, length in bytes, tag, the times of its packets (µs), how it was read.

    The tag is a bare SHA-256 where an earlier version read the input. directory is '' for what was read alone.
    growing says that its file has not been read to its end: the content is what was taken of it until now.
    """

    id: int
    length: int
    tag: str
    first_time: int
    last_time: int
    flows_only: bool
    directory: str
    growing: bool


@dataclass(frozen=True)
class Holder:
    """An input that holds the bytes of that identity: number, how it was read, the directory it is a part of or ''.

    whole says that it holds nothing else; if not, it has grown since.
    """

    id: int
    identity: str
    flows_only: bool
    directory: str
    whole: bool


def recorded_paths(database: Database) -> frozenset[str]:
    """Return the paths of all recorded files."""
    return frozenset(row["path"] for row in database.query("SELECT path FROM lake_files"))


def files(
    database: Database,
    *,
    since: int | None = None,
    until: int | None = None,
    without_inputs: Sequence[int] = (),
) -> Sequence[RecordedFile]:
    """Return the recorded files with rows between two times (µs, both included), by table and time."""
    rows = database.query(
        _FILES, {"since": since, "until": until, "without": json.dumps([int(number) for number in without_inputs])}
    )
    return [
        RecordedFile(
            row["path"],
            row["table_name"],
            row["seen"],
            row["bytes"],
            row["first_time"],
            row["last_time"],
            None if row["listed"] == row["parts"] else tuple(sorted(map(int, row["numbers"].split(",")))),
        )
        for row in rows
    ]


_FILES = """
SELECT f.*, p.seen, p.listed, p.numbers FROM lake_files f JOIN (
    SELECT path, sum(rows) AS seen, count(*) AS listed, group_concat(part) AS numbers FROM lake_parts
    WHERE input_id NOT IN (SELECT value FROM json_each(:without)) GROUP BY path
) p ON p.path = f.path
WHERE (:since IS NULL OR f.last_time >= :since) AND (:until IS NULL OR f.first_time <= :until)
ORDER BY f.table_name, f.first_time, f.path
"""


def identity_key(database: Database) -> bytes:
    """Return the secret key that this database's tags are made with; made at random the first time."""
    database.execute(
        "INSERT INTO identity_keys (id, key) SELECT 1, ? WHERE NOT EXISTS (SELECT 1 FROM identity_keys)",
        [secrets.token_bytes(KEY_BYTES)],
    )
    (row,) = database.query("SELECT key FROM identity_keys")
    return bytes(row["key"])


def holders(database: Database, identity: str, content_tag: str = "") -> Sequence[Holder]:
    """Return the inputs with these very bytes, and those that grew out of them, or out of this content."""
    return _as_holders(database.query(_HOLDERS, {"identity": identity, "tag": content_tag}))


def _as_holders(rows: Iterable[Mapping[str, Any]]) -> Sequence[Holder]:
    return [
        Holder(row["id"], row["identity"], bool(row["flows_only"]), row["directory"], bool(row["whole"]))
        for row in rows
    ]


_HOLDERS = """
SELECT id, identity, flows_only, directory, 1 AS whole FROM inputs WHERE identity = :identity
UNION SELECT i.id, b.identity, i.flows_only, i.directory, i.content_tag = b.content_tag
FROM input_beginnings b JOIN inputs i ON i.id = b.input_id
WHERE b.identity = :identity OR (b.content_tag = :tag AND :tag != '')
ORDER BY 1
"""


def holders_by_hint(database: Database, quick_identity: str) -> Sequence[Holder]:
    """Return the inputs that gave this quick identity or grew out of one that did; none for ''."""
    return _as_holders(database.query(_HOLDERS_BY_HINT, {"hint": quick_identity}))


_HOLDERS_BY_HINT = """
SELECT id, identity, flows_only, directory, 1 AS whole FROM inputs WHERE quick_identity = :hint AND :hint != ''
UNION SELECT i.id, b.identity, i.flows_only, i.directory, i.content_tag = b.content_tag
FROM input_beginnings b JOIN inputs i ON i.id = b.input_id
WHERE b.quick_identity = :hint AND :hint != ''
ORDER BY 1
"""


def contents(database: Database, head: str) -> Sequence[KnownContent]:
    """Return the inputs whose content begins so, the shortest first; none for a content without a packet."""
    rows = database.query(
        "SELECT id, content_length, content_tag, first_time, last_time, flows_only, directory, identity FROM inputs"
        " WHERE content_head = ? AND content_head != '' AND last_time IS NOT NULL ORDER BY content_length, id",
        [head],
    )
    return [
        KnownContent(
            row["id"],
            row["content_length"],
            row["content_tag"],
            row["first_time"],
            row["last_time"],
            bool(row["flows_only"]),
            row["directory"],
            row["identity"].startswith(GROWING),
        )
        for row in rows
    ]


def beginning_lengths(database: Database, head: str) -> frozenset[int]:
    """Return how long the contents are that begin so, and out of which inputs have grown."""
    rows = database.query(
        "SELECT DISTINCT content_length FROM input_beginnings WHERE content_head = ? AND content_head != ''", [head]
    )
    return frozenset(row["content_length"] for row in rows)


def inputs_between(database: Database, since: int, until: int) -> Sequence[tuple[str, str, str]]:
    """Return (name, quick identity, identity) of the files with packets between two times (µs, both included)."""
    rows = database.query(
        "SELECT name, quick_identity, identity FROM inputs"
        " WHERE first_time <= ? AND last_time >= ? AND quick_identity != '' ORDER BY first_time, id",
        [until, since],
    )
    return [(row["name"], row["quick_identity"], row["identity"]) for row in rows]


def add_input(database: Database, read: ReadInput, produced: Sequence[RecordedFile]) -> int:
    """Record an input and its files; return its number. Call it inside a transaction."""
    row = {
        "identity": read.identity,
        "quick_identity": read.quick_identity,
        "name": storable(read.name),
        "read_at": to_text(read.read_at),
        "first_time": read.first_time,
        "last_time": read.last_time,
        "counters": json.dumps(dict(read.counters), ensure_ascii=False),
        "content_head": read.content_head,
        "content_length": read.content_length,
        "content_tag": read.content_tag,
        "flows_only": int(read.flows_only),
        "lasting": int(read.lasting),
    }
    number = cast("int", database.table("inputs").insert(row).last_pk)
    for item in produced:
        add_file(database, item, {0: (number, item.rows)})
    return number


def add_file(database: Database, item: RecordedFile, parts: Mapping[int, tuple[int, int]]) -> None:
    """Record a file with its parts: (input, rows) by the number in its column lake_part, {0: …} if it has none.

    Call it inside a transaction.
    """
    row = {
        "path": item.path,
        "table_name": item.table,
        "rows": item.rows,
        "bytes": item.bytes,
        "first_time": item.first_time,
        "last_time": item.last_time,
        "parts": len(parts),
    }
    database.table("lake_files").insert(row)
    database.table("lake_parts").insert_all(
        {"path": item.path, "part": part, "input_id": number, "rows": rows} for part, (number, rows) in parts.items()
    )


def remove_inputs(database: Database, numbers: Sequence[int]) -> None:
    """Forget inputs and their rows. Call it inside a transaction; the files go with the next clean-up."""
    for number in numbers:
        database.execute("DELETE FROM inputs WHERE id = ?", [number])


def supersede(database: Database, numbers: Collection[int], successor: int) -> None:
    """Forget inputs that another holds now: what they were stays known as its beginnings. Call it inside a transaction.

    Add the successor first: the number of an input that is gone may be given again.
    """
    for number in sorted(set(numbers) - {successor}):
        database.execute("UPDATE input_beginnings SET input_id = ? WHERE input_id = ?", [successor, number])
        keep_as_beginning(database, number, successor)
    remove_inputs(database, sorted(set(numbers) - {successor}))


def keep_as_beginning(database: Database, number: int, successor: int, but: str = "") -> None:
    """Keep what an input is now as a beginning of another, or of what itself will be, but for that identity.

    What is growing was never a file of that length, and leaves nothing. Call it inside a transaction.
    """
    database.execute(
        "INSERT INTO input_beginnings"
        " (input_id, identity, quick_identity, content_head, content_length, content_tag)"
        " SELECT ?, identity, quick_identity, content_head, content_length, content_tag FROM inputs i"
        " WHERE id = ? AND content_tag != '' AND identity != ? AND identity NOT LIKE ?"
        " AND NOT EXISTS (SELECT 1 FROM inputs WHERE id = ? AND id != i.id AND identity = i.identity)"
        " AND NOT EXISTS (SELECT 1 FROM input_beginnings WHERE input_id = ? AND identity = i.identity)",
        [successor, number, but, f"{GROWING}%", successor, successor],
    )


def last_time(database: Database) -> int | None:
    """Return the time of the newest packet of all inputs (µs), None if nothing was read."""
    (row,) = database.query("SELECT max(last_time) AS last FROM inputs")
    return cast("int | None", row["last"])
