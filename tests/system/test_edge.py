"""The edge of the command line: speed of help, exit codes, signals, errors as text and JSON, colour, locks."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from secwatch.core.errors import Locked
from secwatch.system.lock import hold
from tests.conftest import ROOT, run_secwatch
from tests.pipeline.captures import write_scan

HEAVY = ("scapy", "numba", "numpy", "duckdb", "paramiko", "yara", "boreal", "sqlite_utils", "rich", "cryptography")


def test_help_imports_nothing_heavy() -> None:
    """`secwatch --help` and the help of every verb stay fast because nothing heavy is loaded."""
    code = (
        "import sys, click, cli\n"
        "def walk(command, path):\n"
        "    context = click.Context(command, info_name='secwatch')\n"
        "    command.get_help(context)\n"
        f"    loaded = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "    if loaded: sys.exit(f'{path} loads {loaded}')\n"
        "    for name in command.list_commands(context) if isinstance(command, click.Group) else ():\n"
        "        walk(command.get_command(context, name), f'{path} {name}')\n"
        "walk(cli.cli, 'secwatch')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence", "hint"),
    [
        (["nosuch"], 2, "secwatch: error: no such command 'nosuch'", "secwatch --help"),
        (["org", "list", "--nosuch"], 2, "no such option", "secwatch org list --help"),
        (["-w", "/nonexistent", "org", "list"], 2, "is not a secwatch workspace", "secwatch init /nonexistent"),
        (["--config", "/nonexistent.toml", "config", "show", "--effective"], 13, "no such file", "config example"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_hint(arguments: list[str], code: int, sentence: str, hint: str) -> None:
    """No traceback, nothing on standard output."""
    run = run_secwatch(*arguments)
    assert run.code == code
    assert run.stdout == ""
    assert sentence in run.stderr
    assert f"hint: {hint}" in run.stderr or hint in run.stderr.partition("hint: ")[2]
    assert "Traceback" not in run.stderr


def test_errors_are_json_with_json() -> None:
    """Standard error is then one JSON object."""
    run = run_secwatch("-w", "/nonexistent", "org", "list", "--json")
    assert run.stdout == ""
    error = json.loads(run.stderr)
    assert (error["schema"], error["exit_code"]) == (1, run.code)
    assert error["hint"] == "make one with: secwatch init /nonexistent"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_its_code_after_cleaning_up(tmp_path: Path, number: int, code: int) -> None:
    """The child is stopped, `finally` runs, the shell gets 130 or 143."""
    mark = tmp_path / "cleaned"
    program = (
        "import sys, pathlib, cli\n"
        "from secwatch.commands import init\n"
        "import click\n"
        "from secwatch.system import process\n"
        "@click.command()\n"
        "def command():\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        process.run(['sleep', '60'], timeout=60)\n"
        "    finally:\n"
        f"        pathlib.Path({str(mark)!r}).write_text('yes')\n"
        "init.command = command\n"
        "cli.main(['init'])\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(0.2)
        child.send_signal(number)
        assert child.wait(timeout=10) == code
        assert mark.read_text() == "yes"
        assert child.stderr is not None and b"Traceback" not in child.stderr.read()


def test_colour_is_for_terminals_and_obeys_no_color() -> None:
    """A terminal gets colour; NO_COLOR, --no-color and a pipe do not."""
    assert "\x1b[" in _in_terminal({})
    assert "\x1b[31" not in _in_terminal({"NO_COLOR": "1"})
    assert "\x1b[" not in run_secwatch("nosuch").stderr


def _in_terminal(environment: dict[str, str]) -> str:
    parent, child = pty.openpty()
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "nosuch"],
        stdin=child,
        stdout=child,
        stderr=child,
        env={**plain, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **environment},
    )
    process.wait(timeout=30)
    os.close(child)
    with os.fdopen(parent, "rb") as stream:
        return stream.read1(65536).decode()


def test_a_lock_is_held_by_one_and_never_stale(tmp_path: Path) -> None:
    """The second holder is refused and told who has it; a killed holder leaves nothing behind."""
    program = (
        "import sys, time, pathlib\nfrom secwatch.system.lock import hold\n"
        f"with hold(pathlib.Path({str(tmp_path)!r}), 'job'):\n    print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(Locked, match=rf"process {holder.pid}"), hold(tmp_path, "job"):
            pass
        holder.kill()
        holder.wait()
    with hold(tmp_path, "job"):
        pass


@pytest.mark.parametrize("arguments", [("config", "example"), ("config", "example", "--json"), ("org", "list")])
def test_the_reader_of_a_pipe_may_leave(workspace: Path, arguments: tuple[str, ...]) -> None:
    """A reader that has gone before we print is no failure, and nothing is said."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, str(ROOT / "cli.py"), "-w", str(workspace), *arguments]
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(command, env=_environment(), stdout=gone, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_change_nothing(workspace: Path, redirection: str) -> None:
    """Some daemons close all three."""
    script = f'"$1" "$2" -w "$3" org import {redirection}'
    command = ["bash", "-c", script, "-", sys.executable, str(ROOT / "cli.py"), str(workspace)]
    assert subprocess.run(command, env=_environment(), capture_output=True, check=False).returncode == 0
    assert len(run_secwatch("-w", workspace, "org", "list", "--json").json["items"]) == 4


@pytest.mark.parametrize(
    "setting", [{"COLUMNS": "abc"}, {"COLUMNS": "0"}, {"PYTHONIOENCODING": "ascii"}, {"LANG": "C"}]
)
def test_odd_terminals_are_survived(workspace: Path, setting: dict[str, str]) -> None:
    """Whatever the environment says, the command works."""
    run_secwatch("-w", workspace, "org", "import")
    command = [sys.executable, str(ROOT / "cli.py"), "-w", str(workspace), "org", "list"]
    done = subprocess.run(command, env={**_environment(), **setting}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"HEALTH" in done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_a_planted_workspace_is_not_obeyed(tmp_path: Path) -> None:
    """A configuration that others can write may name commands to run: it must be named to be used."""
    (tmp_path / "secwatch.toml").write_text("")
    tmp_path.chmod(0o777)
    refused = run_secwatch("config", "check", directory=tmp_path)
    assert refused.code == 16
    assert f"secwatch -w {tmp_path}" in refused.stderr
    assert run_secwatch("-w", tmp_path, "config", "check").code == 0


def test_names_that_are_not_utf8_are_shown_escaped(workspace: Path) -> None:
    """In text and in JSON, good and bad: never a traceback."""
    name = os.fsdecode(b"y\x1b[31m\xff.pcap")
    for arguments in (["sense", "read", name], ["sense", "read", "--json", name], ["scan", "files", name, "--json"]):
        run = run_secwatch("-w", workspace, *arguments)
        assert run.code == 3
        assert "Traceback" not in run.stderr
        assert "\x1b" not in run.stdout + run.stderr
    named = workspace.parent / os.fsdecode(b"real\xff.pcap")
    write_scan(named, packets=4)
    assert run_secwatch("-w", workspace, "sense", "read", named).code == 0
    assert run_secwatch("-w", workspace, "sense", "read", named, "--json").json["inputs"][0]["result"] == "known"
    error = json.loads(run_secwatch("-w", workspace, "sense", "read", "--json", name).stderr)
    assert "\\xff.pcap cannot be opened" in error["error"]
    sql = os.fsdecode(b"SELECT '\xff'")
    assert run_secwatch("-w", workspace, "flows", "query", sql).code == 2
