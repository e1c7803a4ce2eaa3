"""Runs of the live sensor as they are kept: what was not kept as evidence, told for as long as it matters."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from secwatch.store import live
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_what_was_not_kept_is_known_with_its_last_moment(tmp_path: Path) -> None:
    """Windows in which nothing more was lost do not make it look recent; the end may add the last of them."""
    database = open_database(tmp_path / "secwatch.db", (MIGRATIONS,))
    with database.atomic():
        number, _ = live.begin(database, "eth1", NOW)
        live.advance(database, number, NOW + MINUTE, None, (), 3)
        live.advance(database, number, NOW + 2 * MINUTE, None, (), 3)
    (run,) = live.without_evidence(database, NOW)
    assert (run.left_out, run.left_out_at) == (3, NOW + MINUTE)
    assert live.without_evidence(database, NOW + 2 * MINUTE) == []
    with database.atomic():
        live.end(database, number, NOW + 3 * MINUTE, 5)
        live.begin(database, "eth1", NOW + 4 * MINUTE)
    (run,) = live.without_evidence(database, NOW + 2 * MINUTE)
    assert (run.id, run.left_out, run.left_out_at) == (number, 5, NOW + 3 * MINUTE)
    latest = live.latest(database)
    assert latest is not None
    assert (latest.left_out, latest.left_out_at) == (0, None)


def test_a_database_from_before_is_brought_up(tmp_path: Path) -> None:
    """Its runs lost nothing that is known."""
    path = tmp_path / "secwatch.db"
    database = open_database(path, (MIGRATIONS,))
    with database.atomic():
        live.begin(database, "eth1", NOW)
    database.conn.close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE live_runs DROP COLUMN left_out")
        connection.execute("ALTER TABLE live_runs DROP COLUMN left_out_at")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = '0010_live_left_out'")
    latest = live.latest(open_database(path, (MIGRATIONS,)))
    assert latest is not None
    assert (latest.interfaces, latest.left_out, latest.left_out_at) == ("eth1", 0, None)
