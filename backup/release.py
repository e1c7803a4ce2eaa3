"""Removing stale locks from a repository by evidence; a lock that somebody may hold is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backup.model import Job
from backup.restic import locks
from backup.session import Surroundings, now


@dataclass(frozen=True)
class Released:
    """Locks that were removed and locks that are left."""

    removed: tuple[locks.Lock, ...]
    left: tuple[locks.Lock, ...]

    def as_items(self) -> list[dict[str, object]]:
        """Return one JSON item a lock."""
        moment = now()

        def item(lock: locks.Lock, removed: bool) -> dict[str, object]:
            return {
                "lock": lock.id,
                "host": lock.host,
                "pid": lock.pid,
                "age_seconds": round((moment - lock.time).total_seconds(), 1),
                "exclusive": lock.exclusive,
                "removed": removed,
            }

        return [*(item(lock, True) for lock in self.removed), *(item(lock, False) for lock in self.left)]


def unlock_job(surroundings: Surroundings, job: Job) -> Released:
    """Remove the locks whose process on this host is dead, or that nobody refreshed for 30 minutes.

    Raise what the driver raises if the repository cannot be read.
    """
    restic = surroundings.restic(job)
    before: Sequence[locks.Lock] = locks.locks(restic)
    moment = now()
    locks.clear_dead(restic)
    if any(lock.is_abandoned(moment) for lock in before):
        locks.unlock(restic)
    after = locks.locks(restic) if before else ()
    left = {lock.id for lock in after}
    return Released(tuple(lock for lock in before if lock.id not in left), tuple(after))
