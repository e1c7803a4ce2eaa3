"""Watching the sources around a backup: what was there before, what changed meanwhile, what the manifest says.

Before: one pass of lstat, kept as one number an entry (70 MB for a million). After: a second pass
writes the manifest; an entry whose number is unknown has changed meanwhile. Contents are hashed in
the second pass, and a hash stays good as long as inode, size and both times do, as restic's own
change detection has it; so with manifest = "sample" the covered part grows with each run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backup.manifest import Entry, Manifest, ManifestDamaged, ManifestWriter, entry_of
from backup.thresholds import Thresholds
from backup.tree import Node, sha256, walk

Hashes = dict[int, tuple[str, tuple[int, int]]]


@dataclass
class Before:
    """What the sources held before the backup. to_hash counts bytes whose hash is not known yet."""

    fingerprints: set[int] = field(default_factory=set)
    files: int = 0
    bytes: int = 0
    to_hash: int = 0
    unreadable: int = 0


@dataclass
class Captured:
    """What the second pass found. lost are unchanged entries that the snapshot does not hold."""

    entries: int = 0
    files: int = 0
    changed: int = 0
    absent: int = 0
    files_hashed: int = 0
    bytes_hashed: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sampling:
    """Which contents are hashed. seed makes the choice; it is new with every run."""

    mode: Literal["sample", "full"]
    limits: Thresholds
    seed: bytes


def known_hashes(manifest: Manifest | None) -> Hashes:
    """Return the hashes of a manifest by the identity of their files; nothing if it is damaged."""
    if manifest is None:
        return {}
    try:
        return {entry.identity: (entry.sha256, entry.window) for entry in manifest if entry.sha256 is not None}
    except ManifestDamaged:
        return {}


def look(roots: Sequence[Path], one_file_system: bool, known: Hashes) -> Before:
    """Make the first pass."""
    before = Before()

    def on_unreadable(_path: str, _reason: str) -> None:
        before.unreadable += 1

    for root in roots:
        for node in walk(root, one_file_system=one_file_system, on_unreadable=on_unreadable):
            before.fingerprints.add(node.fingerprint())
            if node.kind == "file":
                before.files += 1
                before.bytes += node.status.st_size
                before.to_hash += 0 if entry_of(node).identity in known else node.status.st_size
    return before


def describe(
    writer: ManifestWriter,
    roots: Sequence[Path],
    one_file_system: bool,
    before: Before,
    known: Hashes,
    sampling: Sampling,
    held: set[int] | None,
) -> Captured:
    """Make the second pass into the manifest. held names what the snapshot holds, None if it is all there."""
    captured = Captured()
    chooser = _Chooser(sampling, before.to_hash, known)
    for root in roots:
        for node in walk(root, one_file_system=one_file_system, on_unreadable=lambda _path, _reason: None):
            unchanged = node.fingerprint() in before.fingerprints
            if held is not None and name_in_listing(node.path) not in held:
                if unchanged:
                    captured.absent += 1
                    if len(captured.examples) < 20:
                        captured.examples.append(node.path)
                continue
            entry = chooser.entry(node) if unchanged else Entry(node.path, changed=True)
            writer.add(entry)
            captured.entries += 1
            captured.changed += entry.changed
            captured.files += entry.kind == "file"
            if entry.sha256 is not None:
                captured.files_hashed += 1
                captured.bytes_hashed += entry.window[1]
    return captured


class _Chooser:
    """Decides for each unchanged file whether its content is hashed now, was hashed before, or has to wait."""

    def __init__(self, sampling: Sampling, to_hash: int, known: Hashes):
        self._sampling = sampling
        self._known = known
        self._left = sampling.limits.sample_bytes
        self._whole = sampling.mode == "full" or to_hash <= sampling.limits.sample_bytes
        self._share = 1.0 if self._whole else sampling.limits.sample_bytes / to_hash

    def entry(self, node: Node) -> Entry:
        """Return the node's entry, with a hash if it gets one; a changed entry if it changed just now."""
        entry = entry_of(node)
        if entry.kind != "file":
            return entry
        size = entry.size
        digest, window = self._known.get(entry.identity, (None, (0, 0)))
        if digest is not None and (window == (0, size) or self._sampling.mode == "sample"):
            return entry_of(node, digest, window)
        window = (0, size) if self._whole else self._window(entry)
        if window[1] == 0 and size:
            return entry
        digest = sha256(node, *window)
        if digest is None:
            return entry if not os.access(node.name, os.R_OK, dir_fd=node.parent) else Entry(node.path, changed=True)
        return entry_of(node, digest, window)

    def _window(self, entry: Entry) -> tuple[int, int]:
        """A file is chosen by its keyed hash, in proportion to what may be read; of a large one, a part."""
        chance = int.from_bytes(
            hashlib.blake2b(os.fsencode(entry.path), key=self._sampling.seed, digest_size=16).digest()
        )
        chosen, place = chance >> 64, chance & (2**64 - 1)
        length = min(entry.size, self._sampling.limits.window_bytes)
        if chosen / 2**64 >= self._share * entry.size / max(1, length) or length > self._left:
            return (0, 0)
        self._left -= length
        return (place % (entry.size - length + 1), length)


def in_listing(path: str) -> str:
    """Return a path as `restic ls` names it: each byte that is no UTF-8 comes as U+FFFD."""
    return "".join("\ufffd" if "\udc80" <= letter <= "\udcff" else letter for letter in path)


def name_in_listing(path: str) -> int:
    """Return the number of a path as `restic ls` names it, which is smaller to keep."""
    return hash(in_listing(path))
