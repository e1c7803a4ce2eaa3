"""Shell sessions as tests: every `tests/transcripts/*.txt` is typed into bash and its output compared.

# a comment
$ secwatch nosuch            a command, run in a fresh directory that the session keeps
some line                    what it must print on standard output
2> secwatch: error: …        what it must print on standard error; … stands for anything
…                            alone on a line: any number of lines
[2]                          its exit code, when it is not 0
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT

SESSIONS = sorted((ROOT / "tests" / "transcripts").glob("*.txt"))


@dataclass
class Step:
    """One command and what it must do."""

    line: int
    command: str
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    code: int = 0


def steps(text: str) -> Iterator[Step]:
    """Yield the steps of a session."""
    step: Step | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("$ "):
            if step is not None:
                yield step
            step = Step(number, line[2:])
        elif line.startswith("#") or step is None:
            continue
        elif re.fullmatch(r"\[\d+\]", line):
            step.code = int(line[1:-1])
        elif line.startswith("2> "):
            step.stderr.append(line[3:])
        elif line:
            step.stdout.append(line)
    if step is not None:
        yield step


def matches(expected: list[str], actual: str) -> bool:
    """Return whether the printed text is what the session shows; blank lines do not count."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else r".*?".join(map(re.escape, line.split("…"))) + r"[ ]*\n" for line in expected
    )
    printed = "".join(line.rstrip() + "\n" for line in actual.splitlines() if line.strip())
    return re.fullmatch(pattern, printed) is not None


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_session(path: Path, tmp_path: Path) -> None:
    """Every command of the session ends and prints as written."""
    text = path.read_text(encoding="utf-8")
    if "needs: own mounts" in text and subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("this session needs to mount file systems of its own")
    shim = tmp_path / "bin" / "secwatch"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "cli.py"}" "$@"\n')
    shim.chmod(0o755)
    here = tmp_path / "here"
    here.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SECWATCH_W", "RESTIC_"))}
    environment |= {
        "PATH": f"{shim.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ROOT": str(ROOT),
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "HOME": str(tmp_path),
        "SECWATCH_CACHE": os.environ.get("SECWATCH_CACHE", str(Path("~/.cache/secwatch").expanduser())),
    }
    for step in steps(text):
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=here,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        where = f"{path.name}:{step.line}: $ {step.command}\n"
        shown = f"{where}[{done.returncode}]\n{done.stdout}{done.stderr}"
        assert done.returncode == step.code, shown
        assert matches(step.stdout, done.stdout), f"standard output differs\n{shown}"
        assert matches(step.stderr, done.stderr), f"standard error differs\n{shown}"


def test_a_session_that_is_wrong_fails() -> None:
    """The runner itself must be able to say no."""
    assert matches(["a…c", "…", "z"], "abc\nq\nz\n")
    assert not matches(["a"], "b\n")
    assert not matches(["a"], "a\nb\n")
    assert not matches([], "a\n")
    assert [step.code for step in steps("$ x\n[3]\n$ y\n")] == [3, 0]
