"""Log-ins by NTLM in HTTP, from packets to rows: who, at which server, and whether it went well."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from secwatch.sensor import http_log_ins
from tests.sensor.frames import ACK, SYN, Timed, pcap, segment
from tests.sensor.protocols import windows_messages as made
from tests.sensor.reading import Reading, read

FIRST = b"NTLMSSP\0\1\0\0\0" + bytes(24)


def spnego(token: bytes) -> bytes:
    """A NegTokenResp with this token (RFC 4178)."""
    return made.der(0xA1, made.der(0x30, made.der(0xA2, made.der(4, token))))


def request(scheme: str, token: bytes, header: str = "Authorization") -> bytes:
    """A request with a message of a log-in."""
    words = f"POST /wsman HTTP/1.1\r\nHost: web.city.test\r\n{header}: {scheme} {base64.b64encode(token).decode()}\r\n"
    return words.encode() + b"Content-Length: 0\r\n\r\n"


def response(status: int, value: str = "") -> bytes:
    """An answer; value is that of WWW-Authenticate."""
    line = f"WWW-Authenticate: {value}\r\n" if value else ""
    return f"HTTP/1.1 {status} Some\r\n{line}Content-Length: 0\r\n\r\n".encode()


def talk(tmp_path: Path, parts: list[tuple[bool, bytes]], cut: int = 1400, port: int = 40000) -> Reading:
    """Read a connection of these parts, each from the client or not, in segments of `cut` bytes."""
    frames = [segment(SYN, port=port, sequence=0), segment(SYN | ACK, answer=True, port=port, sequence=0)]
    sent = {True: 1, False: 1}
    for from_client, content in parts:
        for start in range(0, len(content), cut):
            piece = content[start : start + cut]
            frames.append(segment(ACK, piece, answer=not from_client, port=port, sequence=sent[from_client]))
            sent[from_client] += len(piece)
    timed: list[Timed] = [(1e9 + number / 1000, frame) for number, frame in enumerate(frames)]
    return read(pcap(tmp_path / "f.pcap", timed))


@pytest.mark.parametrize("cut", [1400, 90])
@pytest.mark.parametrize("wrapped", [False, True], ids=["NTLM", "Negotiate"])
@pytest.mark.parametrize(("status", "result"), [(200, "success"), (401, "failure"), (0, "")])
def test_a_log_in(tmp_path: Path, wrapped: bool, status: int, result: str, cut: int) -> None:
    scheme, wrap = ("Negotiate", spnego) if wrapped else ("NTLM", bytes)
    challenge = base64.b64encode(wrap(made.challenge("WEB1", "city.test"))).decode()
    third = wrap(made.authenticate("alice", "CITY", "PC7", bytes(range(60))))
    parts = [
        (True, request(scheme, FIRST)),
        (False, response(401, f"{scheme} {challenge}")),
        (True, request(scheme, third)),
    ]
    if status:
        accepted = f"{scheme} {base64.b64encode(spnego(bytes(20))).decode()}" if wrapped else ""
        parts.append((False, response(status, accepted)))
    reading = talk(tmp_path, parts, cut)
    (row,) = reading.ntlm
    assert (row["carrier"], row["user"], row["domain"], row["workstation"]) == ("http", "alice", "CITY", "PC7")
    assert (row["server"], row["server_domain"], row["version"]) == ("WEB1", "city.test", 2)
    assert (row["result"], row["status"]) == (result, str(status or ""))
    assert (row["source_port"], row["destination_port"], row["community_id"]) == (
        40000, 80, reading.flows[0]["community_id"],
    )  # fmt: skip
    assert len(reading.http) == 2
    shown = str(reading.http)
    assert base64.b64encode(third).decode()[:40] not in shown, "what a password could be found from is not stored"


@pytest.mark.parametrize(
    "head",
    [
        request("Basic", b"clerk:sesame and more of it"),
        request("NTLM", FIRST),
        request("NTLM", b"NTLMSSP\0\3\0\0\0"),
        request("Negotiate", b"\x60\x82" + bytes(200)),
        b"GET /wsman HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM TlRMTVNTUAAD????****\r\n\r\n",
        b"GET /wsman HTTP/1.1\r\nHost: a\r\nAuthorization: N oYoYoYoYoYoYoYoYoYoY\r\n\r\n",
    ],
)
def test_what_names_nobody_is_no_log_in_with_a_name(tmp_path: Path, head: bytes) -> None:
    reading = talk(tmp_path, [(True, head), (False, response(200))])
    assert [row["user"] for row in reading.ntlm] in ([], [""])
    assert len(reading.http) == 1


def test_only_so_many_challenges_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_log_ins, "_CHALLENGES", 3)
    log_ins = http_log_ins.HttpLogIns()
    for number in range(10):
        log_ins._keep(bytes([number % 5]), b"challenge")
    assert list(log_ins._challenges) == [b"\2", b"\3", b"\4"]
