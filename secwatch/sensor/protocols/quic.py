"""QUIC's first flight (RFC 9000, 9001, 9369; draft 29 to 34): Initial packets decrypted, their ClientHello read.

The keys of Initial packets follow from the connection identifier that the client chose, which is in the packet:
encryption here keeps out accidents, not listeners. A hello with post-quantum keys needs two packets or more, so
the parser remembers: it is given every datagram of the client that begins with an Initial packet, as
`request`, and gives one row when the hello is whole. A later packet of the same connection gives none, nor does
the hello that is sent again after a Retry; a new connection within the same flow (same addresses and ports)
gives a row of its own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secwatch.sensor.protocols import client_hello
from secwatch.sensor.protocols.octets import big
from secwatch.sensor.protocols.row import Malformed, Row
from secwatch.sensor.protocols.words import exactly

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SALT_1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")  # RFC 9001, 5.2
_SALT_2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")  # RFC 9369, 3.3.1
_SALT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")  # draft-ietf-quic-tls-29, 5.2
VERSION_2 = 0x6B3343CF
# number → (name, salt, label of keys)
_VERSIONS = {
    1: ("1", _SALT_1, b"quic"),
    VERSION_2: ("2", _SALT_2, b"quicv2"),
    **{0xFF000000 + draft: (f"draft-{draft}", _SALT_29, b"quic") for draft in range(29, 33)},
    **{0xFF000000 + draft: (f"draft-{draft}", _SALT_1, b"quic") for draft in range(33, 35)},
}
_LONGEST_HELLO = 8192  # bytes of handshake that are kept: those with post-quantum keys have about 1,900
_MOST_PIECES = 128  # CRYPTO frames of one hello; browsers cut it into a dozen
_MOST_PACKETS = 16  # datagrams without a whole hello before the rest is ignored
_MOST_COALESCED = 8  # packets of one datagram
_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO, _CLOSE = 0x00, 0x01, 0x02, 0x03, 0x06, 0x1C


@dataclass(frozen=True)
class _Packet:
    """A protected Initial packet. `number_at` is where its packet number begins, `stop` where the packet ends."""

    data: bytes
    start: int
    number_at: int
    stop: int
    version: int
    identifier: bytes
    token: int  # its length


class _Keys:
    """Keys of the client's Initial packets."""

    def __init__(self, version: int, identifier: bytes):
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        _, salt, label = _VERSIONS[version]
        secret = _expand(hmac.digest(salt, identifier, "sha256"), b"client in", 32)
        self._seal: AESGCM = AESGCM(_expand(secret, label + b" key", 16))
        self._nonce = int.from_bytes(_expand(secret, label + b" iv", 12), "big")
        mask = Cipher(algorithms.AES128(_expand(secret, label + b" hp", 16)), modes.ECB())  # noqa: S305 - RFC 9001, 5.4
        self._mask: Any = mask.encryptor()

    def open(self, packet: _Packet) -> bytes | None:
        """Return the frames of the packet, None if it was not sealed with these keys."""
        from cryptography.exceptions import InvalidTag

        sample = packet.data[packet.number_at + 4 : packet.number_at + 20]
        if len(sample) < 16:
            return None
        mask = self._mask.update(sample)
        first = packet.data[packet.start] ^ (mask[0] & 0x0F)
        size = (first & 3) + 1
        number = bytes(
            value ^ key for value, key in zip(packet.data[packet.number_at :], mask[1 : 1 + size], strict=False)
        )
        head = bytes([first]) + packet.data[packet.start + 1 : packet.number_at] + number
        nonce = (self._nonce ^ int.from_bytes(number, "big")).to_bytes(12, "big")
        try:
            return self._seal.decrypt(nonce, packet.data[packet.number_at + size : packet.stop], head)
        except InvalidTag:
            return None


class Conversation:
    """The packets of one flow."""

    def __init__(self) -> None:
        self._keys: _Keys | None = None
        self._crypto = _Handshake()
        self._version = 0
        self._left = _MOST_PACKETS
        self._last: Row | None = None
        self._retried = False  # whether the client shows a token

    def parse(self, request: bytes, response: bytes) -> Iterable[Row]:
        """Return the row of a connection, if this datagram makes its hello whole. Raise Malformed."""
        del response
        opened = False
        for packet in _initials(request):
            frames = self._open(packet)
            if frames is None:
                continue
            opened = True
            if self._left:
                self._crypto.take(frames)
        if not opened:
            if self._keys is None:
                raise Malformed
            return ()
        if not self._left:
            return ()
        body = self._crypto.client_hello()
        self._left = self._left - 1 if body is None else 0
        if not self._left:
            self._crypto = _Handshake()
        if body is None:
            return ()
        row = _row(self._version, client_hello.read(body, "q"))
        last, self._last = self._last, row
        return () if self._retried and row == last else (row,)

    def _open(self, packet: _Packet) -> bytes | None:
        """Return the frames of a packet of this connection, or of a new one."""
        if self._keys is not None:
            frames = self._keys.open(packet)
            if frames is not None:
                return frames
        keys = _Keys(packet.version, packet.identifier)
        frames = keys.open(packet)
        if frames is not None:
            self._keys, self._version = keys, packet.version
            self._crypto, self._left, self._retried = _Handshake(), _MOST_PACKETS, packet.token > 0
        return frames


