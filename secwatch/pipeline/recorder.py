"""Windows of live capture into the lake, in a thread of its own: written, evaluated, recorded in one transaction.

The lock of the lake is held for one window at a time, so that other commands get their turn.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from secwatch.core.errors import Locked, SecwatchError
from secwatch.core.moments import from_microseconds
from secwatch.core.ownership import Ownership
from secwatch.detect import catalogue
from secwatch.detect.recorded import Evaluator
from secwatch.lake.write import Writer
from secwatch.pipeline.compact import compact
from secwatch.pipeline.retention import watch
from secwatch.pipeline.tidy import tidy
from secwatch.pipeline.turns import hold_lake
from secwatch.sensor.reader import SensorCounters
from secwatch.sensor.windows import Window
from secwatch.store import backlog
from secwatch.store import lake as store
from secwatch.store import live as runs
from secwatch.system.database import Database
from secwatch.system.paths import Place, prepare
from secwatch.system.settings import Settings

# Columns that wait for their turn; beyond it the sensor waits, and what then overflows the ring is counted there.
QUEUE_BYTES = 192 << 20
RETRY_SECONDS = 2.0
LOCK_WAIT_SECONDS = 1.0
OTHERS_TURN_SECONDS = 0.3  # between windows; who waits for the lock looks ten times a second
LAST_PATIENCE_SECONDS = 60.0  # for the lock or the disk, when the run is to end
SAY_LOCKED_AFTER_SECONDS = 60.0


@dataclass
class Recorded:
    """What is in the lake so far, and what people should be told about it."""

    windows: int = 0
    alerts: set[int] = field(default_factory=set)
    problems: dict[str, None] = field(default_factory=dict)
    news: deque[tuple[str, Any]] = field(default_factory=deque)  # ("alert", number) or ("problem", sentence)


@dataclass(frozen=True)
class Store:
    """How the thread gets what it works with: a connection of its own, and who owns what by that connection."""

    open_database: Callable[[], Database]
    load_ownership: Callable[[Database], Ownership]


class Recorder:
    """Takes windows with `offer` and records them in order. `failure` is what ended the thread, if anything did."""

    def __init__(self, place: Place, settings: Settings, where: Store, run: int, interfaces: Sequence[str]):
        self._place = place
        self._settings = settings
        self._where = where
        self._run = run
        self._name = "live " + " ".join(interfaces)
        self._waiting: deque[Window] = deque()
        self._changed = threading.Condition()
        self._stop_at: float | None = None
        self._fresh = False
        self._compacted = datetime.now(UTC)
        self._locked_since: float | None = None
        self.recorded = Recorded()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def has_room(self) -> bool:
        """Whether another window may be offered without holding too much memory."""
        with self._changed:
            return sum(window.size for window in self._waiting) < QUEUE_BYTES

    def offer(self, window: Window) -> None:
        """Hand a window over."""
        with self._changed:
            self._waiting.append(window)
            self._changed.notify()

    def use(self, settings: Settings) -> None:
        """Work by other settings, detections and owners from the next window on."""
        with self._changed:
            self._settings = settings
            self._fresh = False

    def stop(self) -> None:
        """Ask the thread to record what is waiting and to end; `alive` says when it has."""
        with self._changed:
            self._stop_at = time.monotonic() + LAST_PATIENCE_SECONDS
            self._changed.notify()

    def _work(self) -> None:
        try:
            database = self._where.open_database()
            try:
                self._tidy(database)
                while self._next(database):
                    self._give_way()
                    self._compact(database)
                with database.atomic():
                    runs.end(database, self._run, datetime.now(UTC))
            finally:
                database.conn.close()
        except BaseException as error:  # noqa: BLE001 -- the walking thread raises it
            self.failure = error

    def _compact(self, database: Database) -> None:
        """Merge the small files of past hours, once an hour, and look at the quota; windows wait, the rings do not."""
        now = datetime.now(UTC)
        if now.hour == self._compacted.hour or self._stop_at is not None:
            return
        self._compacted = now
        try:
            problems = compact(self._place, database, now).problems
        except (SecwatchError, OSError) as error:
            problems = (error.message if isinstance(error, SecwatchError) else str(error),)
        for problem in problems:
            self._say(f"small files of the lake were not merged: {problem}")
        self._tell_alerts((), watch(self._place, database, self._settings, now))

    def _give_way(self) -> None:
        """Let others have the lock of the lake for a moment, unless the run is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stop_at is not None, timeout=OTHERS_TURN_SECONDS)

    def _next(self, database: Database) -> bool:
        """Record what is waiting, all of it at once; return False when there is nothing more to come."""
        with self._changed:
            while not self._waiting and self._stop_at is None:
                self._changed.wait()
            if not self._waiting:
                return False
            windows = list(self._waiting)
        try:
            self._record(database, _merged(windows))
        except (SecwatchError, OSError) as error:
            self._put_off(error)
            return True
        self._locked_since = None
        with self._changed:
            for _ in windows:
                self._waiting.popleft()
        return True

    def _tidy(self, database: Database) -> None:
        """Remove what a run that was killed has left; whoever has the lock now has done so already."""
        try:
            with hold_lake(self._place, LOCK_WAIT_SECONDS):
                tidy(self._place, database)
        except Locked:
            return

    def _put_off(self, error: SecwatchError | OSError) -> None:
        """Say why a window has to wait, and wait a moment; raise when the run is to end and patience with it."""
        now = time.monotonic()
        if self._stop_at is not None and now > self._stop_at:
            raise error
        if isinstance(error, Locked):
            self._locked_since = self._locked_since or now
            if now - self._locked_since > SAY_LOCKED_AFTER_SECONDS:
                self._say(f"waiting to record: {error.message}")
        else:
            self._say(f"could not record, trying again: {error.message if isinstance(error, SecwatchError) else error}")
            time.sleep(RETRY_SECONDS)

    def _say(self, problem: str) -> None:
        if problem not in self.recorded.problems:
            self.recorded.problems[problem] = None
            self.recorded.news.append(("problem", problem))

    def _record(self, database: Database, window: Window) -> None:
        lake = self._place.lake
        self._load(database)
        now = datetime.now(UTC)
        if not window.batches and not window.counters.packets and not window.counters.dropped:
            with database.atomic():
                self._advance(database, window)
            return
        with hold_lake(self._place, LOCK_WAIT_SECONDS):
            resumed, problems = self._evaluator.resume(self._definitions, backlog.stretches(database), now)
            prepare(lake)
            with Writer(lake) as writer:
                for batch in window.batches:
                    writer.add(batch)
                segments = writer.finish()
                outcome = self._evaluator.over_new(self._definitions, segments, (), 0)
                produced = [store.RecordedFile(**asdict(segment)) for segment in segments]
                last = max((segment.last_time for segment in segments), default=0)
                with database.atomic():
                    store.add_input(database, self._as_input(window, now), produced)
                    changes = self._evaluator.record(outcome, last, now)
                    self._advance(database, window)
        self.recorded.windows += 1
        self._tell_alerts((*resumed.opened, *changes.opened), (*resumed.updated, *changes.updated))
        for problem in (*problems, *outcome.problems):
            self._say(f"not evaluated: {problem}")

    def _tell_alerts(self, opened: Sequence[int], updated: Sequence[int]) -> None:
        self.recorded.alerts.update((*opened, *updated))
        self.recorded.news.extend(("alert", number) for number in opened)

    def _load(self, database: Database) -> None:
        """Load the detections and owners, at first and when the configuration has changed."""
        with self._changed:
            if self._fresh:
                return
            self._fresh = True
            settings = self._settings
        known = catalogue.load(self._place)
        self._definitions = known.enabled(settings.detect)
        owners = self._where.load_ownership(database)
        self._evaluator = Evaluator(self._place.lake, database, owners, settings.detect)
        for mistake in known.mistakes:
            self._say(str(mistake))

    def _advance(self, database: Database, window: Window) -> None:
        since = from_microseconds(window.open_since) if window.open_since is not None else None
        runs.advance(database, self._run, from_microseconds(window.ended), since)

    def _as_input(self, window: Window, now: datetime) -> store.ReadInput:
        counted = window.counters
        losses = {name: asdict(item) for name, item in window.losses.items()}
        details = {**asdict(counted), "interfaces": losses, "seconds": (window.ended - window.began) / 1e6}
        identity = f"live-{secrets.token_hex(16)}"
        times = (now, counted.first_time, counted.last_time)
        return store.ReadInput(identity, "", self._name, *times, details, lasting=True)


def _merged(windows: Sequence[Window]) -> Window:
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
