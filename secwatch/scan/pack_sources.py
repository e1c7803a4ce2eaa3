"""What a pack of rules holds: read from a directory, a git checkout, a zip or a tar, with bounds.

Nothing is written here. A name that leads out of the pack refuses the whole of it; links, devices and
names that cannot be shown are left out, with the reason.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from secwatch.core.errors import Refused, UnreadableInput
from secwatch.core.escape import visible
from secwatch.scan.git_checkout import checkout_of
from secwatch.scan.sources import MAX_FILE_BYTES, MAX_FILES, SAMPLES, SUFFIXES
from secwatch.trust.signatures import MANIFEST, SIGNATURE

# The largest public sets are some ten megabytes of text; a repository around one may be a hundred.
MAX_ARCHIVE_BYTES = 256 << 20
MAX_UNPACKED_BYTES = 256 << 20
MAX_PACK_BYTES = 128 << 20
MAX_DEPTH = 16
# Text packs 5 to 20 times; beyond this, above the first megabyte, it is a bomb.
MAX_RATIO = 200
RATIO_FREE_BYTES = 1 << 20
# A directory of a zip of MAX_FILES members with names of 100 letters takes 7 MB.
MAX_ZIP_DIRECTORY_BYTES = 8 << 20
_LICENCES = re.compile(r"(licen[cs]e|copying|notice)([-._].*)?", re.IGNORECASE)
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
_DAMAGED_TOO = (NotImplementedError, OverflowError, RecursionError, RuntimeError)


@dataclass
class Taken:
    """What was taken: rule files and texts (licences, manifest) by relative path, and what was left out."""

    kind: str
    source: str
    version: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    total: int = 0
    seen: int = 0

    def offer(self, name: str, problem: str, size: int, read: Callable[[int], bytes]) -> None:
        """Take a member if it is one of a pack. `problem` says why it cannot be one whatever it is called."""
        self.seen += 1
        if self.seen > MAX_FILES:
            raise UnreadableInput(f"it holds more than {MAX_FILES} members", "pack the rules alone")
        path = _clean(name)
        kept = _kind(path)
        if kept is None:
            return
        problem = problem or _unfit(path, size)
        if problem:
            self.left_out.append((visible(name), problem))
            return
        room = self.files if kept == "rules" else self.texts
        if path in self.files or path in self.texts:
            raise Refused(f"it holds {visible(path)} twice", "nothing was imported")
        content = read(MAX_FILE_BYTES + 1)
        self.total += len(content)
        if self.total > MAX_PACK_BYTES:
            raise UnreadableInput(f"it holds more than {MAX_PACK_BYTES >> 20} MiB of rules", "import it in parts")
        if len(content) > MAX_FILE_BYTES:
            self.left_out.append((visible(name), f"larger than {MAX_FILE_BYTES >> 20} MiB"))
        else:
            room[path] = content

    def strip_top(self) -> None:
        """Leave out the one directory that everything lies in, as archives of repositories have it."""
        tops = {path.partition("/")[0] if "/" in path else "" for path in (*self.files, *self.texts)}
        if len(tops) == 1 and tops != {""}:
            cut = len(tops.pop()) + 1
            self.files = {path[cut:]: content for path, content in self.files.items()}
            self.texts = {path[cut:]: content for path, content in self.texts.items()}


def take(path: Path) -> Taken:
    """Return what the pack at this path holds.

    Raise UnreadableInput if it cannot be read, is damaged or goes beyond a bound, Refused if it is hostile.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be read: {error.strerror}", "secwatch rules import --help") from error
    try:
        if stat.S_ISDIR(found.st_mode):
            return _from_directory(path)
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableInput("it is no regular file", "name a directory, a zip or a tar")
        if found.st_size > MAX_ARCHIVE_BYTES:
            raise UnreadableInput(f"it is larger than {MAX_ARCHIVE_BYTES >> 20} MiB", "pack the rules alone")
        return _from_archive(path)
    except (UnreadableInput, Refused) as error:
        raise type(error)(f"{path} was not imported: {error.message}", error.hint) from error
    except (*_DAMAGED, *_DAMAGED_TOO) as error:
        raise UnreadableInput(
            f"{path} was not imported: it is damaged, or no archive: {visible(str(error), 200)}",
            "a directory, a zip, or a tar (also gz, bz2, xz) can be imported",
        ) from error


def _from_directory(path: Path) -> Taken:
    checkout = checkout_of(path)
    shown = str(path.resolve())
    taken = Taken("git", checkout.remote or shown, checkout.commit) if checkout else Taken("directory", shown)
    for directory, names, file_names in os.walk(path, followlinks=False):
        names[:] = sorted(name for name in names if name != SAMPLES and not name.startswith("."))
        for name in sorted(file_names):
            full = Path(directory) / name
            _offer_file(taken, full, str(full.relative_to(path)))
    return taken


def _offer_file(taken: Taken, full: Path, name: str) -> None:
    found = full.lstat()
    problem = _type_problem(stat.S_ISLNK(found.st_mode), stat.S_ISREG(found.st_mode))

    def read(limit: int) -> bytes:
        descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read(limit)

    taken.offer(name, problem, found.st_size, read)


