"""Choosing packets: what the kernel finds is what a plain reading of every packet finds."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from secwatch.core.errors import UnreadableInput
from secwatch.sensor.reader import FlowReader
from secwatch.sensor.selection import Packet, PcapWriter, Selector, Wish, first_time
from tests.sensor.frames import (
    ACK,
    CLIENT,
    SERVER,
    SYN,
    datagram,
    enhanced,
    ethernet,
    interface,
    ipv4,
    ipv6,
    pcap,
    section,
    segment,
    tcp,
    udp,
)  # fmt: skip
from tests.sensor.reading import read

START = 1_790_000_000
SIX = ethernet(ipv6(tcp(SYN), 6), 0x86DD)
PING = ethernet(ipv4(bytes([8, 0]) + bytes(40), 1))
PONG = ethernet(ipv4(bytes([0, 0]) + bytes(40), 1, SERVER, CLIENT))
ARP = ethernet(bytes(28), 0x0806)
TAGGED = ethernet(ipv4(udp(b"x", (5, 6)), 17, "10.10.1.21"), tags=[(0x8100, 7)])
FRAMES = [
    segment(SYN, port=40001),
    segment(SYN | ACK, port=40001, answer=True),
    segment(SYN, port=40002),
    datagram(b"query"),
    SIX,
    PING,
    PONG,
    ARP,
    TAGGED,
    ethernet(ipv4(tcp(SYN), 6, SERVER, "10.10.1.99")),
]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """One frame a second."""
    return pcap(tmp_path / "all.pcap", [(START + number, frame) for number, frame in enumerate(FRAMES)])


def chosen(path: Path, wish: Wish) -> list[int]:
    """Which of the frames fit."""
    return [FRAMES.index(packet.content) for packet in Selector(wish).packets(str(path))]


def test_by_addresses_ports_and_time(capture: Path) -> None:
    assert chosen(capture, Wish()) == list(range(len(FRAMES)))
    assert chosen(capture, Wish(addresses=(CLIENT, SERVER))) == [0, 1, 2, 3, 5, 6]
    assert chosen(capture, Wish(addresses=(SERVER, CLIENT))) == [0, 1, 2, 3, 5, 6]
    assert chosen(capture, Wish(addresses=("10.10.1.21",))) == [8]
    assert chosen(capture, Wish(addresses=(SERVER,))) == [0, 1, 2, 3, 5, 6, 8, 9]
    assert chosen(capture, Wish(addresses=("2001:db8::80", "2001:db8::20"))) == [4]
    assert chosen(capture, Wish(ports=(53, 40002))) == [2, 3]
    assert chosen(capture, Wish(addresses=(CLIENT, SERVER), ports=(80,))) == [0, 1, 2]
    second = 1_000_000
    assert chosen(capture, Wish(since=(START + 2) * second, until=(START + 4) * second)) == [2, 3, 4]
    assert chosen(capture, Wish(since=(START + 2) * second, addresses=(CLIENT,), ports=(80,))) == [2]


def test_by_flow_both_directions_are_found(capture: Path) -> None:
    """Every flow's Community ID, as the sensor reports it, finds as many packets as the flow counts."""
    flows = read(capture).flows
    assert len(flows) == 7
    found: list[int] = []
    for flow in flows:
        fit = chosen(capture, Wish(community_id=flow["community_id"]))
        assert len(fit) == flow["source_packets"] + flow["destination_packets"]
        found += fit
    assert sorted(found) == [0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_the_real_captures_flow_by_flow(captures: Path) -> None:
    """Of every real capture: the packets found by flow are those that the flows count."""
    for path in sorted(captures.rglob("*.pcap"))[:12]:
        totals: dict[str, int] = {}
        for flow in read(path).flows:
            identity = flow["community_id"]
            totals[identity] = totals.get(identity, 0) + flow["source_packets"] + flow["destination_packets"]
        for identity, count in list(totals.items())[:5]:
            assert len(list(Selector(Wish(community_id=identity)).packets(str(path)))) == count, (path.name, identity)


def test_every_kind_of_file(tmp_path: Path, capture: Path) -> None:
    packed = tmp_path / "all.pcap.gz"
    packed.write_bytes(gzip.compress(capture.read_bytes()))
    other = tmp_path / "all.pcapng"
    blocks = [enhanced((START + number) * 1_000_000, frame, order=">") for number, frame in enumerate(FRAMES)]
    other.write_bytes(section(">") + interface(order=">") + b"".join(blocks))
    wish = Wish(addresses=(CLIENT, SERVER))
    for path in (packed, other):
        assert list(Selector(wish).packets(str(path))) == list(Selector(wish).packets(str(capture)))
        assert first_time(str(path)) == START * 1_000_000


def test_many_blocks_lose_nothing_between_them(tmp_path: Path) -> None:
    frame = datagram(os.urandom(1200))
    path = pcap(tmp_path / "long.pcap", ((START + number / 1000, frame) for number in range(20_000)))
    assert path.stat().st_size > 20 << 20
    assert sum(packet.content == frame for packet in Selector(Wish(ports=(53,))).packets(str(path))) == 20_000


def test_damage_is_noted_and_what_stands_before_found(tmp_path: Path, capture: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:-3])
    selector = Selector(Wish())
    assert len(list(selector.packets(str(cut)))) == len(FRAMES) - 1
    assert selector.damaged == [str(cut)]
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(capture.read_bytes()[:24])
    assert list(selector.packets(str(empty))) == []
    assert first_time(str(empty)) is None
    with pytest.raises(UnreadableInput):
        first_time(str(tmp_path / "none.pcap"))


