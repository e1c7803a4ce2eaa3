"""Durations as people write them in the configuration: `90s`, `15m`, `24h`, `7d`, `4w`."""

from __future__ import annotations

import re

PATTERN = r"^[1-9][0-9]{0,5}[smhdw]$"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(text: str) -> int:
    """Return the number of seconds of a duration. Raise ValueError if it is not one."""
    if not re.match(PATTERN, text):
        raise ValueError(f"not a duration: {text!r}")
    return int(text[:-1]) * _SECONDS[text[-1]]


def in_words(value: float) -> str:
    """Return seconds as a short duration: `0.8 s`, `45 s`, `12 min`, `3.5 h`, `2.1 d`."""
    if value < 10:
        return f"{value:.1f} s"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if value < limit:
            amount = value / size
            return f"{amount:.1f} {unit}" if amount < 10 and unit == "h" else f"{amount:.0f} {unit}"
    return f"{value / 86400:.1f} d"
