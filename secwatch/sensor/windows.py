"""Windows of live capture: what the sensor finishes becomes columns in a thread of its own, and windows of columns.

The thread that walks the rings only hands its full arrays over and goes on with empty ones.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from secwatch.core.columns import ColumnBatch, in_bytes
from secwatch.sensor.batches import BatchMaker
from secwatch.sensor.capture import Losses
from secwatch.sensor.kernels import state as memory
from secwatch.sensor.reader import SensorCounters, make_counters

_SPARES = 2  # sets of output arrays beside the one being filled


@dataclass(frozen=True)
class Window:
    """What the sensor has finished since the window before.

    `counters` and `losses` (by interface) are of this window only. began and ended are wall clock,
    open_since is when the oldest flow began that goes on (all µs).
    """

    batches: Sequence[ColumnBatch]
    counters: SensorCounters
    losses: Mapping[str, Losses]
    began: int
    ended: int
    open_since: int | None = None

    @property
    def size(self) -> int:
        """Bytes of the columns."""
        return sum(in_bytes(batch) for batch in self.batches)


@dataclass(frozen=True)
class Cut:
    """The end of a window, as the walking thread saw it; `seen` has everything but what is known of the columns."""

    seen: SensorCounters
    losses: Mapping[str, Losses]
    began: int
    ended: int
    open_since: int | None


class WindowMaker:
    """Turns outputs into columns and, at every cut, gives the window to `deliver`, from its own thread.

    `waiting` is called twice a second by the walking thread while it has to wait.
    """

    def __init__(self, state: memory.SensorState, deliver: Callable[[Window], None], waiting: Callable[[], None]):
        self._maker = BatchMaker(state)
        self._deliver = deliver
        self._waiting = waiting
        self._given: queue.SimpleQueue[memory.Output | Cut | None] = queue.SimpleQueue()
        self._free: queue.SimpleQueue[memory.SensorState] = queue.SimpleQueue()
        for _ in range(_SPARES):
            self._free.put(memory.twin(state))
        self._batches: list[ColumnBatch] = []
        self._before = make_counters(state, {}, {})
        self.pending_bytes = 0
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="columns", daemon=True)
        self._thread.start()

    def swap(self, state: memory.SensorState) -> memory.SensorState:
        """Take what the state has finished and return a twin with empty output arrays to go on with.

        Waits only while the columns of the last three outputs are not made yet. Raise what the thread has failed with.
        """
        self._given.put(memory.hand_over(state))
        while True:
            self.check()
            try:
                return self._free.get(timeout=0.5)
            except queue.Empty:
                self._waiting()

    def cut(self, cut: Cut) -> None:
        """End the window behind what was taken so far."""
        self.check()
        self._given.put(cut)

    def finish(self) -> None:
        """Wait until everything is delivered. Raise what the thread has failed with."""
        self._given.put(None)
        while self._thread.is_alive():
            self._thread.join(0.5)
            self._waiting()
        self.check()

    def check(self) -> None:
        """Raise what the thread has failed with, if it has."""
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            while (item := self._given.get()) is not None:
                if isinstance(item, Cut):
                    self._deliver(self._window(item))
                else:
                    batches = self._maker.batches(item)
                    self._free.put(item.state)
                    self._batches.extend(batches)
                    self.pending_bytes += sum(in_bytes(batch) for batch in batches)
        except BaseException as error:  # noqa: BLE001 -- the walking thread raises it
            self._failure = error

    def _window(self, cut: Cut) -> Window:
        events, refused = dict(self._maker.event_counts), {**cut.seen.malformed, **self._maker.malformed}
        whole = replace(cut.seen, events=events, malformed=refused)
        dropped = sum(item.dropped for item in cut.losses.values())
        counters = _counted_since(whole, self._before, dropped)
        window = Window(tuple(self._batches), counters, cut.losses, cut.began, cut.ended, cut.open_since)
        self._before, self._batches, self.pending_bytes = whole, [], 0
        return window


def _counted_since(now: SensorCounters, before: SensorCounters, dropped: int) -> SensorCounters:
    """Return what was counted after `before`; the times are those of `now`."""
    counted: dict[str, Any] = {}
    for name, value in vars(now).items():
        old = getattr(before, name)
        if isinstance(value, Mapping):
            since = {key: count - old.get(key, 0) for key, count in value.items()}
            counted[name] = {key: count for key, count in since.items() if count}
        elif name not in ("first_time", "last_time"):
            counted[name] = value - old
    counted |= {"dropped": dropped, "first_time": now.first_time, "last_time": now.last_time}
    return SensorCounters(**counted)
