"""Live capture over a wire of the test's own: what is captured, and what is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from secwatch.core.tables import TABLES
from tests.conftest import ROOT, Run
from tests.pipeline.captures import write_frames, write_scan
from tests.pipeline.wires import Live, Wires, rows
from tests.sensor.frames import ACK, SYN, datagram, ethernet, ipv4, segment, udp

Secwatch = Callable[..., Run]


def _synthesised(path: Path, packets: int) -> Path:
    make = [sys.executable, "-m", "secwatch.sensor.dissect", "synthesise", path, "--seed", "3", "--packets", packets]
    subprocess.run(list(map(str, make)), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return path


def _everything(secwatch: Secwatch, workspace: Path) -> dict[str, Any]:
    """All rows of the lake and all alerts, without the numbers and moments that every database has its own of."""
    found: dict[str, Any] = {table: sorted(rows(workspace, table), key=str) for table in TABLES}
    alerts = secwatch("-w", workspace, "alerts", "list", "--json").json["items"]
    own = ("id", "created_at", "updated_at")
    found["alerts"] = sorted(({k: v for k, v in alert.items() if k not in own} for alert in alerts), key=str)
    return found


def test_live_gives_what_reading_the_same_packets_gives(
    net: Wires, secwatch: Secwatch, workspace: Path, tmp_path: Path
) -> None:
    """The evidence buffer has the packets with their times: read as a file they give the same flows, events, alerts."""
    scan = write_scan(tmp_path / "scan.pcap", packets=400)
    mixed = _synthesised(tmp_path / "mixed.pcap", 4000)
    live = Live(net, workspace, "-i", "a1", "--keep", "64M", "--json", SECWATCH_SENSOR__WINDOW="2s").ready()
    assert net.send(mixed) == 4000
    time.sleep(2.2)
    net.send(scan, rate=400)
    ended = live.end()
    assert ended.code == 0, ended.stderr
    result = ended.json
    assert (result["packets"], result["dropped"], result["malformed"], result["problems"]) == (4400, 0, {}, [])
    assert result["windows"] >= 2
    assert result["interfaces"]["a1"] == {"packets": 4400, "dropped": 0, "freezes": 0}
    kept = sorted((workspace / "state" / "evidence").glob("*.pcapng"))
    again = tmp_path / "again"
    secwatch("init", again)
    read = secwatch("-w", again, "sense", "read", *kept, "--json")
    assert read.json["packets"] == 4400
    for number in ("bytes", "flows", "events", "alerts"):
        assert result[number] == read.json[number], number
    mine, theirs = _everything(secwatch, workspace), _everything(secwatch, again)
    assert mine["alerts"], "the scan was to be found"
    for name in mine:
        assert mine[name] == theirs[name], name


def test_tags_taken_out_by_the_card_filter_and_two_interfaces(net: Wires, workspace: Path, tmp_path: Path) -> None:
    tagged = [ethernet(ipv4(udp(b"x", (40000 + n, 9)), 17), tags=[(0x8100, 7)]) for n in range(5)]
    other = [ethernet(ipv4(udp(b"x", (41000 + n, 9)), 17), tags=[(0x8100, 8)]) for n in range(5)]
    double = [ethernet(ipv4(udp(b"x", (42000, 9)), 17), tags=[(0x88A8, 7), (0x8100, 30)])]
    plain = [datagram(b"y", port=43000, service=9)]
    first = write_frames(tmp_path / "first.pcap", [*tagged, *other, *double, *plain, segment(SYN)])
    second = write_frames(tmp_path / "second.pcap", [segment(SYN, port=50001), *tagged[:1]])
    live = Live(net, workspace, "-i", "a1", "-i", "b1", "--json", "--filter", "vlan 7").ready()
    net.send(first)
    net.send(second, "b0")
    ended = live.end()
    assert ended.code == 0, ended.stderr
    assert {name: counts["packets"] for name, counts in ended.json["interfaces"].items()} == {"a1": 6, "b1": 1}
    asked = "vlan, outer_vlan, count(*) AS n, sum(source_packets)::INT AS p FROM GROUP BY 1, 2 ORDER BY 1"
    assert rows(workspace, "flows", asked) == [
        {"vlan": 7, "outer_vlan": 0, "n": 5, "p": 6},
        {"vlan": 30, "outer_vlan": 7, "n": 1, "p": 1},
    ]
    assert ended.json["bytes"] == 6 * (len(tagged[0])) + len(double[0])


def test_the_loopback_sees_every_packet_once(net: Wires, workspace: Path) -> None:
    live = Live(net, workspace, "-i", "lo", "--json", "--filter", "udp").ready()
    talk = (
        "import socket; a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 5000))\n"
        "[a.sendto(b'hello', ('127.0.0.1', 5000)) for _ in range(10)]"
    )
    net.run([sys.executable, "-c", talk])
    time.sleep(0.2)
    assert live.end().json["packets"] == 10


def test_what_the_ring_has_no_room_for_is_counted(
    net: Wires, secwatch: Secwatch, workspace: Path, tmp_path: Path
) -> None:
    flood = write_frames(
        tmp_path / "flood.pcap", [segment(ACK, b"x" * 1000, sequence=1 + 1000 * n) for n in range(6000)]
    )
    live = Live(net, workspace, "-i", "a1", "--json", SECWATCH_SENSOR__RING_MEGABYTES="2").ready()
    live.tell(signal.SIGSTOP)
    net.send(flood, rate=1e6)
    live.tell(signal.SIGCONT)
    ended = live.end()
    assert ended.code == 3, "packets were lost: that is not a success"
    assert ended.json["dropped"] > 1000
    assert ended.json["packets"] + ended.json["dropped"] == 6000
    assert ended.json["freezes"] >= 1
    status = secwatch("-w", workspace, "--lang", "en", "status", "--json").json
    assert any("dropped" in reason["en"] for reason in status["reasons"]), status["reasons"]
