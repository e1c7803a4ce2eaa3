"""FTP and SMTP: commands with their replies, users of log-ins, and never a password."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secwatch.sensor.protocols import ftp, smtp
from secwatch.sensor.protocols.row import Conversation, Malformed

SECRET = b"b4bYl0n-5"


def told(conversation: Conversation, exchanges: Iterable[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
    """The rows of a conversation, without what is empty."""
    rows = [row for request, response in exchanges for row in conversation.parse(request, response)]
    return [{name: value for name, value in row.values.items() if value not in (None, "")} for row in rows]


def b64(text: bytes) -> bytes:
    return base64.b64encode(text) + b"\r\n"


def test_an_ftp_log_in() -> None:
    rows = told(
        ftp.Conversation(),
        [
            (b"", b"220-Welcome\r\n to the\r\n220 city\r\n"),
            (b"USER clerk\r\n", b"331 Password required\r\n"),
            (b"pass " + SECRET + b"\r\n", b"230 in\r\n"),
            ("RETR 报告.txt\r\n".encode(), b"226 done\r\n"),
            (b"RETR \xb1\xa8.txt\r\n", b"550 no\x1b[2J\r\n"),
            (b"\xff\xf4\xff\xf2ABOR\r\n", b""),
        ],
    )
    assert rows == [
        {"reply_code": 220, "reply": "Welcome to the city"},
        {"command": "USER", "argument": "clerk", "user": "clerk", "reply_code": 331, "reply": "Password required"},
        {"command": "PASS", "argument": "…", "user": "clerk", "reply_code": 230, "reply": "in"},
        {"command": "RETR", "argument": "报告.txt", "user": "clerk", "reply_code": 226, "reply": "done"},
        {"command": "RETR", "argument": "\\xb1\\xa8.txt", "user": "clerk", "reply_code": 550, "reply": "no\\x1b[2J"},
        {"command": "ABOR", "user": "clerk"},
    ]


def test_an_smtp_log_in_step_by_step_and_a_mail() -> None:
    rows = told(
        smtp.Conversation(),
        [
            (b"", b"220 mail.city.example ESMTP\r\n"),
            (b"EHLO pc\r\n", b"250-mail\r\n250 AUTH LOGIN\r\n"),
            (b"auth login\r\n", b"334 VXNlcm5hbWU6\r\n"),
            (b64(b"clerk"), b"334 UGFzc3dvcmQ6\r\n"),
            (b64(SECRET), b"535 no\r\n"),
            (b"DATA\r\n", b"354 go\r\n"),
            (b".\r\n", b"250 queued\r\n"),
        ],
    )
    assert rows[2:] == [
        {"command": "AUTH", "argument": "LOGIN", "mechanism": "LOGIN", "reply_code": 334, "reply": "Username:"},
        {
            **{"command": "AUTH", "argument": "…", "mechanism": "LOGIN", "user": "clerk"},
            **{"reply_code": 334, "reply": "Password:"},
        },
        {
            **{"command": "AUTH", "argument": "…", "mechanism": "LOGIN", "user": "clerk"},
            **{"reply_code": 535, "reply": "no"},
        },
        {"command": "DATA", "reply_code": 354, "reply": "go"},
        {"command": ".", "reply_code": 250, "reply": "queued"},
    ]


@pytest.mark.parametrize(
    ("exchanges", "mechanism"),
    [
        ([(b"AUTH PLAIN " + b64(b"\0clerk\0" + SECRET), b"235 in\r\n")], "PLAIN"),
        ([(b"AUTH PLAIN\r\n", b"334 \r\n"), (b64(b"clerk\0clerk\0" + SECRET), b"235 in\r\n")], "PLAIN"),
        ([(b"AUTH LOGIN " + b64(b"clerk"), b"334 UGFzc3dvcmQ6\r\n"), (b64(SECRET), b"235 in\r\n")], "LOGIN"),
        ([(b"AUTH CRAM-MD5\r\n", b"334 PDE+\r\n"), (b64(b"clerk " + b"0f" * 16), b"235 in\r\n")], "CRAM-MD5"),
        ([(b"AUTH XOAUTH2 " + b64(b"user=clerk\1auth=Bearer " + SECRET + b"\1\1"), b"235 in\r\n")], "XOAUTH2"),
        ([(b"AUTH SCRAM-SHA-256 " + b64(b"n,,n=clerk,r=abc"), b"235 in\r\n")], "SCRAM-SHA-256"),
    ],
)
def test_who_logs_in(exchanges: list[tuple[bytes, bytes]], mechanism: str) -> None:
    last = told(smtp.Conversation(), exchanges)[-1]
    assert (last["command"], last["user"], last["mechanism"], last["reply_code"]) == ("AUTH", "clerk", mechanism, 235)


WAYS = [
    lambda secret: [(b"PASS " + secret + b"\r\n", b"530 no\r\n")],
    lambda secret: [(b"AUTH LOGIN\r\n", b"334 \r\n"), (b64(b"x"), b"334 \r\n"), (b64(secret), b"535 no\r\n")],
    lambda secret: [(b"AUTH PLAIN " + b64(b"\0x\0" + secret), b"535 no\r\n")],
    lambda secret: [(b"AUTH PLAIN\r\n", b"334 \r\n"), (b64(b"\0x\0" + secret), b"")],
    lambda secret: [(b64(secret), b"535 no\r\n")],  # the beginning of the log-in was not captured
    lambda secret: [(secret + b"\r\n", b"535 no\r\n")],
]


@given(st.from_regex(rb"[A-Z]{3}[A-Za-z0-9]{5,20}", fullmatch=True), st.sampled_from(WAYS), st.booleans())
def test_no_password_comes_out(secret: bytes, way: Any, mail: bool) -> None:
    conversation: Conversation = smtp.Conversation() if mail else ftp.Conversation()
    if not mail and way is not WAYS[0]:
        return
    if mail and way is WAYS[0]:
        return
    out = repr(told(conversation, way(secret))).upper()
    assert secret.decode().upper() not in out
    assert base64.b64encode(secret).decode().rstrip("=").upper() not in out


@pytest.mark.parametrize("bad", [(b"\x16\x03\x01\r\n", b""), (b"USER x\r\n", b"hello\r\n"), (b"", b"9ab\r\n")])
def test_what_is_neither_command_nor_reply(bad: tuple[bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        ftp.Conversation().parse(*bad)
