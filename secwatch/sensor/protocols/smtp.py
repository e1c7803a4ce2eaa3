"""SMTP (RFC 5321): every command with its reply, and log-ins (RFC 4954). Passwords and mails are never taken.

The first row of a connection is the server's greeting, without a command. The end of a mail's data is a row with
the command "." and the server's verdict on the mail. A log-in in several steps (AUTH LOGIN: name, then
password) gives a row of AUTH for each step; the last has the final reply, 235 or 5yz, and the user name. After
STARTTLS everything is encrypted, and nothing follows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from secwatch.sensor.protocols.replies import command_of, reply_of
from secwatch.sensor.protocols.row import Row
from secwatch.sensor.protocols.words import words

LEFT_OUT = "…"
_CONTINUE = 334  # "go on with the log-in"
# A line that begins otherwise may be the answer of a log-in whose beginning was missed: it is left out.
_COMMANDS = frozenset([
    "HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "AUTH",
    "STARTTLS", "ETRN", "ATRN", "TURN", "SEND", "SOML", "SAML", "BURL", "XCLIENT", "XFORWARD",
])  # fmt: skip


class Conversation:
    """One connection; remembers which step of a log-in comes next."""

    def __init__(self) -> None:
        self._mechanism = ""
        self._user = ""
        self._step = 0  # 0: no log-in is under way; else the number of the answer that comes next

    def parse(self, request: bytes, response: bytes) -> Iterable[Row]:
        """Return the row of a command and its reply. Raise Malformed for what is neither."""
        code, text = reply_of(response) if response else (None, "")
        if code == _CONTINUE:
            text = _challenge(text)
        command, argument, user, mechanism = "", "", "", ""
        if self._step and request:
            command, argument = "AUTH", LEFT_OUT
            self._take(request.rstrip(b"\r\n"))
            user, mechanism = self._user, self._mechanism
        elif request:
            command, rest = command_of(request)
            argument = words(rest)
            if command == "AUTH":
                argument = self._begin(rest)
                user, mechanism = self._user, self._mechanism
            elif command not in _COMMANDS:
                command, argument = (".", "") if rest == b"." else ("", LEFT_OUT)
        if request:
            self._step = self._step + 1 if code == _CONTINUE and command == "AUTH" else 0
        values = {
            "command": command, "argument": argument, "reply_code": code, "reply": text,
            "user": user, "mechanism": mechanism,
        }  # fmt: skip
        return [Row("smtp", values)]

    def _begin(self, rest: bytes) -> str:
        """Take `AUTH mechanism [first answer]`. Return the argument as it may be shown."""
        mechanism, _, answer = rest.partition(b" ")
        self._mechanism = words(mechanism, 32).upper()
        self._user = ""
        self._step = 0
        if answer.strip():
            self._take(answer.strip())
            if self._mechanism == "LOGIN":
                self._step = 1  # the name was here, the password comes next
            return f"{self._mechanism} {LEFT_OUT}"
        return self._mechanism

    def _take(self, answer: bytes) -> None:
        """Take the user name out of an answer, if the mechanism puts it there."""
        if self._mechanism == "LOGIN" and self._step <= 1 and not self._user:
            self._user = words(_decoded(answer))
        elif self._mechanism == "PLAIN" and self._step <= 1:
            parts = _decoded(answer).split(b"\0")  # RFC 4616: authorisation identity, name, password
            self._user = words(parts[1]) if len(parts) == 3 else ""
        elif self._mechanism.startswith("SCRAM-") and self._step <= 1:
            for part in _decoded(answer).split(b","):  # RFC 5802: n,,n=name,r=nonce
                if part.startswith(b"n="):
                    self._user = words(part[2:])
        elif self._mechanism == "CRAM-MD5":
            self._user = words(_decoded(answer).rpartition(b" ")[0])  # RFC 2195: name, blank, digest
        elif self._mechanism in ("XOAUTH2", "OAUTHBEARER"):
            for part in _decoded(answer).replace(b",", b"\x01").split(b"\x01"):
                if part.startswith((b"user=", b"a=")):
                    self._user = words(part.partition(b"=")[2])


def _decoded(answer: bytes) -> bytes:
    try:
        return base64.b64decode(answer, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _challenge(text: str) -> str:
    """Return what the server asks for: "Username:" instead of its base64."""
    decoded = words(_decoded(text.encode("ascii", "replace")).rstrip(b"\0"), 256)
    return decoded or text
