"""Finding SMB messages in a stream: each stands behind four bytes of NetBIOS length, which a span includes.

What becomes a row: log-ins, trees, files that are opened, renamed or deleted, transactions of SMB 1,
and whatever carries DCE/RPC over a named pipe. Reading and writing files, listing and asking after
them is stepped over. See [MS-SMB2] 2.2, [MS-CIFS] 2.2 and, for the length, RFC 1002 section 4.3.1.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big16, big32, byte, little16, little32, signed
from secwatch.sensor.kernels.roles import ALONE, IGNORE, REQUEST, RESPONSE

MOST_WANTED = 4096
_HEAD = 124  # NetBIOS length, SMB 2 header, WRITE body and the first bytes of a DCE/RPC message
_SESSION_REQUEST, _KEEP_ALIVE = 0x81, 0x85
_SMB1, _SMB2 = 0xFF534D42, 0xFE534D42
_ENCRYPTED, _COMPRESSED = 0xFD534D42, 0xFC534D42
_PENDING = 0x103  # the answer comes later, [MS-SMB2] 3.3.4.2
# Commands of SMB 2
_LOGOFF, _TREE_DISCONNECT, _CREATE, _READ, _WRITE, _IOCTL, _SET_INFO = 2, 4, 5, 8, 9, 11, 17
_PIPE_TRANSCEIVE = 0x0011C017
_MOST_COMPOUNDED = 8
# Sizes of decompressed data that no message has: [MS-SMB2] allows 8 MiB and its header
_LARGEST = 0x01000000


@part
def recognise_smb(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether a side begins with an SMB message, or asks for a NetBIOS session."""
    length = big32(data, start)
    if length >> 24 == _SESSION_REQUEST:  # two names of 34 bytes, RFC 1002 section 4.3.2
        return (
            (source_port == 139 or destination_port == 139) and length & 0xFFFFFF == 68 and byte(data, start + 4) == 32
        )
    magic = big32(data, start + 4)
    return length >= 32 and length < 0x1000000 and magic & 0xFCFFFFFF == 0xFC534D42


@part
def frame_smb(data: Bytes, start: int, end: int, phase: int) -> tuple[int, int]:
    """Return the length of the message and how much of it is wanted; see `secwatch.sensor.kernels.messages`."""
    have = end - start
    if have < 4:
        return signed(0), signed(4)
    length = big32(data, start)
    kind = length >> 24
    total = 4 + (length & 0xFFFFFF)
    if (kind >= _SESSION_REQUEST and kind <= _KEEP_ALIVE) or total == 4:
        return total, signed(4)
    if kind != 0 or total < 36:
        return signed(-1), signed(0)
    if have < 8:
        return signed(0), signed(8)
    magic = big32(data, start + 4)
    if magic == _ENCRYPTED:
        return total, signed(8)
    if magic == _COMPRESSED:
        return total, signed(20)
    if (magic != _SMB1 and magic != _SMB2) or (magic == _SMB2 and total < 68):
        return signed(-1), signed(0)
    needed = min(total, _HEAD)
    if have < needed:
        return signed(0), needed
    if magic == _SMB1:
        return total, _wanted_of_1(data, start, total)
    return total, _wanted_of_2(data, start, total)


