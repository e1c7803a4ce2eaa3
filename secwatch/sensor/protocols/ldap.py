"""LDAP (RFC 4511), over TCP and as datagrams: binds, searches, changes, with what was answered."""

from __future__ import annotations

from collections.abc import Iterator

from secwatch.sensor.protocols import gss, ntlm
from secwatch.sensor.protocols.ber import Element, element
from secwatch.sensor.protocols.ldap_filter import filter_text
from secwatch.sensor.protocols.numbers import ldap_result
from secwatch.sensor.protocols.octets import MOST_ITEMS, big, narrow
from secwatch.sensor.protocols.row import Malformed, Row, Value

_OPERATIONS = {
    0x60: "bind",
    0x63: "search",
    0x66: "modify",
    0x68: "add",
    0x4A: "delete",
    0x6C: "rename",
    0x6E: "compare",
    0x77: "extended",
}
_ANSWERS = {
    0x61: "bind",
    0x65: "search",
    0x67: "modify",
    0x69: "add",
    0x6B: "delete",
    0x6D: "rename",
    0x6F: "compare",
    0x78: "extended",
}
_ENTRY = 0x64
_SCOPES = ("base", "one", "sub", "children")
_MOST_MESSAGES = 4096  # of one signed buffer or datagram
_SASL_BUFFER = 20  # bytes of length and signature before a message that is signed, not encrypted
_KERBEROS_TOKEN = b"\x05\x04"  # which also says how much of its checksum stands there, RFC 4121 section 4.2.5
Values = dict[str, Value]


class LdapConversation:
    """One connection, or the datagrams of one pair of ports."""

    def __init__(self) -> None:
        self.counted = 0  # entries between the request and the end, which are not handed over
        self._challenge = b""

    def parse(self, request: bytes, response: bytes) -> Iterator[Row]:
        """Yield a row for each operation, and one for the log-in by NTLM that a bind brings to its end."""
        answers = list(_messages(response)) if response else []
        asked = list(_messages(request)) if request else []
        if not asked:
            asked = [(number, 0, body) for number, tag, body in answers if tag in _ANSWERS][:1]
        for number, tag, body in asked:
            answer = next(
                ((kind, found) for other, kind, found in answers if other == number and kind in _ANSWERS), None
            )
            here = sum(kind == _ENTRY for other, kind, _ in answers if other == number)
            yield from self._operation(number, tag, body, answer, self.counted + here)

    def _operation(
        self, number: int, tag: int, body: Element, answer: tuple[int, Element] | None, entries: int
    ) -> Iterator[Row]:
        """Yield the rows of one operation; tag 0 when only the answer was seen."""
        if tag not in _OPERATIONS and not (tag == 0 and answer):
            return
        values: Values = {"message_id": number if 0 <= number < 1 << 32 else None}
        values["operation"] = _OPERATIONS.get(tag) or _ANSWERS[answer[0] if answer else 0]
        if tag:
            try:
                values |= _asked(tag, body)
            except Malformed:
                if not body.cut:
                    raise
        if answer:
            values |= _answered(answer[1])
        if values["operation"] == "search" and tag:
            values["entries"] = entries
        yield Row("ldap", values)
        if values["operation"] == "bind":
            yield from self._log_in(body.contents if tag else b"", answer, str(values.get("result") or ""))

    def _log_in(self, request: bytes, answer: tuple[int, Element] | None, result: str) -> Iterator[Row]:
        response = answer[1].contents if answer else b""
        challenge = ntlm.token(response, ntlm.CHALLENGE)
        if challenge:
            self._challenge = challenge
        succeeded = None if not answer else result == "success"
        yield from ntlm.rows("ldap", request, self._challenge, succeeded, result)
        yield from gss.application_rows(request)


def _messages(data: bytes) -> Iterator[tuple[int, int, Element]]:
    """Yield (message identifier, tag of the operation, operation) of the messages one after the other."""
    at = 0 if data[:1] == b"\x30" else _SASL_BUFFER + (big(data, 10, 2) if data[4:6] == _KERBEROS_TOKEN else 0)
    for taken in range(_MOST_MESSAGES):
        if at >= len(data) or (taken and data[at] != 0x30):  # a checksum can follow
            return
        message = element(data, at, len(data))
        if message.tag != 0x30:
            raise Malformed
        parts = message.parts()
        if len(parts) < 2 or parts[0].tag != 2:
            raise Malformed
        yield parts[0].number(), parts[1].tag, parts[1]
        at = message.stop


def _asked(tag: int, body: Element) -> Values:
    """Return what a request says."""
    if tag == 0x4A:
        return {"name": body.text()}
    parts = body.parts()
    if tag == 0x60:
        return _bind(parts)
    if tag == 0x63:
        return _search(parts)
    if tag == 0x77:
        return {"name": parts[0].text()} if parts and parts[0].tag == 0x80 else {}
    values: Values = {"name": parts[0].text()} if parts else {}
    if tag == 0x66 and len(parts) > 1:
        changes = [change.parts() for change in parts[1].parts()[:MOST_ITEMS]]
        pairs = [change[1].parts() for change in changes if len(change) > 1]
        values["attributes"] = [pair[0].text() for pair in pairs if pair]
    elif tag == 0x68 and len(parts) > 1:
        pairs = [pair.parts() for pair in parts[1].parts()[:MOST_ITEMS]]
        values["attributes"] = [pair[0].text() for pair in pairs if pair]
    elif tag == 0x6C and len(parts) > 1:
        values["new_name"] = ",".join(part.text() for part in parts[1:4] if part.tag in (4, 0x80))[:512]
    elif tag == 0x6E and len(parts) > 1:
        values["attributes"] = [part.text() for part in parts[1].parts()[:1]]
    return values


def _bind(parts: list[Element]) -> Values:
    """Return who binds and how; a password is never kept."""
    if len(parts) < 3:
        return {"name": parts[1].text()} if len(parts) > 1 else {}
    values: Values = {"name": parts[1].text()}
    choice = parts[2]
    if choice.tag == 0x80:
        values["authentication"] = "simple" if choice.stop > choice.start else "anonymous"
    elif choice.tag == 0xA3:
        mechanism = choice.parts()
        values["authentication"] = mechanism[0].text() if mechanism else "sasl"
    elif choice.tag in (0x89, 0x8A, 0x8B):
        values["authentication"] = "sicily"  # [MS-ADTS] 5.1.1.1.3: NTLM without SASL
    return values


def _search(parts: list[Element]) -> Values:
    """Return what a search asks for."""
    values: Values = {"name": parts[0].text()} if parts else {}
    if len(parts) > 1 and 0 <= (scope := parts[1].number()) < len(_SCOPES):
        values["scope"] = _SCOPES[scope]
    if len(parts) > 6:
        values["filter"] = filter_text(parts[6])
    if len(parts) > 7:
        values["attributes"] = [part.text() for part in parts[7].parts()[:MOST_ITEMS]]
    return values


def _answered(body: Element) -> Values:
    """Return what the end of an operation says."""
    parts = body.parts()
    if not parts:
        return {}
    values: Values = {"result": ldap_result(parts[0].number())}
    if len(parts) > 2:
        values["message"] = narrow(parts[2].contents.rstrip(b"\0"))
    return values
