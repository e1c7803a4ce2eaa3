"""Finding LDAP messages in streams and datagrams: BER, RFC 4511; also behind SASL signatures that hide nothing.

A span begins with the SEQUENCE of the message, or with the four bytes of length of a signed buffer
(RFC 4513 section 5.2.3.5). Of an entry that a search found only the beginning is wanted: it is counted.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, big32, byte, signed
from secwatch.sensor.kernels.roles import COUNTED, IGNORE, REQUEST, RESPONSE
from secwatch.sensor.kernels.smb import MOST_WANTED

_HEAD = 18  # tag, length, message identifier, and the tag of the operation, at their longest
_LARGEST = 1 << 24
_LONGEST_CHECKSUM = 64
_SEARCH_ENTRY = 0x64


@part
def _length(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return (length, offset of the contents) of the BER length at `at`; (-1, 0) if none, (-2, 0) if it is cut."""
    if at >= end:
        return signed(-2), signed(0)
    first = byte(data, at)
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if size == 0 or size > 4:
        return signed(-1), signed(0)
    if at + 1 + size > end:
        return signed(-2), signed(0)
    length = signed(0)
    for place in range(size):
        length = (length << 8) | byte(data, at + 1 + place)
    return length, at + 1 + size


@part
def _operation(data: Bytes, start: int, end: int) -> tuple[int, int, int]:
    """Return (tag of the operation, low bits of the message identifier, length of the message).

    The tag is -1 for what is no LDAP message and -2 if more bytes are needed.
    """
    none = signed(0)
    if start >= end:
        return signed(-2), none, none
    if byte(data, start) != 0x30:
        return signed(-1), none, none
    length, at = _length(data, start + 1, end)
    if length < 0 or at + 2 > end:
        return (signed(-1) if length == -1 else signed(-2)), none, none
    size = byte(data, at + 1)
    if byte(data, at) != 2 or size < 1 or size > 4 or length < 5 or length > _LARGEST:
        return signed(-1), none, none
    if at + 2 + size >= end:
        return signed(-2), none, none
    number = signed(0)
    for place in range(size):
        number = (number << 8) | byte(data, at + 2 + place)
    tag = byte(data, at + 2 + size)
    known = (tag >= 0x60 and tag <= 0x79) or tag == 0x42 or tag == 0x4A or tag == 0x50
    return (tag if known else signed(-1)), number & 0xFFFF, at + length - start


@part
def _signed_by(data: Bytes, start: int, end: int) -> int:
    """Return how many bytes stand before the message in a SASL buffer that is signed but not encrypted, 0 if not.

    NTLM puts a signature of 16 bytes, version 1, first ([MS-NLMP] 2.2.2.9.1); Kerberos a token of 16
    bytes that says whether it seals and how far its checksum is rotated before the message (RFC 4121
    sections 4.2.5 and 4.2.6.2).
    """
    if start + 20 > end:
        return signed(0)
    before = signed(20)
    if big32(data, start + 4) != 0x01000000:
        if big16(data, start + 4) != 0x0504 or byte(data, start + 6) & 2 != 0:
            return signed(0)
        before += min(big16(data, start + 10), _LONGEST_CHECKSUM)
    if start + before >= end or byte(data, start + before) != 0x30:
        return signed(0)
    return before


@part
def recognise_ldap(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether a side, or a datagram, begins with an LDAP message."""
    tag, _, _ = _operation(data, start, end)
    return tag >= 0


@part
def frame_ldap(data: Bytes, start: int, end: int, phase: int) -> tuple[int, int]:
    """Return the length of the message and how much of it is wanted; an encrypted side is given up."""
    have = end - start
    if have < 4:
        return signed(0), signed(4)
    if byte(data, start) != 0x30:
        length = 4 + big32(data, start)
        if length < 25 or length > _LARGEST:
            return signed(-1), signed(0)
        if have < 25 + _LONGEST_CHECKSUM and have < length:
            return signed(0), min(length, 25 + _LONGEST_CHECKSUM)
        if _signed_by(data, start, end) == 0:
            return signed(-1), signed(0)
        return length, min(length, MOST_WANTED)
    tag, _, length = _operation(data, start, min(end, start + _HEAD))
    if tag == -2:
        return (signed(0), signed(_HEAD)) if have < _HEAD else (signed(-1), signed(0))
    if tag < 0:
        return signed(-1), signed(0)
    return length, min(length, _HEAD if tag == _SEARCH_ENTRY else MOST_WANTED)


@part
def role_ldap(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return what a message of a stream is, and the low bits of its identifier."""
    before = signed(0)
    if end - start > 0 and byte(data, start) != 0x30:
        before = _signed_by(data, start, end)
    tag, number, _ = _operation(data, start + before, end)
    if tag == _SEARCH_ENTRY:
        # In a signed buffer the end of the search can stand behind its entries.
        return signed(COUNTED) if before == 0 else signed(RESPONSE), number
    return _role(tag), number


@part
def role_ldap_datagram(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return what a datagram is: an answer holds the entry and the end of the search, [MS-ADTS] 6.3.3."""
    tag, number, _ = _operation(data, start, end)
    return (signed(RESPONSE) if tag == _SEARCH_ENTRY else _role(tag)), number


@part
def _role(tag: int) -> int:
    """Return what an operation is but for entries of a search."""
    if tag == 0x60 or tag == 0x63 or tag == 0x66 or tag == 0x68 or tag == 0x4A or tag == 0x6C or tag == 0x6E:
        return signed(REQUEST)
    if tag == 0x77:
        return signed(REQUEST)
    if tag == 0x61 or tag == 0x65 or tag == 0x67 or tag == 0x69 or tag == 0x6B or tag == 0x6D or tag == 0x6F:
        return signed(RESPONSE)
    return signed(RESPONSE if tag == 0x78 else IGNORE)
