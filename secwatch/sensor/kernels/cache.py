"""Where compiled kernels are kept: a directory that only the running user can write.

A cached kernel is a pickle, so whoever can write the directory can run code in the sensor. It is
therefore ours, mode 0700, and refused if it belongs to somebody else. A compiled kernel holds
the code of the kernels it calls, but numba only watches the file of the outermost one: the
directory is named after the contents of all kernel files, so a change anywhere compiles anew.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from secwatch.core.errors import SecwatchError

SYSTEM_DIRECTORY = Path("/var/cache/secwatch")
_KEPT_VERSIONS = 3


def kernel_directory() -> Path:
    """Return the cache directory of this version of the kernels, created with mode 0700.

    Raise SecwatchError if a chosen directory is not safe or no place can be written.
    """
    base = _base_directory()
    _make_private(base)
    name = "kernels-" + _fingerprint()
    if os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0"):
        name += "-checked"  # a cached kernel ignores the flag, so the checked ones live apart
    directory = base / name
    if not directory.exists():
        _forget_old_versions(base)
    _make_private(directory)
    return directory


def _base_directory() -> Path:
    named = os.environ.get("SECWATCH_CACHE") or os.environ.get("CACHE_DIRECTORY", "").split(":")[0]
    if named:
        return Path(named)
    for place in _user_places():
        if _usable(place):
            return place / "secwatch"
    if os.geteuid() == 0:
        return SYSTEM_DIRECTORY
    raise SecwatchError(
        "there is no directory where compiled kernels could be kept",
        "set SECWATCH_CACHE to a directory that only this user can write",
    )


def _user_places() -> Iterator[Path]:
    if os.environ.get("XDG_CACHE_HOME"):
        yield Path(os.environ["XDG_CACHE_HOME"])
    home = os.environ.get("HOME")
    if home and Path(home).is_absolute():
        yield Path(home) / ".cache"


def _usable(place: Path) -> bool:
    """Return whether the place, or the nearest folder above it that exists, is ours to write."""
    while not place.exists():
        if place.parent == place:
            return False
        place = place.parent
    return place.is_dir() and place.stat().st_uid == os.geteuid() and os.access(place, os.W_OK | os.X_OK)


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
    except OSError as error:
        raise SecwatchError(
            f"the directory for compiled kernels cannot be made: {directory}: {error.strerror}",
            "set SECWATCH_CACHE to a directory that only this user can write",
        ) from error
    if stat.S_ISLNK(status.st_mode):
        status = directory.stat()
    if status.st_uid != os.geteuid():
        raise SecwatchError(
            f"the directory for compiled kernels belongs to another user: {directory}",
            "set SECWATCH_CACHE to a directory of your own",
        )
    if status.st_mode & 0o022:
        raise SecwatchError(
            f"others may write to the directory for compiled kernels: {directory}",
            f"chmod 700 {directory}",
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        raise SecwatchError(
            f"the directory for compiled kernels cannot be written: {directory}",
            "set SECWATCH_CACHE to a directory that only this user can write",
        )


def _fingerprint() -> str:
    content = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        content.update(source.name.encode())
        content.update(source.read_bytes())
    return content.hexdigest()[:16]


def _forget_old_versions(base: Path) -> None:
    """Remove the compiled kernels of earlier versions, all but the newest few. Errors do not matter."""
    versions = [path for path in base.glob("kernels-*") if path.is_dir() and not path.is_symlink()]
    versions.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for version in versions[_KEPT_VERSIONS - 1 :]:
        for folder, _, files in os.walk(version, topdown=False):
            for name in files:
                _ignore_errors(os.unlink, f"{folder}/{name}")
            _ignore_errors(os.rmdir, folder)


def _ignore_errors(action: object, path: str) -> None:
    try:
        action(path)  # type: ignore[operator]
    except OSError:
        pass
