"""Mirror ports show packets twice: the copy of a datagram counts as a packet, and makes no second row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sensor.frames import CLIENT, SERVER, dns, ethernet, ipv4, ipv6, pcap, record, udp
from tests.sensor.protocols.test_dhcp import message, option
from tests.sensor.reading import Reading, accounted, read

ANSWER = 0x8180
MICROSECOND = 1e-6


def _packet(payload: bytes, identifier: int, *, answer: bool = False, ports: tuple[int, int] = (40000, 53)) -> bytes:
    """An IPv4 packet of a flow from CLIENT to SERVER."""
    ends = (SERVER, CLIENT) if answer else (CLIENT, SERVER)
    return ipv4(udp(payload, ports[::-1] if answer else ports), 17, *ends, identifier=identifier)


def _reply(identifier: int, question: str = "www.example.com", kind: int = 1) -> bytes:
    data = bytes([192, 0, 2, 4]) if kind == 1 else bytes(16)
    return dns(identifier, question, kind, answers=[record(kind, data)], flags=ANSWER)


def _read(tmp_path: Path, packets: list[tuple[float, bytes]]) -> Reading:
    """Read IPv4 packets, each so many seconds after the first."""
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + time, ethernet(packet)) for time, packet in packets]))
    assert accounted(reading)
    return reading


def test_a_mirrored_look_up_is_one_row(tmp_path: Path) -> None:
    """A mirror of both directions of a switch: every packet comes in and goes out."""
    query, reply = _packet(dns(7), 11), _packet(_reply(7), 12, answer=True)
    times = [0.0, 5 * MICROSECOND, 0.002, 0.002005]
    reading = _read(tmp_path, list(zip(times, [query, query, reply, reply], strict=True)))
    (row,) = reading.dns
    assert (row["answers"], row["round_trip_seconds"]) == (["192.0.2.4"], pytest.approx(0.002))
    (flow,) = reading.flows
    assert (flow["source_packets"], flow["destination_packets"]) == (2, 2), "packets are what was captured"
    assert (flow["source_retransmissions"], flow["destination_retransmissions"]) == (1, 1)
    assert reading.counters.retransmissions == 2


def test_copies_of_two_questions_sent_together_come_mixed(tmp_path: Path) -> None:
    """A and AAAA leave one socket back to back: both are on the wire before the first copy is."""
    first, second = _packet(dns(1), 21), _packet(dns(2, kind=28), 22)
    answers = [_packet(_reply(1), 31, answer=True), _packet(_reply(2, kind=28), 32, answer=True)]
    order = [first, second, first, second, *answers, *answers]
    reading = _read(tmp_path, [(number * MICROSECOND, packet) for number, packet in enumerate(order)])
    assert sorted((row["query_type"], row["response_code"]) for row in reading.dns) == [
        ("A", "NOERROR"), ("AAAA", "NOERROR"),
    ]  # fmt: skip
    assert reading.counters.retransmissions == 4


@pytest.mark.parametrize(
    ("later", "identifier", "question"),
    [(0.0001, 12, "www.example.com"), (1.0, 11, "www.example.com"), (0.0001, 11, "www.example.org")],
    ids=["another identification", "a second later", "another content"],
)
def test_what_a_client_says_again_is_no_copy(tmp_path: Path, later: float, identifier: int, question: str) -> None:
    again = _packet(dns(7, question), identifier)
    reading = _read(tmp_path, [(0.0, _packet(dns(7), 11)), (later, again)])
    assert len(reading.dns) == 2
    assert reading.counters.retransmissions == 0


def test_a_copy_may_have_passed_a_router(tmp_path: Path) -> None:
    """Two mirrored networks: a hop less, the checksum is another, and so is the VLAN."""
    packet = bytearray(_packet(dns(7), 11))
    routed = bytearray(packet)
    routed[8] -= 1
    routed[10:12] = b"\x12\x34"
    frames = [(1e9, ethernet(bytes(packet))), (1e9 + 20 * MICROSECOND, ethernet(bytes(routed), tags=[(0x8100, 9)]))]
    reading = read(pcap(tmp_path / "f.pcap", frames))
    assert (len(reading.dns), reading.counters.retransmissions) == (1, 1)


def test_ipv6_has_no_identification(tmp_path: Path) -> None:
    """There the bytes and the moment decide."""
    packet = ipv6(udp(dns(7)), 17)
    frames = [(1e9 + time, ethernet(packet, 0x86DD)) for time in (0, 5 * MICROSECOND, 1.0)]
    reading = read(pcap(tmp_path / "f.pcap", frames))
    assert (len(reading.dns), reading.counters.retransmissions) == (2, 1)


def test_other_datagrams_that_make_rows_make_one(tmp_path: Path) -> None:
    request = _packet(message(option(53, b"\1") + b"\xff"), 5, ports=(68, 67))
    reading = _read(tmp_path, [(0.0, request), (3 * MICROSECOND, request)])
    assert (len(reading.dhcp), reading.counters.retransmissions) == (1, 1)


def test_a_name_that_differs_in_any_byte_is_another(tmp_path: Path) -> None:
    """All of the message counts, also its last bytes, and those in the middle of a word."""
    base = "a" * 40 + ".example.com"
    names = [base[:place] + "b" + base[place + 1 :] for place in range(40)]
    packets = [_packet(dns(7, question), 11) for question in names]
    reading = _read(tmp_path, [(number * MICROSECOND, packet) for number, packet in enumerate(packets)])
    assert {row["query"] for row in reading.dns} == set(names)
