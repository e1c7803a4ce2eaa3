"""Kerberos tickets that other protocols carry in their log-ins: GSS-API tokens, with SPNEGO around them or not."""

from __future__ import annotations

from collections.abc import Iterator

from secwatch.sensor.protocols import kerberos
from secwatch.sensor.protocols.row import Malformed, Row

# The mechanism (1.2.840.113554.1.2.2, DER) and the token identifier of an AP-REQ, RFC 4121 section 4.1
_KERBEROS_TOKEN = bytes.fromhex("06092a864886f712010202") + b"\x01\x00"
_NTLM_SIGNATURE = b"NTLMSSP\0"


def application_rows(token: bytes) -> Iterator[Row]:
    """Yield the row of the ticket that a log-in shows, if `token` holds one."""
    at = token.find(_KERBEROS_TOKEN)
    if at < 0:
        return
    try:
        yield kerberos.application(token[at + len(_KERBEROS_TOKEN) :])
    except Malformed:
        return


def mechanism(token: bytes) -> str:
    """Return which kind of log-in the token is for: ntlm, kerberos, or empty."""
    if _NTLM_SIGNATURE in token:
        return "ntlm"
    return "kerberos" if _KERBEROS_TOKEN in token else ""
