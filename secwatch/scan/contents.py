"""What is scanned: bytes at hand, or an open file that is too large for them and is mapped by the engine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

_PIECE_BYTES = 1 << 20
_HEAD_BYTES = 64


@dataclass(frozen=True)
class Mapped:
    """An open file of so many bytes. One that is cut off while an engine looks at it may end the process (SIGBUS)."""

    descriptor: int
    size: int

    @property
    def path(self) -> str:
        """The name under which this process, and no other, opens the very same file again."""
        return f"/proc/self/fd/{self.descriptor}"


Content = bytes | Mapped


def size_of(content: Content) -> int:
    """Return how many bytes it has."""
    return content.size if isinstance(content, Mapped) else len(content)


def head_of(content: Content) -> bytes:
    """Return its first bytes. Raise OSError."""
    return os.pread(content.descriptor, _HEAD_BYTES, 0) if isinstance(content, Mapped) else content[:_HEAD_BYTES]


def digest_of(content: Content, algorithm: str) -> str:
    """Return the hexadecimal hash of it. Raise OSError."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for piece in _pieces(content):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    place = 0
    while piece := os.pread(content.descriptor, min(_PIECE_BYTES, content.size - place), place):
        yield piece
        place += len(piece)
