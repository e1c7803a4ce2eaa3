"""Fragments of IP datagrams: one flow for one datagram, in whatever order they come."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sensor.frames import ACK, datagram, ethernet, ipv4, pcap, tcp, udp
from tests.sensor.reading import Row, accounted, read


def _flows(tmp_path: Path, frames: list[bytes], gap: float = 0.01) -> list[Row]:
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + i * gap, f) for i, f in enumerate(frames)]))
    assert accounted(reading)
    return reading.flows


def test_fragments_join_the_flow_of_the_first(tmp_path: Path) -> None:
    whole = udp(b"a" * 2000, (5000, 9999))
    first = ethernet(ipv4(whole[:1480], 17, identifier=9, fragment=0x2000))
    second = ethernet(ipv4(whole[1480:], 17, identifier=9, fragment=185))
    path = pcap(tmp_path / "f.pcap", [(1e9, first), (1e9, second)])
    reading = read(path)
    (flow,) = reading.flows
    assert (flow["source_packets"], flow["source_payload_bytes"]) == (2, 2000)
    assert reading.counters.fragments == 2
    orphan = ethernet(ipv4(b"z" * 100, 17, identifier=77, fragment=185))
    (flow,) = _flows(tmp_path, [orphan])
    assert (flow["source_port"], flow["transport"], flow["source_packets"]) == (0, "udp", 1)
    assert (flow["source_ttl"], flow["source_bytes"]) == (64, 120)


def _fragments(protocol: int, whole: bytes, identifier: int = 9) -> list[bytes]:
    """An IPv4 datagram in fragments of 480 bytes."""
    parts = range(0, len(whole), 480)
    return [
        ethernet(ipv4(whole[at : at + 480], protocol, identifier=identifier,
                      fragment=at // 8 | (0x2000 if at + 480 < len(whole) else 0)))
        for at in parts
    ]  # fmt: skip


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 1, 0)])
def test_fragments_in_any_order_are_one_flow(tmp_path: Path, order: tuple[int, ...]) -> None:
    frames = _fragments(17, udp(b"a" * 1800, (5000, 9999)))
    flows = _flows(tmp_path, [frames[place] for place in order])
    assert [(flow["destination_port"], flow["source_packets"]) for flow in flows] == [(9999, 4)]
    assert (flows[0]["source_payload_bytes"], flows[0]["source_bytes"]) == (1800, 1808 + 80)
    assert flows[0]["last_seen"] - flows[0]["first_seen"] == 30_000
    errors = _fragments(1, bytes([3, 3]) + bytes(1500))
    flows = _flows(tmp_path, [errors[place] for place in order])
    assert [(flow["source_port"], flow["source_packets"]) for flow in flows] == [(3, 4)]


def test_fragments_that_stay_alone_are_a_flow_without_ports(tmp_path: Path) -> None:
    frames = _fragments(17, udp(b"a" * 1800, (5000, 9999)))
    times = [(1e9, frames[1]), (1e9 + 31, datagram(b"?" * 20)), (1e9 + 32, frames[0])]
    flows = read(pcap(tmp_path / "f.pcap", times)).flows
    assert sorted((flow["destination_port"], flow["source_packets"]) for flow in flows) == [(0, 1), (53, 1), (9999, 1)]


def test_many_datagrams_whose_first_fragment_is_missing_lose_nothing(tmp_path: Path) -> None:
    frames = [_fragments(17, udp(b"a" * 900), identifier=number)[1] for number in range(2000)]
    flows = _flows(tmp_path, frames, gap=1e-5)
    assert [(flow["source_port"], flow["source_packets"]) for flow in flows] == [(0, 2000)]


def test_a_fragmented_tunnel_keeps_its_rest_in_the_flow_around_it(tmp_path: Path) -> None:
    inner = ethernet(ipv4(tcp(ACK, b"x" * 1200), 6))
    frames = _fragments(17, udp(b"\x08\0\0\0\0\0\x05\0" + inner, (7, 4789)))
    for order in ((0, 1, 2), (2, 1, 0)):
        flows = _flows(tmp_path, [frames[place] for place in order])
        found = {(flow["transport"], flow["destination_port"]): flow["source_packets"] for flow in flows}
        assert found == {("tcp", 80): 1, ("udp", 4789): 2}
