"""What can go wrong, by real restic where it can be made to, else by the fake: one sentence, a hint, the right code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest


def _explained(run: Any, code: int, words: str) -> None:
    assert run.code == code, (run.stdout, run.stderr)
    assert words in run.stderr
    assert "secwatch: hint: " in run.stderr
    assert "Traceback" not in run.stderr


def test_missing_repository(matrix_city: Any) -> None:
    """10, and the command that makes one."""
    shutil.rmtree(matrix_city.repository)
    run = matrix_city.backup("run", "finance-files")
    _explained(run, 10, "there is no repository finance")
    assert "secwatch backup init finance-files" in run.stderr
    assert matrix_city.rows("SELECT kind FROM anomalies") == [("run-failed",)]


def test_wrong_password(matrix_city: Any) -> None:
    """12, and which settings to look at."""
    matrix_city.password.write_text("another one\n")
    _explained(matrix_city.backup("run", "finance-files"), 12, "the password of repository finance is wrong")
    _explained(matrix_city.backup("init", "finance-files"), 12, "the password of repository finance is wrong")


def test_init_twice_changes_nothing(matrix_city: Any) -> None:
    """A repository that is there is left alone, and so is its password."""
    before = matrix_city.password.read_bytes()
    item = matrix_city.item("init", "finance-files", "--new-password")
    assert (item["result"], item["created"], item["password_created"]) == ("ok", False, False)
    assert matrix_city.password.read_bytes() == before


def test_dead_lock_is_cleared_and_living_lock_is_respected(matrix_city: Any) -> None:
    """A lock of a killed restic goes by evidence; that of a living process ends in 11 after lock_wait."""
    city = matrix_city
    city.item("run", "finance-files")
    restic = city.environment["SECWATCH_BACKUP__RESTIC"]
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY": str(city.repository),
        "RESTIC_PASSWORD_FILE": str(city.password),
        "RESTIC_CACHE_DIR": str(city.workspace / "cache"),
    }
    holder = subprocess.Popen(
        [restic, "backup", "--stdin"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        _await(lambda: any((city.repository / "locks").iterdir()))
        run = city.backup("verify", "finance-files")
        _explained(run, 11, f"held by PID {holder.pid}")
        run = city.backup("unlock", "finance-files")
        _explained(run, 11, f"stays locked by process {holder.pid}")
    finally:
        holder.kill()
        holder.communicate()
    assert any((city.repository / "locks").iterdir())
    assert city.item("verify", "finance-files")["result"] == "ok"
    assert not any((city.repository / "locks").iterdir())


def _await(condition: Any) -> None:
    import time

    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small file system")
def test_full_disk(city: Any) -> None:
    """A repository without room for it: failed, said so, and what was there is unharmed."""
    city.item("run", "finance-files")
    small = city.workspace / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        shutil.copytree(city.repository, small / "finance")
        shutil.rmtree(city.repository)
        city.repository.symlink_to(small / "finance")
        (city.data / "large").write_bytes(os.urandom(2_000_000))
        _explained(city.backup("run", "finance-files"), 1, "no space left for repository finance")
        (city.data / "large").unlink()
        assert city.item("verify", "finance-files")["result"] == "ok"
    finally:
        subprocess.run(["umount", small], check=True)


def test_password_file_guards(city: Any) -> None:
    """Open to others: 16; empty or missing: 12; each with the command that mends it."""
    city.password.chmod(0o644)
    run = city.backup("run", "finance-files")
    _explained(run, 16, "is open to others (mode 644)")
    assert f"chmod 600 {city.password}" in run.stderr
    city.password.chmod(0o600)
    city.password.write_text("")
    _explained(city.backup("run", "finance-files"), 12, "is empty or no file")
    city.password.unlink()
    _explained(city.backup("run", "finance-files"), 12, "is missing")


def test_password_by_command_and_by_credential(city: Any) -> None:
    """A command's output and a systemd credential open the repository; neither is in any argv or environment."""
    configuration = city.workspace / "secwatch.toml"
    text = configuration.read_text()
    given = 'password_file = "secrets/finance.password"'
    configuration.write_text(text.replace(given, f'password_command = ["cat", "{city.password}"]', 2))
    assert city.item("run", "finance-files")["result"] == "ok"
    configuration.write_text(text.replace(given, 'password_command = ["false"]', 2))
    _explained(city.backup("run", "finance-files"), 12, "gave no password (exit code 1)")
    configuration.write_text(text.replace(given, 'password_credential = "finance.password"', 2))
    _explained(city.backup("run", "finance-files"), 12, "is a systemd credential")
    item = city.item("run", "finance-files", CREDENTIALS_DIRECTORY=str(city.password.parent))
    assert item["result"] == "ok"


