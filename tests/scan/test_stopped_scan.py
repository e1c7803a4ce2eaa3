"""A scan that is stopped in the middle: it ends soon, keeps what it had found, and is not called complete."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from secwatch.scan import crew
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.scan_walk import scan as scan_walk
from secwatch.scan.scanner import Limits
from secwatch.scan.verdicts import Examined, Reason, Tally, Verdict
from secwatch.scan.walk import Policy, Walk
from tests.conftest import ROOT, Run
from tests.scan.conftest import MARKER, RULE, sample_content

Secwatch = Callable[..., Run]
SLOW = (
    'rule slow { condition: filename == "slow" and '
    "for all i in (1..1000000000) : (for all j in (1..1000000000) : (i + j > 0)) }"
)


@pytest.mark.parametrize(("timeout", "engine"), [("1s", "auto"), ("60s", "auto"), ("60s", "yara")])
def test_a_scan_that_is_stopped_keeps_what_it_had_found(
    timeout: str, engine: str, secwatch: Secwatch, workspace: Path, tmp_path: Path
) -> None:
    """It also ends soon: an engine that is in the middle of a slow rule cannot be stopped, and is not waited for."""
    tree = tmp_path / "tree"
    for number in range(12):
        (tree / f"{number:02}").mkdir(parents=True)
        (tree / f"{number:02}" / ("slow" if number else "eicar.com")).write_bytes(b"x")
    (tree / "00" / "eicar.com").write_bytes(sample_content("eicar_test_file", "plain.com"))
    process = _start_slow_scan(workspace, tree, timeout, engine)
    try:
        _wait_for_scan(workspace / "state" / "secwatch.db")
        time.sleep(1.0)
        process.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 143, errors
    assert time.monotonic() - sent < 8, "two seconds for the engine, the rest for a busy machine"
    assert output == b""
    (alert,) = secwatch("-w", workspace, "alerts", "list", "--json").json["items"]
    assert alert["detection"] == "yara.fast"
    (scan,) = secwatch("-w", workspace, "scan", "history", "--json").json["items"]
    assert (scan["ended_at"], scan["complete"]) == (None, False)
    assert scan["matched"] == 1
    if timeout != "1s":
        assert scan["reasons"] == {"interrupted": 1}
        assert scan["verdicts"]["error"] == 1
    assert "未结束" in secwatch("-w", workspace, "scan", "history").stdout


def _start_slow_scan(workspace: Path, tree: Path, timeout: str, engine: str) -> subprocess.Popen[bytes]:
    rules = tree.with_name("slow.yar")
    rules.write_text(f'rule fast {{ strings: $a = "EICAR" condition: $a }} {SLOW}')
    arguments = ["-w", workspace, "scan", "files", tree, "--rules", rules, "--threads", "1", "--engine", engine]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SECWATCH_SCAN__TIMEOUT": timeout}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _wait_for_scan(database: Path) -> None:
    for _ in range(200):
        if database.exists():
            try:
                with closing(sqlite3.connect(database)) as connection:
                    if connection.execute("SELECT count(*) FROM scans").fetchone()[0]:
                        return
            except sqlite3.OperationalError:
                pass  # it is just being made
        time.sleep(0.05)
    raise AssertionError("the scan never began")


def test_who_leaves_early_gets_what_was_found_and_what_was_interrupted(
    book: Callable[..., Rulebook], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is left behind is either known, interrupted, or was never begun; no directory stays open."""
    monkeypatch.setattr(crew, "PATIENCE_SECONDS", 0.2)
    for number in range(30):
        (tmp_path / f"{number:02}").mkdir()
        for name in ("page", "slow") if number == 1 else ("page",):
            (tmp_path / f"{number:02}" / name).write_bytes(MARKER)
    tally, late = Tally(), list[Examined]()
    made = book(marker=f"{RULE} {SLOW}")
    before = len(list(Path("/proc/self/fd").iterdir()))
    results = scan_walk(Walk([str(tmp_path)], Policy()), made, Limits(timeout_seconds=20), 2, tally, late.extend)
    first = list(next(results))
    time.sleep(0.3)
    results.close()
    interrupted = [item.path for item in late if item.reason is Reason.INTERRUPTED]
    assert interrupted == [str(tmp_path / "01" / "slow")]
    assert tally.verdicts[Verdict.MATCH] == sum(bool(item.hits) for item in (*first, *late)) > 0
    assert not tally.complete
    deadline = time.monotonic() + 20
    while len(list(Path("/proc/self/fd").iterdir())) > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
