"""The look from outside at a scanning child: how much memory it holds, and how long it has been at one file."""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Sequence

import msgspec

from secwatch.scan.children import Child
from secwatch.scan.frames import FromScanner, place_of
from secwatch.scan.verdicts import Reason, Verdict

# An engine that reads 1 GB/s into memory gets 50 MB further between two looks.
LOOK_SECONDS = 0.05
# Who looks so late was stopped itself (Ctrl-Z, a suspended machine): the child cannot be blamed for it.
_LATE_SECONDS = 5.0
# Reading and compiling the rules; the largest public pack takes 1.2 s.
START_SECONDS = 120.0


class Slots:
    """Memory that is shared with a child: where each of its threads is."""

    def __init__(self, threads: int):
        self.descriptor = os.memfd_create("secwatch-slots")
        os.truncate(self.descriptor, threads * 8)
        # The mapping holds a descriptor of its own.
        self._mapping = mmap.mmap(self.descriptor, threads * 8)
        self._whole = memoryview(self._mapping)
        self._view = self._whole.cast("Q")

    def values(self) -> Sequence[int]:
        """Return what the threads have written."""
        return self._view.tolist()

    def places(self) -> set[tuple[int, int]]:
        """Return the batches and positions that the threads are at."""
        return {place_of(value) for value in self.values() if value}

    def close(self) -> None:
        """Give the memory back; nothing is read from it any more."""
        self._view.release()
        self._whole.release()
        self._mapping.close()


class Cause(msgspec.Struct, frozen=True):
    """What a file that ended a child is said to be."""

    verdict: Verdict
    reason: Reason | None
    words: str


CRASHED = Cause(Verdict.ERROR, Reason.CRASHED, "crashed")
MEMORY = Cause(Verdict.ERROR, Reason.MEMORY, "took more memory than [scan] memory_megabytes")
HUNG = Cause(Verdict.TIMEOUT, None, "did not move any more")


class Watched:
    """A child under watch. ready: its rules are in place. cause: why we ended it, if we did."""

    def __init__(self, child: Child[FromScanner], slots: Slots, memory_bytes: int, still_seconds: float):
        self.child = child
        self.slots = slots
        self.ready = False
        self.cause: Cause | None = None
        self._memory_bytes = memory_bytes
        self._still_seconds = still_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="scan-watch", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Watch no longer. What the slots said must have been read."""
        self._ended.set()
        self._thread.join()
        self.slots.close()

    def _watch(self) -> None:
        looked = time.monotonic()
        since: dict[int, tuple[int, float]] = {}
        started = looked
        while not self._ended.wait(LOOK_SECONDS):
            now = time.monotonic()
            if now - looked > _LATE_SECONDS:
                since, started = {}, now
            looked = now
            cause = self._judge(now, since, started)
            if cause is not None:
                self.cause = cause
                self.child.kill()
                return

    def _judge(self, now: float, since: dict[int, tuple[int, float]], started: float) -> Cause | None:
        if self.child.memory_bytes() > self._memory_bytes:
            return MEMORY
        if not self.ready:
            return HUNG if now - started > START_SECONDS else None
        for index, value in enumerate(self.slots.values()):
            if since.get(index, (None, 0.0))[0] != value:
                since[index] = (value, now)
            elif value and now - since[index][1] > self._still_seconds:
                return HUNG
        return None
