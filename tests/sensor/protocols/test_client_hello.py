"""The ClientHello in Python equals the one in the kernels, for built and for real hellos."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import pytest

from secwatch.sensor.protocols import client_hello
from secwatch.sensor.protocols.row import Malformed
from tests.sensor.frames import ACK, SYN, pcap, segment
from tests.sensor.protocols.hellos import HELLOS
from tests.sensor.protocols.wire import streams
from tests.sensor.reading import read


def in_python(message: bytes) -> dict[str, Any]:
    """What a tls row says of a hello, computed here."""
    found = client_hello.read(message[4:], "t")
    head, ciphers, extensions = found.ja4.split("|")
    short = [hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12 for text in (ciphers, extensions)]
    return {
        "server_name": found.server_name,
        "application_protocols": found.protocols,
        "ja3": hashlib.md5(found.ja3.encode(), usedforsecurity=False).hexdigest(),
        "ja4": "_".join((head, *short)),
    }


def test_built_hellos_as_the_kernel_reads_them(tmp_path: Path) -> None:
    frames = []
    for port, message in enumerate(HELLOS.values(), 40001):
        payload = b"\x16\x03\x01" + struct.pack(">H", len(message)) + message
        frames += [segment(SYN, port=port, service=443, sequence=0)]
        for at in range(0, len(payload), 1400):
            frames += [segment(ACK, payload[at : at + 1400], port=port, service=443, sequence=1 + at)]
    rows = read(pcap(tmp_path / "hellos.pcap", [(1 + at / 1000, frame) for at, frame in enumerate(frames)])).tls
    by_port = {row["source_port"]: row for row in rows}
    for port, (name, message) in enumerate(HELLOS.items(), 40001):
        expected = in_python(message)
        assert {key: by_port[port][key] for key in expected} == expected, name


def test_real_hellos_as_the_kernel_reads_them(captures: Path) -> None:
    compared = 0
    for path in sorted(captures.glob("*tls*.pcap")) + sorted(captures.glob("*asyncrat*.pcap")):
        rows = {(row["source_port"], row["destination_port"]): row for row in read(path).tls}
        for stream in streams(path):
            sent = stream.side(True)
            size = int.from_bytes(sent[3:5], "big")
            if sent[:1] == b"\x16" and len(sent) >= 5 + size:
                expected = in_python(sent[5 : 5 + size])
                row = rows[stream.client[1], stream.server[1]]
                assert {key: row[key] for key in expected} == expected
                compared += 1
    assert compared >= 4


@pytest.mark.parametrize("name", HELLOS)
def test_every_cut_is_read_or_malformed(name: str) -> None:
    body = HELLOS[name][4:]
    for size in range(len(body)):
        try:
            client_hello.read(body[:size], "q")
        except Malformed:
            continue
