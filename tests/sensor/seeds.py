"""Packets and a file made by hand that fuzzing starts from: every protocol, and what is wrong with it."""

from __future__ import annotations

import random
import struct

from secwatch.sensor.traffic import client_hello
from tests.sensor.frames import (
    ACK,
    FIN,
    RST,
    SYN,
    datagram,
    dns,
    enhanced,
    ethernet,
    interface,
    ipv4,
    ipv6,
    name,
    record,
    section,
    segment,
    tcp,
    udp,
)
from tests.sensor.wrapped import WRAPPED

HELLO = client_hello("portal.city.example", random.Random(1))
RECORD = b"\x16\x03\x01" + struct.pack(">H", len(HELLO)) + HELLO
SERVER_HELLO = (
    bytes.fromhex("160303003a 02000036 0303")
    + bytes(32)
    + bytes.fromhex("00 c02f 00 000e 002b00020304 0010000400020100")
)
ANSWERS = [
    record(5, name("edge.example.net")),
    record(16, b"\x05hello\x03abc"),
    record(28, bytes(16)),
    record(15, b"\0\x01\xc0\x0c"),
]
LONG_ARP = ethernet(bytes(28), 0x0806)
EXTENSIONS = bytes([43, 0]) + bytes(6) + bytes([44, 0]) + bytes(6) + bytes([6, 0, 0, 0]) + bytes(4)
TWO_REQUESTS = b"GET /a?b HTTP/1.1\r\nHost: a.example:80\r\nUser-Agent: x\r\n\r\nGET / HTTP/1.0\r\n\r\n"
FRAMED = struct.pack(">H", len(dns(7))) + dns(7)
REPLY = dns(7, answers=ANSWERS, flags=0x8180)
SEEDS = [
    (1, segment(SYN)),
    (1, segment(SYN | ACK, answer=True)),
    (1, segment(ACK, RECORD)),
    (1, segment(ACK, RECORD[:90])),
    (1, segment(ACK, RECORD[90:], sequence=91)),
    (1, segment(ACK, SERVER_HELLO, answer=True)),
    (1, segment(ACK, TWO_REQUESTS, port=4)),
    (1, segment(ACK, b"POST /long", port=5)),
    (1, segment(ACK, b" HTTP/1.1\r\nhost:y\r\n\r\n", port=5, sequence=11)),
    (1, segment(ACK, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", answer=True, port=4)),
    (1, segment(FIN | ACK)),
    (1, segment(RST, answer=True)),
    (1, datagram(dns(7))),
    (1, datagram(dns(7, answers=ANSWERS, flags=0x8180), answer=True)),
    (1, datagram(dns(9), service=5300)),
    (1, ethernet(ipv6(EXTENSIONS + tcp(SYN), 0), 0x86DD)),
    (1, ethernet(ipv4(udp(bytes(60), (9, 9)), 17, fragment=0x2000), tags=[(0x88A8, 1), (0x8100, 2)])),
    (1, ethernet(ipv4(bytes(60), 17, fragment=185), tags=[(0x8100, 2)])),
    (1, ethernet(ipv4(bytes([8, 0]) + bytes(40), 1))),
    (1, ethernet(ipv6(bytes([135, 0]) + bytes(30), 58), 0x86DD)),
    (1, ethernet(b"\0\x01\x01\xff" + ipv4(tcp(SYN), 6), 0x8847)),
    (1, ethernet(bytes(6) + b"\0\x21" + ipv4(tcp(SYN), 6), 0x8864)),
    (101, ipv4(tcp(SYN), 6)),
    (113, bytes(14) + b"\x08\0" + ipv4(udp(b"x"), 17)),
    (276, b"\x08\0" + bytes(18) + ipv4(udp(b"x"), 17)),
    (0, bytes(4) + ipv4(struct.pack(">HH8x", 7, 7), 132)),
    (1, LONG_ARP),
    (1, segment(ACK, b"POST /" + b"a" * 5000, port=6)),
    (1, segment(SYN, port=8, service=53, sequence=0xFFFFFFF0)),
    (1, segment(ACK, FRAMED + FRAMED[:30], port=8, service=53, sequence=0xFFFFFFF1)),
    (1, segment(ACK, FRAMED[30:] + FRAMED[:2], port=8, service=53, sequence=len(FRAMED) + 15)),
    (1, segment(ACK, FRAMED[2:], port=8, service=53, sequence=2 * len(FRAMED) - 13)),
    (1, segment(ACK, struct.pack(">H", len(REPLY)) + REPLY, port=8, service=53, answer=True)),
    (1, segment(ACK, b"GET / HTTP/1.1\r\n\r\n" * 80, port=4, sequence=500)),
    (1, ethernet(ipv4(tcp(SYN), 6), tags=[(0x8100, 1)] * 9)),
    (1, segment(ACK, b"220-city\r\n220 FTP\r\n", answer=True, port=9, service=21)),
    (1, segment(ACK, b"USER a\r\nPASS b\r\n", port=9, service=21)),
    (1, segment(ACK, b"220 city ESMTP\r\n354 go\r\n", answer=True, port=10, service=25)),
    (1, segment(ACK, b"EHLO a\r\nDATA\r\nmail\r\n.\r\nBDAT 9\r\n", port=10, service=25)),
    (1, segment(ACK, b'{"id":7,"method":"mining.authorize","params":["a"]}\n', port=11, service=3333)),
    (1, segment(ACK, b'{"result":{"id":9},"id":"7"}\n', answer=True, port=11, service=3333)),
    (1, datagram(b"\1\1\6\0" + bytes(232) + b"\x63\x82\x53\x63\x35\1\1\xff", port=68, service=67)),
    (1, datagram(b"\xc3\0\0\0\1\x08abcdefgh\0\0\x44\x9f" + b"\5" * 1190, service=443)),
    (1, segment(ACK, b"GET / HTTP/1.1\r\nAuthorization: NTLM TlRMTVNTUAADAAAA" + b"Q" * 200 + b"\r\n\r\n", port=12)),
    (1, segment(ACK, b"HTTP/1.1 401 no\r\nWWW-Authenticate: Negotiate oYG9MIG6oAMK\r\n\r\n", answer=True, port=12)),
    *WRAPPED,
]  # fmt: skip
FILE = section() + interface(1, struct.pack("<HHB3xHHq", 9, 1, 0x94, 14, 8, 5)) + b"".join(
    enhanced(n << (20 + 10 * n), frame) for n, (link, frame) in enumerate(SEEDS[:5]) if link == 1
)  # fmt: skip
