"""What parsers get, cut out of captures by the plainest means: whole segments in order, SSH records, TLS messages.

Kept apart from the sensor on purpose: these bytes are what the sensor's own reassembly is compared with.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stream:
    """A TCP connection: (from the client?, payload) in order of arrival, nothing twice."""

    client: tuple[bytes, int]
    server: tuple[bytes, int]
    segments: list[tuple[bool, bytes]] = field(default_factory=list)
    following: dict[bool, int] = field(default_factory=dict)

    def side(self, from_client: bool) -> bytes:
        """Everything that one side sent."""
        return b"".join(payload for sender, payload in self.segments if sender == from_client)


def packets(path: Path) -> Iterator[bytes]:
    """The IP packets of a pcap with Ethernet frames, without their link header."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    offset = 24
    while offset + 16 <= len(data):
        (size,) = struct.unpack_from(order + "8xI4x", data, offset)
        frame = data[offset + 16 : offset + 16 + size]
        offset += 16 + size
        at = 12
        while frame[at : at + 2] == b"\x81\x00":
            at += 4
        if frame[at : at + 2] in (b"\x08\x00", b"\x86\xdd"):
            yield frame[at + 2 :]


def transport(packet: bytes) -> tuple[int, bytes, bytes, bytes]:
    """(protocol, source, destination, transport segment) of a packet without extension headers."""
    if packet[0] >> 4 == 6:
        return packet[6], packet[8:24], packet[24:40], packet[40 : 40 + struct.unpack_from(">H", packet, 4)[0]]
    size = struct.unpack_from(">H", packet, 2)[0]
    return packet[9], packet[12:16], packet[16:20], packet[4 * (packet[0] & 15) : size]


def datagrams(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(source port, destination port, payload) of every UDP datagram."""
    for packet in packets(path):
        protocol, _, _, segment = transport(packet)
        if protocol == 17 and len(segment) >= 8:
            source, destination = struct.unpack_from(">HH", segment)
            yield source, destination, segment[8:]


def streams(path: Path) -> list[Stream]:
    """The TCP connections of a capture; segments that come again or out of order are left out."""
    found: dict[tuple[tuple[bytes, int], tuple[bytes, int]], Stream] = {}
    for packet in packets(path):
        protocol, source, destination, segment = transport(packet)
        if protocol != 6:
            continue
        ports = struct.unpack_from(">HH", segment)
        sender, receiver = (source, ports[0]), (destination, ports[1])
        flags = segment[13]
        (sequence,) = struct.unpack_from(">I", segment, 4)
        stream = found.get((sender, receiver)) or found.get((receiver, sender))
        if stream is None or (flags & 0x12 == 2 and stream.segments):
            stream = found[sender, receiver] = Stream(sender, receiver)
        from_client = stream.client == sender
        payload = segment[4 * (segment[12] >> 4) :]
        if flags & 2:
            sequence += 1
        expected = stream.following.get(from_client, sequence)
        if payload and sequence == expected:
            stream.segments.append((from_client, payload))
        if sequence == expected:
            stream.following[from_client] = sequence + len(payload)
    return list(found.values())


def ssh_records(stream: Stream) -> bytes:
    """The records of an SSH connection as `secwatch.sensor.protocols.ssh` takes them."""
    out = b""
    sizes = b""
    plain = {True: b"", False: b""}
    banner = {True: True, False: True}
    encrypted = {True: False, False: False}
    count = 0
    for from_client, payload in stream.segments:
        if not encrypted[from_client]:
            plain[from_client] += payload
            payload, out = _plain(plain, banner, encrypted, from_client, out)  # noqa: PLW2901 - what is left of it
        if payload and encrypted[from_client] and count < 64:
            count += 1
            sizes += struct.pack(">H", min(len(payload), 0x7FFF) | (0 if from_client else 0x8000))
    return out + struct.pack(">BH", 5, len(sizes)) + sizes


def _plain(
    plain: dict[bool, bytes], banner: dict[bool, bool], encrypted: dict[bool, bool], side: bool, out: bytes
) -> tuple[bytes, bytes]:
    """Take the packets that are not encrypted yet; return what is left over of the segment, and the records."""
    while plain[side] and not encrypted[side]:
        if banner[side]:
            line, found, rest = plain[side].partition(b"\n")
            if not found:
                break
            if line.startswith(b"SSH-"):
                banner[side] = False
                out += struct.pack(">BH", 1 if side else 2, len(line)) + line
            plain[side] = rest
            continue
        if len(plain[side]) < 6:
            break
        size = struct.unpack_from(">I", plain[side])[0] + 4
        if len(plain[side]) < size:
            break
        packet, plain[side] = plain[side][:size], plain[side][size:]
        content = packet[5 : size - packet[4]]
        if content[0] == 20:
            out += struct.pack(">BH", 3 if side else 4, len(content)) + content
        encrypted[side] = content[0] == 21
    return (plain[side] if encrypted[side] else b""), out
