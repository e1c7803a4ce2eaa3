"""What tells one capture from another: a keyed tag of its bytes, made while it is read, and tags of its beginnings.

The tag is a message authentication code under a key that nobody outside knows (docs/decisions/0008): GMAC,
the authentication of AES-GCM (NIST SP 800-38D), of every stretch of SEGMENT_BYTES, and SHA-256 over those. It is
several times as fast as SHA-256 over everything, and no slower than the packets come.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

HEAD_BYTES = 64  # the file header of a pcap with the time and the beginning of its first packet
KEY_BYTES = 32
# What a beginning of any length costs at most to be tagged a second time: GCM contexts cannot be copied.
SEGMENT_BYTES = 16 << 20
KEYED = "keyed:"  # how a tag begins; what inputs got before there was a key is a bare SHA-256
_PIECE = 1 << 20


@dataclass(frozen=True)
class Content:
    """The bytes of a capture after decompression, as far as they were read: head (hexadecimal), length, tag.

    prefixes holds the tag of the first so many bytes, by length, for the lengths that were asked for.
    """

    head: str
    length: int
    tag: str
    prefixes: Mapping[int, str] = field(default_factory=dict)


class Tagging:
    """The tag of what passes, and of its beginnings of given lengths.

    Equal bytes under one key have equal tags. Whoever does not know the key finds other bytes of the same
    tag with a chance of 2^-107 a try (2^20 blocks a segment, in a field of 2^128) and cannot tell without us.
    """

    def __init__(self, key: bytes):
        self._key = key
        self._length = 0
        self._done: list[bytes] = []
        self._segment = self._context()
        self._expected: deque[tuple[int, Any]] = deque()
        self._later: deque[int] = deque()
        self._prefixes: dict[int, str] = {}

    @property
    def length(self) -> int:
        """How many bytes have passed."""
        return self._length

    def expect(self, lengths: Sequence[int]) -> None:
        """Keep the tags of the first so many bytes. RuntimeError once bytes have passed."""
        if self._length:
            raise RuntimeError("lengths are expected before the first byte")
        self._later = deque(sorted({length for length in lengths if length >= 0}))
        self._begin_expected()

    def update(self, view: memoryview) -> None:
        """Take the next bytes."""
        start = 0
        while start < len(view):
            room = SEGMENT_BYTES - self._length % SEGMENT_BYTES
            part = view[start : start + room]
            self._take(part)
            start += len(part)
            if len(part) == room:
                self._done.append(_end(self._segment))
                self._segment = self._context()
                self._begin_expected()

    def resumed(self, most: int) -> Tagging:
        """Return a tagging of the whole segments among the first `most` bytes, as far as those have passed."""
        other = Tagging(self._key)
        other._done = self._done[: most // SEGMENT_BYTES]
        other._length = len(other._done) * SEGMENT_BYTES
        other._segment = other._context()
        return other

    def content(self, head: bytes) -> Content:
        """Return what has passed; nothing can follow."""
        return Content(head.hex(), self._length, self._tag(self._segment, self._length), self._prefixes)

    def _take(self, part: memoryview) -> None:
        """Take bytes of one segment."""
        while self._expected and self._expected[0][0] <= self._length + len(part):
            length, context = self._expected.popleft()
            context.authenticate_additional_data(part[: length - self._length])
            self._prefixes[length] = self._tag(context, length)
        for _, context in self._expected:
            context.authenticate_additional_data(part)
        self._segment.authenticate_additional_data(part)
        self._length += len(part)

    def _begin_expected(self) -> None:
        """Open a context for every expected length that ends in the segment that begins."""
        while self._later and self._later[0] < self._length + SEGMENT_BYTES:
            length = self._later.popleft()
            if length == self._length:
                self._prefixes[length] = self._tag(self._context(), length)
            else:
                self._expected.append((length, self._context()))

    def _context(self) -> Any:
        """Begin a segment. Its number is the nonce: equal segments at other places have other tags."""
        return Cipher(AES256(self._key), GCM(len(self._done).to_bytes(12, "big"))).encryptor()

    def _tag(self, context: Any, length: int) -> str:
        """Return the tag of all finished segments, and of one that ends here."""
        whole = hashlib.sha256(b"".join(self._done))
        whole.update(_end(context))
        whole.update(length.to_bytes(8, "big"))
        return KEYED + whole.hexdigest()


def _end(context: Any) -> bytes:
    context.finalize()
    return cast(bytes, context.tag)


def quick_of(descriptor: int, start: int, size: int) -> str:
    """Return "size-sha256 of the first and last MiB" of so many bytes of a regular file from an offset."""
    ends = hashlib.sha256(os.pread(descriptor, min(_PIECE, size), start))
    behind = max(size - _PIECE, 0)
    ends.update(os.pread(descriptor, size - behind, start + behind))
    return f"{size}-{ends.hexdigest()}"


def tag_of(descriptor: int, start: int, key: bytes) -> str:
    """Return the tag of a regular file from an offset to its end; where the descriptor stands stays as it is."""
    return tagged(descriptor, start, key).content(b"").tag


def tagged(descriptor: int, start: int, key: bytes) -> Tagging:
    """Return the tagging of a regular file from an offset to its end, as `tag_of` does."""
    tagging = Tagging(key)
    while piece := os.pread(descriptor, _PIECE, start + tagging.length):
        tagging.update(memoryview(piece))
    return tagging


def read_on(tagging: Tagging, descriptor: int, start: int, length: int) -> bool:
    """Let the tagging go on up to `length` with a regular file from an offset. Return whether there was as much."""
    while tagging.length < length:
        piece = os.pread(descriptor, min(_PIECE, length - tagging.length), start + tagging.length)
        if not piece:
            return False
        tagging.update(memoryview(piece))
    return True


class Source(io.RawIOBase):
    """The stored file: what is read from it is counted."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor
        self.bytes_read = 0
        self.size: int | None = None
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            self.size = status.st_size
            self.start = os.lseek(descriptor, 0, os.SEEK_CUR)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        size = os.readv(self.descriptor, [view])
        self.bytes_read += size
        return size

    def close(self) -> None:
        if not self.closed:
            os.close(self.descriptor)
        super().close()
