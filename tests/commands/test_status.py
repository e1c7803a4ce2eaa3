"""How everything stands: no data is not good, and monitors are told by their own codes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from secwatch.core.model import Finding, Origin, Severity, Text
from secwatch.store import alerts
from tests.conftest import ROOT, run_secwatch, skip_unless_others_can_run

NOW = datetime.now(UTC)


def _database(workspace: Path) -> Database:
    run_secwatch("-w", workspace, "org", "import")
    return Database(sqlite3.connect(workspace / "state" / "secwatch.db", isolation_level=None))


def _seen(database: Database, moment: datetime) -> None:
    row = {
        "identity": "x",
        "quick_identity": "",
        "name": "x",
        "read_at": NOW.isoformat(),
        "first_time": 0,
        "last_time": int(moment.timestamp() * 1e6),
        "counters": "{}",
    }
    database.table("inputs").insert(row)


def _reasons(workspace: Path) -> list[str]:
    shown = run_secwatch("-w", workspace, "status", "--json")
    assert shown.code == 0, shown.stderr
    return [reason["en"] for reason in shown.json["reasons"]]


def test_nothing_is_not_good(workspace: Path) -> None:
    """A fresh workspace watches nothing and backs nothing up."""
    assert _reasons(workspace) == ["no backup job is configured", "no traffic was ever read"]
    nagios = run_secwatch("-w", workspace, "status", "--nagios")
    assert (nagios.code, nagios.stdout.split(" - ")[0]) == (1, "SECWATCH WARNING")


def test_a_blind_sensor_is_urgent(workspace: Path) -> None:
    """Packets of two days ago are the newest: nobody is watching."""
    with _database(workspace).conn as connection:
        _seen(Database(connection), NOW - timedelta(days=2))
    assert "the sensor has been blind for 2.0 d" in _reasons(workspace)
    nagios = run_secwatch("-w", workspace, "status", "--nagios")
    assert nagios.code == 2
    assert nagios.stdout.count("|") == 1


def test_alerts_that_no_warning_has_taken_in_are_said(workspace: Path) -> None:
    """An alert at night waits for somebody."""
    database = _database(workspace)
    _seen(database, NOW)
    finding = Finding(
        "port_scan", Text("端口扫描", "Port scan"), Origin.NETWORK, Severity.HIGH, {"a": 1}, NOW, NOW, 1, 1, 60
    )
    with database.atomic():
        alerts.record(database, [finding], NOW)
    assert "1 kinds of alerts are in no warning yet: secwatch warn draft" in _reasons(workspace)
    run_secwatch("-w", workspace, "warn", "draft", "-q")
    assert not any("no warning yet" in reason for reason in _reasons(workspace))


def test_a_monitor_is_told_unknown_whatever_fails(workspace: Path) -> None:
    """A broken configuration, a state that cannot be read: 3 and one line."""
    (workspace / "secwatch.toml").write_text("[nonsense]\n")
    broken = run_secwatch("-w", workspace, "status", "--nagios")
    assert (broken.code, broken.stdout.split(" - ")[0], broken.stdout.count("\n")) == (3, "SECWATCH UNKNOWN", 1)


def test_a_monitor_without_permission_is_told_unknown(tmp_path: Path) -> None:
    """The usual nagios user may not read the state."""
    skip_unless_others_can_run()
    tmp_path.chmod(0o755)
    workspace = tmp_path / "city"
    run_secwatch("init", workspace)
    for path in (tmp_path.parent, tmp_path.parent.parent):
        path.chmod(0o755)
    workspace.chmod(0o755)
    (workspace / "secwatch.toml").chmod(0o644)
    command = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, str(ROOT / "cli.py"), "-w", str(workspace)]
    done = subprocess.run(
        [*command, "status", "--nagios"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("SECWATCH UNKNOWN - ")
