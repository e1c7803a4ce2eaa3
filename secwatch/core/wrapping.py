"""Line breaking for Chinese mixed with Latin: between any two characters of Chinese, at blanks in Latin.

Rich breaks at blanks only, which tears Chinese sentences apart wherever a Latin word stands in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import category, east_asian_width

# Chinese typesetting (CLREQ, line start and line end prohibition): closing marks stay with what
# is before them, opening marks with what follows.
_CLOSING = frozenset("，。、；：？！）》」』】〕”’…—,.;:?!)]}%")
_OPENING = frozenset("（《「『【〔“‘([{")


def cells(text: str) -> int:
    """Return how many terminal cells the text takes; ambiguous characters count one."""
    return sum(_cells(letter) for letter in text)


def _cells(letter: str) -> int:
    if category(letter) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(letter) in ("W", "F") else 1


def wrap(text: str, width: int) -> list[str]:
    """Return the text in lines of at most `width` cells (at least 2); an empty text is one empty line."""
    width = max(width, 2)
    lines = [""]
    used = 0
    for gap, unit in _units(text):
        size = cells(unit)
        if used and used + len(gap) + size > width:
            lines.append("")
            used = 0
        elif used:
            lines[-1] += gap
            used += len(gap)
        for piece in _pieces(unit, width):
            if used + cells(piece) > width:
                lines.append("")
                used = 0
            lines[-1] += piece
            used += cells(piece)
    return lines


def _pieces(unit: str, width: int) -> Iterator[str]:
    """A unit wider than a line is broken anywhere."""
    if cells(unit) <= width:
        yield unit
    else:
        yield from unit


def _units(text: str) -> Iterator[tuple[str, str]]:
    """Yield what may not be broken, with the blank (or nothing) before it."""
    for number, word in enumerate(text.split()):
        gap = " " if number else ""
        for unit in _split(word):
            yield gap, unit
            gap = ""


def _split(word: str) -> Iterator[str]:
    unit = ""
    for letter in word:
        wide = _cells(letter) == 2
        if unit and _may_break(unit[-1], letter, wide):
            yield unit
            unit = ""
        unit += letter
    if unit:
        yield unit


def _may_break(before: str, letter: str, wide: bool) -> bool:
    if letter in _CLOSING or before in _OPENING:
        return False
    return wide or _cells(before) == 2 or (letter in _OPENING and _cells(before) == 2)
