"""Sums of what windows of live capture have counted, and windows that follow each other as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secwatch.sensor.reader import SensorCounters
from secwatch.sensor.windows import Window


def merged(windows: Sequence[Window]) -> Window:
    """Return windows that follow each other as one."""
    if len(windows) == 1:
        return windows[0]
    batches = tuple(batch for window in windows for batch in window.batches)
    losses = {name: _sum([window.losses[name] for window in windows]) for name in windows[0].losses}
    counters = total([window.counters for window in windows])
    return Window(batches, counters, losses, windows[0].began, windows[-1].ended, windows[-1].open_since)


def _sum(items: Sequence[Any]) -> Any:
    """Return the sum of dataclasses that hold numbers, field by field."""
    kind = type(items[0])
    return kind(*(sum(values) for values in zip(*(vars(item).values() for item in items), strict=True)))


def total(counters: Sequence[SensorCounters]) -> SensorCounters:
    """Return the sum of what windows have counted, from their first packet to their last."""
    sums: dict[str, Any] = {}
    for name in vars(counters[0]):
        values = [getattr(item, name) for item in counters]
        if name in ("first_time", "last_time"):
            known = [value for value in values if value is not None]
            sums[name] = (min if name == "first_time" else max)(known, default=None)
        elif isinstance(values[0], dict):
            keys = dict.fromkeys(key for value in values for key in value)
            sums[name] = {key: sum(value.get(key, 0) for value in values) for key in keys}
        else:
            sums[name] = sum(values)
    return SensorCounters(**sums)
