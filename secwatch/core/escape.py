"""Ingested text made harmless before it is shown: control characters and surrogates become visible."""

from __future__ import annotations

import unicodedata

# Cc control, Cf format (bidirectional overrides, zero width), Cs surrogates, Co private use,
# Zl and Zp line separators: none may reach a terminal or a report from hostile input.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str, limit: int = 500) -> str:
    """Return the text with every hidden character as \\xNN or \\uNNNN, at most `limit` characters."""
    shown = "".join(_escape(character) for character in text[: limit + 1])
    return shown[:limit] + "…" if len(shown) > limit else shown


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8, kept by surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
