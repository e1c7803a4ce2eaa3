"""Line protocols, SSH, DHCP and QUIC from packets to rows: however segments are cut, the rows are the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from secwatch.sensor.protocols.row import Value
from tests.sensor.frames import ACK, CLIENT, FIN, SERVER, SYN, Timed, datagram, ethernet, ipv4, pcap, segment, udp
from tests.sensor.protocols import test_dhcp, test_quic
from tests.sensor.protocols.hellos import HELLOS
from tests.sensor.reading import Reading, read

SHOWN = ("command", "argument", "user", "reply_code", "mechanism", "method", "accepted", "error", "agent")
FTP = [
    (False, b"220-Welcome\r\n to all\r\n220 FTP\r\n"),
    (True, b"USER clerk\r\n"),
    (False, b"331 Password?\r\n"),
    (True, b"PASS sesame\r\n"),
    (False, b"530 no\r\n"),
    (True, b"RETR report\r\n"),
    (False, b"150 here it comes\r\n"),
    (False, b"226 done\r\n"),
    (True, b"AUTH TLS\r\n"),
    (False, b"234 go\r\n"),
    (True, b"\x16\x03\x03" + bytes(300)),
    (False, b"\x16\x03\x03" + bytes(300)),
]
MAIL = b"".join(b"line %d of a mail\r\n" % number for number in range(300)) + b"QUIT\r\n250 fake\r\n..hidden\r\n.x\r\n"
SMTP = [
    (False, b"220 mail ESMTP\r\n"),
    (True, b"EHLO pc\r\n"),
    (False, b"250-mail\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n"),
    (True, b"AUTH PLAIN AGNsZXJrAHNlc2FtZQ==\r\n"),
    (False, b"235 in\r\n"),
    (True, b"MAIL FROM:<a@city.example>\r\nRCPT TO:<b@city.example>\r\nDATA\r\n"),
    (False, b"250 ok\r\n550 who\r\n"),
    (False, b"503 none\r\n"),
    (True, b"RSET\r\n"),
    (False, b"250 ok\r\n"),
    (True, b"MAIL FROM:<a@city.example>\r\nRCPT TO:<c@city.example>\r\nDATA\r\n"),
    (False, b"250 ok\r\n250 ok\r\n354 go\r\n"),
    (True, b"Subject: x\r\n\r\n" + MAIL + b".\r\nNOOP\r\n"),
    (False, b"250 queued\r\n250 ok\r\n"),
    (True, b"BDAT 3000 LAST\r\n" + b"QUIT\r\n" * 500),
    (False, b"250 queued\r\n"),
    (True, b"QUIT\r\n"),
]
POOL = [
    (True, b'{"id": 1, "method": "login", "params": {"login": "48e", "pass": "x", "agent": "rig/1"}}\n'),
    (True, b'{"params": ["city.one", "x"], "id": 2, "method": "mining.authorize"}\n'),
    (False, b'{"jsonrpc":"2.0","result":{"id":"5f","job":{"id":"1"}},"id":2}\n{"id":1,"error":{"message":"no"}}\n'),
    (False, b'{"id":null,"method":"mining.notify","params":["' + b"0" * 6000 + b'"]}\n{"method":"job"}\n'),
]  # fmt: skip
Exchanges = Sequence[tuple[bool, bytes]]
EXPECTED: dict[str, list[dict[str, Value]]] = {
    "ftp": [
        {"reply_code": 220},
        {"command": "USER", "argument": "clerk", "user": "clerk", "reply_code": 331},
        {"command": "PASS", "argument": "…", "user": "clerk", "reply_code": 530},
        {"command": "RETR", "argument": "report", "user": "clerk", "reply_code": 226},
        {"command": "AUTH", "argument": "TLS", "user": "clerk", "reply_code": 234},
    ],
    "smtp": [
        {"reply_code": 220},
        {"command": "EHLO", "argument": "pc", "reply_code": 250},
        {"command": "AUTH", "argument": "PLAIN …", "user": "clerk", "mechanism": "PLAIN", "reply_code": 235},
        {"command": "MAIL", "argument": "FROM:<a@city.example>", "reply_code": 250},
        {"command": "RCPT", "argument": "TO:<b@city.example>", "reply_code": 550},
        {"command": "DATA", "reply_code": 503},
        {"command": "RSET", "reply_code": 250},
        {"command": "MAIL", "argument": "FROM:<a@city.example>", "reply_code": 250},
        {"command": "RCPT", "argument": "TO:<c@city.example>", "reply_code": 250},
        {"command": "DATA", "reply_code": 354},
        {"command": ".", "reply_code": 250},
        {"command": "NOOP", "reply_code": 250},
        {"command": "BDAT", "argument": "3000 LAST", "reply_code": 250},
        {"command": "QUIT"},
    ],
    "stratum": [
        {"method": "mining.authorize", "user": "city.one", "accepted": True},
        {"method": "login", "user": "48e", "agent": "rig/1", "accepted": False, "error": "no"},
        {"method": "mining.notify"},
        {"method": "job"},
    ],
}
SPOKEN = {"ftp": (FTP, 21), "smtp": (SMTP, 25), "stratum": (POOL, 3333)}


def connection(exchanges: Exchanges, port: int, service: int, source: random.Random | None = None) -> list[bytes]:
    """The frames of a connection; with a source of chance, cut anywhere and sometimes sent twice.

    The first message comes whole: it tells which service it is.
    """
    frames = [segment(SYN, port=port, service=service, sequence=0)]
    frames.append(segment(SYN | ACK, port=port, service=service, sequence=0, answer=True))
    following = {True: 1, False: 1}
    for from_client, payload in exchanges:
        at = 0
        while at < len(payload):
            whole = source is None or following == {True: 1, False: 1}
            size = min(source.choice((1, 2, 5, 40, 1400)) if source and not whole else 1400, len(payload) - at)
            out = segment(
                ACK, payload[at : at + size], port=port, service=service, sequence=following[from_client],
                answer=not from_client,
            )  # fmt: skip
            frames += [out] * (2 if source and source.random() < 0.1 else 1)
            following[from_client] += size
            at += size
    frames.append(segment(FIN | ACK, port=port, service=service, sequence=following[True]))
    return frames


def timed(frames: Sequence[bytes]) -> list[Timed]:
    return [(1000 + number / 1000, frame) for number, frame in enumerate(frames)]


def shown(rows: Sequence[dict[str, Any]]) -> list[dict[str, Value]]:
    """What a row says, without what is empty."""
    return [{name: row[name] for name in SHOWN if row.get(name) not in (None, "")} for row in rows]


def by_port(reading: Reading, table: str) -> dict[int, list[dict[str, Any]]]:
    """The rows of a table by the port of the client."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in reading.tables[table]:
        found.setdefault(row["source_port"], []).append(row)
    return found


