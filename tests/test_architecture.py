"""The structure holds: one library in one room, files that are one thing, names that say what they are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

TOPS = (ROOT / "secwatch", ROOT / "backup")
SOURCES = [ROOT / "cli.py", *sorted(path for top in TOPS for path in top.rglob("*.py") if "_data" not in path.parts)]
TESTS = sorted(path for top in ("tests", "bench") for path in (ROOT / top).rglob("*.py"))

# library → where it may be imported; everything else is another room's
ROOMS = {
    "scapy": ("secwatch/sensor/dissect.py",),
    "numba": ("secwatch/sensor/kernels/",),
    "duckdb": ("secwatch/lake/",),
    "yara": ("secwatch/scan/",),
    "boreal": ("secwatch/scan/",),
    "paramiko": ("secwatch/system/ssh.py",),
    "subprocess": ("secwatch/system/process.py",),
    "sqlite3": (
        "secwatch/store/",
        "secwatch/system/database.py",
        "secwatch/system/checks.py",
        "backup/ledger.py",
        "cli.py",
    ),
    "sqlite_utils": ("secwatch/store/", "secwatch/system/database.py", "backup/ledger.py"),
    "jinja2": ("secwatch/bulletin/",),
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("library", ROOMS)
def test_one_library_one_room(library: str) -> None:
    """Whoever wants the library asks the room that has it."""
    strangers = []
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        if library in set(_imports(path)) and not name.startswith(ROOMS[library]):
            strangers.append(name)
    assert strangers == []


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_is_one_thing_and_says_what(path: Path) -> None:
    """A first sentence, at most 300 lines, a name that means something."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "the file does not say what it is"
    assert text.count("\n") <= 300, "the file is too long to be one thing"
    assert path.stem not in VAGUE
    assert path.parent.name not in VAGUE


def test_the_import_contracts_hold() -> None:
    """Data goes one way (the contracts are in pyproject.toml)."""
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_process_that_imports_scapy_holds_no_apache_library() -> None:
    """docs/decisions/0001-licence.md: GPL-2.0-only and Apache-2.0 never share a process."""
    code = (
        "import sys, runpy\n"
        "sys.argv = ['dissect', '--help']\n"
        "try: runpy.run_module('secwatch.sensor.dissect', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "import scapy.layers.inet, scapy.layers.dns\n"
        "print(','.join(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.strip().splitlines()[-1].split(","))
    assert "scapy" in loaded
    assert loaded.isdisjoint({"yara", "boreal", "sqlite_utils", "paramiko", "duckdb", "msgspec", "rich"})
