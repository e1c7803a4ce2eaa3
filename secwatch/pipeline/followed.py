"""What a reading of a directory records: rows, positions and open flows, in one transaction at a time."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from secwatch.core.columns import ColumnBatch
from secwatch.core.errors import UnreadableInput
from secwatch.detect.definition import Definition
from secwatch.detect.recorded import Evaluator
from secwatch.lake.write import Writer
from secwatch.pipeline.identity import hint_of
from secwatch.pipeline.read import InputResult
from secwatch.pipeline.tidy import tidy
from secwatch.pipeline.turns import hold_lake
from secwatch.sensor import snapshot
from secwatch.sensor.continuing import ContinuingReader
from secwatch.sensor.reader import SensorCounters
from secwatch.sensor.rotation import Rotated
from secwatch.store import backlog, follows
from secwatch.store import lake as store
from secwatch.system.database import Database
from secwatch.system.paths import Place, prepare

GROWING = "growing:"  # how the identity of an input begins whose file has not ended


class Ledger:
    """The record of one directory. `row` is how far it was read, `recorded` the inputs that came from it."""

    def __init__(
        self, place: Place, evaluator: Evaluator, definitions: Sequence[Definition], directory: str, detect: bool
    ):
        self._detect = detect
        self._place = place
        self._evaluator = evaluator
        self._definitions = definitions
        self.directory = directory
        self._base: Mapping[str, int] = {}
        self._input: int | None = None
        self._replaced: tuple[int, ...] = ()
        self.database: Database = evaluator.database
        self.key = store.identity_key(self.database)
        self.row = follows.find(self.database, directory)
        self.recorded = follows.recorded(self.database, directory)
        self.changed: set[int] = set()
        self.problems: list[str] = []
        self.lost: str | None = None  # what of an earlier run could not be taken up

    def begin(self, now: datetime, *, again: bool) -> None:
        """Remove what killed runs left, and with `again` all that the directory gave; take up waiting detections."""
        with hold_lake(self._place):
            tidy(self._place, self.database)
            if again:
                with self.database.atomic():
                    follows.forget(self.database, self.directory)
                self.row, self.recorded = None, {}
            in_use = follows.snapshots(self.database)
            for path in prepare(self._place.follow).iterdir():
                if path.name not in in_use:
                    path.unlink(missing_ok=True)
            waiting = backlog.stretches(self.database) if self._detect else ()
            resumed, problems = self._evaluator.resume(self._definitions, waiting, now)
        self.changed.update((*resumed.opened, *resumed.updated))
        self.problems.extend(problems)

    @property
    def left(self) -> str | None:
        """The path of the file that was read last and has not ended, None if it has."""
        return None if self.row is None or self.row.done else self.row.path

    def is_current(self, item: Rotated) -> bool:
        """Return whether the file is the one that was read last."""
        row = self.row
        return row is not None and (row.path, row.first_time) == (item.path, item.first_time)

    def open(self, item: Rotated, reader: ContinuingReader, first: bool) -> None:
        """Prepare the reader of a file: the first of a run takes up the open flows, and the file where it was left.

        Raise UnreadableInput if the file has become shorter.
        """
        self._input, self._replaced, self._base = None, (), {}
        row = self.row
        going_on = row is not None and not row.done and self.is_current(item)
        recorded = follows.counters(self.database, row.input_id) if row is not None and going_on else None
        if row is not None and going_on and recorded is None:
            going_on = False  # somebody has removed what was read of it: it is read as a new one
        elif (
            row is not None
            and first
            and not snapshot.read(
                self._place.follow / row.snapshot, row.sha256, reader.state, reader.index, whole=going_on
            )
        ):
            if row.open_flows:
                self.lost = (
                    f"{row.open_flows} flows that were open when {row.path} was last read cannot be taken up:"
                    " their beginnings are not recorded; to read everything again use --again"
                )
            if going_on:
                self._replaced = (row.input_id,)
                going_on = False
        if row is None or recorded is None or not going_on:
            reader.count_from_zero()
            return
        self._input = row.input_id
        self._base = recorded["events"]
        if not reader.go_to(row.position):
            raise UnreadableInput(f"{item.path} is shorter than it was", "secwatch sense read DIR --again")

    def counters(self, reader: ContinuingReader) -> SensorCounters:
        """Return what was counted in the file, by this run and those before."""
        counted = reader.counters
        kinds = {**self._base, **counted.events}
        events = {kind: self._base.get(kind, 0) + counted.events.get(kind, 0) for kind in kinds}
        return replace(counted, events=events)

    def commit(
        self, item: Rotated, reader: ContinuingReader, batches: Sequence[ColumnBatch], now: datetime, *, done: bool
    ) -> Sequence[int]:
        """Record the batches and the position. Return the alerts that were opened. Raise Locked, and change nothing."""
        lake, database = self._place.lake, self.database
        with hold_lake(self._place), Writer(prepare(lake)) as writer:
            for batch in batches:
                writer.add(batch)
            segments = writer.finish()
            if self._detect:
                outcome = self._evaluator.over_new(self._definitions, segments, self._replaced, 0)
            else:
                outcome = self._evaluator.put_off(self._definitions, segments)
            read = self._as_input(item, reader, now)
            before = self.row
            name = f"{secrets.token_hex(8)}.npz"
            digest = snapshot.write(self._place.follow / name, reader.state, reader.index)
            produced = [store.RecordedFile(**asdict(segment)) for segment in segments]
            last = max((segment.last_time for segment in segments), default=0)
            with database.atomic():
                store.remove_inputs(database, self._replaced)
                if self._input is None:
                    self._input = store.add_input(database, read, produced)
                    follows.mark(database, self._input, self.directory)
                else:
                    follows.extend(database, self._input, read, produced)
                changes = self._evaluator.record(outcome, last, now)
                flows = snapshot.open_flows(reader.state)
                self.row = follows.Follow(
                    self.directory, item.path, item.first_time, reader.position, done, self._input, name, digest, flows
                )
                follows.save(database, self.row)
        self._replaced = ()
        if before is not None and before.snapshot:
            (self._place.follow / before.snapshot).unlink(missing_ok=True)
        self.changed.update((*changes.opened, *changes.updated))
        self.problems.extend(problem for problem in outcome.problems if problem not in self.problems)
        return changes.opened

    def _as_input(self, item: Rotated, reader: ContinuingReader, now: datetime) -> store.ReadInput:
        """What is recorded of the file: until it has ended, nothing that another reading could take for the whole."""
        counted = self.counters(reader)
        times = (now, counted.first_time, counted.last_time)
        if not reader.finished:
            identity = GROWING + secrets.token_hex(16)
            return store.ReadInput(identity, "", item.path, *times, asdict(counted), flows_only=reader.flows_only)
        content = reader.content
        return store.ReadInput(
            reader.identity,
            hint_of(item.path),
            item.path,
            *times,
            asdict(counted),
            content.head,
            content.length,
            content.tag,
            reader.flows_only,
        )


def sum_of(one: InputResult | None, other: InputResult) -> InputResult:
    """Return the sum of files that are not told one by one any more."""
    if one is None:
        return replace(other, path="earlier files", error=None, hint=None)

    def added(name: str) -> dict[str, int]:
        first, second = getattr(one, name), getattr(other, name)
        return {kind: first.get(kind, 0) + second.get(kind, 0) for kind in {**first, **second}}

    numbers = ("packets", "bytes", "flows", "not_ip", "retransmissions", "dropped")
    return replace(
        one,
        seconds=one.seconds + other.seconds,
        events=added("events"),
        malformed=added("malformed"),
        **{name: getattr(one, name) + getattr(other, name) for name in numbers},
    )
