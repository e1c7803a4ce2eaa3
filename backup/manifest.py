"""What a snapshot must restore to, written down at backup time and independent of restic.

One JSON object a line, zstd: a header, an entry for each file, directory, link and special file,
and a trailer with their number, without which the manifest counts as cut off. An entry that
changed while the backup ran is named but not described: nobody knows which state restic read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from backup.tree import Node
from secwatch.system.paths import prepare

_MAX_LINE = 1 << 16
_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. mode is the permission bits; times are nanoseconds since 1970; owner is (uid, gid).

    sha256 is of the bytes from window[0], window[1] of them. A changed entry has only its path.
    """

    path: str
    kind: str = ""
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    size: int = 0
    modified: int = 0
    status_changed: int = 0
    inode: int = 0
    target: str | None = None
    sha256: str | None = None
    window: tuple[int, int] = (0, 0)
    changed: bool = False

    @property
    def identity(self) -> int:
        """Return a number that is the same for a file that was not touched; comparable within this process only."""
        return hash((self.path, self.size, self.modified, self.status_changed, self.inode))


def entry_of(node: Node, digest: str | None = None, window: tuple[int, int] = (0, 0)) -> Entry:
    """Return the entry that describes a node."""
    found = node.status
    return Entry(
        path=node.path,
        kind=node.kind,
        mode=stat.S_IMODE(found.st_mode),
        owner=(found.st_uid, found.st_gid),
        size=found.st_size if stat.S_ISREG(found.st_mode) else 0,
        modified=found.st_mtime_ns,
        status_changed=found.st_ctime_ns,
        inode=found.st_ino,
        target=node.link_target,
        sha256=digest,
        window=window,
    )


class ManifestWriter:
    """Writes a manifest beside its final name; `keep` renames it, leaving the block without that removes it."""

    def __init__(self, directory: Path, roots: Sequence[Path]):
        self._partial = prepare(directory) / f".partial-{os.getpid()}"
        self._directory = directory
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._stream = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(self._file, closefd=False)
        self._entries = 0
        self._write({"schema": 1, "roots": [str(root) for root in roots]})

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def add(self, entry: Entry) -> None:
        """Write one entry."""
        self._entries += 1
        if entry.changed:
            self._write({"p": entry.path, "x": 1})
            return
        line: dict[str, Any] = {
            "p": entry.path,
            "k": entry.kind,
            "m": entry.mode,
            "o": entry.owner,
            "n": entry.modified,
            "c": entry.status_changed,
            "i": entry.inode,
        }
        if entry.kind == "file":
            line["s"] = entry.size
        if entry.target is not None:
            line["l"] = entry.target
        if entry.sha256 is not None:
            line["h"], line["w"] = entry.sha256, entry.window
        self._write(line)

    def _write(self, line: Mapping[str, Any]) -> None:
        # ASCII escapes carry bytes that are no UTF-8 (lone surrogates) through unharmed.
        self._stream.write(json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n")

    def keep(self, snapshot: str) -> str:
        """Give the manifest its name, durably, and return the SHA-256 of the file."""
        self._write({"entries": self._entries})
        self._stream.close()  # type: ignore[no-untyped-call]  # zstandard's stub lacks it
        self._file.flush()
        os.fsync(self._file.fileno())
        digest = file_sha256(self._partial)
        self._partial.rename(place(self._directory, snapshot))
        return digest


def place(directory: Path, snapshot: str) -> Path:
    """Return where the manifest of a snapshot is kept."""
    return directory / f"{snapshot}.jsonl.zst"


def remove_partial(directory: Path) -> None:
    """Remove what killed runs left; call it while holding the job's lock."""
    for path in directory.glob(".partial-*"):
        path.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class ManifestDamaged(Exception):
    """A manifest is cut off, changed or no manifest."""


class ManifestGone(ManifestDamaged):
    """A manifest that was written is no longer there."""


@dataclass(frozen=True)
class Manifest:
    """A manifest on disk; iterating reads it from the beginning."""

    path: Path
    roots: tuple[Path, ...]

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries. Raise ManifestDamaged at the first line that is none."""
        lines = _lines(self.path)
        next(lines)
        for seen, line in enumerate(lines):
            if "entries" in line:
                if line["entries"] != seen:
                    raise ManifestDamaged(f"{self.path} holds {seen} entries and should hold {line['entries']}")
                return
            yield _entry(line, self.path)
        raise ManifestDamaged(f"{self.path} is cut off")


def read(path: Path, sha256: str | None) -> Manifest | None:
    """Return the manifest at a path, or None if none was ever made (no SHA-256 was recorded).

    Raise ManifestGone if the file is not there, ManifestDamaged if it is not the one that was recorded.
    """
    if sha256 is None:
        return None
    if not path.is_file():
        raise ManifestGone(f"{path} has gone")
    if file_sha256(path) != sha256:
        raise ManifestDamaged(f"{path} was changed after it was written")
    header = next(_lines(path), {})
    if header.get("schema") != 1:
        raise ManifestDamaged(f"{path} is no manifest of this version")
    return Manifest(path, tuple(Path(root) for root in header["roots"]))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as raw:
            reader = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
            while line := reader.readline(_MAX_LINE):
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise ManifestDamaged(f"{path} holds something else than objects")
                yield value
    except (zstandard.ZstdError, ValueError) as error:
        raise ManifestDamaged(f"{path} cannot be read: {error}") from error


def _entry(line: Mapping[str, Any], path: Path) -> Entry:
    try:
        if line.get("x"):
            return Entry(line["p"], changed=True)
        return Entry(
            path=line["p"],
            kind=line["k"],
            mode=line["m"],
            owner=(line["o"][0], line["o"][1]),
            size=line.get("s", 0),
            modified=line["n"],
            status_changed=line["c"],
            inode=line["i"],
            target=line.get("l"),
            sha256=line.get("h"),
            window=(line["w"][0], line["w"][1]) if "w" in line else (0, 0),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ManifestDamaged(f"{path} holds a line that is no entry") from error
