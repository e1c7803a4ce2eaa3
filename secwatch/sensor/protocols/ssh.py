"""SSH 2 (RFC 4253): banners, HASSH, algorithms agreed on, and whether log-ins failed or succeeded, by sizes alone.

`request` is a list of records, each type (1 byte), length (2 bytes, big-endian), content, in order of arrival:

1. banner of the client,
2. banner of the server,
3. SSH_MSG_KEXINIT of the client, from the message number 20 on,
4. the same of the server,
5. payload sizes of the encrypted segments, 2 bytes each, top bit set where the server sent it.

HASSH: github.com/salesforce/hassh (BSD-3-Clause). The judgement of log-ins is in `ssh_logins`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from secwatch.sensor.protocols.row import Malformed, Row, Value
from secwatch.sensor.protocols.ssh_logins import Lengths, judge
from secwatch.sensor.protocols.words import words

CLIENT_BANNER, SERVER_BANNER, CLIENT_KEXINIT, SERVER_KEXINIT, SIZES = range(1, 6)
# The lists of SSH_MSG_KEXINIT, RFC 4253, 7.1.
_KEX, _HOST_KEY, _CIPHER_C, _CIPHER_S, _MAC_C, _MAC_S, _COMPRESSION_C, _COMPRESSION_S = range(8)
_LONGEST_BANNER = 255  # RFC 4253, 4.2
_NOT_ALGORITHMS = (b"ext-info-", b"kex-strict-")  # signals in the list of key exchanges: RFC 8308, OpenSSH's PROTOCOL

Lists = Sequence[bytes]


def parse(request: bytes, response: bytes) -> Iterable[Row]:
    """Return the row of a connection. Raise Malformed if the records are not what they should be."""
    del response
    records = dict(_records(request))
    client = _lists(records.get(CLIENT_KEXINIT, b""))
    server = _lists(records.get(SERVER_KEXINIT, b""))
    banner = words(records.get(CLIENT_BANNER, b"").rstrip(b"\r\n"), _LONGEST_BANNER)
    values: dict[str, Value] = {
        "client": banner,
        "server": words(records.get(SERVER_BANNER, b"").rstrip(b"\r\n"), _LONGEST_BANNER),
        "hassh": _hassh(client, (_KEX, _CIPHER_C, _MAC_C, _COMPRESSION_C)),
        "hassh_server": _hassh(server, (_KEX, _CIPHER_S, _MAC_S, _COMPRESSION_S)),
        "key_exchange": words(_agreed(client, server, _KEX), 128),
        "host_key": words(_agreed(client, server, _HOST_KEY), 128),
        "cipher": words(_agreed(client, server, _CIPHER_C), 128),
    }
    lengths = Lengths(_agreed(client, server, _CIPHER_S), _agreed(client, server, _MAC_S))
    verdict = judge(_sizes(records.get(SIZES, b"")), lengths, banner)
    return [Row("ssh", values | {"authentication": verdict.outcome, "attempts": verdict.attempts})]


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 3 <= len(data):
        size = int.from_bytes(data[offset + 1 : offset + 3], "big")
        yield data[offset], data[offset + 3 : offset + 3 + size]
        offset += 3 + size


def _lists(message: bytes) -> Lists:
    """Return the eight lists of names of a key exchange message, none where it was not seen or is cut short."""
    if not message:
        return ()
    if message[0] != 20:
        raise Malformed
    lists = []
    offset = 17  # the message number and 16 bytes of cookie
    for _ in range(8):
        size = int.from_bytes(message[offset : offset + 4], "big")
        if offset + 4 > len(message) or size > len(message) - offset - 4:
            return ()
        lists.append(message[offset + 4 : offset + 4 + size])
        offset += 4 + size
    return lists


def _hassh(lists: Lists, chosen: tuple[int, ...]) -> str:
    if not lists:
        return ""
    return hashlib.md5(b";".join(lists[index] for index in chosen), usedforsecurity=False).hexdigest()


def _agreed(client: Lists, server: Lists, which: int) -> bytes:
    """Return the first name of the client's list that the server's list has too, RFC 4253, 7.1."""
    if not client or not server:
        return b""
    offered = set(server[which].split(b","))
    for name in client[which].split(b","):
        if name in offered and not name.startswith(_NOT_ALGORITHMS):
            return name
    return b""


def _sizes(data: bytes) -> list[tuple[bool, int]]:
    """Return (whether the server sent it, bytes) of every encrypted segment."""
    numbers = [int.from_bytes(data[offset : offset + 2], "big") for offset in range(0, len(data) - 1, 2)]
    return [(bool(number & 0x8000), number & 0x7FFF) for number in numbers]
