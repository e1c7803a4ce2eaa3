"""The bytes of a capture, a block at a time: while one is looked at, another thread reads the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels import index as finder
from secwatch.sensor.pcapfile import BLOCK_BYTES, CaptureFile

CARRY_BYTES = finder.LARGEST_BLOCK + (1 << 16)  # room for a record that began in the block before


class Blocks:
    """Its blocks are shown once, by `each`. `left` is where the consumer stopped: what lies behind begins the next."""

    def __init__(self, capture: CaptureFile):
        self._capture = capture
        self._reading: ThreadPoolExecutor | None = None
        self.skip = 0  # bytes of the first block that are no records
        self.left = CARRY_BYTES

    @property
    def rest(self) -> int:
        """How many bytes were left over of the block before, when the iteration has ended."""
        return CARRY_BYTES - self.left

    def each(self, goes_on: Callable[[], bool]) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
        """Yield (buffer, start, end). The consumer sets `left`; the bytes before it are not shown again.

        Every block is in the tag of the capture's content by the time the next one is shown, and the last one when the
        iteration ends. While `goes_on` says so the end of the file is not taken for the end: the block is then
        yielded with nothing new.
        """
        buffer, other = (np.empty(CARRY_BYTES + BLOCK_BYTES, np.uint8) for _ in range(2))
        size = self._read(buffer)
        while True:
            start = self.left
            while not size and goes_on():
                yield buffer, start, CARRY_BYTES
                start = self.left
                size = self._read(buffer)
            if not size:
                return
            end = CARRY_BYTES + size
            following = self._proceed(buffer, other, size)
            self.left, self.skip = start + self.skip, 0
            yield buffer, self.left, end
            size = following()
            start = CARRY_BYTES - (end - self.left)
            other[start:CARRY_BYTES] = buffer[self.left : end]
            self.left = start
            buffer, other = other, buffer

    def close(self) -> None:
        """Wait for what is being read; nothing can be iterated over any more."""
        if self._reading is not None:
            self._reading.shutdown()
            self._reading = None

    def _proceed(self, buffer: NDArray[np.uint8], other: NDArray[np.uint8], size: int) -> Callable[[], int]:
        """Tag the block of so many bytes and read the next one into `other`; return what gives the size of that.

        Of a file that goes on behind this block another thread does both; a pipe might keep it waiting for ever.
        """
        block = buffer.data[CARRY_BYTES : CARRY_BYTES + size]

        def proceed() -> int:
            self._capture.tag(block)
            return self._read(other)

        if size == BLOCK_BYTES and self._capture.size is not None:
            self._reading = self._reading or ThreadPoolExecutor(1, "reading")
            return self._reading.submit(proceed).result
        self._capture.tag(block)
        return lambda: self._read(other)

    def _read(self, buffer: NDArray[np.uint8]) -> int:
        return self._capture.read_into(buffer.data[CARRY_BYTES:])
