"""The loop over inputs: packets become columns in the lake, detections look at them, findings become alerts.

One input is one transaction: its files are written and durable before, and visible only after. Whatever
is killed in between leaves files that no row names; the next run removes them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from secwatch.core import durations
from secwatch.core.errors import SecwatchError, UnreadableInput
from secwatch.core.model import Finding
from secwatch.core.ownership import Ownership
from secwatch.detect import catalogue, evaluate
from secwatch.detect.definition import Definition
from secwatch.lake.protocol import File
from secwatch.lake.write import Segment, Writer, remove_unrecorded
from secwatch.sensor.pcapfile import quick_identity
from secwatch.sensor.reader import FlowReader, SensorCounters, SensorSettings
from secwatch.store import alerts
from secwatch.store import lake as store
from secwatch.system import lock
from secwatch.system.database import Database
from secwatch.system.paths import Place, prepare
from secwatch.system.settings import Sensor, Settings

LOCK = "lake"
LOCK_PATIENCE_SECONDS = 2.0
OnProgress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class InputResult:
    """How one input went: `read`, `known` (read before, nothing added), or `unreadable` with the error in words."""

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
    dropped: int = 0
    alerts: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class ReadSummary:
    """What a reading run did, input by input; problems are what no input is to blame for."""

    inputs: tuple[InputResult, ...]
    problems: tuple[str, ...]
    seconds: float

    def total(self, name: str) -> int:
        """Return the sum of a number over all inputs: packets, bytes, flows, not_ip, dropped."""
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
        return tuple(sorted({number for item in self.inputs for number in item.alerts}))

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
    on_progress: OnProgress | None = None,
    now: Callable[[], datetime],
) -> ReadSummary:
    """Read captures into the lake and evaluate the detections over what is new.

    An input whose very bytes were read before adds nothing; with `again` it is read anew and replaces
    what it gave. An unreadable input does not stop the others. `on_progress` gets the path and how many
    of its bytes are done, of how many if that is known. Raise Locked if another run is writing.
    """
    started = time.monotonic()
    results: list[InputResult] = []
    with lock.hold(place.runtime, LOCK, wait_seconds=LOCK_PATIENCE_SECONDS):
        remove_unrecorded(place.lake, store.recorded_paths(database))
        known = catalogue.load(place)
        definitions = known.enabled(settings.detect)
        for path in paths:
            reading = _Reading(place, settings, database, ownership, definitions, now)
            try:
                results.append(reading.read(path, again, on_progress))
            except UnreadableInput as error:
                results.append(InputResult(path, "unreadable", error.message, error.hint))
    problems = tuple(str(mistake) for mistake in known.mistakes)
    return ReadSummary(tuple(results), problems, time.monotonic() - started)


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

    Alerts that stand are not counted twice. Raise Locked if another run is writing.
    """
    with lock.hold(place.runtime, LOCK, wait_seconds=LOCK_PATIENCE_SECONDS):
        chosen = store.files(database, since=since, until=until)
        if not chosen:
            return alerts.Changes(), evaluate.Outcome((), {}, ())
        first = max(min(item.first_time for item in chosen), since or 0)
        last = min(max(item.last_time for item in chosen), until if until is not None else 1 << 62)
        margin = evaluate.span(definitions)
        visible = store.files(database, since=first - margin, until=last + margin)
        files = group([File(item.path, item.first_time, item.last_time, new=True) for item in visible], visible)
        outcome = evaluate.sweep(
            place.lake,
            files,
            definitions,
            first_time=first,
            last_time=last,
            ownership=ownership,
            settings=settings.detect,
        )
        with database.atomic():
            changes = alerts.record(database, outcome.findings, now)
    return changes, outcome


