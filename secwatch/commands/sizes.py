"""Sizes on the command line: `500K`, `64M`, `2G`, or a number of bytes."""

from __future__ import annotations

import re
from typing import Any

import click

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Size(click.ParamType[int]):
    """A number of bytes; K, M, G and T are powers of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes; fail as a usage mistake if the text is no size above zero."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,11})\s?([KMGT]?)(?:i?B)?", str(value).strip(), re.IGNORECASE)
        if not found:
            self.fail(f"{value!r} is not a size such as 500K, 64M or 2G", param, ctx)
        return int(found.group(1)) * _UNITS[found.group(2).upper()]


SIZE = Size()


def in_bytes(size: float) -> str:
    """Return a number of bytes for people, in powers of 1000: `208 B`, `1.2 MB`, `3.4 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
