"""DHCP for IPv4 (RFC 2131, 2132): who asks for an address, under which name, and what a server gives.

One message is one row: an exchange goes over several flows (0.0.0.0 to broadcast, server to client), so that
requests and answers cannot be paired within one. Option overload (RFC 2132, 9.3) and options split over
several instances (RFC 3396) are understood.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from secwatch.sensor.protocols.octets import MOST_ITEMS
from secwatch.sensor.protocols.row import Malformed, Row, Value
from secwatch.sensor.protocols.words import words

_MAGIC = b"\x63\x82\x53\x63"
_TYPES = {
    1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 4: "DECLINE", 5: "ACK", 6: "NAK", 7: "RELEASE", 8: "INFORM",
    9: "FORCERENEW", 10: "LEASEQUERY", 11: "LEASEUNASSIGNED", 12: "LEASEUNKNOWN", 13: "LEASEACTIVE",
}  # fmt: skip
_SERVER_NAME, _FILE, _OPTIONS = slice(44, 108), slice(108, 236), 240
_PAD, _END, _OVERLOAD = 0, 255, 52


def parse(request: bytes, response: bytes) -> Iterable[Row]:
    """Return the rows of a message, whichever of the two it is. Raise Malformed if it is not DHCP."""
    return [_row(message) for message in (request, response) if message]


def _row(message: bytes) -> Row:
    if len(message) < _OPTIONS or message[236:240] != _MAGIC or message[0] not in (1, 2) or message[2] > 16:
        raise Malformed
    options = _options(message)
    kind = options.get(53, b"")
    lease = options.get(51, b"")
    values: dict[str, Value] = {
        "message_type": _TYPES.get(kind[0], f"TYPE{kind[0]}") if kind else None,
        "transaction_id": int.from_bytes(message[4:8], "big"),
        "client_hardware": message[28 : 28 + message[2]].hex(":"),
        "client_address": _address(message[12:16]),
        "assigned_address": _address(message[16:20]),
        "relay_address": _address(message[24:28]),
        "requested_address": _address(options.get(50, b"")),
        "server_identifier": _address(options.get(54, b"")),
        "routers": _addresses(options.get(3, b"")),
        "name_servers": _addresses(options.get(6, b"")),
        "host_name": _name(options.get(12, b"")),
        "client_fqdn": _full_name(options.get(81, b"")),
        "domain": _name(options.get(15, b"")),
        "vendor_class": _name(options.get(60, b"")),
        "parameters": list(options.get(55, b"")[:MOST_ITEMS]),
        "lease_seconds": int.from_bytes(lease, "big") if len(lease) == 4 else None,
        "message": _name(options.get(56, b"")),
    }
    return Row("dhcp", values)


def _options(message: bytes) -> Mapping[int, bytes]:
    """Return the options of a message by their codes."""
    options: dict[int, bytes] = {}
    _gather(options, message[_OPTIONS:])
    overload = options.get(_OVERLOAD, b"\0")[-1:]
    if overload in (b"\1", b"\3"):
        _gather(options, message[_FILE])
    if overload in (b"\2", b"\3"):
        _gather(options, message[_SERVER_NAME])
    return options


def _gather(options: dict[int, bytes], data: bytes) -> None:
    for code, value in _walk(data):
        options[code] = options.get(code, b"") + value


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (code, value) of every option; the last may be cut short."""
    offset = 0
    while offset < len(data) and data[offset] != _END:
        if data[offset] == _PAD:
            offset += 1
            continue
        if offset + 2 > len(data):
            return
        size = data[offset + 1]
        yield data[offset], data[offset + 2 : offset + 2 + size]
        offset += 2 + size


def _address(data: bytes) -> str | None:
    """Return an address in words, None for none and for 0.0.0.0."""
    return str(ipaddress.IPv4Address(data)) if len(data) == 4 and any(data) else None


def _addresses(data: bytes) -> list[str]:
    whole = min(len(data) // 4, MOST_ITEMS)
    return [str(ipaddress.IPv4Address(data[4 * index : 4 * index + 4])) for index in range(whole)]


def _name(data: bytes) -> str:
    return words(data.rstrip(b"\0"))


def _full_name(data: bytes) -> str:
    """Return the name of option 81 (RFC 4702): three bytes of flags, then text or, if flag E is set, DNS labels."""
    if len(data) < 4:
        return ""
    if not data[0] & 4:
        return _name(data[3:])
    labels = []
    offset = 3
    while offset < len(data) and 0 < data[offset] < 64:
        labels.append(data[offset + 1 : offset + 1 + data[offset]])
        offset += 1 + data[offset]
    return words(b".".join(labels))
