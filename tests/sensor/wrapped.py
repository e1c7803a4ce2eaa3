"""Packets inside others, fragments, ICMP and ARP: seeds for fuzzing, as (link type, frame)."""

from __future__ import annotations

from tests.sensor.frames import FIN, RST, SYN, ethernet, ipv4, ipv6, segment, tcp, udp

ARP = ethernet(bytes.fromhex("0001 0800 0604 0001 02000000000a 0a0a0114 000000000000 c0000209"), 0x0806)
WRAPPED = [
    (1, ARP),
    (113, bytes(14) + b"\x08\x06" + ARP[14:]),
    (1, ethernet(ipv4(b"\x03\x01" + bytes(6) + ipv4(udp(b"", (7, 161)), 17), 1))),
    (1, ethernet(ipv6(b"\x01\x04" + bytes(6) + ipv6(udp(b"", (7, 161)), 17), 58), 0x86DD)),
    (1, ethernet(ipv4(bytes(60), 17, fragment=0x2020, identifier=5))),
    (1, ethernet(ipv4(udp(bytes(60), (9, 9)), 17, fragment=0x2000, identifier=5))),
    (1, ethernet(b"\0\x06\x41\xff\0\0\0\1" + segment(SYN), 0x8847)),
    (1, ethernet(b"\x11\0\x12\x34\0\0\0\x57" + ipv6(tcp(SYN), 6), 0x8864)),
    (9, b"\xff\x03\x00\x21" + ipv4(tcp(SYN), 6)),
    (1, ethernet(ipv4(ipv6(ipv4(ipv6(ipv4(ipv4(tcp(SYN), 6), 4), 4), 41), 4), 41))),
    (1, ethernet(ipv4(bytes.fromhex("b0000800 00000000 00000006 00000001") + ipv4(tcp(SYN), 6), 47))),
    (1, ethernet(ipv4(bytes.fromhex("40006558 00000000 08000004 0a000001 00000000") + segment(SYN), 47))),
    (1, ethernet(ipv4(bytes.fromhex("3081880b 00280063 00000001 00000001 ff030021") + ipv4(tcp(SYN), 6), 47))),
    (1, ethernet(ipv4(bytes.fromhex("100088be 00000001 1007112c 00000009") + segment(SYN), 47))),
    (1, ethernet(ipv4(bytes.fromhex("100022eb 00000001 2000012c 00000001 00000001") + bytes(8) + segment(SYN), 47))),
    (1, ethernet(ipv4(udp(bytes.fromhex("08000000 00138900") + ARP, (9, 4789)), 17))),
    (1, ethernet(ipv4(udp(bytes.fromhex("08000000 00138900") + segment(SYN), (9, 8472)), 17, fragment=0x2000))),
    (1, ethernet(ipv4(udp(bytes.fromhex("01006558 00004d00 00000000") + segment(SYN), (9, 6081)), 17))),
    (1, ethernet(ipv4(b"\x06\x04" + bytes(22) + tcp(RST, b"x"), 51))),
    (1, ethernet(ipv6(bytes.fromhex("0600c20400012000") + tcp(FIN), 0), 0x86DD)),
]  # fmt: skip
