"""What mutation starts from: stretches of the real captures where they are, and frames made by hand."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import zstandard

from tests.conftest import ROOT, real_data
from tests.sensor.seeds import FILE, SEEDS

LINKS = (1, 101, 113, 276, 0, 108, 9)
_MADE = ROOT / "tests" / "sensor" / "captures"
_STRETCH = 16  # packets
_STRETCHES = 12  # of one capture
_LONGEST = 2048  # bytes kept of a packet


@dataclass(frozen=True)
class Sent:
    """One packet of a stretch: link type, time since the one before (a power of ten, µs), how much was not captured."""

    link: int
    wait: int
    missing: int
    data: bytes


Stretch = tuple[Sent, ...]


def encode(stretch: Stretch) -> bytes:
    """The stretch as bytes, for fuzzers that know bytes only."""
    return b"".join(
        struct.pack("<BBH", LINKS.index(sent.link) | sent.missing << 4, sent.wait, len(sent.data)) + sent.data
        for sent in stretch
    )


def decode(data: bytes) -> Stretch:
    """A stretch from any bytes; the inverse of `encode`."""
    found: list[Sent] = []
    place = 0
    while place + 4 <= len(data) and len(found) < 4 * _STRETCH:
        flags, wait, size = struct.unpack_from("<BBH", data, place)
        place += 4
        found.append(Sent(LINKS[(flags & 15) % len(LINKS)], wait, flags >> 4, data[place : place + size]))
        place += size
    return tuple(found)


def packets_of(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (link type, bytes) of the packets of a little-endian pcap or pcapng file, as far as it is whole."""
    if content[:4] == b"\x0a\x0d\x0d\x0a":
        yield from _packets_of_blocks(content)
        return
    link = struct.unpack_from("<I", content, 20)[0]
    place = 24
    while place + 16 <= len(content):
        size = struct.unpack_from("<I", content, place + 8)[0]
        if place + 16 + size > len(content):
            return
        yield link, content[place + 16 : place + 16 + size]
        place += 16 + size


def _packets_of_blocks(content: bytes) -> Iterator[tuple[int, bytes]]:
    links: list[int] = []
    place = 0
    while place + 12 <= len(content):
        kind, length = struct.unpack_from("<II", content, place)
        if kind == 1:
            links.append(struct.unpack_from("<H", content, place + 8)[0])
        elif kind == 6:
            interface, size = struct.unpack_from("<I8xI", content, place + 8)
            yield links[interface], content[place + 28 : place + 28 + size]
        place += max(length, 12)


@cache
def files() -> tuple[bytes, ...]:
    """Whole capture files: a small one made by hand, and the real ones that are little-endian."""
    return (FILE, *(content for content in _captures() if len(content) > 24))


def _captures() -> Iterator[bytes]:
    for path in sorted(_MADE.glob("*.pcap.zst")):
        with zstandard.open(path, "rb") as made:
            yield made.read()
    place = real_data()
    for path in sorted((place / "captures").glob("*.pcap*")) if place else ():
        content = Path(path).read_bytes()
        if content[:4] in (b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a"):
            yield content


@cache
def stretches() -> tuple[Stretch, ...]:
    """Stretches of neighbouring packets, so that mutated ones meet the flow they belong to."""
    made = tuple(Sent(link, 3, 0, frame[:_LONGEST]) for link, frame in SEEDS if link in LINKS)
    found = [made[place : place + _STRETCH] for place in range(0, len(made), _STRETCH)]
    for content in _captures():
        sent = [Sent(link, 3, 0, data[:_LONGEST]) for link, data in packets_of(content) if link in LINKS]
        starts = list(range(0, len(sent), _STRETCH))
        random.Random(7).shuffle(starts)
        # The first packets always: they open the connections.
        found += [tuple(sent[start : start + _STRETCH]) for start in [0, *starts[: _STRETCHES - 1]] if sent]
    return tuple(found)


@cache
def payloads() -> tuple[tuple[int, int, bytes], ...]:
    """Distinct transport payloads (source port, destination port, bytes) of plain Ethernet or cooked IPv4 packets."""
    found: dict[tuple[int, int, bytes], None] = {}
    for stretch in stretches():
        for sent in stretch:
            start = {1: 14, 113: 16}.get(sent.link)
            if start is None or sent.data[start - 2 : start] != b"\x08\0" or len(sent.data) < start + 28:
                continue
            body = start + (sent.data[start] & 15) * 4
            if sent.data[start + 9] not in (6, 17) or len(sent.data) < body + 20:
                continue
            header = (sent.data[body + 12] >> 4) * 4 if sent.data[start + 9] == 6 else 8
            if sent.data[body + header :]:
                source, destination = struct.unpack_from(">HH", sent.data, body)
                found[source, destination, sent.data[body + header :]] = None
    return tuple(found)
