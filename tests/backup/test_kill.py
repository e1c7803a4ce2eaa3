"""SIGKILL at any moment, to the command, to restic, to both: the next run repairs and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _start(city: Any, *arguments: str) -> subprocess.Popen[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RESTIC_")}
    # The tests themselves may have been started with SIGINT ignored.
    return subprocess.Popen(
        [
            "env",
            "--default-signal=INT",
            sys.executable,
            str(ROOT / "cli.py"),
            "-w",
            str(city.workspace),
            "backup",
            *arguments,
        ],
        env={**clean, **city.environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _restics(city: Any) -> Iterator[int]:
    """The restic processes at work on this city's repository, by their environment."""
    marker = f"RESTIC_REPOSITORY={city.repository}".encode()
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdigit() and marker in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name)
        except OSError:
            continue  # it has gone, or is somebody else's


def _await(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def _kill(number: int) -> None:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _entries(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} if directory.is_dir() else set()


def _objects(city: Any, kind: str) -> set[str]:
    """What the repository holds of a kind, without the temporary files that a killed restic leaves."""
    return {name for name in _entries(city.repository / kind) if len(name) == 64}


def _moment(city: Any, when: str) -> Callable[[], object]:
    before = _objects(city, "snapshots")
    return {
        "at once": lambda: True,
        "restic runs": lambda: any(_restics(city)),
        "locked": lambda: _objects(city, "locks"),
        "snapshot made": lambda: _objects(city, "snapshots") - before,
    }[when]


@pytest.mark.parametrize(
    ("whom", "when", "delay"),
    [
        ("command", "at once", 0.25),
        ("command", "restic runs", 0.0),
        ("command", "locked", 0.2),
        ("restic", "locked", 0.1),
        ("both", "locked", 0.3),
        ("command", "snapshot made", 0.0),
    ],
)
def test_the_next_run_repairs(city: Any, whom: str, when: str, delay: float) -> None:
    """Whoever was killed and whenever: the next run succeeds, restic is not left running, all books agree."""
    city.item("run", "finance-files")
    (city.data / "large.bin").write_bytes(os.urandom(40_000_000))
    reached = _moment(city, when)
    process = _start(city, "run", "finance-files")
    _await(reached)
    time.sleep(delay)
    victims = list(_restics(city)) if whom != "command" else []
    for victim in ([process.pid] if whom != "restic" else []) + victims:
        _kill(victim)
    process.wait(timeout=60)
    _await(lambda: not any(_restics(city)))
    item = city.item("run", "finance-files")
    assert item["result"] == "ok"
    _books_agree(city)
    if when == "snapshot made":
        assert city.item("drill", "finance-files")["differences"] == 0


def _books_agree(city: Any) -> None:
    assert city.rows("SELECT count(*) FROM runs WHERE ended_at IS NULL") == [(0,)]
    kept = {row[0] for row in city.rows("SELECT id FROM snapshots WHERE missing_since IS NULL")}
    assert kept == _objects(city, "snapshots")
    assert not _objects(city, "locks")
    manifests = _entries(city.workspace / "state" / "manifests" / "finance-files")
    assert not {name for name in manifests if name.startswith(".")}
    assert city.item("verify", "finance-files")["result"] == "ok"


def test_a_killed_drill_leaves_nothing(city: Any) -> None:
    """What a killed drill had restored is gone after the next attempt of any kind."""
    (city.data / "large.bin").write_bytes(os.urandom(40_000_000))
    city.item("run", "finance-files")
    scratch = city.workspace / "state" / "drills" / "finance-files"
    process = _start(city, "drill", "finance-files")
    _await(lambda: _entries(scratch))
    _kill(process.pid)
    process.wait(timeout=60)
    _await(lambda: not any(_restics(city)))
    assert _entries(scratch)
    city.item("verify", "finance-files")
    assert not scratch.exists()
    assert city.rows("SELECT result FROM runs WHERE verb = 'drill'") == [("interrupted",)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_stop_restic_cleanly(fake: Any, number: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM end with their codes, without a snapshot, without a lock, and are written down."""
    before = _objects(fake, "snapshots")
    process = _start_slowly(fake)
    process.send_signal(number)
    assert process.wait(timeout=60) == code
    assert not any(_restics(fake))
    assert not _objects(fake, "locks")
    assert _objects(fake, "snapshots") == before
    assert fake.rows("SELECT result FROM runs ORDER BY id DESC LIMIT 1") == [("interrupted",)]


def _start_slowly(city: Any) -> subprocess.Popen[bytes]:
    """Start a backup that takes many seconds, and return when data has begun to come.

    By then restic knows of its own lock; in the moment in which it makes one it forgets to remove it.
    """
    (city.data / "large.bin").write_bytes(os.urandom(50_000_000))
    city.environment["FAKE_RESTIC"] = "slow"
    before = _packs(city)
    process = _start(city, "run", "finance-files")
    _await(lambda: _packs(city) - before)
    return process


def _packs(city: Any) -> set[str]:
    return {path.name for path in (city.repository / "data").rglob("*") if path.is_file()}


def test_two_at_once(fake: Any) -> None:
    """A second run of the same job ends at once with 11; a restore may go on beside a backup."""
    process = _start_slowly(fake)
    try:
        item = fake.item("run", "finance-files", code=11)
        assert item["result"] == "locked"
        restored = fake.item("restore", "finance-files", "--target", fake.workspace.parent / "beside")
        assert restored["result"] == "ok"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
