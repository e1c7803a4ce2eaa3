"""No bytes make a parser raise anything but Malformed, hang, or give what its table cannot hold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secwatch.core.columns import Kind
from secwatch.core.tables import TABLES
from secwatch.sensor.protocols import certificate, client_hello, der, dhcp, ftp, quic, smtp, ssh, stratum
from secwatch.sensor.protocols.row import Malformed, Parse, Row
from tests.sensor.protocols import test_certificate, test_dhcp, test_quic, test_ssh
from tests.sensor.protocols.hellos import HELLOS

MOST = {Kind.UINT8: 2**8, Kind.UINT16: 2**16, Kind.UINT32: 2**32, Kind.UINT64: 2**64}


def _certificate(request: bytes, response: bytes) -> Iterable[Row]:
    return [Row("tls", certificate.facts(request))]


def _hello(request: bytes, response: bytes) -> Iterable[Row]:
    found = client_hello.read(request, "q")
    return [Row("quic", {"server_name": found.server_name, "application_protocols": found.protocols[:64]})]


def _quic(request: bytes, response: bytes) -> Iterable[Row]:
    """Seal the bytes as frames, so that they come behind the decryption."""
    return quic.Conversation().parse(test_quic.sealed(request), b"")


SSH = test_ssh.record(1, b"SSH-2.0-x") + test_ssh.record(3, test_ssh.CLIENT) + test_ssh.record(4, test_ssh.SERVER)
SSH += test_ssh.record(5, bytes.fromhex("81000030803000408050"))
DHCP = test_dhcp.message(test_dhcp.option(53, b"\5") + test_dhcp.option(81, b"\4\0\0\4pc-7") + b"\xff", operation=2)
CHAIN = test_certificate.message(test_certificate.made(test_certificate.RSA))
PARSERS: dict[str, tuple[Callable[[], Parse], bytes]] = {
    "ssh": (lambda: ssh.parse, SSH),
    "ftp": (lambda: ftp.Conversation().parse, b"USER clerk\r\n"),
    "smtp": (lambda: smtp.Conversation().parse, b"AUTH PLAIN AGNsZXJrAHNlc2FtZQ==\r\n"),
    "stratum": (lambda: stratum.parse, b'{"id":1,"method":"login","params":{"login":"x","algo":["rx/0"]}}\n'),
    "dhcp": (lambda: dhcp.parse, DHCP),
    "quic": (lambda: quic.Conversation().parse, test_quic.sealed(test_quic.crypto(0, HELLOS["browser"]))),
    "frames": (lambda: _quic, b"\x02\x05\x00\x01\x00\x02\x03" + test_quic.crypto(0, HELLOS["browser"])),
    "hello": (lambda: _hello, HELLOS["browser"][4:]),
    "certificate": (lambda: _certificate, CHAIN),
}
REPLY = b"250-ok\r\n250 done\r\n"


def fits(row: Row) -> bool:
    """Whether the table has these columns and they can hold the values."""
    for name, value in row.values.items():
        kind = TABLES[row.table].column(name).kind
        texts = [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else []
        assert len(texts) <= 64, name
        for text in texts:
            if isinstance(text, str):
                assert len(text.encode()) <= 1024, name
                assert "\x1b" not in text, name
        if kind in MOST and value is not None:
            assert isinstance(value, int), name
            assert 0 <= value < MOST[kind], name
    return True


def ask(parse: Parse, request: bytes, response: bytes) -> None:
    """Parse; what is given must fit, and nothing but Malformed may be raised."""
    try:
        assert all(fits(row) for row in parse(request, response))
    except Malformed:
        return


def mutated(data: bytes, source: random.Random) -> bytes:
    """The bytes with some changed, cut, doubled or put in."""
    out = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        at = source.randrange(len(out) + 1)
        action = source.randrange(5)
        if action == 0:
            out[at : at + 1] = bytes([source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))])
        elif action == 1 and len(out) > 8:
            del out[at : at + source.randrange(1, 8)]
        elif action == 2:
            out[at:at] = source.randbytes(source.randrange(8))
        elif action == 3:
            out[at:at] = out[at : at + source.randrange(64)]
        else:
            out[at : at + 2] = source.choice((b"\0\0", b"\xff\xff", b"\x80\0"))
    return bytes(out)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600), st.binary(max_size=80))
def test_random_bytes(name: str, request_bytes: bytes, response: bytes) -> None:
    parser, _ = PARSERS[name]
    ask(parser(), request_bytes, response)
    ask(parser(), b"", response)


@pytest.mark.parametrize("name", PARSERS)
def test_mutated_messages(name: str) -> None:
    parser, seed = PARSERS[name]
    source = random.Random(20261123)
    parse = parser()
    for turn in range(400):
        if turn % 20 == 0:
            parse = parser()
        ask(parse, mutated(seed, source), mutated(REPLY, source) if turn % 2 else b"")


@given(st.binary(max_size=200))
def test_der_of_anything(data: bytes) -> None:
    """Walking never leaves the data, and ends."""
    try:
        outer = der.item(data, 0, len(data))
    except Malformed:
        return
    assert 0 <= outer.start <= outer.end <= len(data) or not outer.whole
    assert len(list(der.some(outer.items()))) <= 64
    assert isinstance(der.name_of(outer), str)
    der.moment_of(outer)
