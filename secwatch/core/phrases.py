"""Sentences with gaps, in two languages: `{calls} calls to port {port}`, filled with facts when they are shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from secwatch.core.model import Language, Text

_GAP = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_MAX_VALUE = 300  # characters that one fact may take in a sentence
_SEPARATOR = Text("、", ", ")
_NONE = Text("无", "none")
_YES, _NO = Text("是", "yes"), Text("否", "no")


def gaps(sentence: str) -> frozenset[str]:
    """Return the names of a sentence's gaps."""
    return frozenset(_GAP.findall(sentence))


def is_whole(sentence: str) -> bool:
    """Return whether every brace is part of a gap."""
    rest = _GAP.sub("", sentence)
    return "{" not in rest and "}" not in rest


def fill(sentence: Text, facts: Mapping[str, Any]) -> Text | None:
    """Return the sentence with every gap filled, None if a fact for one of them is missing.

    What a fact says is never taken for a gap of its own. It comes as it is: escape the result before it is shown.
    """
    if any(name not in facts for text in (sentence.zh, sentence.en) for name in gaps(text)):
        return None

    def filled(text: str, language: Language) -> str:
        return _GAP.sub(lambda gap: in_words(facts[gap[1]], language), text)

    return Text(filled(sentence.zh, "zh"), filled(sentence.en, "en"))


def in_words(value: Any, language: Language) -> str:
    """Return a fact as people read it: lists joined, numbers without needless digits; at most 300 characters."""
    if value is None:
        shown = _NONE.to(language)
    elif isinstance(value, bool):
        shown = (_YES if value else _NO).to(language)
    elif isinstance(value, float):
        shown = f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else repr(value)
    elif isinstance(value, Mapping):
        shown = _SEPARATOR.to(language).join(f"{name} {in_words(item, language)}" for name, item in value.items())
    elif isinstance(value, list | tuple):
        shown = _SEPARATOR.to(language).join(in_words(item, language) for item in value) or _NONE.to(language)
    else:
        shown = str(value)
    return shown if len(shown) <= _MAX_VALUE else f"{shown[: _MAX_VALUE - 1]}…"
