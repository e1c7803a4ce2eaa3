"""Choosing packets of captures by time, addresses, ports or flow: a kernel skims, only what fits becomes an object."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels import index as finder
from secwatch.sensor.kernels import packets
from secwatch.sensor.kernels.state import END_OF_TIME, new_state
from secwatch.sensor.pcapfile import BLOCK_BYTES, CaptureFile

_CARRY_BYTES = finder.LARGEST_BLOCK + (1 << 16)  # room for a record that began in the block before
_COMMUNITY_ID_LENGTH = 30
OnProgress = Callable[[int, int | None], None]


class Packet(NamedTuple):
    """A packet as captured: time in µs since 1970, link type of pcap, bytes it had on the wire, bytes that are here."""

    time: int
    link: int
    wire: int
    content: bytes


@dataclass(frozen=True)
class Wish:
    """Which packets are wanted: all that fit everything that is given.

    since and until are µs since 1970, both included. With one address either end must be it, with two the ends
    must be these. One of `ports` must be a port of the packet (ICMP: its type). Raise ValueError for what no
    packet can be: a text that is no address, more than two addresses, more than 64 ports, a malformed Community ID.
    """

    since: int = 0
    until: int = END_OF_TIME
    addresses: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    community_id: str | None = None

    def __post_init__(self) -> None:
        if len(self.addresses) > 2 or len(self.ports) > packets.MOST_PORTS:
            raise ValueError("at most two addresses and 64 ports")
        for address in self.addresses:
            ipaddress.ip_address(address)
        if any(not 0 <= port <= 65535 for port in self.ports):
            raise ValueError("a port lies between 0 and 65535")
        flow = self.community_id
        if flow is not None and not (len(flow) == _COMMUNITY_ID_LENGTH and flow.isascii() and flow.startswith("1:")):
            raise ValueError(f"{flow!r} is no Community ID of version 1")

    def numbers(self) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """Return the wish as the kernel `choose` takes it."""
        wish = np.zeros(packets.WISH_SIZE, np.uint64)
        wish[packets.SINCE], wish[packets.UNTIL] = max(self.since, 0), min(max(self.until, 0), END_OF_TIME)
        wish[packets.ENDS] = len(self.addresses)
        for place, text in zip((packets.VERSION, packets.OTHER_VERSION), self.addresses, strict=False):
            address = ipaddress.ip_address(text)
            wish[place] = address.version
            wish[place + 1], wish[place + 2] = divmod(int(address), 1 << 64)
        wish[packets.PORTS] = len(self.ports)
        wish[packets.PORT : packets.PORT + len(self.ports)] = self.ports
        flow = np.zeros(64, np.uint8)
        if self.community_id is not None:
            wish[packets.BY_FLOW] = 1
            flow[:_COMMUNITY_ID_LENGTH] = np.frombuffer(self.community_id.encode(), np.uint8)
        return wish, flow


class Blocks:
    """Walks the packets of an open capture block by block, without tracking flows.

    `damage` is truncated_file, corrupt_record, corrupt_block or corrupt_compression when the walk has met it.
    """

    def __init__(self, capture: CaptureFile):
        self._capture = capture
        self.index = finder.new_index()
        self.damage: str | None = None
        kind = capture.format
        self.index.file[finder.SWAPPED] = kind.swapped
        self.index.file[finder.RECORD_HEADER] = kind.record_header
        self.index.file[finder.NANOSECONDS] = kind.nanoseconds
        self.index.file[finder.LINK_TYPE] = kind.link_type

    def walk(self) -> Iterator[tuple[NDArray[np.uint8], int]]:
        """Yield (memory, packets): the first so many rows of `index` describe packets in that memory until the next.

        Raise UnreadableInput if the file stops being readable.
        """
        memory = np.empty(_CARRY_BYTES + BLOCK_BYTES, np.uint8)
        find = finder.index_pcapng if self._capture.format.pcapng else finder.index_pcap
        left, end = 0, 0
        skip = self._capture.format.header_bytes
        while True:
            rest = end - left
            memory[:rest] = memory[left:end].copy()
            size = self._capture.read_into(memory.data[rest : rest + BLOCK_BYTES])
            if not size:
                break
            left, end, skip = skip, rest + size, 0
            reason = finder.INDEX_FULL
            while reason == finder.INDEX_FULL:
                left, reason = find(memory, left, end, self.index)
                yield memory, int(self.index.file[finder.COUNT])
            if reason == finder.CORRUPT:
                self.damage = "corrupt_block" if self._capture.format.pcapng else "corrupt_record"
                return
        if self._capture.damage or end > left:
            self.damage = self._capture.damage or "truncated_file"


class Selector:
    """Finds the packets that fit a wish, in one capture after another.

    `damaged` holds the paths of those that end early or are broken inside: what stands before was looked at.
    """

    def __init__(self, wish: Wish):
        self._wish, self._flow = wish.numbers()
        self._words = np.zeros(80, np.uint32)
        self._chosen = np.zeros(finder.INDEX_ROWS, np.int64)
        self.damaged: list[str] = []

    def packets(self, path: str, on_progress: OnProgress | None = None) -> Generator[Packet, None, None]:
        """Yield the packets of a capture ("-": standard input) that fit, in their order there.

        Raise UnreadableInput if it cannot be opened or is no capture.
        """
        # Fresh for every capture: fragments of one are not those of another. Flows only: decoding writes rows of
        # ARP packets inside tunnels else, for which there is no room here.
        state = new_state(16, 16, (1, 1, 1, 1, 1, 1), event_rows=2, slots=1, flows_only=True)
        with CaptureFile(path) as capture:
            blocks = Blocks(capture)
            index = blocks.index
            for memory, count in blocks.walk():
                found = packets.choose(state, memory, index, count, self._wish, self._flow, self._words, self._chosen)
                for number in self._chosen[:found].tolist():
                    start, size = int(index.offsets[number]), int(index.captured[number])
                    yield Packet(
                        int(index.times[number]),
                        int(index.links[number]),
                        int(index.wire[number]),
                        memory[start : start + size].tobytes(),
                    )
                if on_progress is not None:
                    on_progress(capture.bytes_read, capture.size)
            if blocks.damage:
                self.damaged.append(path)


def first_time(path: str) -> int | None:
    """Return the time (µs) of the first packet of a capture; None if there is none in its first MiB.

    Raise UnreadableInput if it cannot be opened or is no capture.
    """
    with CaptureFile(path) as capture:
        blocks = Blocks(capture)
        for _, count in blocks.walk():
            times = blocks.index.times[:count]
            return int(times[0]) if count else None
    return None


class PcapWriter:
    """Writes packets as a pcap file: microseconds, little-endian, the link type of its first packet.

    A pcap file has one link type: packets of another are counted in `strangers` and not written.
    """

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._link = -1
        self.packets = 0
        self.strangers = 0
        self.bytes = 0

    def add(self, packet: Packet) -> None:
        """Write one packet."""
        if self._link < 0:
            self._link = packet.link
            self._write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, finder.LARGEST_PACKET, packet.link))
        if packet.link != self._link:
            self.strangers += 1
            return
        seconds, fraction = divmod(packet.time, 1_000_000)
        head = struct.pack("<IIII", seconds & 0xFFFFFFFF, fraction, len(packet.content), packet.wire)
        self._write(head + packet.content)
        self.packets += 1

    def _write(self, content: bytes) -> None:
        self._stream.write(content)
        self.bytes += len(content)
