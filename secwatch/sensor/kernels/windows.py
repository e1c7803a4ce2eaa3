"""Finding DCE/RPC, Kerberos and remote desktop messages in streams and datagrams.

Spans include what frames a message: the header of DCE/RPC, the TPKT header of remote desktop
(RFC 1006), the four bytes of length before Kerberos over TCP (RFC 4120 section 7.2.2).
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, big32, byte, little16, signed
from secwatch.sensor.kernels.roles import ALONE, IGNORE, REQUEST, RESPONSE
from secwatch.sensor.kernels.smb import MOST_WANTED

_TEXTS_WANTED = 2048  # of a DCE/RPC request: names and paths stand at the beginning of its data
_SHORT = 256  # a DCE/RPC response so short is wanted whole, for the code at its end


@part
def recognise_dce_rpc(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether a side begins with a connection-oriented DCE/RPC message, [C706] section 12.6.3.1."""
    if byte(data, start) != 5 or byte(data, start + 1) > 1 or byte(data, start + 3) & 1 == 0:
        return False
    kind = byte(data, start + 2)
    binding = kind == 11 or kind == 12 or kind == 13
    if byte(data, start + 4) != 0x10 and not (binding and byte(data, start + 4) == 0):
        return False
    if byte(data, start + 5) != 0 or big16(data, start + 6) != 0:
        return False
    return binding or kind == 0 or kind == 2 or kind == 3 or (kind >= 14 and kind <= 16)


@part
def frame_dce_rpc(data: Bytes, start: int, end: int, phase: int) -> tuple[int, int]:
    """Return the length of the fragment and how much of it is wanted."""
    if end - start < 10:
        return signed(0), signed(10)
    if byte(data, start) != 5 or byte(data, start + 1) > 1 or byte(data, start + 2) > 19:
        return signed(-1), signed(0)
    length = little16(data, start + 8) if byte(data, start + 4) & 0x10 else big16(data, start + 8)
    if length < 16:
        return signed(-1), signed(0)
    kind = byte(data, start + 2)
    if byte(data, start + 3) & 1 == 0:
        return length, signed(16)  # a later fragment
    if kind == 0:
        return length, min(length, _TEXTS_WANTED)
    if kind == 2:
        return length, length if length <= _SHORT else signed(32)
    return length, min(length, MOST_WANTED)


@part
def role_dce_rpc(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return what a DCE/RPC fragment is, and the low bits of its call."""
    if end - start < 16 or byte(data, start + 3) & 1 == 0:
        return signed(IGNORE), signed(0)
    kind = byte(data, start + 2)
    key = little16(data, start + 12) if byte(data, start + 4) & 0x10 else big16(data, start + 14)
    if kind == 0 or kind == 11 or kind == 14:
        return signed(REQUEST), key
    if kind == 2 or kind == 3 or kind == 12 or kind == 13 or kind == 15:
        return signed(RESPONSE), key
    return signed(ALONE if kind == 16 else IGNORE), signed(0)


@part
def _is_kerberos(data: Bytes, start: int, end: int, length: int) -> bool:
    """Return whether a Kerberos message of this length begins at `start`: its tag, its DER length, a SEQUENCE."""
    if end - start < 4 or length < 16:
        return False
    tag = byte(data, start)
    if not ((tag >= 0x6A and tag <= 0x6D) or tag == 0x7E):
        return False
    first = byte(data, start + 1)
    if first < 0x80:
        return first + 2 == length and byte(data, start + 2) == 0x30
    if first == 0x81:
        return byte(data, start + 2) + 3 == length and byte(data, start + 3) == 0x30
    if first != 0x82 or big16(data, start + 2) + 4 != length:
        return False
    return end - start < 5 or byte(data, start + 4) == 0x30


@part
def recognise_kerberos(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether a stream begins with a Kerberos message behind its length."""
    return _is_kerberos(data, start + 4, end, big32(data, start))


@part
def recognise_kerberos_datagram(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether a datagram, wholly captured or of a key distribution centre, is a Kerberos message."""
    if _is_kerberos(data, start, end, end - start):
        return True
    if source_port != 88 and destination_port != 88:
        return False
    length = byte(data, start + 2) + 3 if byte(data, start + 1) == 0x81 else big16(data, start + 2) + 4
    return length > end - start and _is_kerberos(data, start, end, length)


@part
def frame_kerberos(data: Bytes, start: int, end: int, phase: int) -> tuple[int, int]:
    """Return the length of the message with its prefix, and how much of it is wanted."""
    if end - start < 5:
        return signed(0), signed(5)
    length = 4 + big32(data, start)
    tag = byte(data, start + 4)
    if length < 20 or length > 0x100000 or not ((tag >= 0x6A and tag <= 0x6D) or tag == 0x7E):
        return signed(-1), signed(0)
    return length, min(length, MOST_WANTED)


@part
def role_kerberos(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return what the message behind its length is; order pairs requests and replies."""
    if end - start < 5:
        return signed(IGNORE), signed(0)
    return role_kerberos_datagram(data, start + 4, end, from_source)


@part
def role_kerberos_datagram(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return what a Kerberos message without a length before it is."""
    if end <= start:
        return signed(IGNORE), signed(0)
    tag = byte(data, start)
    if tag == 0x6A or tag == 0x6C:
        return signed(REQUEST), signed(0)
    if tag == 0x6B or tag == 0x6D or tag == 0x7E:
        return signed(RESPONSE), signed(0)
    return signed(IGNORE), signed(0)


@part
def recognise_rdp(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether a side begins with an X.224 connection request or confirm of remote desktop.

    Industrial protocols use the same frame with parameters of class 0 (0xC0 and up, ISO 8073), and
    port 102: those are others.
    """
    if byte(data, start) != 3 or byte(data, start + 1) != 0 or source_port == 102 or destination_port == 102:
        return False
    length = big16(data, start + 2)
    kind = byte(data, start + 5)
    if length < 11 or length > 512 or byte(data, start + 4) != length - 5 or (kind != 0xE0 and kind != 0xD0):
        return False
    return not (length > 11 and end - start > 11 and byte(data, start + 11) >= 0xC0)


@part
def frame_rdp(data: Bytes, start: int, end: int, phase: int) -> tuple[int, int]:
    """Return the length of the message; a side is given up when it turns to TLS or to what says nothing more."""
    if end - start < 1:
        return signed(0), signed(1)
    if byte(data, start) != 3:
        return signed(-1), signed(0)
    if end - start < 4:
        return signed(0), signed(4)
    length = big16(data, start + 2)
    if length < 7:
        return signed(-1), signed(0)
    needed = min(length, 9)
    if end - start < needed:
        return signed(0), needed
    kind = byte(data, start + 5)
    connecting = length >= 9 and kind == 0xF0 and byte(data, start + 7) == 0x7F
    if kind != 0xE0 and kind != 0xD0 and not connecting:
        return signed(-1), signed(0)
    return length, min(length, 1024)


@part
def role_rdp(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return what the message is: a connection request, its answer, or what the client tells of itself."""
    if end - start < 9:
        return signed(IGNORE), signed(0)
    kind = byte(data, start + 5)
    if kind == 0xE0:
        return signed(REQUEST), signed(0)
    if kind == 0xD0:
        return signed(RESPONSE), signed(0)
    return signed(ALONE if kind == 0xF0 and byte(data, start + 8) == 0x65 else IGNORE), signed(0)
