"""Attacks on what finds packets in a block, of a file or of a capture ring: what lies around it changes nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import numpy as np

from secwatch.sensor.kernels import index, ring
from tests.sensor.frames import ring_block
from tests.sensor.hostile import corpus, mutation


def check_finders(data: bytes) -> None:
    """Raise unless a block is taken apart in the same way whatever lies behind it."""
    if not data:
        return
    flags, block = data[0], data[1:]
    find = index.index_pcap if flags & 1 else index.index_pcapng
    results = []
    for around in (b"", bytes(200), b"\xff" * 200):
        found = index.new_index()
        found.file[index.RECORD_HEADER] = 24 if flags & 2 else 16
        found.file[index.SWAPPED] = flags >> 2 & 1
        found.file[index.NANOSECONDS] = flags >> 3 & 1
        found.file[index.LINK_TYPE] = 1
        whole = np.frombuffer(bytearray(around + block + around) or bytearray(1), np.uint8)
        start, end = len(around), len(around) + len(block)
        with np.errstate(over="ignore"):
            place, reason = find(whole, start, end, found)
        count = int(found.file[index.COUNT])
        assert start <= place <= end
        assert (found.offsets[:count] >= start).all()
        assert (found.offsets[:count] + found.captured[:count] <= end).all()
        assert (found.wire[:count] >= found.captured[:count]).all()
        columns = (found.captured, found.wire, found.times, found.links)
        results.append((int(place) - start, int(reason), [column[:count].tolist() for column in columns]))
    assert results[0] == results[1] == results[2], "what lies around a block changes what is found in it"


def next_block(source: random.Random) -> bytes:
    content = mutation.damaged_file(source.choice(corpus.files())[:20000], source)
    ng = content[:4] == b"\x0a\x0d\x0d\x0a"
    skip = 0 if ng else 24
    return bytes([source.randrange(256) & 0xFE | (0 if ng else 1)]) + content[skip:]


_LINKS = (1, 1, 101, 1)
_AROUND = (b"", bytes(200), b"\xff" * 200)


def check_rings(data: bytes) -> None:
    """Raise unless the block of a ring is walked to its end, in the same way whatever lies around it."""
    if len(data) < 2:
        return
    flags, block = data[0], data[1:]
    results = []
    for around in _AROUND:
        found = index.new_index()
        found.file[index.LINK_TYPE] = _LINKS[flags & 3]
        found.file[index.SKIP_OUTGOING] = flags >> 7
        whole = np.frombuffer(bytearray(around + block + around), np.uint8)
        start, end = len(around), len(around) + len(block)
        with np.errstate(over="ignore"):
            place, reason = ring.index_ring(whole, start, start, end, found)
        assert reason in (index.NEED_MORE, index.CORRUPT), "no block of this size fills the index"
        count = int(found.file[index.COUNT])
        assert count * ring.PACKET_HEADER <= len(block)
        assert (found.offsets[:count] >= start + ring.BLOCK_HEADER).all()
        assert (found.offsets[:count] + found.captured[:count] <= end).all()
        assert (found.wire[:count] >= found.captured[:count]).all()
        columns = (found.captured, found.wire, found.times, found.links, found.vlans)
        offsets = (found.offsets[:count] - start).tolist()
        results.append((int(place) - start, int(reason), offsets, [column[:count].tolist() for column in columns]))
    assert results[0] == results[1] == results[2], "what lies around a block changes what is found in it"


@cache
def ring_seeds() -> Sequence[bytes]:
    """Blocks with the packets of stretches in them, some with a tag that the card took out, some on their way out."""
    found = []
    for number, stretch in enumerate(corpus.stretches()):
        frames = [sent.data for sent in stretch if sent.data]
        if frames:
            tags = {place: (0x8100 if place % 2 else 0, place + 1) for place in range(0, len(frames), 3)}
            kinds = (0x0800, 0x86DD)[number % 2 : number % 2 + 1] * len(frames) if number % 3 == 2 else ()
            block = ring_block(frames, tags=tags, kinds=kinds, outgoing=range(1, len(frames), 4))
            found.append(bytes([number % 3 | (number % 2) << 7]) + block)
    return found


def next_ring(source: random.Random) -> bytes:
    """A block whose headers are damaged more often than what is in the packets."""
    seed = source.choice(ring_seeds())
    block = bytearray(seed[1:])
    for _ in range(source.choice((0, 1, 1, 2, 4))):
        headers = _headers(block)
        at = source.choice(headers)
        size = ring.BLOCK_HEADER if at == 0 else ring.PACKET_HEADER
        block[at : at + size] = mutation.damaged(bytes(block[at : at + size]), bytes(block[at:]), source)[:size]
    if source.random() < 0.3:
        block = bytearray(mutation.damaged_file(bytes(block), source))
    return bytes([source.randrange(256) if source.random() < 0.2 else seed[0]]) + bytes(block)


def _headers(block: bytearray) -> list[int]:
    """Where the headers of a block are, as far as its chain can be followed."""
    places, place = [0], ring.BLOCK_HEADER
    while place + ring.PACKET_HEADER <= len(block) and len(places) < 100:
        places.append(place)
        following = int.from_bytes(block[place : place + 4], "little")
        if following < ring.PACKET_HEADER:
            break
        place += following
    return places
