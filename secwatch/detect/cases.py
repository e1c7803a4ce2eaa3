"""Test cases of detections: small tables of rows that must alert, or must not, run through the real lake and store."""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from secwatch.core.model import Alert, Finding
from secwatch.core.moments import from_text, to_microseconds
from secwatch.core.ownership import Ownership
from secwatch.detect.definition import Definition, Mistake, Mistaken
from secwatch.detect.evaluate import sweep
from secwatch.lake.protocol import File
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Writer
from secwatch.store import alerts
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from secwatch.system.settings import Detect

MAX_ROWS = 200_000
_WHOLE = " (every row)"  # no name of a detection
_MAX_BYTES = 4 << 20


class Rows(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[rows]]: `repeat` rows of a table, `every_seconds` apart (give or take up to jitter_seconds).

    A list in `values` is gone through again and again, a text may hold {n}, the row's number, and
    {hash}, hexadecimal digits made of it ({hash:.24} for 24 of them), and `count` adds a number that grows by
    one: count = { destination_port = 1 }. A flow lasts `lasts_seconds`.
    """

    table: str
    values: dict[str, Any]
    count: dict[str, int] = {}
    repeat: Annotated[int, Meta(ge=1, le=MAX_ROWS)] = 1
    start_seconds: Annotated[float, Meta(ge=0)] = 0.0
    every_seconds: Annotated[float, Meta(ge=0)] = 1.0
    jitter_seconds: Annotated[float, Meta(ge=0)] = 0.0
    lasts_seconds: Annotated[float, Meta(ge=0)] = 0.0


class Expectation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[expect]]: one alert there must be; what is not given may be anything."""

    source: str | None = None
    target: str | None = None
    severity: int | None = None
    count: int | None = None


