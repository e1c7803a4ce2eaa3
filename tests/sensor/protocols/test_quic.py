"""QUIC: packets sealed as the standards say are opened, in all versions, over several packets, and only those."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from secwatch.sensor.protocols import quic
from secwatch.sensor.protocols.row import Malformed
from tests.sensor.protocols.hellos import HELLOS

IDENTIFIER = bytes.fromhex("8394c8f03e515708")
# Keys of the client as RFC 9001 (A.1) and RFC 9369 (A.1) print them for that identifier.
PUBLISHED = {
    1: ("1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"),
    0x6B3343CF: ("8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"),
}
DRAFT_29 = 0xFF00001D
Keys = tuple[bytes, bytes, bytes]


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    name = b"tls13 " + label
    return HKDFExpand(hashes.SHA256(), size, struct.pack(">HB", size, len(name)) + name + b"\0").derive(secret)


def keys_of(version: int, identifier: bytes) -> Keys:
    """Key, nonce and header key of the client, by the library's own key derivation."""
    salt = {1: quic._SALT_1, 0x6B3343CF: quic._SALT_2, DRAFT_29: quic._SALT_29}[version]
    extract = HMAC(salt, hashes.SHA256())
    extract.update(identifier)
    secret = _expand(extract.finalize(), b"client in", 32)
    label = b"quicv2 " if version == 0x6B3343CF else b"quic "
    return _expand(secret, label + b"key", 16), _expand(secret, label + b"iv", 12), _expand(secret, label + b"hp", 16)


def sealed(
    frames: bytes, version: int = 1, *, identifier: bytes = IDENTIFIER, number: int = 0, keys: Keys | None = None,
    token: bytes = b"", least: int = 1200,
) -> bytes:  # fmt: skip
    """An Initial packet of a client."""
    key, nonce, header_key = keys or keys_of(version, identifier)
    head = struct.pack(">IB", version, len(identifier)) + identifier + b"\x01\x99"
    head += struct.pack(">H", 0x4000 | len(token)) + token
    frames = frames.ljust(least - len(head) - 3 - 4 - 16, b"\0")
    first = (0xD0 if version == 0x6B3343CF else 0xC0) | 3
    head = bytes([first]) + head + struct.pack(">H", 0x4000 | (4 + len(frames) + 16)) + struct.pack(">I", number)
    moment = (int.from_bytes(nonce, "big") ^ number).to_bytes(12, "big")
    out = bytearray(head + AESGCM(key).encrypt(moment, frames, head))
    at = len(head) - 4
    cipher = Cipher(algorithms.AES128(header_key), modes.ECB())  # noqa: S305 - RFC 9001, 5.4
    mask = cipher.encryptor().update(bytes(out[at + 4 : at + 20]))
    out[0] ^= mask[0] & 0x0F
    for index in range(4):
        out[at + index] ^= mask[1 + index]
    return bytes(out)


def crypto(offset: int, data: bytes) -> bytes:
    return b"\x06" + struct.pack(">IH", 0x80000000 | offset, 0x4000 | len(data)) + data


def rows(datagrams: Sequence[bytes]) -> list[dict[str, Any]]:
    """The rows of a flow."""
    conversation = quic.Conversation()
    return [dict(row.values) for datagram in datagrams for row in conversation.parse(datagram, b"")]


HELLO = HELLOS["browser"]
LARGE = HELLOS["post-quantum"]


@pytest.mark.parametrize("version", PUBLISHED)
def test_packets_sealed_with_published_keys(version: int) -> None:
    key, nonce, header_key = (bytes.fromhex(text) for text in PUBLISHED[version])
    [row] = rows([sealed(crypto(0, HELLO), version, keys=(key, nonce, header_key), number=2)])
    assert row["version"] == ("1" if version == 1 else "2")
    assert row["server_name"] == "portal.city.example"
    assert row["application_protocols"] == ["h2", "http/1.1"]
    assert row["ja4"].startswith("q13d1111h2_")


def test_draft_29() -> None:
    [row] = rows([sealed(crypto(0, HELLO), DRAFT_29)])
    assert row["version"] == "draft-29"


def test_a_large_hello_over_packets_in_any_order_with_noise() -> None:
    ack = b"\x02\x05\x00\x01\x00\x02\x03"
    first = sealed(b"\x01" + crypto(300, LARGE[300:1100]) + crypto(0, LARGE[:310]))
    second = sealed(ack + crypto(1000, LARGE[1000:]) + b"\0\0", number=1)
    for order in ((first, second), (second, first), (second, second, first, first)):
        [row] = rows(order)
        assert row["server_name"] == "pq.city.example"
    assert rows([first]) == []


def test_later_packets_of_the_connection_give_no_row() -> None:
    # Behind the server's answer the client addresses it by another identifier, with the same keys.
    later = sealed(b"\x02\x00\x00\x00\x00", identifier=b"server-9", keys=keys_of(1, IDENTIFIER), number=3)
    assert len(rows([sealed(crypto(0, HELLO)), later, later])) == 1


def test_a_retry_gives_one_row_and_a_new_connection_another() -> None:
    first = sealed(crypto(0, HELLO))
    again = sealed(crypto(0, HELLO), identifier=b"retried!", token=b"t" * 60)
    assert len(rows([first, again])) == 1
    parts = crypto(0, LARGE[:1000]), crypto(1000, LARGE[1000:])
    opened = [sealed(part, identifier=b"new-one!", number=number) for number, part in enumerate(parts)]
    assert [row["server_name"] for row in rows([first, *opened])] == ["portal.city.example", "pq.city.example"]


def test_two_packets_in_one_datagram() -> None:
    both = sealed(crypto(0, HELLO[:200]), least=300) + sealed(crypto(200, HELLO[200:]), number=1, least=900)
    assert len(rows([both])) == 1


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        bytes(1200),
        sealed(crypto(0, HELLO))[:-1] + b"\0",
        sealed(crypto(0, HELLO))[:900],
        sealed(crypto(0, b"\x02" + HELLO[1:])),
        sealed(crypto(0, b"\x01\xff\xff\xff" + HELLO[4:])),
        sealed(crypto(9000, HELLO)),
        sealed(b"\x1f" + HELLO),
        sealed(b"\x02\x00\x00\xbf\xff\xff\xff"),
    ],
)
def test_what_is_not_a_first_flight(packet: bytes) -> None:
    with pytest.raises(Malformed):
        rows([packet])


def test_what_is_remembered_is_bounded() -> None:
    conversation = quic.Conversation()
    for number in range(200):
        try:
            assert not list(conversation.parse(sealed(crypto(30 * number, b"\x01" * 20), number=number), b""))
        except Malformed:
            continue
    assert sum(len(data) for _, data in conversation._crypto._pieces) <= 8192
