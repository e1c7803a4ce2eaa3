"""No packet makes a kernel read or write outside its arrays, and compiled code computes what Python does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROUNDS = 40


def _fuzz(cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.sensor.fuzzing", str(ROUNDS), "120"],
        cwd=ROOT,
        env=clean | {"SECWATCH_CACHE": str(cache)} | environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the kernels as plain Python, where numpy checks every index."""
    done = _fuzz(tmp_path_factory.mktemp("none"), NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_compiled_with_bounds_checks_in_an_empty_cache(tmp_path: Path, interpreted: str) -> None:
    done = _fuzz(tmp_path / "cache", NUMBA_BOUNDSCHECK="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == interpreted, "compiled code and plain Python disagree"


def test_a_run_without_checks_is_void() -> None:
    done = _fuzz(Path(os.environ.get("SECWATCH_CACHE", Path.home() / ".cache" / "secwatch")))
    assert done.returncode == 1
    assert "void" in done.stderr
