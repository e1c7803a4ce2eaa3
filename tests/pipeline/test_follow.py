"""Directories of rotated captures: one sequence, whatever is cut where, killed when, written meanwhile."""

from __future__ import annotations

import random
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from secwatch.pipeline import follow as following
from secwatch.sensor.rotation import Rotation
from tests.conftest import ROOT
from tests.pipeline.rotated import FRAMES, City, Cut, packed, plain, rotate


@pytest.mark.parametrize(("pieces", "cut"), [(1, plain), (6, plain), (4, packed)])
def test_many_files_give_what_one_gives(tmp_path: Path, whole: Any, pieces: int, cut: Cut) -> None:
    rotate(tmp_path / "captures", pieces, cut)
    city = City(tmp_path / "city")
    summary = city.read(tmp_path / "captures")
    assert [item.result for item in summary.inputs] == ["read"] * pieces
    assert summary.total("packets") == len(FRAMES)
    assert summary.total("flows") == 52
    assert not summary.incomplete
    assert city.everything() == whole
    again = city.read(tmp_path / "captures")
    assert again.total("packets") in (0, len(FRAMES) // pieces, summary.inputs[-1].packets)
    assert city.everything() == whole
    assert {item.name for item in city.place.follow.iterdir()} == {
        row["snapshot"] for row in city.database.query("SELECT snapshot FROM follows")
    }
    city.read(tmp_path / "captures", again=True)
    assert city.everything() == whole


def test_files_that_come_between_runs_are_read_with_what_was_left_open(tmp_path: Path, whole: Any) -> None:
    """Runs without --follow let go of open flows at their end: sums stay right, nothing is there twice."""
    rotate(tmp_path / "all", 4)
    directory = tmp_path / "captures"
    directory.mkdir()
    city = City(tmp_path / "city")
    for path in Rotation(tmp_path / "all").files():
        (directory / Path(path.path).name).write_bytes(Path(path.path).read_bytes())
        city.read(directory)
    flows, lookups = city.everything()
    assert sum(row[7] + row[9] for row in flows) == sum(row[7] + row[9] for row in whole[0])
    assert len(lookups) >= 40


def test_killed_anywhere_nothing_is_lost_and_nothing_double(tmp_path: Path, whole: Any) -> None:
    """SIGKILL at random moments, again and again, while files grow and rotate; then one run to the end."""
    source = random.Random(7)
    directory = tmp_path / "captures"
    directory.mkdir()
    City(tmp_path / "city")
    program = (
        "import sys; from pathlib import Path; from secwatch.pipeline import follow as following\n"
        "from tests.pipeline.rotated import City\n"
        "following.POLL_SECONDS = 0.01\n"
        "city = City(Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "city.read(Path(sys.argv[2]), follow=True)\n"
    )
    content = b"".join(
        struct.pack("<IIII", int(t), round(t % 1 * 1e6), len(frame), len(frame)) + frame for t, frame in FRAMES
    )
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    ends = [0]
    for _, frame in FRAMES:
        ends.append(ends[-1] + 16 + len(frame))
    rounds, written, number = 5, 0, 0
    for turn in range(rounds):
        command = [sys.executable, "-c", program, str(tmp_path / "city"), str(directory)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            until = len(FRAMES) * (turn + 1) // rounds
            while written < until:
                upto = min(until, written + source.randrange(20, 90))
                path = directory / f"x.pcap{number or ''}"
                with path.open("ab", buffering=0) as file:
                    if not file.tell():
                        file.write(head)
                    cut = ends[upto] - source.randrange(15)  # in the middle of a packet, most of the time
                    file.write(content[ends[written] : cut])
                    time.sleep(source.uniform(0.0, 0.1))
                    file.write(content[cut : ends[upto]])
                written = upto
                if source.random() < 0.4:
                    number += 1
                time.sleep(source.uniform(0.0, 0.15))
            child.send_signal(signal.SIGKILL)
    city = City(tmp_path / "city")
    summary = city.read(directory)
    assert not summary.incomplete, summary.problems
    assert city.everything() == whole
    counted = city.database.query("SELECT sum(json_extract(counters, '$.packets')) AS packets FROM inputs")
    assert next(counted)["packets"] == len(FRAMES)


def test_following_sees_a_growing_file_and_ends_when_asked(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the newest file is in the lake before it ends; the reader never starts it again."""
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    directory = tmp_path / "captures"
    rotate(tmp_path / "all", 3)
    directory.mkdir()
    files = [Path(item.path) for item in Rotation(tmp_path / "all").files()]
    city = City(tmp_path / "city")

    def packets() -> int:
        watcher = sqlite3.connect(city.place.database)
        try:
            (found,) = watcher.execute("SELECT sum(json_extract(counters, '$.packets')) FROM inputs").fetchone()
        finally:
            watcher.close()
        return int(found or 0)

    def write() -> None:
        try:
            for file in files:
                content = file.read_bytes()
                with (directory / file.name).open("wb", buffering=0) as out:
                    for part in range(0, len(content), 9000):
                        out.write(content[part : part + 9000])
                        time.sleep(0.02)
                        assert sum(path.is_file() for path in directory.iterdir()) <= 3
            deadline = time.monotonic() + 30
            while packets() < len(FRAMES) and time.monotonic() < deadline:
                time.sleep(0.02)
            seen.append(packets())
        finally:
            city.stopped = True

    seen: list[int] = []
    writer = threading.Thread(target=write)
    writer.start()
    summary = city.read(directory, follow=True)
    writer.join()
    assert seen == [len(FRAMES)]
    assert [item.result for item in summary.inputs] == ["read"] * 3
    assert summary.total("packets") == len(FRAMES)
    assert city.everything() == whole
    assert city.database.execute("SELECT count(*) FROM inputs").fetchone()[0] == 3
