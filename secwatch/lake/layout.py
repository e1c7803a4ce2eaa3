"""Where files lie in the lake: `<table>/day=2026-09-21/<name>.parquet`, the day that of the table's time column in UTC.

The names are Hive's, so that DuckDB, Spark and others find the days by themselves. Rows of times that
are no day of the calendar, and the days a batch has too many of, lie in the partition that Hive calls NULL.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from pathlib import Path

from secwatch.core.tables import TABLES

DAY = 86_400_000_000
NO_DAY = "day=__HIVE_DEFAULT_PARTITION__"
PARTIAL = ".partial"
# Work in progress lies in directories whose name begins so; nothing in them is ever recorded.
UNFINISHED = ".unfinished-"
_EPOCH = date(1970, 1, 1)


def day_number(microseconds: int) -> int:
    """Return the day of a time in days since 1970 (UTC)."""
    return microseconds // DAY


def day_name(day: int) -> str:
    """Return a day (days since 1970) as `2026-09-21`, and one outside of the calendar as ''."""
    try:
        return str(_EPOCH + timedelta(days=day))
    except OverflowError:
        return ""


def directory_of(table: str, day: int | None) -> str:
    """Return the directory below the lake for a day's rows (days since 1970), None for rows of no one day."""
    known = "" if day is None else day_name(day)
    name = f"day={known}" if known else NO_DAY
    return f"{table}/{name}"


def day_in(path: str) -> str | None:
    """Return the day that a path below the lake names (`2026-09-21`), None if it names none."""
    parts = path.split("/")
    if len(parts) == 3 and parts[1].startswith("day=") and parts[1] != NO_DAY:
        return parts[1].removeprefix("day=")
    return None


def files_on_disk(lake: Path) -> Iterator[str]:
    """Yield the path below the lake of every file in a table's directory, and in the days of the table."""
    for table in TABLES:
        for directory in (lake / table, *_days(lake / table)):
            if directory.is_dir():
                entries = (entry.name for entry in os.scandir(directory) if entry.is_file(follow_symlinks=False))
                yield from (str((directory / name).relative_to(lake)) for name in entries)


def remove_unrecorded(lake: Path, recorded: Collection[str]) -> int:
    """Remove the files that no database row names, left by a run that was killed; return how many.

    Directories of days that are empty go with them. Call it only while holding the lock of the writers
    and, lest a query lose a file that it is about to open, that of the readers.
    """
    known = frozenset(recorded)
    orphans = [path for path in files_on_disk(lake) if path not in known]
    for path in orphans:
        (lake / path).unlink(missing_ok=True)
    for table in TABLES:
        for directory in _days(lake / table):
            if not any(directory.iterdir()):
                directory.rmdir()
    return len(orphans)


def remove_unfinished(lake: Path) -> None:
    """Remove what merging runs that were killed left. Call it only while holding the lock of the merging."""
    if lake.is_dir():
        for entry in sorted(lake.iterdir()):
            if entry.name.startswith(UNFINISHED):
                shutil.rmtree(entry)


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _days(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted(entry for entry in directory.iterdir() if entry.name.startswith("day=") and entry.is_dir())
