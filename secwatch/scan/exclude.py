"""Patterns of what a scan leaves out.

A pattern that starts with `/` is a path: it means itself and everything below. One without any
`/` means every file or directory of that name. Any other means a path that ends like that.
`*` and `?` never match a `/`; `**` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


class Excludes:
    """Compiled patterns; ask `covers` for each path met on the way down."""

    def __init__(self, patterns: Iterable[str]):
        self.patterns = tuple(dict.fromkeys(patterns))
        self._exact = frozenset(text.rstrip("/") for text in self.patterns if _is_plain_path(text))
        rest = [_expression(text) for text in self.patterns if not _is_plain_path(text)]
        self._expression = re.compile("|".join(rest), re.DOTALL) if rest else None

    def covers(self, path: str) -> bool:
        """Return whether this absolute path is left out (its parents are asked before it)."""
        if path in self._exact:
            return True
        return self._expression is not None and self._expression.fullmatch(path) is not None

    def without_those_above(self, root: str) -> Excludes:
        """Return the patterns except those that leave out `root` itself: a path the user names is meant."""
        parts = root.rstrip("/").split("/")
        above = ["/".join(parts[: count + 1]) or "/" for count in range(len(parts))]
        return Excludes(text for text in self.patterns if not any(Excludes([text]).covers(path) for path in above))


def _is_plain_path(pattern: str) -> bool:
    return pattern.startswith("/") and not any(character in pattern for character in "*?[")


def _expression(pattern: str) -> str:
    pattern = pattern.rstrip("/") or pattern
    prefix = "" if pattern.startswith("/") else "(?:.*/)?"
    try:
        return f"(?:{prefix}{re.compile(_translate(pattern)).pattern})"
    except re.error:  # a range such as [z-a]: then the pattern means its own letters
        return f"(?:{prefix}{re.escape(pattern)})"


def _translate(pattern: str) -> str:
    result, position = [], 0
    while position < len(pattern):
        found = re.match(r"\*\*/?|\*|\?|\[!?\]?[^\]/]*\]", pattern[position:])
        part = found.group() if found else pattern[position]
        position += len(part)
        if part.startswith("**"):
            result.append("(?:.*/)?" if part.endswith("/") else ".*")
        elif part == "*":
            result.append("[^/]*")
        elif part == "?":
            result.append("[^/]")
        elif len(part) > 1:
            inside = part[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            result.append(f"[^/{inside[1:]}]" if inside.startswith("!") else f"[{inside}]")
        else:
            result.append(re.escape(part))
    return "".join(result)
