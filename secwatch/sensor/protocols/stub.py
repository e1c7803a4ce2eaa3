"""Texts and credentials in the data of DCE/RPC calls: what an attack names is named there.

Arguments are not decoded operation by operation. Texts of NDR ([C706] section 14.3.4) look alike in
all of them: three counts and then UTF-16, aligned to four bytes.
"""

from __future__ import annotations

import struct

from secwatch.sensor.protocols.octets import little, wide
from secwatch.sensor.protocols.row import Malformed

_MOST_TEXTS = 16
_LONGEST = 4096  # characters of one text that is believed
_CHALLENGE = 4  # NetrServerReqChallenge
_CREDENTIAL = 8  # bytes of a NETLOGON_CREDENTIAL, [MS-NRPC] 2.2.1.3.4


def texts(stub: bytes) -> list[str]:
    """Return the texts in the data of a call, in order, at most 16; whole ones and one that is cut at its end."""
    found: list[str] = []
    counts = struct.unpack_from(f"<{len(stub) // 4}I", stub)
    place = 0
    while place + 3 < len(counts) and len(found) < _MOST_TEXTS:
        most, offset, length = counts[place : place + 3]
        if offset == 0 and 0 < length <= most <= _LONGEST:
            start = 4 * place + 12
            text = wide(stub[start : start + 2 * length])
            if text and _readable(text):
                found.append(text)
                place = (start + 2 * length + 3) // 4
                continue
        place += 1
    return found


def _readable(text: str) -> bool:
    """Return whether this is a text and not numbers that look like one."""
    return "\ufffd" not in text and all(letter.isprintable() or letter in "\t\r\n" for letter in text)


def zero_credential(operation: int, stub: bytes) -> bool | None:
    """Return whether a client of Netlogon authenticates with nothing but zeros: CVE-2020-1472.

    `operation` is NetrServerReqChallenge (4) or NetrServerAuthenticate (5), 2 (15) and 3 (26),
    [MS-NRPC] 3.5.4.4; None if the stub ends before the credential.
    """
    at = 4  # behind the pointer to the name of the server
    try:
        if little(stub, 0, 4):
            at = _behind_text(stub, at)
        if operation != _CHALLENGE:
            at = _behind_text(stub, at)  # the account; the kind of channel follows in two bytes
            at += at % 2 + 2
        at = _behind_text(stub, at)
    except Malformed:
        return None
    if at + _CREDENTIAL > len(stub):
        return None
    return not any(stub[at : at + _CREDENTIAL])


def _behind_text(stub: bytes, at: int) -> int:
    """Return the offset behind the text at `at`. Raise Malformed if it is none."""
    at = (at + 3) // 4 * 4
    length = little(stub, at + 8, 4)
    if little(stub, at + 4, 4) or length > _LONGEST:
        raise Malformed
    return at + 12 + 2 * length
