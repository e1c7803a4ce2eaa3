"""A small reader of BER and DER (X.690): definite lengths, tags of one byte, nothing beyond the bytes that are there.

An element that goes on behind the captured bytes ends where they end: what is missing shows as absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from secwatch.sensor.protocols.octets import bounded, narrow
from secwatch.sensor.protocols.row import Malformed

_MOST_CHILDREN = 1024


class Element(NamedTuple):
    """One element: its tag, and where its contents lie in `data`. `cut` says that they went on."""

    data: bytes
    tag: int
    start: int
    stop: int
    cut: bool = False

    @property
    def contents(self) -> bytes:
        """The bytes of its contents."""
        return self.data[self.start : self.stop]

    def children(self) -> Iterator[Element]:
        """Yield the elements within. Raise Malformed where they are none."""
        at = self.start
        for _ in range(_MOST_CHILDREN):
            if at >= self.stop:
                return
            child = element(self.data, at, self.stop)
            yield child
            at = child.stop

    def parts(self) -> list[Element]:
        """Return the elements within as a list, as far as they are whole enough to be read."""
        found: list[Element] = []
        try:
            found.extend(self.children())
        except Malformed:
            if not self.cut and not found:
                raise
        return found

    def tagged(self) -> dict[int, Element]:
        """Return the single elements within context tags [n] EXPLICIT, by n, of the SEQUENCE that this is."""
        found: dict[int, Element] = {}
        for child in self.parts():
            if child.tag & 0xE0 == 0xA0:
                inner = child.parts()
                if inner:
                    found.setdefault(child.tag & 0x1F, inner[0])
        return found

    def number(self) -> int:
        """Return the signed number of an INTEGER or ENUMERATED. Raise Malformed if it has none or is huge."""
        if not 1 <= self.stop - self.start <= 9:
            raise Malformed
        return int.from_bytes(self.contents, "big", signed=True)

    def text(self) -> str:
        """Return the contents as a bounded text."""
        return narrow(self.contents)


def element(data: bytes, at: int, end: int) -> Element:
    """Return the element at `at` in data[:end]. Raise Malformed if there is none."""
    if at + 2 > end:
        raise Malformed
    tag, first = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise Malformed
    start = at + 2
    length = first
    if first >= 0x80:
        size = first & 0x7F
        if not 1 <= size <= 4 or start + size > end:
            raise Malformed
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    stop = start + length
    return Element(data, tag, start, min(stop, end), stop > end)


def joined(separator: str, elements: list[Element]) -> str:
    """Return the texts of elements with a separator between them, bounded."""
    return bounded(separator.join(part.text() for part in elements[:16]))
