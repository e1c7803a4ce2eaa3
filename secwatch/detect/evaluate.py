"""Detections over a stretch of the lake, within bounds of memory and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secwatch.core import durations
from secwatch.core.errors import SecwatchError
from secwatch.core.model import Finding
from secwatch.core.ownership import Ownership
from secwatch.detect.collect import Collector, Evaluation
from secwatch.detect.definition import Definition
from secwatch.lake import query
from secwatch.lake.protocol import File, Needs, Sweep, Watch
from secwatch.system.settings import Detect

# What one table may hold decoded in the engine's process, in the columns that detections read: measured 200 MB.
ROWS_IN_MEMORY = 1_000_000
ROWS_PER_WINDOW = 10_000
# The engine stops by itself after this part of the time-out; what it reached is then known exactly.
_PART_OF_TIMEOUT = 0.9


@dataclass(frozen=True)
class Outcome:
    """What a sweep found. problems are sentences: whoever reads a result must see where it was blind.

    unfinished says, by detection, from when on (µs) nothing was evaluated because the time was up.
    """

    findings: tuple[Finding, ...] = ()
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unfinished: Mapping[str, int] = field(default_factory=dict)


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
    fresh_after: int = 0,
    rows_in_memory: int = ROWS_IN_MEMORY,
    rows_per_window: int = ROWS_PER_WINDOW,
) -> Outcome:
    """Evaluate detections in every window that holds a row of a new file between the two times (µs, both included).

    `files` are all that may be seen, the older ones included; what lies before fresh_after (µs) was counted
    before. A detection that fails is a problem, not an error: the others stand, and so does what it stated
    before. Findings are in order of time by detection.
    """
    new = {name for name, group in files.items() if any(file.new for file in group)}
    wanted = [item for item in definitions if new.intersection(item.header.consumes)]
    if not wanted:
        return Outcome()
    collector = Collector({item.id: item for item in wanted}, ownership)
    seconds = durations.seconds(settings.timeout) * _PART_OF_TIMEOUT
    watches = [_watch(item) for item in wanted]
    work = Sweep(watches, first_time, last_time, rows_in_memory, rows_per_window, seconds, fresh_after)
    try:
        query.evaluate(lake, files, work, settings, collector.take)
    except SecwatchError as error:
        for item in wanted:
            if item.id not in collector.evaluations:
                collector.resume.setdefault(item.id, first_time)
                collector.problems.append(f"{item.id}: not fully evaluated: {error.message}")
    findings = collector.finish()
    problems = tuple(dict.fromkeys(collector.problems))
    return Outcome(findings, collector.evaluations, problems, collector.resume)


def _watch(item: Definition) -> Watch:
    header = item.header
    needs = header.needs
    least = None if needs is None else Needs(max(int(item.parameters[needs.rows]), 1), list(needs.same), needs.alone)
    return Watch(
        item.id,
        item.sql,
        dict(item.parameters),
        list(header.consumes),
        header.window_seconds,
        header.every_seconds,
        header.severity,
        least,
    )