def _from_archive(path: Path) -> Taken:
    with path.open("rb") as stream:
        start = stream.read(512)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        taken = Taken("zip" if start.startswith(b"PK") else "tar", str(path.resolve()), digest[:12])
        if taken.kind == "zip":
            _take_zip(stream, taken)
        else:
            _take_tar(stream, start, taken)
    taken.strip_top()
    return taken


def _take_zip(stream: IO[bytes], taken: Taken) -> None:
    _refuse_large_directory(stream)
    with zipfile.ZipFile(_rewound(stream)) as archive:
        packed = unpacked = 0
        for member in archive.infolist():
            if member.is_dir():
                continue
            mode = member.external_attr >> 16
            regular = stat.S_IFMT(mode) in (0, stat.S_IFREG)
            problem = _type_problem(stat.S_ISLNK(mode), regular) or ("encrypted" if member.flag_bits & 1 else "")

            def read(limit: int, member: zipfile.ZipInfo = member) -> bytes:
                with archive.open(member) as content:
                    return content.read(limit)

            before = taken.total
            taken.offer(member.filename, problem, member.file_size, read)
            if taken.total > before:
                packed, unpacked = packed + member.compress_size, unpacked + taken.total - before
                _refuse_bomb(packed, unpacked)


def _refuse_large_directory(stream: IO[bytes]) -> None:
    """zipfile holds the whole directory of an archive in memory before anybody can count it."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 65_557))
    tail = stream.read()
    place = len(tail) - 22 if tail[-22:-18] == b"PK\5\6" else tail.rfind(b"PK\5\6")
    if place < 0 or int.from_bytes(tail[place + 12 : place + 16], "little") > MAX_ZIP_DIRECTORY_BYTES:
        raise UnreadableInput("it has no directory, or one for far too many members", "pack the rules alone")
    if b"PK\6\7" in tail[max(0, place - 20) : place]:
        raise UnreadableInput("it is a zip of the 64-bit kind, for archives beyond 4 GiB", "pack the rules alone")


class _Bounded:
    """A stream of unpacked bytes that ends in an error where a bound is passed."""

    def __init__(self, stream: Any, packed: int):
        self._stream = stream
        self._packed = packed
        self._unpacked = 0

    def read(self, size: int = -1) -> bytes:
        limit = MAX_UNPACKED_BYTES + 1 - self._unpacked
        data: bytes = self._stream.read(limit if size < 0 else min(size, limit))
        self._unpacked += len(data)
        _refuse_bomb(self._packed, self._unpacked)
        return data


def _refuse_bomb(packed: int, unpacked: int) -> None:
    if unpacked > MAX_UNPACKED_BYTES:
        raise UnreadableInput(f"it unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB", "pack the rules alone")
    if unpacked > RATIO_FREE_BYTES and unpacked > packed * MAX_RATIO:
        raise Refused(f"it unpacks to more than {MAX_RATIO} times its size", "nothing was imported")


def _take_tar(stream: IO[bytes], start: bytes, taken: Taken) -> None:
    kinds: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
        (b"\x1f\x8b", lambda packed: gzip.GzipFile(fileobj=packed)),
        (b"BZh", bz2.BZ2File),
        (b"\xfd7zXZ\0", lzma.LZMAFile),
    )
    unpack = next((unpack for magic, unpack in kinds if start.startswith(magic)), lambda packed: packed)
    packed = os.fstat(stream.fileno()).st_size
    bounded: Any = _Bounded(unpack(_rewound(stream)), packed)
    with tarfile.open(fileobj=bounded, mode="r|") as archive:
        for member in archive:
            if member.isdir():
                continue
            link = member.issym() or member.islnk()
            problem = _type_problem(link, member.isreg() and not member.issparse())

            def read(limit: int, member: tarfile.TarInfo = member) -> bytes:
                content = archive.extractfile(member)
                return content.read(limit) if content else b""

            taken.offer(member.name, problem, member.size, read)


def _rewound(stream: IO[bytes]) -> IO[bytes]:
    stream.seek(0)
    return stream


def _type_problem(link: bool, regular: bool) -> str:
    return "a link" if link else "" if regular else "not a regular file"


def _clean(name: str) -> str:
    """Return a member's path without empty parts. Raise Refused if it could lead out of the pack."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise Refused(f"it holds a member with the name {visible(name, 100)!r}", "nothing was imported")
    return "/".join(parts)


def _kind(path: str) -> str | None:
    """Return what a member is to a pack, if it is anything. Hidden directories and samples hold no rules."""
    *directories, name = path.split("/")
    if SAMPLES in directories or any(part.startswith(".") for part in (*directories, name)):
        return None
    if name.endswith(SUFFIXES):
        return "rules"
    return "text" if len(directories) <= 1 and (_LICENCES.fullmatch(name) or name in (MANIFEST, SIGNATURE)) else None


def _unfit(path: str, size: int) -> str:
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return f"more than {MAX_DEPTH} directories deep"
    if any(len(os.fsencode(part)) > 200 for part in parts) or visible(path, 4096) != path:
        return "its name is too long or cannot be shown"
    return f"larger than {MAX_FILE_BYTES >> 20} MiB" if size > MAX_FILE_BYTES else ""
