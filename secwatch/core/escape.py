"""Ingested text made harmless before it is shown: control characters and surrogates become visible."""

from __future__ import annotations

import re
import unicodedata
from unicodedata import east_asian_width

# Cc control, Cf format (bidirectional overrides, zero width), Cs surrogates, Co private use,
# Zl and Zp line separators: none may reach a terminal or a report from hostile input.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_SURROGATES = re.compile("[\ud800-\udfff]")

# Characters of ambiguous width (East Asian Width A) that our own texts use, and what stands for
# them where a terminal draws them two cells wide.
_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "—": "-", "–": "-", "…": "...", "·": ".", "×": "x", "°": " deg", "≥": ">="}
)


def visible(text: str, limit: int = 500) -> str:
    """Return the text with every hidden character as \\xNN or \\uNNNN, at most `limit` characters."""
    shown = "".join(_escape(character) for character in text[: limit + 1])
    return shown[:limit] + "…" if len(shown) > limit else shown


def storable(text: str) -> str:
    """Return the text with every surrogate (a byte that was not UTF-8) as \\xNN or \\uNNNN: it can be encoded."""
    return _SURROGATES.sub(lambda found: _escape(found.group()), text)


def storable_json(text: str) -> str:
    """Return JSON whose strings are storable: the same, with the backslash escaped as JSON wants it."""
    return _SURROGATES.sub(lambda found: "\\" + _escape(found.group()), text)


def unambiguous(text: str) -> str:
    """Return the text without characters of ambiguous width: in ASCII where there is a form, else as \\uNNNN."""
    plain = text.translate(_PLAIN)
    return "".join(f"\\u{ord(letter):04x}" if east_asian_width(letter) == "A" else letter for letter in plain)


def certain(text: str) -> str:
    """Return the text with every character visible whose width terminals and libraries disagree on.

    Those are spacing marks and viramas of Indic scripts, regional indicators, skin tones, the text
    presentation selector: a line
    with one of them would be a cell too long for somebody, and columns would not line up.
    """
    return "".join(f"\\u{ord(letter):04x}" if _uncertain(letter) else letter for letter in text)


def _uncertain(letter: str) -> bool:
    if letter < "\u0300":
        return False
    return (
        unicodedata.category(letter) == "Mc"
        or unicodedata.combining(letter) == 9
        or letter in "\ufe0e\U0001171e"
        or "\U0001f1e6" <= letter <= "\U0001f1ff"
        or "\U0001f3fb" <= letter <= "\U0001f3ff"
    )


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8, kept by surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
