"""Detections over what the lake has recorded: what is new, what is there already, and what was not got to in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from secwatch.core.ownership import Ownership
from secwatch.detect import evaluate
from secwatch.detect.definition import Definition
from secwatch.lake.protocol import File
from secwatch.lake.write import Segment
from secwatch.store import alerts, backlog
from secwatch.store import lake as store
from secwatch.system.database import Database
from secwatch.system.settings import Detect

_END_OF_TIME = (1 << 62) - 1


@dataclass(frozen=True)
class Evaluator:
    """Where detections look, by whose bounds, and who owns what they find."""

    lake: Path
    database: Database
    ownership: Ownership
    settings: Detect

    def over_new(
        self, definitions: Sequence[Definition], segments: Sequence[Segment], replaced: Sequence[int], fresh_after: int
    ) -> evaluate.Outcome:
        """Evaluate over segments that are not recorded yet, beside what is, but for the inputs they replace.

        What lies before fresh_after (µs) was counted before.
        """
        if not segments:
            return evaluate.Outcome()
        first = min(segment.first_time for segment in segments)
        last = max(segment.last_time for segment in segments)
        margin = evaluate.span(definitions)
        older = store.files(self.database, since=first - margin, until=last + margin, without_inputs=replaced)
        files = files_by_table(older, new=False)
        for table, group in files_by_table(segments, new=True).items():
            files.setdefault(table, []).extend(group)
        return self._sweep(files, definitions, first, last, fresh_after)

    def put_off(self, definitions: Sequence[Definition], segments: Sequence[Segment]) -> evaluate.Outcome:
        """Leave segments that are not recorded yet to the next run: `record` keeps what it has to look at."""
        tables = {segment.table for segment in segments}
        first = min((segment.first_time for segment in segments), default=0)
        waiting = [item.id for item in definitions if tables.intersection(item.header.consumes)]
        return evaluate.Outcome(unfinished=dict.fromkeys(waiting, first))

    def over_recorded(
        self, definitions: Sequence[Definition], since: int | None, until: int | None
    ) -> tuple[evaluate.Outcome, int]:
        """Evaluate over what is recorded between two times (µs, both included; None for the ends).

        Return with the outcome the last time that was looked at, in µs.
        """
        chosen = store.files(self.database, since=since, until=until)
        if not chosen:
            return evaluate.Outcome(), 0
        first = max(min(item.first_time for item in chosen), since or 0)
        last = min(max(item.last_time for item in chosen), _END_OF_TIME if until is None else until)
        margin = evaluate.span(definitions)
        visible = store.files(self.database, since=first - margin, until=last + margin)
        return self._sweep(files_by_table(visible, new=True), definitions, first, last), last

    def resume(
        self, definitions: Sequence[Definition], waiting: Sequence[backlog.Stretch], now: datetime
    ) -> tuple[alerts.Changes, tuple[str, ...]]:
        """Evaluate what earlier runs had no time for; return what it changed, and the problems."""
        known = {item.id: item for item in definitions}
        opened: list[int] = []
        updated: list[int] = []
        problems: list[str] = []
        together: dict[tuple[int, int], list[backlog.Stretch]] = {}
        for stretch in waiting:
            if stretch.detection in known:
                together.setdefault((stretch.first_time, stretch.last_time), []).append(stretch)
        for (first_time, last_time), stretches in sorted(together.items()):
            items = [known[stretch.detection] for stretch in stretches]
            outcome, _ = self.over_recorded(items, first_time, last_time)
            with self.database.atomic():
                for stretch in stretches:
                    backlog.remove(self.database, stretch)
                changes = self.record(outcome, last_time, now)
            opened.extend(changes.opened)
            updated.extend(changes.updated)
            problems.extend(outcome.problems)
        return alerts.Changes(tuple(opened), tuple(updated)), tuple(problems)

    def record(self, outcome: evaluate.Outcome, last_time: int, now: datetime) -> alerts.Changes:
        """Make alerts of the findings, and keep what was not got to. Call it inside a transaction."""
        for detection, first_time in outcome.unfinished.items():
            backlog.add(self.database, backlog.Stretch(detection, first_time, max(first_time, last_time)))
        return alerts.record(self.database, outcome.findings, now)

    def _sweep(
        self,
        files: Mapping[str, Sequence[File]],
        definitions: Sequence[Definition],
        first: int,
        last: int,
        fresh_after: int = 0,
    ) -> evaluate.Outcome:
        return evaluate.sweep(
            self.lake,
            files,
            definitions,
            first_time=first,
            last_time=last,
            ownership=self.ownership,
            settings=self.settings,
            fresh_after=fresh_after,
        )


def files_by_table(items: Sequence[Segment | store.RecordedFile], *, new: bool = False) -> dict[str, list[File]]:
    """Return files as the query engine is told of them."""
    found: dict[str, list[File]] = {}
    for item in items:
        parts = item.parts if isinstance(item, store.RecordedFile) else None
        found.setdefault(item.table, []).append(File(item.path, item.first_time, item.last_time, new, parts))
    return found
