"""What is older than the retention leaves the lake, when told to, and nothing before the law allows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from secwatch.core.errors import Refused
from secwatch.pipeline.retention import measure
from secwatch.pipeline.tidy import tidy
from secwatch.pipeline.turns import LOCK
from secwatch.store.lake_files import HeldFile, forget, forget_spent_inputs, held
from secwatch.system import lock
from secwatch.system.database import Database
from secwatch.system.paths import Place
from secwatch.system.settings import LEGAL_DAYS, Lake

_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Pruning:
    """What left the lake, or would with a dry run: files that are too old, and those beyond the quota.

    Age counts from when the rows were read, so that an old capture that was read for an inquiry stays
    as long as everything else. cutoff is the moment before which they were; still_beyond are bytes
    above the quota that may not go yet.
    """

    cutoff: datetime
    by_age: tuple[HeldFile, ...]
    by_quota: tuple[HeldFile, ...]
    inputs: int
    removed: int
    still_beyond: int
    seconds: float

    @property
    def files(self) -> tuple[HeldFile, ...]:
        """All files that leave."""
        return (*self.by_age, *self.by_quota)


def prune(
    place: Place,
    database: Database,
    settings: Lake,
    now: datetime,
    *,
    older_than_days: int | None = None,
    dry_run: bool = False,
    force: bool = False,
) -> Pruning:
    """Drop what is older than keep_days (or the days given), and beyond the quota if the settings say so.

    Raise Refused for less than the legal time without `force`, Locked if another run is writing.
    """
    started = time.monotonic()
    days = settings.keep_days if older_than_days is None else older_than_days
    if days < min(LEGAL_DAYS, settings.keep_days) and not force:
        raise Refused(
            f"network logs are kept for six months by law, {days} days are less than {LEGAL_DAYS}",
            f"secwatch lake prune --older-than {LEGAL_DAYS} --dry-run; --force drops them all the same",
        )
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    cutoff = midnight - timedelta(days=days)
    with lock.hold(place.runtime, LOCK, wait_seconds=0.0 if dry_run else _PATIENCE_SECONDS):
        files = held(database)
        by_age = [file for file in files if file.read_at < cutoff]
        left = [file for file in files if file.read_at >= cutoff]
        beyond = sum(file.bytes for file in left) - measure(place, database, settings, now).quota
        floor = now if force else midnight - timedelta(days=min(LEGAL_DAYS, settings.keep_days))
        by_quota = _oldest(left, beyond, floor) if settings.drop_beyond_quota else ()
        inputs = removed = 0
        if not dry_run:
            with database.atomic():
                forget(database, [file.path for file in (*by_age, *by_quota)])
                inputs = forget_spent_inputs(database, cutoff)
            removed = tidy(place, database)
    return Pruning(
        cutoff=cutoff,
        by_age=tuple(by_age),
        by_quota=tuple(by_quota),
        inputs=inputs,
        removed=removed,
        still_beyond=max(0, beyond - sum(file.bytes for file in by_quota)),
        seconds=time.monotonic() - started,
    )


def _oldest(files: Sequence[HeldFile], beyond: int, floor: datetime) -> Sequence[HeldFile]:
    """Return the files read before `floor`, the oldest first, until so many bytes are reached."""
    chosen: list[HeldFile] = []
    for file in sorted(files, key=lambda item: (item.read_at, item.path)):
        if beyond <= 0 or file.read_at >= floor:
            break
        chosen.append(file)
        beyond -= file.bytes
    return chosen
