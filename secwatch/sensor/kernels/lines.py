"""Finding the messages of FTP and SMTP: command lines, and replies with all their lines.

Lines beyond 4 KiB come in pieces. What begins with a control character (a TLS record after STARTTLS or AUTH TLS)
is given up. A mail's data is skipped: from the server's 354 on, or from DATA on where that was not captured, up
to the line with the single point; that line is a request, which the verdict on the mail answers. Chunks of BDAT
are skipped by their length. See `messages` for what the parts return.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.letters import (
    MOST_TEXT,
    begins_with,
    frame_line,
    has_word,
    is_digit,
    is_letter,
    line_stop,
)
from secwatch.sensor.kernels.reads import Bytes, big16, byte
from secwatch.sensor.kernels.roles import IGNORE, REQUEST, RESPONSE

COMMANDS, ANNOUNCED, MAIL = range(3)  # stages of an SMTP conversation; announced: the client has sent DATA
_LONGEST_CHUNK = 1 << 26
_FTP = np.frombuffer(b"ftp", np.uint8)
_SMTP = np.frombuffer(b"smtp", np.uint8)
_LMTP = np.frombuffer(b"lmtp", np.uint8)
_DATA = np.frombuffer(b"data\r\n", np.uint8)
_BDAT = np.frombuffer(b"bdat ", np.uint8)
_AUTH = np.frombuffer(b"auth ", np.uint8)
_USER = np.frombuffer(b"user ", np.uint8)
_EHLO = np.frombuffer(b"ehlo ", np.uint8)
_HELO = np.frombuffer(b"helo ", np.uint8)
_LHLO = np.frombuffer(b"lhlo ", np.uint8)
_QUIT = np.frombuffer(b"quit\r\n", np.uint8)
_RSET = np.frombuffer(b"rset\r\n", np.uint8)
_MAIL_FROM = np.frombuffer(b"mail from:", np.uint8)


@part
def _is_reply(data: Bytes, start: int, end: int) -> bool:
    """Return whether a code of three digits begins here, and a blank, a hyphen or the end of the line follows."""
    if end - start < 4 or byte(data, start) < 49 or byte(data, start) > 54:
        return False
    if not is_digit(byte(data, start + 1)) or not is_digit(byte(data, start + 2)):
        return False
    after = byte(data, start + 3)
    return after == 32 or after == 45 or after == 13 or after == 10


@part
def _is_ftp_port(port: int) -> bool:
    return port == 21 or port == 2121


@part
def _is_smtp_port(port: int) -> bool:
    return port == 25 or port == 587 or port == 2525 or port == 24 or port == 465


@part
def recognise_ftp(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether a server greets as FTP (its port or its words say so) or a client logs in to it."""
    if _is_reply(data, start, end):
        if _is_ftp_port(source_port):
            return byte(data, start) != 51 and byte(data, start) != 54
        if _is_smtp_port(source_port) or big16(data, start) != 0x3232 or byte(data, start + 2) != 48:
            return False
        return has_word(data, start, end, _FTP) and not has_word(data, start, end, _SMTP)
    if not _is_ftp_port(destination_port):
        return False
    return begins_with(data, start, end, _USER) or begins_with(data, start, end, _AUTH)


