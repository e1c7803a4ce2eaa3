"""The one SQLite file: opened with WAL and foreign keys, migrated by numbered steps, a copy kept first."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlite_utils
from sqlite_utils import Database, Migrations

from secwatch.core.errors import Locked, SecwatchError
from secwatch.system.paths import prepare

BUSY_SECONDS = 10.0
# SQLite's log grows by pages, its index by 32 KiB: with less than this left it may fail with any words.
_FULL_BYTES = 64 << 10


def open_database(path: Path, sets: Sequence[Migrations]) -> Database:
    """Return the database at `path` with every migration of `sets` applied; make it if there is none.

    An older database is copied beside itself before it is migrated. Raise SecwatchError for one
    that a newer secwatch has written or that is damaged, Locked for one that another process holds.
    """
    prepare(path.parent)
    if path.exists() and path.stat().st_size and not _is_sqlite(path):
        raise SecwatchError(f"{path} is not a secwatch database", "move it away, then run the command again")
    try:
        database = _connect(path)
        _refuse_newer(database, sets, path)
        _migrate(database, sets, path)
    except sqlite3.OperationalError as error:
        raise explain(error, path) from error
    except sqlite3.DatabaseError as error:
        raise SecwatchError(
            f"the database {path} is damaged: {error}", "restore it from the copy beside it or from a backup"
        ) from error
    return database


def explain(error: sqlite3.OperationalError, path: Path) -> SecwatchError:
    """Return the error that a user understands for one of SQLite's."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return Locked(f"the database {path} is held by another process", "wait for it to end, then try again")
    if "full" in text or ("disk I/O error" in text and _is_full(path)):
        return SecwatchError(f"no space left to write {path}", "free some space; nothing was changed")
    if "readonly" in text or "unable to open" in text:
        return SecwatchError(f"the database {path} cannot be written: {text}", "check its owner and permissions")
    return SecwatchError(f"the database {path} failed: {text}", "secwatch doctor")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Within the block what SQLite reports of the database at `path` is raised as a user understands it."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise explain(error, path) from error


def _is_full(path: Path) -> bool:
    """Whether the file system of the database is full: SQLite then says no more than `disk I/O error` at times."""
    try:
        return shutil.disk_usage(path.parent).free < _FULL_BYTES
    except OSError:
        return False


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\x00"


def _connect(path: Path) -> Database:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return Database(connection)


def _refuse_newer(database: Database, sets: Sequence[Migrations], path: Path) -> None:
    for migrations in sets:
        known = {item.name for item in migrations._migrations}
        unknown = [item.name for item in migrations.applied(database) if item.name not in known]
        if unknown:
            raise SecwatchError(
                f"the database {path} was written by a newer secwatch (it knows {unknown[-1]!r})",
                "install the newer secwatch again; this one changes nothing in it",
            )


def _migrate(database: Database, sets: Sequence[Migrations], path: Path) -> None:
    pending = [migrations for migrations in sets if migrations.pending(database)]
    if not pending:
        return
    if any(migrations.applied(database) for migrations in sets):
        _keep_copy(database, path)
    for migrations in pending:
        migrations.apply(database)


def _keep_copy(database: Database, path: Path) -> None:
    """SQLite's own backup makes the copy: a plain file copy would miss what is still in the log."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    copy = path.with_name(f"{path.name}.before-{stamp}")
    partial = copy.with_name(copy.name + ".partial")
    target = sqlite3.connect(partial)
    try:
        database.conn.backup(target)
    finally:
        target.close()
    partial.chmod(0o600)
    partial.rename(copy)


__all__ = ["Database", "Migrations", "explain", "explained", "open_database", "sqlite_utils"]
