"""The flow table: directions, states, time-outs, bounds, and every kind of encapsulation it decodes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from secwatch.sensor.reader import SensorSettings
from tests.sensor.frames import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    RST,
    SERVER,
    SYN,
    ethernet,
    ipv4,
    ipv6,
    pcap,
    segment,
    tcp,
    udp,
)
from tests.sensor.reading import Row, accounted, read

OPEN = [segment(SYN), segment(SYN | ACK, answer=True), segment(ACK)]


def _flows(tmp_path: Path, frames: list[bytes], settings: SensorSettings | None = None, gap: float = 0.01) -> list[Row]:
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + i * gap, f) for i, f in enumerate(frames)]), settings)
    assert accounted(reading)
    return reading.flows


@pytest.mark.parametrize(
    ("frames", "state", "history"),
    [
        ([segment(SYN)], "S0", "S"),
        ([segment(SYN), segment(RST | ACK, answer=True)], "REJ", "Sr"),
        ([segment(SYN), segment(SYN | ACK, answer=True)], "S1", "Sh"),
        (OPEN, "S1", "ShA"),
        ([*OPEN, segment(PSH | ACK, b"x" * 9), segment(RST)], "RSTO", "ShADR"),
        ([*OPEN, segment(PSH | ACK, b"x" * 9), segment(RST, answer=True)], "RSTR", "ShADr"),
        ([*OPEN, segment(FIN | ACK), segment(FIN | ACK, answer=True), segment(ACK)], "SF", "ShAFf"),
        ([*OPEN, segment(FIN | ACK)], "S2", "ShAF"),
        ([*OPEN, segment(FIN | ACK, answer=True)], "S3", "ShAf"),
        ([segment(SYN), segment(RST)], "RSTOS0", "SR"),
        ([segment(SYN), segment(FIN)], "SH", "SF"),
        ([segment(SYN | ACK, answer=True), segment(FIN | ACK, answer=True)], "SHR", "^hf"),
        ([segment(SYN | ACK, answer=True), segment(RST, answer=True)], "RSTRH", "^hr"),
        ([segment(PSH | ACK, b"x"), segment(PSH | ACK, b"y", answer=True)], "OTH", "Dd"),
        ([segment(FIN | PSH | 32)], "SH", "F"),
        ([segment(0)], "OTH", ""),
    ],
)
def test_states_are_zeeks(tmp_path: Path, frames: list[bytes], state: str, history: str) -> None:
    (flow,) = _flows(tmp_path, frames)
    assert (flow["connection_state"], flow["history"]) == (state, history)
    assert (flow["source_address"], flow["destination_port"]) == (CLIENT, 80)


def test_packets_and_bytes_count_each_way(tmp_path: Path) -> None:
    frames = [*OPEN, segment(PSH | ACK, b"x" * 100), segment(PSH | ACK, b"y" * 1000, answer=True)]
    (flow,) = _flows(tmp_path, frames)
    assert (flow["source_packets"], flow["source_bytes"], flow["source_payload_bytes"]) == (3, 220, 100)
    assert (flow["destination_packets"], flow["destination_bytes"]) == (2, 1080)
    assert (flow["source_tcp_flags"], flow["destination_tcp_flags"]) == (SYN | ACK | PSH, SYN | ACK | PSH)
    assert flow["last_seen"] - flow["first_seen"] == 40_000


def test_padding_and_cut_packets_count_what_was_on_the_wire(tmp_path: Path) -> None:
    (flow,) = _flows(tmp_path, [segment(SYN) + bytes(20)])
    assert flow["source_bytes"] == 40
    cut = pcap(tmp_path / "cut.pcap", [(1e9, segment(PSH | ACK, b"x" * 1000))], snaplen=54)
    (flow,) = read(cut).flows
    assert (flow["source_bytes"], flow["source_payload_bytes"]) == (1040, 1000)


def test_a_scan_from_a_service_port_keeps_its_scanner(tmp_path: Path) -> None:
    (flow,) = _flows(tmp_path, [segment(FIN, answer=True)])
    assert flow["source_address"] == SERVER
    (flow,) = _flows(tmp_path, [segment(ACK, answer=True), segment(ACK)])
    assert (flow["source_address"], flow["history"]) == (CLIENT, "^aA")


def test_ports_used_again_make_a_new_flow(tmp_path: Path) -> None:
    whole = [*OPEN, segment(FIN | ACK), segment(FIN | ACK, answer=True), segment(ACK)]
    flows = _flows(tmp_path, whole + whole)
    assert [(flow["connection_state"], flow["export_reason"]) for flow in flows] == [("SF", "end"), ("SF", "end")]
    retried = _flows(tmp_path, [segment(SYN), segment(SYN)])
    assert len(retried) == 1


def test_a_full_table_exports_the_oldest_and_loses_nothing(tmp_path: Path) -> None:
    frames = [segment(SYN, port=port) for port in range(1024, 4024)]
    flows = _flows(tmp_path, frames, SensorSettings(max_flows=100, batch_rows=1024), gap=0.001)
    assert len(flows) == 3000
    assert sum(flow["export_reason"] == "evicted" for flow in flows) == 2900
    assert [flow["source_port"] for flow in flows] == list(range(1024, 4024)), "the oldest first"


def test_batches_are_bounded(tmp_path: Path) -> None:
    frames = [(1e9 + i / 1e4, segment(SYN, port=1024 + i % 60000, service=1 + i // 60000)) for i in range(5000)]
    reading = read(pcap(tmp_path / "f.pcap", frames), SensorSettings(batch_rows=1024))
    assert 1000 < reading.largest_batch <= 1024
    assert len(reading.flows) == 5000
    with pytest.raises(ValueError, match="batch_rows"):
        SensorSettings(batch_rows=10)


SYNS = tcp(SYN)


@pytest.mark.parametrize(
    ("link", "head"),
    [
        (101, b""),
        (12, b""),
        (228, b""),
        (113, struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800)),
        (276, struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, bytes(8))),
        (0, b"\x02\0\0\0"),
        (108, b"\0\0\0\x02"),
    ],
)
def test_other_link_types(tmp_path: Path, link: int, head: bytes) -> None:
    reading = read(pcap(tmp_path / "f.pcap", [(1e9, head + ipv4(SYNS, 6))], link=link))
    assert [flow["source_address"] for flow in reading.flows] == [CLIENT]


def test_ipv6_and_its_extension_headers(tmp_path: Path) -> None:
    hop = bytes([43, 0]) + bytes(6)
    routing = bytes([51, 0]) + bytes(6)
    authentication = bytes([60, 4]) + bytes(22)
    options = bytes([6, 0]) + bytes(6)
    (flow,) = _flows(tmp_path, [ethernet(ipv6(hop + routing + authentication + options + SYNS, 0), 0x86DD)])
    assert (flow["source_address"], flow["destination_address"]) == ("2001:db8::20", "2001:db8::80")
    assert (flow["transport"], flow["destination_port"], flow["connection_state"]) == ("tcp", 80, "S0")


@pytest.mark.parametrize("headers", [1, 16, 40, 170])
def test_many_extension_headers_hide_no_flow(tmp_path: Path, headers: int) -> None:
    options = (bytes([60, 0]) + bytes(6)) * (headers - 1) + bytes([6, 0]) + bytes(6)
    frame = ethernet(ipv6(options + SYNS, 60), 0x86DD)
    (flow,) = _flows(tmp_path, [frame])
    assert (flow["destination_address"], flow["destination_port"]) == ("2001:db8::80", 80)
    assert (flow["connection_state"], flow["source_payload_bytes"]) == ("S0", 0)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("::", "::"),
        ("::1", "::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("fe80:0:0:0:0:0:0:0", "fe80::"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"),
    ],
)
def test_ipv6_addresses_as_in_rfc_5952(tmp_path: Path, address: str, text: str) -> None:
    (flow,) = _flows(tmp_path, [ethernet(ipv6(udp(b"x"), 17, address), 0x86DD)])
    assert flow["source_address"] == text


def test_few_flows_at_a_time_lose_nothing(tmp_path: Path) -> None:
    frames = [
        segment(ACK, b"x" * (number % 50), port=1024 + number * 7919 % 400, sequence=number) for number in range(4000)
    ]
    bounded = _flows(tmp_path, frames, SensorSettings(max_flows=16, batch_rows=1024), gap=0.001)
    (whole, few) = (_flows(tmp_path, frames, gap=0.001), bounded)
    assert len(few) > len(whole) == 400
    assert {flow["export_reason"] for flow in few} == {"evicted", "flush"}
    for column in ("source_packets", "source_bytes", "source_payload_bytes"):
        assert sum(flow[column] for flow in few) == sum(flow[column] for flow in whole)


def test_icmp_maps_types_as_zeek_does(tmp_path: Path) -> None:
    def icmp(kind: int, code: int, answer: bool = False) -> bytes:
        ends = (SERVER, CLIENT) if answer else (CLIENT, SERVER)
        return ethernet(ipv4(bytes([kind, code]) + bytes(6 + 56), 1, *ends))

    (flow,) = _flows(tmp_path, [icmp(8, 0), icmp(0, 0, answer=True)])
    assert (flow["transport"], flow["source_port"], flow["destination_port"]) == ("icmp", 8, 0)
    assert (flow["connection_state"], flow["source_payload_bytes"], flow["destination_packets"]) == ("OTH", 56, 1)
    (flow,) = _flows(tmp_path, [icmp(0, 0, answer=True)])
    assert flow["source_address"] == CLIENT
    (flow,) = _flows(tmp_path, [icmp(3, 3)])
    assert (flow["source_port"], flow["destination_port"]) == (3, 3)
    flows = _flows(tmp_path, [icmp(3, 3), icmp(3, 3, answer=True)])
    assert len(flows) == 2, "an unreachable message has no answer"


def test_other_protocols_are_flows_too(tmp_path: Path) -> None:
    flows = _flows(tmp_path, [ethernet(ipv4(b"\0" * 30, 47)), ethernet(ipv4(struct.pack(">HH8x", 7, 9), 132))])
    assert [(f["transport"], f["ip_protocol"], f["source_port"]) for f in flows] == [
        ("ip-47", 47, 0),
        ("ip-132", 132, 7),
    ]


@pytest.mark.parametrize(
    ("frame", "cause"),
    [
        (bytes(10), "truncated_link"),
        (ethernet(b"", 0x0800), "truncated_ipv4"),
        (ethernet(ipv4(SYNS, 6)[:19]), "truncated_ipv4"),
        (ethernet(b"\x44" + ipv4(SYNS, 6)[1:]), "bad_ipv4_header"),
        (ethernet(b"\x65" + ipv4(SYNS, 6)[1:]), "bad_ipv4_header"),
        (ethernet(ipv4(SYNS, 6, total=19)), "bad_ipv4_header"),
        (ethernet(ipv6(SYNS, 6)[:39], 0x86DD), "truncated_ipv6"),
        (ethernet(ipv4(SYNS, 6), 0x86DD), "bad_ipv6_header"),
        (ethernet(ipv6(b"\x06\x04" + bytes(6), 0), 0x86DD), "truncated_ipv6_extension"),
        (ethernet(ipv4(SYNS, 6)[:35]), "truncated_tcp"),
        (ethernet(ipv4(SYNS[:12] + b"\x40" + SYNS[13:], 6)), "bad_tcp_header"),
        (ethernet(ipv4(SYNS[:12] + b"\xf0" + SYNS[13:], 6)), "bad_tcp_header"),
        (ethernet(ipv4(udp(b"x"), 17)[:26]), "truncated_udp"),
        (ethernet(ipv4(struct.pack(">HHHH", 1, 2, 7, 0), 17)), "bad_udp_header"),
        (ethernet(ipv4(b"\x08", 1)), "truncated_icmp"),
        (ethernet(ipv4(b"\x08", 132)), "truncated_sctp"),
        (ethernet(b"\0\0", 0x8847), "truncated_mpls"),
        (ethernet(b"\0", 0x8100), "truncated_link"),
        (ethernet(ipv4(SYNS, 6), tags=[(0x8100, 7)] * 9), "too_many_tags"),
        (ethernet(b"\x00\x01\x00\xff" * 8 + b"\x00\x01\x01\xff" + ipv4(SYNS, 6), 0x8847), "too_many_tags"),
    ],
)
def test_malformed_packets_are_counted_by_cause(tmp_path: Path, frame: bytes, cause: str) -> None:
    reading = read(pcap(tmp_path / "f.pcap", [(1e9, frame), (1e9, segment(SYN))]))
    assert reading.counters.malformed == {cause: 1}
    assert len(reading.flows) == 1
    assert accounted(reading)


def test_what_carries_no_ip_is_not_malformed(tmp_path: Path) -> None:
    frames = [
        ethernet(bytes.fromhex("0001 0800 06 04 0001") + bytes(20), 0x0806),
        ethernet(bytes(50), 0x0026),
        ethernet(b"\0\0\x01\xff" + bytes(20), 0x8847),
    ]
    reading = read(pcap(tmp_path / "f.pcap", [(1e9, frame) for frame in frames]))
    assert (reading.counters.not_ip, reading.counters.malformed, reading.flows) == (3, {}, [])
