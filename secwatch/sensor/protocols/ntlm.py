"""NTLM ([MS-NLMP]): who logs in from where, in whatever protocol carries its messages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from secwatch.sensor.protocols.octets import little, narrow, piece, wide
from secwatch.sensor.protocols.row import Malformed, Row, Value

_SIGNATURE = b"NTLMSSP\0"
NEGOTIATE, CHALLENGE, AUTHENTICATE = 1, 2, 3
_UNICODE = 1  # flag: texts are UTF-16
_LONGEST = 4096
_MOST_PAIRS = 32
# Identifiers of AV_PAIR, [MS-NLMP] 2.2.2.1
_SERVER_NAME, _DOMAIN_NAME, _DNS_DOMAIN, _TARGET = 1, 2, 4, 9


def token(data: bytes, kind: int) -> bytes:
    """Return the NTLM message of this kind that `data` holds, from its signature on; empty if there is none."""
    at = data.find(_SIGNATURE + kind.to_bytes(4, "little"))
    return data[at : at + _LONGEST] if at >= 0 else b""


def rows(
    carrier: str, request: bytes, challenge: bytes, succeeded: bool | None, status: str | None = None
) -> Iterator[Row]:
    """Yield the row of a log-in if `request` holds the message with the user.

    `challenge` is the server's message before it, empty if it was not seen; `succeeded` what the
    carrier answered, None if that is not known, and `status` its words.
    """
    message = token(request, AUTHENTICATE)
    if not message:
        return
    values: dict[str, Value] = {"carrier": carrier, "status": status}
    if succeeded is not None:
        values["result"] = "success" if succeeded else "failure"
    values |= _authenticate(message)
    if challenge:
        values |= _challenge(challenge)
    yield Row("ntlm", values)


def from_http(value: bytes) -> bytes:
    """Return the NTLM message in the value of a (WWW-)Authenticate or Authorization header; empty if there is none."""
    scheme, _, text = value.strip().partition(b" ")
    if scheme.lower() not in (b"ntlm", b"negotiate"):
        return b""
    text = text.strip()[:_LONGEST]
    try:
        data = base64.b64decode(text[: len(text) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""
    at = data.find(_SIGNATURE)
    return data[at:] if at >= 0 else b""


def _field(message: bytes, at: int) -> bytes | None:
    """Return the bytes that the field at `at` points to; None if they were not captured."""
    length, offset = little(message, at, 2), little(message, at + 4, 4)
    if offset + length > len(message):
        return None
    return message[offset : offset + length]


def _text(contents: bytes | None, unicode: bool) -> str | None:
    if contents is None:
        return None
    return wide(contents) if unicode else narrow(contents)


def _authenticate(message: bytes) -> dict[str, Value]:
    """Return what the client's last message says, [MS-NLMP] 2.2.1.3; nothing if it is cut short."""
    try:
        unicode = bool(little(message, 60, 4) & _UNICODE)
        response = _field(message, 20)
        length = little(message, 20, 2)
        values: dict[str, Value] = {
            "domain": _text(_field(message, 28), unicode),
            "user": _text(_field(message, 36), unicode),
            "workstation": _text(_field(message, 44), unicode),
        }
    except Malformed:
        return {}
    if length == 24:
        values["version"] = 1
    elif length > 24:
        values["version"] = 2
        # Behind the proof of 16 bytes: 28 bytes of times and a challenge, then pairs (NTLMv2_CLIENT_CHALLENGE)
        values["target"] = _pairs(response[44:]).get(_TARGET) if response else None
    return values


def _challenge(message: bytes) -> dict[str, Value]:
    """Return what the server says of itself, [MS-NLMP] 2.2.1.2; nothing if it is cut short."""
    try:
        pairs = _pairs(_field(message, 40) or b"")
    except Malformed:
        return {}
    return {"server": pairs.get(_SERVER_NAME), "server_domain": pairs.get(_DNS_DOMAIN) or pairs.get(_DOMAIN_NAME)}


def _pairs(data: bytes) -> dict[int, str]:
    """Return the texts of a list of AV_PAIR, as far as it goes."""
    found: dict[int, str] = {}
    at = 0
    for _ in range(_MOST_PAIRS):
        if at + 4 > len(data):
            break
        kind, length = little(data, at, 2), little(data, at + 2, 2)
        if kind == 0:
            break
        if kind in (_SERVER_NAME, _DOMAIN_NAME, _DNS_DOMAIN, _TARGET):
            found.setdefault(kind, wide(piece(data, at + 4, length)))
        at += 4 + length
    return found
