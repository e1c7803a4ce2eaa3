"""Finding the packets in a block of a pcap or pcapng file. The capture ring has its own finder (ring.py).

A finder fills an index (offset, captured length, wire length, time, link type, VLAN tag) that the
rest of the sensor reads; it never looks into a packet.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import kernel, part
from secwatch.sensor.kernels.reads import Bytes, big32, byte, file16, file32, signed

INDEX_ROWS = 8192
LARGEST_PACKET = 262144  # bytes; the limit of libpcap (MAXIMUM_SNAPLEN), as a guard against damage
LARGEST_BLOCK = 16 << 20  # bytes of one pcapng block, as Wireshark limits them
MOST_INTERFACES = 1024
LATEST_SECOND = 1 << 42  # since 1970; later ones are taken as this, which no sensor takes: two still add up in 63 bits

# Why a finder stopped.
NEED_MORE, INDEX_FULL, CORRUPT = range(3)

# Places in `PacketIndex.file`: what the finder must remember of the file.
(
    COUNT,  # packets found in this call
    SWAPPED,  # 1: big-endian
    RECORD_HEADER,  # pcap: bytes of a record header
    NANOSECONDS,  # pcap: 1 if times are in nanoseconds
    LINK_TYPE,  # pcap: of the whole file
    INTERFACES,  # pcapng: interfaces of this section so far
    SECTIONS,  # pcapng: section headers so far
    TIME,  # pcapng: of the last packet that had one
    LEFT,  # ring: packets of the block that no index has taken yet
    INTERFACE,  # ring: which of the captured interfaces the block came from, from 0
    SKIP_OUTGOING,  # ring: 1 if packets that this machine sends come a second time, as received ones
    FILE_SIZE,
) = range(12)
NO_TIME = -1  # of a packet whose interface the file does not describe


class PacketIndex(NamedTuple):
    """Where the packets of a block are. Arrays are int64 of shape (INDEX_ROWS,) unless said otherwise."""

    offsets: NDArray[Any]
    captured: NDArray[Any]
    wire: NDArray[Any]
    times: NDArray[Any]  # microseconds since 1970
    links: NDArray[Any]
    vlans: NDArray[Any]  # the tag that the network card took out, EtherType << 16 | tag; 0 for none
    file: NDArray[Any]  # (FILE_SIZE,)
    interfaces: NDArray[Any]  # (MOST_INTERFACES, 4): link, resolution exponent, base 2, offset s


def new_index() -> PacketIndex:
    """Return an empty index."""
    return PacketIndex(
        offsets=np.zeros(INDEX_ROWS, np.int64),
        captured=np.zeros(INDEX_ROWS, np.int64),
        wire=np.zeros(INDEX_ROWS, np.int64),
        times=np.zeros(INDEX_ROWS, np.int64),
        links=np.zeros(INDEX_ROWS, np.int64),
        vlans=np.zeros(INDEX_ROWS, np.int64),
        file=np.zeros(FILE_SIZE, np.int64),
        interfaces=np.zeros((MOST_INTERFACES, 4), np.int64),
    )


@kernel
def index_pcap(data: Bytes, start: int, end: int, index: PacketIndex) -> tuple[int, int]:
    """Fill the index from data[start:end]. Return (offset of the first byte not used, why it stopped)."""
    swapped = index.file[SWAPPED] == 1
    header = index.file[RECORD_HEADER]
    nanoseconds = index.file[NANOSECONDS] == 1
    link = index.file[LINK_TYPE]
    offset = start
    count = 0
    reason = NEED_MORE
    while offset + header <= end:
        captured = file32(data, offset + 8, swapped)
        if captured > LARGEST_PACKET:
            reason = CORRUPT
            break
        if offset + header + captured > end:
            break
        if count == INDEX_ROWS:
            reason = INDEX_FULL
            break
        fraction = file32(data, offset + 4, swapped)
        if nanoseconds:
            fraction //= 1000
        index.times[count] = file32(data, offset, swapped) * 1000000 + fraction
        index.offsets[count] = offset + header
        index.captured[count] = captured
        index.wire[count] = max(captured, min(file32(data, offset + 12, swapped), LARGEST_PACKET))
        index.links[count] = link
        count += 1
        offset += header + captured
    index.file[COUNT] = count
    return offset, reason


@part
def _microseconds(high: int, low: int, exponent: int, binary: int, shift_seconds: int) -> int:
    """Return the time of a pcapng packet from its two halves and the resolution of its interface."""
    ticks = (np.uint64(high) << np.uint64(32)) | np.uint64(low)
    if binary == 1:
        whole = ticks >> np.uint64(exponent)
        rest = signed(ticks - (whole << np.uint64(exponent)))
        seconds = signed(min(whole, np.uint64(LATEST_SECOND)))
        if exponent > 40:  # or the product below would overflow
            rest >>= exponent - 40
            exponent = 40
        return (seconds + shift_seconds) * 1000000 + ((rest * 1000000) >> exponent)
    while exponent > 6:
        ticks //= np.uint64(10)
        exponent -= 1
    time = signed(min(ticks, np.uint64(LATEST_SECOND * 1000000)))
    while exponent < 6:
        time = min(time, LATEST_SECOND * 100000) * 10
        exponent += 1
    return time + shift_seconds * 1000000


@part
def _read_interface(data: Bytes, start: int, end: int, swapped: bool, index: PacketIndex) -> None:
    """Remember the interface description in data[start:end] (the body of the block)."""
    number = index.file[INTERFACES]
    interface = index.interfaces[number]
    interface[0] = file16(data, start, swapped)
    interface[1] = 6  # microseconds unless an option says otherwise
    interface[2] = 0
    interface[3] = 0
    offset = start + 8
    while offset + 4 <= end:
        code = file16(data, offset, swapped)
        length = file16(data, offset + 2, swapped)
        offset += 4
        if code == 0 or offset + length > end:
            break
        if code == 9 and length >= 1:  # if_tsresol
            resolution = byte(data, offset)
            interface[1] = min(resolution & 0x7F, 62 if resolution & 0x80 else 18)
            interface[2] = resolution >> 7
        elif code == 14 and length >= 8:  # if_tsoffset
            low = file32(data, offset + (4 if swapped else 0), swapped)
            high = file32(data, offset + (0 if swapped else 4), swapped)
            interface[3] = max(min((high << 32) | low, LATEST_SECOND), -LATEST_SECOND)  # it has a sign
        offset += (length + 3) & ~3
    index.file[INTERFACES] = number + 1


@part
def _add_packet(data: Bytes, start: int, end: int, kind: int, swapped: bool, index: PacketIndex) -> bool:
    """Add the packet of an enhanced (6) or simple (3) packet block. Return whether it made sense."""
    count = index.file[COUNT]
    number = 0
    head = start + 4
    if kind == 6:
        if end - start < 20:
            return False
        number = file32(data, start, swapped)
        head = start + 20
        captured = file32(data, start + 12, swapped)
        wire = file32(data, start + 16, swapped)
    else:
        if end - start < 4:
            return False
        wire = file32(data, start, swapped)
        captured = min(wire, end - head)
    if captured > LARGEST_PACKET or head + captured > end:
        return False
    time = NO_TIME
    link = -1  # of an interface that the file does not describe
    if number < index.file[INTERFACES]:
        interface = index.interfaces[number]
        link = interface[0]
        if kind == 6:
            high = file32(data, start + 4, swapped)
            low = file32(data, start + 8, swapped)
            time = _microseconds(high, low, interface[1], interface[2], interface[3])
            index.file[TIME] = time
        else:
            time = index.file[TIME]  # simple packets carry no time: take the one before
    index.times[count] = time
    index.offsets[count] = head
    index.captured[count] = captured
    index.wire[count] = max(captured, min(wire, LARGEST_PACKET))
    index.links[count] = link
    index.file[COUNT] = count + 1
    return True


@kernel
def index_pcapng(data: Bytes, start: int, end: int, index: PacketIndex) -> tuple[int, int]:
    """Fill the index from data[start:end]. Return (offset of the first byte not used, why it stopped)."""
    offset = start
    index.file[COUNT] = 0
    reason = NEED_MORE
    while offset + 12 <= end:
        swapped = index.file[SWAPPED] == 1
        kind = file32(data, offset, swapped)
        if kind == 0x0A0D0D0A:
            magic = big32(data, offset + 8)
            if magic != 0x1A2B3C4D and magic != 0x4D3C2B1A:
                reason = CORRUPT
                break
            swapped = magic == 0x1A2B3C4D
        length = file32(data, offset + 4, swapped)
        if length < 12 or length > LARGEST_BLOCK or length & 3 != 0:
            reason = CORRUPT
            break
        if offset + length > end:
            break
        if index.file[COUNT] == INDEX_ROWS:
            reason = INDEX_FULL
            break
        body = offset + 8
        body_end = offset + length - 4
        if kind == 0x0A0D0D0A:
            index.file[SWAPPED] = 1 if swapped else 0
            index.file[INTERFACES] = 0
            index.file[SECTIONS] += 1
        elif kind == 1:
            if body_end - body < 8 or index.file[INTERFACES] >= MOST_INTERFACES:
                reason = CORRUPT
                break
            _read_interface(data, body, body_end, swapped, index)
        elif kind == 6 or kind == 3:
            if not _add_packet(data, body, body_end, kind, swapped, index):
                reason = CORRUPT
                break
        offset += length
    return offset, reason
