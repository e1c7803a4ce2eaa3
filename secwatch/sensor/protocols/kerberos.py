"""Kerberos (RFC 4120): tickets asked for and given, by datagram or stream, and those shown to services."""

from __future__ import annotations

from collections.abc import Iterator

from secwatch.sensor.protocols.ber import Element, element, joined
from secwatch.sensor.protocols.numbers import encryption_type, kerberos_error, pre_authentication_type
from secwatch.sensor.protocols.octets import MOST_ITEMS
from secwatch.sensor.protocols.row import Malformed, Row, Value

# Application tags, RFC 4120 section 5.10
_TICKET, _AP_REQ, _ERROR = 0x61, 0x6E, 0x7E
_TYPES = {0x6A: "AS", 0x6B: "AS", 0x6C: "TGS", 0x6D: "TGS", _AP_REQ: "AP"}
_REQUESTS, _REPLIES = (0x6A, 0x6C), (0x6B, 0x6D)
_OPTIONS = {1: "forwardable", 2: "forwarded", 3: "proxiable", 8: "renewable", 14: "constrained delegation"}
Values = dict[str, Value]


def parse(request: bytes, response: bytes) -> Iterator[Row]:
    """Yield the row of one exchange with a key distribution centre."""
    asked, replied = _message(request, _REQUESTS), _message(response, (*_REPLIES, _ERROR))
    if asked is None and replied is None:
        raise Malformed
    values: Values = {}
    if replied is not None:
        values |= _error(replied) if replied.tag == _ERROR else _reply(replied)
        values["succeeded"] = replied.tag != _ERROR
    if asked is not None:
        given = {name: value for name, value in values.items() if value}
        values |= {name: value for name, value in _request(asked).items() if value}
        if replied is not None and replied.tag != _ERROR:
            values |= {name: given[name] for name in ("client",) if name in given}  # its own name, not an alias
    yield Row("kerberos", values)


def application(data: bytes) -> Row:
    """Return the row of an AP-REQ: the ticket a client shows to a service. Raise Malformed if it is none."""
    message = element(data, 0, len(data))
    if message.tag != _AP_REQ:
        raise Malformed
    fields = _fields(message)
    values: Values = {"request_type": "AP"}
    if 3 in fields:
        values |= _ticket(fields[3])
    return Row("kerberos", values)


def _message(data: bytes, tags: tuple[int, ...]) -> Element | None:
    """Return the message, behind its length over TCP or not; None if there is none. Its tag must be one of these."""
    if not data:
        return None
    at = 4 if data[0] < 0x60 else 0  # the first byte of a length is below any application tag
    message = element(data, at, len(data))
    if message.tag not in tags:
        raise Malformed
    return message


def _fields(message: Element) -> dict[int, Element]:
    """Return the fields of the SEQUENCE that an application tag holds."""
    parts = message.parts()
    if not parts or parts[0].tag != 0x30:
        raise Malformed
    return parts[0].tagged()


def _name(principal: Element | None) -> str | None:
    """Return a principal's name, its parts joined by /."""
    if principal is None:
        return None
    fields = principal.tagged()
    return joined("/", fields[1].parts()) if 1 in fields else None


def _text(field: Element | None) -> str | None:
    return field.text() if field is not None else None


def _number(field: Element | None) -> int | None:
    return field.number() if field is not None and not field.cut else None


def _request(message: Element) -> Values:
    """Return what a KDC-REQ asks for, RFC 4120 section 5.4.1."""
    fields = _fields(message)
    values: Values = {"request_type": _TYPES[message.tag]}
    kinds = []
    for item in fields[3].parts()[:MOST_ITEMS] if 3 in fields else []:
        number = _number(item.tagged().get(1))
        if number is not None:
            kinds.append(pre_authentication_type(number))
    values["pre_authentication"] = kinds
    if 4 not in fields:
        return values  # cut within the data before its body
    body = fields[4].tagged()
    values["client"] = _name(body.get(1))
    values["realm"] = _text(body.get(2))
    values["service"] = _name(body.get(3))
    if 0 in body:
        flags = int.from_bytes(body[0].contents[1:5].ljust(4, b"\0"), "big")
        values["options"] = [name for bit, name in _OPTIONS.items() if flags >> (31 - bit) & 1]
    if 8 in body:
        values["encryption_types"] = [
            encryption_type(part.number()) for part in body[8].parts()[:MOST_ITEMS] if not part.cut
        ]
    return values


def _encryption(encrypted: Element | None) -> str | None:
    """Return the type of an EncryptedData."""
    number = _number(encrypted.tagged().get(0)) if encrypted is not None else None
    return encryption_type(number) if number is not None else None


def _ticket(ticket: Element) -> Values:
    """Return realm, service and encryption of a ticket, RFC 4120 section 5.3."""
    if ticket.tag != _TICKET:
        raise Malformed
    fields = _fields(ticket)
    return {
        "realm": _text(fields.get(1)),
        "service": _name(fields.get(2)),
        "ticket_encryption": _encryption(fields.get(3)),
    }


def _reply(message: Element) -> Values:
    """Return what a KDC-REP gives, RFC 4120 section 5.4.2."""
    fields = _fields(message)
    values: Values = {"request_type": _TYPES[message.tag]}
    if 5 in fields:
        values |= _ticket(fields[5])
    values["client"] = _name(fields.get(4))
    values["reply_encryption"] = _encryption(fields.get(6))
    return values


def _error(message: Element) -> Values:
    """Return what a KRB-ERROR says, RFC 4120 section 5.9.1; to which request is not among it."""
    fields = _fields(message)
    service = _name(fields.get(10))
    code = _number(fields.get(6))
    return {
        "client": _name(fields.get(8)),
        "realm": _text(fields.get(9)),
        "service": service,
        "error": kerberos_error(code) if code is not None else None,
    }
