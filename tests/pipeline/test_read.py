"""From capture to alert through the real command; killed anywhere, the next run makes it whole."""

from __future__ import annotations

import gzip
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Run
from tests.pipeline.captures import write_scan

Secwatch = Callable[..., Run]


def counted(secwatch: Secwatch, workspace: Path, sql: str) -> Any:
    """Return the one value of a query."""
    answer = secwatch("-w", workspace, "flows", "query", sql, "--json")
    assert answer.code == 0, answer.stderr
    return next(iter(answer.json["items"][0].values()))


def orphans(workspace: Path) -> set[str]:
    """Return the files of the lake that the database does not name, and the names without a file."""
    lake = workspace / "state" / "lake"
    on_disk = {str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file()}
    with sqlite3.connect(workspace / "state" / "secwatch.db") as database:
        recorded = {row[0] for row in database.execute("SELECT path FROM lake_files")}
    database.close()
    return on_disk ^ recorded


@pytest.fixture
def city(workspace: Path, secwatch: Secwatch) -> Path:
    """A workspace whose registry is filled."""
    assert secwatch("-w", workspace, "org", "import").code == 0
    return workspace


def test_a_scan_becomes_an_alert_of_its_owner(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    capture = write_scan(tmp_path / "scan.pcap", packets=150)
    read = secwatch("-w", city, "sense", "read", capture, "--json")
    assert read.code == 0, read.stderr
    assert {name: read.json[name] for name in ("packets", "flows", "alerts", "dropped", "malformed")} == {
        "packets": 150,
        "flows": 150,
        "alerts": 1,
        "dropped": 0,
        "malformed": {},
    }
    assert set(read.json) >= {"schema", "bytes", "events", "seconds", "inputs"}
    listed = secwatch("-w", city, "alerts", "list", "--json")
    (alert,) = listed.json["items"]
    assert (alert["detection"], alert["severity"], alert["count"]) == ("port_scan", 3, 150)
    assert (alert["source"], alert["target"], alert["organisation"]) == ("203.0.113.9", "10.10.1.5", "FIN")
    assert secwatch("-w", city, "alerts", "list", "--fail-on", "3").code == 4
    assert secwatch("-w", city, "alerts", "list", "--fail-on", "4").code == 0
    assert secwatch("-w", city, "alerts", "list", "--organisation", "CIVIL", "--json").json["items"] == []
    assert secwatch("-w", city, "alerts", "list", "--detection", "beacon", "--json").json["items"] == []
    assert secwatch("-w", city, "alerts", "list", "--since", "2100-01-01", "--json").json["items"] == []
    shown = secwatch("-w", city, "alerts", "show", "1", "--lang", "en")
    assert "What to do: Find out whether the source scans" in " ".join(shown.stdout.split())
    assert "端口扫描" in secwatch("-w", city, "alerts", "show", "1", "--lang", "zh").stdout
    assert secwatch("-w", city, "alerts", "show", "2").code == 2


def test_the_same_bytes_add_nothing(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    capture = write_scan(tmp_path / "scan.pcap", packets=30)
    assert secwatch("-w", city, "sense", "read", capture).code == 0
    copy = tmp_path / "copy.pcap"
    copy.write_bytes(capture.read_bytes())
    for arguments, content in (((copy,), None), ((copy, copy), None), (("-",), capture.read_bytes())):
        again = secwatch("-w", city, "sense", "read", *arguments, "--json", stdin=content)
        assert again.code == 0, again.stderr
        assert {item["result"] for item in again.json["inputs"]} == {"known"}
    assert counted(secwatch, city, "SELECT count(*) FROM flows") == 30
    anew = secwatch("-w", city, "sense", "read", copy, "--again", "--json")
    assert anew.json["inputs"][0]["result"] == "read"
    assert counted(secwatch, city, "SELECT count(*) FROM flows") == 30
    assert secwatch("-w", city, "alerts", "list", "--json").json["items"][0]["count"] == 30
    assert secwatch("-w", city, "detect", "run", "--json").json["updated"] == []
    assert secwatch("-w", city, "alerts", "list", "--json").json["items"][0]["count"] == 30


def test_one_capture_in_two_files_gives_one_alert(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    first = write_scan(tmp_path / "1.pcap", packets=100, every=0.5)
    second = write_scan(tmp_path / "2.pcap", packets=100, every=0.5, first_second=50)
    assert secwatch("-w", city, "sense", "read", first, second).code == 0
    (alert,) = secwatch("-w", city, "alerts", "list", "--json").json["items"]
    assert alert["count"] == 200


def test_an_unreadable_input_does_not_stop_the_others(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    good = write_scan(tmp_path / "good.pcap", packets=12)
    bad = tmp_path / "bad.pcap"
    bad.write_text("this is no capture")
    read = secwatch("-w", city, "sense", "read", bad, good, tmp_path / "missing.pcap", "--json")
    assert read.code == 3
    assert [item["result"] for item in read.json["inputs"]] == ["unreadable", "read", "unreadable"]
    assert read.json["packets"] == 12
    alone = secwatch("-w", city, "sense", "read", bad)
    assert alone.code == 3
    assert alone.stderr.startswith("secwatch: error: ")
    assert "hint" in alone.stderr


def test_compressed_cut_short_and_empty_captures(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    raw = write_scan(tmp_path / "scan.pcap", packets=20).read_bytes()
    packed = tmp_path / "scan.pcap.gz"
    packed.write_bytes(gzip.compress(raw))
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(raw[:-30])
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(raw[:24])
    read = secwatch("-w", city, "sense", "read", packed, cut, empty, "--json")
    assert [item["packets"] for item in read.json["inputs"]] == [20, 19, 0]
    assert read.json["malformed"] == {"truncated_file": 1}


def test_a_broken_detection_is_told(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    (city / "detections" / "broken.sql").write_text("SELECT 1", encoding="utf-8")
    read = secwatch("-w", city, "sense", "read", write_scan(tmp_path / "scan.pcap", packets=20), "--json")
    assert read.code == 3
    assert read.json["alerts"] == 1
    assert "broken.sql:1" in read.json["problems"][0]


def test_silent_for_cron(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    read = secwatch("-w", city, "sense", "read", write_scan(tmp_path / "s.pcap", packets=20), "-o", tmp_path / "out")
    assert (read.code, read.stdout, read.stderr) == (0, "", "")


def test_two_runs_at_once(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    from secwatch.system import lock

    capture = write_scan(tmp_path / "s.pcap", packets=20)
    with lock.hold(city / "state" / "run", "lake"):
        locked = secwatch("-w", city, "sense", "read", capture)
        assert secwatch("-w", city, "flows", "query", "SELECT 1").code == 0
    assert locked.code == 11


def start(workspace: Path, capture: Path) -> subprocess.Popen[bytes]:
    """Start a reading run in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "-w", str(workspace), "sense", "read", str(capture)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_killed_at_any_moment_nothing_is_lost_doubled_or_left(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    """SIGKILL at random moments of a run: what is visible stays whole, and the last run finishes the work."""
    before = write_scan(tmp_path / "before.pcap", packets=40, source=1)
    assert secwatch("-w", city, "sense", "read", before).code == 0
    capture = write_scan(tmp_path / "big.pcap", packets=120_000, first_second=1000, every=0.001)
    began = time.monotonic()
    measured = tmp_path / "measured"
    assert secwatch("init", measured).code == 0
    assert secwatch("-w", measured, "sense", "read", capture).code == 0
    duration = time.monotonic() - began
    chance = random.Random(20261123)
    finished = 0
    for _ in range(6):
        process = start(city, capture)
        time.sleep(chance.uniform(0.15, duration * 0.9))
        process.send_signal(signal.SIGKILL)
        finished += process.wait() == 0
        visible = counted(secwatch, city, "SELECT count(*) FROM flows")
        assert visible in (40, 120_040)
    last = secwatch("-w", city, "sense", "read", capture, "--json")
    assert last.code == 0, last.stderr
    assert counted(secwatch, city, "SELECT count(*) FROM flows") == 120_040
    assert orphans(city) == set()
    counts = {
        alert["source"]: alert["count"] for alert in secwatch("-w", city, "alerts", "list", "--json").json["items"]
    }
    expected = secwatch("-w", measured, "alerts", "list", "--json").json["items"][0]["count"]
    assert counts == {"203.0.113.1": 40, "203.0.113.9": expected}
