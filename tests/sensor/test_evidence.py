"""The evidence buffer keeps every packet as it was, never takes more room than it may, and survives what disks do."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from secwatch.core.errors import Locked, UsageProblem
from secwatch.core.model import Text
from secwatch.sensor import segments
from secwatch.sensor.evidence import SMALLEST_LIMIT, EvidenceBuffer
from secwatch.sensor.kernels import index as finder
from tests.conftest import ROOT
from tests.sensor.frames import SYN, datagram, ethernet, ipv4, segment, tcp

START = 1_790_000_000_000_000
INTERFACES = [("eth0", 1), ("tun0", 101)]


def block_of(
    frames: list[bytes], first_time: int, interface: int = 0, link: int = 1, vlan: int = 0, every: int = 1000
) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], finder.PacketIndex, int]:
    """A block of memory with packets in it and the index that describes them."""
    index = finder.new_index()
    place = 0
    for number, frame in enumerate(frames):
        index.offsets[number], index.captured[number], index.wire[number] = place, len(frame), len(frame) + 5
        index.times[number], index.links[number], index.vlans[number] = first_time + number * every, link, vlan
        place += len(frame)
    index.file[finder.INTERFACE] = interface
    return np.frombuffer(bytearray(b"".join(frames)), np.uint8), index, len(frames)


def blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """The whole blocks of a pcapng file, read by the book: (type, body)."""
    content = path.read_bytes()
    place = 0
    while place + 12 <= len(content):
        kind, size = struct.unpack_from("<II", content, place)
        if place + size > len(content):
            return
        assert struct.unpack_from("<I", content, place + size - 4) == (size,)
        yield kind, content[place + 8 : place + size - 4]
        place += size


def packets_in(path: Path) -> list[tuple[int, int, int, bytes]]:
    """The packets of a segment: (interface, time, bytes on the wire, captured bytes)."""
    found = []
    for kind, body in blocks(path):
        if kind == 6:
            interface, high, low, captured, wire = struct.unpack_from("<IIIII", body)
            assert body[20 + captured :] == bytes(-captured % 4)
            found.append((interface, high << 32 | low, wire, body[20 : 20 + captured]))
    return found


def test_packets_are_kept_as_they_were(tmp_path: Path) -> None:
    frames = [segment(SYN, b"x" * size, port=size + 1) for size in range(9)]
    inner = ipv4(tcp(SYN), 6)
    with EvidenceBuffer(tmp_path / "evidence", SMALLEST_LIMIT, INTERFACES) as buffer:
        buffer.keep(*block_of(frames, START))
        buffer.keep(*block_of([inner], START + 7, interface=1, link=228))
        buffer.keep(*block_of([b"not IP"], START + 8, interface=1, link=-2))
    assert (buffer.kept, buffer.left_out) == (10, 1)
    (only,) = segments.listing(tmp_path / "evidence")
    assert only.first_time == START
    assert only.path.name == "20260921T141320.000000Z-00000001.pcapng"
    assert only.path.stat().st_mode & 0o777 == 0o600
    found = packets_in(only.path)
    assert found[:9] == [(0, START + number * 1000, len(frame) + 5, frame) for number, frame in enumerate(frames)]
    assert found[9] == (1, START + 7, len(inner) + 5, inner)
    assert [kind for kind, _ in blocks(only.path)] == [0x0A0D0D0A, 1, 1, *[6] * 10, 5, 5]
    assert segments.times_of(only.path) == (START, START + 8000)


def test_a_tag_that_the_card_took_out_is_put_back(tmp_path: Path) -> None:
    with EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES) as buffer:
        buffer.keep(*block_of([ethernet(b"payload")], START, vlan=0x88A8 << 16 | 0x6007))
    ((_, _, wire, frame),) = packets_in(segments.listing(tmp_path)[0].path)
    assert frame == ethernet(b"payload", tags=[(0x88A8, 0x6007)])
    assert wire == len(frame) + 5


def test_what_lies_outside_the_block_is_never_read(tmp_path: Path) -> None:
    data, index, count = block_of([datagram(b"a"), datagram(b"b"), datagram(b"c")], START)
    index.offsets[0] = -1
    index.captured[1] = len(data)
    with EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES) as buffer:
        buffer.keep(data, index, count)
    assert (buffer.kept, buffer.left_out) == (1, 2)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests fill a buffer as fast as they can, on machines that do other things too."""
    monkeypatch.setattr("secwatch.sensor.evidence._PATIENCE_SECONDS", 30.0)
    monkeypatch.setattr("secwatch.sensor.shelf.RESERVE_BYTES", 0)  # nor do they depend on what their disk has free