@dataclass(frozen=True)
class _Reading:
    """What reading one input needs."""

    place: Place
    settings: Settings
    database: Database
    ownership: Ownership
    definitions: Sequence[Definition]
    now: Callable[[], datetime]

    def read(self, path: str, again: bool, on_progress: OnProgress | None) -> InputResult:
        started = time.monotonic()
        hint = _hint(path)
        if hint and not again and _content_hash(path, store.identities_by_hint(self.database, hint)):
            return InputResult(path, "known", seconds=time.monotonic() - started)
        prepare(self.place.lake)
        with Writer(self.place.lake) as writer:
            with FlowReader(path, settings=sensor_settings(self.settings.sensor)) as reader:
                for batch in reader.batches():
                    writer.add(batch)
                    if on_progress is not None:
                        on_progress(path, *reader.progress)
                counters, identity = reader.counters, reader.identity
            before = store.inputs_by_identity(self.database, identity)
            if before and not again:
                writer.discard()
                return InputResult(path, "known", seconds=time.monotonic() - started)
            segments = writer.finish()
            outcome = self._detect(segments, before)
            changed = self._record(path, identity, hint, counters, segments, before, outcome.findings)
        return _result(path, counters, changed, outcome.problems, time.monotonic() - started)

    def _detect(self, segments: Sequence[Segment], replaced: Sequence[int]) -> evaluate.Outcome:
        if not segments:
            return evaluate.Outcome((), {}, ())
        first = min(segment.first_time for segment in segments)
        last = max(segment.last_time for segment in segments)
        margin = evaluate.span(self.definitions)
        older = store.files(self.database, since=first - margin, until=last + margin, without_inputs=replaced)
        files = group(
            [
                *(File(item.path, item.first_time, item.last_time) for item in older),
                *(File(item.path, item.first_time, item.last_time, new=True) for item in segments),
            ],
            [*older, *segments],
        )
        return evaluate.sweep(
            self.place.lake,
            files,
            self.definitions,
            first_time=first,
            last_time=last,
            ownership=self.ownership,
            settings=self.settings.detect,
        )

    def _record(
        self,
        path: str,
        identity: str,
        hint: str,
        counters: SensorCounters,
        segments: Sequence[Segment],
        replaced: Sequence[int],
        findings: Sequence[Finding],
    ) -> alerts.Changes:
        now = self.now()
        read = store.ReadInput(identity, hint, path, now, counters.first_time, counters.last_time, asdict(counters))
        produced = [store.RecordedFile(**asdict(segment)) for segment in segments]
        with self.database.atomic():
            store.remove_inputs(self.database, replaced)
            store.add_input(self.database, read, produced)
            return alerts.record(self.database, findings, now)


def group(files: Sequence[File], tables: Sequence[Segment | store.RecordedFile]) -> Mapping[str, Sequence[File]]:
    """Return the files by table."""
    result: dict[str, list[File]] = {}
    for file, owner in zip(files, tables, strict=True):
        result.setdefault(owner.table, []).append(file)
    return result


def sensor_settings(configured: Sensor) -> SensorSettings:
    """Return the sensor's bounds as the configuration states them. Raise SecwatchError for impossible ones."""
    other = durations.seconds(configured.other_idle)
    try:
        return SensorSettings(
            max_flows=configured.max_flows,
            tcp_idle_seconds=durations.seconds(configured.tcp_idle),
            udp_idle_seconds=other,
            other_idle_seconds=other,
            active_seconds=durations.seconds(configured.active),
        )
    except ValueError as error:
        raise SecwatchError(f"the table [sensor] of the configuration: {error}", "secwatch config show") from error


def _hint(path: str) -> str:
    """The quick identity; '' for what has none: standard input, a pipe, or what cannot be opened (said later)."""
    if path == "-":
        return ""
    try:
        return quick_identity(path)
    except UnreadableInput:
        return ""


def _content_hash(path: str, candidates: frozenset[str]) -> bool:
    """Return whether the file's bytes are those of a candidate; a hint alone is no proof."""
    if not candidates:
        return False
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() in candidates


def _result(
    path: str, counters: SensorCounters, changes: alerts.Changes, problems: tuple[str, ...], seconds: float
) -> InputResult:
    return InputResult(
        path,
        "read",
        packets=counters.packets,
        bytes=counters.bytes,
        flows=counters.flows,
        events=dict(counters.events),
        malformed=dict(counters.malformed),
        not_ip=counters.not_ip,
        dropped=counters.dropped,
        alerts=tuple(sorted({*changes.opened, *changes.updated})),
        problems=problems,
        seconds=seconds,
    )
