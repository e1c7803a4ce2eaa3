"""Rows of icmp and arp: one a packet, bounded, with what detections of sweeps, tunnels and spoofing need."""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

import pytest

from tests.sensor.frames import CLIENT, SERVER, ethernet, ipv4, ipv6, pcap, tcp, udp
from tests.sensor.reading import Reading, Row, accounted, read

HARDWARE, OTHER = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


def _read(tmp_path: Path, *frames: bytes, link: int = 1) -> Reading:
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + i / 1e4, frame) for i, frame in enumerate(frames)], link=link))
    assert accounted(reading)
    return reading


def _icmp(message: bytes, *, answer: bool = False) -> bytes:
    return ethernet(ipv4(message, 1, *((SERVER, CLIENT) if answer else (CLIENT, SERVER))))


def _echo(kind: int, sequence: int, payload: bytes) -> bytes:
    return struct.pack(">BBHHH", kind, 0, 0, 0x1234, sequence) + payload


def test_echoes_are_rows_with_their_payload_in_a_hash(tmp_path: Path) -> None:
    reading = _read(tmp_path, _icmp(_echo(8, 1, b"foobar")), _icmp(_echo(0, 1, b"foobar"), answer=True))
    request, reply = reading.icmp
    assert request["payload_hash"] == "85944171f73967e8", "FNV-1a of foobar, as its authors publish it"
    assert request["payload_hash"] == reply["payload_hash"]
    for row, kind in ((request, 8), (reply, 0)):
        assert (row["source_address"], row["source_port"], row["destination_port"]) == (CLIENT, 8, 0)
        assert (row["type"], row["code"], row["identifier"], row["sequence"]) == (kind, 0, 0x1234, 1)
        assert (row["from_source"], row["transport"], row["payload_bytes"]) == (kind == 8, "icmp", 6)
        assert (row["original_protocol"], row["original_destination_address"]) == (None, "")
    (flow,) = reading.flows
    assert request["community_id"] == reply["community_id"] == flow["community_id"]
    assert reading.counters.events == {"icmp": 2}


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (ipv4(udp(b"", (5000, 161)), 17, SERVER, "203.0.113.9"), (17, "203.0.113.9", 161)),
        (ipv4(tcp(2)[:8], 6, SERVER, "203.0.113.9"), (6, "203.0.113.9", 80)),
        (ipv4(tcp(2)[:3], 6, SERVER, "203.0.113.9"), (6, "203.0.113.9", None)),
        (ipv4(bytes(8), 1, SERVER, "203.0.113.9"), (1, "203.0.113.9", None)),
        (ipv4(udp(b""), 17, SERVER, "203.0.113.9", fragment=100), (17, "203.0.113.9", None)),
        (b"\x4f" + ipv4(udp(b""), 17, SERVER, "203.0.113.9")[1:], (17, "203.0.113.9", None)),
        (b"\x40" + ipv4(udp(b""), 17, SERVER, "203.0.113.9")[1:], (17, "203.0.113.9", None)),
        (ipv4(b"", 17)[:19], (None, "", None)),
        (b"", (None, "", None)),
    ],
)
def test_errors_tell_what_they_answer(
    tmp_path: Path, original: bytes, expected: tuple[int | None, str, int | None]
) -> None:
    (row,) = _read(tmp_path, _icmp(struct.pack(">BBHI", 3, 3, 0, 0) + original)).icmp
    assert (row["type"], row["code"], row["source_port"], row["destination_port"]) == (3, 3, 3, 3)
    found = (row["original_protocol"], row["original_destination_address"], row["original_destination_port"])
    assert found == expected


