"""The loop over inputs: packets become columns in the lake, detections look at them, findings become alerts.

One input is one transaction: its files are written and durable before, and visible only after. Whatever
is killed in between leaves files that no row names; the next run removes them.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from secwatch.core import durations
from secwatch.core.errors import SecwatchError, UnreadableInput
from secwatch.core.ownership import Ownership
from secwatch.detect import catalogue, evaluate
from secwatch.detect.definition import Definition
from secwatch.detect.recorded import Evaluator
from secwatch.lake.write import Segment, Writer
from secwatch.pipeline.claims import Claims
from secwatch.pipeline.conveyor import convey
from secwatch.pipeline.identity import beginnings, hint_of, is_one_of, suffices
from secwatch.pipeline.retention import watch
from secwatch.pipeline.tidy import tidy
from secwatch.pipeline.turns import hold_lake
from secwatch.sensor.reader import FlowReader, SensorCounters, SensorSettings
from secwatch.store import alerts, backlog
from secwatch.store import lake as store
from secwatch.system.database import Database
from secwatch.system.paths import Place, prepare
from secwatch.system.settings import Sensor, Settings

OnProgress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class InputResult:
    """How one input went: `read`, `known` (read before, nothing added), or with the error in words
    `unreadable` or `failed`. `replaced` inputs held the beginning of this one, which stands in their place.
    """

    path: str
    result: str
    error: str | None = None
    hint: str | None = None
    packets: int = 0
    bytes: int = 0
    flows: int = 0
    events: Mapping[str, int] = field(default_factory=dict)
    malformed: Mapping[str, int] = field(default_factory=dict)
    not_ip: int = 0
    retransmissions: int = 0
    dropped: int = 0
    alerts: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()
    replaced: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class ReadSummary:
    """What a reading run did, input by input; problems are what no input is to blame for.

    resumed are the alerts of what an earlier run had no time to evaluate.
    """

    inputs: tuple[InputResult, ...]
    problems: tuple[str, ...]
    seconds: float
    resumed: tuple[int, ...] = ()

    def total(self, name: str) -> int:
        """Return the sum of a number over all inputs: packets, bytes, flows, not_ip, retransmissions, dropped."""
        return sum(int(getattr(item, name)) for item in self.inputs)

    def totals(self, name: str) -> Mapping[str, int]:
        """Return the sums of `events` or `malformed` by kind."""
        result: dict[str, int] = {}
        for item in self.inputs:
            for kind, count in getattr(item, name).items():
                result[kind] = result.get(kind, 0) + count
        return result

    @property
    def alerts(self) -> tuple[int, ...]:
        """The numbers of the alerts that were opened or added to."""
        return tuple(sorted({*self.resumed, *(number for item in self.inputs for number in item.alerts)}))

    @property
    def incomplete(self) -> bool:
        """Whether something could not be read or evaluated."""
        return bool(self.problems) or any(item.error or item.problems for item in self.inputs)


def read_inputs(
    place: Place,
    settings: Settings,
    database: Database,
    ownership: Ownership,
    paths: Sequence[str],
    *,
    again: bool = False,
    flows_only: bool = False,
    detect: bool = True,
    on_progress: OnProgress | None = None,
    now: Callable[[], datetime],
) -> ReadSummary:
    """Read captures into the lake and evaluate the detections over what is new.

    An input whose very bytes were read before adds nothing; with `again` it is read anew and replaces
    what it gave; so does one that begins with the whole content of inputs read before, compressed or not:
    a capture that has grown. With flows_only no payload is looked into: there are no events, and only
    detections over flows see anything; reading the input without it later replaces what it gave. Without
    `detect` the next run evaluates what this one brings. An input that fails does not stop the others.
    `on_progress` gets the path and how many of its bytes are done, of how many if that is known. Raise
    Locked if another run is writing.
    """
    started = time.monotonic()
    results: list[InputResult] = []
    sensor = sensor_settings(settings.sensor, flows_only=flows_only)
    evaluator = Evaluator(place.lake, database, ownership, settings.detect)
    with hold_lake(place), Claims(place.runtime) as claims:
        tidy(place, database)
        known = catalogue.load(place)
        definitions = known.enabled(settings.detect)
        # In order of time, so that counts are exact: an alert that is stated later counts nothing earlier.
        resumed, problems = evaluator.resume(definitions, backlog.stretches(database) if detect else (), now())
        reading = _Reading(evaluator, claims, sensor, definitions, detect, now)
        for path in paths:
            try:
                results.append(reading.read(path, again, on_progress))
            except UnreadableInput as error:
                results.append(InputResult(path, "unreadable", error.message, error.hint))
            except Exception as error:
                if len(paths) == 1:
                    raise
                results.append(_failed(path, error))
        filling = watch(place, database, settings, now())
    problems = (*map(str, known.mistakes), *problems)
    changed = (*resumed.opened, *resumed.updated, *filling)
    return ReadSummary(tuple(results), problems, time.monotonic() - started, changed)


def _failed(path: str, error: Exception) -> InputResult:
    """What must not stop the other inputs, be it a full disk or a mistake of ours."""
    if isinstance(error, SecwatchError):
        return InputResult(path, "failed", error.message, error.hint)
    words = f"{path} could not be read: {type(error).__name__}: {error}"
    return InputResult(path, "failed", words, f"secwatch --debug sense read {shlex.quote(path)}")


def reevaluate(
    place: Place,
    settings: Settings,
    database: Database,
    ownership: Ownership,
    definitions: Sequence[Definition],
    *,
    since: int | None,
    until: int | None,
    now: datetime,
) -> tuple[alerts.Changes, evaluate.Outcome]:
    """Evaluate detections again over what is recorded between two times (µs, both included; None for the ends).

    What earlier runs of them had no time for is evaluated too. Alerts that stand are not counted twice.
    Raise Locked if another run is writing.
    """
    evaluator = Evaluator(place.lake, database, ownership, settings.detect)
    with hold_lake(place):
        waiting = backlog.stretches(database)
        whole = {item.id for item in definitions} if since is None and until is None else set()
        left = [stretch for stretch in waiting if stretch.detection not in whole]
        resumed, problems = evaluator.resume(definitions, left, now)
        outcome, last = evaluator.over_recorded(definitions, since, until)
        with database.atomic():
            for stretch in waiting:
                if stretch.detection in whole.intersection(outcome.evaluations):
                    backlog.remove(database, stretch)
            changes = evaluator.record(outcome, last, now)
    merged = alerts.Changes(changes.opened + resumed.opened, changes.updated + resumed.updated)
    return merged, replace(outcome, problems=outcome.problems + problems)


@dataclass(frozen=True)
class _Reading:
    """What reading one input needs."""

    evaluator: Evaluator
    claims: Claims
    sensor: SensorSettings
    definitions: Sequence[Definition]
    detect: bool
    now: Callable[[], datetime]

    @property
    def flows_only(self) -> bool:
        return self.sensor.flows_only

    def read(self, path: str, again: bool, on_progress: OnProgress | None) -> InputResult:
        started = time.monotonic()
        lake, database = self.evaluator.lake, self.evaluator.database
        key = store.identity_key(database)
        hint, only = hint_of(path), self.flows_only
        held = {item.identity for item in store.holders_by_hint(database, hint) if suffices(item, again, only)}
        if is_one_of(path, held, key):
            return InputResult(path, "known", seconds=time.monotonic() - started)
        prepare(lake)
        with Writer(lake) as writer:
            with FlowReader(path, settings=self.sensor, key=key) as reader:
                similar = self.claims.among(store.contents(database, reader.head))
                reader.expect([item.length for item in similar])
                convey(reader, writer.add, _teller(on_progress, path, reader))
                counters, content, identity = reader.counters, reader.content, reader.identity
            del reader  # its tables of flows are not to lie beside the memory that detections need
            begun = beginnings(path, content, similar)
            # Of a part that was left in the middle flows are open, even if all of the content is in it.
            grown = [item for item in begun if item.length < content.length or item.growing]
            same = {item.id: item.flows_only for item in begun if item not in grown}
            held_by = store.holders(database, identity, content.tag)
            same.update({item.id: item.flows_only for item in held_by if item.whole})
            known = not again and any(only or not less for less in same.values())
            if known or any(suffices(item, again, only) for item in held_by):
                writer.discard()
                return InputResult(path, "known", seconds=time.monotonic() - started)
            times = (self.now(), counters.first_time, counters.last_time)
            name, told = (identity, hint, path), (content.head, content.length, content.tag)
            read = store.ReadInput(*name, *times, asdict(counters), *told, flows_only=self.flows_only)
            changed, problems = self._detect(read, writer.finish(), same, grown)
        found = tuple(sorted({*changed.opened, *changed.updated}))
        result = counted(path, counters, time.monotonic() - started)
        return replace(result, alerts=found, problems=problems, replaced=len(grown))

    def _detect(
        self,
        read: store.ReadInput,
        segments: Sequence[Segment],
        same: Collection[int],
        grown: Sequence[store.KnownContent],
    ) -> tuple[alerts.Changes, tuple[str, ...]]:
        """Evaluate over what an input gave, and record all of it in one transaction."""
        database = self.evaluator.database
        replaced = sorted({*same, *(item.id for item in grown)})
        counted_to = 0 if same else max((item.last_time or 0 for item in grown), default=0)
        if self.detect:
            outcome = self.evaluator.over_new(self.definitions, segments, replaced, counted_to)
        else:
            outcome = self.evaluator.put_off(self.definitions, segments)
        produced = [store.RecordedFile(**asdict(segment)) for segment in segments]
        last = max((segment.last_time for segment in segments), default=0)
        with database.atomic():
            store.supersede(database, replaced, store.add_input(database, read, produced))
            return self.evaluator.record(outcome, last, read.read_at), outcome.problems


def _teller(on_progress: OnProgress | None, path: str, reader: FlowReader) -> Callable[[], None]:
    return lambda: None if on_progress is None else on_progress(path, *reader.progress)


def sensor_settings(configured: Sensor, *, flows_only: bool = False) -> SensorSettings:
    """Return the sensor's bounds as the configuration states them. Raise SecwatchError for impossible ones."""
    other = durations.seconds(configured.other_idle)
    try:
        return SensorSettings(
            max_flows=configured.max_flows,
            tcp_idle_seconds=durations.seconds(configured.tcp_idle),
            udp_idle_seconds=other,
            other_idle_seconds=other,
            attempt_seconds=durations.seconds(configured.attempt),
            active_seconds=durations.seconds(configured.active),
            flows_only=flows_only,
        )
    except ValueError as error:
        raise SecwatchError(f"the table [sensor] of the configuration: {error}", "secwatch config show") from error


def counted(path: str, counters: SensorCounters, seconds: float) -> InputResult:
    """Return how an input that was read went, by what the sensor counted."""
    return InputResult(
        path,
        "read",
        packets=counters.packets,
        bytes=counters.bytes,
        flows=counters.flows,
        events=dict(counters.events),
        malformed=dict(counters.malformed),
        not_ip=counters.not_ip,
        retransmissions=counters.retransmissions,
        dropped=counters.dropped,
        seconds=seconds,
    )
