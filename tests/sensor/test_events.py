"""DNS, TLS and HTTP: pairs of question and answer, in whatever order and shape they come."""

from __future__ import annotations

import random
import struct
from pathlib import Path

from secwatch.sensor.reader import SensorSettings
from secwatch.sensor.traffic import client_hello
from tests.sensor.frames import (
    ACK,
    CLIENT,
    PSH,
    SERVER,
    datagram,
    dns,
    ethernet,
    ipv4,
    name,
    pcap,
    record,
    segment,
    udp,
)
from tests.sensor.reading import Reading, accounted, read

NXDOMAIN = 0x8183
ANSWER = 0x8180


def _read(
    tmp_path: Path, frames: list[bytes], snaplen: int = 262144, settings: SensorSettings | None = None
) -> Reading:
    timed = [(1e9 + i / 1000, f) for i, f in enumerate(frames)]
    reading = read(pcap(tmp_path / "f.pcap", timed, snaplen=snaplen), settings)
    assert accounted(reading)
    return reading


def test_query_and_answer_are_one_row(tmp_path: Path) -> None:
    answers = [record(5, name("edge.example.net")), record(1, bytes([192, 0, 2, 7]))]
    reading = _read(
        tmp_path,
        [
            datagram(dns(77, "WWW.Example.COM")),
            datagram(dns(77, "WWW.Example.COM", answers=answers, flags=ANSWER), answer=True),
        ],
    )
    (row,) = reading.dns
    assert (row["query"], row["query_type"], row["transaction_id"]) == ("www.example.com", "A", 77)
    assert (row["response_code"], row["answers"]) == ("NOERROR", ["edge.example.net", "192.0.2.7"])
    assert abs(row["round_trip_seconds"] - 0.001) < 1e-9
    assert (row["source_address"], row["destination_port"], row["transport"]) == (CLIENT, 53, "udp")
    assert reading.flows[0]["service"] == "dns"
    assert row["community_id"] == reading.flows[0]["community_id"]


def test_answers_read_as_zeek_writes_them(tmp_path: Path) -> None:
    answers = [
        record(16, b"\x05hello\x03a\\b"),
        record(15, b"\x00\x0a" + name("mail.example.com")),
        record(28, bytes.fromhex("20010db8000000000000000000000001")),
        record(2, b"\xc0\x0c"),
        record(33, bytes(6) + name("service.example.com")),
        record(12, name("host.example.com")),
        record(257, b"\x00\x05issue"),
    ]
    (row,) = _read(tmp_path, [datagram(dns(1, answers=answers, flags=ANSWER), answer=True)]).dns
    assert row["answers"] == [
        "TXT 5 hello TXT 3 a\\x5cb",
        "mail.example.com",
        "2001:db8::1",
        "www.example.com",
        "service.example.com",
        "host.example.com",
        "<unknown type=257>",
    ]
    assert row["round_trip_seconds"] is None
    assert row["source_address"] == CLIENT


def test_an_unanswered_query_is_a_row(tmp_path: Path) -> None:
    (row,) = _read(tmp_path, [datagram(dns(1, "lost.example.com", 16))]).dns
    assert (row["query"], row["query_type"], row["response_code"], row["answers"]) == (
        "lost.example.com",
        "TXT",
        "",
        [],
    )
    assert row["round_trip_seconds"] is None


def test_many_queries_of_one_flow_find_their_answers(tmp_path: Path) -> None:
    queries = [datagram(dns(n, f"h{n}.example.com")) for n in range(40)]
    answers = [datagram(dns(n, f"h{n}.example.com", flags=NXDOMAIN), answer=True) for n in reversed(range(40))]
    rows = _read(tmp_path, queries + answers).dns
    assert len(rows) == 40
    assert all(row["query"] == f"h{row['transaction_id']}.example.com" for row in rows)
    assert {row["response_code"] for row in rows} == {"NXDOMAIN"}


