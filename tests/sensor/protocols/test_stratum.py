"""Stratum in its three dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secwatch.sensor.protocols import stratum
from secwatch.sensor.protocols.row import Malformed

LOGIN = {"login": "48edf", "pass": "sesame", "agent": "XMRig/6.21", "algo": ["rx/0", "cn/r"], "rigid": ""}


def row(request: object, response: object = None) -> dict[str, Any]:
    """What is known of an exchange of two JSON objects."""
    messages = [json.dumps(message).encode() + b"\n" if message else b"" for message in (request, response)]
    values = next(iter(stratum.parse(*messages))).values
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def test_monero() -> None:
    answer = {"id": 1, "jsonrpc": "2.0", "error": None, "result": {"id": "5f", "status": "OK"}}
    assert row({"id": 1, "method": "login", "params": LOGIN}, answer) == {
        "method": "login", "user": "48edf", "agent": "XMRig/6.21", "algorithms": ["rx/0", "cn/r"], "accepted": True,
    }  # fmt: skip
    refused = {"id": 2, "error": {"code": -1, "message": "Low difficulty share"}}
    assert row({"id": 2, "method": "submit", "params": {"id": "5f"}}, refused) == {
        "method": "submit", "accepted": False, "error": "Low difficulty share",
    }  # fmt: skip
    notice = {"jsonrpc": "2.0", "method": "job", "params": {"blob": "00"}}
    assert row(notice) == row(None, notice) == {"method": "job"}


def test_bitcoin_and_ethereum() -> None:
    assert row({"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.10"]})["agent"] == "cgminer/4.10"
    yes = {"id": 2, "result": True, "error": None}
    authorised = row({"id": 2, "method": "mining.authorize", "params": ["city.one", "sesame"]}, yes)
    assert authorised == {"method": "mining.authorize", "user": "city.one", "accepted": True}
    no = {"id": 4, "result": None, "error": [21, "Job not found", None]}
    submitted = row({"id": 4, "method": "mining.submit", "params": ["city.one", "job"]}, no)
    assert submitted == {
        "method": "mining.submit", "user": "city.one", "accepted": False, "error": "Job not found",
    }  # fmt: skip
    assert row({"id": 1, "method": "eth_submitLogin", "params": ["0xabc", "sesame"]})["user"] == "0xabc"
    assert row(None, yes) == {"accepted": True}


def test_a_long_job_is_cut_but_named() -> None:
    line = json.dumps({"id": None, "method": "mining.notify", "params": ["0" * 5000]}).encode()[:4096]
    assert next(iter(stratum.parse(line, b""))).values["method"] == "mining.notify"


@pytest.mark.parametrize(
    "line", [b"[1,2]\n", b"{", b"\xff\xfe{}\n", b"[" * 4000, b'{"a":' * 800, b'{"method": "x"\n', b"9" * 4096, b"NaN\n"]
)
def test_other_json_is_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        stratum.parse(line, b"")


def test_hidden_characters_and_lone_surrogates_become_visible() -> None:
    found = row({"method": "login", "params": {"login": "a\x1b\ud800", "agent": 5, "algo": "rx/0"}})
    assert found["user"] == "a\\x1b\\ud800"
    assert found["algorithms"] == ["rx/0"]
