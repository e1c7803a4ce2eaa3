"""The rolling evidence buffer: packets of the last hours as pcapng segments, the oldest dropped for new ones.

The thread that captures only copies packets (a kernel does) and hands the copy over; a thread of its own
writes, in pieces of up to a MiB. Evidence never holds up the capture, and takes no room that the lake needs: where the
disk is too slow or full, packets are left out, counted and said. Segments are not synchronised to the disk: a power cut
may cost the last seconds.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from secwatch.core.errors import UsageProblem
from secwatch.core.model import Text
from secwatch.sensor.kernels import index as finder
from secwatch.sensor.kernels import packets
from secwatch.sensor.shelf import Shelf
from secwatch.system import lock
from secwatch.system.paths import prepare

SMALLEST_LIMIT = 16 << 20  # bytes; below, a segment would not hold the largest packets
_PIECE_BYTES = 1 << 20  # of one write; a ring block gives at most that
_PIECES = 24  # what a slow disk may owe before packets are left out
_PATIENCE_SECONDS = 0.05  # for a free piece; the ring holds more than that
_SAY_AGAIN_SECONDS = 60.0


@dataclass(frozen=True)
class _Piece:
    """Memory for one write, and what `write_blocks` said of its content."""

    memory: NDArray[np.uint8]
    words: NDArray[np.uint32]
    sums: NDArray[np.int64]


class EvidenceBuffer:
    """Keeps packets in a directory that never holds more than limit_bytes. One writer at a time; a context manager.

    interfaces are (name, link type) in the order of the numbers that an index has in `file[INTERFACE]`. The link
    type is that of pcapng; 101 takes all that begins with an IP header. `tell` is told, once a minute at most, why
    packets cannot be kept; the capturing thread calls it too, so it must not wait. Raise UsageProblem for a limit
    below 16 MiB, Locked if another process keeps evidence there, Refused if the directory cannot be made.
    """

    def __init__(
        self,
        directory: Path,
        limit_bytes: int,
        interfaces: Sequence[tuple[str, int]],
        tell: Callable[[Text], None] | None = None,
    ):
        if limit_bytes < SMALLEST_LIMIT:
            raise UsageProblem(f"{limit_bytes} bytes are too little to keep packets in", "--keep 1G")
        self._interfaces = tuple(interfaces)
        self._tell = tell
        self.kept = 0
        self._not_taken = 0  # by the capturing thread
        self._not_written = 0  # by the writing one
        self._said_at = -_SAY_AGAIN_SECONDS
        self._behind = False
        self._pieces = _PIECES
        self._free: queue.SimpleQueue[_Piece] = queue.SimpleQueue()
        self._filled: queue.SimpleQueue[tuple[_Piece, int, int] | None] = queue.SimpleQueue()
        self._piece_bytes = min(_PIECE_BYTES, limit_bytes // 32)
        self._resources = ExitStack()
        self._resources.enter_context(lock.hold(prepare(directory), "evidence"))
        try:
            self._shelf = Shelf(directory, limit_bytes, self._interfaces)
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
        """How many packets were captured but not kept; final after `close`."""
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
                self._say(Text("磁盘太慢", "the disk is too slow for all packets"))
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
                    why = (error.strerror or str(error)).lower()
                    self._say(Text(f"磁盘拒绝写入 ({why})", f"the disk refuses them ({why})"))
            self._free.put(piece)
        try:
            self._shelf.finish()
        except OSError:
            pass  # a segment without an end is searched whole: nothing is lost by that

    def _say(self, reason: Text) -> None:
        now = time.monotonic()
        if self._tell is not None and now - self._said_at >= _SAY_AGAIN_SECONDS:
            self._said_at = now
            zh = f"报文已抓取但未留存为证据：{reason.zh}；至今 {self.left_out:,} 个"
            en = f"packets are captured but not kept as evidence: {reason.en}; {self.left_out:,} so far"
            self._tell(Text(zh, en))
