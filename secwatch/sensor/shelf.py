"""The directory of evidence segments: room is made by dropping the oldest, and some is left to the lake."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from secwatch.sensor import segments

LARGEST_SEGMENT = 64 << 20
SEGMENTS = 16  # at least so many share the room, so that dropping one costs little
# What evidence leaves free on its disk: the lake has as much as it takes to record what waits (192 MiB of columns), to
# merge an hour's files and to let the database grow, until evidence has made room for what they took.
RESERVE_BYTES = 1 << 30
RESERVE_PART = 4  # but no more than a quarter of a small disk
_TRIES = 8  # segments dropped for one piece: where dropping frees nothing (snapshots), not all is thrown away at once
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Shelf:
    """Begins segments in a directory and appends to the newest; never holds more than limit_bytes. For one thread.

    interfaces are (name, link type), as `segments.beginning` has them.
    """

    def __init__(self, directory: Path, limit_bytes: int, interfaces: Sequence[tuple[str, int]]):
        self._directory = directory
        self._limit = limit_bytes
        self._beginning = segments.beginning(interfaces)
        self._sequence = 0
        self._descriptor = -1
        self._open: segments.Segment | None = None
        self._size = 0
        self._segment_limit = 0
        self._times: dict[int, tuple[int, int]] = {}
        self._list()
        self._drop(self._total - limit_bytes)

    def add(self, content: memoryview, interface: int, first: int, last: int) -> None:
        """Append blocks of one interface whose packets lie between two times (µs).

        On a full disk the oldest segments are dropped for it. Raise OSError; then nothing is added.
        """
        if self._open is not None and (self._size + len(content) > self._segment_limit or self._is_removed()):
            with suppress(OSError):
                self.finish()
        for left in reversed(range(_TRIES)):
            try:
                if self._open is None:
                    self._begin(first)
                self._append(content)
                break
            except OSError as error:
                if error.errno not in _FULL or not left or not self._give_one_up():
                    raise
        before = self._times.get(interface, (first, last))
        self._times[interface] = min(before[0], first), max(before[1], last)

    def finish(self) -> None:
        """End the open segment, if there is one. Raise OSError if its end could not be written; it is closed still."""
        if self._open is None:
            return
        try:
            self._append(memoryview(segments.ending([(number, *times) for number, times in self._times.items()])))
        finally:
            os.close(self._descriptor)
            self._older.append(
                segments.Segment(self._open.path, self._open.first_time, self._open.sequence, self._size)
            )
            self._open, self._descriptor, self._size = None, -1, 0
            self._times.clear()

    def _list(self) -> None:
        """Look at what is there: others may remove segments, and the directory with them."""
        older = segments.listing(self._directory)
        self._older = deque(older)
        self._total = sum(segment.size for segment in older)
        self._sequence = max(self._sequence, *(segment.sequence for segment in older), 0)

    def _begin(self, first_time: int) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._list()
        self._segment_limit = self._share()
        self._make_room(len(self._beginning))
        self._sequence += 1
        path = self._directory / segments.name_of(first_time, self._sequence)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self._open = segments.Segment(path, first_time, self._sequence, 0)
        try:
            self._append(memoryview(self._beginning))
        except OSError:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            self._open, self._descriptor, self._size = None, -1, 0
            raise

    def _append(self, content: memoryview) -> None:
        """Write all of it, or none: half a block would hide all that follows it."""
        self._make_room(len(content))
        written = 0
        try:
            while written < len(content):
                written += os.write(self._descriptor, content[written:])
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise
        self._size += written
        self._total += written

    def _is_removed(self) -> bool:
        """Whether the open segment was removed: nobody would ever find what goes into it."""
        return os.fstat(self._descriptor).st_nlink == 0

    def _spare(self) -> int:
        """Return how many bytes of the disk evidence may still take; below zero when it has to give some back."""
        found = os.statvfs(self._directory if self._open is None else self._descriptor)
        if not found.f_blocks:
            return self._limit  # a file system that does not tell
        total = found.f_blocks * found.f_frsize
        return found.f_bavail * found.f_frsize - min(RESERVE_BYTES, total // RESERVE_PART)

    def _share(self) -> int:
        """Return how large a segment may become, so that several of them fit."""
        return min(min(self._limit, self._total + self._spare()) // SEGMENTS, LARGEST_SEGMENT)

    def _make_room(self, size: int) -> None:
        """Drop what is in the way. Raise OSError if that is not enough."""
        if self._drop(max(self._total + size - self._limit, size - self._spare())) > 0:
            raise OSError(errno.ENOSPC, "no space left beside what the lake needs")

    def _drop(self, size: int) -> int:
        """Drop the oldest segments until so many bytes are free; return how many are lacking still."""
        while self._older and size > 0:
            oldest = self._older.popleft()
            oldest.path.unlink(missing_ok=True)
            self._total -= oldest.size
            size -= oldest.size
        return size

    def _give_one_up(self) -> bool:
        """Drop the oldest segment, the open one only if it is larger than there is room for; return whether it was."""
        if not self._older and self._open is not None and self._size > self._share():
            with suppress(OSError):
                self.finish()
        if not self._older:
            return False
        self._drop(1)
        return True
