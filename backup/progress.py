"""How far restic says that it is, and who is told. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far restic says that it is; fraction is None while it does not know."""

    fraction: float | None
    files: int = 0
    bytes: int = 0
    current: str = ""


OnProgress = Callable[[Progress], None]


def ignore_progress(_progress: Progress) -> None:
    """Do nothing with it."""