@pytest.mark.parametrize(
    "mistake",
    [
        {"addresses": ("10.1.1",)},
        {"addresses": ("1.1.1.1", "1.1.1.2", "1.1.1.3")},
        {"ports": (65536,)},
        {"ports": tuple(range(65))},
        {"community_id": "1:abc"},
        {"community_id": "1:" + "é" * 28},
    ],
)
def test_a_wish_that_no_packet_can_fit_is_refused(mistake: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Wish(**mistake)  # type: ignore[arg-type]


def test_a_pcap_file_holds_one_link_type(tmp_path: Path) -> None:
    stream = io.BytesIO()
    writer = PcapWriter(stream)
    for link, frame in ((101, ipv4(tcp(SYN), 6)), (1, FRAMES[0]), (101, ipv4(udp(), 17))):
        writer.add(Packet(START * 1_000_000 + 7, link, len(frame) + 9, frame))
    assert (writer.packets, writer.strangers, writer.bytes) == (2, 1, len(stream.getvalue()))
    path = tmp_path / "written.pcap"
    path.write_bytes(stream.getvalue())
    again = list(Selector(Wish()).packets(str(path)))
    assert [(packet.time, packet.link, packet.wire) for packet in again] == [
        (START * 1_000_000 + 7, 101, 49),
        (START * 1_000_000 + 7, 101, 37),
    ]


def test_arp_inside_tunnels_writes_nothing_where_there_is_no_room(tmp_path: Path) -> None:
    """As plain Python, where a row too many is an error; compiled it would be somebody else's memory."""
    inner = ethernet(bytes.fromhex("0001080006040001") + bytes(20), 0x0806)
    frame = ethernet(ipv4(udp(bytes([8, 0, 0, 0, 0, 0, 7, 0]) + inner, (50000, 4789)), 17))
    capture = pcap(tmp_path / "tunnel.pcap", [(START + number, frame) for number in range(5)])
    with FlowReader(str(capture)) as reader:
        assert sum(batch.rows for batch in reader.batches() if batch.table == "arp") == 5
    program = (
        "import sys\nfrom secwatch.sensor.selection import Selector, Wish\n"
        "print(sum(1 for _ in Selector(Wish(ports=(4789,))).packets(sys.argv[1])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", program, str(capture)],
        env=dict(os.environ) | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "5"), done.stderr
