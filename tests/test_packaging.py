"""The wheel and the bundle: what is in them, and that they install and work without a network."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle made for this machine."""
    target = tmp_path_factory.mktemp("bundle") / "bundle.tar"
    made = subprocess.run(
        ["packaging/bundle", sys.executable, target, "", ""], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return target


def test_the_wheel_holds_rules_and_configuration_and_no_stray_names(bundle: Path, tmp_path: Path) -> None:
    """Top level: backup, secwatch, cli.py and the metadata; nothing called rules or configs."""
    subprocess.run(["tar", "-xf", bundle, "-C", tmp_path], check=True)
    [wheel] = (tmp_path / "secwatch-bundle").glob("secwatch-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"secwatch", "backup", "cli.py"}
    assert "secwatch/_data/configs/secwatch.toml" in names
    assert "secwatch/_data/rules/detections/port_scan.sql" in names
    assert any(name.startswith("secwatch/_data/rules/yara/") and name.endswith(".yar") for name in names)
    assert {"secwatch/py.typed", "backup/py.typed"} <= set(names)


def _isolated(*command: str | Path) -> list[str]:
    """Return the command to be run in a network namespace that has no network at all."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("network namespaces are not to be had here")
    return [*unshare, *map(str, command)]


def test_a_bundle_installs_and_works_without_a_network(bundle: Path, tmp_path: Path) -> None:
    """make bundle here, make install OFFLINE=… there, then the program works."""
    prefix = tmp_path / "opt"
    environment = {**os.environ, "SECWATCH_CACHE": str(tmp_path / "cache")}
    python = Path(sys.executable).resolve()
    command = ["make", "--no-print-directory", "install", f"PREFIX={prefix}", f"OFFLINE={bundle}", f"PYTHON={python}"]
    installed = subprocess.run(
        _isolated(*command), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert installed.returncode == 0, installed.stderr
    secwatch = prefix / "bin" / "secwatch"
    assert (prefix / "bin" / "restic").is_file()
    for arguments in (["--version"], ["init", tmp_path / "city"], ["-w", tmp_path / "city", "detect", "lint"]):
        done = subprocess.run(
            _isolated(secwatch, *arguments), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    packages = next((prefix / "lib").glob("python3*")) / "site-packages"
    assert not (packages / "rules").exists()
    assert not (packages / "configs").exists()


def test_a_changed_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    """One byte of one file differs: nothing is installed."""
    subprocess.run(["tar", "-xf", bundle, "-C", tmp_path], check=True)
    victim = tmp_path / "secwatch-bundle" / "LICENSE"
    victim.write_bytes(victim.read_bytes() + b"x")
    changed = tmp_path / "changed.tar"
    with tarfile.open(changed, "w") as archive:
        archive.add(tmp_path / "secwatch-bundle", "secwatch-bundle")
    prefix = tmp_path / "opt"
    done = subprocess.run(
        ["packaging/install", sys.executable, prefix, "", changed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "damaged or was changed: nothing was installed" in done.stderr
    assert not prefix.exists()


def test_the_locks_are_hash_locked_and_name_no_host() -> None:
    """Every requirement has a hash; networks have mirrors of their own."""
    for name in ("requirements.lock", "requirements-build.lock", "requirements-test.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        pins = [line for line in text.splitlines() if "==" in line]
        assert pins
        assert "://" not in text
        assert all(line.endswith("\\") for line in pins), "a requirement without a hash"


def test_a_bundle_for_another_processor_holds_wheels_for_it(tmp_path: Path) -> None:
    """Made on one machine for the other: what has no wheel there (boreal on aarch64) is left out."""
    other = "aarch64" if platform.machine() == "x86_64" else "x86_64"
    target = tmp_path / "other.tar"
    made = subprocess.run(
        ["packaging/bundle", sys.executable, target, "3.12", other],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    with tarfile.open(target) as archive:
        wheels = [name for name in archive.getnames() if name.endswith(".whl")]
    assert any(name.endswith(f"{other}.whl") for name in wheels)
    assert not any(name.endswith(f"{platform.machine()}.whl") for name in wheels)
    assert any("boreal" in name for name in wheels) is (other == "x86_64")
    assert f"restic for {other} is not put in" in made.stderr
