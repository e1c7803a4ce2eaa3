"""Every encapsulation: what is inside makes the flow, the tunnel is noted on it, and nothing broken is lost."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.sensor.frames import CLIENT, SYN, ethernet, ipv4, ipv6, pcap, tcp, udp
from tests.sensor.reading import Reading, accounted, read

OUTER = ("198.51.100.1", "198.51.100.2")
SYNS = tcp(SYN)
INNER = ipv4(SYNS, 6)
INNER6 = ipv6(SYNS, 6)
FRAME = ethernet(INNER)
TAGGED = ethernet(INNER, tags=[(0x8100, 7)])


def _read(tmp_path: Path, *frames: bytes, link: int = 1) -> Reading:
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + i / 100, frame) for i, frame in enumerate(frames)], link=link))
    assert accounted(reading)
    return reading


def _in_udp(port: int, payload: bytes) -> bytes:
    return ethernet(ipv4(udp(payload, (50000, port)), 17, *OUTER))


def _in_gre(head: bytes, payload: bytes) -> bytes:
    return ethernet(ipv4(head + payload, 47, *OUTER))


def _vxlan(payload: bytes, head: bytes = b"\x08\0\0\0", number: int = 5001) -> bytes:
    return head + (number << 8).to_bytes(4, "big") + payload


def _geneve(kind: int, payload: bytes, options: bytes = b"") -> bytes:
    return bytes([len(options) // 4, 0]) + struct.pack(">HI", kind, 77 << 8) + options + payload


def _erspan2(payload: bytes, vlan: int = 0, encapsulation: int = 0) -> bytes:
    return struct.pack(">II", 1 << 28 | vlan << 16 | encapsulation << 11 | 300, 9) + payload


def _erspan3(payload: bytes, kind: int = 0, more: bool = False) -> bytes:
    head = struct.pack(">IIHH", 2 << 28 | 300, 1, 0, kind << 10 | more)
    return head + bytes(8 if more else 0) + payload


NUMBERED, KEYED = 0x1000, 0x2000
PPTP = struct.pack(">HHHH", 0x3001, 0x880B, 40, 99) + bytes(4)
CONTROL_WORD = b"\0\0\0\1"


@pytest.mark.parametrize(
    ("frame", "tunnel", "number", "vlans"),
    [
        (FRAME, "", 0, (0, 0)),
        (TAGGED, "", 0, (7, 0)),
        (ethernet(INNER, tags=[(0x88A8, 100), (0x8100, 7)]), "", 0, (7, 100)),
        (ethernet(INNER, tags=[(0x9100, 100), (0x8100, 50), (0x8100, 7)]), "", 0, (7, 100)),
        (ethernet(INNER, tags=[(0x8100, 0), (0x8100, 7)]), "", 0, (7, 0)),
        (ethernet(b"\xaa\xaa\x03\0\0\0\x08\0" + INNER, 48), "", 0, (0, 0)),
        (ethernet(b"\x00\x06\x41\xff" + INNER, 0x8847), "mpls", 100, (0, 0)),
        (ethernet(b"\x00\x01\x00\xff\x00\x06\x41\xff" + INNER6, 0x8848), "mpls", 100, (0, 0)),
        (ethernet(b"\x00\x06\x41\xff" + CONTROL_WORD + TAGGED, 0x8847), "mpls", 100, (7, 0)),
        (ethernet(b"\x00\x06\x41\xff" + FRAME, 0x8847), "mpls", 100, (0, 0)),
        (ethernet(b"\x11\x00\x12\x34\x00\x00\x00\x21" + INNER, 0x8864), "pppoe", 0x1234, (0, 0)),
        (ethernet(b"\x11\x00\x12\x34\x00\x00\x00\x57" + INNER6, 0x8864, [(0x8100, 7)]), "pppoe", 0x1234, (7, 0)),
        (_in_gre(struct.pack(">HH", 0, 0x0800), INNER), "gre", 0, (0, 0)),
        (_in_gre(struct.pack(">HH", 0, 0x86DD), INNER6), "gre", 0, (0, 0)),
        (_in_gre(struct.pack(">HH", 0, 0x6558), TAGGED), "gre", 0, (7, 0)),
        (_in_gre(struct.pack(">HHI", KEYED, 0x0800, 0xDEADBEEF), INNER), "gre", 0xDEADBEEF, (0, 0)),
        (_in_gre(struct.pack(">HHIII", 0xB000, 0x0800, 0, 6, 1), INNER), "gre", 6, (0, 0)),
        (_in_gre(struct.pack(">HHI", 0x4000, 0x0800, 0) + bytes.fromhex("0800 00 04 0a000001 00000000"), INNER),
         "gre", 0, (0, 0)),
        (_in_gre(struct.pack(">HH", 0, 0x8847), b"\x00\x06\x41\xff" + INNER), "mpls", 100, (0, 0)),
        (_in_gre(struct.pack(">HH", 0, 0x880B), b"\xff\x03\x00\x21" + INNER), "gre", 0, (0, 0)),
        (_in_gre(PPTP, b"\xff\x03\x00\x21" + INNER), "gre", 99, (0, 0)),
        (_in_gre(PPTP, b"\x21" + INNER), "gre", 99, (0, 0)),
        (_in_gre(struct.pack(">HHHHII", 0x3081, 0x880B, 40, 99, 1, 1), b"\x00\x57" + INNER6), "gre", 99, (0, 0)),
        (_in_gre(struct.pack(">HH", 0, 0x88BE), TAGGED), "erspan", 0, (7, 0)),
        (_in_gre(struct.pack(">HHI", NUMBERED, 0x88BE, 1), _erspan2(TAGGED, 7, 3)), "erspan", 300, (7, 0)),
        (_in_gre(struct.pack(">HHI", NUMBERED, 0x88BE, 1), _erspan2(FRAME, 9, 2)), "erspan", 300, (9, 0)),
        (_in_gre(struct.pack(">HHI", NUMBERED, 0x22EB, 1), _erspan3(FRAME)), "erspan", 300, (0, 0)),
        (_in_gre(struct.pack(">HHI", NUMBERED, 0x22EB, 1), _erspan3(TAGGED, more=True)), "erspan", 300, (7, 0)),
        (_in_gre(struct.pack(">HHI", NUMBERED, 0x22EB, 1), _erspan3(INNER6, kind=2)), "erspan", 300, (0, 0)),
        (ethernet(ipv4(INNER, 4, *OUTER)), "ip-in-ip", 0, (0, 0)),
        (ethernet(ipv4(INNER6, 41, *OUTER)), "ip-in-ip", 0, (0, 0)),
        (ethernet(ipv6(INNER, 4), 0x86DD), "ip-in-ip", 0, (0, 0)),
        (ethernet(ipv6(INNER6, 41), 0x86DD), "ip-in-ip", 0, (0, 0)),
        (ethernet(ipv4(b"\x00\x06\x41\xff" + INNER, 137, *OUTER)), "mpls", 100, (0, 0)),
        (_in_udp(4789, _vxlan(FRAME)), "vxlan", 5001, (0, 0)),
        (_in_udp(8472, _vxlan(TAGGED)), "vxlan", 5001, (7, 0)),
        (_in_udp(4789, _vxlan(FRAME, b"\x88\0\0\x05")), "vxlan", 5001, (0, 0)),
        (ethernet(ipv6(udp(_vxlan(FRAME), (1, 4789)), 17), 0x86DD, [(0x8100, 3)]), "vxlan", 5001, (3, 0)),
        (_in_udp(6081, _geneve(0x6558, TAGGED)), "geneve", 77, (7, 0)),
        (_in_udp(6081, _geneve(0x6558, FRAME, bytes(12))), "geneve", 77, (0, 0)),
        (_in_udp(6081, _geneve(0x0800, INNER)), "geneve", 77, (0, 0)),
        (_in_udp(4789, _vxlan(ethernet(ipv4(struct.pack(">HH", 0, 0x0800) + INNER, 47, *OUTER)))), "gre", 0, (0, 0)),
        (ethernet(ipv4(bytes([6, 4]) + bytes(22) + SYNS, 51)), "", 0, (0, 0)),
    ],
)  # fmt: skip
def test_the_inner_packet_makes_the_flow(
    tmp_path: Path, frame: bytes, tunnel: str, number: int, vlans: tuple[int, int]
) -> None:
    reading = _read(tmp_path, frame)
    (flow,) = reading.flows
    assert flow["source_address"] in (CLIENT, "2001:db8::20")
    assert (flow["transport"], flow["destination_port"], flow["connection_state"]) == ("tcp", 80, "S0")
    assert (flow["tunnel"], flow["tunnel_id"]) == (tunnel, number)
    assert (flow["vlan"], flow["outer_vlan"]) == vlans
    assert flow["source_ttl"] == 64
    assert reading.counters.malformed == {}
    if flow["ip_protocol"] == 6 and not tunnel and b"\x33\0\0" in frame[:40]:
        return  # with an authentication header it is longer
    assert flow["source_bytes"] in (40, 60, 64)


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (9, b"\xff\x03\x00\x21" + INNER),
        (9, b"\x00\x57" + INNER6),
        (50, b"\xff\x03\x21" + INNER),
    ],
)
def test_ppp_is_a_link_type(tmp_path: Path, link: int, frame: bytes) -> None:
    (flow,) = _read(tmp_path, frame, link=link).flows
    assert (flow["destination_port"], flow["tunnel"]) == (80, "")


@pytest.mark.parametrize(
    ("frame", "transport", "causes"),
    [
        (_in_udp(4789, _vxlan(FRAME[:20])), "udp", {"malformed_tunnel": 1}),
        (_in_udp(4789, _vxlan(ethernet(b"\x44" + INNER[1:]))), "udp", {"malformed_tunnel": 1}),
        (_in_udp(4789, _vxlan(FRAME, b"\0\0\0\0")), "udp", {}),
        (_in_udp(4789, _vxlan(FRAME)[:7]), "udp", {}),
        (_in_udp(4789, _vxlan(ethernet(bytes(40), 0x88CC))), "udp", {}),
        (_in_udp(6081, b"\x40" + _geneve(0x6558, FRAME)[1:]), "udp", {}),
        (_in_udp(6081, _geneve(0x6558, b"", bytes(8))[:12]), "udp", {"malformed_tunnel": 1}),
        (_in_gre(b"\0\0", b""), "ip-47", {"malformed_tunnel": 1}),
        (_in_gre(struct.pack(">HH", 7, 0x0800), INNER), "ip-47", {"malformed_tunnel": 1}),
        (_in_gre(struct.pack(">HHI", 0x4000, 0x0800, 0), b"\x08\0\0\xff" * 9), "ip-47", {"malformed_tunnel": 1}),
        (_in_gre(struct.pack(">HHHHI", 0x2081, 0x880B, 0, 99, 1), b""), "ip-47", {}),
        (_in_gre(PPTP, b"\x00\xfd" + bytes(30)), "ip-47", {}),
        (_in_gre(struct.pack(">HHI", NUMBERED, 0x88BE, 1), b"\x30" + bytes(40)), "ip-47", {"malformed_tunnel": 1}),
        (ethernet(ipv4(b"", 4, *OUTER)), "ip-4", {"malformed_tunnel": 1}),
        (ethernet(ipv4(INNER, 41, *OUTER)), "ip-41", {"malformed_tunnel": 1}),
        (ethernet(ipv4(bytes(40), 50, *OUTER)), "ip-50", {}),
    ],
)
def test_what_cannot_be_opened_counts_in_the_flow_around_it(
    tmp_path: Path, frame: bytes, transport: str, causes: dict[str, int]
) -> None:
    reading = _read(tmp_path, frame)
    (flow,) = reading.flows
    assert (flow["transport"], flow["tunnel"], flow["source_packets"]) == (transport, "", 1)
    assert flow["source_address"] == OUTER[0]
    assert reading.counters.malformed == causes


def test_tunnels_in_tunnels_are_bounded(tmp_path: Path) -> None:
    packet = INNER
    for _ in range(4):
        packet = ipv4(packet, 4, *OUTER)
    reading = _read(tmp_path, ethernet(packet))
    assert [flow["transport"] for flow in reading.flows] == ["tcp"]
    reading = _read(tmp_path, ethernet(ipv4(packet, 4, *OUTER)))
    assert [flow["transport"] for flow in reading.flows] == ["ip-4"]
    assert reading.counters.malformed == {"too_many_tunnels": 1}


def test_a_broken_packet_two_tunnels_in_counts_one_tunnel_in(tmp_path: Path) -> None:
    reading = _read(tmp_path, ethernet(ipv4(ipv4(b"\x08\x08", 47, CLIENT, OUTER[1]), 4, *OUTER)))
    (flow,) = reading.flows
    assert (flow["transport"], flow["source_address"], flow["tunnel"]) == ("ip-47", CLIENT, "ip-in-ip")
    assert reading.counters.malformed == {"malformed_tunnel": 1}


def test_both_directions_of_a_tunnel_are_one_flow(tmp_path: Path) -> None:
    answer = ethernet(ipv4(tcp(SYN | 16, ports=(80, 40000)), 6, "192.0.2.80", CLIENT))
    back = ethernet(ipv4(udp(_vxlan(answer), (40000, 4789)), 17, *OUTER[::-1]))
    (flow,) = _read(tmp_path, _in_udp(4789, _vxlan(FRAME)), back).flows
    assert (flow["history"], flow["source_packets"], flow["destination_packets"]) == ("Sh", 1, 1)


def test_jumbo_payloads_tell_their_length_in_an_option(tmp_path: Path) -> None:
    jumbo = bytes.fromhex("06 00 c2 04 00012000") + SYNS
    head = struct.pack(">IHBB", 6 << 28, 0, 0, 64) + ipv6(b"", 0)[8:]
    frame = ethernet(head + jumbo + bytes(0x12000 - 8 - 20), 0x86DD)
    (flow,) = read(pcap(tmp_path / "f.pcap", [(1e9, frame)], snaplen=90)).flows
    assert (flow["source_bytes"], flow["source_payload_bytes"]) == (0x12000 + 40, 0x12000 - 8 - 20)
    assert flow["source_first_payload_bytes"] == 0xFFFF


def test_headers_that_end_what_can_be_read_are_flows_of_their_own(tmp_path: Path) -> None:
    extensions = bytes([139, 0]) + bytes(6) + bytes([140, 0]) + bytes(6) + bytes([50, 0]) + bytes(6)
    (flow,) = _read(tmp_path, ethernet(ipv6(extensions + bytes(30), 135), 0x86DD)).flows
    assert (flow["transport"], flow["source_payload_bytes"]) == ("ip-50", 30)
