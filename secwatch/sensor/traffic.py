"""Synthetic office traffic: who talks to whom and when, replayed from a few crafted conversations.

Three sample departments, harmless traffic, and four attacks. Outside addresses come from the
documentation ranges (RFC 5737), names from example domains (RFC 2606). Standard library only:
this runs in the process that imports scapy.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

SECONDS = 300
DEPARTMENTS = {"Finance Bureau": "10.10.1", "Health Commission": "10.10.2", "Civil Affairs": "10.10.3"}
_DESKS = range(20, 60)  # last octets of the clients of a department
_RESOLVER = ".53"
_SESSIONS = 800  # harmless web sessions at scale 1
_SITES = 48
_COPIES = 240  # 10.10 to 10.249
_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
_RECORD = struct.Struct("<IIII")
_WORD = struct.Struct(">H")


@dataclass
class Conversation:
    """Packets of one conversation between placeholder addresses: (seconds, from the client, bytes)."""

    packets: list[tuple[float, bool, bytes]] = field(default_factory=list)

    def add(self, moment: float, from_client: bool, packet: bytes) -> None:
        """Append a packet at so many seconds after the beginning."""
        self.packets.append((moment, from_client, packet))


class Maker(Protocol):
    """What makes conversations; scapy does, in dissect.py."""

    def connection(self, port: int, exchanges: list[tuple[bool, bytes]], gap: float = 0.004) -> Conversation: ...
    def probe(self, port: int, is_open: bool) -> Conversation: ...
    def lookup(self, name: str, kind: str, answer: str | bytes, delay: float = 0.012) -> Conversation: ...
    def clock(self) -> Conversation: ...
    def ping(self) -> Conversation: ...


@dataclass(frozen=True)
class Attack:
    """An attack in the capture: port_scan, ssh_guessing, dns_tunnel or beacon."""

    kind: str
    source: str
    target: str


class Scenario:
    """Five minutes in three departments. The same seed and scale make the same packets."""

    def __init__(self, maker: Maker, seed: int, scale: float):
        if not 0 <= scale <= 20:
            raise ValueError("the scale must lie between 0 and 20")
        self._maker = maker
        self._random = random.Random(seed)  # noqa: S311 - the same seed must make the same packets
        self._scale = scale
        self._made: list[tuple[int, bytes]] = []
        self._ports: dict[str, int] = {}
        self.attacks: list[Attack] = []

    def packets(self) -> list[tuple[int, bytes]]:
        """Return (microseconds after the start, packet), in order of time."""
        self._offices()
        self._port_scan("10.10.3.66", "10.10.1.10")
        self._ssh_guessing("198.51.100.23", "10.10.2.20")
        self._dns_tunnel("10.10.2.31", "tunnel.example")
        self._beacon("10.10.1.77", "203.0.113.50")
        self._made.sort(key=lambda entry: entry[0])
        return self._made

    def _replay(self, conversation: Conversation, client: str, server: str, moment: float) -> None:
        port = self._ports[client] = (self._ports.get(client, self._random.randrange(20000)) + 1) % 28000
        ends = address_bytes(client), address_bytes(server)
        for offset, from_client, packet in conversation.packets:
            when = int((moment + offset) * 1_000_000)
            self._made.append((when, restamp(packet, *ends, 32768 + port, from_client)))

    def _offices(self) -> None:
        sites = [self._site(number) for number in range(_SITES)]
        clock, ping = self._maker.clock(), self._maker.ping()
        for _ in range(int(_SESSIONS * self._scale)):
            prefix = self._random.choice(list(DEPARTMENTS.values()))
            client = f"{prefix}.{self._random.choice(_DESKS)}"
            moment = self._random.uniform(0, SECONDS - 8)
            server, lookup, page = self._random.choice(sites)
            self._replay(lookup, client, prefix + _RESOLVER, moment)
            self._replay(page, client, server, moment + 0.03)
        for prefix in DEPARTMENTS.values() if self._scale else ():
            for desk in _DESKS:
                self._replay(clock, f"{prefix}.{desk}", "192.0.2.123", self._random.uniform(0, SECONDS))
                if desk % 4 == 0:
                    self._replay(ping, f"{prefix}.{desk}", f"{prefix}.1", self._random.uniform(0, SECONDS))

    def _site(self, number: int) -> tuple[str, Conversation, Conversation]:
        name = f"www{number}.{self._random.choice(('example.com', 'city.example', 'service.test'))}"
        server = f"{self._random.choice(('192.0.2', '198.51.100', '203.0.113'))}.{60 + number}"
        lookup = self._maker.lookup(name + ".", "A", server)
        size = int(self._random.lognormvariate(9.6, 0.9)) % 200_000
        if number % 3 == 0:
            page = self._maker.connection(80, web_page(name, f"/page/{number}", size, self._random))
        else:
            page = self._maker.connection(443, tls_session(name, size, self._random))
        return server, lookup, page

    def _port_scan(self, source: str, target: str) -> None:
        self.attacks.append(Attack("port_scan", source, target))
        ports = self._random.sample(range(1, 10000), 400)
        for place, port in enumerate(ports):
            self._replay(self._maker.probe(port, port % 97 == 0), source, target, 60 + place * 0.11)

    def _ssh_guessing(self, source: str, target: str) -> None:
        self.attacks.append(Attack("ssh_guessing", source, target))
        exchanges = [
            (False, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
            (True, b"SSH-2.0-libssh_0.10.4\r\n"),
            (True, self._random.randbytes(720)),
            (False, self._random.randbytes(1080)),
            (True, self._random.randbytes(48)),
            (False, self._random.randbytes(452)),
            (True, self._random.randbytes(148)),
            (False, self._random.randbytes(84)),
        ]
        session = self._maker.connection(22, exchanges, gap=0.05)
        for attempt in range(48):
            self._replay(session, source, target, 30 + attempt * 4.3 + self._random.uniform(0, 1.2))

    def _dns_tunnel(self, source: str, domain: str) -> None:
        resolver = source.rpartition(".")[0] + _RESOLVER
        self.attacks.append(Attack("dns_tunnel", source, domain))
        alphabet = "abcdefghijklmnopqrstuvwxyz234567"
        for place in range(240):
            labels = ["".join(self._random.choices(alphabet, k=length)) for length in (56, 40)]
            answer = "".join(self._random.choices(alphabet, k=160)).encode()
            lookup = self._maker.lookup(f"{labels[0]}.{labels[1]}.{domain}.", "TXT", answer, 0.03)
            self._replay(lookup, source, resolver, 20 + place * 1.05 + self._random.uniform(0, 0.6))

    def _beacon(self, source: str, target: str) -> None:
        self.attacks.append(Attack("beacon", source, target))
        session = self._maker.connection(443, tls_session("cdn.beacon.test", 900, self._random))
        for place in range(29):
            self._replay(session, source, target, 5 + place * 10 + self._random.uniform(-0.15, 0.15))


def address_bytes(address: str) -> bytes:
    """Return the four bytes of an IPv4 address."""
    return bytes(int(part) for part in address.split("."))


def restamp(packet: bytes, client: bytes, server: bytes, port: int, from_client: bool) -> bytes:
    """Return the packet between these ends, checksums brought up to date (RFC 1624).

    The packet is Ethernet, IPv4 without options, and TCP, UDP or ICMP. Port 123 stays as it is.
    """
    out = bytearray(packet)
    source, destination = (client, server) if from_client else (server, client)
    out[0:6], out[6:12] = b"\x02\x00" + destination, b"\x02\x00" + source
    old = sum(struct.unpack_from(">4H", out, 26))
    out[26:34] = source + destination
    change = sum(struct.unpack_from(">4H", out, 26)) - old
    _adjust(out, 24, change)
    protocol = out[23]
    if protocol == 1:
        return bytes(out)
    place = 34 if from_client else 36
    (old_port,) = _WORD.unpack_from(out, place)
    if old_port != 123:
        _WORD.pack_into(out, place, port)
        change += port - old_port
    _adjust(out, 50 if protocol == 6 else 40, change)
    return bytes(out)


def _adjust(packet: bytearray, place: int, change: int) -> None:
    """Bring a checksum up to date after the words it covers grew by `change` in total."""
    total = (0xFFFF - _WORD.unpack_from(packet, place)[0] + change) % 0xFFFF
    _WORD.pack_into(packet, place, 0xFFFF - total)


def write_capture(path: Path, made: list[tuple[int, bytes]], start: datetime, packets: int) -> tuple[int, float]:
    """Write a pcap of that many packets: up to 240 copies of the scenario side by side, then the next five minutes.

    Copy N moves the departments from 10.10 to 10.(10 + N), so a large capture is a busy city, not a
    long day. Return (packets written, seconds from the first to the last).
    """
    origin = int(start.timestamp()) * 1_000_000 + start.microsecond
    copies = -(-packets // max(len(made), 1))
    last = 0
    written = 0
    with path.open("wb") as file:
        file.write(_HEADER)
        for era in range(-(-copies // _COPIES)):
            steps = range(min(copies - era * _COPIES, _COPIES))
            for offset, packet in made:
                part = steps[: packets - written]
                last = era * SECONDS * 1_000_000 + offset
                file.write(b"".join(_record_of(_moved(packet, step), origin + last) for step in part))
                written += len(part)
    return written, round(last / 1e6, 3)


def _record_of(packet: bytes, moment: int) -> bytes:
    seconds, fraction = divmod(moment, 1_000_000)
    return _RECORD.pack(seconds, fraction, len(packet), len(packet)) + packet


def _moved(packet: bytes, step: int) -> bytes:
    if not step:
        return packet
    out = bytearray(packet)
    change = 0
    for place in (26, 30):
        if out[place] == 10:
            out[place + 1] += step
            change += step
    _adjust(out, 24, change)
    if out[23] != 1:
        _adjust(out, 50 if out[23] == 6 else 40, change)
    return bytes(out)


def web_page(host: str, path: str, size: int, source: random.Random) -> list[tuple[bool, bytes]]:
    """Return a request and its answer of HTTP/1.1."""
    agent = source.choice(("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Mozilla/5.0 (Windows NT 10.0) Edg/142.0"))
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n\r\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {size}\r\n\r\n"
    return [(True, request.encode()), (False, head.encode() + source.randbytes(size))]


def tls_session(host: str, size: int, source: random.Random) -> list[tuple[bool, bytes]]:
    """Return a TLS 1.3 handshake with real hellos, and application data of random bytes."""
    finished = b"\x14\x03\x03\x00\x01\x01" + _tls_record(23, source.randbytes(53))
    server = _tls_record(22, _server_hello(source)) + finished + _tls_record(23, source.randbytes(2100))
    data = b"".join(_tls_record(23, source.randbytes(min(size - at, 8000))) for at in range(0, size, 8000))
    return [
        (True, _tls_record(22, client_hello(host, source))),
        (False, server),
        (True, finished + _tls_record(23, source.randbytes(310))),
        (False, data or _tls_record(23, source.randbytes(40))),
    ]


def _tls_record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3 if kind != 22 else 1]) + _WORD.pack(len(body)) + body


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, len(body)) + body


def client_hello(host: str, source: random.Random) -> bytes:
    """Return a ClientHello as a present-day browser sends it, GREASE included."""
    name = host.encode()
    ciphers = (0x2A2A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x009C, 0x009D)
    extensions = b"".join(
        (
            _extension(0x1A1A, b""),
            _extension(0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name),
            _extension(23, b""),
            _extension(0xFF01, b"\0"),
            _extension(10, bytes.fromhex("0008 3a3a 001d 0017 0018")),
            _extension(11, b"\x01\x00"),
            _extension(16, b"\x00\x0c\x02h2\x08http/1.1"),
            _extension(5, b"\x01\0\0\0\0"),
            _extension(13, bytes.fromhex("0010 0403 0804 0401 0503 0805 0501 0806 0601")),
            _extension(51, bytes.fromhex("0024 001d 0020") + source.randbytes(32)),
            _extension(45, b"\x01\x01"),
            _extension(43, bytes.fromhex("04 0304 0303")),
        )
    )
    body = b"\x03\x03" + source.randbytes(32) + b"\x20" + source.randbytes(32)
    body += struct.pack(f">H{len(ciphers)}H", 2 * len(ciphers), *ciphers) + b"\x01\x00"
    return _message(1, body + _WORD.pack(len(extensions)) + extensions)


def _server_hello(source: random.Random) -> bytes:
    extensions = _extension(43, b"\x03\x04") + _extension(51, bytes.fromhex("001d 0020") + source.randbytes(32))
    body = b"\x03\x03" + source.randbytes(32) + b"\x20" + source.randbytes(32) + b"\x13\x01\x00"
    return _message(2, body + _WORD.pack(len(extensions)) + extensions)
