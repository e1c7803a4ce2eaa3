"""Good exchanges of every protocol with a parser, for mutation to start from: those made by hand for the tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import cache

from tests.sensor.hostile import corpus
from tests.sensor.protocols import windows_messages as made
from tests.sensor.protocols.test_hostile import PARSERS, REPLY

Exchange = tuple[bytes, bytes]
# Ports whose payloads in the real captures are of the service.
_PORTS = {
    "smb": (139, 445), "kerberos": (88,), "ldap": (389, 1389), "rdp": (3389,), "dce_rpc": (135,), "ssh": (22,),
    "ftp": (21,), "smtp": (25, 587), "dhcp": (67, 68), "quic": (443,), "stratum": (3333,),
}  # fmt: skip
_FILE = bytes(range(16))


def _smb() -> list[Exchange]:
    def both(command: int, asked: bytes, answered: bytes, status: int = 0) -> Exchange:
        request = made.netbios(made.smb2(command, asked))
        return request, made.netbios(made.smb2(command, answered, response=True, status=status))

    def within(message: bytes) -> bytes:
        return struct.pack("<HHII", 49, 112, len(message), 0) + bytes(4) + _FILE + bytes(16) + message

    token = made.challenge("DC1", "city.test")
    third = made.authenticate("eve", "CITY", "PC1", bytes(99))
    return [
        both(1, struct.pack("<HBBIIIHHQ", 25, 0, 1, 0, 0, 0, 88, len(third), 0) + third, b"\x09\0\0\0\x48\0\0\0"),
        both(1, bytes(24), struct.pack("<HHHH", 9, 0, 72, len(token)) + token, 0xC0000016),
        both(3, made.tree_connect(r"\\10.0.0.5\IPC$"), struct.pack("<HBBIII", 16, 1, 0, 0, 0, 0)),
        both(5, made.create("svcctl"), made.created(1, 0, _FILE)),
        both(11, within(made.bind(made.SVCCTL)), within(made.bind_ack(0))),
        both(11, within(made.request(12, made.text("x"))), within(made.response(bytes(24)))),
        both(5, made.create("PSEXESVC.exe"), made.created(2, 0, _FILE)),
        (
            made.netbios(
                made.smb1(0x75, struct.pack("<BBHHH", 0xFF, 0, 0, 0, 1), b"\0" + b"\\\0\\\0s\0\\\0C\0$\0\0\0")
            ),
            made.netbios(made.smb1(0x75, bytes(6), b"A:\0", response=True)),
        ),
        (made.netbios(made.smb1(0x32, bytes(30), bytes(20))), made.netbios(made.smb1(0x32, bytes(20), response=True))),
    ]


def _dce_rpc() -> list[Exchange]:
    stub = bytes(4) + made.text("DC1") + made.text("WS") + bytes(12)
    third = made.call(16, bytes(4), token=made.authenticate("eve", "CITY", "PC1", bytes(99)), level=2)
    return [
        (made.bind(made.NETLOGON, made.EFSRPC), made.bind_ack(0, 0, token=made.challenge("DC1", "city.test"))),
        (third, b""),
        (made.request(4, stub), made.response(bytes(12))),
        (made.request(26, stub), made.response(bytes(20))),
        (made.request(0, made.text(r"\\10.0.0.9\share\x") + bytes(4), context=1), made.call(3, bytes(16))),
        (made.bind(made.DRSUAPI), made.call(13, b"\2\0")),
    ]


def _kerberos() -> list[Exchange]:
    asked = made.ticket_request(0x6A, "roast", ("krbtgt", "CITY.TEST"), (18, 23), 2, 128)
    service = made.ticket_request(0x6C, "", ("MSSQLSvc", "db.city.test:1433"), (23,), 1)
    return [
        (asked, made.ticket_reply(0x6B, "roast", ("krbtgt", "CITY.TEST"), 18, 23)),
        (service, made.ticket_reply(0x6D, "roast", ("MSSQLSvc", "db.city.test:1433"), 23, 23)),
        (asked, made.kerberos_error(25)),
        (struct.pack(">I", len(asked)) + asked, b""),
    ]


def _rdp() -> list[Exchange]:
    return [
        (made.connection_request("admin", 3), made.connection_confirm(2, 2)),
        (made.connection_request("", 0), made.connection_confirm(3, 5)),
    ]


def _ldap() -> list[Exchange]:
    both = made.der(0xA0, made.der(0xA3, made.der(4, b"objectClass"), made.der(4, b"user")), made.der(0x87, b"mail"))
    bind = made.der(0x60, made.integer(3), made.der(4, b"cn=admin"), made.der(0x80, b"secret"))
    change = made.der(0x30, made.der(10, b"\0"), made.der(0x30, made.der(4, b"member"), made.der(0x31)))
    return [
        (made.ldap(1, bind), made.ldap(1, made.ldap_result(0x61, 49, "data 52e"))),
        (made.ldap(2, made.ldap_search("dc=city", both, "member", "mail")), made.ldap(2, made.ldap_result(0x65, 0))),
        (made.ldap(3, made.der(0x66, made.der(4, b"cn=x"), made.der(0x30, change))), b""),
        (made.ldap(4, made.der(0x4A, b"cn=x")), made.ldap(4, made.ldap_result(0x6B, 0))),
    ]


def _internet() -> dict[str, list[Exchange]]:
    lines = [(b"USER clerk\r\n", b"331 Password, please\r\n"), (b"PASS x\r\n", b"530-no\r\n530 no\r\n")]
    mail = [
        (b"", b"220 mail.city.example ESMTP\r\n"),
        (b"EHLO pc-7\r\n", b"250-mail\r\n250-AUTH LOGIN PLAIN\r\n250 STARTTLS\r\n"),
        (b"AUTH LOGIN\r\n", b"334 VXNlcm5hbWU6\r\n"),
        (b"Y2xlcms=\r\n", b"334 UGFzc3dvcmQ6\r\n"),
    ]
    mining = b'{"id":1,"method":"mining.authorize","params":["wallet.worker","x"]}\n'
    found: dict[str, list[Exchange]] = {"ftp": lines, "smtp": mail}
    found["stratum"] = [(mining, b'{"id":1,"result":true,"error":null}\n')]
    for service, (_, seed) in PARSERS.items():
        found.setdefault(service, []).append((seed, REPLY if service in ("ftp", "smtp") else b""))
    return found


@cache
def exchanges() -> Mapping[str, Sequence[Exchange]]:
    """Good exchanges by service, in an order in which a flow could have them; payloads of real captures behind."""
    found = {"smb": _smb(), "dce_rpc": _dce_rpc(), "kerberos": _kerberos(), "rdp": _rdp(), "ldap": _ldap()}
    found |= _internet()
    for service, ports in _PORTS.items():
        asked = [data for _, to, data in corpus.payloads() if to in ports][:60]
        answered = [data for source, _, data in corpus.payloads() if source in ports][:60]
        found.setdefault(service, []).extend(zip(asked, answered, strict=False))
    return found
