"""Evidence beside the lake during live capture: neither a small disk nor a removed directory costs a flow unsaid."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from secwatch.sensor import segments
from tests.conftest import Run
from tests.pipeline.captures import write_frames
from tests.pipeline.wires import Live, Wires, rows
from tests.sensor.frames import datagram

Secwatch = Callable[..., Run]


def test_more_evidence_than_disk_leaves_the_lake_its_room(
    net: Wires, secwatch: Secwatch, small_disk: Path, tmp_path: Path
) -> None:
    city = small_disk / "city"
    secwatch("init", city)
    live = Live(net, city, "-i", "a1", "--keep", "200M", "--json", SECWATCH_SENSOR__WINDOW="1s").ready()
    for turn in range(5):
        frames = [datagram(bytes(1400), port=1024 + turn * 6000 + number, service=9) for number in range(6000)]
        assert net.send(write_frames(tmp_path / "many.pcap", frames)) == 6000
    ended = live.end()
    assert ended.code == 0, ended.stderr
    assert (ended.json["packets"], ended.json["left_out"], ended.json["problems"]) == (30_000, 0, [])
    assert rows(city, "flows", "sum(source_packets)::INT AS n") == [{"n": 30_000}]
    found = segments.listing(city / "state" / "evidence")
    first, last = segments.times_of(found[0].path), segments.times_of(found[-1].path)
    assert first is not None
    assert last is not None
    assert found[0].sequence > 1, "the oldest have gone"
    assert last[1] > time.time_ns() // 1000 - 60_000_000, "the newest are there"
    disk = os.statvfs(small_disk)
    assert disk.f_bavail * disk.f_frsize > 4 << 20


def test_packets_that_cannot_be_kept_are_a_problem_of_the_run(
    net: Wires, secwatch: Secwatch, workspace: Path, tmp_path: Path
) -> None:
    """It says so itself, and status says it: while it runs, and after it."""
    some = write_frames(tmp_path / "some.pcap", [datagram(b"x", port=1024 + number) for number in range(50)])
    evidence = workspace / "state" / "evidence"
    live = Live(net, workspace, "-i", "a1", "--keep", "64M", "--json", SECWATCH_SENSOR__WINDOW="1s").ready()
    net.send(some)
    time.sleep(0.5)
    shutil.rmtree(evidence)
    net.send(some)
    time.sleep(0.5)
    assert segments.listing(evidence), "it was made again"
    shutil.rmtree(evidence)
    evidence.touch()
    assert sensor(secwatch, workspace)["left_out"] == 0, "and what stands in the way stops no other command"
    net.send(some)
    deadline = time.monotonic() + 20
    while (during := sensor(secwatch, workspace))["left_out"] != 50:
        assert time.monotonic() < deadline, during
    assert during["running"]
    ended = live.end()
    assert ended.code == 3, ended.stderr
    assert (ended.json["packets"], ended.json["left_out"]) == (150, 50)
    assert ended.json["problems"] == ["50 packets were captured but not kept as evidence"]
    assert "not kept as evidence: the disk refuses them (file exists)" in ended.stderr
    status = secwatch("-w", workspace, "status", "--json").json
    assert not status["sensor"]["running"]
    assert (status["sensor"]["left_out"], status["sensor"]["left_out_at"]) == (50, during["left_out_at"])
    (reason,) = [reason for reason in status["reasons"] if "evidence" in reason["en"]]
    assert reason["grade"] == "attention"
    assert "the live sensor (a1) did not keep 50 captured packets as evidence, last about" in reason["en"]
    assert "50 个报文已抓取但未留存为证据" in reason["zh"]


def sensor(secwatch: Secwatch, workspace: Path) -> dict[str, Any]:
    """How the live sensor stands, as `status` tells it."""
    told: dict[str, Any] = secwatch("-w", workspace, "status", "--json").json["sensor"]
    return told
