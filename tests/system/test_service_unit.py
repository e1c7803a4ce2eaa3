"""The service unit: systemd understands it, and it gives the sensor one capability and nothing more."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "configs" / "systemd" / "secwatch-sensor.service"


@pytest.fixture
def runnable(tmp_path: Path) -> Path:
    """The unit with a program that exists on any machine in the place of ours."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/local/bin/secwatch", "/bin/true"))
    return copy


def test_systemd_finds_no_mistake(runnable: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", runnable], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_finds_it_well_confined(runnable: Path) -> None:
    """systemd rates from 0 (confined) to 10 (exposed); what is left is the network and the compiler of the kernels."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(runnable)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]


def test_one_capability() -> None:
    lines = UNIT.read_text().splitlines()
    assert [line for line in lines if "CAP_" in line and not line.startswith("#")] == [
        "AmbientCapabilities=CAP_NET_RAW",
        "CapabilityBoundingSet=CAP_NET_RAW",
    ]
    assert "Type=notify" in lines
    assert any(line.startswith("WatchdogSec=") for line in lines)