def test_a_flood_of_queries_loses_none(tmp_path: Path) -> None:
    queries = [datagram(dns(n % 65536, f"h{n}.example.com"), port=1024 + n // 100) for n in range(20_000)]
    reading = _read(tmp_path, queries, settings=SensorSettings(batch_rows=2048))
    assert len(reading.dns) == 20_000
    assert len({row["query"] for row in reading.dns}) == 20_000


def test_hostile_names(tmp_path: Path) -> None:
    strange = b"\x04a.b\n\x05\xffxyz\\\x07example\x00"
    message = struct.pack(">HHHHHH", 5, 0x0100, 1, 0, 0, 0) + strange + b"\0\x01\0\x01"
    (row,) = _read(tmp_path, [datagram(message)]).dns
    assert row["query"] == "a\\x2eb\\x0a.\\xffxyz\\x5c.example"
    header = struct.pack(">HHHHHH", 5, ANSWER, 1, 1, 0, 0)
    looping = header + b"\xc0\x0c\0\x01\0\x01"
    forward = header + b"\xc0\x20\0\x01\0\x01" + bytes(30)
    long = header + b"\x3f" + b"a" * 63 + (b"\x3f" + b"b" * 63) * 4 + b"\0\0\x01\0\x01"
    short = header[:11]
    reading = _read(tmp_path, [datagram(m, answer=True) for m in (looping, forward, long, short)])
    assert reading.counters.malformed == {"malformed_dns": 4}
    assert reading.dns == []
    (root,) = _read(tmp_path, [datagram(dns(1, "", 2))]).dns
    assert root["query"] == "."


def test_bad_answers_keep_the_row(tmp_path: Path) -> None:
    bad = [record(1, bytes([192, 0, 2, 1])), record(1, b"\x01\x02")]
    reading = _read(tmp_path, [datagram(dns(1)), datagram(dns(1, answers=bad, flags=ANSWER), answer=True)])
    assert [row["answers"] for row in reading.dns] == [["192.0.2.1"]]
    assert reading.counters.malformed == {"malformed_dns": 1}


def test_dns_on_another_port_is_seen_by_its_content(tmp_path: Path) -> None:
    frames = [datagram(dns(9), service=5300), datagram(dns(9, flags=NXDOMAIN), service=5300, answer=True)]
    reading = _read(tmp_path, frames)
    assert [row["response_code"] for row in reading.dns] == ["NXDOMAIN"]
    assert reading.flows[0]["service"] == "dns"
    noise = _read(tmp_path, [datagram(random.Random(1).randbytes(60), service=5300, port=p) for p in range(2000, 2400)])
    assert noise.dns == []
    assert noise.counters.malformed == {}


def test_multicast_announcements_belong_to_the_announcer(tmp_path: Path) -> None:
    message = struct.pack(">HHHHHH", 0, 0x8400, 0, 1, 0, 0) + record(1, bytes([10, 10, 1, 20]), name("printer.local"))
    frame = ethernet(ipv4(udp(message, (5353, 5353)), 17, CLIENT, "224.0.0.251"))
    (row,) = _read(tmp_path, [frame]).dns
    assert (row["source_address"], row["answers"]) == (CLIENT, ["10.10.1.20"])


def _tls(host: str) -> bytes:
    hello = client_hello(host, random.Random(4))
    return b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello


SERVER_HELLO = bytes.fromhex("160303002e 0200002a 0303") + bytes(32) + bytes.fromhex("00 c02f 00 0002 0000")


def test_hellos_of_both_sides_are_one_row(tmp_path: Path) -> None:
    frames = [
        segment(PSH | ACK, _tls("Portal.City.Example"), service=8443),
        segment(PSH | ACK, SERVER_HELLO, service=8443, answer=True),
    ]
    reading = _read(tmp_path, frames)
    (row,) = reading.tls
    assert (row["server_name"], row["version"], row["cipher"]) == ("portal.city.example", "TLSv12", "0xc02f")
    assert row["ja4"].startswith("t13d1111h2_")
    assert reading.flows[0]["service"] == "tls"


def test_a_hello_over_several_segments_is_put_together(tmp_path: Path) -> None:
    whole = _tls("portal.city.example")
    (expected,) = _read(tmp_path, [segment(PSH | ACK, whole)]).tls
    pieces = [whole[at : at + 60] for at in range(0, len(whole), 60)]
    frames = [segment(ACK, piece, sequence=0xFFFFFF00 + 60 * n & 0xFFFFFFFF) for n, piece in enumerate(pieces)]
    frames.insert(2, frames[1])  # a retransmission
    reading = _read(tmp_path, frames)
    (row,) = reading.tls
    assert {k: row[k] for k in ("ja3", "ja4", "server_name")} == {k: expected[k] for k in ("ja3", "ja4", "server_name")}
    assert reading.counters.malformed == {}


def test_a_hello_with_a_gap_is_counted(tmp_path: Path) -> None:
    whole = _tls("portal.city.example")
    gap = [segment(ACK, whole[:150], sequence=1), segment(ACK, whole[220:], sequence=221)]
    reading = _read(tmp_path, gap)
    assert reading.counters.malformed == {"truncated_client_hello": 1}
    assert [row["server_name"] for row in reading.tls] == ["portal.city.example"]
    cut = _read(tmp_path, [segment(ACK, whole)], snaplen=54 + 60)
    assert cut.counters.malformed == {"truncated_client_hello": 1}
    assert cut.tls[0]["server_name"] == ""


def test_only_the_server_was_heard(tmp_path: Path) -> None:
    (row,) = _read(tmp_path, [segment(PSH | ACK, SERVER_HELLO, service=443, answer=True)]).tls
    assert (row["source_address"], row["destination_port"], row["version"]) == (CLIENT, 443, "TLSv12")
    assert (row["ja3"], row["ja4"], row["server_name"]) == ("", "", "")


def test_tls_13_shows_in_the_extension(tmp_path: Path) -> None:
    hello = bytes.fromhex("1603030032 0200002e 0303") + bytes(32) + bytes.fromhex("00 1301 00 0006 002b 0002 0304")
    (row,) = _read(tmp_path, [segment(PSH | ACK, hello, answer=True)]).tls
    assert (row["version"], row["cipher"]) == ("TLSv13", "0x1301")


REQUEST = b"GET /a?b='1' HTTP/1.1\r\nhost:  Portal.City.Example:8080\r\nUser-Agent: agent/1\r\n\r\n"
RESPONSE = b"HTTP/1.1 404 Not Found\r\nContent-Type:text/html\r\n\r\nContent-Type: no\r\n"


def test_requests_pair_with_answers_in_order(tmp_path: Path) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    second = 1 + len(interim) + len(RESPONSE)
    frames = [
        segment(PSH | ACK, REQUEST + REQUEST.replace(b"/a", b"/second")),
        segment(PSH | ACK, interim, answer=True),
        segment(PSH | ACK, RESPONSE, answer=True, sequence=1 + len(interim)),
        segment(PSH | ACK, RESPONSE.replace(b"404", b"200"), answer=True, sequence=second),
        segment(PSH | ACK, REQUEST.replace(b"/a", b"/third"), sequence=900),
    ]
    reading = _read(tmp_path, frames)
    assert [(row["uri"], row["status_code"]) for row in reading.http] == [
        ("/a?b='1'", 404),
        ("/second?b='1'", 200),
        ("/third?b='1'", None),
    ]
    first = reading.http[0]
    assert (first["method"], first["host"], first["user_agent"]) == ("GET", "portal.city.example", "agent/1")
    assert first["content_type"] == "text/html"
    assert reading.flows[0]["service"] == "http"
    assert reading.counters.malformed == {}


def test_a_head_over_segments_and_a_head_too_long(tmp_path: Path) -> None:
    pieces = [REQUEST[at : at + 25] for at in range(0, len(REQUEST), 25)]
    frames = [segment(ACK, piece, sequence=1 + 25 * n) for n, piece in enumerate(pieces)]
    (row,) = _read(tmp_path, frames).http
    assert (row["uri"], row["user_agent"]) == ("/a?b='1'", "agent/1")
    endless = b"GET /" + b"a" * 9000
    frames = [segment(ACK, endless[at : at + 1400], sequence=1 + at) for at in range(0, len(endless), 1400)]
    reading = _read(tmp_path, frames)
    large = _read(tmp_path, [segment(ACK, endless)])  # as a card that merges segments hands them over
    assert large.http[0]["uri"] == reading.http[0]["uri"]
    (row,) = reading.http
    assert 3000 < len(row["uri"]) <= 4096
    assert reading.counters.malformed == {"truncated_http_head": 1}


def test_an_answer_alone_names_the_asker_as_source(tmp_path: Path) -> None:
    (row,) = _read(tmp_path, [segment(PSH | ACK, RESPONSE, answer=True)]).http
    assert (row["source_address"], row["destination_address"]) == (CLIENT, SERVER)
    assert (row["method"], row["status_code"]) == ("", 404)


def test_hostile_heads_become_printable(tmp_path: Path) -> None:
    head = b"GET /\x1b[2J\xff%00 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nUser-Agent: \x00\r\n\r\n"
    (row,) = _read(tmp_path, [segment(PSH | ACK, head)]).http
    assert (row["uri"], row["host"]) == ("/\\x1b[2J\\xff%00", "[2001:db8::1]")
    plain = _read(tmp_path, [segment(PSH | ACK, b"GETTING THERE IS HALF THE FUN, SAYS HTTP/1.1\r\n")])
    assert plain.http == []


def test_services_are_recognised_or_guessed(tmp_path: Path) -> None:
    frames = [
        segment(PSH | ACK, b"SSH-2.0-OpenSSH\r\n", answer=True, service=2222),
        segment(PSH | ACK, b"\xffSMB" + bytes(30), service=445, port=2000),
        segment(PSH | ACK, b"not tls at all", service=443, port=2001),
        segment(2, service=445, port=2002),
    ]
    services = {flow["source_port"]: flow["service"] for flow in _read(tmp_path, frames).flows}
    assert services[2000] == "smb"
    assert services[2001] == "", "port 443 that does not speak TLS must show"
    assert services[2002] == "", "nothing was said"
    assert "ssh" in services.values()
