"""Patterns as restic reads them (Go's filepath.Match, with `**`): a path made into one that matches just it."""

from __future__ import annotations


def escape(path: str) -> str:
    """Return an absolute path as a pattern that matches just it. Raise ValueError if it is not absolute."""
    if not path.startswith("/"):
        raise ValueError(f"not an absolute path: {path!r}")
    return "".join(f"\\{character}" if character in "*?[]\\" else character for character in path)
