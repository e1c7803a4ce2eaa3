"""`secwatch sense live` as a service: signals, kills, other commands beside it, privileges, and mistakes."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Run, skip_unless_others_can_run
from tests.pipeline.captures import write_frames, write_scan
from tests.pipeline.wires import Live, Wires, rows
from tests.sensor.frames import SYN, datagram, segment

Secwatch = Callable[..., Run]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_run_ends_at_once(net: Wires, secwatch: Secwatch, workspace: Path, number: int) -> None:
    live = Live(net, workspace, "-i", "a1", watchdog=0.5).ready()
    live.wait_for("WATCHDOG=1", 5)
    began = time.monotonic()
    ended = live.end(number)
    assert ended.code == 0, ended.stderr
    assert time.monotonic() - began < 5
    assert "packets" in ended.stdout
    assert "STOPPING=1" in live.messages
    assert live.messages.index("READY=1") < live.messages.index("WATCHDOG=1")
    after = Live(net, workspace, "-i", "a1", "--duration", "1s").end(None)
    assert (after.code, "goodbye" in after.stderr) == (0, False), after.stderr


def _recorded(workspace: Path, what: str) -> list[Any]:
    """Ask the database of a workspace."""
    with closing(sqlite3.connect(workspace / "state" / "secwatch.db", timeout=30)) as database:
        return list(database.execute(what).fetchall())


def test_a_killed_run_is_told_of_and_leaves_nothing_behind(net: Wires, workspace: Path, tmp_path: Path) -> None:
    """Killed at any moment: what is recorded is whole, and the next run says from when to when packets are missing."""
    flood = write_frames(
        tmp_path / "flood.pcap", [datagram(b"x", port=1024 + n % 60_000, service=9) for n in range(40_000)]
    )
    counting = "SELECT coalesce(sum(json_extract(counters, '$.flows')), 0) FROM inputs"
    for number in range(5):
        live = Live(net, workspace, "-i", "a1", SECWATCH_SENSOR__WINDOW="1s", SECWATCH_SENSOR__OTHER_IDLE="1s").ready()
        sending = net.start_sending(flood, rate=2000)
        before, deadline = _recorded(workspace, counting), time.monotonic() + 20
        while number % 2 and _recorded(workspace, counting) == before and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.4 + 0.31 * number)
        live.kill()
        sending.kill()
        sending.wait()
    ended = Live(net, workspace, "-i", "a1", "--duration", "1s", "--json").end(None)
    assert ended.code == 0, ended.stderr
    (gap,) = ended.json["missing"]
    assert gap["from"] < gap["to"]
    assert f"packets from {gap['from']} to {gap['to']} are missing" in ended.stderr
    recorded = {path for (path,) in _recorded(workspace, "SELECT path FROM lake_files")}
    lake = workspace / "state" / "lake"
    assert {path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file()} == recorded
    ends = _recorded(workspace, "SELECT ended_at IS NULL, missing_until IS NULL FROM live_runs ORDER BY id")
    assert ends == [(1, 0)] * 5 + [(0, 1)]
    ((flows,),) = _recorded(workspace, counting)
    assert rows(workspace, "flows", "count(*) AS n") == [{"n": flows}]
    assert flows, "some windows were recorded before the kill"


def test_a_new_configuration_without_losing_what_is_open(net: Wires, workspace: Path, tmp_path: Path) -> None:
    live = Live(net, workspace, "-i", "a1", "--json").ready()
    net.send(write_frames(tmp_path / "one.pcap", [segment(SYN)]))
    configuration = workspace / "secwatch.toml"
    good = configuration.read_text()
    configuration.write_text("[sensor]\nwindow = 7\n")
    live.tell(signal.SIGHUP)
    time.sleep(0.6)
    configuration.write_text(good.replace('attempt = "20s"', 'attempt = "1s"'))
    live.tell(signal.SIGHUP)
    time.sleep(3)
    net.send(write_frames(tmp_path / "two.pcap", [segment(SYN, port=2)]))
    ended = live.end()
    assert ended.code == 0, ended.stderr
    assert "the old configuration stays in force" in ended.stderr
    assert "the configuration was read again" in ended.stderr
    found = rows(workspace, "flows", "source_port, export_reason FROM ORDER BY 1 DESC")
    assert found == [
        {"source_port": 40000, "export_reason": "idle"},
        {"source_port": 2, "export_reason": "flush"},
    ], "the new time-out ended the first flow"


def test_other_commands_get_their_turn(net: Wires, secwatch: Secwatch, workspace: Path, tmp_path: Path) -> None:
    flood = write_frames(tmp_path / "flood.pcap", [datagram(b"x", port=1024 + n, service=9) for n in range(3000)])
    live = Live(net, workspace, "-i", "a1", SECWATCH_SENSOR__WINDOW="1s", SECWATCH_SENSOR__OTHER_IDLE="1s").ready()
    second = Live(net, workspace, "-i", "b1").end(None)
    assert second.code == 11, "one live run per workspace"
    sending = net.start_sending(flood, rate=1000)
    for source in range(2):
        read = secwatch(
            "-w", workspace, "sense", "read", write_scan(tmp_path / f"{source}.pcap", packets=20, source=source)
        )
        assert read.code == 0, read.stderr
    assert sending.wait(timeout=30) == 0
    assert live.end().code == 0
    assert rows(workspace, "flows", "sum(source_packets)::INT AS n") == [{"n": 3040}]


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that other users can reach: pytest keeps its own closed to them, and closes it again and again."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def _cache_of(directory: Path, uid: int) -> Path:
    """A copy of the compiled kernels that belongs to another user."""
    from secwatch.sensor import kernels

    kernels.warm()
    cache = directory / "cache"
    shutil.copytree(kernels.CACHE, cache / kernels.CACHE.name)
    for path in (cache, *cache.rglob("*")):
        os.chown(path, uid, uid)
    return cache


def test_root_is_given_up_before_the_first_packet(
    net: Wires, secwatch: Secwatch, tmp_path: Path, reachable: Path
) -> None:
    skip_unless_others_can_run()
    city = reachable / "city"
    secwatch("init", city)
    for path in (city, *city.rglob("*")):
        os.chown(path, 65534, 65534)
    cache = _cache_of(reachable, 65534)
    live = Live(net, city, "-i", "a1", "--user", "nobody", "--promiscuous", "--json", SECWATCH_CACHE=str(cache)).ready()
    net.send(write_frames(tmp_path / "one.pcap", [segment(SYN)]))
    for thread in Path(f"/proc/{live.process.pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line)
        assert status["Uid"].split() == ["65534"] * 4
        assert status["Gid"].split() == ["65534"] * 4
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"
    ended = live.end()
    assert (ended.code, ended.json["packets"]) == (0, 1), ended.stderr


def _init_as_nobody(directory: Path) -> Path:
    """A workspace that another user made."""
    directory.chmod(0o777)
    city = directory / "city"
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = [*become, sys.executable, str(ROOT / "cli.py"), "init", str(city)]
    subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL)
    return city


def test_root_does_not_lock_the_owner_of_a_workspace_out(net: Wires, tmp_path: Path, reachable: Path) -> None:
    skip_unless_others_can_run()
    city = _init_as_nobody(reachable)
    _cache_of(city / "state", 65534)  # where it is looked for without a home, as nobody is
    one = write_frames(tmp_path / "one.pcap", [segment(SYN)])
    live = Live(net, city, "-i", "a1", "--keep", "32M", "--json", SECWATCH_CACHE="").ready()
    net.send(one)
    ended = live.end()
    assert (ended.code, ended.json["packets"]) == (0, 1), ended.stderr
    assert f"capturing as nobody, the owner of {city}; --user root stays root" in ended.stderr
    assert {path.stat().st_uid for path in city.rglob("*")} == {65534}
    root = Live(net, city, "-i", "a1", "--user", "root", "--duration", "0.5").end(None)
    assert root.code == 0, root.stderr
    assert "root" not in root.stderr, "it was asked for"
    os.chown(city / "state" / "secwatch.db", 0, 0)  # as earlier versions left it
    refused = Live(net, city, "-i", "a1", SECWATCH_CACHE="").end(None)
    assert refused.code == 1, refused.stderr
    assert "secwatch.db cannot be written by the user nobody" in refused.stderr
    assert f"sudo chown -R nobody: {city / 'state'}" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("-i", "nothere0"), 2, ("there is no interface nothere0", "a0", "b1")),
        (("-i", "a1", "--filter", "tcp porn 80"), 2, ("the filter is not understood", "man pcap-filter")),
        (("-i", "a1", "--user", "nosuchuser"), 2, ("there is no user nosuchuser", "useradd")),
        (("-i", "a1", "--duration", "0"), 2, ("neither a number of seconds nor a duration",)),
        (("-i", "x" * 300), 2, ("there is no interface",)),
        (("-i", "a1", "--keep", "1M"), 2, ("too little",)),
    ],
)
def test_mistakes_are_said(
    net: Wires, workspace: Path, arguments: tuple[str, ...], code: int, words: tuple[str]
) -> None:
    ended = Live(net, workspace, *arguments).end(None)
    assert ended.code == code, ended.stderr
    for word in words:
        assert word in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_the_permission_the_way_is_shown(net: Wires, secwatch: Secwatch, workspace: Path) -> None:
    without = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    command = [*without, sys.executable, str(ROOT / "cli.py"), "-w", str(workspace), "sense", "live", "-i", "a1"]
    ended = subprocess.run(net.command(command), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "CAP_NET_RAW" in ended.stderr
    assert "--user" in ended.stderr
