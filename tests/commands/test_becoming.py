"""Root in a workspace of somebody else: it works as the owner where it can, and says what it does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secwatch.system import lock
from tests.conftest import ROOT, Run, skip_unless_others_can_run

Secwatch = Callable[..., Run]

NOBODY = 65534


@pytest.fixture
def city(secwatch: Secwatch) -> Iterator[Path]:
    """A workspace that nobody made, where nobody can reach it."""
    skip_unless_others_can_run()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        secwatch("init", directory / "city")
        for path in (directory / "city", *(directory / "city").rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield directory / "city"


def foreign(city: Path) -> list[str]:
    """What in the workspace does not belong to its owner."""
    return sorted(str(path.relative_to(city)) for path in city.rglob("*") if path.lstat().st_uid != NOBODY)


def test_root_works_as_the_owner_and_says_so(city: Path, secwatch: Secwatch) -> None:
    status = secwatch("-w", city, "status", "--json", "--lang", "en")
    assert status.code == 0, status.stderr
    assert status.stderr == f"secwatch: working as nobody, the owner of {city}; secwatch --user root … stays root\n"
    assert "所有者 nobody" in secwatch("-w", city, "alerts", "list").stderr
    quiet = secwatch("-w", city, "warn", "draft", "-q")
    assert (quiet.code, quiet.stderr) == (0, "")
    assert secwatch("-w", city, "bulletin", "compose", "-q").code == 0
    assert not (city / "state" / "secwatch.db-wal").exists(), "closed at the end of every command"
    assert (city / "state" / "secwatch.db").is_file()
    assert foreign(city) == []


def test_the_owner_goes_on_with_what_root_has_begun(city: Path, secwatch: Secwatch) -> None:
    """Reading captures takes locks, makes the lake and may compile the sensor: all of it is the owner's."""
    from secwatch.sensor import kernels
    from tests.pipeline.captures import write_scan

    kernels.warm()
    cache = city / "state" / "cache" / kernels.CACHE.name
    shutil.copytree(kernels.CACHE, cache)
    for path in (cache.parent, *cache.parent.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    capture = write_scan(city.parent / "scan.pcap", packets=12)
    capture.chmod(0o644)
    first = secwatch("-w", city, "sense", "read", capture, environment={"SECWATCH_CACHE": str(kernels.CACHE.parent)})
    assert first.code == 0, first.stderr
    assert foreign(city) == []
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    again = subprocess.run(
        [*become, sys.executable, str(ROOT / "cli.py"), "-w", str(city), "sense", "read", "--again", str(capture)],
        env={"PYTHONPATH": str(ROOT), "SECWATCH_CACHE": str(cache.parent), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr


def test_root_stays_root_where_it_is_asked_for(city: Path, secwatch: Secwatch) -> None:
    (city.parent / "closed").mkdir(mode=0o700)
    target = city.parent / "closed" / "alerts.json"
    refused = secwatch("-w", city, "alerts", "list", "--json", "-o", target)
    assert refused.code == 1
    assert "--user root" in refused.stderr
    asked = secwatch("--user", "root", "-w", city, "alerts", "list", "--json", "-o", target)
    assert (asked.code, asked.stderr) == (0, "")
    assert target.stat().st_uid == 0
    other = secwatch("--user", "nosuchuser", "-w", city, "alerts", "list")
    assert (other.code, "there is no user nosuchuser" in other.stderr) == (2, True)


def test_scans_need_root_and_leave_the_owner_his_place(city: Path, secwatch: Secwatch) -> None:
    """The files of everybody are read; the database, its directories and the locks are the owner's all the same."""
    secret = city.parent / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    scanned = secwatch("-w", city, "--lang", "en", "scan", "files", secret, "--json")
    assert (scanned.code, scanned.json["files"]) == (0, 1), scanned.stderr
    assert f"working as root in {city} of nobody" in scanned.stderr
    assert "sudo -u nobody secwatch …" in scanned.stderr
    assert [name for name in foreign(city) if not name.startswith("state/cache/")] == []
    assert secwatch("-w", city, "status", "-q").code == 0


def test_where_the_owner_cannot_work_root_does(city: Path, secwatch: Secwatch) -> None:
    """A workspace in a directory that is closed to its owner: nothing would be better for becoming him."""
    city.parent.chmod(0o700)
    status = secwatch("-w", city, "status", "--json", "--lang", "en")
    assert status.code == 0, status.stderr
    assert "working as root" in status.stderr


def test_a_broken_configuration_is_told_by_the_command(city: Path, secwatch: Secwatch) -> None:
    (city / "secwatch.toml").write_text("[nonsense]\n")
    assert secwatch("-w", city, "config", "check").code == 13
    nagios = secwatch("-w", city, "status", "--nagios")
    assert (nagios.code, nagios.stdout.startswith("SECWATCH UNKNOWN")) == (3, True)
    assert secwatch("-w", city / "nowhere", "status").code == 2


def test_a_workspace_of_root_is_left_to_root(workspace: Path, secwatch: Secwatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    assert secwatch("-w", workspace, "status", "--json").stderr == ""


def test_only_root_can_become_somebody(workspace: Path, secwatch: Secwatch, city: Path) -> None:
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    command = [*become, sys.executable, str(ROOT / "cli.py"), "--user", "daemon", "-w", str(city), "status"]
    ended = subprocess.run(
        command, env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "only root can become daemon" in ended.stderr


def test_a_link_laid_for_root_is_given_to_nobody(city: Path) -> None:
    """What was there before a lock was wanted stays whose it is; symbolic links are refused."""
    directory = city / "state" / "run"
    directory.mkdir(exist_ok=True)
    os.chown(directory, NOBODY, NOBODY)
    mine = city.parent / "mine"
    mine.touch()
    os.link(mine, directory / "linked.lock")
    with lock.hold(directory, "linked"):
        assert mine.stat().st_uid == 0
    (directory / "symbolic.lock").symlink_to(mine)
    with pytest.raises(OSError, match="symbolic"), lock.hold(directory, "symbolic"):
        pass
    with lock.hold(directory, "fresh"):
        assert (directory / "fresh.lock").stat().st_uid == NOBODY
