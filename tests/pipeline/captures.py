"""Captures written byte by byte: SYNs to many ports, so that tests of the pipeline need no packet library."""

from __future__ import annotations

import struct
from pathlib import Path

START = 1_790_000_000


def write_scan(path: Path, *, packets: int, first_second: int = 0, source: int = 9, every: float = 0.01) -> Path:
    """Write a pcap file of SYNs from 203.0.113.`source` to ports of 10.10.1.5, one every `every` seconds."""
    with path.open("wb") as stream:
        stream.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(packets):
            moment = START + first_second + number * every
            stream.write(struct.pack("<IIII", int(moment), round(moment % 1 * 1e6) % 1_000_000, 54, 54))
            stream.write(_syn(source, 1 + number % 60_000, 1024 + number // 60_000))
    return path


def _syn(source: int, port: int, source_port: int) -> bytes:
    ethernet = bytes(12) + b"\x08\x00"
    addresses = bytes((203, 0, 113, source, 10, 10, 1, 5))
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + addresses
    tcp = struct.pack(">HHIIBBHHH", source_port, port, 1, 0, 0x50, 2, 1024, 0, 0)[:20]
    return ethernet + ip + tcp


def write_frames(path: Path, frames: list[bytes]) -> Path:
    """Write a pcap file of these frames, all of one moment."""
    with path.open("wb") as stream:
        stream.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            stream.write(struct.pack("<IIII", 1_790_000_000, 0, len(frame), len(frame)) + frame)
    return path
