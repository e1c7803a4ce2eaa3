"""The stage that turns messages into rows: parsers are asked once per distinct content, columns are gathered."""

from __future__ import annotations

import hashlib
import itertools
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from secwatch.core.columns import ColumnData, TextColumn
from secwatch.core.tables import TABLES
from secwatch.sensor import gathering
from secwatch.sensor.kernels.records import REQUEST_TEXT, RESPONSE_TEXT
from secwatch.sensor.kernels.state import SERVICES, SensorState
from secwatch.sensor.protocols.registry import COUNTING, REMEMBERING, STATELESS
from secwatch.sensor.protocols.row import Conversation, CountingConversation, Malformed, Parse, Row, Value

_REMEMBERED = 4096  # distinct exchanges of one service whose rows are kept, each a few KB at most
_CONVERSATIONS = 16384  # flows whose parsers keep a memory; the one that was silent for longest forgets
_GIVEN = frozenset(["time", "source_address", "source_port", "destination_address", "destination_port", "transport"])


@dataclass
class Rows:
    """Rows of one table: `distinct` holds each kind of row once, row i is distinct[choices[i]] of event events[i]."""

    distinct: list[Mapping[str, Value]] = field(default_factory=list)
    choices: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)

    def columns(self, table: str) -> tuple[dict[str, ColumnData], dict[str, NDArray[np.bool_]]]:
        """Return the columns that parsers give, and the masks of those that may be NULL."""
        columns: dict[str, ColumnData] = {}
        nulls: dict[str, NDArray[np.bool_]] = {}
        places = np.array(self.choices, np.int64)
        for column in TABLES[table].stored:
            if column.name in _GIVEN:
                continue
            values = [row.get(column.name) for row in self.distinct]
            columns[column.name] = gathering.of_values(column, values, places)
            if column.nullable:
                nulls[column.name] = np.array([value is None for value in values], np.bool_)[places]
        return columns, nulls


class MessageStage:
    """Asks the parsers; counts by cause what they refuse. Not for two threads."""

    def __init__(self) -> None:
        self.malformed: dict[str, int] = {}
        self._known: dict[str, dict[bytes, Sequence[Row] | None]] = {name: {} for name in STATELESS}
        self._conversations: OrderedDict[tuple[str, bytes], Conversation] = OrderedDict()

    def rows(self, state: SensorState, kind: int, events: NDArray[np.int64]) -> dict[str, Rows]:
        """Return the rows that the events of one kind give, by table."""
        service = SERVICES[kind]
        tables: dict[str, Rows] = {}
        places: dict[int, list[tuple[Rows, int]]] = {}
        kept: list[Sequence[Row]] = []  # keeps the ids in `places` from being used again
        keys, size = (b"", 0) if service in STATELESS else gathering.flow_keys(gathering.take(state.events, events))
        for number, (event, request, response) in enumerate(_exchanges(state, events)):
            if service in STATELESS:
                found = self._stateless(service, STATELESS[service], request, response)
            else:
                conversation = self._conversation(service, keys[number * size : (number + 1) * size])
                if service in COUNTING:
                    cast(CountingConversation, conversation).counted = int(state.events["value"][event])
                found = _ask(conversation.parse, request, response)
            if found is None:
                self.malformed[f"malformed_{service}"] = self.malformed.get(f"malformed_{service}", 0) + 1
                continue
            known = places.get(id(found))
            if known is None:
                kept.append(found)
                known = places[id(found)] = []
                for row in found:
                    rows = tables.setdefault(row.table, Rows())
                    known.append((rows, len(rows.distinct)))
                    rows.distinct.append(row.values)
            for rows, choice in known:
                rows.choices.append(choice)
                rows.events.append(event)
        return tables

    def _stateless(self, service: str, parse: Parse, request: bytes, response: bytes) -> Sequence[Row] | None:
        known = self._known[service]
        # The contents themselves would be tens of MB: most never come again (transaction numbers, times).
        content = hashlib.blake2b(len(request).to_bytes(4, "big") + request + response, digest_size=16).digest()
        if content not in known:
            if len(known) >= _REMEMBERED:
                known.clear()
            known[content] = _ask(parse, request, response)
        return known[content]

    def _conversation(self, service: str, flow: bytes) -> Conversation:
        key = service, flow
        conversation = self._conversations.get(key)
        if conversation is None:
            if len(self._conversations) >= _CONVERSATIONS:
                self._conversations.popitem(last=False)
            conversation = self._conversations[key] = REMEMBERING[service]()
        else:
            self._conversations.move_to_end(key)
        return conversation


def _ask(parse: Parse, request: bytes, response: bytes) -> Sequence[Row] | None:
    """Return the rows of an exchange, None if it is malformed."""
    try:
        return tuple(parse(request, response))
    except Malformed:
        return None


def _exchanges(state: SensorState, events: NDArray[np.int64]) -> Iterable[tuple[int, bytes, bytes]]:
    """Return (event, request, response) of every event."""
    return zip(
        events.tolist(),
        _contents(gathering.text_of(state, events, REQUEST_TEXT)),
        _contents(gathering.text_of(state, events, RESPONSE_TEXT)),
        strict=True,
    )


def _contents(column: TextColumn) -> Iterable[bytes]:
    data = column.data.tobytes()
    return (data[start:end] for start, end in itertools.pairwise(column.offsets.tolist()))
