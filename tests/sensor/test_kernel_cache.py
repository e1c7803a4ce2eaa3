"""The directory of compiled kernels: whose it may be, and that a service user without a home can compile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, skip_unless_others_can_run

PROGRAM = "from secwatch.sensor import kernels; print(kernels.CACHE)"


def _run(environment: dict[str, str], program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", program], env=clean | environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_places_in_their_order(tmp_path: Path) -> None:
    own, system, user = tmp_path / "own", tmp_path / "system", tmp_path / "user"
    everything = {"SECWATCH_CACHE": str(own), "CACHE_DIRECTORY": f"{system}:/x", "XDG_CACHE_HOME": str(user)}
    assert Path(_run(everything).stdout.strip()).parent == own
    del everything["SECWATCH_CACHE"]
    assert Path(_run(everything).stdout.strip()).parent == system
    del everything["CACHE_DIRECTORY"]
    assert Path(_run(everything).stdout.strip()).parent == user / "secwatch"
    made = Path(_run({"HOME": str(tmp_path)}).stdout.strip())
    assert made.parent == tmp_path / ".cache" / "secwatch"
    assert made.stat().st_mode & 0o777 == 0o700
    assert made.parent.stat().st_mode & 0o777 == 0o700


def test_a_directory_others_may_write_is_refused(tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    refused = _run({"SECWATCH_CACHE": str(loose)})
    assert refused.returncode != 0
    assert "others may write" in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir(mode=0o700)
    os.chown(foreign, 12345, 12345)
    refused = _run({"SECWATCH_CACHE": str(foreign)})
    assert "belongs to another user" in refused.stderr


def test_a_service_user_without_a_home() -> None:
    skip_unless_others_can_run()
    cache = Path(tempfile.mkdtemp())  # not below a directory that only root may enter
    os.chown(cache, 12345, 12345)
    program = (
        "import os; os.setgroups([]); os.setgid(12345); os.setuid(12345)\n"
        "from secwatch.sensor.kernels import CACHE\n"
        "from secwatch.sensor.kernels import columns\n"
        "import numpy as np\n"
        "none = np.zeros(2, np.int64)\n"
        "columns.measure(none.reshape(2, 1), none, 0, np.zeros(3, np.int32))\n"
        "print(sum(1 for path in CACHE.rglob('*.nbc')))\n"
    )
    done = _run({"CACHE_DIRECTORY": str(cache), "HOME": "/nonexistent"}, program)
    assert done.stdout.strip() == "1", done.stderr
    homeless = _run({"HOME": "/nonexistent"}, program)
    assert "there is no directory where compiled kernels could be kept" in homeless.stderr
    shutil.rmtree(cache)


def test_checked_kernels_live_apart(tmp_path: Path) -> None:
    plain = _run({"SECWATCH_CACHE": str(tmp_path / "c")}).stdout.strip()
    checked = _run({"SECWATCH_CACHE": str(tmp_path / "c"), "NUMBA_BOUNDSCHECK": "1"}).stdout.strip()
    assert checked == plain + "-checked"


def test_only_kernels_import_numba() -> None:
    program = (
        "import sys\n"
        "import secwatch.sensor, secwatch.sensor.pcapfile, secwatch.sensor.events, secwatch.sensor.traffic\n"
        "assert 'numba' not in sys.modules\n"
        "assert 'scapy' not in sys.modules\n"
    )
    assert _run({}, program).stderr == ""
