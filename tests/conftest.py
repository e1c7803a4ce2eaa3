"""What tests share: the real command line in a process of its own, a workspace, the real captures if present."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Its standard output as one JSON document."""
        return json.loads(self.stdout)


def run_secwatch(
    *arguments: str | Path,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    timeout: float = 120,
) -> Run:
    """Run `secwatch` as a user would and return how it ended."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SECWATCH_W", "RESTIC_"))}
    clean.pop("COLUMNS", None)  # pytest-xdist sets it; a cron job has none
    clean.update({"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "TZ": "UTC", **(environment or {})})
    completed = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)],
        cwd=directory,
        env=clean,
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return Run(completed.returncode, completed.stdout.decode(), completed.stderr.decode())


@pytest.fixture(scope="session")
def secwatch() -> Callable[..., Run]:
    """The command line: call it with the arguments after `secwatch`."""
    return run_secwatch


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace made by `secwatch init`."""
    directory = tmp_path / "city"
    made = run_secwatch("init", directory)
    assert made.code == 0, made.stderr
    return directory


def skip_unless_others_can_run() -> None:
    """Skip a test that becomes another user where that user cannot reach the checkout and its Python."""
    for path in (ROOT / "cli.py", Path(sys.executable)):
        command = ["setpriv", "--reuid=65534", "--clear-groups", "test", "-r", str(path)]
        if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
            pytest.skip("needs root, and a checkout that other users can read")


def real_data() -> Path | None:
    """Return the folder with real captures, or None where it is absent."""
    place = Path(os.environ.get("SECWATCH_TEST_DATA", ROOT.parent / "shared" / "data"))
    return place if (place / "captures" / "manifest.json").is_file() else None


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real captures; the test is skipped, visibly, where there is none."""
    place = real_data()
    if place is None:
        pytest.skip("the real captures are not here (set SECWATCH_TEST_DATA)")
    return place / "captures"


@pytest.fixture(scope="session")
def manifest(captures: Path) -> Sequence[Mapping[str, Any]]:
    """What each real capture holds, as its own project states it."""
    entries: Sequence[Mapping[str, Any]] = json.loads((captures / "manifest.json").read_text())["entries"]
    return entries
