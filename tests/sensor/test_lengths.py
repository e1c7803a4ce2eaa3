"""Volumes are those of the wire: no header makes a packet longer than what was sent."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.sensor.frames import ACK, CLIENT, SERVER, ethernet, ipv4, ipv6, pcap, segment, tcp, udp
from tests.sensor.reading import Reading, accounted, read

_BEYOND = "ip_length_beyond_wire"


def _read(tmp_path: Path, *frames: bytes, snaplen: int = 262144) -> Reading:
    timed = [(1e9 + number / 100, frame) for number, frame in enumerate(frames)]
    reading = read(pcap(tmp_path / "f.pcap", timed, snaplen=snaplen))
    assert accounted(reading)
    return reading


def _volume(reading: Reading) -> list[tuple[int, int]]:
    return [(flow["source_bytes"], flow["source_payload_bytes"]) for flow in reading.flows]


def test_nobody_can_claim_a_volume_that_was_not_sent(tmp_path: Path) -> None:
    datagram = struct.pack(">HHHH", 7777, 9999, 65515, 0) + b"x" * 10
    reading = _read(tmp_path, *[ethernet(ipv4(datagram, 17, total=65535))] * 50)
    assert _volume(reading) == [(50 * 38, 50 * 10)]
    assert reading.counters.malformed == {_BEYOND: 50}


def test_what_lies_behind_the_claim_is_still_read(tmp_path: Path) -> None:
    """The next segment of a stream begins where the bytes ended, not where the header said."""
    head, rest = b"GET /secret HTTP/1.1\r\n", b"Host: portal.example\r\n\r\n"
    first = ethernet(ipv4(tcp(ACK, head, sequence=1), 6, total=60000))
    reading = _read(tmp_path, first, segment(ACK, rest, sequence=1 + len(head)))
    assert [(row["uri"], row["host"]) for row in reading.http] == [("/secret", "portal.example")]
    assert _volume(reading) == [(80 + len(head) + len(rest), len(head) + len(rest))]


def test_other_claims(tmp_path: Path) -> None:
    """IPv6, a jumbogram (RFC 2675), a last fragment, the packet in a tunnel, and a tunnel itself."""
    plain = ipv6(udp(b"x" * 10, (7777, 9999)), 17)
    long = plain[:4] + b"\xff\xff" + plain[6:]
    jumbo = ipv6(b"\x11\0\xc2\x04\x7f\xff\xff\xff" + udp(b"x" * 10, (7777, 9999)), 0)
    jumbo = jumbo[:4] + b"\0\0" + jumbo[6:]
    later = ipv4(b"y" * 40, 17, fragment=100, total=65535)
    inner = ipv4(udp(b"x" * 10, (7777, 9999)), 17, total=65535)
    for packet, kind, expected in (
        (long, 0x86DD, (58, 10)),
        (jumbo, 0x86DD, (66, 10)),
        (later, 0x0800, (60, 40)),
        (ipv4(inner, 4, "198.51.100.1", "198.51.100.2"), 0x0800, (38, 10)),
    ):
        reading = _read(tmp_path, ethernet(packet, kind))
        assert _volume(reading) == [expected]
        assert reading.counters.malformed == {_BEYOND: 1}
    both = ipv4(inner, 4, "198.51.100.1", "198.51.100.2", total=65535)
    assert _volume(_read(tmp_path, ethernet(both))) == [(38, 10)]
    assert _volume(_read(tmp_path, ethernet(ipv4(both, 4, fragment=0x2000)))) == [(38, 10)]


def test_what_the_capture_cut_or_the_card_splits_later_is_believed(tmp_path: Path) -> None:
    frame = segment(ACK, b"z" * 1000)
    assert _volume(_read(tmp_path, frame, snaplen=60)) == [(1040, 1000)]
    offloaded = ethernet(ipv4(tcp(ACK, b"z" * 1000), 6, total=0))
    padded = segment(ACK, b"z" * 3) + bytes(20)
    reading = _read(tmp_path, offloaded, padded)
    assert _volume(reading) == [(1040 + 43, 1003)]
    assert reading.counters.malformed == {}


@pytest.mark.parametrize("fragment", [0x2000, 0])
def test_a_packet_over_two_fragments_of_its_tunnel(tmp_path: Path, fragment: int) -> None:
    """What a tunnel sends in two pieces is whole; it counts as far as it is in the first one."""
    inner = ipv4(tcp(ACK, b"z" * 1000), 6)
    frame = ethernet(ipv4(inner[:504], 4, "198.51.100.1", "198.51.100.2", fragment=fragment))
    reading = _read(tmp_path, frame)
    assert [(flow["source_address"], flow["destination_address"]) for flow in reading.flows] == [(CLIENT, SERVER)]
    assert _volume(reading) == [(504, 504 if fragment else 464)]
    assert reading.counters.malformed == ({} if fragment else {_BEYOND: 1})
