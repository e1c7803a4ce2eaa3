"""Evidence and the disk: room for the lake, full disks, directories that somebody removes."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from secwatch.core.model import Text
from secwatch.sensor import segments
from secwatch.sensor.evidence import SMALLEST_LIMIT, EvidenceBuffer
from secwatch.sensor.shelf import Shelf
from tests.sensor.frames import datagram
from tests.sensor.test_evidence import INTERFACES, START, block_of, packets_in

MIB = 1 << 20
PIECE = memoryview(bytes(MIB // 2))


def _held(directory: Path) -> int:
    return sum(segment.size for segment in segments.listing(directory))


def _fill(shelf: Shelf, pieces: range) -> None:
    for number in pieces:
        shelf.add(PIECE, 0, START + number, START + number)


class _Disk:
    """A disk of 64 MiB with the evidence and `others` on it."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch):
        self.others = 0
        self._directory = directory
        monkeypatch.setattr("secwatch.sensor.shelf.os.statvfs", lambda _: self._tell())

    @property
    def free(self) -> int:
        return 64 * MIB - self.others - _held(self._directory)

    def _tell(self) -> SimpleNamespace:
        return SimpleNamespace(f_blocks=64 * 256, f_frsize=4096, f_bavail=max(self.free, 0) // 4096)


def test_room_is_left_for_the_lake_and_given_back_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = _Disk(tmp_path, monkeypatch)
    shelf = Shelf(tmp_path, 200 * MIB, INTERFACES)
    for number in range(200):
        _fill(shelf, range(number, number + 1))
        assert disk.free >= 16 * MIB - 4096, "a quarter stays free"
    assert _held(tmp_path) > 40 * MIB
    assert segments.listing(tmp_path)[0].first_time > START + 90, "the oldest are gone, the newest there"
    disk.others = 30 * MIB
    _fill(shelf, range(200, 201))
    assert disk.free >= 16 * MIB - 4096, "the lake has grown: evidence has shrunk"
    assert _held(tmp_path) > 10 * MIB
    disk.others = 60 * MIB
    with pytest.raises(OSError, match="beside what the lake needs"):
        _fill(shelf, range(201, 202))
    assert _held(tmp_path) < 4 * MIB
    disk.others = 0
    _fill(shelf, range(202, 204))
    shelf.finish()
    assert segments.times_of(segments.listing(tmp_path)[-1].path) == (START + 202, START + 203)


def test_on_a_full_disk_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secwatch.sensor.shelf.RESERVE_BYTES", 0)
    write = os.write

    def full(descriptor: int, content: memoryview) -> int:
        if _held(tmp_path) + len(content) > 20 * MIB:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content)

    monkeypatch.setattr("secwatch.sensor.shelf.os.write", full)
    shelf = Shelf(tmp_path, 64 * MIB, INTERFACES)
    _fill(shelf, range(100))
    shelf.finish()
    found = segments.listing(tmp_path)
    assert 15 * MIB < _held(tmp_path) <= 20 * MIB
    assert segments.times_of(found[-1].path) == (found[-1].first_time, START + 99)
    assert [item.sequence for item in found] == list(range(found[0].sequence, found[-1].sequence + 1))


def test_a_directory_that_was_removed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secwatch.sensor.shelf.RESERVE_BYTES", 0)
    place = tmp_path / "state" / "evidence"
    frames = [datagram(bytes([number]) * 50) for number in range(9)]
    with EvidenceBuffer(place, SMALLEST_LIMIT, INTERFACES) as buffer:
        buffer.keep(*block_of(frames[:3], START))
        _wait(buffer, 3)
        shutil.rmtree(place)
        buffer.keep(*block_of(frames[3:6], START + 10**6))
        _wait(buffer, 6)
        segments.listing(place)[0].path.unlink()
        buffer.keep(*block_of(frames[6:], START + 2 * 10**6))
    assert (buffer.kept, buffer.left_out) == (9, 0)
    assert place.stat().st_mode & 0o777 == 0o700
    (only,) = segments.listing(place)
    assert [frame for _, _, _, frame in packets_in(only.path)] == frames[6:]


def test_what_cannot_be_kept_is_counted_and_said_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secwatch.sensor.shelf.RESERVE_BYTES", 0)
    monkeypatch.setattr("secwatch.sensor.evidence._SAY_AGAIN_SECONDS", 0.0)
    place = tmp_path / "evidence"
    told: list[Text] = []
    with EvidenceBuffer(place, SMALLEST_LIMIT, INTERFACES, told.append) as buffer:
        shutil.rmtree(place)
        place.touch()
        buffer.keep(*block_of([datagram(b"a")] * 3, START))
        buffer.keep(*block_of([datagram(b"b")] * 4, START))
        _wait(buffer, 7)
        place.unlink()
        buffer.keep(*block_of([datagram(b"c")], START))
    assert (buffer.kept, buffer.left_out) == (1, 7)
    said = "\n".join(text.en for text in told)
    assert "(file exists); 3 so far" in said
    assert "(file exists); 7 so far" in said


def _wait(buffer: EvidenceBuffer, packets: int) -> None:
    deadline = time.monotonic() + 30
    while buffer.kept + buffer.left_out < packets:
        assert time.monotonic() < deadline
        time.sleep(0.005)
