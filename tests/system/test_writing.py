"""Output files: whole or not at all, and nothing that is no regular file is ever replaced."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from secwatch.system.metrics import Metric, exposition
from secwatch.system.writing import write_text
from tests.conftest import ROOT, run_secwatch


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    """A reader sees the old text or the new one."""
    path = tmp_path / "report.txt"
    path.write_text("old")
    path.chmod(0o640)
    write_text(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path: Path) -> None:
    """The target gets the text, the link stays a link."""
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    """`-o >(less)` and `-o /dev/stdout` are such."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write_text(path, "through")
    reader.join(timeout=10)
    assert read == ["through"]
    assert stat.S_ISFIFO(path.lstat().st_mode)


def test_standard_output_by_its_name_may_be_a_pipe() -> None:
    program = "from pathlib import Path; from secwatch.system.writing import write_text; "
    command = [sys.executable, "-c", f"{program}write_text(Path('/dev/stdout'), 'through')"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == b"through"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a device")
@pytest.mark.parametrize("arguments", [("org", "list", "-o"), ("status", "-q", "--prometheus")])
def test_a_device_survives(workspace: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """`-o /dev/null` as root must not destroy /dev/null."""
    device = tmp_path / "null"
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    run = run_secwatch("-w", workspace, *arguments, device)
    assert run.code == 0, run.stderr
    assert stat.S_ISCHR(device.lstat().st_mode)


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """No half file, no litter."""
    path = tmp_path / "report.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\udc80")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_exposition_format() -> None:
    """As node_exporter reads it; label values are escaped."""
    metric = Metric("jobs", "how many", [({"job": 'a"b\\c\n'}, 2)])
    assert exposition([metric, Metric("none", "empty")]) == (
        '# HELP secwatch_jobs how many\n# TYPE secwatch_jobs gauge\nsecwatch_jobs{job="a\\"b\\\\c\\n"} 2.0\n'
    )
