"""The ClientHello of TLS (RFC 8446, 4.1.2) out of whole bytes: names, protocols, the texts of JA3 and JA4.

Kept equal to what `kernels/tls.py` writes, character by character: that one reads hellos in captured segments,
this one those that had to be decrypted first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from secwatch.sensor.protocols.octets import big
from secwatch.sensor.protocols.words import exactly

_MOST_NUMBERS = 256  # of one list, as in the kernel
_LONGEST_NAME, _LONGEST_PROTOCOLS = 1100, 2048  # escaped characters, as in the kernel
_NAME, _GROUPS, _FORMATS, _SIGNATURES, _ALPN, _VERSIONS = 0, 10, 11, 13, 16, 43
_VERSION_LETTERS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}


@dataclass(frozen=True)
class ClientHello:
    """What a client says first. `ja3` and `ja4` are the texts that are hashed, not yet the fingerprints."""

    server_name: str
    protocols: Sequence[str]
    version: int
    ja3: str
    ja4: str


@dataclass
class _Parts:
    """The lists of a hello, GREASE left out, in order."""

    ciphers: list[int]
    extensions: list[int]
    groups: list[int]
    formats: bytes
    signatures: list[int]
    protocols: list[bytes]
    name: bytes | None
    version: int


def read(body: bytes, transport: str) -> ClientHello:
    """Return the hello whose handshake body (behind type and length) this is. Raise Malformed.

    `transport` is the first letter of JA4: t for TCP, q for QUIC.
    """
    legacy = big(body, 0, 2)
    offset = 34
    offset += 1 + big(body, offset, 1)
    size = big(body, offset, 2)
    ciphers = _numbers(exactly(body, offset + 2, size))
    offset += 2 + size
    offset += 1 + big(body, offset, 1)
    parts = _Parts(ciphers, [], [], b"", [], [], None, legacy)
    if offset + 2 <= len(body):
        for kind, data in _extensions(exactly(body, offset + 2, big(body, offset, 2))):
            _take(parts, kind, data)
    ja3 = ",".join((
        str(legacy),
        *("-".join(map(str, numbers)) for numbers in (ciphers, parts.extensions, parts.groups)),
        "-".join(map(str, parts.formats)),
    ))  # fmt: skip
    name = _escaped(parts.name or b"", _LONGEST_NAME).lower()
    return ClientHello(name, _shown(parts.protocols), parts.version, ja3, _ja4(parts, transport))


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        size = big(data, offset + 2, 2)
        yield big(data, offset, 2), exactly(data, offset + 4, size)
        offset += 4 + size


def _take(parts: _Parts, kind: int, data: bytes) -> None:
    """Add an extension to the lists."""
    if not _is_grease(kind) and len(parts.extensions) < _MOST_NUMBERS:
        parts.extensions.append(kind)
    if kind == _NAME:
        parts.name = _host_name(data) or parts.name or b""
    elif kind == _GROUPS and len(data) >= 2:
        parts.groups = _numbers(data[2 : 2 + big(data, 0, 2)])
    elif kind == _FORMATS and data:
        parts.formats = data[1 : 1 + data[0]]
    elif kind == _SIGNATURES and len(data) >= 2:
        parts.signatures = _numbers(data[2 : 2 + big(data, 0, 2)])
    elif kind == _ALPN and len(data) >= 2:
        parts.protocols = list(_names(data[2 : 2 + big(data, 0, 2)]))
    elif kind == _VERSIONS and data:
        offered = [number for number in _numbers(data[1 : 1 + data[0]]) if number <= 0x0304]
        parts.version = max(offered, default=0) or parts.version


def _is_grease(number: int) -> bool:
    """Return whether RFC 8701 reserves the number to keep servers tolerant."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


def _numbers(data: bytes) -> list[int]:
    """Return a list of 16-bit numbers without GREASE."""
    numbers = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]
    return [number for number in numbers if not _is_grease(number)][:_MOST_NUMBERS]


def _host_name(data: bytes) -> bytes:
    """Return the host name of a server_name extension (RFC 6066, 3)."""
    if len(data) < 5 or data[2] != 0:
        return b""
    return data[5 : 5 + big(data, 3, 2)]


def _names(data: bytes) -> Iterator[bytes]:
    """Yield the names of an ALPN list (RFC 7301, 3.1) up to one that is empty or cut."""
    offset = 0
    while offset < len(data):
        size = data[offset]
        if not size or offset + 1 + size > len(data):
            return
        yield data[offset + 1 : offset + 1 + size]
        offset += 1 + size


def _shown(protocols: Sequence[bytes]) -> list[str]:
    """Return the names escaped, as many as the kernel has room for."""
    shown: list[str] = []
    left = _LONGEST_PROTOCOLS
    for name in protocols:
        if left <= 4:
            break
        shown.append(_escaped(name, left - 2))
        left -= 2 + len(shown[-1])
    return shown


def _escaped(data: bytes, limit: int) -> str:
    """Return printable ASCII, everything else and the backslash as \\xNN; the end is lost beyond the limit."""
    out = ""
    for number in data:
        if len(out) + 4 > limit:
            break
        out += chr(number) if 0x20 <= number <= 0x7E and number != 0x5C else f"\\x{number:02x}"
    return out


def _ja4(parts: _Parts, transport: str) -> str:
    """Return the text `q13d0312h3|ciphers|extensions_signatures`, see technical_details/JA4.md of FoxIO-LLC/ja4."""
    version = _VERSION_LETTERS.get(parts.version, "00")
    named = "i" if parts.name is None else "d"
    counts = f"{min(len(parts.ciphers), 99):02}{min(len(parts.extensions), 99):02}"
    ciphers = ",".join(f"{number:04x}" for number in sorted(parts.ciphers))
    kept = (number for number in sorted(parts.extensions) if number not in (_NAME, _ALPN))
    extensions = ",".join(f"{number:04x}" for number in kept)
    if parts.signatures:
        extensions += "_" + ",".join(f"{number:04x}" for number in parts.signatures)
    return f"{transport}{version}{named}{counts}{_alpn_ends(parts.protocols)}|{ciphers}|{extensions}"


def _alpn_ends(protocols: Sequence[bytes]) -> str:
    """Return first and last character of the first name; of its hexadecimal form where they are not alphanumeric."""
    if not protocols:
        return "00"
    first, last = protocols[0][:1], protocols[0][-1:]
    if first.isalnum() and last.isalnum():  # bytes: ASCII only
        return (first + last).decode("ascii")
    return first.hex()[0] + last.hex()[1]
