"""Locks in a repository: who holds them, which are dead by evidence, and waiting for those that are not."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from backup.restic.call import Restic, call, error_of
from secwatch.core.errors import Locked
from secwatch.core.moments import from_text

Value = TypeVar("Value")
_MAX_LOCKS = 32
_QUICK_SECONDS = 300.0
_RETRY_SECONDS = 2.0
# restic refreshes its lock every 5 minutes and itself calls one stale after 30
# (internal/repository/lock.go: refreshInterval, staleLockTimeout).
STALE_SECONDS = 1800


@dataclass(frozen=True)
class Lock:
    """A lock as restic wrote it. time is UTC by the holder's clock."""

    id: str
    host: str
    pid: int
    time: datetime
    exclusive: bool

    def is_dead(self) -> bool:
        """Say whether it is of this host and its process has gone: then nobody holds it."""
        return self.host == os.uname().nodename and not _lives(self.pid)

    def is_abandoned(self, now: datetime) -> bool:
        """Say whether nobody has refreshed it for so long that restic itself calls it stale."""
        return (now - self.time).total_seconds() > STALE_SECONDS


def _lives(pid: int) -> bool:
    """A process that has ended and waits to be reaped (in a container perhaps for ever) holds nothing any more."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return True
    return status.rpartition(")")[2].split()[:1] not in (["Z"], ["X"])


def locks(restic: Restic) -> tuple[Lock, ...]:
    """Return the locks in the repository, at most 32. Raise what `error_of` says if it cannot be read."""
    listed = call(restic, ["list", "locks", "--no-lock"], timeout=_QUICK_SECONDS)
    if not listed.result.good:
        raise error_of(restic, listed, "list locks")
    found = []
    for identifier in re.findall(r"^[0-9a-f]{64}$", listed.stdout, re.MULTILINE)[:_MAX_LOCKS]:
        answer = call(restic, ["cat", "lock", identifier, "--no-lock"], timeout=_QUICK_SECONDS)
        lock = _read(identifier, answer.stdout) if answer.result.good else None
        if lock is not None:  # else it has gone since
            found.append(lock)
    return tuple(found)


def _read(identifier: str, text: str) -> Lock | None:
    try:
        data = json.loads(text)
        return Lock(
            identifier,
            str(data["hostname"]),
            int(data["pid"]),
            from_text(data["time"]),
            bool(data["exclusive"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def unlock(restic: Restic) -> None:
    """Let restic remove the locks that it calls stale. Raise what `error_of` says if that fails."""
    answer = call(restic, ["unlock"], timeout=_QUICK_SECONDS)
    if not answer.result.good:
        raise error_of(restic, answer, "unlock")


def clear_dead(restic: Restic) -> bool:
    """Remove locks whose process on this host is dead; say whether any was removed.

    In a remote repository only restic can remove them, and it would also remove old locks of other
    hosts: while there are such, nothing is removed, for there is no evidence about them here and a
    person decides (`secwatch backup unlock`).
    """
    now = datetime.now(UTC)
    found = locks(restic)
    dead = [lock for lock in found if lock.is_dead()]
    directory = restic.repository.directory
    if directory is not None:
        # By name, so that just these go; restic itself keeps those of processes not yet reaped.
        for lock in dead:
            (directory / "locks" / lock.id).unlink(missing_ok=True)
        return bool(dead)
    if not dead or any(lock.is_abandoned(now) for lock in found if lock not in dead):
        return False
    unlock(restic)
    left = {lock.id for lock in locks(restic)}
    return any(lock.id not in left for lock in dead)


def with_patience(restic: Restic, act: Callable[[], Value]) -> Value:
    """Do something that needs a lock of its own; if there is another one, clear a dead one or wait for a living one.

    restic waits by itself only since 0.16, so the waiting is ours. Raise Locked after lock_wait seconds.
    """
    deadline = time.monotonic() + restic.lock_wait
    attempts = 3  # to clear dead locks: more than one process may have died
    while True:
        try:
            return act()
        except Locked:
            attempts -= 1
            if attempts >= 0 and clear_dead(restic):
                continue
            if time.monotonic() >= deadline:
                raise
        time.sleep(min(_RETRY_SECONDS, max(0.0, deadline - time.monotonic())))