@part
def role_smb(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return what the message is to the stage of parsers, and the number that pairs it."""
    if end - start < 8 or byte(data, start) != 0:
        return signed(IGNORE), signed(0)
    magic = big32(data, start + 4)
    if magic == _SMB1 and end - start >= 36:
        return _role_of_1(data, start, end)
    if magic == _SMB2 and end - start >= 68:
        return _role_of_2(data, start, end)
    if magic == _COMPRESSED and end - start >= 20:
        # CVE-2020-0796: a sum of these two that overflows
        if little32(data, start + 8) > _LARGEST or little32(data, start + 16) > _LARGEST:
            return signed(ALONE), signed(0)
    return signed(IGNORE), signed(0)


@part
def carries_call(data: Bytes, start: int, end: int) -> bool:
    """Return whether a DCE/RPC message that parsers want begins at `start`, [C706] section 12.6.3.1."""
    if start + 8 > end or byte(data, start) != 5 or byte(data, start + 1) > 1:
        return False
    kind = byte(data, start + 2)
    first = byte(data, start + 3) & 1 == 1
    order = byte(data, start + 4)
    known = kind == 0 or kind == 2 or kind == 3 or (kind >= 11 and kind <= 16)
    return first and known and (order == 0x10 or order == 0) and big16(data, start + 6) == 0


@part
def _wanted_of_2(data: Bytes, start: int, total: int) -> int:
    """Return how many bytes of an SMB 2 message, whose first `_HEAD` are there, tell what it says."""
    command = little16(data, start + 16)
    if little32(data, start + 24) != 0:
        return min(total, MOST_WANTED)  # several commands in one message
    if command == _READ or command == _WRITE:
        return min(total, MOST_WANTED) if _call_of_2(data, start, min(total, _HEAD)) else min(total, 68)
    if command == _IOCTL and (total < 76 or little32(data, start + 72) != _PIPE_TRANSCEIVE):
        return min(total, _HEAD)
    if command <= _CREATE or command == _IOCTL:
        return min(total, MOST_WANTED)
    return min(total, 1024) if command == _SET_INFO else signed(68)


@part
def _call_of_2(data: Bytes, start: int, length: int) -> bool:
    """Return whether a READ response or WRITE request carries DCE/RPC; a command begins at start + 4."""
    response = byte(data, start + 20) & 1 == 1
    if length < 72 or response != (little16(data, start + 16) == _READ):
        return False
    offset = byte(data, start + 70) if response else little16(data, start + 70)
    return carries_call(data, start + 4 + offset, start + length)


@part
def _wanted_command_of_2(data: Bytes, start: int, end: int) -> bool:
    """Return whether the command whose header begins at start + 4 makes rows, alone or with its answer."""
    command = little16(data, start + 16)
    if command == _READ or command == _WRITE:
        return _call_of_2(data, start, end - start)
    return command <= _CREATE or command == _IOCTL or command == _SET_INFO


@part
def _role_of_2(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return role and key of an SMB 2 message with a whole header: those of the first command that counts."""
    at = start
    for _ in range(_MOST_COMPOUNDED):
        if little16(data, at + 8) != 64:
            break
        response = byte(data, at + 20) & 1 == 1
        if response and little32(data, at + 12) == _PENDING:
            break
        if _wanted_command_of_2(data, at, end):
            command = little16(data, at + 16)
            if command == _READ or command == _WRITE:
                if at == start:
                    return signed(ALONE), signed(0)
            elif response:
                return signed(RESPONSE), little16(data, start + 28)
            else:
                return signed(REQUEST), little16(data, start + 28)
        following = little32(data, at + 24)
        if following < 64 or following > end - at - 68:
            break
        at += following
    return signed(IGNORE), signed(0)


@part
def _wanted_of_1(data: Bytes, start: int, total: int) -> int:
    """Return how many bytes of an SMB 1 message, whose first `_HEAD` are there, tell what it says."""
    command = byte(data, start + 8)
    if command == 0x2E or command == 0x2F:
        return min(total, MOST_WANTED) if _call_of_1(data, start, min(total, _HEAD)) else signed(36)
    # Secondary parts of transactions carry bulk
    return min(total, 128) if command == 0x33 or command == 0xA1 or command == 0x26 else min(total, MOST_WANTED)


@part
def _call_of_1(data: Bytes, start: int, length: int) -> bool:
    """Return whether a READ_ANDX response or WRITE_ANDX request carries DCE/RPC, [MS-CIFS] 2.2.4.42 and .43."""
    response = byte(data, start + 13) & 0x80 != 0
    reading = byte(data, start + 8) == 0x2E
    if response != reading or length < 64:
        return False
    offset = little16(data, start + (49 if reading else 59))
    return carries_call(data, start + 4 + offset, start + length)


@part
def _role_of_1(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return role and key of an SMB 1 message with a whole header."""
    command = byte(data, start + 8)
    key = little16(data, start + 34)
    if command == 0x2E or command == 0x2F:
        return signed(ALONE if _call_of_1(data, start, end - start) else IGNORE), signed(0)
    response = byte(data, start + 13) & 0x80 != 0
    if command == 0x33 or command == 0xA1 or command == 0x26:
        return signed(IGNORE if response else ALONE), signed(0)
    counts = (
        command == 0x06  # DELETE
        or command == 0x07  # RENAME
        or command == 0x25  # TRANSACTION
        or command == 0x2D  # OPEN_ANDX
        or command == 0x32  # TRANSACTION2
        or (command >= 0x70 and command <= 0x75)  # trees, NEGOTIATE, SESSION_SETUP_ANDX
        or command == 0xA0  # NT_TRANSACT
        or command == 0xA2  # NT_CREATE_ANDX
    )
    if not counts:
        return signed(IGNORE), signed(0)
    return signed(RESPONSE if response else REQUEST), key
