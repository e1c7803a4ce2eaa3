"""Whole packets: copied from a block into pcapng blocks, and chosen by what they are, without Python seeing each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.community import put_community_id
from secwatch.sensor.kernels.compiler import kernel, part
from secwatch.sensor.kernels.decode import decode
from secwatch.sensor.kernels.index import PacketIndex
from secwatch.sensor.kernels.link import ETHERNET
from secwatch.sensor.kernels.reads import Bytes, byte, signed
from secwatch.sensor.kernels.state import GOOD, Record, SensorState

RAW = 101  # LINKTYPE_RAW: IPv4 or IPv6, as the first four bits say
BLOCK_OVERHEAD = 32  # bytes of an enhanced packet block around its packet
LARGEST_TAG = 4

# Places in the numbers that `write_blocks` adds up.
KEPT, LEFT_OUT, FIRST, LAST, SUMS = range(5)


@part
def _of_link(link: int, wanted: int) -> bool:
    """Return whether a packet of one link type may stand under an interface of another."""
    return link == wanted or (wanted == RAW and (link == 228 or link == 229 or link == 12 or link == 14))


@part
def _copy(data: Bytes, start: int, size: int, out: Bytes, place: int) -> None:
    for index in range(size):
        out[np.uint64(place + index)] = data[np.uint64(start + index)]


@kernel
def write_blocks(
    data: Bytes,
    index: PacketIndex,
    start: int,
    count: int,
    interface: int,
    link: int,
    out: Bytes,
    words: NDArray[np.uint32],
    sums: NDArray[np.int64],
) -> tuple[int, int]:
    """Write packets start..count of the index as enhanced packet blocks into `out`, as many as fit.

    `words` is the same memory as `out` in words of four bytes, which pcapng blocks consist of. A VLAN tag that
    the network card took out is put back. A packet of another link type than `link`, or outside `data`, is left
    out. Adds to sums (KEPT, LEFT_OUT) and widens its times (FIRST, LAST; µs).
    Return (first packet not written, bytes of `out` used). Specification: draft-ietf-opsawg-pcapng, section 4.3.
    """
    place = 0
    for number in range(start, count):
        offset, captured = index.offsets[number], index.captured[number]
        if offset < 0 or captured < 0 or offset + captured > len(data) or not _of_link(index.links[number], link):
            sums[LEFT_OUT] += 1
            continue
        vlan = index.vlans[number]
        tag = LARGEST_TAG if vlan != 0 and link == ETHERNET and captured >= 12 else 0
        size = captured + tag
        whole = BLOCK_OVERHEAD + ((size + 3) & ~3)
        if place + whole > len(out):
            return number, place
        time = max(index.times[number], 0)
        word = place >> 2
        words[np.uint64(word + (whole >> 2) - 2)] = 0  # the padding, before the packet covers most of it
        words[np.uint64(word)] = 6
        words[np.uint64(word + 1)] = whole
        words[np.uint64(word + 2)] = interface
        words[np.uint64(word + 3)] = time >> 32
        words[np.uint64(word + 4)] = time & 0xFFFFFFFF
        words[np.uint64(word + 5)] = size
        words[np.uint64(word + 6)] = index.wire[number] + tag
        words[np.uint64(word + (whole >> 2) - 1)] = whole
        if tag:
            _copy(data, offset, 12, out, place + 28)
            for shift in range(4):
                out[np.uint64(place + 40 + shift)] = (vlan >> (24 - 8 * shift)) & 255
            _copy(data, offset + 12, captured - 12, out, place + 44)
        else:
            _copy(data, offset, captured, out, place + 28)
        place += whole
        sums[KEPT] += 1
        sums[FIRST] = min(sums[FIRST], time)
        sums[LAST] = max(sums[LAST], time)
    return count, place


# Places in the numbers of a wish, which `choose` compares packets with; what is not asked for is 0.
SINCE, UNTIL, ENDS, VERSION, HIGH, LOW, OTHER_VERSION, OTHER_HIGH, OTHER_LOW, PORTS, BY_FLOW, PORT = range(12)
MOST_PORTS = 64
WISH_SIZE = PORT + MOST_PORTS


@kernel
def choose(
    state: SensorState,
    data: Bytes,
    index: PacketIndex,
    count: int,
    wish: NDArray[np.uint64],
    flow: Bytes,
    words: NDArray[np.uint32],
    chosen: NDArray[np.int64],
) -> int:
    """Write the numbers of the packets that fit the wish into `chosen` (shape INDEX_ROWS) and return how many.

    wish: SINCE and UNTIL in µs, both included; ENDS 0 to 2 addresses that must be the packet's; PORTS of which
    one must be; BY_FLOW 1 if its Community ID must be the 30 bytes of `flow` (shape 64: the rest is room to work).
    """
    since, until = signed(wish[SINCE]), signed(wish[UNTIL])
    any_packet = wish[ENDS] == 0 and wish[PORTS] == 0 and wish[BY_FLOW] == 0
    found = 0
    for number in range(count):
        time = index.times[number]
        if time < since or time > until:
            continue
        if not any_packet:
            offset, captured, wire = index.offsets[number], index.captured[number], index.wire[number]
            if decode(state, data, offset, captured, wire, index.links[number], index.vlans[number]) != GOOD:
                continue
            if not _fits(state.packet[0], wish):
                continue
            if wish[BY_FLOW] == 1 and not _of_flow(state.packet[0], flow, words):
                continue
        chosen[np.uint64(found)] = number
        found += 1
    return found


@part
def _fits(packet: Record, wish: NDArray[np.uint64]) -> bool:
    """Return whether the packet's ends and ports are those of the wish."""
    if wish[ENDS] >= 1:
        from_first = _is_end(packet, wish, VERSION, True)
        to_first = _is_end(packet, wish, VERSION, False)
        if wish[ENDS] == 1:
            if not from_first and not to_first:
                return False
        elif not (from_first and _is_end(packet, wish, OTHER_VERSION, False)) and not (
            to_first and _is_end(packet, wish, OTHER_VERSION, True)
        ):
            return False
    ports = signed(wish[PORTS])
    if ports == 0:
        return True
    for place in range(PORT, PORT + ports):
        port = wish[np.uint64(place)]
        if packet["source_port"] == port or packet["destination_port"] == port:
            return True
    return False


@part
def _is_end(packet: Record, wish: NDArray[np.uint64], place: int, source: bool) -> bool:
    """Return whether an end of the packet is the address at this place of the wish (version, high, low)."""
    if packet["version"] != wish[np.uint64(place)]:
        return False
    high, low = wish[np.uint64(place + 1)], wish[np.uint64(place + 2)]
    if source:
        return bool(packet["source_high"] == high and packet["source_low"] == low)
    return bool(packet["destination_high"] == high and packet["destination_low"] == low)


@part
def _of_flow(packet: Record, flow: Bytes, words: NDArray[np.uint32]) -> bool:
    """Return whether the packet's Community ID is the one in flow[0:30]; flow[32:62] is overwritten."""
    put_community_id(flow, 32, packet, words)
    for place in range(30):
        if byte(flow, place) != byte(flow, place + 32):
            return False
    return True