@pytest.fixture(scope="module")
def cut_anywhere(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    """Each conversation whole (port 41000) and in twenty random cuts."""
    source = random.Random(11)
    frames: list[bytes] = []
    for exchanges, service in SPOKEN.values():
        for turn in range(21):
            frames += connection(exchanges, 41000 + turn, service, source if turn else None)
    return read(pcap(tmp_path_factory.mktemp("cut") / "cut.pcap", timed(frames)))


@pytest.mark.parametrize("table", SPOKEN)
def test_rows_of_a_conversation_however_it_is_cut(cut_anywhere: Reading, table: str) -> None:
    found = by_port(cut_anywhere, table)
    assert shown(found[41000]) == EXPECTED[table]
    for port, rows in found.items():
        assert shown(rows) == EXPECTED[table], port
    assert len(found) == 21
    assert not any(cause.startswith("malformed") for cause in cut_anywhere.counters.malformed)
    services = {flow["service"] for flow in cut_anywhere.flows if flow["destination_port"] == SPOKEN[table][1]}
    assert services == {table}


def test_what_only_looks_alike_is_left_alone(tmp_path: Path) -> None:
    other = {
        110: [(False, b"+OK POP3\r\n"), (True, b"USER clerk\r\n")],
        6667: [(True, b"USER a 0 * :b\r\n")],
        9999: [(True, b'{"jsonrpc":"2.0","method":"login","params":{"user":"x"}}\n')],
        9998: [(False, b"220 hello there\r\n"), (True, b"hello yourself\r\n")],
        119: [(False, b"200 news.city.example InterNetNews NNRP server\r\n")],
    }
    frames = [frame for port, said in other.items() for frame in connection(said, 42000, port)]
    reading = read(pcap(tmp_path / "other.pcap", timed(frames)))
    assert not any(reading.tables[table] for table in SPOKEN)


def test_datagrams(tmp_path: Path) -> None:
    discover = test_dhcp.message(test_dhcp.option(53, b"\1") + test_dhcp.option(12, b"pc-7") + b"\xff")
    offer = test_dhcp.message(test_dhcp.option(53, b"\2") + b"\xff", operation=2)
    large = HELLOS["post-quantum"]
    first = test_quic.sealed(test_quic.crypto(0, large[:1000]))
    second = test_quic.sealed(test_quic.crypto(1000, large[1000:]), number=1)
    answer = test_quic.sealed(b"\x02\0\0\0\0", keys=(bytes(16), bytes(12), bytes(16)))
    frames = [
        datagram(discover, port=68, service=67),
        datagram(offer, port=68, service=67, answer=True),
        datagram(first, port=43000, service=443),
        datagram(second, port=43000, service=443),
        datagram(answer, port=43000, service=443, answer=True),
        datagram(test_quic.sealed(test_quic.crypto(0, HELLOS["browser"]), 0x6B3343CF), port=43001, service=8443),
        datagram(first[:-1] + b"\0", port=43002, service=443),
    ]
    reading = read(pcap(tmp_path / "datagrams.pcap", timed(frames)))
    assert [(row["message_type"], row["host_name"]) for row in reading.dhcp] == [("DISCOVER", "pc-7"), ("OFFER", "")]
    assert [(row["version"], row["server_name"], row["source_port"]) for row in reading.quic] == [
        ("1", "pq.city.example", 43000),
        ("2", "portal.city.example", 43001),
    ]
    assert {flow["source_port"]: flow["service"] for flow in reading.flows} == {
        68: "dhcp", 43000: "quic", 43001: "quic", 43002: "quic",
    }  # fmt: skip
    assert reading.counters.malformed == {"malformed_quic": 1}


@pytest.mark.parametrize(
    ("receiver", "operation", "source"),
    [(CLIENT, 2, CLIENT), ("255.255.255.255", 2, SERVER), (CLIENT, 1, SERVER)],
    ids=["to one", "to all", "no answer"],
)
def test_a_dhcp_answer_is_to_its_client(tmp_path: Path, receiver: str, operation: int, source: str) -> None:
    """The question was a broadcast, so the answer begins a flow; as in Zeek its client is the source all the same."""
    message = test_dhcp.message(test_dhcp.option(53, b"\2") + b"\xff", operation=operation)
    frame = ethernet(ipv4(udp(message, (67, 68)), 17, SERVER, receiver))
    reading = read(pcap(tmp_path / "f.pcap", timed([frame])))
    (flow,) = reading.flows
    turned = source == CLIENT
    assert (flow["source_address"], flow["source_port"]) == (source, 68 if turned else 67)
    assert (flow["history"], flow["connection_state"]) == (("^d", "SHR") if turned else ("D", "S0"))
    (row,) = reading.dhcp
    assert (row["source_address"], row["message_type"]) == (source, "OFFER")


def test_real_captures_have_the_rows_that_tshark_and_zeek_tell(captures: Path) -> None:
    ftp = read(captures / "zeek__ftp_bruteforce.pcap").ftp
    assert Counter((row["command"], row["reply_code"]) for row in ftp) == {
        ("", 220): 30, ("USER", 331): 30, ("PASS", 530): 30, ("QUIT", 221): 30,
    }  # fmt: skip
    assert {row["user"] for row in ftp if row["command"]} == {"bro"}
    ssh = read(captures / "zeek__ssh_sshguess.pcap").ssh
    assert Counter((row["authentication"], row["attempts"]) for row in ssh) == {
        ("failure", 2): 7, ("failure", 3): 2, ("failure", 4): 2,
    }  # fmt: skip
    [hassh] = read(captures / "suricata-verify__ssh-hassh_input.pcap").ssh
    assert (hassh["hassh"], hassh["hassh_server"]) == (
        "2dd6531c7e89d3c925db9214711be76a", "6832f1ce43d4397c2c0a3e2f8c94334e",
    )  # fmt: skip
    dhcp = read(captures / "zeek__dhcp_dhcp.pcap").dhcp
    assert [row["message_type"] for row in dhcp] == [
        "DISCOVER", "OFFER", "REQUEST", "NAK", "REQUEST", "ACK", "DECLINE", "RELEASE", "INFORM",
    ]  # fmt: skip
    smtp = read(captures / "community-id-spec__pcaps_ipv6.pcap").smtp
    assert [(row["command"], row["reply_code"]) for row in smtp] == [("", 220), ("EHLO", 250)]


def test_certificates_stand_in_the_row_of_their_handshake(captures: Path) -> None:
    names = ("zeek__tls_tls-expired-cert.pcap", "zeek-asyncrat-detector__cd010953-5faf-4054-86be-58c020c3a532.pcap",
             "suricata-verify__tls_tls-glupteba_input.pcap", "suricata-verify__ja4-tls_input.pcap")  # fmt: skip
    rows = [row for name in names for row in read(captures / name).tls if row["certificate_sha256"]]
    found = {row["certificate_subject"]: row for row in rows}
    assert found["CN=AsyncRAT Server"]["certificate_sha256"] == (
        "ce772ec37d88351f43e6350c6c2b9777c9a7855f2a55184fba784e5e7df9e3eb"
    )
    assert found["CN=AsyncRAT Server"]["certificate_self_signed"] is True
    expired = found["CN=www.spidh.org,OU=COMODO SSL,OU=Domain Control Validated"]
    assert expired["certificate_not_after"] == 1393977599 * 10**6
    assert (expired["certificate_key_bits"], expired["certificate_signature"]) == (2048, "sha1")
    assert expired["certificate_chain_length"] == 2
    assert found["CN=xn--j1ahhq.xn--p1ai"]["certificate_issuer"] == "CN=R3,O=Let's Encrypt,C=US"
