"""Whose turn it is to write into the lake: one lock, held for one input or one window at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from secwatch.system import lock
from secwatch.system.paths import Place

LOCK = "lake"
LIVE_LOCK = "live"  # held by a run of the live sensor from its beginning to its end
PATIENCE_SECONDS = 2.0
# A live run takes its turn every window, and gives it back when the detections have looked.
PATIENCE_BESIDE_LIVE_SECONDS = 60.0


@contextmanager
def hold_lake(place: Place, wait_seconds: float | None = None) -> Iterator[None]:
    """Hold the lock of those who write into the lake. Raise Locked if it is not to be had in time.

    Without wait_seconds the patience is that of a command: longer where a live run is the other one.
    """
    if wait_seconds is None:
        wait_seconds = PATIENCE_BESIDE_LIVE_SECONDS if live_runs(place) else PATIENCE_SECONDS
    with lock.hold(place.runtime, LOCK, wait_seconds=wait_seconds):
        yield


def live_runs(place: Place) -> bool:
    """Return whether a live run works in this place."""
    return lock.is_held(place.runtime, LIVE_LOCK)
