"""How messages of SMB 1 are laid out, [MS-CIFS] 2.2.3: a header, then commands with words and bytes each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from secwatch.sensor.protocols.octets import little, narrow_until_nul, wide_until_nul
from secwatch.sensor.protocols.row import Malformed

VERSION_1 = b"\xffSMB"
RESPONSE, NT_STATUS = 0x80, 0x400000  # flags: the second byte on are those of the second field
_UNICODE = 0x800000
_HEADER = 32
_CHAINED = (0x2D, 0x2E, 0x2F, 0x73, 0x74, 0x75, 0xA2)  # whose words begin with the command that follows
_NO_MORE = 0xFF
_MOST_CHAINED = 4


@dataclass(frozen=True, slots=True)
class Block:
    """One command of a message: where its words and its bytes lie, counted from the header."""

    data: bytes
    command: int
    words: int  # offset of the first
    count: int
    start: int  # offset of its bytes
    length: int

    def word(self, at: int, size: int = 2) -> int:
        """Return a number among the words, `at` bytes from the first. Raise Malformed if it is not there."""
        if at + size > 2 * self.count:
            raise Malformed
        return little(self.data, self.words + at, size)

    @property
    def bytes(self) -> bytes:
        """The bytes of the block, as far as they are here."""
        return self.data[self.start : self.start + self.length]


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a message."""

    data: bytes
    command: int
    status: int
    flags: int
    tree: int
    user: int
    multiplex: int

    @property
    def unicode(self) -> bool:
        """Whether its texts are UTF-16."""
        return bool(self.flags & _UNICODE)

    def blocks(self) -> Iterator[Block]:
        """Yield the commands of the message, one after the other."""
        command, at = self.command, _HEADER
        for _ in range(_MOST_CHAINED):
            if at >= len(self.data):
                return
            count = self.data[at]
            start = at + 1 + 2 * count
            length = little(self.data, start, 2) if start + 2 <= len(self.data) else 0
            block = Block(self.data, command, at + 1, count, start + 2, length)
            yield block
            if command not in _CHAINED or count < 2:
                return
            following, place = block.word(0, 1), block.word(2)
            if following == _NO_MORE or place <= at:
                return
            command, at = following, place

    def text(self, data: bytes, at: int) -> tuple[str, int]:
        """Return the text at this offset of the message up to its zero, and the offset behind it."""
        if self.unicode:
            return wide_until_nul(data, at + at % 2)
        return narrow_until_nul(data, at)


def header(data: bytes) -> Header | None:
    """Return the header of a message, None if there is none. Raise Malformed if it is cut."""
    if not data:
        return None
    if data[:4] != VERSION_1 or len(data) < _HEADER:
        raise Malformed
    flags = data[9] | little(data, 10, 2) << 8
    status = little(data, 5, 4)
    return Header(data, data[4], status, flags, little(data, 24, 2), little(data, 28, 2), little(data, 30, 2))
