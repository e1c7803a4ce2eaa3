"""TCP streams as networks and attackers deliver them: repeated, out of order, in long pipelines; DNS within them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from secwatch.sensor.reader import SensorSettings
from tests.sensor.frames import ACK, CLIENT, FIN, PSH, SYN, dns, name, pcap, record, segment
from tests.sensor.reading import Reading, accounted, read

ANSWER = 0x8180
OPEN = [segment(SYN, sequence=99), segment(SYN | ACK, answer=True, sequence=999), segment(ACK, sequence=100)]
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _read(tmp_path: Path, frames: list[bytes], settings: SensorSettings | None = None) -> Reading:
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + n / 1000, frame) for n, frame in enumerate(frames)]), settings)
    assert accounted(reading)
    return reading


def _request(path: str) -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: h.example\r\n\r\n".encode()


def _paths(reading: Reading) -> list[str]:
    return [row["uri"] for row in reading.http]


@pytest.mark.parametrize("start", [100, 0xFFFFFFF0, 0x7FFFFFF0])
def test_a_port_that_shows_packets_twice_makes_no_row_twice(tmp_path: Path, start: int) -> None:
    frames = [segment(SYN, sequence=start - 1), segment(SYN | ACK, answer=True, sequence=(start - 1) ^ 0x80000000)]
    asked, answered = start, start ^ 0x80000000
    for path in ("a", "b", "c"):
        frames.append(segment(PSH | ACK, _request(path), sequence=asked & 0xFFFFFFFF))
        frames.append(segment(PSH | ACK, RESPONSE, answer=True, sequence=answered & 0xFFFFFFFF))
        asked, answered = asked + len(_request(path)), answered + len(RESPONSE)
    once = _read(tmp_path, frames)
    twice = _read(tmp_path, [frame for frame in frames for _ in range(3)])
    assert [(row["uri"], row["status_code"]) for row in once.http] == [("/a", 200), ("/b", 200), ("/c", 200)]
    assert [(row["uri"], row["status_code"]) for row in twice.http] == [("/a", 200), ("/b", 200), ("/c", 200)]
    (flow,) = twice.flows
    assert flow["source_packets"] == 3 * once.flows[0]["source_packets"], "repeated packets still count"
    assert (once.counters.retransmissions, twice.counters.retransmissions) == (0, 12)


def test_keep_alives_repeat_a_byte_and_are_no_retransmission(tmp_path: Path) -> None:
    end = 100 + len(_request("a"))
    keep_alives = [segment(ACK, b"\n", sequence=end - 1)] * 5
    frames = [*OPEN, segment(PSH | ACK, _request("a"), sequence=100), *keep_alives]
    reading = _read(tmp_path, [*frames, segment(PSH | ACK, _request("b"), sequence=end)])
    assert _paths(reading) == ["/a", "/b"]
    assert reading.counters.retransmissions == 0


def test_requests_out_of_order_are_all_seen_and_each_once(tmp_path: Path) -> None:
    size = len(_request("1"))
    sent = {n: segment(PSH | ACK, _request(str(n)), sequence=100 + n * size) for n in range(8)}
    for order in ([0, 3, 1, 2, 4], [2, 1, 0, 3], [0, 2, 4, 3, 1, 5], [0, 5, 2, 1, 3, 4, 6, 7]):
        reading = _read(tmp_path, [*OPEN, *(sent[n] for n in order)])
        assert sorted(_paths(reading)) == [f"/{n}" for n in sorted(order)], order
    repeated = [0, 0, 2, 2, 1, 1, 3, 3]
    assert sorted(_paths(_read(tmp_path, [*OPEN, *(sent[n] for n in repeated)]))) == ["/0", "/1", "/2", "/3"]


def test_a_decoy_far_ahead_blinds_nothing(tmp_path: Path) -> None:
    frames = [*OPEN, segment(ACK, b"?" * 20, sequence=100 + (1 << 30))]
    frames += [segment(PSH | ACK, _request(str(n)), sequence=100 + n * len(_request("1"))) for n in range(4)]
    frames += [segment(ACK, b"?" * 20, sequence=5000), segment(PSH | ACK, _request("x"), sequence=1000)]
    assert _paths(_read(tmp_path, frames)) == ["/0", "/1", "/2", "/3", "/x"]


def test_ports_used_again_begin_a_new_numbering(tmp_path: Path) -> None:
    whole = [*OPEN, segment(PSH | ACK, _request("a"), sequence=100), segment(FIN | ACK, sequence=200)]
    whole += [segment(FIN | ACK, answer=True, sequence=1000)]
    assert _paths(_read(tmp_path, whole + whole)) == ["/a", "/a"]


@pytest.mark.parametrize("count", [16, 17, 40, 64])
def test_pipelined_requests_are_rows(tmp_path: Path, count: int) -> None:
    pipeline = b"".join(_request(str(n)) for n in range(count))
    reading = _read(tmp_path, [*OPEN, segment(PSH | ACK, pipeline, sequence=100)])
    assert _paths(reading) == [f"/{n}" for n in range(count)]
    assert reading.counters.malformed == {}


def test_a_pipeline_goes_on_behind_a_request_over_two_segments(tmp_path: Path) -> None:
    pipeline = b"".join(_request(str(n)) for n in range(6))
    size = len(_request("0"))
    for cut in (2 * size, *range(2 * size + 8, 3 * size + 1)):  # less than eight bytes of a request are not seen
        parts = [segment(ACK, pipeline[:cut], sequence=100), segment(ACK, pipeline[cut:], sequence=100 + cut)]
        reading = _read(tmp_path, [*OPEN, *parts])
        assert _paths(reading) == [f"/{n}" for n in range(6)], cut
        assert reading.counters.malformed == {}


def test_what_a_segment_holds_beyond_the_bound_is_counted(tmp_path: Path) -> None:
    pipeline = b"".join(_request(str(n)) for n in range(1000))
    reading = _read(tmp_path, [*OPEN, segment(PSH | ACK, pipeline, sequence=100)], SensorSettings(batch_rows=1024))
    assert _paths(reading) == [f"/{n}" for n in range(64)]
    assert reading.counters.malformed == {"pipelined_skipped": 936}


def _framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(message)) + message for message in messages)


def _asked(payload: bytes, sequence: int = 100) -> bytes:
    return segment(PSH | ACK, payload, service=53, sequence=sequence)


SYN_53 = segment(SYN, service=53, sequence=99)
SYN_ACK_53 = segment(SYN | ACK, service=53, sequence=999, answer=True)


def _answered(payload: bytes, sequence: int = 1000) -> bytes:
    return segment(PSH | ACK, payload, service=53, sequence=sequence, answer=True)


def test_dns_over_tcp_pairs_as_over_udp(tmp_path: Path) -> None:
    query = _framed(dns(7, "Tunnel.Example", 16))
    answer = _framed(dns(7, "Tunnel.Example", 16, answers=[record(16, b"\x05hello")], flags=ANSWER))
    frames = [SYN_53, _asked(query), _asked(query), _answered(answer)]
    reading = _read(tmp_path, frames)
    (row,) = reading.dns
    assert (row["query"], row["query_type"], row["transaction_id"]) == ("tunnel.example", "TXT", 7)
    assert (row["response_code"], row["answers"], row["transport"]) == ("NOERROR", ["TXT 5 hello"], "tcp")
    assert (row["source_address"], row["destination_port"]) == (CLIENT, 53)
    assert abs(row["round_trip_seconds"] - 0.002) < 1e-9
    assert reading.flows[0]["service"] == "dns"
    assert row["community_id"] == reading.flows[0]["community_id"]
    assert reading.counters.malformed == {}


def test_several_messages_of_one_segment(tmp_path: Path) -> None:
    queries = _framed(*(dns(n, f"h{n}.example.com") for n in range(20)))
    answers = _framed(*(dns(n, f"h{n}.example.com", flags=0x8183) for n in reversed(range(20))))
    reading = _read(tmp_path, [_asked(queries), _answered(answers)])
    assert {(row["query"], row["response_code"]) for row in reading.dns} == {
        (f"h{n}.example.com", "NXDOMAIN") for n in range(20)
    }
    flood = _framed(*(dns(n, f"h{n}.example.com") for n in range(500)))
    reading = _read(tmp_path, [_asked(flood), _asked(_framed(dns(9, "last.example")), 100 + len(flood))])
    assert len(reading.dns) == 65
    assert reading.dns[-1]["query"] == "last.example"
    assert reading.counters.malformed == {"pipelined_skipped": 436}


def test_a_message_over_segments_is_read_as_far_as_it_is_kept_and_so_is_the_next_one(tmp_path: Path) -> None:
    large = dns(1, "zone.example", 252, answers=[record(16, b"\xff" + b"t" * 255)] * 40, flags=ANSWER)
    stream = _framed(large, dns(2, "next.example", flags=ANSWER))
    pieces = [_answered(stream[at : at + 1400], 1000 + at) for at in range(0, len(stream), 1400)]
    reading = _read(tmp_path, [SYN_53, SYN_ACK_53, *pieces])
    assert [row["query"] for row in reading.dns] == ["zone.example", "next.example"]
    assert len(reading.dns[0]["answers"]) > 10
    assert reading.counters.malformed == {"truncated_dns": 1}
    assert reading.flows[0]["service"] == "dns"
    later = _read(
        tmp_path, [*pieces[1:], _answered(_framed(dns(3, "found.example", flags=0x8183)), 1000 + len(stream))]
    )
    assert [row["query"] for row in later.dns] == ["found.example"], "the beginning was not captured"
    assert later.counters.malformed == {"truncated_dns": len(pieces) - 1}


def test_a_length_that_travels_alone(tmp_path: Path) -> None:
    query = _framed(dns(3, "alone.example"))
    reading = _read(tmp_path, [SYN_53, _asked(query[:2]), _asked(query[2:] + query, 102)])
    assert [row["query"] for row in reading.dns] == ["alone.example"] * 2
    assert reading.counters.malformed == {}


def test_messages_out_of_order(tmp_path: Path) -> None:
    stream = [_framed(dns(n, f"h{n}.example")) for n in range(6)]
    frames = [_asked(part, 100 + n * len(part)) for n, part in enumerate(stream)]
    for order in ([1, 0, 2, 5, 3, 4], [5, 4, 3, 2, 1, 0], [0, 3, 5, 1]):
        reading = _read(tmp_path, [SYN_53, *(frames[n] for n in order)])
        assert sorted(row["query"] for row in reading.dns) == [f"h{n}.example" for n in sorted(order)]
        assert reading.counters.malformed == {}


def test_bad_messages_over_tcp(tmp_path: Path) -> None:
    good = dns(4, "good.example")
    bad = dns(5)[:12] + b"\xc0\x0c\0\x01\0\x01"
    reading = _read(tmp_path, [SYN_53, _asked(_framed(b"", b"short", bad, good))])
    assert [row["query"] for row in reading.dns] == ["good.example"]
    assert reading.counters.malformed == {"malformed_dns": 3}
    one = _read(tmp_path, [SYN_53, _asked(b"\0"), _asked(_framed(good), 900)])
    assert [row["query"] for row in one.dns] == ["good.example"]
    assert one.counters.malformed == {"truncated_dns": 1}
    looping = _framed(struct.pack(">HHHHHH", 5, ANSWER, 1, 1, 0, 0) + name("a.example")[:-1] + b"\xc0\x0c\0\x01\0\x01")
    assert _read(tmp_path, [SYN_ACK_53, _answered(looping)]).counters.malformed == {"malformed_dns": 1}


def test_other_protocols_on_port_53_still_show(tmp_path: Path) -> None:
    reading = _read(tmp_path, [_asked(_request("tunnel")), _answered(b"SSH-2.0-OpenSSH\r\n")])
    assert _paths(reading) == ["/tunnel"]
    assert reading.flows[0]["service"] == "http"
    assert reading.counters.malformed == {}
