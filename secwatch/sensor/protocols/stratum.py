"""Stratum, which miners of crypto currencies speak with their pool: one JSON object a line.

Three dialects: mining.subscribe, mining.authorize, … (Bitcoin and its kin), login, job, submit (Monero and its
kin), eth_submitLogin, eth_getWork, … (Ethereum and its kin). A request and its answer are one row; what the
pool sends of its own accord (a new job, a new difficulty) is a row too. Passwords are never taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from secwatch.sensor.protocols.octets import MOST_ITEMS
from secwatch.sensor.protocols.row import Malformed, Row, Value
from secwatch.sensor.protocols.words import clean, words

_DEEPEST = 32  # nesting of JSON that is looked at: real messages have four levels
_METHOD = re.compile(rb'\{[^{}\[\]]{0,256}"method" {0,4}: {0,4}"([^"\\]{1,64})"')
# Methods whose first parameter names the worker or wallet.
_NAMING = frozenset({"mining.authorize", "mining.submit", "eth_submitLogin", "eth_login", "submitLogin"})


def parse(request: bytes, response: bytes) -> Iterable[Row]:
    """Return the row of a request and its answer, or of a notice, whichever of the two it is. Raise Malformed."""
    asked = _message(request) if request else {}
    answer = _message(response) if response else {}
    if not request and "method" in answer:
        asked, answer, response = answer, {}, b""
    method = asked.get("method")
    values: dict[str, Value] = {
        "method": clean(method, 64) if isinstance(method, str) else None,
        "accepted": _accepted(answer) if response else None,
        "error": _error(answer),
    }
    values.update(_who(values["method"], asked.get("params"), asked))
    return [Row("stratum", values)]


def _message(line: bytes) -> Mapping[str, object]:
    """Return a line as an object."""
    if line.count(b"[") + line.count(b"{") > 16 * _DEEPEST:
        raise Malformed  # Python's parser recurses
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return _beginning(line)
    if not isinstance(message, dict):
        raise Malformed
    return message


def _beginning(line: bytes) -> Mapping[str, object]:
    """Return the method of a message of which only the beginning is here: long jobs are cut."""
    method = _METHOD.match(line)
    if line.endswith(b"\n") or method is None:
        raise Malformed
    return {"method": words(method[1], 64)}


def _who(method: object, parameters: object, message: Mapping[str, object]) -> Mapping[str, Value]:
    """Return user, agent and algorithms as far as the parameters of this method name them."""
    if isinstance(parameters, dict):
        algorithms = parameters.get("algo")
        return {
            "user": _text(parameters.get("login") or parameters.get("user")),
            "agent": _text(parameters.get("agent")),
            "algorithms": _texts(algorithms if isinstance(algorithms, list) else [algorithms]),
        }
    if not isinstance(parameters, list) or not parameters:
        return {"user": _text(message.get("worker"))}
    if method in _NAMING:
        return {"user": _text(parameters[0])}
    if method == "mining.subscribe":
        return {"agent": _text(parameters[0])}
    return {}


def _accepted(answer: Mapping[str, object]) -> bool:
    """Return whether the pool agreed: no error, and a result that is not false or null."""
    result = answer.get("result")
    return not answer.get("error") and result is not False and result is not None


def _error(answer: Mapping[str, object]) -> str | None:
    """Return what the pool says is wrong: {"code": …, "message": text}, [code, text, …] or a text."""
    error = answer.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    elif isinstance(error, list):
        error = error[1] if len(error) > 1 else None
    return _text(error)


def _text(value: object) -> str | None:
    return clean(value) if isinstance(value, str) and value else None


def _texts(values: list[object]) -> list[str]:
    return [clean(value, 64) for value in values[:MOST_ITEMS] if isinstance(value, str) and value]
