"""What a protocol's parser takes and gives: bytes in, rows out.

A module of this package has a function `parse(request, response)` that yields rows, or, where a
message only makes sense after earlier ones of its flow (a tree or an interface that was named
before), a class with that method, of which every flow gets an instance of its own. Either side may
be empty (not seen) or end early (only its beginning was captured): a parser says what it knows. It
raises `Malformed` for what is not the protocol, and nothing else, whatever the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# None is NULL; so is an empty text or list. Numbers must fit the column.
Value = str | int | float | bool | Sequence[str] | Sequence[int] | None


class Malformed(ValueError):
    """The bytes are not what the protocol allows; its event is counted by cause and gives no row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the values of its columns but time, ends and transport; those not given are NULL."""

    table: str
    values: Mapping[str, Value]


Parse = Callable[[bytes, bytes], Iterable[Row]]


class Conversation(Protocol):
    """A parser with a memory, of one flow. What it remembers must be bounded."""

    def parse(self, request: bytes, response: bytes) -> Iterable[Row]:
        """Return the rows of the next exchange."""
        ...


class CountingConversation(Conversation, Protocol):
    """A parser that is told, before `parse`, how many messages of the exchange were only counted: the service's
    name is among `registry.COUNTING`."""

    counted: int