class _Handshake:
    """The handshake bytes of CRYPTO frames, in any order and with overlaps."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []
        self._size = 0

    def take(self, frames: bytes) -> None:
        """Add the CRYPTO frames of a packet. Raise Malformed if they are more than a hello can be."""
        for offset, data in _crypto(frames):
            self._size += len(data)
            if len(self._pieces) >= _MOST_PIECES or max(self._size, offset + len(data)) > _LONGEST_HELLO:
                raise Malformed
            self._pieces.append((offset, data))

    def client_hello(self) -> bytes | None:
        """Return the body of the hello if it is whole. Raise Malformed if something else is there."""
        whole = b""
        for offset, data in sorted(self._pieces):
            if offset > len(whole):
                break
            whole += data[len(whole) - offset :]
        if len(whole) < 4:
            return None
        size = int.from_bytes(whole[1:4], "big")
        if whole[0] != 1 or size > _LONGEST_HELLO:
            raise Malformed
        return whole[4 : 4 + size] if len(whole) >= 4 + size else None


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    """Return HKDF-Expand-Label of RFC 8446, 7.1, of at most 32 bytes, without a context."""
    name = b"tls13 " + label
    text = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0\1"
    return hmac.digest(secret, text, "sha256")[:size]


def _initials(data: bytes) -> Iterator[_Packet]:
    """Yield the Initial packets of a datagram (RFC 9000, 12.2, 17.2.2). Raise Malformed if the first is none."""
    start = 0
    for count in range(_MOST_COALESCED):
        packet = _initial(data, start)
        if packet is None:
            if count == 0:
                raise Malformed
            return
        yield packet
        start = packet.stop


def _initial(data: bytes, start: int) -> _Packet | None:
    if start + 7 > len(data) or data[start] & 0xC0 != 0xC0:
        return None
    version = big(data, start + 1, 4)
    kind = data[start] >> 4 & 3
    if version not in _VERSIONS or kind != (1 if version == VERSION_2 else 0):
        return None
    size = data[start + 5]
    if size > 20:
        raise Malformed
    identifier = exactly(data, start + 6, size)
    offset = start + 6 + size
    offset += 1 + big(data, offset, 1)
    token, offset = _number(data, offset)
    length, offset = _number(data, offset + token)
    if offset + length > len(data) or length < 20:
        raise Malformed
    return _Packet(data, start, offset, offset + length, version, identifier, token)


def _number(data: bytes, offset: int) -> tuple[int, int]:
    """Return a number of variable length (RFC 9000, 16) and the offset behind it. Raise Malformed."""
    size = 1 << (big(data, offset, 1) >> 6)
    return big(data, offset, size) & ((1 << (8 * size - 2)) - 1), offset + size


def _crypto(frames: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of the CRYPTO frames of an Initial packet (RFC 9000, 12.4, table 3). Raise Malformed."""
    place = 0
    while place < len(frames):
        kind = frames[place]
        if kind == _PADDING:
            place = len(frames) - len(frames[place:].lstrip(b"\0"))
            continue
        place += 1
        if kind == _PING:
            continue
        if kind == _CRYPTO:
            offset, place = _number(frames, place)
            size, place = _number(frames, place)
            yield offset, exactly(frames, place, size)
            place += size
        elif kind in (_ACK, _ACK_ECN):
            place = _behind_ack(frames, place, kind)
        elif kind == _CLOSE:
            return
        else:
            raise Malformed


def _behind_ack(frames: bytes, place: int, kind: int) -> int:
    _, place = _number(frames, place)
    _, place = _number(frames, place)
    ranges, place = _number(frames, place)
    for _ in range(2 * ranges + 1 + (3 if kind == _ACK_ECN else 0)):
        _, place = _number(frames, place)  # ends with Malformed at the end of the packet
    return place


def _row(version: int, hello: client_hello.ClientHello) -> Row:
    head, ciphers, extensions = hello.ja4.split("|")
    values = {
        "version": _VERSIONS[version][0],
        "server_name": hello.server_name,
        "application_protocols": hello.protocols[:64],
        "ja3": hashlib.md5(hello.ja3.encode("ascii"), usedforsecurity=False).hexdigest(),
        "ja4": "_".join((head, _short_hash(ciphers), _short_hash(extensions))),
    }
    return Row("quic", values)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else "0" * 12