class Case(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of rules/detections/tests/<id>/: rows, and the alerts they must give, exactly. None must not alert."""

    about: Annotated[str, Meta(min_length=1)]
    rows: Annotated[tuple[Rows, ...], Meta(min_length=1)]
    start: str = "2026-11-23T08:00:00Z"
    expect: tuple[Expectation, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """How one case went; problem says what was wrong, None if it passed."""

    detection: str
    case: str
    must_alert: bool
    problem: str | None


def run_cases(item: Definition, bounds: Detect) -> Sequence[Verdict]:
    """Return the verdict of every case of a detection. Raise Mistaken for a case file that is none."""
    return [_run(item, path, load(path), bounds) for path in sorted(item.tests.glob("*.toml"))]


def load(path: Path) -> Case:
    """Return the case in a file. Raise Mistaken for one that is none."""
    try:
        raw = path.read_bytes()[:_MAX_BYTES]
        return msgspec.convert(tomllib.loads(raw.decode()), Case)
    except (OSError, ValueError, RecursionError) as error:  # also what tomllib and msgspec raise
        raise Mistaken([Mistake(path, 1, f"not a test case: {error}")]) from error


def table_rows(case: Case) -> Mapping[str, list[dict[str, Any]]]:
    """Return the rows of a case by table, times in µs."""
    start = to_microseconds(from_text(case.start))
    result: dict[str, list[dict[str, Any]]] = {}
    for block in case.rows:
        for number in range(block.repeat):
            moment = start + round((block.start_seconds + number * block.every_seconds + _jitter(block, number)) * 1e6)
            row = {name: _value(value, number) for name, value in block.values.items()}
            row |= {name: first + number for name, first in block.count.items()}
            if block.table == "flows":
                row |= {"first_seen": moment, "last_seen": moment + round(block.lasts_seconds * 1e6)}
            else:
                row["time"] = moment
            result.setdefault(block.table, []).append(row)
    return result


def _run(item: Definition, path: Path, case: Case, bounds: Detect) -> Verdict:
    try:
        found, problems = evaluate(item, table_rows(case), bounds)
    except (KeyError, ValueError) as error:
        return Verdict(item.id, path.stem, bool(case.expect), f"the rows of the case: {error}")
    problem = "; ".join(problems) or _compare(case.expect, found)
    return Verdict(item.id, path.stem, bool(case.expect), problem)


def evaluate(
    item: Definition, rows: Mapping[str, Sequence[Mapping[str, Any]]], bounds: Detect
) -> tuple[Sequence[Alert], Sequence[str]]:
    """Return the alerts that rows give in an empty lake and database, the oldest first, and what went wrong.

    It is wrong too if what the header's `needs` leaves out changes what is found.
    """
    with tempfile.TemporaryDirectory(prefix="secwatch-case-") as directory:
        lake = Path(directory) / "lake"
        with Writer(lake) as writer:
            for table, content in rows.items():
                writer.add(batch_of(table, content))
            segments = writer.finish()
        files: dict[str, list[File]] = {}
        for segment in segments:
            file = File(segment.path, segment.first_time, segment.last_time, new=True)
            files.setdefault(segment.table, []).append(file)
        whole = [] if item.header.needs is None else [_without_needs(item)]
        outcome = sweep(
            lake,
            files,
            [item, *whole],
            first_time=min(segment.first_time for segment in segments),
            last_time=max(segment.last_time for segment in segments),
            ownership=Ownership(()),
            settings=bounds,
        )
        found = [finding for finding in outcome.findings if finding.detection == item.id]
        others = [finding for finding in outcome.findings if finding.detection != item.id]
        problems = _left_out(found, others, item.id) if whole else ()
        database = open_database(Path(directory) / "case.db", (MIGRATIONS,))
        try:
            with database.atomic():
                alerts.record(database, found, datetime.now(UTC))
            return alerts.select(database)[::-1], (*outcome.problems, *problems)
        finally:
            database.close()


def _without_needs(item: Definition) -> Definition:
    """Return a detection that sees every row of every window, under another name."""
    return replace(item, header=msgspec.structs.replace(item.header, id=f"{item.id}{_WHOLE}", needs=None))


def _left_out(found: Sequence[Finding], whole: Sequence[Finding], name: str) -> Sequence[str]:
    """Say what `needs` changes: it may save time and nothing else."""
    if list(found) == [replace(finding, detection=name) for finding in whole]:
        return ()
    return (f"needs changes what is found: {len(found)} findings with it, {len(whole)} without, or others",)


def _compare(expected: Sequence[Expectation], found: Sequence[Alert]) -> str | None:
    left = list(found)
    missing = []
    for item in expected:
        match = next((alert for alert in left if _fits(item, alert)), None)
        if match is None:
            missing.append(msgspec.json.encode(item).decode())
        else:
            left.remove(match)
    problems = [f"no alert like {item}" for item in missing]
    problems.extend(
        f"an alert that must not be: {alert.finding.source} → {alert.finding.target}, "
        f"count {alert.finding.count}, severity {alert.finding.severity}, evidence {dict(alert.finding.evidence)}"
        for alert in left
    )
    return "; ".join(problems) or None


def _fits(item: Expectation, alert: Alert) -> bool:
    finding = alert.finding
    facts = {
        "source": finding.source,
        "target": finding.target,
        "severity": int(finding.severity),
        "count": finding.count,
    }
    return all(getattr(item, name) in (None, fact) for name, fact in facts.items())


def _value(value: Any, number: int) -> Any:
    if isinstance(value, list):
        value = value[number % len(value)]
    if isinstance(value, str) and "{" in value:
        return value.format(n=number, hash=hashlib.sha256(f"{value}{number}".encode()).hexdigest())
    return value


def _jitter(block: Rows, number: int) -> float:
    """The same every time, so that a case that passes once passes always."""
    share = hashlib.sha256(f"{block.table}{number}".encode()).digest()[0] / 255
    return block.jitter_seconds * (2 * share - 1)
