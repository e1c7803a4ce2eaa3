"""The demo: what it promises is there, in both languages, and after kill -9 at any moment it runs again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, run_secwatch


def test_the_demo_carries_through_everything(tmp_path: Path) -> None:
    """Packets to alerts, files to matches, a backup proven, warnings owned, a bulletin on a page."""
    directory = tmp_path / "demo"
    run = run_secwatch("demo", directory, "--json", timeout=300)
    assert run.code == 0, run.stderr
    facts = run.json["facts"]
    assert facts["packets"] > 20_000
    assert facts["flows"] > 1_000
    assert (facts["files_matched"], facts["warnings"]) == (2, 6)
    assert 0 < facts["rpo_seconds"] < 300
    assert 0 < facts["rto_seconds"] < 60
    page = (directory / "bulletin.html").read_text(encoding="utf-8")
    assert "网络安全预警预报周报" in page
    warnings = run_secwatch("-w", directory, "warn", "list", "--json").json["items"]
    owners = {(warning["organisation"], warning["level"]) for warning in warnings}
    assert ("FIN", "orange") in owners
    assert ("HEALTH", "yellow") in owners
    assert "report-upward" in {warning["state"] for warning in warnings}
    assert all(step["command"].split()[0] in ("secwatch", sys.executable) for step in run.json["steps"])


def test_a_step_can_be_repeated_by_hand(tmp_path: Path) -> None:
    """The commands shown work when typed, and reading the same traffic again adds nothing."""
    directory = tmp_path / "demo"
    shown = run_secwatch("demo", directory, "--lang", "en", timeout=300)
    assert shown.code == 0, shown.stderr
    line = next(line for line in shown.stdout.splitlines() if line.startswith("$ secwatch") and "sense read" in line)
    before = run_secwatch("-w", directory, "alerts", "list", "--json").json
    again = run_secwatch(*line.split()[2:], "--json")
    assert again.json["packets"] == 0
    assert run_secwatch("-w", directory, "alerts", "list", "--json").json == before


def test_a_directory_with_something_else_is_left_alone(tmp_path: Path) -> None:
    """Nothing of the user's is ever removed."""
    (tmp_path / "thesis.txt").write_text("years of work")
    run = run_secwatch("demo", tmp_path)
    assert run.code == 2
    assert "holds something that the demo did not make" in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.txt"]


def test_a_prepared_directory_is_refused(tmp_path: Path) -> None:
    """Whoever could have put the mark there could change the configuration under us."""
    directory = tmp_path / "demo"
    directory.mkdir()
    (directory / ".secwatch-demo").touch()
    directory.chmod(0o777)
    assert run_secwatch("demo", directory).code == 16
    directory.chmod(0o755)
    (directory / ".secwatch-demo").unlink()
    (directory / ".secwatch-demo").symlink_to("/etc/passwd")
    assert run_secwatch("demo", directory).code == 16
    assert run_secwatch("demo", "/dev/null").code == 2


@pytest.mark.parametrize("seed", [1])
def test_killed_at_any_moment_it_finishes_the_next_time(tmp_path: Path, seed: int) -> None:
    """kill -9 of the demo and of all that it started, four times, then once through."""
    directory = tmp_path / "demo"
    chance = random.Random(seed)
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, ROOT / "cli.py", "demo", directory],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.3, 15))
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    run = run_secwatch("demo", directory, "--json", timeout=300)
    assert run.code == 0, run.stderr
    assert run.json["facts"]["files_matched"] == 2
