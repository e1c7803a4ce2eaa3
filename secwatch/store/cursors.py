"""How far a reader has read something that only grows: one position by name."""

from __future__ import annotations

from sqlite_utils import Database


def position(database: Database, name: str) -> int:
    """Return the last position read, 0 if nothing was."""
    rows = database.query("SELECT position FROM cursors WHERE name = ?", [name])
    return next((int(row["position"]) for row in rows), 0)


def claim(database: Database, name: str) -> None:
    """Take the write lock now and make sure that the cursor is there: two readers never read the same twice."""
    database.execute("INSERT INTO cursors (name, position) VALUES (?, 0) ON CONFLICT DO NOTHING", [name])


def move(database: Database, name: str, to: int) -> None:
    """Keep a new position. Call it in the transaction that keeps what was read."""
    database.execute(
        "INSERT INTO cursors (name, position) VALUES (:name, :to) ON CONFLICT DO UPDATE SET position = :to",
        {"name": name, "to": to},
    )
