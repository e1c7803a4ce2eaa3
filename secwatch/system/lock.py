"""One lock per thing that only one run may change at a time: flock on a file, gone with its process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from secwatch.core.errors import Locked
from secwatch.system.paths import prepare


@contextmanager
def hold(directory: Path, name: str, *, wait_seconds: float = 0.0, shared: bool = False) -> Iterator[None]:
    """Hold the lock of that name. Raise Locked, naming the holder's process, if it is not to be had in time.

    Several may hold a `shared` one at once, while nobody holds it alone.
    The kernel drops the lock when the process ends, however it ends, so no lock is ever stale.
    """
    descriptor = _open(prepare(directory), f"{name}.lock")
    try:
        _acquire(descriptor, name, time.monotonic() + wait_seconds, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_held(directory: Path, name: str) -> bool:
    """Return whether somebody holds the lock of that name, without making a file or waiting.

    A lock whose file we may not read counts as held: nobody else can tell.
    """
    try:
        descriptor = os.open(directory / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(directory: Path, name: str) -> int:
    """Open the file of a lock, or make it. What root makes belongs to whom the directory belongs, or locks him out.

    Only what was surely made here is given away: a link that was laid for root is not.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place)
        except FileExistsError:
            return os.open(name, flags, dir_fd=place)
        if os.geteuid() == 0:
            owner = os.fstat(place)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor
    finally:
        os.close(place)


def _acquire(descriptor: int, name: str, deadline: float, kind: int) -> None:
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                raise Locked(
                    f"another run holds the lock {name!r} (process {holder})",
                    "wait for it to end; a lock goes with its process, so there is none to remove",
                ) from error
            time.sleep(0.1)