def test_inherited_restic_variables_do_not_win(city: Any) -> None:
    """What a shell has exported for restic by hand must not send a department's data elsewhere."""
    item = city.item(
        "run", "finance-files", RESTIC_REPOSITORY="/nowhere", RESTIC_PASSWORD="wrong", RESTIC_PASSWORD_COMMAND="false"
    )
    assert item["result"] == "ok"


def test_command_line_mistakes(city: Any) -> None:
    """Unknown job, no job, both, a full target, a snapshot that is not there."""
    _explained(city.backup("run", "nothing"), 2, "there is no backup job 'nothing'")
    _explained(city.backup("run"), 2, "name a job, or say --all")
    _explained(city.backup("run", "finance-files", "--all"), 2, "not both")
    for part in ("7", "6/5", "0/5", "0%", "101%"):
        run = city.backup("verify", "finance-files", "--read-data-subset", part)
        _explained(run, 2, "is no part of the data")
    _explained(city.backup("drill", "finance-files"), 1, "holds no snapshot of job finance-files")
    city.item("run", "finance-files")
    _explained(city.backup("restore", "finance-files", "--target", city.data), 16, "is not empty")
    target = city.workspace / "target"
    _explained(
        city.backup("restore", "finance-files", "--target", target, "--snapshot", "ffff"), 2, "no snapshot begins"
    )
    _explained(
        city.backup("restore", "finance-files", "--target", target, "--path", "/nowhere"), 2, "holds no /nowhere"
    )
    _explained(city.backup("restore", "finance-files", "--target", target, "--path", "../x"), 2, "is not absolute")


def test_no_jobs(workspace: Path, secwatch: Any) -> None:
    """A configuration without jobs is explained, not shown as an empty success."""
    for verb in (["run", "--all"], ["status"], ["verify", "--all"], ["drill", "--all"], ["snapshots", "x"]):
        _explained(secwatch("-w", workspace, "backup", *verb), 2, "the configuration has no backup jobs")


def test_repository_inside_its_source(city: Any) -> None:
    """A repository that would back itself up is refused."""
    city.configure(f'\n[[backup.jobs.finance-files.sources]]\nkind = "files"\npaths = ["{city.workspace}"]\n')
    _explained(city.backup("run", "finance-files"), 16, "lies inside the source")


def test_no_restic(city: Any) -> None:
    """14, and how to get it."""
    run = city.backup("run", "finance-files", SECWATCH_BACKUP__RESTIC="restic-that-is-not-there")
    _explained(run, 14, "is not installed")


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("too-old", 14, "restic 0.12.0 is too old"),
        ("not-restic", 14, "does not answer as restic does"),
        ("locked", 11, "held by PID 4711 on otherhost"),
        ("liar", 1, "but the repository does not list it"),
        ("garbage", 1, "without saying which snapshot it made"),
        ("killed", 1, "was stopped before its end"),
        ("full", 1, "no space left for repository finance"),
        ("new-code", 1, "something new"),
    ],
)
def test_a_restic_that_lies_or_dies(fake: Any, mode: str, code: int, words: str) -> None:
    """Whatever restic does, the run ends with the right code, one sentence, a hint, and a closed entry."""
    _explained(fake.backup("run", "finance-files", FAKE_RESTIC=mode), code, words)
    assert fake.rows("SELECT count(*) FROM runs WHERE ended_at IS NULL") == [(0,)]
    assert fake.rows("SELECT result FROM runs ORDER BY id DESC LIMIT 1") != [("ok",)]


