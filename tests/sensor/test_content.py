"""The tag of a capture: the same however the bytes arrive, another for other bytes, places and keys."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from secwatch.sensor import content
from secwatch.sensor.content import Tagging, tag_of
from secwatch.sensor.pcapfile import CaptureFile
from tests.sensor.frames import pcap
from tests.sensor.reading import KEY, tag

SEGMENT = 64


@pytest.fixture(autouse=True, scope="module")
def _small_segments() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "SEGMENT_BYTES", SEGMENT)
        yield


def _tags(pieces: list[bytes], lengths: list[int]) -> tuple[str, dict[int, str]]:
    tagging = Tagging(KEY)
    tagging.expect(lengths)
    for piece in pieces:
        tagging.update(memoryview(piece))
    found = tagging.content(b"")
    assert found.length == sum(map(len, pieces))
    return found.tag, dict(found.prefixes)


@settings(deadline=None)
@given(some.lists(some.binary(max_size=3 * SEGMENT), max_size=6), some.lists(some.integers(0, 8 * SEGMENT), max_size=8))
def test_pieces_play_no_part_and_beginnings_have_the_tag_of_their_own(pieces: list[bytes], lengths: list[int]) -> None:
    whole = b"".join(pieces)
    found, prefixes = _tags(pieces, lengths)
    assert found == tag(whole, SEGMENT)
    assert prefixes == {length: tag(whole[:length], SEGMENT) for length in lengths if length <= len(whole)}


@pytest.mark.parametrize("length", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 7])
def test_every_edge_of_a_segment(length: int) -> None:
    whole = os.urandom(3 * SEGMENT)
    _, prefixes = _tags([whole], [length])
    assert prefixes == {length: tag(whole[:length], SEGMENT)}


def test_other_bytes_places_and_keys_have_other_tags(tmp_path: Path) -> None:
    first, second = os.urandom(SEGMENT), os.urandom(SEGMENT)
    texts = [b"", b"\0", bytes(16), first, first[:-1], first + second, second + first, first + first]
    assert len({tag(text, SEGMENT) for text in texts}) == len(texts)
    path = tmp_path / "bytes"
    path.write_bytes(b"xx" + first + second)
    with path.open("rb") as stream:
        stream.seek(7)
        assert tag_of(stream.fileno(), 2, KEY) == tag(first + second, SEGMENT)
        assert tag_of(stream.fileno(), 2, bytes(32)) != tag(first + second, SEGMENT)
        assert stream.tell() == 7


def test_lengths_come_before_bytes() -> None:
    tagging = Tagging(KEY)
    tagging.update(memoryview(b"x"))
    with pytest.raises(RuntimeError):
        tagging.expect([5])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [1, SEGMENT - 1, SEGMENT, 2 * SEGMENT + 7, 4 * SEGMENT])
def test_what_was_read_until_now_has_a_tag_too(tmp_path: Path, size: int, packed: bool) -> None:
    """Of a compressed file up to the last whole segment: the rest cannot be read a second time."""
    path = pcap(tmp_path / "x", [(1e9, os.urandom(5 * SEGMENT))])
    whole = path.read_bytes()
    if packed:
        path.write_bytes(gzip.compress(whole))
    with CaptureFile(str(path), KEY) as capture:
        buffer = memoryview(bytearray(4 * SEGMENT + 1))
        assert capture.read_into(buffer) == len(buffer)
        capture.tag(buffer)
        begun = capture.beginning(size)
        length = size // SEGMENT * SEGMENT if packed else size
        if length == 0:
            assert begun is None
        else:
            assert begun is not None
            assert (begun.head, begun.length, begun.tag) == (whole[:64].hex(), length, tag(whole[:length], SEGMENT))
        capture.tag(memoryview(whole)[len(buffer) :])
        assert capture.identity()[1].tag == tag(whole, SEGMENT), "nothing of it was disturbed"
    assert capture.beginning(size) is None, "it is closed"


def test_a_file_that_has_become_shorter_has_no_such_beginning(tmp_path: Path) -> None:
    path = pcap(tmp_path / "x", [(1e9, os.urandom(5 * SEGMENT))])
    with CaptureFile(str(path), KEY) as capture:
        os.truncate(path, 2 * SEGMENT)
        assert capture.beginning(3 * SEGMENT) is None
        begun = capture.beginning(2 * SEGMENT)
    assert begun is not None
    assert begun.length == 2 * SEGMENT


def test_a_file_that_had_less_than_a_head_is_known_by_what_it_has_now(tmp_path: Path) -> None:
    """A capture can begin with a packet of a few bytes."""
    path = pcap(tmp_path / "x", [(1e9, bytes(14))])
    with CaptureFile(str(path), KEY) as capture:
        with path.open("ab") as file:
            file.write(bytes(100))
        whole = path.read_bytes()
        buffer = memoryview(bytearray(200))
        size = capture.read_into(buffer)
        size += capture.read_into(buffer[size:])
        capture.tag(buffer[:size])
        begun = capture.beginning(size)
        assert begun is not None
        assert begun.head == capture.identity()[1].head == whole[:64].hex()
