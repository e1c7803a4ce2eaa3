"""Community ID version 1 of a row, in plain Python from the specification: what SQL and kernels are held against."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Any

_PAIRS = {1: ((8, 0), (13, 14), (15, 16), (17, 18), (10, 9)), 58: ((128, 129), (130, 131), (133, 134), (135, 136))}
_MORE = {1: (), 58: ((139, 140), (144, 145))}
ANSWERS = {
    protocol: {one: other for pair in (*_PAIRS[protocol], *_MORE[protocol]) for one, other in (pair, pair[::-1])}
    for protocol in _PAIRS
}
_NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58}
_BY_UDP = ("quic", "dhcp")


def community_id(source: str, source_port: int, destination: str, destination_port: int, protocol: int) -> str:
    """The identity of a flow; of ICMP the ports are type and code, type 0 that of a fragment without its header."""
    one, other = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    one_way = False
    if protocol in ANSWERS:
        answer = 0 if source_port == 0 else ANSWERS[protocol].get(source_port)
        one_way = answer is None
        destination_port = destination_port if answer is None else answer
    ends = [(one, source_port), (other, destination_port)]
    if not one_way:
        ends.sort()
    message = b"\0\0" + ends[0][0] + ends[1][0] + bytes([protocol, 0])
    if protocol in (1, 6, 17, 58, 132):
        message += ends[0][1].to_bytes(2, "big") + ends[1][1].to_bytes(2, "big")
    return "1:" + base64.b64encode(hashlib.sha1(message, usedforsecurity=False).digest()).decode()


def of_row(table: str, row: Mapping[str, Any]) -> str:
    """The identity of the flow of a row, the table's protocol taken where the row does not tell it."""
    protocol = row.get("ip_protocol") or _NUMBERS.get(row.get("transport", ""), 17 if table in _BY_UDP else 6)
    return community_id(
        row["source_address"], row["source_port"], row["destination_address"], row["destination_port"], protocol
    )
