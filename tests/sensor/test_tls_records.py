"""A hello over any number of records, as filters of server names are evaded, is read as one."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from secwatch.sensor.traffic import client_hello
from tests.sensor.frames import ACK, PSH, SYN, pcap, segment
from tests.sensor.protocols.test_certificate import EC, made
from tests.sensor.protocols.test_certificate import message as certificates
from tests.sensor.reading import Reading, accounted, read

HELLO = client_hello("portal.city.example", random.Random(4))
SERVER_HELLO = bytes.fromhex("0200002a 0303") + bytes(32) + bytes.fromhex("00 c02f 00 0002 0000")


def _records(message: bytes, size: int) -> bytes:
    """The message in records of so many bytes."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + struct.pack(">H", len(piece)) + piece for piece in pieces)


def _read(tmp_path: Path, client: bytes, server: bytes = b"", *, most: int = 65000) -> Reading:
    frames = [segment(SYN, sequence=99, service=443), segment(SYN | ACK, answer=True, sequence=999, service=443)]
    for content, start, answer in ((client, 100, False), (server, 1000, True)):
        for at in range(0, len(content), most):
            piece = content[at : at + most]
            frames.append(segment(PSH | ACK, piece, sequence=start + at, service=443, answer=answer))
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + number / 1000, frame) for number, frame in enumerate(frames)]))
    assert accounted(reading)
    return reading


@pytest.mark.parametrize("most", [65000, 1400, 100, 11, 5, 1])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 41, 42, 100])
def test_short_records_hide_no_name(tmp_path: Path, size: int, most: int) -> None:
    (whole,) = _read(tmp_path, _records(HELLO, 10000)).tls
    reading = _read(tmp_path, _records(HELLO, size), _records(SERVER_HELLO, 10000), most=most)
    (row,) = reading.tls
    assert row["server_name"] == "portal.city.example"
    assert (row["ja3"], row["ja4"]) == (whole["ja3"], whole["ja4"])
    assert (row["version"], row["cipher"]) == ("TLSv12", "0xc02f")
    assert reading.flows[0]["service"] == "tls"
    assert reading.counters.malformed == {}


def test_a_hello_in_more_records_than_are_kept_is_counted(tmp_path: Path) -> None:
    long = client_hello("a" * 60 + ".portal.city.example", random.Random(4))
    long = long[:1] + struct.pack(">I", len(long) + 996)[1:] + long[4:] + bytes(1000)
    reading = _read(tmp_path, _records(long, 1))
    assert [row["server_name"] for row in reading.tls] == ["a" * 60 + ".portal.city.example"]
    assert sum(reading.counters.malformed.values()) == 1


@pytest.mark.parametrize("most", [65000, 1400, 11, 1])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 20, 37, 45, 46])
def test_short_records_hide_no_answer(tmp_path: Path, size: int, most: int) -> None:
    """The version, cipher and fingerprint of the server, and its certificate behind them."""
    body = certificates(made(EC))
    server = SERVER_HELLO + b"\x0b" + len(body).to_bytes(3, "big") + body + bytes.fromhex("0e000000")
    (whole,) = _read(tmp_path, _records(HELLO, 10000), _records(server, 10000)).tls
    assert whole["certificate_sha256"]
    reading = _read(tmp_path, _records(HELLO, 10000), _records(server, size), most=most)
    assert reading.tls == [whole | {"time": reading.tls[0]["time"]}]
    assert reading.counters.malformed == {}


@pytest.mark.parametrize("most", [65000, 1])
@pytest.mark.parametrize("size", [1, 5, 40, 10000])
def test_version_1_3_is_read_though_its_records_are_short(tmp_path: Path, size: int, most: int) -> None:
    """What follows is encrypted; nothing of it is taken for a message."""
    hello = bytes.fromhex("0200002e 0303") + bytes(32) + bytes.fromhex("00 1301 00 0006 002b 0002 0304")
    server = _records(hello, size) + bytes.fromhex("140303 0001 01 170303 0003 0b0000")
    reading = _read(tmp_path, _records(HELLO, 10000), server, most=most)
    (row,) = reading.tls
    assert (row["version"], row["cipher"], row["certificate_sha256"]) == ("TLSv13", "0x1301", "")
    assert reading.counters.malformed == {}


@pytest.mark.parametrize("size", [1, 5, 20])
def test_an_answer_that_breaks_off_is_counted(tmp_path: Path, size: int) -> None:
    reading = _read(tmp_path, _records(HELLO, 10000), _records(SERVER_HELLO[:38], size))
    assert [row["server_name"] for row in reading.tls] == ["portal.city.example"]
    assert reading.counters.malformed == {"malformed_tls": 1}


@pytest.mark.parametrize(
    "content",
    [
        bytes.fromhex("160301 0001 01 170301 0001 00 160301 0001 00"),
        bytes.fromhex("160301 0001 02 160301 0000 160301 0001 00"),
        bytes.fromhex("160301 000a 01000006 0303 00000000"),
        bytes.fromhex("160301 0001 01 160301 0001 01 160301 0001 00"),
    ],
)
def test_what_only_begins_like_a_hello_is_none(tmp_path: Path, content: bytes) -> None:
    reading = _read(tmp_path, content + bytes(60))
    assert reading.tls == []
    assert reading.flows[0]["service"] == ""
