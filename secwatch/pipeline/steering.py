"""How a reading that may go on for long is steered from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

WINDOW_SECONDS = 60.0  # between commits of a file that grows


@dataclass(frozen=True)
class Steering:
    """How a reading of a directory is steered: whether it waits for more, when it stops, who is told.

    on_alerts gets the numbers of alerts that were opened, on_problem a sentence once.
    """

    follow: bool
    stop: Callable[[], bool]
    on_progress: Callable[[str, int, int | None], None]
    on_alerts: Callable[[Sequence[int]], None]
    on_problem: Callable[[str], None]
    now: Callable[[], datetime]
    window_seconds: float = WINDOW_SECONDS
