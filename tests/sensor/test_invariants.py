"""What must hold however packets come: sums, splits, repeats, and the mirror port that shows everything twice."""

from __future__ import annotations

import itertools
import random
import struct
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secwatch.sensor.reader import SensorSettings
from tests.sensor.frames import ACK, FIN, SYN, datagram, dns, name, record, segment
from tests.sensor.hostile.corpus import packets_of
from tests.sensor.reading import Reading, Row, accounted, read

Packets = Sequence[bytes]
_GET = b"GET /search?q=1 HTTP/1.1\r\nHost: portal.example\r\nUser-Agent: browser\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"
_QUERY, _ANSWER = dns(7), dns(7, answers=[record(5, name("edge.example.net"))], flags=0x8180)
# A whole web connection and a DNS exchange, as a sensor sees them.
TRAFFIC = [
    segment(SYN, port=4, service=80, sequence=0),
    segment(SYN | ACK, port=4, service=80, sequence=0, answer=True),
    segment(ACK, port=4, service=80, sequence=1),
    segment(ACK, _GET, port=4, service=80, sequence=1),
    segment(ACK, _OK, port=4, service=80, sequence=1, answer=True),
    segment(ACK, _GET, port=4, service=80, sequence=1 + len(_GET)),
    segment(ACK, _OK, port=4, service=80, sequence=1 + len(_OK), answer=True),
    datagram(_QUERY),
    datagram(_ANSWER, answer=True),
    segment(FIN | ACK, port=4, service=80, sequence=1 + 2 * len(_GET)),
    segment(FIN | ACK, port=4, service=80, sequence=1 + 2 * len(_OK), answer=True),
]
NAMES = ("source_packets", "source_bytes", "source_payload_bytes")


def capture(path: Path, packets: Packets, *, link: int = 1, step: int = 1000) -> Path:
    """A pcap file of the packets, `step` µs apart."""
    content = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for number, packet in enumerate(packets):
        moment = 1_700_000_000_000_000 + number * step
        content += struct.pack("<IIII", moment // 10**6, moment % 10**6, len(packet), len(packet)) + packet
    path.write_bytes(content)
    return path


def totals(readings: Sequence[Reading]) -> Counter[str]:
    """Packets, bytes and payload bytes by end and peer, whoever was taken for the client."""
    found: Counter[str] = Counter()
    for flow in itertools.chain.from_iterable(reading.flows for reading in readings):
        ends = [f"{flow[f'{side}_address']} {flow[f'{side}_port']}" for side in ("source", "destination")]
        for side, (sender, receiver) in (("source", ends), ("destination", ends[::-1])):
            for value in NAMES:
                what = value.replace("source", side)
                found[f"{flow['transport']} {sender} to {receiver} {what.removeprefix(side)}"] += flow[what]
    return +found


def events(reading: Reading) -> Counter[str]:
    """The rows of all protocols without their times."""
    return Counter(
        repr({name: value for name, value in row.items() if name not in ("time", "round_trip_seconds")})
        for table, rows in reading.tables.items()
        if table not in ("flows", "icmp", "arp")
        for row in rows
    )


def _real(captures: Path, file: str) -> tuple[int, list[bytes]]:
    found = list(packets_of((captures / file).read_bytes()))
    return found[0][0], [packet for _, packet in found]


REAL = (
    "zeek__wikipedia.pcap",
    "zeek__tls_tls-expired-cert.pcap",
    "zeek__http_cooper-grill-dvwa.pcapng",
    "zeek__mixed-vlan-mpls.pcap",
    "nDPI__default_pcap_log4j-webapp-exploit.pcap",
    "suricata-verify__smb-eicar-file_input.pcap",
    "suricata-verify__ssh-hassh_input.pcap",
    "zeek__ftp_bruteforce.pcap",
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(TRAFFIC))), st.lists(st.sampled_from(range(len(TRAFFIC))), max_size=6))
def test_any_order_and_any_repetition_loses_no_packet(tmp_path: Path, order: list[int], again: list[int]) -> None:
    packets = [TRAFFIC[number] for number in [*order, *again]]
    reading = read(capture(tmp_path / "any.pcap", packets))
    assert accounted(reading)
    assert reading.counters.packets == len(packets)
    sums = sum(flow["source_packets"] + flow["destination_packets"] for flow in reading.flows)
    assert sums == len(packets), "all of them are IP and whole"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(TRAFFIC)))
def test_a_capture_cut_in_two_has_the_same_totals(tmp_path: Path, place: int) -> None:
    whole = read(capture(tmp_path / "whole.pcap", TRAFFIC))
    halves = [
        read(capture(tmp_path / f"{number}.pcap", half))
        for number, half in enumerate((TRAFFIC[:place], TRAFFIC[place:]))
    ]
    assert totals(halves) == totals([whole])


@pytest.mark.parametrize("file", REAL)
def test_a_real_capture_cut_anywhere_has_the_same_totals(captures: Path, tmp_path: Path, file: str) -> None:
    link, packets = _real(captures, file)
    whole = totals([read(capture(tmp_path / "whole.pcap", packets, link=link))])
    for place in random.Random(file).sample(range(len(packets) + 1), 6):
        halves = [packets[:place], packets[place:]]
        readings = [read(capture(tmp_path / "half.pcap", half, link=link)) for half in halves]
        assert totals(readings) == whole, place


@pytest.mark.parametrize("file", REAL)
def test_a_mirror_that_shows_all_twice_doubles_packets_and_no_stream_event(
    captures: Path, tmp_path: Path, file: str
) -> None:
    """Each packet is followed by its copy, as a mirror port of both directions shows it."""
    link, packets = _real(captures, file)
    once = read(capture(tmp_path / "once.pcap", packets, link=link))
    twice = read(capture(tmp_path / "twice.pcap", [copy for packet in packets for copy in (packet, packet)], link=link))
    assert totals([twice]) == Counter({name: 2 * value for name, value in totals([once]).items()})
    assert _stream_events(twice) == _stream_events(once)
    payloads = sum(_has_payload(flow) for flow in once.flows if flow["transport"] == "tcp")
    assert payloads == 0 or twice.counters.retransmissions > once.counters.retransmissions


def _has_payload(flow: Row) -> bool:
    return bool(flow["source_payload_bytes"] or flow["destination_payload_bytes"])


def _stream_events(reading: Reading) -> Counter[str]:
    """Rows of TCP connections: datagrams carry no numbers that would tell a copy."""
    found: Counter[str] = Counter()
    tcp = {flow["community_id"] for flow in reading.flows if flow["transport"] == "tcp"}
    for text, amount in events(reading).items():
        if any(identifier in text for identifier in tcp):
            found[text] = amount
    return found


@pytest.mark.parametrize("bound", [16, 32])
def test_a_full_table_loses_no_packet(captures: Path, tmp_path: Path, bound: int) -> None:
    """Flows that had to make room count for what they saw."""
    for file in ("zeek__wikipedia.pcap", "nDPI__default_pcap_synscan.pcap"):
        link, packets = _real(captures, file)
        path = capture(tmp_path / "all.pcap", packets, link=link)
        roomy, narrow = read(path), read(path, SensorSettings(max_flows=bound))
        assert accounted(narrow)
        assert totals([narrow]) == totals([roomy])
        assert any(flow["export_reason"] == "evicted" for flow in narrow.flows)
