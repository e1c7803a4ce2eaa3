"""SMB: one connection of version 1 or 2 (which 3 is too), and what passes through its named pipes."""

from __future__ import annotations

from collections.abc import Iterator

from secwatch.sensor.protocols.octets import little
from secwatch.sensor.protocols.row import Malformed, Row
from secwatch.sensor.protocols.smb1 import Smb1
from secwatch.sensor.protocols.smb1_blocks import VERSION_1
from secwatch.sensor.protocols.smb2 import VERSION_2, Smb2
from secwatch.sensor.protocols.smb_memory import Memory

_COMPRESSED = b"\xfcSMB"
_NETBIOS = 4  # bytes of length before every message


class SmbConversation:
    """One connection; it may begin with version 1 and go on with 2."""

    def __init__(self) -> None:
        memory = Memory()
        self._first, self._second = Smb1(memory), Smb2(memory)

    def parse(self, request: bytes, response: bytes) -> Iterator[Row]:
        """Yield the rows of an exchange: of the SMB commands, of calls through pipes, of log-ins."""
        asked, answered = request[_NETBIOS:], response[_NETBIOS:]
        if asked[:4] == VERSION_1 and answered[:4] == VERSION_2:  # the server goes on with version 2
            yield from self._first.parse(asked, b"")
            yield from self._second.parse(b"", answered)
        elif VERSION_2 in (asked[:4], answered[:4]):
            yield from self._second.parse(asked, answered)
        elif VERSION_1 in (asked[:4], answered[:4]):
            yield from self._first.parse(asked, answered)
        elif _COMPRESSED in (asked[:4], answered[:4]):
            yield _compressed(asked or answered)
        else:
            raise Malformed


def _compressed(data: bytes) -> Row:
    """Return the row of a compressed message with sizes that no message has, [MS-SMB2] 2.2.42."""
    return Row(
        "smb",
        {"version": 2, "command": "COMPRESSED", "data_bytes": max(little(data, 4, 4), little(data, 12, 4))},
    )
