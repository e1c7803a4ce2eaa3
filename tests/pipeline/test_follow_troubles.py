"""Directories of rotated captures in which something is wrong: it is said, and stops nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secwatch.pipeline import follow as following
from secwatch.sensor.rotation import Rotation
from tests.conftest import Run
from tests.pipeline.captures import write_scan
from tests.pipeline.rotated import FRAMES, City, rotate

Secwatch = Callable[..., Run]


def test_order_is_that_of_the_packets(tmp_path: Path) -> None:
    """Whatever the names and times of files say; numbers in names count where the packets do not decide."""
    for name, second in (("b.pcap", 0), ("a.pcap", 10), ("z.pcap10", 20), ("z.pcap9", 20)):
        write_scan(tmp_path / name, packets=3, first_second=second)
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / "empty.pcap").write_bytes(b"")
    (tmp_path / ".hidden.pcap").write_bytes(b"x")
    (tmp_path / "folder.pcap").mkdir()
    rotation = Rotation(tmp_path)
    assert [Path(item.path).name for item in rotation.files()] == ["b.pcap", "a.pcap", "z.pcap9", "z.pcap10"]
    assert (rotation.strangers, rotation.unreadable) == ({}, {})
    write_scan(tmp_path / "b.pcap", packets=3, first_second=30)  # a ring of files writes over its oldest
    assert [Path(item.path).name for item in rotation.files()][-1] == "b.pcap"


@pytest.mark.parametrize("begun", [b"\xd4\xc3\xb2", b"nothing for a sensor\n"])
def test_what_was_no_capture_is_looked_at_again_when_it_has_changed(tmp_path: Path, begun: bytes) -> None:
    """Its writer had come as far as three bytes, or another file took its name."""
    path = tmp_path / "x.pcap"
    path.write_bytes(begun)
    rotation = Rotation(tmp_path)
    assert (rotation.files(), list(rotation.strangers)) == ([], [str(path)])
    write_scan(path, packets=3)
    assert ([item.path for item in rotation.files()], rotation.strangers) == ([str(path)], {})


def test_bad_files_stop_no_other(tmp_path: Path, workspace: Path, secwatch: Secwatch) -> None:
    directory = tmp_path / "captures"
    rotate(directory, 4)
    (directory / "notes.txt").write_text("nothing for a sensor\n")
    (directory / "x.pcap9").write_bytes((directory / "x.pcap1").read_bytes()[:22])
    shown = secwatch("--lang", "en", "sense", "read", directory, "--json", directory=workspace)
    assert shown.code == 3
    assert [item["result"] for item in shown.json["inputs"]].count("read") == 4
    assert shown.json["packets"] == len(FRAMES)
    assert "x.pcap9 ends within the file header" in shown.stderr
    assert shown.stderr.count("notes.txt is not a capture") == 1
    (directory / "x.pcap9").unlink()
    again = secwatch("sense", "read", directory, "--json", directory=workspace)
    assert again.code == 0, again.stderr
    member = secwatch("sense", "read", directory / "x.pcap1", "--again", directory=workspace)
    assert member.code == 2
    assert f"secwatch sense read {directory} --again" in member.stderr
    assert secwatch("sense", "read", directory, directory / "x.pcap1", "--follow", directory=workspace).code == 2


def test_files_may_vanish_between_the_list_and_the_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Any
) -> None:
    rotate(tmp_path / "captures", 5)
    city = City(tmp_path / "city")
    read = following._Follower._read

    def vanish(self: Any, item: Any, newer: bool) -> None:
        if item.path.endswith("pcap2"):
            Path(item.path).unlink()
        read(self, item, newer)

    monkeypatch.setattr(following._Follower, "_read", vanish)
    summary = city.read(tmp_path / "captures")
    assert [item.result for item in summary.inputs].count("read") == 4
    assert [item.error for item in summary.inputs if item.error] == [
        f"{tmp_path}/captures/x.pcap2 cannot be opened: no such file or directory"
    ]


def test_a_file_that_grows_after_its_successor_is_said(tmp_path: Path) -> None:
    rotate(tmp_path / "captures", 3)
    city = City(tmp_path / "city")
    city.read(tmp_path / "captures")
    first = tmp_path / "captures" / "x.pcap"
    first.write_bytes(first.read_bytes() + first.read_bytes()[24:])
    summary = city.read(tmp_path / "captures")
    assert "has grown since it was read" in "".join(item.error or "" for item in summary.inputs)


def test_open_flows_that_cannot_be_taken_up_are_said(tmp_path: Path) -> None:
    """A file of open flows that was changed is not trusted: kernels follow the numbers in it."""
    rotate(tmp_path / "captures", 2)
    city = City(tmp_path / "city")
    (tmp_path / "captures" / "x.pcap1").rename(tmp_path / "later")
    city.read(tmp_path / "captures")
    city.database.execute("UPDATE follows SET done = 1, open_flows = 12")
    city.database.conn.commit()
    (kept,) = city.place.follow.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    (tmp_path / "later").rename(tmp_path / "captures" / "x.pcap1")
    summary = city.read(tmp_path / "captures")
    assert "12 flows that were open" in "".join(item.error or "" for item in summary.inputs)
    assert summary.incomplete
