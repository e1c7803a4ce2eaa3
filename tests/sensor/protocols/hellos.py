"""ClientHellos of many shapes, built field by field."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

from secwatch.sensor.traffic import client_hello

Extension = tuple[int, bytes]


def server_name(name: bytes) -> Extension:
    return 0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name


def alpn(*names: bytes) -> Extension:
    listed = b"".join(bytes([len(name)]) + name for name in names)
    return 16, struct.pack(">H", len(listed)) + listed


def numbers(kind: int, *values: int) -> Extension:
    return kind, struct.pack(f">H{len(values)}H", 2 * len(values), *values)


def versions(*values: int) -> Extension:
    return 43, struct.pack(f">B{len(values)}H", 2 * len(values), *values)


def hello(
    extensions: Sequence[Extension] | None, ciphers: Sequence[int] = (0x1301, 0x1302), version: int = 0x0303
) -> bytes:
    """A ClientHello with its handshake header; extensions None leaves their list out."""
    body = struct.pack(">H", version) + bytes(range(32)) + b"\0"
    body += struct.pack(f">H{len(ciphers)}H", 2 * len(ciphers), *ciphers) + b"\1\0"
    if extensions is not None:
        listed = b"".join(struct.pack(">HH", kind, len(data)) + data for kind, data in extensions)
        body += struct.pack(">H", len(listed)) + listed
    return b"\1" + len(body).to_bytes(3, "big") + body


POST_QUANTUM = (51, struct.pack(">HHH", 1220, 0x11EC, 1216) + bytes(1216))
HELLOS = {
    "browser": client_hello("Portal.City.example", random.Random(7)),
    "post-quantum": hello([server_name(b"pq.city.example"), POST_QUANTUM, alpn(b"h3"), versions(0x3A3A, 0x0304)]),
    "no extensions": hello(None, version=0x0301),
    "empty list": hello([]),
    "odd protocol": hello([alpn(b"\xab\xcd", b"h2"), versions(0x0303, 0x0302)]),
    "one letter": hello([alpn(b"x")]),
    "hostile name": hello([server_name(b"a\\b\x1b\xff.EXAMPLE"), numbers(10, 29, 0x1A1A, 23), (11, b"\3\0\1\2")]),
    "long name": hello([server_name(b"\xff" * 400), alpn(*[b"p" * 250] * 12)]),
    "signatures": hello([numbers(13, 0x0804, 0x2A2A, 0x0403), (0x2A2A, b""), (21, bytes(9))], [0x0A0A, 0xC02F, 5]),
    "old": hello([(0xFF01, b"\0")], range(1, 120), 0x0300),
    "unknown version": hello([versions(0x7F1C)], version=0x0305),
}
