"""Zeek's history letters beyond the first of each kind, retransmissions, gaps, first payloads and times to live."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.sensor.frames import ACK, CLIENT, FIN, PSH, RST, SERVER, SYN, ethernet, ipv4, pcap
from tests.sensor.reading import Row, accounted, read

DATA = PSH | ACK


def _tcp(flags: int, sequence: int, acknowledged: int = 0, payload: bytes = b"", *, answer: bool = False,
         window: int = 1024, ttl: int = 64) -> bytes:  # fmt: skip
    ports = (80, 40000) if answer else (40000, 80)
    head = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 0x50, flags, window, 0, 0)
    packet = bytearray(ipv4(head + payload, 6, *((SERVER, CLIENT) if answer else (CLIENT, SERVER))))
    packet[8] = ttl
    return ethernet(bytes(packet))


def _flow(tmp_path: Path, *frames: bytes) -> Row:
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + i / 100, frame) for i, frame in enumerate(frames)]))
    assert accounted(reading)
    (flow,) = reading.flows
    return flow


OPEN = (_tcp(SYN, 100), _tcp(SYN | ACK, 500, 101, answer=True), _tcp(ACK, 101, 501))
BYTES = b"x" * 10
FIRST, SECOND, THIRD = (_tcp(DATA, 101 + 10 * n, 501, BYTES) for n in range(3))


@pytest.mark.parametrize(
    ("frames", "history"),
    [
        ((_tcp(SYN, 100), _tcp(SYN, 100)), "S"),
        ((_tcp(SYN, 100), _tcp(SYN, 900)), "SS"),
        ((*OPEN, _tcp(SYN | ACK, 500, 101, answer=True)), "ShA"),
        ((*OPEN, FIRST, _tcp(FIN | ACK, 111, 501), _tcp(FIN | ACK, 111, 501)), "ShADF"),
        ((*OPEN, _tcp(FIN | ACK, 101, 501), _tcp(FIN | ACK, 300, 501)), "ShAFF"),
        ((*OPEN, _tcp(FIN | ACK, 300, 501), _tcp(FIN | ACK, 300, 501)), "ShAF"),
        ((_tcp(SYN, 100), _tcp(RST | ACK, 0, 101, answer=True), _tcp(RST | ACK, 0, 101, answer=True)), "Sr"),
        ((*OPEN, _tcp(RST, 101), _tcp(RST, 101), _tcp(RST, 140), _tcp(RST, 140)), "ShARR"),
        ((_tcp(SYN | FIN, 100),), "Q"),
        ((_tcp(FIN | RST, 100), _tcp(FIN | RST, 100)), "I"),
        ((*OPEN, FIRST, _tcp(ACK, 501, 111, answer=True, window=0)), "ShADaw"),
        ((*OPEN, _tcp(FIN | ACK, 101, 501), _tcp(ACK, 501, 102, answer=True, window=0)), "ShAFa"),
        ((*OPEN, _tcp(RST, 101, window=0)), "ShAR"),
    ],
)
def test_letters_repeat_as_zeeks_do(tmp_path: Path, frames: tuple[bytes, ...], history: str) -> None:
    assert _flow(tmp_path, *frames)["history"] == history


@pytest.mark.parametrize(("times", "history"), [(1, "ShADT"), (9, "ShADT"), (10, "ShADTT"), (100, "ShADTTT")])
def test_retransmissions_are_counted_and_written_by_powers_of_ten(tmp_path: Path, times: int, history: str) -> None:
    flow = _flow(tmp_path, *OPEN, FIRST, *[FIRST] * times)
    assert (flow["history"], flow["source_retransmissions"], flow["destination_retransmissions"]) == (history, times, 0)


def test_what_is_only_late_is_a_letter_and_no_retransmission(tmp_path: Path) -> None:
    flow = _flow(tmp_path, *OPEN, FIRST, THIRD, SECOND)
    assert (flow["history"], flow["source_retransmissions"]) == ("ShADT", 0)
    flow = _flow(tmp_path, *OPEN, FIRST, _tcp(ACK, 110, 501, b"x"))
    assert (flow["history"], flow["source_retransmissions"]) == ("ShADT", 0), "a keep-alive"


def _taken(number: int) -> bytes:
    return _tcp(ACK, 501, number, answer=True)


@pytest.mark.parametrize(
    ("frames", "history"),
    [
        ((FIRST, _taken(111)), "ShADa"),
        ((FIRST, THIRD, _taken(111)), "ShADa"),
        ((FIRST, THIRD, _taken(131)), "ShADaG"),
        ((FIRST, THIRD, SECOND, _taken(131)), "ShADTa"),
        ((FIRST, _taken(121)), "ShADaG"),
        ((FIRST, _taken(121), _taken(121)), "ShADaG"),
        ((_tcp(FIN | ACK, 101, 501), _taken(102)), "ShAFa"),
        ((_tcp(FIN | ACK, 101, 501), _taken(109)), "ShAFaG"),
        ((_tcp(RST | ACK, 101, 501), _taken(400)), "ShARa"),
    ],
)
def test_a_gap_is_what_was_acknowledged_and_not_captured(
    tmp_path: Path, frames: tuple[bytes, ...], history: str
) -> None:
    assert _flow(tmp_path, *OPEN, *frames)["history"] == history


def test_gaps_are_written_by_powers_of_ten(tmp_path: Path) -> None:
    lost = []
    for number in range(10):
        start = 111 + 20 * number
        lost += [_tcp(DATA, start + 10, 501, BYTES), _taken(start + 20)]
    assert _flow(tmp_path, *OPEN, FIRST, *lost)["history"] == "ShADaGG"


def test_the_middle_of_a_connection_has_no_gaps(tmp_path: Path) -> None:
    assert "G" not in _flow(tmp_path, _tcp(DATA, 1000, 50, BYTES), _taken(5000))["history"]


def test_a_history_is_bounded(tmp_path: Path) -> None:
    flow = _flow(tmp_path, *[_tcp(SYN, 100 + number) for number in range(600)])
    assert flow["history"] == "S" * 24


@pytest.mark.parametrize(
    ("frames", "state"),
    [
        ((_tcp(SYN, 100), _tcp(RST, 101)), "RSTOS0"),
        ((_tcp(RST, 101),), "OTH"),
        ((_tcp(ACK, 101), _tcp(RST, 101)), "OTH"),
        ((_tcp(SYN, 100), _tcp(ACK, 101, 501), _tcp(RST, 101)), "OTH"),
    ],
)
def test_a_reset_before_any_answer(tmp_path: Path, frames: tuple[bytes, ...], state: str) -> None:
    assert _flow(tmp_path, *frames)["connection_state"] == state


def test_first_payloads_and_times_to_live_are_those_of_the_first_packets(tmp_path: Path) -> None:
    flow = _flow(
        tmp_path,
        _tcp(SYN, 100, ttl=128),
        _tcp(SYN | ACK, 500, 101, answer=True, ttl=57),
        _tcp(DATA, 101, 501, b"x" * 7, ttl=1),
        _tcp(DATA, 108, 501, b"x" * 100),
        _tcp(DATA, 501, 208, b"y" * 300, answer=True),
    )
    assert (flow["source_ttl"], flow["destination_ttl"]) == (128, 57)
    assert (flow["source_first_payload_bytes"], flow["destination_first_payload_bytes"]) == (7, 300)


def test_a_long_flow_counts_anew_in_each_of_its_rows(tmp_path: Path) -> None:
    again = [(1e9 + 200 * number, FIRST) for number in range(21)]
    flows = read(pcap(tmp_path / "f.pcap", again)).flows
    assert [flow["export_reason"] for flow in flows] == ["active", "active", "flush"]
    assert [flow["history"] for flow in flows] == ["DT", "DT", "DT"]
    assert sum(flow["source_retransmissions"] for flow in flows) == 20
