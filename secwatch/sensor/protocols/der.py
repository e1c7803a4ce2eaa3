"""DER (X.690) as certificates use it, walked without trust: values cut short are given as far as they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from secwatch.sensor.protocols.octets import LONGEST_TEXT, MOST_ITEMS, bounded
from secwatch.sensor.protocols.row import Malformed
from secwatch.sensor.protocols.words import words

SEQUENCE, INTEGER, BITS, OBJECT = 0x30, 0x02, 0x03, 0x06
_UTC_TIME, _GENERAL_TIME, _UTF16, _UTF32 = 0x17, 0x18, 0x1E, 0x1C
# RFC 4514, 3; RFC 5280, appendix A; RFC 2985.
_ATTRIBUTES = {
    "2.5.4.3": "CN", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C",
    "2.5.4.9": "STREET", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One value: its tag, where it and its content are in the data, and whether all of it is there."""

    tag: int
    data: bytes
    begin: int
    start: int
    end: int
    whole: bool

    @property
    def content(self) -> bytes:
        """The bytes of the value, without tag and length."""
        return self.data[self.start : self.end]

    @property
    def encoded(self) -> bytes:
        """The value with its tag and length."""
        return self.data[self.begin : self.end]

    def items(self) -> Iterator[Item]:
        """Yield the values inside, as far as they were captured."""
        offset = self.start
        while offset < self.end:
            found = item(self.data, offset, self.end)
            yield found
            offset = found.end


def item(data: bytes, offset: int, end: int) -> Item:
    """Return the value that begins at `offset`, cut at `end`. Raise Malformed if it cannot be one."""
    if offset + 2 > end or data[offset] & 0x1F == 0x1F:
        raise Malformed
    size = data[offset + 1]
    start = offset + 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or start + count > end:
            raise Malformed
        size = int.from_bytes(data[start : start + count], "big")
        start += count
    return Item(data[offset], data, offset, start, min(start + size, end), start + size <= end)


def first(outer: Item) -> Item:
    """Return the first value inside. Raise Malformed if there is none."""
    return item(outer.data, outer.start, outer.end)


def identifier(sequence: Item) -> str:
    """Return the object identifier that a sequence begins with, dotted; "" if it does not."""
    if sequence.end - sequence.start < 2:
        return ""
    named = first(sequence)
    return dotted(named.content) if named.tag == OBJECT else ""


def dotted(content: bytes) -> str:
    """Return an object identifier in words (X.690, 8.19); of a very long one the beginning."""
    numbers: list[int] = []
    number = 0
    for octet in content[:32]:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        return ""
    top = min(numbers[0] // 40, 2)
    return ".".join(map(str, (top, numbers[0] - 40 * top, *numbers[1:])))


def name_of(name: Item) -> str:
    """Return a distinguished name as RFC 4514 writes it: the last part first."""
    parts = []
    for relative in some(name.items()):
        values = [_attribute(pair) for pair in some(relative.items())]
        parts.append("+".join(values))
    return bounded(",".join(reversed(parts)))


def some(items: Iterator[Item]) -> Iterator[Item]:
    """Yield at most so many values, and stop at the first that is none."""
    try:
        for count, value in enumerate(items):
            if count >= MOST_ITEMS:
                return
            yield value
    except Malformed:
        return


def _attribute(pair: Item) -> str:
    """Return type=value of one attribute."""
    kind, value = [*some(pair.items()), None, None][:2]
    if kind is None or kind.tag != OBJECT:
        return ""
    number = dotted(kind.content)
    return f"{_ATTRIBUTES.get(number, number)}={_escaped(_text(value) if value else '')}"


def _text(value: Item) -> str:
    if value.tag == _UTF16:
        return words(value.content[:LONGEST_TEXT].decode("utf-16-be", "replace").encode("utf-8", "replace"))
    if value.tag == _UTF32:
        return words(value.content[:LONGEST_TEXT].decode("utf-32-be", "replace").encode("utf-8", "replace"))
    return words(value.content)


def _escaped(text: str) -> str:
    """Return a value with its special characters escaped, RFC 4514, 2.4."""
    out = "".join("\\" + letter if letter in ',+"\\<>;' else letter for letter in text)
    if out.startswith(("#", " ")):
        out = "\\" + out
    return out[:-1] + "\\ " if out.endswith(" ") and len(text) > 1 else out


def moment_of(time: Item) -> int | None:
    """Return a time in microseconds since 1970 (RFC 5280, 4.1.2.5), None if it is none."""
    text = time.content[:16].decode("ascii", "replace")
    if time.tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif time.tag != _GENERAL_TIME:
        return None
    if len(text) != 15 or not text[:14].isascii() or not text[:14].isdigit() or text[14] != "Z":
        return None
    try:
        moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round(moment.timestamp()) * 1_000_000
