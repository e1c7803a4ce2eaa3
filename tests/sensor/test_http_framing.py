"""Where HTTP messages end: no length, no chunk and no missing body hides the messages behind it or swaps answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sensor.frames import ACK, PSH, SYN, pcap, segment
from tests.sensor.reading import Reading, accounted, read

CLIENT_SAYS, SERVER_SAYS = "client", "server"
Said = tuple[str, bytes]


def _conversation(tmp_path: Path, said: Sequence[Said], *, most: int = 65000) -> Reading:
    """What the sensor reads of a connection in which these bytes are said in turn, `most` in one segment."""
    sequences = {CLIENT_SAYS: 100, SERVER_SAYS: 1000}
    frames = [segment(SYN, sequence=99), segment(SYN | ACK, answer=True, sequence=999)]
    for who, content in said:
        for at in range(0, len(content), most):
            piece = content[at : at + most]
            frames.append(segment(PSH | ACK, piece, answer=who == SERVER_SAYS, sequence=sequences[who]))
            sequences[who] += len(piece)
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + number / 1000, frame) for number, frame in enumerate(frames)]))
    assert accounted(reading)
    return reading


def _rows(reading: Reading) -> list[tuple[str, int | None]]:
    return [(row["uri"], row["status_code"]) for row in reading.http]


def _request(path: str, method: str = "GET", headers: str = "", body: bytes = b"") -> Said:
    return CLIENT_SAYS, f"{method} {path} HTTP/1.1\r\nHost: portal.example\r\n{headers}\r\n".encode() + body


def _answer(code: int, body: bytes = b"", headers: str | None = None) -> Said:
    stated = f"Content-Length: {len(body)}\r\n" if headers is None else headers
    return SERVER_SAYS, f"HTTP/1.1 {code} X\r\n{stated}\r\n".encode() + body


def _together(*said: Said) -> Said:
    """Several messages of one side in one segment."""
    return said[0][0], b"".join(content for _, content in said)


CHUNKED = "Transfer-Encoding: chunked\r\n"
LAST = b"0\r\n\r\n"
ABC = b"3\r\nabc\r\n"
LOG_IN = [_request("/login"), _answer(401, b"no"), _request("/x"), _answer(500)]
LOGGED_IN = [("/login", 401), ("/x", 500)]
SECRET = "/secret?q=UNION+SELECT"
SIZES = pytest.mark.parametrize("most", [65000, 1000, 40, 7, 1])


@SIZES
@pytest.mark.parametrize("length", [0, 40, 300, 5000, 10**12])
@pytest.mark.parametrize("encoding", ["", CHUNKED])
def test_an_answer_to_head_has_no_body(tmp_path: Path, length: int, encoding: str, most: int) -> None:
    answer = _answer(200, headers=f"Content-Length: {length}\r\n{encoding}")
    reading = _conversation(tmp_path, [_request("/h", "HEAD"), answer, *LOG_IN], most=most)
    assert _rows(reading) == [("/h", 200), *LOGGED_IN]
    assert reading.counters.malformed == {}
    assert reading.http[0]["response_body"] == ""


@SIZES
def test_answers_to_head_and_get_in_a_pipeline(tmp_path: Path, most: int) -> None:
    asked = _together(*(_request(f"/{n}", "HEAD" if n % 2 else "GET") for n in range(6)))
    heads = [_answer(200 + n, headers="Content-Length: 5\r\n") for n in range(6)]
    said = _together(*((who, head if n % 2 else head + b"01234") for n, (who, head) in enumerate(heads)))
    # 204 has no body whatever it says
    said = said[0], said[1].replace(b"204 X\r\nContent-Length: 5\r\n\r\n01234", b"204 X\r\nContent-Length: 5\r\n\r\n")
    reading = _conversation(tmp_path, [asked, said], most=most)
    assert _rows(reading) == [(f"/{n}", 200 + n) for n in range(6)]


@pytest.mark.parametrize("code", [100, 103, 204, 304])
def test_statuses_without_a_body(tmp_path: Path, code: int) -> None:
    said = [_request("/a"), _answer(code, headers="Content-Length: 700\r\n")]
    if code < 200:
        said.append(_answer(200))
    assert _rows(_conversation(tmp_path, [*said, *LOG_IN])) == [("/a", 200 if code < 200 else code), *LOGGED_IN]


def test_connect_that_succeeds_has_no_body_and_one_that_fails_has(tmp_path: Path) -> None:
    asked = _request("mail.example:25", "CONNECT")
    said = [asked, _answer(200, headers="Content-Length: 700\r\n"), (SERVER_SAYS, b"220 mail.example ESMTP\r\n")]
    assert _rows(_conversation(tmp_path, [*said, *LOG_IN])) == [("mail.example:25", 200), *LOGGED_IN]
    refused = _together(_answer(407, b"HTTP/1.1 200 in a body\r\n\r\n"))
    assert _rows(_conversation(tmp_path, [asked, refused, *LOG_IN])) == [("mail.example:25", 407), *LOGGED_IN]


@pytest.mark.parametrize("length", [400, 1500, 4_000_000, 10**14])
@pytest.mark.parametrize("sent", [0, 3, 399])
def test_a_body_that_never_comes_hides_nothing(tmp_path: Path, length: int, sent: int) -> None:
    """The server refuses without waiting for the body, and reads what comes then as the next request."""
    refused = _request("/s", "POST", f"Content-Length: {length}\r\n", b"a" * sent)
    said = [refused, _answer(411), _request("/next1"), _answer(200), _request("/next2"), _answer(404)]
    reading = _conversation(tmp_path, said)
    assert _rows(reading) == [("/s", 411), ("/next1", 200), ("/next2", 404)]
    assert reading.counters.malformed == {}


def test_a_body_that_never_comes_where_only_one_side_is_seen(tmp_path: Path) -> None:
    """Networks route both directions apart: then nobody knows what was answered."""
    refused = _request("/s", "POST", "Content-Length: 4000000\r\n", b"abc")
    said = [refused, _request("/next1"), _request("/next2")]
    frames, sequence = [segment(SYN, sequence=99)], 100
    for _, content in said:
        frames.append(segment(PSH | ACK, content, sequence=sequence))
        sequence += len(content)
    reading = read(pcap(tmp_path / "f.pcap", [(1e9 + number / 1000, frame) for number, frame in enumerate(frames)]))
    assert [row["uri"] for row in reading.http] == ["/s", "/next1", "/next2"]


@pytest.mark.parametrize("most", [65000, 40])
def test_an_upload_that_looks_like_requests_swaps_no_answers(tmp_path: Path, most: int) -> None:
    """As long as the server has not answered, it reads a body: what looks like a request waits for no answer."""
    log = _request("/in-the-log")[1]
    upload = _request("/upload", "POST", f"Content-Length: {len(log) * 40}\r\n")
    said = [upload, *[(CLIENT_SAYS, log)] * 40, _answer(201), *LOG_IN]
    rows = _rows(_conversation(tmp_path, said, most=most))
    assert [row for row in rows if row[0] != "/in-the-log"] == [("/upload", 201), *LOGGED_IN]
    assert {code for uri, code in rows if uri == "/in-the-log"} <= {None}


def test_a_download_that_looks_like_answers_swaps_none(tmp_path: Path) -> None:
    text = _answer(418, b"in the text")[1]
    download = _answer(200, headers=f"Content-Length: {3 * len(text)}\r\n")
    said = [_request("/download"), download, *[(SERVER_SAYS, text)] * 3, *LOG_IN]
    assert _rows(_conversation(tmp_path, said))[-3:] == [("/download", 200), *LOGGED_IN]


def test_an_answer_whose_body_never_comes_hides_no_later_one(tmp_path: Path) -> None:
    asked = _together(_request("/1"), _request("/2"), _request("/3"))
    short = _answer(200, headers="Content-Length: 900\r\n")
    said = [asked, (SERVER_SAYS, short[1] + b"abc"), _answer(401), _answer(404)]
    assert _rows(_conversation(tmp_path, said)) == [("/1", 200), ("/2", 401), ("/3", 404)]


@SIZES
@pytest.mark.parametrize(
    "body",
    [
        LAST,
        ABC + LAST,
        ABC * 40 + LAST,
        b"003;name=value\r\nabc\r\n00000000000\r\nTrailer: x\r\nOther: y\r\n\r\n",
        b"A\r\n0123456789\r\n1f4\r\n" + b"z" * 500 + b"\r\n" + LAST,
        b"3\nabc\n0\n\n",
    ],
)
@pytest.mark.parametrize("headers", [CHUNKED, CHUNKED + "Content-Length: 6\r\n", "Content-Length: 900\r\n" + CHUNKED])
def test_what_follows_a_chunked_body_is_seen(tmp_path: Path, body: bytes, headers: str, most: int) -> None:
    asked = _together(_request("/s", "POST", headers, body), _request(SECRET), _request("/third"))
    answered = _together(_answer(200, body, headers), _answer(403, b"no"), _answer(404))
    reading = _conversation(tmp_path, [asked, answered], most=most)
    assert _rows(reading) == [("/s", 200), (SECRET, 403), ("/third", 404)]
    assert reading.counters.malformed == {}


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nabc\r\n0\r\n\r\n",  # a size that lies
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"zz\r\n\r\n",
        ABC + b"3\r\nabcdef\r\n\r\n",
        b"3" + b";x" * 200 + b"\r\nabc\r\n0\r\n\r\n",
        ABC + b"\r\n\r\n",
    ],
)
def test_chunks_that_lie_are_counted_and_hide_nothing(tmp_path: Path, body: bytes) -> None:
    asked = _together(_request("/s", "POST", CHUNKED, body), _request(SECRET))
    reading = _conversation(tmp_path, [asked, _together(_answer(400), _answer(403))])
    assert _rows(reading) == [("/s", 400), (SECRET, 403)]
    assert reading.counters.malformed == {"malformed_chunks": 1}


def test_a_request_instead_of_the_next_chunk(tmp_path: Path) -> None:
    refused = _request("/s", "POST", CHUNKED, ABC)
    reading = _conversation(tmp_path, [refused, _answer(413), *LOG_IN])
    assert _rows(reading) == [("/s", 413), *LOGGED_IN]
    stalled = _request("/s", "POST", CHUNKED, b"ffff\r\nabc")
    assert _rows(_conversation(tmp_path, [stalled, _answer(413), *LOG_IN])) == [("/s", 413), *LOGGED_IN]
    unended = _request("/s", "POST", CHUNKED, ABC + b"0\r\n")
    assert _rows(_conversation(tmp_path, [_together(unended, *LOG_IN[:1]), _answer(200), LOG_IN[1]])) == [
        ("/s", 200),
        ("/login", 401),
    ]


def test_chunks_out_of_order(tmp_path: Path) -> None:
    content = _together(_request("/s", "POST", CHUNKED, ABC * 30 + LAST), _request(SECRET))[1]
    pieces = [(100 + at, content[at : at + 50]) for at in range(0, len(content), 50)]
    for first in range(len(pieces) - 1):
        order = [*pieces[:first], pieces[first + 1], pieces[first], *pieces[first + 2 :]]
        frames = [segment(SYN, sequence=99), *(segment(ACK, piece, sequence=at) for at, piece in order)]
        reading = read(pcap(tmp_path / "f.pcap", [(1e9 + n / 1000, frame) for n, frame in enumerate(frames)]))
        assert [row["uri"] for row in reading.http] == ["/s", SECRET], first


@pytest.mark.parametrize("blank", [b"\r\n", b"\n", b"\r\n\r\n"])
def test_empty_lines_before_a_request_hide_nothing(tmp_path: Path, blank: bytes) -> None:
    """RFC 9112, section 2.2: servers step over them."""
    posted = _request("/s", "POST", "Content-Length: 3\r\n", b"abc" + blank)
    said = [(CLIENT_SAYS, blank + posted[1] + _request(SECRET)[1]), _together(_answer(200), _answer(403))]
    reading = _conversation(tmp_path, said)
    assert _rows(reading) == [("/s", 200), (SECRET, 403)]
    assert reading.counters.malformed == {}
