"""When flows end: silence, attempts that nobody answers, long lives, and clocks that jump."""

from __future__ import annotations

from pathlib import Path

import pytest

from secwatch.sensor.reader import SensorSettings
from tests.sensor.frames import (
    ACK,
    CLIENT,
    PSH,
    SYN,
    datagram,
    pcap,
    segment,
)
from tests.sensor.reading import accounted, read


def test_idle_flows_end_and_new_ones_begin(tmp_path: Path) -> None:
    times = [0.0, 59.0, 120.0]
    path = pcap(tmp_path / "f.pcap", [(1e9 + t, datagram(b"?" * 20, service=9999)) for t in times])
    reading = read(path)
    assert [(f["source_packets"], f["export_reason"]) for f in reading.flows] == [(2, "idle"), (1, "flush")]
    silent = pcap(tmp_path / "g.pcap", [(1e9, segment(SYN)), (1e9 + 301, datagram(b"?" * 20))])
    assert [f["export_reason"] for f in read(silent).flows] == ["idle", "flush"]


@pytest.mark.parametrize("flags", [SYN, 0])
def test_an_attempt_ends_before_other_tcp(tmp_path: Path, flags: int) -> None:
    """A port that stays silent is told after 20 s, of a SYN as of a scan without flags."""
    later = (1e9 + 21, datagram(b"?" * 20))
    path = pcap(tmp_path / "f.pcap", [(1e9, segment(flags)), later])
    assert [flow["export_reason"] for flow in read(path).flows] == ["idle", "flush"]
    path = pcap(tmp_path / "g.pcap", [(1e9, segment(flags)), (1e9 + 19, datagram(b"?" * 20))])
    assert [flow["export_reason"] for flow in read(path).flows] == ["flush", "flush"]
    longer = SensorSettings(attempt_seconds=30)
    path = pcap(tmp_path / "h.pcap", [(1e9, segment(flags)), later])
    assert [flow["export_reason"] for flow in read(path, longer).flows] == ["flush", "flush"]


def test_a_scan_by_bare_acknowledgements_ends_as_soon(tmp_path: Path) -> None:
    """One packet each that nobody answers: told after 20 s, and not after the 300 s of a connection."""
    probes = [(1e9 + 0.1 * port, segment(ACK, service=1000 + port)) for port in range(10)]
    path = pcap(tmp_path / "f.pcap", [*probes, (1e9 + 22, datagram(b"?" * 20))])
    flows = read(path).flows
    assert [flow["export_reason"] for flow in flows] == ["idle"] * 10 + ["flush"]
    assert {(flow["connection_state"], flow["history"]) for flow in flows[:10]} == {("OTH", "A")}


@pytest.mark.parametrize(
    "frames",
    [
        [(0, segment(ACK)), (0.1, segment(ACK, answer=True))],
        [(0, segment(ACK)), (1, segment(ACK))],
        [(0, segment(PSH | ACK, b"x"))],
        [(0, segment(ACK, answer=True))],
    ],
    ids=["answered", "repeated", "with payload", "of a server"],
)
def test_what_belongs_to_an_open_connection_is_no_attempt(tmp_path: Path, frames: list[tuple[float, bytes]]) -> None:
    """A capture that begins in the middle sees connections that pause: they stay one flow."""
    both = [*frames, (200, segment(PSH | ACK, b"y"))]
    (flow,) = read(pcap(tmp_path / "f.pcap", [(1e9 + time, frame) for time, frame in both])).flows
    assert (flow["connection_state"], flow["export_reason"]) == ("OTH", "flush")
    assert flow["source_packets"] + flow["destination_packets"] == len(both)


def test_a_patient_client_makes_one_flow_of_its_repeated_syns(tmp_path: Path) -> None:
    """RFC 6298: pauses of 1, 2, 4, 8 and 16 s. Whoever is answered at last has a connection like any other."""
    tries = [(1e9 + seconds, segment(SYN)) for seconds in (0, 1, 3, 7, 15, 31)]
    answer = [(1e9 + 50.5, segment(SYN | ACK, answer=True)), (1e9 + 50.6, segment(ACK))]
    path = pcap(tmp_path / "f.pcap", [*tries, *answer, (1e9 + 250, segment(PSH | ACK, b"x"))])
    (flow,) = read(path).flows
    assert (flow["connection_state"], flow["source_packets"], flow["export_reason"]) == ("S1", 8, "flush")


@pytest.mark.parametrize(
    ("second", "state"), [(segment(SYN | ACK, answer=True), "S1"), (segment(ACK), "S0")], ids=["answered", "one way"]
)
def test_a_connection_that_has_gone_on_is_no_attempt(tmp_path: Path, second: bytes, state: str) -> None:
    """The acknowledgement of a client shows that it was answered, where the mirror shows one direction only."""
    frames = [(1e9, segment(SYN)), (1e9 + 1, second), (1e9 + 200, segment(PSH | ACK, b"x"))]
    (flow,) = read(pcap(tmp_path / "f.pcap", frames)).flows
    assert (flow["connection_state"], flow["source_packets"] + flow["destination_packets"]) == (state, 3)


def test_an_answer_that_comes_too_late_begins_a_flow_of_the_same_client(tmp_path: Path) -> None:
    frames = [(1e9, segment(SYN)), (1e9 + 25, segment(SYN | ACK, answer=True)), (1e9 + 26, segment(ACK))]
    first, second = read(pcap(tmp_path / "f.pcap", frames)).flows
    assert (first["connection_state"], first["source_address"]) == ("S0", CLIENT)
    assert (second["source_address"], second["history"]) == (CLIENT, "^hA")


def test_long_flows_are_exported_while_they_live(tmp_path: Path) -> None:
    path = pcap(tmp_path / "f.pcap", [(1e9 + 200 * i, segment(ACK, b"x")) for i in range(21)])
    flows = read(path).flows
    assert [flow["export_reason"] for flow in flows] == ["active", "active", "flush"]
    assert sum(flow["source_packets"] for flow in flows) == 21
    assert flows[0]["last_seen"] < flows[1]["first_seen"]


def test_time_running_backwards_is_counted_and_tolerated(tmp_path: Path) -> None:
    frames = [(1e9, segment(SYN)), (1e9 - 2, segment(SYN | ACK, answer=True)), (1e9 + 1, segment(ACK))]
    reading = read(pcap(tmp_path / "f.pcap", frames))
    (flow,) = reading.flows
    assert reading.counters.time_backwards == 1
    assert flow["last_seen"] - flow["first_seen"] == 3_000_000
    assert reading.counters.first_time == flow["first_seen"]


def test_one_packet_from_the_far_future_does_not_end_what_follows(tmp_path: Path) -> None:
    frames = [(1e9 + i, segment(ACK, b"x")) for i in range(10)]
    frames.insert(5, (4e9, datagram(b"?" * 20)))
    reading = read(pcap(tmp_path / "f.pcap", frames))
    assert accounted(reading)
    assert len(reading.flows) == 3, "one flow was split once"