@part
def recognise_smtp(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether a server greets as SMTP (its port or its words say so) or a client says hello."""
    if _is_reply(data, start, end):
        if _is_smtp_port(source_port):
            return byte(data, start) != 51 and byte(data, start) != 54
        if _is_ftp_port(source_port) or big16(data, start) != 0x3232 or byte(data, start + 2) != 48:
            return False
        return has_word(data, start, end, _SMTP) or has_word(data, start, end, _LMTP)
    if begins_with(data, start, end, _EHLO) or begins_with(data, start, end, _HELO):
        return True
    return begins_with(data, start, end, _LHLO)


@part
def _frame_reply(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Frame a reply: a line, or lines up to one with the same code and no hyphen behind it."""
    length, wanted = frame_line(data, start, end)
    if length <= 0 or byte(data, start + 3) != 45:
        return length, wanted
    limit = min(end, start + MOST_TEXT)
    offset = start + length
    while offset + 4 <= limit:
        same = byte(data, offset + 2) == byte(data, start + 2) and big16(data, offset) == big16(data, start)
        stop = line_stop(data, offset, limit)
        if stop < 0:
            break
        if same and byte(data, offset + 3) != 45:
            return stop - start, stop - start
        offset = stop
    if end - start >= MOST_TEXT:
        return MOST_TEXT, MOST_TEXT
    return 0, end - start + 1


@part
def _frame_text(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Frame a command or a reply; give up what is no text."""
    if start >= end:
        return 0, 1
    first = byte(data, start)
    if first < 32 and first != 13 and first != 10 and first != 9:
        return -1, 0
    if is_digit(first):
        if end - start < 4:
            stop = line_stop(data, start, end)
            return (stop - start, stop - start) if stop >= 0 else (0, 4)
        if _is_reply(data, start, end):
            return _frame_reply(data, start, end)
    return frame_line(data, start, end)


@part
def frame_ftp(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Frame a command or a reply of FTP."""
    return _frame_text(data, start, end)


@part
def role_ftp(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """A command waits for the first reply that is not preliminary (RFC 959, 4.2: 1yz)."""
    if start >= end:
        return IGNORE, 0
    first = byte(data, start)
    if from_source:
        return (REQUEST if is_letter(first) or first >= 0xF0 else IGNORE), 0
    return (RESPONSE if _is_reply(data, start, end) and first != 49 else IGNORE), 0


@part
def frame_smtp(data: Bytes, start: int, end: int, from_source: bool, phase: int) -> tuple[int, int]:
    """Frame a command, a reply, or lines of a mail: of those nothing is wanted but the last."""
    if not from_source or phase == COMMANDS:
        length, wanted = _frame_text(data, start, end)
        if length > 0 and from_source and begins_with(data, start, end, _BDAT):
            length += _chunk(data, start + 5, start + length)
        return length, wanted
    length, wanted = frame_line(data, start, end)
    if length <= 0 or _ends_mail(data, start, start + length):
        return length, wanted
    if phase == ANNOUNCED:
        return length, wanted if _goes_on(data, start, end) else 0
    offset = start + length
    while offset < end and byte(data, offset) != 46:  # up to a line that may be the last, or is not whole
        stop = line_stop(data, offset, end)
        if stop < 0:
            break
        offset = stop
    return offset - start, 0


@part
def phase_smtp(data: Bytes, start: int, end: int, from_source: bool, phase: int) -> int:
    """Return the stage of the conversation behind the message whose wanted bytes these are.

    A server that refuses DATA answers 4yz or 5yz; where that was not captured, a command with which no mail
    begins ends the stage.
    """
    if not from_source:
        if end - start >= 3 and big16(data, start) == 0x3335 and byte(data, start + 2) == 52:
            return MAIL
        refused = phase == ANNOUNCED and start < end and byte(data, start) >= 52
        return COMMANDS if refused else phase
    if phase == COMMANDS:
        return ANNOUNCED if begins_with(data, start, end, _DATA) else COMMANDS
    if start < end:
        return COMMANDS  # the end of the mail, or a command that no mail begins with
    return MAIL


@part
def role_smtp(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Every line of the client waits for a reply, but the lines of a mail, of which nothing or no command is here."""
    if start >= end:
        return IGNORE, 0
    if from_source:
        return (REQUEST if byte(data, start) >= 33 else IGNORE), 0
    return (RESPONSE if _is_reply(data, start, end) else IGNORE), 0


@part
def _ends_mail(data: Bytes, start: int, end: int) -> bool:
    """Return whether this is the line with the single point."""
    if end - start < 2 or byte(data, start) != 46:
        return False
    return byte(data, start + 1) == 10 or (end - start == 3 and big16(data, start + 1) == 0x0D0A)


@part
def _goes_on(data: Bytes, start: int, end: int) -> bool:
    """Return whether this is a command that follows a refused DATA, not the first line of a mail."""
    if begins_with(data, start, end, _QUIT) or begins_with(data, start, end, _RSET):
        return True
    return begins_with(data, start, end, _MAIL_FROM)


@part
def _chunk(data: Bytes, start: int, end: int) -> int:
    """Return the length that BDAT announces (RFC 3030), 0 if it is none."""
    size = 0
    for offset in range(start, min(end, start + 10)):
        value = byte(data, offset)
        if not is_digit(value):
            break
        size = size * 10 + value - 48
    return size if size <= _LONGEST_CHUNK else 0
