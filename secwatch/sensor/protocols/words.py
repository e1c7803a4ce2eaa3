"""Texts and numbers out of captured bytes: always a valid, bounded Python text, never an exception of Python's own."""

from __future__ import annotations

from secwatch.core.escape import visible
from secwatch.sensor.protocols.octets import LONGEST_TEXT, bounded
from secwatch.sensor.protocols.row import Malformed


def words(data: bytes, limit: int = LONGEST_TEXT) -> str:
    """Return the bytes as text: UTF-8, what is not and what cannot be seen as \\xNN; `limit` characters at most."""
    text = data[:limit].decode("utf-8", "surrogateescape")
    if text.isascii() and text.isprintable():
        return text
    return bounded(visible(text, limit)[:limit])


def clean(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return a text that came out of hostile JSON or base64, bounded and without hidden characters."""
    text = text[:limit]
    return text if text.isascii() and text.isprintable() else bounded(visible(text, limit)[:limit])


def exactly(data: bytes, start: int, size: int) -> bytes:
    """Return `size` bytes. Raise Malformed if they are not all there."""
    if start < 0 or start + size > len(data):
        raise Malformed
    return data[start : start + size]
