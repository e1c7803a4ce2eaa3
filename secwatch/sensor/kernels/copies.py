"""Copies of datagrams: mirror ports show packets twice, and UDP has no sequence numbers that would tell.

Zeek takes a copy for another message (zeek/zeek#2206 asks for better). Here it counts as a packet and as a
repeated one, as of TCP, and makes no second row. A copy has the identification of its IPv4 packet:
whoever says something again sends another packet, and not so soon (RFC 1035, section 4.2.1, lets a client wait
for seconds, RFC 6762 for one). IPv6 has none: the bytes and the moment decide. The TTL and the VLAN may differ:
a mirror of two networks shows a packet on both sides of the router.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.history import difference
from secwatch.sensor.kernels.reads import Bytes, big16, big32, big64, byte, signed
from secwatch.sensor.kernels.records import PHASE
from secwatch.sensor.kernels.state import RETRANSMISSIONS, Record, SensorState

# µs. Switches and mirrors hold a packet for less than a millisecond, a busy one or a tunnel for some.
_WINDOW = 10_000
_IPV4_AND_UDP = 28  # bytes of both headers, without options


@part
def is_copy(state: SensorState, data: Bytes, number: int, packet: Record, from_source: bool) -> bool:
    """Return whether a datagram of a UDP flow is one of the last four of its side once more; count it then.

    A side of a UDP flow keeps its fingerprints where one of TCP keeps its STREAM, the newest first, and in place
    of its next sequence number when it came; PHASE says that they are there.
    """
    identification = _identification(data, packet)
    if identification < 0:
        return False
    mark = _fingerprint(state, data, packet, identification)
    flow = state.flows[np.uint64(number)]
    side = 1 if from_source else 2
    stream = state.streams[np.uint64(number), np.uint64(side - 1)]
    time = np.uint32(signed(packet["time"]) & 0xFFFFFFFF)
    seen = signed(flow["seen"])
    before = signed(flow["source_next"] if from_source else flow["destination_next"])
    if from_source:
        flow["source_next"] = time
    else:
        flow["destination_next"] = time
    if seen & (PHASE * side) == 0 or abs(difference(signed(time), before)) > _WINDOW:
        flow["seen"] = seen | PHASE * side
        stream["gap_start"], stream["gap_end"], stream["message"], stream["slot"] = mark, mark, mark, mark
        return False
    if mark == stream["gap_start"] or mark == stream["gap_end"] or mark == stream["message"] or mark == stream["slot"]:
        state.control[RETRANSMISSIONS] += 1
        if from_source:
            flow["source_retransmissions"] += np.uint32(1)
        else:
            flow["destination_retransmissions"] += np.uint32(1)
        return True
    stream["slot"] = stream["message"]
    stream["message"] = stream["gap_end"]
    stream["gap_end"] = stream["gap_start"]
    stream["gap_start"] = mark
    return False


@part
def _identification(data: Bytes, packet: Record) -> int:
    """Return the identification of the IPv4 packet, 0 for IPv6, -1 where it is not in its place (options).

    It is looked up here, so that packets that nobody asks about need not keep it. Both headers lie in front of
    the payload: their bytes are there.
    """
    if packet["version"] == 6:
        return signed(0)
    start = signed(packet["payload_start"]) - _IPV4_AND_UDP
    if start < 0 or byte(data, start) != 0x45 or byte(data, start + 9) != 17:
        return signed(-1)
    same = big32(data, start + 12) == packet["source_low"] and big32(data, start + 16) == packet["destination_low"]
    return big16(data, start + 4) if same else signed(-1)


@part
def _fingerprint(state: SensorState, data: Bytes, packet: Record, identification: int) -> np.uint32:
    """Return 32 bits of a hash of the payload, its length and the identification.

    The seed is secret and every word is stirred: nobody can make two messages of which the second goes unseen.
    """
    start, end = signed(packet["payload_start"]), signed(packet["payload_end"])
    length = signed(packet["payload_length"]) & 0xFFFFFFFF
    hashed = _stir(state.seed[0] ^ np.uint64(identification << 32 | length))
    offset = start
    while offset + 8 <= end:
        hashed = _stir(hashed ^ big64(data, offset))
        offset += 8
    rest = np.uint64(0)
    while offset < end:
        rest = rest << np.uint64(8) | np.uint64(byte(data, offset))
        offset += 1
    return np.uint32(_stir(hashed ^ rest) >> np.uint64(32))


@part
def _stir(word: np.uint64) -> np.uint64:
    """Return a permutation of the word in which every bit depends on every other: the mixer of SplitMix64."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
