"""Attacks on the parsers of protocols: they give rows that fit their tables, or say Malformed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from secwatch.core.columns import Column, Kind
from secwatch.core.tables import TABLES
from secwatch.sensor.protocols.registry import REMEMBERING, STATELESS
from secwatch.sensor.protocols.row import Conversation, Malformed, Parse, Row
from tests.sensor.hostile import messages, mutation
from tests.sensor.protocols.test_hostile import PARSERS

_TOP = {Kind.UINT8: 1 << 8, Kind.UINT16: 1 << 16, Kind.UINT32: 1 << 32, Kind.UINT64: 1 << 64}
_LONGEST_TEXT = 1024  # of one text of a parser, bytes
_LONGEST_LIST = 64


def _itself(parse: Parse) -> Parse:
    return parse


def _fresh(maker: Callable[[], Conversation]) -> Parse:
    return maker().parse


# Parsers by name, the registered ones and those that others call; each makes a fresh one.
_PARSERS: Mapping[str, Callable[[], Parse]] = {
    **{name: maker for name, (maker, _) in PARSERS.items()},
    **{name: partial(_itself, parse) for name, parse in STATELESS.items()},
    **{name: partial(_fresh, maker) for name, maker in REMEMBERING.items()},
}
_SERVICES = sorted(_PARSERS)


def check_messages(data: bytes) -> None:
    """Raise unless every parser gives good rows for the exchanges, or says Malformed."""
    if not _SERVICES or not data:
        return
    service = _SERVICES[data[0] % len(_SERVICES)]
    parse = _PARSERS[service]()
    place = 1
    for _ in range(8):
        if place + 4 > len(data):
            return
        sizes = struct.unpack_from("<HH", data, place)
        request = data[place + 4 : place + 4 + sizes[0]]
        response = data[place + 4 + sizes[0] : place + 4 + sum(sizes)]
        place += 4 + sum(sizes)
        try:
            rows = list(parse(request, response))
        except Malformed:
            continue
        assert len(rows) <= 4 * _LONGEST_LIST, f"{service} makes {len(rows)} rows of one exchange"
        for row in rows:
            _check_row(row)


def _check_row(row: Row) -> None:
    table = TABLES[row.table]
    for name, value in row.values.items():
        if value is not None:
            _check_value(table.column(name), value)


def _check_value(column: Column, value: Any) -> None:
    if column.kind in (Kind.TEXTS, Kind.NUMBERS):
        assert isinstance(value, tuple | list), (column.name, value)
        assert len(value) <= _LONGEST_LIST, f"{column.name}: a list of {len(value)}"
        inner = Kind.TEXT if column.kind is Kind.TEXTS else Kind.UINT32
        for item in value:
            _check_value(Column(column.name, inner, ""), item)
    elif column.kind is Kind.TEXT:
        assert isinstance(value, str), (column.name, value)
        assert len(value.encode()) <= _LONGEST_TEXT, f"{column.name}: a text of {len(value.encode())} bytes"
    elif column.kind is Kind.BOOLEAN:
        assert isinstance(value, bool), (column.name, value)
    elif column.kind in _TOP:
        assert isinstance(value, int) and 0 <= value < _TOP[column.kind], (column.name, value)
    else:
        assert isinstance(value, int | float) and abs(value) < 1 << 62, (column.name, value)


def _conversation(service: str, exchanges: Sequence[messages.Exchange]) -> bytes:
    out = bytes([_SERVICES.index(service)])
    for request, response in exchanges:
        out += struct.pack("<HH", len(request[:4096]), len(response[:4096])) + request[:4096] + response[:4096]
    return out


def message_seeds() -> list[bytes]:
    found = [b"\0"]
    for service in _SERVICES:
        good = messages.exchanges().get(service, ())
        found += [_conversation(service, good[place : place + 8]) for place in range(0, len(good), 8)]
    return found


def next_message(source: random.Random) -> bytes:
    if not _SERVICES:
        return source.randbytes(20)
    service = source.choice(_SERVICES)
    good = messages.exchanges().get(service) or [(b"", b"")]
    start = source.randrange(len(good))
    out = list(good[start : start + source.choice((1, 3, 8))])
    for _ in range(source.choice((1, 1, 2, 5))):
        place = source.randrange(len(out))
        request, response = out[place]
        if source.random() < 0.6:
            request = mutation.damaged(request, response, source)
        else:
            response = mutation.damaged(response, request, source)
        out[place] = (request, response) if source.random() < 0.9 else (response, request)
    return _conversation(service, out)
