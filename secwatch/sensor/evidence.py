"""The rolling evidence buffer: packets of the last hours as pcapng segments, the oldest dropped for new ones.

The thread that captures only copies packets (a kernel does) and hands the copy over; a thread of its own
writes, in pieces of up to a MiB. Evidence never holds up the capture: where the disk is too slow or full, packets
are left out, counted and said. Segments are not synchronised to the disk: a power cut may cost the last seconds.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from secwatch.core.errors import UsageProblem
from secwatch.sensor import segments
from secwatch.sensor.kernels import index as finder
from secwatch.sensor.kernels import packets
from secwatch.system import lock
from secwatch.system.console import note
from secwatch.system.paths import prepare

SMALLEST_LIMIT = 16 << 20  # bytes; below, a segment would not hold the largest packets
LARGEST_SEGMENT = 64 << 20
_PIECE_BYTES = 1 << 20  # of one write; a ring block gives at most that
_PIECES = 24  # what a slow disk may owe before packets are left out
_PATIENCE_SECONDS = 0.05  # for a free piece; the ring holds more than that


@dataclass(frozen=True)
class _Piece:
    """Memory for one write, and what `write_blocks` said of its content."""

    memory: NDArray[np.uint8]
    words: NDArray[np.uint32]
    sums: NDArray[np.int64]


class EvidenceBuffer:
    """Keeps packets in a directory that never holds more than limit_bytes. One writer at a time; a context manager.

    interfaces are (name, link type) in the order of the numbers that an index has in `file[INTERFACE]`. The link
    type is that of pcapng; 101 takes all that begins with an IP header. Raise UsageProblem for a limit below
    16 MiB, Locked if another process keeps evidence there, Refused if the directory cannot be made.
    """

    def __init__(self, directory: Path, limit_bytes: int, interfaces: Sequence[tuple[str, int]]):
        if limit_bytes < SMALLEST_LIMIT:
            raise UsageProblem(f"{limit_bytes} bytes are too little to keep packets in", "--keep 1G")
        self._interfaces = tuple(interfaces)
        self.kept = 0
        self._not_taken = 0  # by the capturing thread
        self._not_written = 0  # by the writing one
        self._said = False
        self._behind = False
        self._pieces = _PIECES
        self._free: queue.SimpleQueue[_Piece] = queue.SimpleQueue()
        self._filled: queue.SimpleQueue[tuple[_Piece, int, int] | None] = queue.SimpleQueue()
        self._piece_bytes = min(_PIECE_BYTES, limit_bytes // 32)
        self._resources = ExitStack()
        self._resources.enter_context(lock.hold(prepare(directory), "evidence"))
        try:
            self._shelf = _Shelf(directory, limit_bytes, segments.beginning(self._interfaces))
        except BaseException:
            self._resources.close()
            raise
        self._thread = threading.Thread(target=self._write_all, name="evidence", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def left_out(self) -> int:
        """How many packets were captured but not kept."""
        return self._not_taken + self._not_written

    def keep(self, data: NDArray[np.uint8], index: finder.PacketIndex, count: int) -> None:
        """Keep the first `count` packets of the index, which lie in `data`; it may change as soon as this returns.

        Never waits long and never raises for a disk: what cannot be kept is counted in `left_out`.
        """
        number = int(index.file[finder.INTERFACE])
        link = self._interfaces[number][1]
        done = 0
        while done < count:
            piece = self._take_piece()
            if piece is None:
                self._not_taken += count - done
                self._say("the disk is too slow for all packets")
                return
            piece.sums[:] = 0, 0, 1 << 62, -1
            done, size = packets.write_blocks(
                data, index, done, count, number, link, piece.memory, piece.words, piece.sums
            )
            self._not_taken += int(piece.sums[packets.LEFT_OUT])
            self._filled.put((piece, size, number))

    def close(self) -> None:
        """Write what is under way and finish the segment. What was kept stays."""
        if self._thread.is_alive():
            self._filled.put(None)
            self._thread.join()
        self._resources.close()

    def _take_piece(self) -> _Piece | None:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            pass
        if self._pieces:
            self._pieces -= 1
            memory = np.empty(self._piece_bytes, np.uint8)
            return _Piece(memory, memory.view("<u4"), np.zeros(packets.SUMS, np.int64))
        try:
            piece = self._free.get(timeout=0.0 if self._behind else _PATIENCE_SECONDS)
        except queue.Empty:
            self._behind = True
            return None
        self._behind = False
        return piece

    def _write_all(self) -> None:
        while (item := self._filled.get()) is not None:
            piece, size, interface = item
            kept, first, last = (int(piece.sums[place]) for place in (packets.KEPT, packets.FIRST, packets.LAST))
            if size:
                try:
                    self._shelf.add(piece.memory.data[:size], interface, first, last)
                    self.kept += kept
                except OSError as error:
                    self._not_written += kept
                    self._say(f"the disk refuses them ({(error.strerror or str(error)).lower()})")
            self._free.put(piece)
        try:
            self._shelf.finish()
        except OSError:
            pass  # a segment without an end is searched whole: nothing is lost by that

    def _say(self, reason: str) -> None:
        if not self._said:
            self._said = True
            note(f"secwatch: packets are captured but not kept as evidence: {reason}")


class _Shelf:
    """The directory: makes room, begins segments, appends to the newest."""

    def __init__(self, directory: Path, limit_bytes: int, beginning: bytes):
        self._directory = directory
        self._limit = limit_bytes
        self._segment_limit = min(limit_bytes // 16, LARGEST_SEGMENT)
        self._beginning = beginning
        older = segments.listing(directory)
        self._older = deque(older)
        self._total = sum(segment.size for segment in older)
        self._sequence = max((segment.sequence for segment in older), default=0)
        self._descriptor = -1
        self._open: segments.Segment | None = None
        self._size = 0
        self._times: dict[int, tuple[int, int]] = {}
        self._make_room(0)

    def add(self, content: memoryview, interface: int, first: int, last: int) -> None:
        """Append blocks of one interface whose packets lie between two times. Raise OSError; then nothing is added."""
        if self._open is not None and self._size + len(content) > self._segment_limit:
            self.finish()
        if self._open is None:
            self._begin(first)
        self._append(content)
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

    def _begin(self, first_time: int) -> None:
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
            self._open, self._descriptor = None, -1
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

    def _make_room(self, size: int) -> None:
        while self._older and self._total + size > self._limit:
            oldest = self._older.popleft()
            oldest.path.unlink(missing_ok=True)
            self._total -= oldest.size