def test_credentials_in_a_location_are_never_shown(fake: Any) -> None:
    """Neither on the terminal nor in the ledger."""
    run = fake.backup("run", "finance-files", FAKE_RESTIC="leaky")
    assert run.code == 1
    assert "//***@centre.example" in run.stderr
    assert "hunter2" not in run.stderr + run.stdout + str(fake.rows("SELECT * FROM runs"))


def test_deadline_stops_restic_gently(fake: Any) -> None:
    """At the time-out restic gets SIGINT, even where a shell started us with it ignored; the run is recorded."""
    stopped = fake.workspace / "stopped"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run = fake.backup(
            "run", "finance-files", FAKE_RESTIC="hang", STOPPED=str(stopped), SECWATCH_BACKUP__TIMEOUT="1s"
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.code == 1
    assert stopped.read_text() == "gently\n"
    assert fake.rows("SELECT result FROM runs ORDER BY id DESC LIMIT 1") == [("timeout",)]


@pytest.mark.parametrize("alter", ["content", "missing", "mode", "time", "link", "escape"])
def test_drill_finds_what_differs(fake: Any, alter: str) -> None:
    """A restore that brings one thing back differently fails the drill with 15, and the scratch directory goes."""
    outside = fake.workspace.parent / "outside"
    outside.mkdir()
    shutil.copytree(fake.data, outside, dirs_exist_ok=True, symlinks=True)
    item = fake.item("drill", "finance-files", code=15, FAKE_RESTIC="altered", ALTER=alter, OUTSIDE=str(outside))
    assert item["result"] == "different"
    assert any("victim.txt" in example["path"] for example in item["difference_examples"])
    assert ("drill-failed", 4) in fake.rows("SELECT kind, severity FROM anomalies")
    assert not (fake.workspace / "state" / "drills" / "finance-files").exists()
    assert (outside / "victim.txt").exists()


@pytest.mark.parametrize("mode", ["twice", "dots"])
def test_a_snapshot_that_could_leave_the_target_is_refused(fake: Any, mode: str) -> None:
    """One name twice (a link and what lies behind it) or `..` in a path: nothing is restored."""
    target = fake.workspace.parent / "target"
    run = fake.backup("restore", "finance-files", "--target", target, FAKE_RESTIC=mode)
    _explained(run, 16, "could leave the target")
    assert list(target.iterdir()) == []


def test_a_snapshot_that_cannot_fit_is_not_begun(fake: Any) -> None:
    """Better no restore than one that fills the disk."""
    target = fake.workspace.parent / "target"
    _explained(fake.backup("restore", "finance-files", "--target", target, FAKE_RESTIC="huge"), 1, "MiB free")


def test_no_secret_in_argv_or_environment(fake: Any) -> None:
    """Neither the password nor the location is in any argument, the password in no environment and no ledger."""
    configuration = fake.workspace / "secwatch.toml"
    given = 'password_file = "secrets/finance.password"'
    configuration.write_text(
        configuration.read_text().replace(given, f'password_command = ["cat", "{fake.password}"]', 2)
    )
    spied = fake.workspace / "spied"
    assert fake.item("run", "finance-files", FAKE_RESTIC="spy", SPY=str(spied))["result"] == "ok"
    heard = spied.read_text()
    password = fake.password.read_text().strip()
    assert "RESTIC_PASSWORD_FILE=/dev/fd/" in heard
    assert password not in heard
    assert f"argument {fake.repository}" not in heard
    assert password.encode() not in (fake.workspace / "state" / "secwatch.db").read_bytes()


def test_a_changed_manifest_proves_nothing(city: Any) -> None:
    """A manifest that is not the file that was recorded fails the drill."""
    snapshot = city.item("run", "finance-files")["snapshot"]
    path = city.workspace / "state" / "manifests" / "finance-files" / f"{snapshot}.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-4])
    _explained_json(city.backup("drill", "finance-files", "--json"), 15, "manifest")


def _explained_json(run: Any, code: int, words: str) -> None:
    assert run.code == code
    error = json.loads(run.stderr)
    assert words in error["error"]
    assert error["exit_code"] == code
