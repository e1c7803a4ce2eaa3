"""FTP (RFC 959): every command with its final reply, and who is logging in. Passwords are never taken.

The first row of a connection is the server's greeting, without a command. A reply 1yz says only that another
will follow: it gives no row, and the command waits for the reply that completes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from secwatch.sensor.protocols.replies import command_of, reply_of
from secwatch.sensor.protocols.row import Malformed, Row
from secwatch.sensor.protocols.words import words

_SECRETS = frozenset({"PASS", "ACCT", "ADAT"})
LEFT_OUT = "…"


class Conversation:
    """One control connection; remembers the user name that the server was told last."""

    def __init__(self) -> None:
        self._user = ""

    def parse(self, request: bytes, response: bytes) -> Iterable[Row]:
        """Return the row of a command and its reply. Raise Malformed for what is neither."""
        code, text = reply_of(response) if response else (None, "")
        command, argument = command_of(request) if request else ("", b"")
        if request and not command:
            raise Malformed
        shown = words(argument)
        if command == "USER":
            self._user = shown
        elif command in _SECRETS:
            shown = LEFT_OUT if argument else ""
        elif command == "REIN":
            self._user = ""
        values = {"command": command, "argument": shown, "user": self._user, "reply_code": code, "reply": text}
        return [Row("ftp", values)]
