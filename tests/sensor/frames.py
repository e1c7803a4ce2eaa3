"""Frames and capture files built byte by byte, so that tests can break any one of them."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

CLIENT, SERVER = "10.10.1.20", "192.0.2.80"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
Timed = tuple[float, bytes]


def ethernet(payload: bytes, kind: int = 0x0800, tags: Sequence[tuple[int, int]] = ()) -> bytes:
    """An Ethernet frame; tags are (EtherType, VLAN identifier) from the outside in."""
    types = [tag for tag, _ in tags] + [kind]
    out = bytes(12) + struct.pack(">H", types[0])
    for (_, vlan), following in zip(tags, types[1:], strict=True):
        out += struct.pack(">HH", vlan, following)
    return out + payload


def ipv4(
    payload: bytes, protocol: int, source: str = CLIENT, destination: str = SERVER, *, identifier: int = 1,
    fragment: int = 0, total: int | None = None,
) -> bytes:  # fmt: skip
    """An IPv4 packet; `fragment` is flags and offset as they stand in the header."""
    size = 20 + len(payload) if total is None else total
    head = struct.pack(">BBHHHBBH", 0x45, 0, size, identifier, fragment, 64, protocol, 0)
    return head + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + payload


def ipv6(payload: bytes, following: int, source: str = "2001:db8::20", destination: str = "2001:db8::80") -> bytes:
    """An IPv6 packet."""
    head = struct.pack(">IHBB", 6 << 28, len(payload), following, 64)
    return head + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + payload


def tcp(flags: int, payload: bytes = b"", ports: tuple[int, int] = (40000, 80), sequence: int = 1) -> bytes:
    """A TCP segment."""
    return struct.pack(">HHIIBBHHH", *ports, sequence, 0, 0x50, flags, 1024, 0, 0) + payload


def udp(payload: bytes = b"", ports: tuple[int, int] = (40000, 53)) -> bytes:
    """A UDP datagram."""
    return struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload


def segment(flags: int, payload: bytes = b"", *, answer: bool = False, port: int = 40000, service: int = 80,
            sequence: int = 1) -> bytes:  # fmt: skip
    """A whole frame of a connection from CLIENT to SERVER, or of its other direction."""
    ports = (service, port) if answer else (port, service)
    ends = (SERVER, CLIENT) if answer else (CLIENT, SERVER)
    return ethernet(ipv4(tcp(flags, payload, ports, sequence), 6, *ends))


def datagram(payload: bytes, *, answer: bool = False, port: int = 40000, service: int = 53) -> bytes:
    """A whole frame of a UDP flow from CLIENT to SERVER, or of its other direction."""
    ports = (service, port) if answer else (port, service)
    ends = (SERVER, CLIENT) if answer else (CLIENT, SERVER)
    return ethernet(ipv4(udp(payload, ports), 17, *ends))


def name(text: str) -> bytes:
    """A name as DNS writes it."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def dns(
    identifier: int, question: str = "www.example.com", kind: int = 1, *, answers: Iterable[bytes] = (),
    flags: int = 0x0100,
) -> bytes:  # fmt: skip
    """A DNS message with one question; `answers` are whole resource records."""
    records = list(answers)
    head = struct.pack(">HHHHHH", identifier, flags, 1, len(records), 0, 0)
    return head + name(question) + struct.pack(">HH", kind, 1) + b"".join(records)


def record(kind: int, data: bytes, owner: bytes = b"\xc0\x0c") -> bytes:
    """A resource record whose owner is the name asked for."""
    return owner + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def pcap(
    path: Path, frames: Iterable[Timed], *, link: int = 1, order: str = "<", magic: int = 0xA1B2C3D4,
    snaplen: int = 262144,
) -> Path:  # fmt: skip
    """Write a pcap file of (seconds, frame)."""
    scale = 10**9 if magic == 0xA1B23C4D else 10**6
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for moment, frame in frames:
        ticks = round(moment * 1_000_000) * (scale // 10**6)
        kept = frame[:snaplen]
        parts += [struct.pack(f"{order}IIII", ticks // scale, ticks % scale, len(kept), len(frame)), kept]
    path.write_bytes(b"".join(parts))
    return path


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", 12 + len(body))
    return struct.pack(f"{order}I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    """A pcapng section header."""
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, options: bytes = b"", order: str = "<") -> bytes:
    """A pcapng interface description."""
    return block(1, struct.pack(f"{order}HHI", link, 0, 0) + options, order)


def enhanced(ticks: int, frame: bytes, number: int = 0, order: str = "<") -> bytes:
    """A pcapng enhanced packet."""
    head = struct.pack(f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame + bytes(-len(frame) % 4), order)


def ring_block(
    frames: Sequence[bytes], *, tags: Mapping[int, tuple[int, int]] | None = None, kinds: Sequence[int] = (),
    wire: Mapping[int, int] | None = None, outgoing: Collection[int] = (),
) -> bytes:  # fmt: skip
    """A block of a TPACKET_V3 ring as Linux fills it; tags are (EtherType or 0, tag) by number of the frame."""
    packets = b""
    for number, frame in enumerate(frames):
        ethertype, tag = (tags or {}).get(number, (0, 0))
        status = 1 | (0x10 if number in (tags or {}) else 0) | (0x40 if ethertype else 0)
        size = -(-(82 + len(frame)) // 16) * 16
        last = number == len(frames) - 1
        head = struct.pack("<IIIII", 0 if last else size, 1_700_000_000, number * 1000, len(frame), 0)
        head = head[:16] + struct.pack("<II", (wire or {}).get(number, len(frame)), status)
        head += struct.pack("<HHIIHH8x", 82, 82 if kinds else 96, 0, tag, ethertype, 0)
        kind = kinds[number] if kinds else 0x0800
        head += (
            struct.pack("<H", 17) + struct.pack(">H", kind) + struct.pack("<iHBB8x", 2, 1, 4 * (number in outgoing), 6)
        )
        packets += (head.ljust(82, b"\0") + frame).ljust(size, b"\0")
    return struct.pack("<IIIIIIQ16x", 3, 48, 1, len(frames), 48, 48 + len(packets), 1) + packets