def test_the_directory_never_exceeds_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times the limit goes through; at every moment the newest packets are there and the oldest gone."""
    frames = [datagram(bytes(1400), port=number + 1) for number in range(700)]
    moment = START
    write = os.write
    largest = 0

    def written(descriptor: int, content: memoryview) -> int:
        nonlocal largest
        size = write(descriptor, content)
        largest = max(largest, total())
        return size

    def total() -> int:
        return sum(path.stat().st_size for path in tmp_path.glob("*.pcapng"))

    monkeypatch.setattr("secwatch.sensor.shelf.os.write", written)
    for _ in range(2):  # the second run finds a full directory
        with EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES) as buffer:
            for _ in range(25):
                buffer.keep(*block_of(frames, moment))
                moment += 10_000_000
        assert (buffer.kept, buffer.left_out) == (25 * 700, 0)
        found = segments.listing(tmp_path)
        assert SMALLEST_LIMIT * 0.85 < total() <= largest <= SMALLEST_LIMIT
        assert all(segment.size <= SMALLEST_LIMIT // 16 for segment in found)
        assert [item.sequence for item in found] == list(range(found[0].sequence, found[0].sequence + len(found)))
        assert segments.times_of(found[-1].path) == (moment - 10_000_000, moment - 10_000_000 + 699_000)
    with EvidenceBuffer(tmp_path, 2 * SMALLEST_LIMIT, INTERFACES):
        pass
    before = total()
    EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES).close()
    assert total() == before
    (tmp_path / "notes.txt").write_text("mine")
    assert len(segments.listing(tmp_path)) == len(found)


def test_a_smaller_limit_is_kept_from_the_start(tmp_path: Path) -> None:
    frames = [datagram(bytes(1400)) for _ in range(700)]
    with EvidenceBuffer(tmp_path, 3 * SMALLEST_LIMIT, INTERFACES) as buffer:
        for number in range(30):
            buffer.keep(*block_of(frames, START + number * 10**6))
    EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES).close()
    assert sum(segment.size for segment in segments.listing(tmp_path)) <= SMALLEST_LIMIT


def test_two_writers_and_too_little_room_are_refused(tmp_path: Path) -> None:
    with EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES), pytest.raises(Locked):
        EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES)
    with pytest.raises(UsageProblem):
        EvidenceBuffer(tmp_path, SMALLEST_LIMIT - 1, INTERFACES)


def test_a_full_disk_is_survived_and_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some writes get half of their bytes out before the disk is full: no half block may stay."""
    write = os.write
    calls = 0

    def full(descriptor: int, content: memoryview) -> int:
        nonlocal calls
        calls += 1
        if 4 <= calls <= 9:
            if calls % 2:
                raise OSError(28, "No space left on device")
            return write(descriptor, content[: len(content) // 2])
        return write(descriptor, content)

    monkeypatch.setattr("secwatch.sensor.shelf.os.write", full)
    told: list[Text] = []
    with EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES, told.append) as buffer:
        for number in range(10):
            buffer.keep(*block_of([datagram(bytes([number]) * 50)] * 3, START + number * 10**6))
    assert (buffer.kept, buffer.left_out) == (21, 9)
    (said,) = told
    assert "not kept as evidence: the disk refuses them (no space left" in said.en
    assert "未留存为证据：磁盘拒绝写入" in said.zh
    (only,) = segments.listing(tmp_path)
    assert len(packets_in(only.path)) == 21
    assert [kind for kind, _ in blocks(only.path)][-1] == 5


def test_killed_the_segment_is_readable_up_to_the_last_whole_block(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.sensor.test_evidence import *\n"
        "buffer = EvidenceBuffer(Path(sys.argv[1]), SMALLEST_LIMIT, INTERFACES)\n"
        "frames = [datagram(bytes(600), port=n + 1) for n in range(500)]\n"
        "for n in range(10**6):\n"
        "    buffer.keep(*block_of(frames, START + n * 10**6))\n"
        "    if n == 20: print('running', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGKILL)
    found = segments.listing(tmp_path)
    kept = [packet for item in found for packet in packets_in(item.path)]
    assert len(kept) >= 500
    assert all(len(frame) == 642 for _, _, _, frame in kept)
    with EvidenceBuffer(tmp_path, SMALLEST_LIMIT, INTERFACES) as buffer:
        buffer.keep(*block_of([datagram(b"after")], START + 10**12))
    assert segments.listing(tmp_path)[-1].sequence == found[-1].sequence + 1
