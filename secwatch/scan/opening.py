"""Opening what is to be scanned, so that no hostile name, link, pipe or device can hold the scan up.

Everything is opened relative to its directory's descriptor and never through a symbolic link; a
pipe or device is not waited for. A scan cannot be led out of its tree by a swap of directories.
"""

from __future__ import annotations

import os
import stat

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_DIRECTORY = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


def open_file(name: str, directory: int) -> int:
    """Return a descriptor of the entry of a directory. Raise OSError (ELOOP for a symbolic link)."""
    return os.open(name, _FILE, dir_fd=directory)


def open_directory(name: str, directory: int | None = None) -> int:
    """Return a descriptor of a directory that can be listed. Raise OSError, also for a symbolic link."""
    return os.open(name, _DIRECTORY, dir_fd=directory)


def open_parent(path: str) -> int:
    """Return a descriptor of a path's directory that serves only to open names in it."""
    return os.open(os.path.dirname(path) or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: PTH120


def is_regular(found: os.stat_result) -> bool:
    """Return whether it is a regular file."""
    return stat.S_ISREG(found.st_mode)


def read_all(descriptor: int, expected: int, limit: int) -> bytes:
    """Return the content, which fstat said has `expected` bytes; at most `limit`. Raise OSError.

    It is read, not mapped: a file that is truncated while an engine looks at its mapping kills
    the process, and a buffer is what the hash of a match is of. One read gets all of an ordinary
    file, so that no second copy of it is made.
    """
    content = os.read(descriptor, min(expected + 1, limit))
    if 0 < len(content) == expected:
        return content
    parts, have = [content], len(content)
    while parts[-1] and have < limit:
        parts.append(os.read(descriptor, limit - have))
        have += len(parts[-1])
    return b"".join(parts) if len(parts) > 2 else content + b"".join(parts[1:])
