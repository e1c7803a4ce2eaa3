"""Segments of the evidence buffer: pcapng files whose names tell when they begin and in which order they were made."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secwatch.core.moments import from_microseconds, from_text, to_microseconds

_NAME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{6})Z-(\d{8,18})\.pcapng")
_STATISTICS = struct.Struct("<IIIIIHHIIHHIIII")  # an interface statistics block as `ending` writes it
_START_TIME, _END_TIME = 2, 3  # options of that block


@dataclass(frozen=True)
class Segment:
    """One segment: first_time is that of its first packet (µs since 1970), sequence grows with every segment made."""

    path: Path
    first_time: int
    sequence: int
    size: int


def name_of(first_time: int, sequence: int) -> str:
    """Return the file name of a segment: names sort by time."""
    return f"{from_microseconds(first_time):%Y%m%dT%H%M%S.%fZ}-{sequence:08d}.pcapng"


def listing(directory: Path) -> Sequence[Segment]:
    """Return the segments of a directory in the order in which they were made; none if there is no directory there."""
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                parts = _NAME.fullmatch(entry.name)
                if parts is None:
                    continue
                try:
                    year, month, day, hour, minute, second, fraction, sequence = parts.groups()
                    moment = from_text(f"{year}-{month}-{day}T{hour}:{minute}:{second}.{fraction}+00:00")
                    size = entry.stat(follow_symlinks=False).st_size
                except (FileNotFoundError, ValueError):
                    continue  # dropped since, or no moment at all
                found.append(Segment(Path(entry.path), to_microseconds(moment), int(sequence), size))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return sorted(found, key=lambda segment: segment.sequence)


def beginning(interfaces: Sequence[tuple[str, int]]) -> bytes:
    """Return what every segment begins with: its section header, and one description per interface (name, link type).

    Times are in microseconds, as pcapng has it unless an option says otherwise.
    """
    header = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _option(4, b"secwatch") + bytes(4)
    blocks = [_block(0x0A0D0D0A, header)]
    for name, link in interfaces:
        text = name.encode("utf-8", "replace")[:255]
        blocks.append(_block(1, struct.pack("<HHI", link, 0, 0) + _option(2, text) + bytes(4)))
    return b"".join(blocks)


def ending(times: Sequence[tuple[int, int, int]]) -> bytes:
    """Return what a finished segment ends with: (interface, first time, last time in µs) as statistics blocks."""
    return b"".join(
        _STATISTICS.pack(5, _STATISTICS.size, interface, last >> 32, last & 0xFFFFFFFF, _START_TIME, 8, first >> 32,
                         first & 0xFFFFFFFF, _END_TIME, 8, last >> 32, last & 0xFFFFFFFF, 0, _STATISTICS.size)
        for interface, first, last in times
    )  # fmt: skip


def times_of(path: Path, most_interfaces: int = 64) -> tuple[int, int] | None:
    """Return the first and last time (µs) of the packets in a finished segment; None of one that was never finished.

    Raise OSError if it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _STATISTICS.size * most_interfaces))
        tail = file.read()
    first, last = 1 << 62, -1
    while len(tail) >= _STATISTICS.size:
        kind, length, _, _, _, code, _, first_high, first_low, other_code, _, last_high, last_low, _, again = (
            _STATISTICS.unpack(tail[-_STATISTICS.size :])
        )
        if (kind, length, code, other_code, again) != (5, _STATISTICS.size, _START_TIME, _END_TIME, _STATISTICS.size):
            break
        first = min(first, first_high << 32 | first_low)
        last = max(last, last_high << 32 | last_low)
        tail = tail[: -_STATISTICS.size]
    return (first, last) if last >= 0 else None


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size
