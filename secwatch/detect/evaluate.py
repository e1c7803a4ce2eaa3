"""Detections over a stretch of the lake: rows become findings, with title, response and owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from secwatch.core.errors import SecwatchError
from secwatch.core.model import Finding, Origin, Severity
from secwatch.core.moments import from_text
from secwatch.core.ownership import Ownership
from secwatch.detect.definition import Definition
from secwatch.lake import query
from secwatch.lake.protocol import Answer, Evaluated, File, Stated, Sweep, Watch
from secwatch.store import alerts
from secwatch.system.settings import Detect

# What one table may hold decoded in the engine's process, in the columns that detections read: measured 200 MB.
ROWS_IN_MEMORY = 1_500_000
ROWS_PER_WINDOW = 10_000
MAX_FINDINGS = 200_000
MAX_PROBLEMS = 50
MAX_EVIDENCE_BYTES = 16 << 10
MAX_TEXT = 300


@dataclass(frozen=True)
class Evaluation:
    """How often one detection was evaluated, what that took, and how many findings it stated."""

    windows: int
    seconds: float
    findings: int


@dataclass(frozen=True)
class Outcome:
    """What a sweep found. problems are sentences: whoever reads a result must see where it was blind."""

    findings: tuple[Finding, ...]
    evaluations: Mapping[str, Evaluation]
    problems: tuple[str, ...]


def span(definitions: Sequence[Definition]) -> int:
    """Return how many µs before and after a stretch rows may matter to its evaluation."""
    return max((item.header.window_seconds + item.header.every_seconds for item in definitions), default=0) * 1_000_000


def sweep(
    lake: Path,
    files: Mapping[str, Sequence[File]],
    definitions: Sequence[Definition],
    *,
    first_time: int,
    last_time: int,
    ownership: Ownership,
    settings: Detect,
    rows_in_memory: int = ROWS_IN_MEMORY,
) -> Outcome:
    """Evaluate detections in every window that holds a row of a new file between the two times (µs, both included).

    `files` are all that may be seen, the older ones included. A detection that fails is a problem, not an
    error: the others stand, and so does what it stated before. Findings are in order of time by detection.
    """
    new = {name for name, group in files.items() if any(file.new for file in group)}
    wanted = [item for item in definitions if new.intersection(item.header.consumes)]
    if not wanted:
        return Outcome((), {}, ())
    collector = Collector({item.id: item for item in wanted}, ownership)
    work = Sweep([_watch(item) for item in wanted], first_time, last_time, rows_in_memory, ROWS_PER_WINDOW)
    try:
        query.evaluate(lake, files, work, settings, collector.take)
    except SecwatchError as error:
        unfinished = [item.id for item in wanted if item.id not in collector.evaluations]
        collector.problems.append(f"{', '.join(unfinished)}: not fully evaluated: {error.message}")
    return Outcome(collector.in_order(), collector.evaluations, tuple(dict.fromkeys(collector.problems)))


def _watch(item: Definition) -> Watch:
    header = item.header
    return Watch(
        item.id, item.sql, dict(item.parameters), list(header.consumes), header.window_seconds, header.every_seconds
    )


class Collector:
    """Takes the engine's answers as they come and turns them into findings."""

    def __init__(self, definitions: Mapping[str, Definition], ownership: Ownership):
        self._definitions = definitions
        self._ownership = ownership
        self._stated: dict[str, int] = {}
        self.findings: list[tuple[str, int, str, Finding]] = []
        self.evaluations: dict[str, Evaluation] = {}
        self.problems: list[str] = []

    def take(self, answer: Answer) -> None:
        """Take one answer."""
        if isinstance(answer, Stated):
            self._state(answer)
        elif isinstance(answer, Evaluated):
            stated = self._stated.get(answer.id, 0)
            self.evaluations[answer.id] = Evaluation(answer.windows, answer.seconds, stated)
            if answer.problem:
                self.problems.append(f"{answer.id}: given up after {answer.windows} windows: {answer.problem}")

    def in_order(self) -> tuple[Finding, ...]:
        """Return the findings by detection, window and key: the engine's threads give rows in any order."""
        return tuple(item[3] for item in sorted(self.findings, key=lambda item: item[:3]))

    def _state(self, answer: Stated) -> None:
        if len(self.findings) >= MAX_FINDINGS:
            self.problems.append(f"{answer.id}: more than {MAX_FINDINGS} findings, the rest is left out")
            return
        try:
            finding = finding_of(self._definitions[answer.id], answer.row, self._ownership)
        except (KeyError, TypeError, ValueError) as error:
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(f"{answer.id}: a row that is no finding: {error}")
            return
        self.findings.append((answer.id, answer.window_end, alerts.canonical(finding.key), finding))
        self._stated[answer.id] = self._stated.get(answer.id, 0) + 1


def finding_of(item: Definition, row: Mapping[str, Any], ownership: Ownership) -> Finding:
    """Return the finding that a row of a detection states. Raise KeyError, TypeError or ValueError for an unfit row."""
    header = item.header
    ends = {"source": _text(row["source"]), "target": _text(row["target"])}
    owners = (ownership.of(ends[name]) for name in header.owner)
    count = int(row["count"])
    first, last = _moment(row["first_seen"]), _moment(row["last_seen"])
    if count < 1 or last < first:
        raise ValueError(f"count {count} from {first} to {last}")
    return Finding(
        detection=item.id,
        title=header.title.text(),
        origin=Origin.NETWORK,
        severity=Severity(int(row.get("severity") or header.severity)),
        key={name: _text(row[name]) if isinstance(row[name], str) else row[name] for name in header.key},
        first_seen=first,
        last_seen=last,
        count=count,
        new_count=int(row["new_count"]),
        suppress_seconds=header.suppress_seconds,
        source=ends["source"],
        target=ends["target"],
        score=float(row["score"] or 0),
        confidence=header.confidence,
        aspect=header.aspect,
        attack=header.attack,
        evidence=_evidence(row["evidence"]),
        response=header.response.text(),
        organisation=next((code for code in owners if code), None),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:MAX_TEXT]


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeError(f"no moment: {value!r}")
    return from_text(value)


def _evidence(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    if len(msgspec.json.encode(value)) <= MAX_EVIDENCE_BYTES:
        return value
    short = {name: item if isinstance(item, int | float) else str(item)[:MAX_TEXT] for name, item in value.items()}
    return {**short, "shortened": True}
