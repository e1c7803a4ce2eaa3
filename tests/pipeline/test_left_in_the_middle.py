"""A file whose reader was killed in the middle is known by what was recorded of it, whatever becomes of its name."""

from __future__ import annotations

import gzip
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secwatch.pipeline import follow as following
from tests.conftest import ROOT
from tests.pipeline.rotated import FRAMES, City
from tests.sensor.frames import pcap

WHOLE = (len(FRAMES), 40)  # packets in flows, look-ups
SOME = 900  # packets that the file has when its reader is killed


class Killed(BaseException):
    """Ends a run without a chance to record anything more, as SIGKILL does."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a file that is being written."""
    made = tmp_path / "captures"
    made.mkdir()
    pcap(made / "x.pcap", FRAMES[:SOME])
    return made


def _recorded(city: City) -> int:
    (row,) = city.database.query("SELECT sum(json_extract(counters, '$.packets')) AS packets FROM inputs")
    return int(row["packets"] or 0)


def _killed(tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    """A place whose reader of the directory was killed when all that was there was recorded, and flows were open."""
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    city = City(tmp_path / "city")

    def kill_when_recorded(path: str, done: int, total: int | None) -> None:
        if _recorded(city) == SOME:
            raise Killed

    steering = city.steering

    def deadly(follow: bool = False) -> Any:
        return replace(steering(follow), on_progress=kill_when_recorded)

    monkeypatch.setattr(city, "steering", deadly)
    with pytest.raises(Killed):
        city.read(directory, follow=True)
    monkeypatch.setattr(city, "steering", steering)
    assert _recorded(city) == SOME
    assert city.totals()[0] < SOME, "flows are open, and kept beside the lake"
    return city


def _rename(path: Path) -> Path:
    return path.rename(path.with_name("x-20261123.pcap"))


def _pack(path: Path) -> Path:
    packed = path.with_name("x-20261123.pcap.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


@pytest.mark.parametrize("become", [_rename, _pack])
@pytest.mark.parametrize("packets", [SOME, len(FRAMES)], ids=["as it was", "grown"])
def test_under_another_name_it_goes_on_where_it_was_left(
    tmp_path: Path, directory: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, become: Callable[[Path], Path],
    packets: int,
) -> None:  # fmt: skip
    city = _killed(tmp_path, directory, monkeypatch)
    become(pcap(directory / "x.pcap", FRAMES[:packets]))
    if packets < len(FRAMES):
        pcap(directory / "y.pcap", FRAMES[packets:])
    summary = city.read(directory)
    assert not summary.incomplete, [item.error for item in summary.inputs]
    assert city.everything() == whole
    assert _recorded(city) == len(FRAMES)
    assert {item.result for item in city.read(directory).inputs} == {"known"}
    assert city.everything() == whole


def test_as_it_was_and_nothing_after_it(tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flows that were open end with it."""
    city = _killed(tmp_path, directory, monkeypatch)
    _rename(directory / "x.pcap")
    assert not city.read(directory).incomplete
    assert city.totals()[0] == SOME


def test_really_killed(tmp_path: Path, directory: Path, whole: Any) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.pipeline.rotated import City\n"
        "City(Path(sys.argv[1])).read(Path(sys.argv[2]), follow=True)\n"
    )
    city = City(tmp_path / "city")
    command = [sys.executable, "-c", program, str(tmp_path / "city"), str(directory)]
    with subprocess.Popen(command, cwd=ROOT) as child:
        deadline = time.monotonic() + 60
        while _recorded(city) < SOME and time.monotonic() < deadline and child.poll() is None:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    assert _recorded(city) == SOME
    _rename(pcap(directory / "x.pcap", FRAMES))
    assert not city.read(directory).incomplete
    assert city.everything() == whole


def test_read_alone_it_takes_the_place_of_its_part(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = _killed(tmp_path, directory, monkeypatch)
    alone = _rename(pcap(directory / "x.pcap", FRAMES))
    read = city.read_file(alone)
    assert (read.result, read.replaced) == ("read", 1)
    assert city.totals() == WHOLE
    assert [item.result for item in city.read(directory).inputs] == ["known"]
    assert city.totals() == WHOLE


def test_moved_to_another_directory(tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    city = _killed(tmp_path, directory, monkeypatch)
    other = tmp_path / "archive"
    other.mkdir()
    _rename(Path(shutil.move(pcap(directory / "x.pcap", FRAMES), other / "x.pcap")))
    assert not city.read(other).incomplete
    assert city.totals() == WHOLE


def test_a_copy_takes_nothing_away_from_a_reader_at_work(
    tmp_path: Path, directory: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has of the file stays its own; when it has read all of it, the copy's rows go."""
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    city, beside = City(tmp_path / "city"), City(tmp_path / "city")
    copies: list[str] = []
    steering = city.steering(follow=True)

    def copy_and_end(path: str, done: int, total: int | None) -> None:
        if not copies and _recorded(city) == SOME:
            copies.append(beside.read_file(Path(shutil.copy(path, tmp_path / "copy.pcap"))).result)
            pcap(directory / "x.pcap", FRAMES)
        city.stopped = _recorded(city) >= len(FRAMES) + SOME

    monkeypatch.setattr(city, "steering", lambda follow: replace(steering, on_progress=copy_and_end))
    assert not city.read(directory, follow=True).incomplete
    assert copies == ["read"]
    assert city.everything() == whole
