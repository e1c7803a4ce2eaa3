"""Files of directories that grow, are renamed or packed at the worst moment: all of them is read, and once."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secwatch.pipeline import follow as following
from tests.pipeline.rotated import FRAMES, City
from tests.sensor.frames import pcap

WHOLE = (len(FRAMES), 40)  # packets in flows, look-ups
SOME = 900  # packets that a file has at first


@pytest.fixture
def city(tmp_path: Path) -> City:
    """An empty place."""
    return City(tmp_path / "city")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a file that is being written."""
    made = tmp_path / "captures"
    made.mkdir()
    pcap(made / "x.pcap", FRAMES[:SOME])
    return made


def _before_committing(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    """Let something happen once, when a file was read to its end and is about to be recorded."""
    commit = following._Follower._commit
    happened: list[Any] = []

    def late(self: Any, item: Any, reader: Any, *, done: bool) -> None:
        if reader.finished and not happened:
            happened.append(happens())
        commit(self, item, reader, done=done)

    monkeypatch.setattr(following._Follower, "_commit", late)


def _grow(path: Path, since: int = 0, until: int | None = None) -> None:
    """Write behind the file what it does not have yet of these frames: it stays the same file."""
    whole = pcap(path.with_name(".whole"), FRAMES[since:until]).read_bytes()
    with path.open("ab") as stream:
        stream.write(whole[stream.tell() :])


def test_what_is_written_while_the_end_is_recorded_is_read_by_the_next_run(
    city: City, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _before_committing(monkeypatch, lambda: _grow(directory / "x.pcap"))
    assert city.read(directory).total("packets") == SOME
    assert city.read(directory).total("packets") == len(FRAMES) - SOME
    assert city.totals()[0] == len(FRAMES)
    assert [item.result for item in city.read(directory).inputs] == ["known"]


def test_what_is_written_while_a_follower_stops_is_read_by_the_next_run(
    city: City, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    _before_committing(monkeypatch, lambda: _grow(directory / "x.pcap"))
    take = following._Follower._pass_time

    def stop(self: Any, *arguments: Any) -> None:
        city.stopped = True
        take(self, *arguments)

    monkeypatch.setattr(following._Follower, "_pass_time", stop)
    assert city.read(directory, follow=True).total("packets") == SOME
    city.stopped = False
    assert city.read(directory).total("packets") == len(FRAMES) - SOME
    assert city.totals()[0] == len(FRAMES)


def test_a_file_that_takes_the_name_while_the_end_is_recorded_is_read(
    city: City, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ring of files: what was read is found under its new name, and the new one is not taken for it."""

    def rotate() -> None:
        (directory / "x.pcap").rename(directory / "old.pcap")
        pcap(directory / "x.pcap", FRAMES[SOME:])

    _before_committing(monkeypatch, rotate)
    city.read(directory)
    summary = city.read(directory)
    assert not summary.incomplete, [item.error for item in summary.inputs]
    assert city.totals()[0] == len(FRAMES)
    assert [item.result for item in city.read(directory).inputs] == ["known", "known"]
    assert city.totals()[0] == len(FRAMES)


class Killed(BaseException):
    """Ends a run without a chance to record anything more, as SIGKILL does."""


def _counted(city: City) -> int:
    (row,) = city.database.query("SELECT sum(json_extract(counters, '$.packets')) AS packets FROM inputs")
    return int(row["packets"] or 0)


def _follow(city: City, directory: Path, monkeypatch: pytest.MonkeyPatch, watch: Callable[[], None]) -> Any:
    """Follow a directory until `watch`, which is called again and again, stops or kills it; for 20 s at most."""
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    city.stopped, deadline = False, time.monotonic() + 20
    wait = following._Follower._wait

    def look(self: Any) -> None:
        watch()
        city.stopped = city.stopped or time.monotonic() > deadline
        wait(self)

    with monkeypatch.context() as patched:
        patched.setattr(following._Follower, "_wait", look)
        try:
            return city.read(directory, follow=True)
        finally:
            city.stopped = False


def test_an_older_file_that_was_packed_meanwhile_is_no_newer_one(
    city: City, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As logrotate does while no reader is there: the current capture is followed on, whatever lies before it."""
    current = pcap(directory / "y.pcap", FRAMES[SOME : SOME + 100])

    def kill() -> None:
        if _counted(city) == SOME + 100:
            raise Killed

    with pytest.raises(Killed):
        _follow(city, directory, monkeypatch, kill)
    older = directory / "x.pcap"
    (directory / "x.pcap.gz").write_bytes(gzip.compress(older.read_bytes()))
    older.unlink()

    def write() -> None:
        if _counted(city) == SOME + 100:
            _grow(current, SOME, SOME + 200)
        elif _counted(city) == SOME + 200:
            _grow(current, SOME)
        city.stopped = _counted(city) == len(FRAMES)

    summary = _follow(city, directory, monkeypatch, write)
    assert not summary.incomplete, [item.error for item in summary.inputs]
    assert _counted(city) == len(FRAMES)
    assert not city.read(directory).incomplete
    assert city.totals() == WHOLE
    assert {item.result for item in city.read(directory).inputs} == {"known"}


def test_what_grew_after_its_successor_is_not_counted_twice_when_its_directory_is_moved(
    city: City, directory: Path
) -> None:
    """Its flows are among those of the file after it: both are read anew, or neither."""
    pcap(directory / "y.pcap", FRAMES[SOME + 200 :])
    city.read(directory)
    before = city.totals()[0]
    _grow(directory / "x.pcap", 0, SOME + 200)
    assert city.read(directory).incomplete
    moved = directory.rename(directory.with_name("moved"))
    for _ in range(2):
        summary = city.read(moved)
        (flaw,) = (item for item in summary.inputs if item.error)
        assert flaw.hint == f"secwatch sense read {moved} --again"
        assert city.totals()[0] == before
    assert not city.read(moved, again=True).incomplete
    assert city.totals() == WHOLE
    assert {item.result for item in city.read(moved).inputs} == {"known"}
