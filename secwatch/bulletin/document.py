"""A bulletin as a document: sections of sentences, tables and lists, every text in both languages.

It is stored as canonical JSON and rendered from that alone: what was said in a week stays as it
was said, whatever later versions would say, and one body reads in Chinese and in English.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from secwatch.core.errors import SecwatchError
from secwatch.core.model import Language, Text

SCHEMA = 1


@dataclass(frozen=True)
class Cell:
    """One cell of a table. tone colours it where there is colour: a level's value, `good` or `bad`."""

    text: Text
    tone: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table; right aligns numbers, whole keeps short cells (numbers, times) on one line."""

    heading: Text
    right: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Table:
    """A table; every row has as many cells as there are columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: Text | None = None


@dataclass(frozen=True)
class Section:
    """A section, read in this order: paragraphs, tables, numbered items, notes in small print."""

    key: str
    title: Text
    paragraphs: tuple[Text, ...] = ()
    tables: tuple[Table, ...] = ()
    items: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A key figure as numbers: None where there is no data. complete tells whether the weeks may be compared."""

    key: str
    name: Text
    unit: Text
    current: int | None
    previous: int | None
    comparable: bool


@dataclass(frozen=True)
class Rating:
    """The overall rating: its key (excellent, good, fair, poor, critical), word, reason and driving metric."""

    key: str
    label: Text
    reason: Text
    metric: str


@dataclass(frozen=True)
class Bulletin:
    """A whole edition. Days are ISO dates of the time zone, composed_at is UTC."""

    year: int
    week: int
    edition: int
    city: Text
    title: Text
    issuer: Text
    marking: str
    first_day: str
    last_day: str
    time_zone: str
    composed_at: str
    rating: Rating
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    schema: int = SCHEMA

    @property
    def name(self) -> str:
        """The week as ISO 8601 writes it: `2026-W47`."""
        return f"{self.year:04d}-W{self.week:02d}"

    def number(self, language: Language) -> str:
        """Return the number as it is printed: `〔2026〕第47期`, with the edition from the second on."""
        if language == "zh":
            return f"〔{self.year}〕第{self.week}期" + (f"（第{self.edition}版）" if self.edition > 1 else "")
        return f"{self.year}, No. {self.week}" + (f" (edition {self.edition})" if self.edition > 1 else "")


def to_json(bulletin: Bulletin) -> str:
    """Return the canonical JSON: keys sorted, no blanks; the same document always gives the same bytes."""
    return msgspec.json.encode(bulletin, order="sorted").decode()


def from_json(body: str) -> Bulletin:
    """Return the document of a body. Raise SecwatchError if a newer secwatch wrote it."""
    try:
        bulletin = msgspec.json.decode(body, type=Bulletin)
    except msgspec.ValidationError as error:
        raise SecwatchError(
            f"this bulletin cannot be read: {error}", "install the secwatch that composed it"
        ) from error
    if bulletin.schema > SCHEMA:
        raise SecwatchError("a newer secwatch composed this bulletin", "install the newer secwatch again")
    return bulletin


def both(text: object) -> Text:
    """Return a text that is the same in both languages: a number, a code, a date."""
    return Text(str(text), str(text))
