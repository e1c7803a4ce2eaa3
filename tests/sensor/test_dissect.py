"""Synthetic traffic: made in a process that holds scapy alone, always the same, and whole."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.sensor.reading import Reading, accounted, read


def _synthesise(path: Path, *arguments: str) -> Any:
    command = [sys.executable, "-W", "error", "-m", "secwatch.sensor.dissect", "synthesise", str(path), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Reading]:
    """The demonstration capture: what was said about it, where it is, what the sensor sees in it."""
    path = tmp_path_factory.mktemp("demo") / "demo.pcap"
    return _synthesise(path, "--seed", "7", "--start", "2026-03-02T09:00:00+08:00"), path, read(path)


def test_the_report_says_what_was_made(made: tuple[Any, Path, Reading]) -> None:
    report, path, reading = made
    assert report["packets"] == reading.counters.packets
    assert 20_000 < report["packets"] < 40_000
    assert report["bytes"] == path.stat().st_size
    assert 280 < report["seconds"] < 310
    assert [attack["kind"] for attack in report["attacks"]] == ["port_scan", "ssh_guessing", "dns_tunnel", "beacon"]
    assert reading.counters.malformed == {}
    assert accounted(reading)
    assert reading.counters.first_time is not None
    assert 0 <= reading.counters.first_time - 1772413200_000_000 < 10_000_000


def test_the_attacks_can_be_seen(made: tuple[Any, Path, Reading]) -> None:
    report, _, reading = made
    scan, guessing, tunnel, beacon = report["attacks"]

    def between(source: str, target: str) -> list[dict[str, Any]]:
        return [f for f in reading.flows if (f["source_address"], f["destination_address"]) == (source, target)]

    probes = between(scan["source"], scan["target"])
    assert len({flow["destination_port"] for flow in probes}) == 400
    assert {flow["connection_state"] for flow in probes} == {"REJ", "RSTO"}
    sessions = between(guessing["source"], guessing["target"])
    assert len(sessions) == 48
    assert {(flow["service"], flow["connection_state"]) for flow in sessions} == {("ssh", "SF")}
    names = [row["query"] for row in reading.dns if row["query"].endswith("." + tunnel["target"])]
    assert len(set(names)) == 240
    assert all(len(name.split(".")[0]) == 56 for name in names)
    calls = sorted(flow["first_seen"] for flow in between(beacon["source"], beacon["target"]))
    assert len(calls) == 29
    gaps = [after - before for before, after in pairwise(calls)]
    assert all(abs(gap - 10_000_000) < 400_000 for gap in gaps)
    assert len({flow["source_bytes"] for flow in between(beacon["source"], beacon["target"])}) == 1


def test_harmless_traffic_has_names_on_all_layers(made: tuple[Any, Path, Reading]) -> None:
    _, _, reading = made
    assert {row["status_code"] for row in reading.http} == {200}
    assert {row["version"] for row in reading.tls} == {"TLSv13"}
    assert all(row["server_name"].endswith((".example", ".test", "example.com")) for row in reading.tls)
    assert all(row["response_code"] == "NOERROR" for row in reading.dns)
    assert {flow["service"] for flow in reading.flows} == {"", "dns", "http", "tls", "ssh", "ntp"}


def test_the_same_seed_makes_the_same_bytes(made: tuple[Any, Path, Reading], tmp_path: Path) -> None:
    _, path, _ = made
    again = tmp_path / "again.pcap"
    _synthesise(again, "--seed", "7", "--start", "2026-03-02T09:00:00+08:00")
    assert again.read_bytes() == path.read_bytes()
    quiet = _synthesise(tmp_path / "quiet.pcap", "--seed", "8", "--scale", "0")
    assert quiet["packets"] < 5_000


def test_repeated_with_other_addresses(tmp_path: Path) -> None:
    report = _synthesise(tmp_path / "many.pcap", "--scale", "0.1", "--packets", "20000")
    assert report["packets"] == 20_000
    reading = read(tmp_path / "many.pcap")
    assert reading.counters.packets == 20_000
    assert reading.counters.time_backwards == 0
    assert {flow["source_address"].rsplit(".", 2)[0] for flow in reading.flows} >= {"10.10", "10.11", "10.12"}


def test_scapy_is_alone_in_its_process() -> None:
    program = (
        "import sys; import secwatch.sensor.dissect\n"
        "third = {name.partition('.')[0] for name, module in sys.modules.items()"
        " if 'site-packages' in (getattr(module, '__file__', None) or '')}\n"
        "print(sorted(name for name in third if not name.startswith('_')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['scapy']"
