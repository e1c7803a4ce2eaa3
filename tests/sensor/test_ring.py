"""The packets of a ring block: where they are, their tags and times, and what a damaged block does."""

from __future__ import annotations

import numpy as np
import pytest

from secwatch.sensor.kernels import index, ring, track
from secwatch.sensor.reader import SensorSettings
from tests.sensor.frames import ACK, SYN, ethernet, ipv4, ring_block, segment, tcp

Found = list[tuple[int, ...]]


def _find(block: bytes, *, link: int = 1, skip_outgoing: bool = False, end: int | None = None) -> tuple[Found, int]:
    """(captured, wire, time, link, tag) of every packet, and why the finder stopped; the array ends with the block."""
    found = index.new_index()
    found.file[index.LINK_TYPE], found.file[index.SKIP_OUTGOING] = link, skip_outgoing
    data = np.frombuffer(bytearray(b"\xaa" * 100 + block), np.uint8)
    place, reason, packets = 100, index.INDEX_FULL, []
    while reason == index.INDEX_FULL:
        place, reason = ring.index_ring(data, place, 100, end or len(data), found)
        for row in range(found.file[index.COUNT]):
            columns = (found.captured, found.wire, found.times, found.links, found.vlans)
            packets.append(tuple(int(column[row]) for column in columns))
            assert 100 <= found.offsets[row] <= len(data) - found.captured[row]
    return packets, reason


def test_packets_with_times_lengths_and_tags() -> None:
    frames = [segment(SYN), segment(ACK, b"x" * 100), segment(ACK)]
    block = ring_block(frames, tags={1: (0x88A8, 0x2064), 2: (0, 7)}, wire={1: 5000})
    found, reason = _find(block)
    start = 1_700_000_000_000_000
    assert reason == index.NEED_MORE
    assert found == [
        (54, 54, start, 1, 0),
        (154, 5000, start + 1, 1, 0x88A8 << 16 | 0x2064),
        (54, 54, start + 2, 1, 0x8100 << 16 | 7),
    ]


def test_a_block_of_more_packets_than_the_index_holds() -> None:
    found, reason = _find(ring_block([b"\0" * 14] * (2 * index.INDEX_ROWS + 5)))
    assert (len(found), reason) == (2 * index.INDEX_ROWS + 5, index.NEED_MORE)
    assert [packet[2] for packet in found] == sorted({packet[2] for packet in found})


def test_an_empty_block_has_no_packets() -> None:
    assert _find(ring_block([])) == ([], index.NEED_MORE)


def test_own_packets_of_the_loopback_come_once() -> None:
    block = ring_block([segment(SYN)] * 4, outgoing={0, 2})
    assert len(_find(block)[0]) == 4
    assert len(_find(block, skip_outgoing=True)[0]) == 2


def test_links_without_ethernet_have_ip_or_something_else() -> None:
    """The system says what a packet of a tunnel is; the first digit of a packet that is no IP must not."""
    ip = ipv4(tcp(SYN), 6)
    found, _ = _find(
        ring_block([ip, b"\x60" + bytes(60), b"\x45" + bytes(30)], kinds=(0x0800, 0x86DD, 0x88CC)), link=101
    )
    assert [packet[3] for packet in found] == [228, 229, -2]


def test_the_tag_of_the_card_is_the_flows_tag_unless_there_is_an_inner_one() -> None:
    inner = ethernet(ipv4(tcp(SYN, ports=(1, 2)), 6), tags=[(0x8100, 300)])
    state, found = SensorSettings().new_state(), index.new_index()
    found.file[index.LINK_TYPE] = 1
    data = np.frombuffer(bytearray(ring_block([segment(SYN), inner], tags={0: (0x8100, 42), 1: (0x88A8, 9)})), np.uint8)
    ring.index_ring(data, 0, 0, len(data), found)
    assert track.track(state, data, found, 0, 2) == 2
    assert state.flows["vlan"][:2].tolist() == [42, 300]
    assert state.flows["outer_vlan"][:2].tolist() == [0, 9], "as in a file that holds both tags"
    assert state.control[1] == 54 + 4 + 58 + 4, "the tag was on the wire too"


@pytest.mark.parametrize("place", [12, 16, 48, 48 + 12, 48 + 24])
@pytest.mark.parametrize("value", [0, 1, 47, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
def test_no_offset_leads_out_of_the_block(place: int, value: int) -> None:
    block = bytearray(ring_block([segment(SYN), segment(ACK)]))
    size = 2 if place == 48 + 24 else 4
    block[place : place + size] = (value & (256**size - 1)).to_bytes(size, "little")
    found, reason = _find(bytes(block))
    assert len(found) <= 3
    assert reason in (index.NEED_MORE, index.CORRUPT)


def test_a_block_cut_anywhere_gives_what_stands_before() -> None:
    block = ring_block([segment(SYN), segment(ACK)])
    counts = []
    for size in range(len(block)):
        found, _ = _find(block[:size])
        counts.append(len(found))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2} or set(counts) == {0, 1}


def test_time_moves_on_without_packets() -> None:
    """An idle link has no packet time: the clock ends what is over, and only that."""
    settings = SensorSettings(attempt_seconds=20)
    state, found = settings.new_state(), index.new_index()
    found.file[index.LINK_TYPE] = 1
    data = np.frombuffer(bytearray(ring_block([segment(SYN)])), np.uint8)
    ring.index_ring(data, 0, 0, len(data), found)
    track.track(state, data, found, 0, 1)
    start = int(found.times[0])
    for later, finished in ((0, 0), (19, 0), (20, 0), (21, 1), (9999, 1)):
        assert track.tick(state, start + later * 1_000_000)
        assert state.control[9] == finished
    assert state.finished["reason"][0] == 1
