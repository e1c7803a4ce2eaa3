"""Remote desktop ([MS-RDPBCGR]): the request for a connection, its answer, and what an unencrypted client tells."""

from __future__ import annotations

from collections.abc import Iterator

from secwatch.sensor.protocols.octets import big, byte, little, narrow, piece, wide_until_nul
from secwatch.sensor.protocols.row import Malformed, Row, Value

_REQUEST, _CONFIRM, _DATA = 0xE0, 0xD0, 0xF0
_OPTIONS = 11  # behind the TPKT header of 4 bytes and the fixed part of an X.224 request of 7
_NEGOTIATION_REQUEST, _NEGOTIATION_RESPONSE, _NEGOTIATION_FAILURE = 1, 2, 3
# requestedProtocols, [MS-RDPBCGR] 2.2.1.1.1; 0 is standard
_PROTOCOLS = {1: "tls", 2: "credssp", 4: "rdstls", 8: "credssp-early", 16: "aad"}
# failureCode, [MS-RDPBCGR] 2.2.1.2.2
_FAILURES = {
    1: "tls required",
    2: "tls not allowed",
    3: "certificate missing",
    4: "inconsistent flags",
    5: "credssp required",
    6: "tls with user authentication required",
}
_CLIENT_CORE = b"\x01\xc0"  # type of the block of core data, 2.2.1.3.2
_CLIENT_KEY = b"Duca"  # what stands before the blocks of a client, T.124
_MOST_BLOCKS = 16


def parse(request: bytes, response: bytes) -> Iterator[Row]:
    """Yield the row of a connection request and its answer, or of what the client then tells of itself."""
    first = request or response
    kind = byte(first, 5)
    if byte(first, 0) != 3 or kind not in (_REQUEST, _CONFIRM, _DATA):
        raise Malformed
    if kind == _DATA:
        yield Row("rdp", {"message": "client data"} | _client_data(first))
        return
    values: dict[str, Value] = {"message": "connection request"}
    if request and kind == _REQUEST:
        values |= _request(request)
    answer = response or (request if kind == _CONFIRM else b"")
    if answer:
        values |= _confirm(answer)
    yield Row("rdp", values)


def _request(data: bytes) -> dict[str, Value]:
    """Return the cookie and the protocols offered, [MS-RDPBCGR] 2.2.1.1."""
    values: dict[str, Value] = {"requested_protocols": ["standard"]}
    at = _OPTIONS
    stop = data.find(b"\r\n", at)
    if data[at : at + 7].lower() == b"cookie:" and stop > 0:
        text = data[at + 7 : stop].strip()
        name, sign, value = text.partition(b"=")
        values["cookie"] = narrow(value if sign and name.lower() == b"mstshash" else text)
        at = stop + 2
    elif stop > 0 and stop > at:
        values["cookie"] = narrow(data[at:stop])  # the token of a load balancer
        at = stop + 2
    if len(data) >= at + 8 and data[at] == _NEGOTIATION_REQUEST:
        flags = little(data, at + 4, 4)
        values["requested_protocols"] = [name for bit, name in _PROTOCOLS.items() if flags & bit] or ["standard"]
    return values


def _confirm(data: bytes) -> dict[str, Value]:
    """Return what the server chose, or why it refuses, [MS-RDPBCGR] 2.2.1.2."""
    if byte(data, 0) != 3 or byte(data, 5) != _CONFIRM:
        raise Malformed
    if len(data) < _OPTIONS + 8:
        return {"selected_protocol": "standard", "result": "confirmed"}  # a server older than the negotiation
    number = little(data, _OPTIONS + 4, 4)
    if data[_OPTIONS] == _NEGOTIATION_FAILURE:
        return {"result": _FAILURES.get(number, f"failure {number}")}
    if data[_OPTIONS] != _NEGOTIATION_RESPONSE:
        return {"result": "confirmed"}
    return {
        "selected_protocol": _PROTOCOLS.get(number, f"{number:#x}") if number else "standard",
        "result": "confirmed",
    }


def _client_data(data: bytes) -> dict[str, Value]:
    """Return name, build and keyboard of a client, [MS-RDPBCGR] 2.2.1.3.2; nothing if they are not there."""
    at = data.find(_CLIENT_KEY)
    if big(data, 7, 2) != 0x7F65 or at < 0:
        return {}
    at += len(_CLIENT_KEY)
    at += 2 if byte(data, at) & 0x80 else 1  # the length of all blocks, packed encoding rules
    for _ in range(_MOST_BLOCKS):
        kind, length = piece(data, at, 2), little(data, at + 2, 2)
        if kind == _CLIENT_CORE:
            return {
                "client_name": wide_until_nul(piece(data, at + 24, 32), 0)[0],
                "client_build": little(data, at + 20, 4),
                "keyboard_layout": f"{little(data, at + 16, 4):08x}",
            }
        at += max(length, 4)
    return {}
