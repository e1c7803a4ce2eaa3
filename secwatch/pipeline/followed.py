"""What a reading of a directory records: rows, positions and open flows, in one transaction at a time."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from secwatch.core.columns import ColumnBatch
from secwatch.core.errors import UnreadableInput
from secwatch.detect.definition import Definition
from secwatch.detect.recorded import Evaluator
from secwatch.lake.write import Writer
from secwatch.pipeline.accounts import sum_by_kind
from secwatch.pipeline.claims import Claims
from secwatch.pipeline.identity import hint_of
from secwatch.pipeline.novelty import Verdict, View, candidates, held_elsewhere, judge, stale_parts
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


class Ledger:
    """The record of one directory. `row` is how far it was read, `recorded` the inputs that came from it."""

    def __init__(
        self,
        place: Place,
        evaluator: Evaluator,
        definitions: Sequence[Definition],
        directory: str,
        claims: Claims,
        *,
        detect: bool,
        flows_only: bool,
    ):
        self._detect = detect
        self._flows_only = flows_only
        self._again = False
        self._place = place
        self._evaluator = evaluator
        self._definitions = definitions
        self.directory = directory
        self.claims = claims
        self._before: Mapping[str, Any] = {}
        self._input: int | None = None
        self._verdict = Verdict()
        self._carried = 0
        self.replaced = 0  # inputs from elsewhere that held the beginning of the file that is read
        self.database: Database = evaluator.database
        self.key = store.identity_key(self.database)
        self.row = follows.find(self.database, directory)
        self.recorded: dict[str, follows.Part] = {}
        self.stale: frozenset[int] = frozenset()
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
                self.row, self._again = None, True
            self.recorded = dict(follows.recorded(self.database, self.directory))
            if not self._flows_only:
                self.stale = stale_parts(self.recorded, self._last)
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
        return None if self.row is None or self.row.done or self._last is None else self.row.path

    @property
    def _last(self) -> int | None:
        """The input that was read last; None if it has been replaced by another one since."""
        return None if self.row is None or follows.counters(self.database, self.row) is None else self.row.input_id

    @property
    def view(self) -> View:
        """What judging a file needs."""
        row = self.row
        last = None if self._last in self.stale else self._last
        place = None if row is None else (row.path, row.first_time)
        known = (self.database, self.key, self.directory, self.claims, self.recorded, self.stale)
        return View(*known, last, place, self._again, self._flows_only)

    def goes_on(self, item: Rotated) -> bool:
        """Return whether the file is the one that was read last and is taken up where it was left."""
        row = self.row
        return row is not None and not row.done and self.is_current(item) and self.view.last is not None

    def is_unchanged(self, item: Rotated) -> bool:
        """Return whether the file is as it was when it was read to its end."""
        part = self.recorded.get(item.path)
        return (
            part is not None
            and part.id not in self.stale
            and part.quick_identity != ""
            and part.quick_identity == hint_of(item.path)
        )

    def move(self, item: Rotated) -> None:
        """Go on with what was read last in this file, which begins with it."""
        if self.row is not None:
            self.row = replace(self.row, path=item.path, first_time=item.first_time, done=False)

    def is_current(self, item: Rotated) -> bool:
        """Return whether the file is the one that was read last."""
        row = self.row
        return row is not None and (row.path, row.first_time) == (item.path, item.first_time)

    def find_again(self, listed: Sequence[Rotated]) -> str | None:
        """Find the file that was left in the middle: it may have another name by now, or be compressed.

        Return its path if it is not there.
        """
        row, left = self.row, self.left
        if row is None or left is None or any(self.is_current(item) for item in listed):
            return None
        for item in listed:
            if item.first_time == row.first_time:
                try:
                    verdict = judge(self.view, item)
                except UnreadableInput:
                    continue  # it will be said when it is read
                if verdict.continues:
                    self.move(item)
                if verdict.continues or verdict.known or row.input_id in verdict.replaces:
                    return None
        return left

    def has_changed(self, item: Rotated, verdict: Verdict) -> bool:
        """Return whether a part was read to its end at this place, and is not what the file begins with now."""
        part = self.recorded.get(item.path)
        if part is None or verdict.continues or part.id in verdict.replaces:
            return False
        return part.quick_identity != "" and part.first_time == item.first_time

    def open(self, item: Rotated, reader: ContinuingReader, first: bool, verdict: Verdict) -> None:
        """Prepare the reader of a file: the first of a run takes up the open flows, and the file where it was left.

        Raise UnreadableInput if the file has become shorter.
        """
        self._input, self._before, self._verdict, self.lost = None, {}, verdict, None
        self.replaced = len(verdict.replaces)
        reader.expect([found.length for found in candidates(self.view, reader.head, item)])
        row, last = self.row, self._last
        anew = [part for part in self.recorded.values() if part.id in verdict.replaces]
        counted = follows.counters(self.database, row) if row is not None and self.goes_on(item) else None
        if row is not None and last is not None and first and not (anew and last in self.stale):
            path = self._place.follow / row.snapshot
            if not snapshot.read(path, row.sha256, reader.state, reader.index, whole=counted is not None):
                self.lost = _beginnings_lost(row.open_flows, f"were open when {row.path} was last read")
                if counted is not None:
                    self._verdict = replace(verdict, replaces=(*verdict.replaces, last))
                counted = None
        self._carried = snapshot.open_flows(reader.state)
        if anew and first and not self._carried:
            self.lost = _beginnings_lost(max(part.carried for part in anew), "began in files that are not there")
        if row is None or counted is None:
            reader.count_from_zero()
            return
        self._input, self._before = row.input_id, counted
        if not reader.go_to(row.position):
            raise UnreadableInput(f"{item.path} is shorter than it was", "secwatch sense read DIR --again")

    def counters(self, reader: ContinuingReader) -> SensorCounters:
        """Return what was counted in the file, by this run and those before."""
        counted = reader.counters
        return replace(counted, events=sum_by_kind(self._before.get("events", {}), counted.events))

    def added(self, reader: ContinuingReader) -> SensorCounters:
        """Return what this run has added to what was counted in the file before."""
        counted = reader.counters
        numbers = ("packets", "bytes", "flows", "not_ip", "retransmissions", "dropped")
        less = {name: max(0, getattr(counted, name) - self._before.get(name, 0)) for name in numbers}
        malformed = {
            kind: counted.malformed[kind] - self._before.get("malformed", {}).get(kind, 0) for kind in counted.malformed
        }
        return replace(counted, **less, malformed={kind: count for kind, count in malformed.items() if count > 0})

    def commit(
        self, item: Rotated, reader: ContinuingReader, batches: Sequence[ColumnBatch], now: datetime, *, done: bool
    ) -> Sequence[int]:
        """Record the batches and the position. Return the alerts that were opened. Raise Locked, and change nothing."""
        lake, database, verdict = self._place.lake, self.database, self._verdict
        with hold_lake(self._place), Writer(prepare(lake)) as writer:
            for batch in batches:
                writer.add(batch)
            segments = writer.finish()
            replaced = {*verdict.replaces, *self._held_elsewhere(item, reader)}
            if self._detect:
                outcome = self._evaluator.over_new(self._definitions, segments, sorted(replaced), verdict.counted_to)
            else:
                outcome = self._evaluator.put_off(self._definitions, segments)
            read = self._as_input(item, reader, now)
            before = self.row
            name = f"{secrets.token_hex(8)}.npz"
            digest = snapshot.write(self._place.follow / name, reader.state, reader.index)
            produced = [store.RecordedFile(**asdict(segment)) for segment in segments]
            last = max((segment.last_time for segment in segments), default=0)
            with database.atomic():
                if self._input is None:
                    self._input = store.add_input(database, read, produced)
                    follows.mark(database, self._input, self.directory, self._carried)
                else:
                    follows.extend(database, self._input, read, produced)
                store.supersede(database, replaced, self._input)
                changes = self._evaluator.record(outcome, last, now)
                flows = snapshot.open_flows(reader.state)
                self.row = follows.Follow(
                    self.directory, item.path, item.first_time, reader.position, done, self._input, name, digest, flows
                )
                follows.save(database, self.row)
        self._verdict = replace(verdict, replaces=())
        self.stale -= replaced
        self.recorded[item.path] = follows.Part(
            self.row.input_id,
            item.path,
            read.quick_identity,
            read.first_time or 0,
            read.flows_only,
            self._carried,
        )
        if before is not None and before.snapshot:
            (self._place.follow / before.snapshot).unlink(missing_ok=True)
        self.changed.update((*changes.opened, *changes.updated))
        self.problems.extend(problem for problem in outcome.problems if problem not in self.problems)
        return changes.opened

    def _held_elsewhere(self, item: Rotated, reader: ContinuingReader) -> Sequence[int]:
        """What has been read elsewhere of the same content, as it turns out when all of it is known."""
        if not reader.finished:
            return ()
        content, view = reader.content, self.view
        prefixes = dict(content.prefixes)
        for found in candidates(view, content.head, item):
            # What nobody knew when this file was opened: a copy that was read since, say.
            if found.directory != self.directory and found.length not in prefixes and found.length < content.length:
                begun = reader.beginning(found.length)
                if begun is not None:
                    prefixes[begun.length] = begun.tag
        return held_elsewhere(view, item.path, reader.identity, replace(content, prefixes=prefixes))

    def _as_input(self, item: Rotated, reader: ContinuingReader, now: datetime) -> store.ReadInput:
        """What is recorded of the file: until it has ended, what was taken of it, which nobody takes for the whole."""
        counted = self.counters(reader)
        times = (now, counted.first_time, counted.last_time)
        if not reader.finished:
            identity = store.GROWING + secrets.token_hex(16)
            begun = reader.beginning(reader.position)
            told = ("", 0, "") if begun is None else (begun.head, begun.length, begun.tag)
            return store.ReadInput(identity, "", item.path, *times, asdict(counted), *told, reader.flows_only)
        content = reader.content
        return store.ReadInput(
            reader.identity,
            reader.quick_identity,
            item.path,
            *times,
            asdict(counted),
            content.head,
            content.length,
            content.tag,
            reader.flows_only,
        )


def _beginnings_lost(flows: int, which: str) -> str | None:
    """What is said of flows whose beginnings cannot be had any more; nothing if there are none."""
    if not flows:
        return None
    return (
        f"{flows} flows that {which} cannot be taken up: their beginnings are not recorded;"
        " to read everything again use --again"
    )
