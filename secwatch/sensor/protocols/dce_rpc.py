"""DCE/RPC ([C706], [MS-RPCE]), over TCP or a named pipe: interfaces bound and operations called.

A binding names an interface by a small number that the calls then use: the conversation remembers
which. Of calls in several fragments the first is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from secwatch.sensor.protocols import gss, ntlm, stub
from secwatch.sensor.protocols.interfaces import interface
from secwatch.sensor.protocols.numbers import call_fault, windows_error
from secwatch.sensor.protocols.octets import byte, identifier
from secwatch.sensor.protocols.row import Malformed, Row, Value

_REQUEST, _RESPONSE, _FAULT, _BIND, _BIND_ACK, _BIND_NAK, _ALTER, _ALTERED, _AUTHENTICATED = (
    *(0, 2, 3, 11, 12, 13),
    *(14, 15, 16),
)
_NAMES = {
    _REQUEST: "request",
    _RESPONSE: "response",
    _FAULT: "fault",
    _BIND: "bind",
    _BIND_ACK: "bind_ack",
    _BIND_NAK: "bind_nak",
    _ALTER: "alter_context",
    _ALTERED: "alter_context_resp",
}
_BINDINGS = (_BIND, _ALTER)
_HEADER = 16
_OBJECT = 0x80  # flag: a UUID stands before the data
_FIRST, _LAST = 1, 2
_LEVELS = {1: "none", 2: "connect", 3: "call", 4: "packet", 5: "integrity", 6: "privacy"}
_PRIVACY = 6
_NETLOGON_AUTHENTICATIONS = (4, 5, 15, 26)
_MOST_CONTEXTS = 64
_MOST_CALLS = 64
Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Message:
    """The header of a message: kind, flags, order of bytes, length of the fragment and its authentication, call."""

    data: bytes
    kind: int
    flags: int
    order: Literal["little", "big"]
    length: int
    authentication: int
    call: int

    def number(self, at: int, size: int) -> int:
        """Return a number of the message. Raise Malformed if it is not there."""
        if at + size > len(self.data):
            raise Malformed
        return int.from_bytes(self.data[at : at + size], self.order)

    def trailer(self) -> int:
        """Return where the authentication begins, the length of the fragment if there is none."""
        return self.length - self.authentication - 8 if self.authentication else self.length

    def level(self) -> int:
        """Return the level of protection that the authentication states, 0 if there is none or it is not here."""
        at = self.trailer()
        return self.data[at + 1] if self.authentication and at >= _HEADER and at + 2 <= len(self.data) else 0

    def token(self) -> bytes:
        """Return the token of the authentication, as far as it is here."""
        at = self.trailer()
        return self.data[at + 8 : self.length] if self.authentication and at >= _HEADER else b""


def message(data: bytes) -> Message:
    """Return the message that begins here, without what follows it. Raise Malformed if there is none."""
    if len(data) < _HEADER or data[0] != 5 or data[1] > 1:
        raise Malformed
    order: Literal["little", "big"] = "little" if data[4] & 0x10 else "big"
    length = int.from_bytes(data[8:10], order)
    authentication = int.from_bytes(data[10:12], order)
    if length < _HEADER or authentication > length - _HEADER:
        raise Malformed
    return Message(data[:length], data[2], data[3], order, length, authentication, int.from_bytes(data[12:16], order))


class Association:
    """What is remembered of one connection or open pipe: interfaces, calls without an answer, the log-in."""

    def __init__(self, pipe: str = "", carrier: str = "dce_rpc") -> None:
        self._pipe = pipe
        self._carrier = carrier
        self._contexts: OrderedDict[int, str] = OrderedDict()
        self._calls: OrderedDict[int, tuple[int, int]] = OrderedDict()  # call → context, operation
        self._level = 0
        self._challenge = b""

    def parse(self, request: bytes, response: bytes) -> Iterator[Row]:
        """Yield the rows of an exchange; either side may be missing."""
        asked = message(request) if request else None
        answer = message(response) if response else None
        if asked is not None and asked.kind in _BINDINGS:
            yield from self._bind(asked, answer)
        elif asked is not None and asked.kind == _REQUEST:
            yield self._call(asked, answer)
        elif asked is not None and asked.kind == _AUTHENTICATED:
            self._level = asked.level() or self._level
            yield from ntlm.rows(self._carrier, asked.token(), self._challenge, None)
        elif asked is not None:
            yield from self._alone(asked)
        elif answer is not None:
            yield from self._alone(answer)
        else:
            raise Malformed

    def _row(self, values: Values) -> Row:
        return Row("dce_rpc", {"pipe": self._pipe} | values)

    def _bind(self, asked: Message, answer: Message | None) -> Iterator[Row]:
        """Yield a row for each interface that is asked for."""
        self._level = asked.level() or self._level
        results = self._results(answer) if answer else []
        wanted: dict[str, list[str]] = {}
        at = 28
        for place in range(min(asked.number(24, 1), _MOST_CONTEXTS)):
            try:
                context, transfers = asked.number(at, 2), asked.number(at + 2, 1)
                name = identifier(asked.data, at + 4)
            except Malformed:
                break
            self._contexts[context] = name
            if len(self._contexts) > _MOST_CONTEXTS:
                self._contexts.popitem(last=False)
            wanted.setdefault(name, []).append(results[place] if place < len(results) else "")
            at += 24 + 20 * transfers
        for name, outcomes in wanted.items():
            values: Values = {"message": _NAMES[asked.kind], "protection": _LEVELS.get(self._level or 1)}
            values |= {"interface": name, "endpoint": interface(name).name}
            # An interface is asked for once per way to write data: one accepted is enough.
            values["result"] = next((outcome for outcome in sorted(outcomes) if outcome), None)
            if answer and answer.kind == _BIND_NAK:
                values["result"] = "rejected"
            yield self._row(values)
        if answer:
            self._challenge = ntlm.token(answer.token(), ntlm.CHALLENGE) or self._challenge
        succeeded = None if answer is None else answer.kind in (_BIND_ACK, _ALTERED)
        yield from ntlm.rows(self._carrier, asked.token(), self._challenge, succeeded)
        yield from gss.application_rows(asked.token())

    @staticmethod
    def _results(answer: Message) -> list[str]:
        """Return accepted or rejected for each context of a bind_ack, in order."""
        if answer.kind not in (_BIND_ACK, _ALTERED):
            return []
        try:
            at = (26 + answer.number(24, 2) + 3) // 4 * 4
            count = min(answer.number(at, 1), _MOST_CONTEXTS)
            numbers = [answer.number(at + 4 + 24 * place, 2) for place in range(count)]
        except Malformed:
            return []
        # 3 only answers which features both have, [MS-RPCE] 2.2.2.4
        return ["accepted" if number == 0 else "" if number == 3 else "rejected" for number in numbers]

    def _call(self, asked: Message, answer: Message | None) -> Row:
        """Return the row of a call and its answer."""
        context, operation = asked.number(20, 2), asked.number(22, 2)
        values = self._called("request", context, operation)
        start = 24 + (16 if asked.flags & _OBJECT else 0)
        self._level = asked.level() or self._level
        values["protection"] = _LEVELS.get(self._level or 1)
        stop = asked.trailer()
        whole = asked.flags & _FIRST and asked.flags & _LAST
        values["request_bytes"] = max(stop - start, 0) if whole else asked.number(16, 4)
        if self._level < _PRIVACY:
            data = asked.data[start : min(stop, len(asked.data))]
            values["texts"] = stub.texts(data)
            if values["endpoint"] == "netlogon" and operation in _NETLOGON_AUTHENTICATIONS:
                values["zero_credential"] = stub.zero_credential(operation, data)
        if answer is None:
            self._calls[asked.call] = context, operation
            if len(self._calls) > _MOST_CALLS:
                self._calls.popitem(last=False)
        else:
            values |= self._answered(answer)
        return self._row(values)

    def _called(self, name: str, context: int, operation: int) -> Values:
        """Return the names of an operation."""
        bound = self._contexts.get(context, "")
        known = interface(bound)
        return {
            "message": name,
            "interface": bound,
            "endpoint": known.name,
            "operation_number": operation,
            "operation": known.operations.get(operation),
        }

    def _answered(self, answer: Message) -> Values:
        """Return what an answer says: a response with what the operation returned, or a fault."""
        if answer.kind == _FAULT:
            try:
                return {"result": call_fault(answer.number(24, 4))}
            except Malformed:
                return {"result": "fault"}
        if answer.kind != _RESPONSE:
            return {"result": _NAMES.get(answer.kind)}
        values: Values = {"result": "response"}
        stop = answer.trailer()
        whole = answer.flags & _FIRST and answer.flags & _LAST
        values["response_bytes"] = max(stop - 24, 0) if whole else answer.number(16, 4)
        if whole and len(answer.data) == answer.length and self._level < _PRIVACY and answer.number(16, 4) >= 4:
            end = 24 + answer.number(16, 4)
            if answer.number(16, 4) % 4 == 0 and end <= stop:
                values["returned"] = windows_error(answer.number(end - 4, 4))
        return values

    def _alone(self, seen: Message) -> Iterator[Row]:
        """Yield the row of an answer whose request came apart from it, or was not seen."""
        if seen.kind in (_RESPONSE, _FAULT):
            context, operation = self._calls.pop(seen.call, (-1, -1))
            values = self._called(_NAMES[seen.kind], context, operation) if operation >= 0 else {}
            yield self._row({"message": _NAMES[seen.kind]} | values | self._answered(seen))
        elif seen.kind in (_BIND_ACK, _ALTERED, _BIND_NAK):
            self._challenge = ntlm.token(seen.token(), ntlm.CHALLENGE) or self._challenge
            results = self._results(seen)
            accepted = "accepted" if "accepted" in results else "rejected"
            yield self._row({"message": _NAMES[seen.kind], "result": accepted})


def carries(data: bytes, at: int) -> bool:
    """Return whether a message begins at this place of the data of a pipe."""
    return len(data) >= at + _HEADER and byte(data, at) == 5 and data[at + 1] <= 1 and data[at + 2] <= 19
