"""The engine's answers to a sweep: rows become findings, and everything that was not looked at is told."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from secwatch.core.model import Finding, Origin, Severity
from secwatch.core.moments import from_text
from secwatch.core.ownership import Ownership
from secwatch.detect.definition import Definition
from secwatch.lake.protocol import Answer, Evaluated, Reached, Stated
from secwatch.store import alerts

MAX_FINDINGS = 50_000  # of one detection; the worst stay
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
class _Taken:
    """A finding, and what orders it: the window and the key."""

    window_end: int
    key: str
    finding: Finding

    @property
    def rank(self) -> tuple[int, float, int, int, str]:
        """The worst is the largest; the order of the engine's answers plays no part."""
        finding = self.finding
        score = finding.score if finding.score == finding.score else 0.0
        return (finding.severity, score, finding.count, -self.window_end, self.key)


class Collector:
    """Takes the engine's answers as they come and turns them into findings."""

    def __init__(self, definitions: Mapping[str, Definition], ownership: Ownership, most: int = MAX_FINDINGS):
        self._definitions = definitions
        self._ownership = ownership
        self._most = most
        self._taken: dict[str, list[_Taken]] = {}
        self._stated: dict[str, int] = {}
        self.evaluations: dict[str, Evaluation] = {}
        self.problems: list[str] = []
        self.resume: dict[str, int] = {}

    def take(self, answer: Answer) -> None:
        """Take one answer."""
        if isinstance(answer, Stated):
            self._state(answer)
        elif isinstance(answer, Reached):
            self.resume[answer.id] = answer.window_end + 1
        elif isinstance(answer, Evaluated):
            self._end(answer)

    def finish(self) -> tuple[Finding, ...]:
        """Return the findings by detection, window and key: the engine's threads give rows in any order."""
        for name in self._taken:
            self._bound(name, self._most)
            left_out = self._stated[name] - len(self._taken[name])
            if left_out:
                self.problems.append(f"{name}: {left_out} findings left out, the mildest: it states too many")
        return tuple(
            taken.finding
            for _, group in sorted(self._taken.items())
            for taken in sorted(group, key=lambda item: (item.window_end, item.key))
        )

    def _end(self, answer: Evaluated) -> None:
        self.evaluations[answer.id] = Evaluation(answer.windows, answer.seconds, self._stated.get(answer.id, 0))
        self.resume.pop(answer.id, None)
        if answer.problem:
            where = f"in {answer.failed} of {answer.failed + answer.windows} windows: " if answer.failed else ""
            self.problems.append(f"{answer.id}: {where}{answer.problem}")
        if answer.left_out:
            self.problems.append(
                f"{answer.id}: {answer.left_out} findings left out, the mildest, in {answer.crowded} windows"
                " that state too many"
            )
        if answer.waiting:
            self.resume[answer.id] = answer.resume_at
            self.problems.append(
                f"{answer.id}: not evaluated in {answer.waiting} windows, the time was up:"
                " the next run goes on there, or `secwatch detect run`"
            )

    def _state(self, answer: Stated) -> None:
        try:
            finding = finding_of(self._definitions[answer.id], answer.row, self._ownership)
        except (KeyError, TypeError, ValueError) as error:
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(f"{answer.id}: a row that is no finding: {error}")
            return
        taken = _Taken(answer.window_end, alerts.canonical(finding.key), finding)
        self._taken.setdefault(answer.id, []).append(taken)
        self._stated[answer.id] = self._stated.get(answer.id, 0) + 1
        self._bound(answer.id, 2 * self._most)

    def _bound(self, name: str, limit: int) -> None:
        if len(self._taken[name]) > limit:
            self._taken[name] = heapq.nlargest(self._most, self._taken[name], key=lambda item: item.rank)


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
