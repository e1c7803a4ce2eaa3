"""Commands and replies of line protocols with three-digit codes: FTP (RFC 959, 4.2) and SMTP (RFC 5321, 4.2)."""

from __future__ import annotations

from functools import lru_cache

from secwatch.sensor.protocols.row import Malformed
from secwatch.sensor.protocols.words import words

_LONGEST_COMMAND = 16  # letters; XCLIENT, STARTTLS are the longest in use


def command_of(request: bytes) -> tuple[str, bytes]:
    """Return the command in capitals and its argument; ("", line) where the line begins with no command."""
    line = request.lstrip(bytes(range(0xF0, 0x100)))  # Telnet's urgent signals before ABOR, RFC 959, 4.1.3
    line = line.rstrip(b"\r\n")
    verb, _, argument = line.partition(b" ")
    if not 3 <= len(verb) <= _LONGEST_COMMAND or not verb.isascii() or not verb.isalpha():
        return "", line
    return verb.decode("ascii").upper(), argument.strip(b" ")


@lru_cache(maxsize=1024)  # servers say the same again and again
def reply_of(response: bytes) -> tuple[int, str]:
    """Return code and text of a reply, the lines of a long one joined by a blank. Raise Malformed without a code."""
    code = response[:3]
    if not code.isdigit() or not b"1" <= code[:1] <= b"6":
        raise Malformed
    lines = []
    for line in response.splitlines():
        headed = line.startswith(code) and line[3:4] in (b" ", b"-", b"")
        lines.append((line[4:] if headed else line).strip())
    return int(code), words(b" ".join(lines))
