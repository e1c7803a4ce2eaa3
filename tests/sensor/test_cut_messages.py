"""Captures that keep only the beginning of each packet still show who asked what, and how it was answered."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.sensor.frames import ACK, SYN, segment
from tests.sensor.reading import Row, accounted, read

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
_GET = b"GET /images/box.gif HTTP/1.1\r\nHost: portal.example\r\n\r\n"


def _read(tmp_path: Path, frames: list[tuple[bytes, int]], table: str) -> list[Row]:
    """The rows of a table, of packets of which only so many bytes were kept."""
    content = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    for number, (frame, kept) in enumerate(frames):
        content += struct.pack("<IIII", 1_700_000_000, number, min(kept, len(frame)), len(frame)) + frame[:kept]
    path = tmp_path / "cut.pcap"
    path.write_bytes(content)
    reading = read(path)
    assert accounted(reading)
    return reading.tables[table]


@pytest.mark.parametrize("kept", [20, 24, 26, 27, 28, 40])
def test_a_request_that_was_cut_waits_for_its_answer(tmp_path: Path, kept: int) -> None:
    """With the version cut in two, what is there of it is no part of the target."""
    frames = [
        (segment(SYN, port=4, service=80, sequence=0), 999),
        (segment(SYN | ACK, port=4, service=80, sequence=0, answer=True), 999),
        (segment(ACK, _GET, port=4, service=80, sequence=1), 54 + kept),
        (segment(ACK, _ANSWER, port=4, service=80, sequence=1, answer=True), 54 + 20),
    ]
    (row,) = _read(tmp_path, frames, "http")
    assert (row["method"], row["uri"], row["status_code"]) == ("GET", "/images/box.gif", 200)
