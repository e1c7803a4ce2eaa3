"""Files of directories that grow, are renamed or packed at the worst moment: all of them is read, and once."""

from __future__ import annotations

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


def _grow(path: Path, upto: int | None = None) -> None:
    """Write behind the file what it does not have yet: it stays the same file."""
    whole = pcap(path.with_name(".whole"), FRAMES[:upto]).read_bytes()
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
