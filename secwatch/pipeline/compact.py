"""Small files of the lake become few large ones, while capture, reading and queries go on.

A live sensor writes a file for each table and minute. Within an hour they are merged, and when the day
is over once more. Merging itself holds no lock of the writers: it reads files that never change and writes
in a directory of its own. Only then, under that lock and in one transaction, do the new files take the
place of the old ones, if these are still what they were. Killed anywhere, either the old files count or
the new ones; what does not count is removed by the next run that writes.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from secwatch.core.errors import SecwatchError
from secwatch.lake.layout import UNFINISHED, day_number, directory_of, remove_unfinished, sync
from secwatch.lake.merge import ROWS_PER_MERGED, Merged, Source, merge
from secwatch.pipeline.tidy import reading, tidy
from secwatch.pipeline.turns import LOCK
from secwatch.store import lake as store
from secwatch.store.lake_files import HeldFile, Part, forget, held
from secwatch.system import lock
from secwatch.system.database import Database
from secwatch.system.paths import Place, prepare

MERGING = "lake-merging"
WRITERS_PATIENCE_SECONDS = 120.0
# At most so much at once: what is merged needs its space twice.
_ROWS_AT_ONCE = 40_000_000
_FILES_AT_ONCE = 4_000
# Within the day, files up to this size are merged: a row is written some few times, not every hour anew.
_SMALL_WITHIN_THE_DAY = ROWS_PER_MERGED // 4


@dataclass(frozen=True)
class Compaction:
    """What a run did: how many groups of files were merged, with how many rows, files and bytes before and after.

    removed is how many files went that no longer count; problems say which groups could not be merged.
    """

    groups: int
    rows: int
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    removed: int
    problems: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Group:
    """Files of one table that are to be merged, and the directory they belong in."""

    table: str
    directory: str
    files: tuple[HeldFile, ...]


def compact(
    place: Place, database: Database, now: datetime, on_progress: Callable[[int, int], None] | None = None
) -> Compaction:
    """Merge the small files of past hours and days; return what was done.

    `on_progress` gets how many groups of how many are done. A group that fails is told of and does not
    stop the others. Raise Locked if another run is merging.
    """
    started = time.monotonic()
    done: list[tuple[Group, Sequence[Merged]]] = []
    problems: list[str] = []
    with lock.hold(place.runtime, MERGING):
        remove_unfinished(place.lake)
        groups = plan(held(database), now)
        for number, group in enumerate(groups):
            if on_progress is not None:
                on_progress(number, len(groups))
            try:
                with reading(place):
                    made = _merge(place, database, group)
            except SecwatchError as error:
                problems.append(error.message)
                continue
            if made:
                done.append((group, made))
        with lock.hold(place.runtime, LOCK, wait_seconds=WRITERS_PATIENCE_SECONDS):
            removed = tidy(place, database)
    return Compaction(
        groups=len(done),
        rows=sum(item.segment.rows for _, made in done for item in made),
        files_before=sum(len(group.files) for group, _ in done),
        files_after=sum(len(made) for _, made in done),
        bytes_before=sum(file.bytes for group, _ in done for file in group.files),
        bytes_after=sum(item.segment.bytes for _, made in done for item in made),
        removed=removed,
        problems=tuple(problems),
        seconds=time.monotonic() - started,
    )


def plan(files: Sequence[HeldFile], now: datetime) -> Sequence[Group]:
    """Return what is to be merged, by table and day.

    Of one table and day: the small files of past hours; those of past days once more, to larger ones.
    By themselves: files of the old layout, and such with rows of inputs that are gone.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    today = hour.replace(hour=0)
    together: dict[tuple[str, str, bool], list[HeldFile]] = {}
    groups: list[Group] = []
    for file in files:
        settled = file.read_at < today
        most = ROWS_PER_MERGED // 2 if settled else _SMALL_WITHIN_THE_DAY
        directory = _directory(file)
        if directory is None:
            groups.append(Group(file.table, "", (file,)))
        elif (file.read_at < hour and file.rows < most) or _must_be_rewritten(file):
            together.setdefault((file.table, directory, settled), []).append(file)
    for (table, directory, _), members in together.items():
        pieces = [piece for piece in _bounded(members) if len(piece) > 1 or _must_be_rewritten(piece[0])]
        groups.extend(Group(table, directory, tuple(piece)) for piece in pieces)
    return sorted(groups, key=lambda group: (group.table, group.directory))


def _directory(file: HeldFile) -> str | None:
    """Where the file belongs; None for one of the old layout that holds several days."""
    if file.path.count("/") == 2:
        return file.path.rpartition("/")[0]
    first, last = day_number(file.first_time), day_number(file.last_time)
    return directory_of(file.table, first) if first == last else None


def _must_be_rewritten(file: HeldFile) -> bool:
    return len(file.parts) < file.written or file.path.count("/") != 2


def _bounded(files: Sequence[HeldFile]) -> Iterator[Sequence[HeldFile]]:
    """Yield the files, in order of time, in pieces that can be merged at once."""
    piece: list[HeldFile] = []
    rows = 0
    for file in files:
        if piece and (rows + file.rows > _ROWS_AT_ONCE or len(piece) == _FILES_AT_ONCE):
            yield piece
            piece, rows = [], 0
        piece.append(file)
        rows += file.rows
    if piece:
        yield piece


def _merge(place: Place, database: Database, group: Group) -> Sequence[Merged]:
    """Merge one group; return the new files, none if the old ones have changed meanwhile."""
    owners, sources = _numbered(group.files)
    work = prepare(place.lake / f"{UNFINISHED}{secrets.token_hex(8)}")
    try:
        made = merge(place.lake, group.table, sources, work)
        with lock.hold(place.runtime, LOCK, wait_seconds=WRITERS_PATIENCE_SECONDS):
            paths = [file.path for file in group.files]
            if {file.path: file.parts for file in held(database, paths)} != {f.path: f.parts for f in group.files}:
                return ()
            _put_in_place(place.lake, made)
            with database.atomic():
                forget(database, paths)
                for item in made:
                    segment = item.segment
                    recorded = store.RecordedFile(
                        segment.path, group.table, segment.rows, segment.bytes, segment.first_time, segment.last_time
                    )
                    store.add_file(
                        database, recorded, {part: (owners[part].input_id, rows) for part, rows in item.rows.items()}
                    )
        return made
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _numbered(files: Sequence[HeldFile]) -> tuple[dict[int, Part], Sequence[Source]]:
    """Number the inputs of some files anew; return for each number one part, and the sources with the numbers.

    Inputs that cannot be read again are one, under the name of the newest: nothing will ever replace
    them, and the oldest rows leave by whole files.
    """
    numbers: dict[int | None, int] = {}
    owners: dict[int, Part] = {}
    sources: list[Source] = []
    for file in files:
        new: dict[int, int] = {}
        for part in file.parts:
            number = numbers.setdefault(None if part.lasting else part.input_id, len(numbers))
            known = owners.get(number, part)
            owners[number] = max(known, part, key=lambda item: (item.read_at, item.input_id))
            new[part.number] = number
        whole = len(file.parts) == file.written
        sources.append(Source(file.path, file.rows, file.first_time, file.last_time, new, file.written > 1, whole))
    return owners, sources


def _put_in_place(lake: Path, made: Sequence[Merged]) -> None:
    for item in made:
        target = lake / item.segment.path
        prepare(target.parent)
        item.made.rename(target)
    directories = {(lake / item.segment.path).parent for item in made}
    for directory in sorted({*directories, *(day.parent for day in directories), lake}):
        sync(directory)
