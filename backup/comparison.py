"""A restored tree held against the manifest of its snapshot: every entry, every attribute, every hashed byte.

Both come in the same order (names sorted, parents first), so they are read side by side and
neither has to fit into memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backup.manifest import Entry, Manifest
from backup.tree import Node, sha256, walk
from secwatch.core.moments import from_microseconds, to_text

MAX_DIFFERENCES = 100


@dataclass(frozen=True)
class Difference:
    """What differs for one path.

    what is one of missing, kind, content, size, mode, owner, time, target, unreadable.
    """

    path: str
    what: str
    expected: str
    found: str


@dataclass
class Comparison:
    """What was compared and what differs (the first 100 kept, all counted). extra counts what no manifest names."""

    entries: int = 0
    files: int = 0
    files_read: int = 0
    bytes_read: int = 0
    unknown: int = 0
    extra: int = 0
    differences: list[Difference] = field(default_factory=list)
    difference_count: int = 0

    def differs(self, path: str, what: str, expected: object, found: object) -> None:
        """Count a difference."""
        self.difference_count += 1
        if len(self.differences) < MAX_DIFFERENCES:
            self.differences.append(Difference(path, what, str(expected), str(found)))


def compare(manifest: Manifest, restored: Path, below: Path | None = None) -> Comparison:
    """Return how the tree under `restored` (holding whole absolute paths) differs from the manifest.

    With `below`, only that path and what is under it count. Owners are compared by root alone:
    nobody else can restore them. Raise ManifestDamaged if the manifest cannot be read to its end.
    """
    result = Comparison()
    nodes = _restored(manifest, restored, below, result)
    node = next(nodes, None)
    for entry in manifest:
        if below is not None and not _under(entry.path, below):
            continue
        while node is not None and _key(node.path) < _key(entry.path):
            result.extra += 1
            node = next(nodes, None)
        if node is not None and node.path == entry.path:
            _compare_entry(entry, node, result)
            node = next(nodes, None)
        elif entry.changed:
            result.unknown += 1
        else:
            result.entries += 1
            result.differs(entry.path, "missing", entry.kind, "nothing")
    while node is not None:
        result.extra += 1
        node = next(nodes, None)
    return result


def _restored(manifest: Manifest, restored: Path, below: Path | None, result: Comparison) -> Iterator[Node]:
    def on_unreadable(path: str, reason: str) -> None:
        if reason != os.strerror(2):  # what is not there is found missing by the comparison itself
            result.differs(path, "unreadable", "readable", reason)

    for root in manifest.roots:
        if below is None or _under(str(root), below):
            yield from walk(root, base=restored, one_file_system=False, on_unreadable=on_unreadable)
        elif _under(str(below), root):
            yield from walk(below, base=restored, one_file_system=False, on_unreadable=on_unreadable)


def _under(path: str, parent: Path) -> bool:
    return path == str(parent) or path.startswith(f"{str(parent).rstrip('/')}/")


def _key(path: str) -> list[str]:
    """Order of the walk: by component, so that `a/b` comes before `a.b`."""
    return path.split("/")


def _compare_entry(entry: Entry, node: Node, result: Comparison) -> None:
    if entry.changed:
        result.unknown += 1
        return
    result.entries += 1
    result.files += entry.kind == "file"
    found = node.status
    if node.kind != entry.kind:
        result.differs(entry.path, "kind", entry.kind, node.kind)
        return
    if entry.kind != "symlink" and (mode := found.st_mode & 0o7777) != entry.mode:
        result.differs(entry.path, "mode", oct(entry.mode)[2:], oct(mode)[2:])
    if os.geteuid() == 0 and (found.st_uid, found.st_gid) != entry.owner:
        result.differs(entry.path, "owner", "{}:{}".format(*entry.owner), f"{found.st_uid}:{found.st_gid}")
    if found.st_mtime_ns != entry.modified:
        result.differs(entry.path, "time", _moment(entry.modified), _moment(found.st_mtime_ns))
    if entry.kind == "symlink" and node.link_target != entry.target:
        result.differs(entry.path, "target", entry.target, node.link_target)
    if entry.kind == "file":
        _compare_content(entry, node, result)


def _compare_content(entry: Entry, node: Node, result: Comparison) -> None:
    if node.status.st_size != entry.size:
        result.differs(entry.path, "size", entry.size, node.status.st_size)
        return
    if entry.sha256 is None:
        return
    offset, length = entry.window
    digest = sha256(node, offset, length)
    result.files_read += 1
    result.bytes_read += length
    if digest != entry.sha256:
        result.differs(entry.path, "content", entry.sha256[:16], (digest or "unreadable")[:16])


def _moment(nanoseconds: int) -> str:
    moment: datetime = from_microseconds(nanoseconds // 1000)
    return to_text(moment)
