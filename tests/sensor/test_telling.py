"""Packets in words: what an admin reads of them, and that hostile ones stop nothing and reach no terminal."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.sensor.selection import Packet, Selector, Wish
from secwatch.sensor.telling import MOST_PACKETS, Told, tell
from tests.conftest import Run
from tests.sensor.frames import (
    ACK,
    PSH,
    SYN,
    datagram,
    dns,
    ethernet,
    ipv4,
    ipv6,
    pcap,
    record,
    segment,
    tcp,
    udp,
)
from tests.sensor.fuzzing import mutated
from tests.sensor.seeds import SEEDS

START = 1_790_000_000


def told_of(frame: bytes, link: int = 1) -> Told:
    """One packet in words."""
    (row,) = tell([Packet(START * 1_000_000, link, len(frame), frame)])
    return row


def test_what_packets_say() -> None:
    answer = dns(7, answers=[record(1, bytes([192, 0, 2, 4]))], flags=0x8180)
    arp = b"\0\x01\x08\0\x06\x04\0\x01" + bytes(6) + bytes([10, 0, 0, 1]) + bytes(6) + bytes([10, 0, 0, 2])
    inner = ipv4(tcp(SYN), 6, "10.1.1.1", "10.2.2.2")
    cases = [
        (1, segment(SYN), "10.10.1.20:40000", "192.0.2.80:80", "TCP", "SYN, sequence 1, 0 bytes"),
        (1, segment(PSH | ACK, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"), None, None, "TCP", "GET /x HTTP/1.1"),
        (1, datagram(dns(7)), None, "192.0.2.80:53", "DNS", "asks A www.example.com"),
        (1, datagram(answer, answer=True), None, None, "DNS", "answers A www.example.com: 192.0.2.4"),
        (1, ethernet(arp, 0x0806), "10.0.0.1", "10.0.0.2", "ARP", "who has 10.0.0.2?"),
        (1, ethernet(ipv4(bytes([8, 0]) + bytes(40), 1)), "10.10.1.20", None, "ICMP", "echo-request, code 0"),
        (1, ethernet(ipv6(tcp(SYN), 6), 0x86DD), "[2001:db8::20]:40000", None, "TCP", "SYN"),
        (1, ethernet(ipv4(inner, 4)), "10.1.1.1:40000", None, "TCP", "tunnel from 10.10.1.20 to 192.0.2.80"),
        (1, ethernet(ipv4(udp(b"x"), 17), tags=[(0x8100, 12)]), None, None, "UDP", "VLAN 12"),
        (101, ipv6(tcp(SYN), 6), "[2001:db8::20]:40000", None, "TCP", "SYN"),
        (113, bytes(14) + b"\x08\0" + ipv4(udp(b"x", (9, 9)), 17), "10.10.1.20:9", None, "UDP", "1 byte"),
        (77, b"\xff\xff", "", None, "?", ""),
    ]
    rows = tell([Packet(START * 1_000_000, link, len(frame), frame) for link, frame, *_ in cases])
    for (_, _, source, destination, protocol, words), row in zip(cases, rows, strict=True):
        assert row.problem == ""
        assert row.source == source or source is None
        assert row.destination == destination or destination is None
        assert (row.protocol, words in row.words) == (protocol, True), row
    chinese = [row.words_chinese for row in rows]
    assert chinese[0] == "SYN，序号 1，0 字节"
    assert (chinese[2].split("；")[-1], chinese[4]) == ("查询 A www.example.com", "谁有 10.0.0.2？")
    assert [bool(text) for text in chinese] == [bool(row.words) for row in rows]


def test_whatever_the_bytes_every_packet_gets_a_row() -> None:
    source = random.Random(11)
    frames = [(link, mutated(frame, source)) for _ in range(25) for link, frame in SEEDS]
    frames += [(1, b""), (1, bytes(14)), (0, b"x"), (276, bytes(3))]
    rows = tell([Packet(0, link, len(data), data) for link, data in frames], detail=True)
    assert [row.number for row in rows] == list(range(len(frames)))
    assert sum(not row.problem for row in rows) > 0.9 * len(rows)
    assert all(row.detail or row.problem or not frames[row.number][1] for row in rows)


def test_the_real_captures_are_told(captures: Path) -> None:
    packets = [
        packet for path in sorted(captures.rglob("*.pcap")) for packet in list(Selector(Wish()).packets(str(path)))[:20]
    ]
    rows = tell(packets)
    assert len(rows) > 400
    assert [row for row in rows if row.problem] == []
    assert sum(bool(row.words) for row in rows) > 0.9 * len(rows)


def test_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        tell([Packet(0, 1, 0, b"")] * (MOST_PACKETS + 1))


def test_the_command(tmp_path: Path, secwatch: Callable[..., Run]) -> None:
    """Filters, bounds, both languages, standard input, and nothing of a packet reaches the terminal raw."""
    evil = b"GET /\x1b[31m\xe2\x80\xae HTTP/1.1\r\n\r\n"
    name = "a\x1b]0;x\x07.example"
    frames = [
        segment(SYN, port=4001),
        segment(PSH | ACK, evil, port=4002),
        datagram(dns(1, name)),
        segment(SYN, port=4003),
    ]
    path = pcap(tmp_path / "x.pcap", [(START + number, frame) for number, frame in enumerate(frames)])
    shown = secwatch("--lang", "en", "sense", "show", path, "--detail", directory=tmp_path)
    assert shown.code == 0, shown.stderr
    heading, first, *_ = shown.stdout.splitlines()
    assert heading.split() == ["no.", "time", "source", "destination", "protocol", "bytes", "what", "it", "says"]
    assert first.split()[3:6] == ["10.10.1.20:4001", "192.0.2.80:80", "TCP"]
    assert "###[ TCP ]###" in shown.stdout
    assert "\\x1b" in shown.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.stdout)
    chinese = secwatch("sense", "show", path, directory=tmp_path).stdout
    assert "来源" in chinese
    assert "SYN，序号" in chinese
    assert "sequence" not in chinese

    some = secwatch("sense", "show", "-", "--limit", "1", "--port", "80", "--json", stdin=path.read_bytes())
    assert some.json["limit_reached"]
    (item,) = some.json["items"]
    assert (item["source"], item["bytes"], item["time"]) == (
        "10.10.1.20:4001",
        len(frames[0]),
        "2026-09-21T14:13:20.000000Z",
    )
    none = secwatch("--lang", "en", "sense", "show", path, "--since", "2026-10-01")
    assert (none.code, none.stdout) == (0, "there are no such packets\n")
    assert secwatch("sense", "show", path, "--flow", "1:nonsense").code == 2
    path.write_bytes(path.read_bytes()[:-2])
    cut = secwatch("sense", "show", path, "--json")
    assert (cut.code, len(cut.json["items"])) == (3, 3)
    assert "x.pcap 已损坏" in cut.stderr
    assert "is damaged" in secwatch("sense", "show", path, "--lang", "en").stderr
