"""Walking a tree of files without ever following a link of it: every entry by its parent's descriptor.

The trees are hostile (departments' data, restored snapshots): names need not be UTF-8, links point
anywhere, entries change while we look. Order is that of sorted names, parents before children.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Deeper trees cannot be named by one path (PATH_MAX, 4096 bytes) much longer; each level holds a descriptor.
MAX_DEPTH = 400
_CHUNK = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFSOCK: "socket",
}

OnUnreadable = Callable[[str, str], None]


@dataclass(frozen=True)
class Node:
    """One entry. `parent` is an open descriptor that is valid only until the walk goes on."""

    path: str
    name: str
    parent: int
    status: os.stat_result

    @property
    def kind(self) -> str:
        """`file`, `directory`, `symlink`, …"""
        return KINDS.get(stat.S_IFMT(self.status.st_mode), "unknown")

    @property
    def link_target(self) -> str | None:
        """Where a symlink points; None for anything else or if it has gone."""
        if not stat.S_ISLNK(self.status.st_mode):
            return None
        try:
            return os.readlink(self.name, dir_fd=self.parent)
        except OSError:
            return None

    def fingerprint(self) -> int:
        """Return a number that changes when the entry does; comparable within this process only."""
        found = self.status
        return hash(
            (
                self.path,
                found.st_mode,
                found.st_uid,
                found.st_gid,
                found.st_size if stat.S_ISREG(found.st_mode) else 0,
                found.st_mtime_ns,
                found.st_ctime_ns,
                found.st_ino,
            )
        )


@dataclass
class _Level:
    descriptor: int
    path: str
    names: list[str] = field(default_factory=list)


def walk(root: Path, *, base: Path | None = None, one_file_system: bool, on_unreadable: OnUnreadable) -> Iterator[Node]:
    """Yield root and everything below it. Sockets are left out: no backup holds them.

    With `base`, the tree is the one at base/root and not even the directories above root are
    followed if they are links; node paths are as without base. What cannot be seen goes to
    `on_unreadable` with its path and reason.
    """
    try:
        parent = _open_parent(root, base)
    except OSError as error:
        on_unreadable(str(root), error.strerror or "cannot be opened")
        return
    levels = [_Level(parent, str(root.parent), [root.name or "."])]
    device: int | None = None
    try:
        while levels:
            level = levels[-1]
            if not level.names:
                os.close(levels.pop().descriptor)
                continue
            node = _look(level, on_unreadable)
            if node is None:
                continue
            device = node.status.st_dev if device is None else device
            yield node
            if stat.S_ISDIR(node.status.st_mode) and (not one_file_system or node.status.st_dev == device):
                _descend(levels, node, on_unreadable)
    finally:
        for level in levels:
            os.close(level.descriptor)


def _open_parent(root: Path, base: Path | None) -> int:
    if base is None:
        return os.open(root.parent, _DIRECTORY)
    descriptor = os.open(base, _DIRECTORY)
    for part in root.parent.parts[1:]:
        try:
            inner = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def _look(level: _Level, on_unreadable: OnUnreadable) -> Node | None:
    name = level.names.pop()
    path = level.path if name == "." else f"{level.path.rstrip('/')}/{name}"
    try:
        status = os.stat(name, dir_fd=level.descriptor, follow_symlinks=False)
    except OSError as error:
        on_unreadable(path, error.strerror or "cannot be seen")
        return None
    return None if stat.S_ISSOCK(status.st_mode) else Node(path, name, level.descriptor, status)


def _descend(levels: list[_Level], node: Node, on_unreadable: OnUnreadable) -> None:
    if len(levels) > MAX_DEPTH:
        on_unreadable(node.path, f"nested deeper than {MAX_DEPTH} directories")
        return
    try:
        descriptor = os.open(node.name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=node.parent)
    except OSError as error:
        on_unreadable(node.path, error.strerror or "cannot be opened")
        return
    try:
        names = sorted(os.listdir(descriptor), reverse=True)  # noqa: PTH208 - a descriptor, no path
    except OSError as error:
        os.close(descriptor)
        on_unreadable(node.path, error.strerror or "cannot be listed")
        return
    levels.append(_Level(descriptor, node.path, names))


def sha256(node: Node, offset: int = 0, length: int | None = None) -> str | None:
    """Return the SHA-256 of a regular file's bytes from offset, hexadecimal.

    None if it cannot be read, is shorter, or is no longer the file that the walk saw.
    """
    try:
        descriptor = os.open(node.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=node.parent)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        digest = hashlib.sha256()
        left = node.status.st_size - offset if length is None else length
        try:
            stream.seek(offset)
            while left > 0 and (block := stream.read(min(_CHUNK, left))):
                digest.update(block)
                left -= len(block)
            after = os.fstat(descriptor)
        except OSError:
            return None
    seen = node.status
    same = (after.st_ino, after.st_size, after.st_mtime_ns, after.st_ctime_ns) == (
        seen.st_ino,
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
    )
    return digest.hexdigest() if same and left == 0 else None
