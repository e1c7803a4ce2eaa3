"""The database: migrated after a copy is kept, refused when newer, explained when held, damaged or foreign."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from secwatch.core.errors import Locked, SecwatchError
from secwatch.system import database as module
from secwatch.system.database import open_database


def _steps(count: int) -> Migrations:
    migrations = Migrations("test")
    for number in range(1, count + 1):

        @migrations(name=f"{number:04}_step")
        def step(database: Database, number: int = number) -> None:
            database.execute(f"CREATE TABLE t{number} (a INTEGER) STRICT")

    return migrations


def test_an_older_database_is_migrated_and_a_copy_kept(tmp_path: Path) -> None:
    """The copy holds what was there before, also what was only in the log."""
    path = tmp_path / "a.db"
    first = open_database(path, [_steps(1)])
    first.execute("INSERT INTO t1 VALUES (7)")
    second = open_database(path, [_steps(2)])
    assert {"t1", "t2"} <= set(second.table_names())
    copies = list(tmp_path.glob("a.db.before-*"))
    assert len(copies) == 1
    kept = sqlite3.connect(copies[0])
    assert kept.execute("SELECT a FROM t1").fetchall() == [(7,)]
    kept.close()
    first.close()
    second.close()


def test_a_new_database_needs_no_copy_and_is_private(tmp_path: Path) -> None:
    """Nothing to keep; nobody else may read it."""
    path = tmp_path / "state" / "a.db"
    open_database(path, [_steps(2)]).close()
    assert list(path.parent.glob("*.before-*")) == []
    assert path.stat().st_mode & 0o077 == 0


def test_a_newer_database_is_refused_unchanged(tmp_path: Path) -> None:
    """One clear sentence, and not a byte written."""
    path = tmp_path / "a.db"
    open_database(path, [_steps(3)]).close()
    before = path.read_bytes()
    with pytest.raises(SecwatchError, match="written by a newer secwatch"):
        open_database(path, [_steps(2)])
    assert path.read_bytes() == before


def test_a_failing_step_leaves_the_old_form(tmp_path: Path) -> None:
    """A migration is one transaction."""
    path = tmp_path / "a.db"
    open_database(path, [_steps(1)]).close()
    broken = _steps(1)

    @broken(name="0002_broken")
    def step(database: Database) -> None:
        database.execute("CREATE TABLE half (a INTEGER) STRICT")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(SecwatchError, match="no space left"):
        open_database(path, [broken])
    again = open_database(path, [_steps(2)])
    assert "half" not in again.table_names()
    again.close()


def test_a_held_database_is_said_to_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 11, not a traceback."""
    path = tmp_path / "a.db"
    open_database(path, [_steps(1)]).close()
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.2)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Locked, match="held by another process"):
        open_database(path, [_steps(2)])
    holder.close()


@pytest.mark.parametrize("content", [b"hello\n" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_what_is_no_database_is_said_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """A foreign or damaged file is never overwritten."""
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(SecwatchError):
        open_database(path, [_steps(1)])
    assert path.read_bytes() == content
