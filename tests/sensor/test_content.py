"""The tag of a capture: the same however the bytes arrive, another for other bytes, places and keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from secwatch.sensor import content
from secwatch.sensor.content import Tagging, tag_of
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
