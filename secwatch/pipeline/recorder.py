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
from typing import Any, TypeVar

from secwatch.core.errors import Locked, SecwatchError
from secwatch.core.model import Text
from secwatch.core.moments import from_microseconds
from secwatch.core.ownership import Ownership
from secwatch.detect import catalogue
from secwatch.detect.recorded import Evaluator
from secwatch.lake.write import Writer
from secwatch.pipeline.compact import compact
from secwatch.pipeline.live_totals import merged
from secwatch.pipeline.retention import watch
from secwatch.pipeline.tidy import tidy
from secwatch.pipeline.turns import hold_lake
from secwatch.sensor.windows import Window
from secwatch.store import backlog
from secwatch.store import lake as store
from secwatch.store import live as runs
from secwatch.system.database import Database, explained
from secwatch.system.paths import Place, prepare
from secwatch.system.settings import Settings

_MOST_PROBLEMS = 200  # different ones; a run goes on for months

Result = TypeVar("Result")

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
    problems: dict[Text, None] = field(default_factory=dict)
    news: deque[tuple[str, Any]] = field(default_factory=deque)  # ("alert", number) or ("problem", Text)


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
        self._untidy = True
        self._compacted = datetime.now(UTC)
        self._locked_since: float | None = None
        self.recorded = Recorded()
        # Both told by the walking thread and kept with every window: what is not up, what was not kept as evidence.
        self.absent: Sequence[runs.Absence] = ()
        self.left_out = 0
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
            database = self._patiently(self._where.open_database)
            try:
                self._tidy_now(database)
                while self._next(database):
                    self._give_way()
                    self._compact(database)
                self._patiently(lambda: self._conclude(database))
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
            with explained(self._place.database):
                problems = compact(self._place, database, now).problems
                self._tell_alerts((), watch(self._place, database, self._settings, now))
        except (SecwatchError, OSError) as error:
            problems = (_in_words(error),)
        for problem in problems:
            self._say(f"数据湖的小文件未能合并：{problem}", f"small files of the lake were not merged: {problem}")

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
            with explained(self._place.database):
                self._record(database, merged(windows))
        except (SecwatchError, OSError) as error:
            self._untidy = True
            self._put_off(error)
            return True
        self._locked_since = None
        with self._changed:
            for _ in windows:
                self._waiting.popleft()
        return True

    def _patiently(self, act: Callable[[], Result]) -> Result:
        """Do it, again and again while the disk is full or another process holds what it needs."""
        while True:
            try:
                with explained(self._place.database):
                    return act()
            except (SecwatchError, OSError) as error:
                self._put_off(error)
                self._give_way()

    def _conclude(self, database: Database) -> None:
        with database.atomic():
            runs.end(database, self._run, datetime.now(UTC), self.left_out)

    def _tidy_now(self, database: Database) -> None:
        """Remove what a run that was killed has left; what prevents it is met again by the first window."""
        try:
            with explained(self._place.database), hold_lake(self._place, LOCK_WAIT_SECONDS):
                self._tidy(database)
        except (SecwatchError, OSError):
            return

    def _tidy(self, database: Database) -> None:
        """Remove files that no row names, after a failure: tries that go on for hours must not fill the disk."""
        if self._untidy:
            tidy(self._place, database)
            self._untidy = False

    def _put_off(self, error: SecwatchError | OSError) -> None:
        """Say why a window has to wait, and wait a moment; raise when the run is to end and patience with it."""
        now = time.monotonic()
        if self._stop_at is not None and now > self._stop_at:
            raise error
        if isinstance(error, Locked):
            self._locked_since = self._locked_since or now
            if now - self._locked_since > SAY_LOCKED_AFTER_SECONDS:
                self._say(f"等待记录：{error.message}", f"waiting to record: {error.message}")
        else:
            words = _in_words(error)
            self._say(f"无法记录，正在重试：{words}", f"could not record, trying again: {words}")
            time.sleep(RETRY_SECONDS)

    def _say(self, chinese: str, english: str) -> None:
        problem = Text(chinese, english)
        if len(self.recorded.problems) < _MOST_PROBLEMS and problem not in self.recorded.problems:
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
            self._tidy(database)
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
            self._say(f"未能评估：{problem}", f"not evaluated: {problem}")

    def _tell_alerts(self, opened: Sequence[int], updated: Sequence[int]) -> None:
        self.recorded.alerts.update((*opened, *updated))
        self.recorded.news.extend(("alert", number) for number in opened)

    def _load(self, database: Database) -> None:
        """Load the detections and owners, at first and when the configuration has changed."""
        with self._changed:
            if self._fresh:
                return
            settings = self._settings
        known = catalogue.load(self._place)
        self._definitions = known.enabled(settings.detect)
        owners = self._where.load_ownership(database)
        self._evaluator = Evaluator(self._place.lake, database, owners, settings.detect)
        for mistake in known.mistakes:
            self._say(str(mistake), str(mistake))
        with self._changed:
            self._fresh = settings is self._settings  # another configuration may have come meanwhile

    def _advance(self, database: Database, window: Window) -> None:
        since = from_microseconds(window.open_since) if window.open_since is not None else None
        runs.advance(database, self._run, from_microseconds(window.ended), since, self.absent, self.left_out)

    def _as_input(self, window: Window, now: datetime) -> store.ReadInput:
        counted = window.counters
        losses = {name: asdict(item) for name, item in window.losses.items()}
        details = {**asdict(counted), "interfaces": losses, "seconds": (window.ended - window.began) / 1e6}
        identity = f"live-{secrets.token_hex(16)}"
        times = (now, counted.first_time, counted.last_time)
        return store.ReadInput(identity, "", self._name, *times, details, lasting=True)


def _in_words(error: SecwatchError | OSError) -> str:
    return error.message if isinstance(error, SecwatchError) else str(error)
