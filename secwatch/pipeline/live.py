"""The live loop: one thread walks the rings, another records its windows; signals stop it or reload it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from secwatch.core import durations
from secwatch.core.errors import SecwatchError
from secwatch.core.model import Text
from secwatch.pipeline.live_totals import total
from secwatch.pipeline.outages import Outages
from secwatch.pipeline.read import sensor_settings
from secwatch.pipeline.recorder import Recorder, Store
from secwatch.pipeline.turns import LIVE_LOCK
from secwatch.sensor.capture import Capture, Losses
from secwatch.sensor.live import Evidence, LiveSensor
from secwatch.sensor.reader import SensorCounters
from secwatch.sensor.windows import Window
from secwatch.store import live as runs
from secwatch.system import lock
from secwatch.system.notify import Service
from secwatch.system.paths import Place
from secwatch.system.settings import Settings
from secwatch.system.signals import Requests

WAIT_SECONDS = 0.25  # the longest sleep: the clock, signals and the watchdog are looked at this often
TELL_SECONDS = 1.0
# A window ends early when its columns fill this much: memory stays bounded under a flood of flows.
WINDOW_BYTES = 48 << 20
# How long another thread may keep the interpreter's lock while the walking one wants to go on with its next block:
# the interpreter's 5 ms would be longer than a block takes.
_SWITCH_SECONDS = 0.0002
# Who only asks whether a live run is there (status) has its lock for a moment.
_LOOKED_AT_SECONDS = 0.5


class Listener(Protocol):
    """Who is told how it goes; called by the walking thread, so it must be quick."""

    def missing(self, run: runs.LiveRun) -> None:
        """An earlier run was killed: this is what it recorded."""

    def progress(self, state: Progress) -> None:
        """How it stands, about once a second."""

    def interface(self, name: str, condition: str) -> None:
        """An interface is `up`, `down`, `gone`, or `renamed to NAME`."""

    def reloaded(self, mistake: str | None) -> None:
        """The configuration was read again; with a mistake the old one stays in force."""

    def news(self, kind: str, what: object) -> None:
        """`alert` with its number, or `problem` with a Text."""


@dataclass(frozen=True)
class Progress:
    """How a live run stands."""

    packets: int
    packets_per_second: float
    dropped: int
    open_flows: int
    seconds: float


@dataclass(frozen=True)
class LiveSummary:
    """What a live run has seen. `lost` says why it ended by itself, if it did.

    left_out counts the packets that were captured and not kept as evidence, though they should have been.
    """

    counters: SensorCounters
    interfaces: Mapping[str, Losses]
    alerts: tuple[int, ...]
    problems: tuple[Text, ...]
    missing: tuple[runs.LiveRun, ...]
    windows: int
    seconds: float
    lost: str | None = None
    left_out: int = 0


@dataclass(frozen=True)
class Running:
    """What a live run works with: captures that are opened and not yet started, and how it is steered."""

    place: Place
    settings: Settings
    captures: Sequence[Capture]
    where: Store
    requests: Requests
    service: Service
    listener: Listener
    reload: Callable[[], Settings]
    duration: float | None = None
    evidence: Evidence | None = None


def capture_live(running: Running) -> LiveSummary:
    """Capture until a signal, the duration or the loss of the last interface ends it; everything is then recorded.

    Raise Locked if another live run works in this place, and what keeps the windows from being recorded.
    """
    with lock.hold(running.place.runtime, LIVE_LOCK, wait_seconds=_LOOKED_AT_SECONDS):
        database = running.where.open_database()
        try:
            names = [capture.interface for capture in running.captures]
            with database.atomic():
                number, killed = runs.begin(database, " ".join(names), datetime.now(UTC))
            killed = [replace(run, missing_until=datetime.now(UTC)) for run in killed]
        finally:
            database.conn.close()
        for run in killed:
            running.listener.missing(run)
        recorder = Recorder(running.place, running.settings, running.where, number, names)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        try:
            return _Loop(running, recorder, tuple(killed)).run()
        finally:
            sys.setswitchinterval(interval)


class _Loop:
    """The walking thread. It must never wait for the other one longer than the rings can hold."""

    def __init__(self, running: Running, recorder: Recorder, killed: tuple[runs.LiveRun, ...]):
        self._running = running
        self._recorder = recorder
        self._killed = killed
        settings = sensor_settings(running.settings.sensor)
        self._sensor = LiveSensor(running.captures, settings, self._deliver, running.service.alive, running.evidence)
        self._outages = Outages()
        self._ending = self._ready_told = False
        self._deadline: float | None = None
        self._window_seconds = durations.seconds(running.settings.sensor.window)
        self._counted: list[SensorCounters] = []
        self._losses: dict[str, Losses] = {capture.interface: Losses() for capture in running.captures}
        self._started = time.monotonic()
        self._told = (self._started, 0)

    def run(self) -> LiveSummary:
        """Walk until the end, then hand the last window over and wait until it is recorded.

        Whatever else fails: what the sensor has seen so far is recorded before that is raised.
        """
        try:
            self._walk()
        except BaseException:
            with suppress(Exception):
                self._close()
            raise
        self._close()
        return self._summary()

    def _walk(self) -> None:
        running, sensor = self._running, self._sensor
        sensor.wake_on(running.requests.descriptor)
        self._recorder.start()
        for capture in running.captures:
            capture.start()
        self._started = time.monotonic()
        deadline = self._deadline = self._started + running.duration if running.duration else None
        # Windows go by a clock that nobody sets: the clock on the wall may be put back by hours.
        next_window = self._started + self._window_seconds
        self._look_around(self._started)
        while not (self._is_over or sensor.gone):
            now = time.monotonic()
            sensor.walk(WAIT_SECONDS if deadline is None else max(min(WAIT_SECONDS, deadline - now), 0.001))
            self._look_around(now)
            if time.monotonic() >= next_window or sensor.pending_bytes > WINDOW_BYTES:
                sensor.cut()
                next_window = time.monotonic() + self._window_seconds

    @property
    def _is_over(self) -> bool:
        """Whether the run is to end: asked by both threads, for each may be waiting for the other."""
        past = self._deadline is not None and time.monotonic() >= self._deadline
        return self._ending or past or self._running.requests.stop is not None

    def _close(self) -> None:
        self._running.service.tell("STOPPING=1", "STATUS=recording the last window")
        self._ending = True
        try:
            self._sensor.finish()
        finally:
            for capture in self._running.captures:
                capture.close()
            try:
                self._close_evidence()
            finally:
                self._end()

    def _close_evidence(self) -> None:
        """Write what is under way; how many packets could not be kept is known then, and recorded with the end."""
        evidence = self._running.evidence
        if evidence is not None:
            evidence.close()
            self._recorder.left_out = evidence.left_out

    def _look_around(self, now: float) -> None:
        running, requests = self._running, self._running.requests
        if not self._ready_told:
            self._ready_told = running.service.tell("READY=1", "STATUS=capturing")
        running.service.alive()
        requests.clear()
        if requests.reload:
            requests.reload = False
            self._reload()
        while self._sensor.events:
            name, condition = self._sensor.events.pop(0)
            running.listener.interface(name, condition)
            self._outages.take(name, condition, datetime.now(UTC))
            self._recorder.absent = self._outages.absent
        if running.evidence is not None:
            self._recorder.left_out = running.evidence.left_out
        while self._recorder.recorded.news:
            running.listener.news(*self._recorder.recorded.news.popleft())
        if self._recorder.failure is not None:
            raise self._recorder.failure
        then, packets = self._told
        if now - then >= TELL_SECONDS:
            rate = (self._sensor.packets - packets) / (now - then)
            self._told = (now, self._sensor.packets)
            dropped = sum(capture.losses().dropped for capture in running.captures)
            flows = self._sensor.open_flows
            running.listener.progress(Progress(self._sensor.packets, rate, dropped, flows, now - self._started))
            running.service.tell(f"STATUS={rate:,.0f} packets/s, {dropped:,} dropped, {flows:,} open flows")

    def _reload(self) -> None:
        """Read the configuration again: time-outs, the window, detections and owners. Nothing that is open is lost."""
        try:
            settings = self._running.reload()
            sensor = sensor_settings(settings.sensor)
        except (SecwatchError, OSError) as error:
            self._running.listener.reloaded(error.message if isinstance(error, SecwatchError) else str(error))
            return
        self._sensor.configure(sensor)
        self._window_seconds = durations.seconds(settings.sensor.window)
        self._recorder.use(settings)
        self._running.listener.reloaded(None)

    def _deliver(self, window: Window) -> None:
        """Give a window to the recorder; called by the thread that makes columns.

        While the recorder is behind by too much it waits, then the walking thread does, then the rings overflow:
        what is lost is counted, and memory stays bounded. It does not wait when the run is to end: the walking
        thread may be waiting for this one.
        """
        while not (self._recorder.has_room or self._is_over) and self._recorder.alive:
            time.sleep(0.05)
        self._counted = [total([*self._counted, window.counters])]
        for name, losses in window.losses.items():
            before = self._losses[name]
            self._losses[name] = Losses(
                before.packets + losses.packets, before.dropped + losses.dropped, before.freezes + losses.freezes
            )
        self._recorder.offer(window)

    def _end(self) -> None:
        """Wait until everything is recorded. Raise what prevents it."""
        self._recorder.stop()
        next_word = 0.0
        while self._recorder.alive:
            time.sleep(0.02)
            self._running.service.alive()
            if time.monotonic() >= next_word:
                next_word = time.monotonic() + 5
                self._running.service.tell("EXTEND_TIMEOUT_USEC=30000000")
        if self._recorder.failure is not None:
            raise self._recorder.failure
        while self._recorder.recorded.news:
            self._running.listener.news(*self._recorder.recorded.news.popleft())

    def _summary(self) -> LiveSummary:
        recorded, left_out = self._recorder.recorded, self._recorder.left_out
        problems = list(recorded.problems)
        if left_out:
            zh = f"{left_out:,} 个报文已抓取但未留存为证据"
            problems.append(Text(zh, f"{left_out:,} packets were captured but not kept as evidence"))
        return LiveSummary(
            total(self._counted),
            self._losses,
            tuple(sorted(recorded.alerts)),
            (*problems, *self._outages.sentences(datetime.now(UTC))),
            self._killed,
            recorded.windows,
            time.monotonic() - self._started,
            "no interface is left to capture on" if self._sensor.gone else None,
            left_out,
        )