def test_icmp6_has_its_own_types(tmp_path: Path) -> None:
    original = ipv6(udp(b"", (5000, 53)), 17, "2001:db8::80", "2001:db8::99")
    errors = ethernet(ipv6(struct.pack(">BBHI", 1, 4, 0, 0) + original, 58), 0x86DD)
    (row,) = _read(tmp_path, errors).icmp
    assert (row["transport"], row["type"], row["code"]) == ("icmp6", 1, 4)
    assert (row["original_destination_address"], row["original_destination_port"]) == ("2001:db8::99", 53)
    (row,) = _read(tmp_path, ethernet(ipv6(_echo(128, 3, b""), 58), 0x86DD)).icmp
    assert (row["identifier"], row["sequence"], row["payload_hash"]) == (0x1234, 3, "")


def test_rows_of_one_flow_are_bounded_and_the_rest_is_counted(tmp_path: Path) -> None:
    reading = _read(tmp_path, *[_icmp(_echo(8, number, b"x")) for number in range(1100)])
    assert (len(reading.icmp), reading.counters.malformed) == (1024, {"icmp_rows_skipped": 76})
    assert reading.flows[0]["source_packets"] == 1100


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _arp(operation: int = 1, target: str = "192.0.2.9", head: str = "0001 0800 06 04") -> bytes:
    sender = _mac(HARDWARE) + ipaddress.ip_address(CLIENT).packed
    return bytes.fromhex(head) + operation.to_bytes(2, "big") + sender + bytes(6) + ipaddress.ip_address(target).packed


def _from(frame: bytes, hardware: str = OTHER) -> bytes:
    return bytes(6) + _mac(hardware) + frame[12:]


def _row(reading: Reading) -> Row:
    (row,) = reading.arp
    return row


@pytest.mark.parametrize(
    ("frame", "vlan"),
    [(ethernet(_arp(), 0x0806), 0), (ethernet(_arp(), 0x0806, [(0x88A8, 5), (0x8100, 7)]), 7)],
)
def test_arp_is_a_row_and_no_flow(tmp_path: Path, frame: bytes, vlan: int) -> None:
    reading = _read(tmp_path, _from(frame) + bytes(18))
    assert (reading.counters.not_ip, reading.flows, reading.counters.events) == (1, [], {"arp": 1})
    assert _row(reading) == {
        "time": 10**15, "operation": 1, "source_address": CLIENT, "source_hardware": HARDWARE,
        "destination_address": "192.0.2.9", "destination_hardware": "00:00:00:00:00:00",
        "link_source": OTHER, "vlan": vlan,
    }  # fmt: skip


def test_arp_in_cooked_captures_and_tunnels(tmp_path: Path) -> None:
    cooked = struct.pack(">HHH6s2xH", 0, 1, 6, _mac(OTHER), 0x0806) + _arp(2)
    row = _row(_read(tmp_path, cooked, link=113))
    assert (row["operation"], row["link_source"]) == (2, OTHER)
    cooked = struct.pack(">HHIHBB6s2x", 0x0806, 0, 1, 1, 0, 6, _mac(OTHER)) + _arp()
    assert _row(_read(tmp_path, cooked, link=276))["link_source"] == OTHER
    tunnel = ethernet(ipv4(udp(b"\x08\0\0\0\0\0\x05\0" + _from(ethernet(_arp(), 0x0806)), (9, 4789)), 17))
    reading = _read(tmp_path, tunnel)
    assert (_row(reading)["link_source"], len(reading.flows), reading.counters.not_ip) == (OTHER, 1, 0)


@pytest.mark.parametrize("payload", [_arp()[:27], _arp(head="0006 0800 06 04"), _arp(head="0001 0800 06 10"), b""])
def test_malformed_arp_is_counted(tmp_path: Path, payload: bytes) -> None:
    reading = _read(tmp_path, ethernet(payload, 0x0806))
    assert (reading.counters.not_ip, reading.arp, reading.counters.malformed) == (1, [], {"malformed_arp": 1})


def test_a_storm_of_arp_loses_no_row(tmp_path: Path) -> None:
    targets = [str(ipaddress.ip_address("10.0.0.0") + number) for number in range(40_000)]
    reading = _read(tmp_path, *[ethernet(_arp(target=target), 0x0806) for target in targets])
    assert [row["destination_address"] for row in reading.arp] == targets
