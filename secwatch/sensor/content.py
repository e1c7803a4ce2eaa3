"""Hashing a capture while it is read: the file as stored, its content after decompression, and beginnings of that."""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

HEAD_BYTES = 64  # the file header of a pcap with the time and the beginning of its first packet


@dataclass(frozen=True)
class Content:
    """The bytes of a capture after decompression, as far as they were read: head (hexadecimal), length, SHA-256.

    prefixes holds the SHA-256 of the first so many bytes, by length, for the lengths that were asked for.
    """

    head: str
    length: int
    sha256: str
    prefixes: Mapping[int, str] = field(default_factory=dict)


class ContentHash:
    """SHA-256 of what passes, and of its beginnings of given lengths."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self._length = 0
        self._expected: deque[int] = deque()
        self._prefixes: dict[int, str] = {}

    def expect(self, lengths: Sequence[int]) -> None:
        """Keep the hash at these lengths."""
        self._expected.extend(sorted(set(lengths)))

    def update(self, view: memoryview) -> None:
        """Take the next bytes."""
        start = 0
        while self._expected and self._expected[0] <= self._length + len(view):
            length = self._expected.popleft()
            stop = length - self._length
            self.hash.update(view[start:stop])
            self._prefixes[length] = self.hash.hexdigest()
            start = stop
        self.hash.update(view[start:])
        self._length += len(view)

    def content(self, head: bytes) -> Content:
        """Return what has passed."""
        return Content(head.hex(), self._length, self.hash.hexdigest(), self._prefixes)


class Hashing(io.RawIOBase):
    """A file that counts and hashes, in a thread, what is read from it."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self.hash = hashlib.sha256()
        self._worker = ThreadPoolExecutor(1, "capture-hash")
        self._pending: Future[None] | None = None
        self.bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        size = os.readv(self._descriptor, [view])
        self.bytes_read += size
        return size

    def later(self, work: Callable[[memoryview], None], view: memoryview) -> Future[None]:
        """Do the work on the bytes in the thread. They must not change before the future is done."""
        self._pending = self._worker.submit(work, view)
        return self._pending

    def hash_later(self, view: memoryview) -> Future[None]:
        """Hash the bytes in the thread, as `later` does."""
        return self.later(self.hash.update, view)

    def wait(self) -> None:
        """Wait until all that was put off is done: one thread does it in order."""
        if self._pending is not None:
            self._pending.result()

    def digest(self) -> str:
        """Return the SHA-256 of all that was handed to `hash_later`."""
        self.wait()
        return self.hash.hexdigest()

    def close(self) -> None:
        if not self.closed:
            self._worker.shutdown()
            os.close(self._descriptor)
        super().close()
