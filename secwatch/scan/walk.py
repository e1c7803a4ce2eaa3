"""The walk over what is to be scanned: batches of regular files, and what is left out and why.

Directories are opened one inside the other by descriptor and symbolic links are never followed,
so a tree that is changed during the walk cannot lead it elsewhere. The order is that of the
directories' listings: the same tree gives the same order.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from secwatch.scan.exclude import Excludes
from secwatch.scan.opening import open_directory, open_parent
from secwatch.scan.verdicts import Examined, Reason, Verdict

# Small, so that one thread does not sit on a directory of big files, and a kill loses little.
BATCH_FILES = 32
# Each open ancestor costs a descriptor, and 1,024 are usual; a chain of single directories costs one.
MAX_OPEN_ANCESTORS = 400


@dataclass(frozen=True)
class Policy:
    """What a walk leaves out."""

    excludes: Excludes = field(default_factory=lambda: Excludes(()))
    one_file_system: bool = False


@dataclass(frozen=True)
class Batch:
    """Regular files of one directory. Whoever takes it closes the descriptor.

    device is set when files of another file system are to be left out.
    """

    directory: int
    path: str
    names: Sequence[str]
    device: int | None = None
    named: bool = False

    def path_of(self, name: str) -> str:
        """Return the path of one of its files."""
        return _join(self.path, name)


@dataclass
class _Frame:
    """A directory on the way down and those of its directories that are still to be visited."""

    descriptor: int
    path: str
    remaining: list[str]


class Walk:
    """Walks the paths that the user named. `directories` counts those that were listed."""

    def __init__(self, roots: Sequence[str], policy: Policy):
        self._roots = roots
        self._policy = policy
        self._seen_directories: set[tuple[int, int]] = set()
        self._named_files: set[str] = set()
        self.directories = 0

    def __iter__(self) -> Iterator[Batch | Examined]:
        """Yield batches, and Examined for what is skipped or cannot be listed.

        A named path that is a symbolic link is followed: the user means what it points to.
        """
        found: dict[str, os.stat_result | Examined] = {}
        for root in self._roots:
            # realpath makes the current directory of nothing: an empty path stays what it is.
            found.setdefault(os.path.realpath(root) if root else root, _look(root))
        self._named_files = {path for path, entry in found.items() if not isinstance(entry, Examined)}
        for path, entry in found.items():
            if isinstance(entry, Examined):
                yield entry
            elif stat.S_ISDIR(entry.st_mode):
                yield from self._tree(path, entry.st_dev)
            elif stat.S_ISREG(entry.st_mode):
                yield from self._single(path)
            else:
                yield Examined(path, Verdict.SKIPPED, Reason.SPECIAL, named=True)

    def _single(self, path: str) -> Iterator[Batch | Examined]:
        try:
            parent = open_parent(path)
        except OSError as error:
            yield Examined(path, Verdict.ERROR, _reason(error, Reason.READ), named=True)
            return
        directory, _, name = path.rpartition("/")
        yield Batch(parent, directory, (name,), named=True)

    def _tree(self, root: str, device: int) -> Iterator[Batch | Examined]:
        excludes = self._policy.excludes.without_those_above(root)
        wanted_device = device if self._policy.one_file_system else None
        stack: list[_Frame] = []
        entered: _Frame | Examined | None
        entered = self._enter(root, root, None, wanted_device, named=True)
        try:
            while entered is not None or stack:
                if isinstance(entered, _Frame):
                    stack.append(entered)
                    self.directories += 1
                    yield from self._list(entered, excludes, wanted_device)
                elif entered is not None:
                    yield entered
                entered = self._descend(stack, wanted_device)
        finally:
            for frame in stack:
                os.close(frame.descriptor)

    def _descend(self, stack: list[_Frame], device: int | None) -> _Frame | Examined | None:
        """Enter the next directory; an ancestor that has no more is closed first. None at the end."""
        while stack:
            frame = stack[-1]
            entered: _Frame | Examined | None = None
            if frame.remaining:
                name = frame.remaining.pop()
                path = _join(frame.path, name)
                if len(stack) >= MAX_OPEN_ANCESTORS:
                    return Examined(path, Verdict.ERROR, Reason.TOO_DEEP)
                entered = self._enter(name, path, frame.descriptor, device)
            if not frame.remaining:
                os.close(stack.pop().descriptor)
            if entered is not None:
                return entered
        return None

    def _enter(
        self, name: str, path: str, directory: int | None, device: int | None, *, named: bool = False
    ) -> _Frame | Examined | None:
        """Open a directory; None if it was visited already (a bind mount, or named twice)."""
        try:
            descriptor = open_directory(name, directory)
        except FileNotFoundError:
            return Examined(path, Verdict.SKIPPED, Reason.VANISHED, named=named)
        except OSError:
            return Examined(path, Verdict.ERROR, Reason.DIRECTORY, named=named)
        found = os.fstat(descriptor)
        identity = (found.st_dev, found.st_ino)
        if device is not None and found.st_dev != device:
            os.close(descriptor)
            return Examined(path, Verdict.SKIPPED, Reason.FILE_SYSTEM)
        if identity in self._seen_directories:
            os.close(descriptor)
            return None
        self._seen_directories.add(identity)
        return _Frame(descriptor, path, [])

    def _list(self, frame: _Frame, excludes: Excludes, device: int | None) -> Iterator[Batch | Examined]:
        names: list[str] = []
        try:
            with os.scandir(frame.descriptor) as entries:
                for entry in entries:
                    kept = self._sort(entry, frame, excludes)
                    if isinstance(kept, Examined):
                        yield kept
                    elif kept:
                        names.append(entry.name)
                    if len(names) == BATCH_FILES:
                        yield Batch(os.dup(frame.descriptor), frame.path, names, device)
                        names = []
        except OSError:
            yield Examined(frame.path, Verdict.ERROR, Reason.DIRECTORY)
        frame.remaining.sort(reverse=True)
        if names:
            yield Batch(os.dup(frame.descriptor), frame.path, names, device)

    def _sort(self, entry: os.DirEntry[str], frame: _Frame, excludes: Excludes) -> bool | Examined:
        """Return True for a file to scan, False for a directory (remembered) or a file that is named itself."""
        path = _join(frame.path, entry.name)
        if excludes.covers(path):
            return Examined(path, Verdict.SKIPPED, Reason.EXCLUDED)
        if entry.is_symlink():
            return Examined(path, Verdict.SKIPPED, Reason.SYMLINK)
        if entry.is_dir(follow_symlinks=False):
            frame.remaining.append(entry.name)
            return False
        if not entry.is_file(follow_symlinks=False):
            return Examined(path, Verdict.SKIPPED, Reason.SPECIAL)
        return path not in self._named_files


def _look(root: str) -> os.stat_result | Examined:
    try:
        return os.lstat(os.path.realpath(root) if root else root)
    except OSError as error:
        return Examined(root, Verdict.ERROR, _reason(error, Reason.MISSING), named=True)


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory != "/" else f"/{name}"


def _reason(error: OSError, otherwise: Reason) -> Reason:
    return Reason.PERMISSION if isinstance(error, PermissionError) else otherwise
