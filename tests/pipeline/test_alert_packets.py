"""The packets of an alert, from the evidence buffer and from the files it came from, for as long as they are there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from secwatch.core.errors import SecwatchError
from secwatch.core.model import Alert, Origin
from secwatch.pipeline import packets
from secwatch.sensor import segments
from secwatch.sensor.evidence import SMALLEST_LIMIT, EvidenceBuffer
from secwatch.sensor.kernels import index as finder
from secwatch.sensor.selection import Packet, PcapWriter, Selector, Wish
from secwatch.store import alerts
from tests.conftest import ROOT, Run
from tests.pipeline.captures import START, write_scan

Secwatch = Callable[..., Run]


def keep(directory: Path, frames: Sequence[Packet]) -> None:
    """Put packets into an evidence buffer, in two segments as two runs of live capture would."""
    half = len(frames) // 2
    for part in (frames[:half], frames[half:]):
        index = finder.new_index()
        place = 0
        for number, packet in enumerate(part):
            index.offsets[number], index.captured[number] = place, len(packet.content)
            index.wire[number], index.times[number], index.links[number] = packet.wire, packet.time, packet.link
            place += len(packet.content)
        data = np.frombuffer(bytearray(b"".join(packet.content for packet in part)), np.uint8)
        with EvidenceBuffer(directory, SMALLEST_LIMIT, [("eth0", 1)]) as buffer:
            buffer.keep(data, index, len(part))


@pytest.fixture
def scanned(workspace: Path, secwatch: Secwatch) -> Path:
    """A workspace whose alert 1 is a scan of 40 packets, read from scan.pcap in it."""
    write_scan(workspace / "scan.pcap", packets=40)
    assert secwatch("sense", "read", "scan.pcap", directory=workspace).code == 0
    return workspace


def test_from_the_file_then_from_segments_then_not_at_all(scanned: Path, secwatch: Secwatch) -> None:
    shown = secwatch("--lang", "en", "alerts", "show", "1", "--packets", directory=scanned)
    assert shown.code == 0
    assert "40 packets (2.8 kB) from 1 file: alert-1.pcap" in shown.stdout
    frames = list(Selector(Wish()).packets(str(scanned / "scan.pcap")))
    assert list(Selector(Wish()).packets(str(scanned / "alert-1.pcap"))) == frames

    (scanned / "scan.pcap").unlink()
    gone = secwatch("alerts", "show", "1", "--packets", "-o", "other.pcap", directory=scanned)
    assert gone.code == 3
    assert "no live capture kept any, and scan.pcap, which it was read from, is gone or has changed" in gone.stderr
    assert "put the file back" in gone.stderr
    assert "secwatch sense read scan.pcap --again" in gone.stderr
    assert not (scanned / "other.pcap").exists()

    keep(scanned / "state" / "evidence", frames)
    again = secwatch("alerts", "show", "1", "--packets", "--json", "-o", "again.pcap", directory=scanned)
    assert again.code == 0, again.stderr
    assert [(item["kind"], item["packets"]) for item in again.json["sources"]] == [("segment", 20), ("segment", 20)]
    assert list(Selector(Wish()).packets(str(scanned / "again.pcap"))) == frames

    command = [sys.executable, str(ROOT / "cli.py"), "alerts", "show", "1", "--packets", "--limit", "25", "-o", "-"]
    some = subprocess.run(command, cwd=scanned, capture_output=True, check=True)
    (scanned / "some.pcap").write_bytes(some.stdout)
    assert list(Selector(Wish()).packets(str(scanned / "some.pcap"))) == frames[:25]
    assert b"--limit 25" in some.stderr

    for item in segments.listing(scanned / "state" / "evidence"):
        item.path.write_bytes(b"")
    assert secwatch("alerts", "show", "1", "--packets", directory=scanned).code == 3


def test_a_file_that_is_another_now_is_not_taken(scanned: Path, secwatch: Secwatch) -> None:
    write_scan(scanned / "scan.pcap", packets=41)
    assert secwatch("alerts", "show", "1", "--packets", directory=scanned).code == 3


def test_mistakes_are_said(scanned: Path, secwatch: Secwatch) -> None:
    both = secwatch("alerts", "show", "1", "--packets", "-o", "-", "--json", directory=scanned)
    assert (both.code, json.loads(both.stderr)["exit_code"]) == (2, 2)
    nowhere = secwatch("alerts", "show", "1", "--packets", "-o", "none/x.pcap", directory=scanned)
    assert nowhere.code == 1
    assert "cannot write none/x.pcap" in nowhere.stderr


@pytest.fixture
def alert(scanned: Path) -> Alert:
    """Alert 1."""
    from secwatch.store.migrations import MIGRATIONS
    from secwatch.system.database import open_database

    found = alerts.find(open_database(scanned / "state" / "secwatch.db", (MIGRATIONS,)), 1)
    assert found is not None
    return found


def test_which_packets_an_alert_speaks_of(alert: Alert) -> None:
    finding = alert.finding
    wish = packets.wish_for(finding)
    assert wish.addresses == ("203.0.113.9", "10.10.1.5")
    assert wish.since == START * 1_000_000 - 5_000_000
    assert wish.until == START * 1_000_000 + 390_000 + 5_000_000
    assert packets.wish_for(replace(finding, key={"port": 443})).ports == (443,)
    assert packets.wish_for(replace(finding, target="cdn.example")).addresses == ("203.0.113.9",)
    epoch = replace(finding, first_seen=datetime(1970, 1, 1, tzinfo=UTC))
    assert packets.wish_for(epoch).since == 0
    with pytest.raises(SecwatchError, match="from no packets"):
        packets.wish_for(replace(finding, origin=Origin.BACKUP))
    with pytest.raises(SecwatchError, match="neither an address nor a flow"):
        packets.wish_for(replace(finding, source=None, target="x.example"))


def test_only_segments_of_the_time_are_opened_and_one_may_go_meanwhile(tmp_path: Path) -> None:
    """What ended before or began after is not looked at; a segment without an end always is."""
    frames = list(Selector(Wish()).packets(str(write_scan(tmp_path / "s.pcap", packets=10, every=100.0))))
    keep(tmp_path, frames)
    first, second = segments.listing(tmp_path)
    late = Wish(since=frames[-1].time - 1, until=frames[-1].time + 10**9)
    assert [packets._may_hold(item, late) for item in (first, second)] == [False, True]
    first.path.write_bytes(first.path.read_bytes()[:-52])
    assert packets._may_hold(first, late)
    second.path.unlink()
    sources = [packets.Source(str(item.path), True) for item in (first, second)]
    found = packets.gather(sources, Wish(), PcapWriter(BytesIO()), 100)
    assert (found.packets, found.vanished, found.damaged) == (5, 1, ())
