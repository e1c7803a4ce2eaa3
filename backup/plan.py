"""Which jobs are due, from configuration, history and the moment. Pure.

A job is due when `every` has passed since its last success began: counted from attempts, a job that
fails would wait a whole interval before it is tried again (the mistake of other orchestrators).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backup.model import Job


@dataclass(frozen=True)
class Due:
    """When a job should run next. overdue_seconds is 0 or less while there is time; None if it never succeeded."""

    job: str
    at: datetime
    overdue_seconds: float | None

    @property
    def now(self) -> bool:
        """Whether it should run now."""
        return self.overdue_seconds is None or self.overdue_seconds >= 0


def due(job: Job, last_success: datetime | None, now: datetime) -> Due:
    """Return when a job is due; one that never succeeded is due at once, and so is one from the future."""
    if last_success is None:
        return Due(job.name, now, None)
    if last_success > now:
        # A clock that was set back must not silence a job until time has caught up.
        return Due(job.name, now, 0.0)
    at = last_success + timedelta(seconds=job.policy.every_seconds)
    return Due(job.name, at, (now - at).total_seconds())


def plan(jobs: Iterable[Job], successes: Mapping[str, datetime], now: datetime) -> tuple[Due, ...]:
    """Return when each job is due: those that never succeeded first, then the most overdue first."""
    every = [due(job, successes.get(job.name), now) for job in jobs]
    return tuple(sorted(every, key=lambda item: (item.overdue_seconds is not None, item.at, item.job)))
