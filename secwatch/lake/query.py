"""Asking the lake: requests go to a process of their own that is bounded in memory and ended at a deadline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import secwatch
from secwatch.core import durations
from secwatch.core.errors import SecwatchError
from secwatch.lake.protocol import (
    Answer,
    Columns,
    End,
    Export,
    Failed,
    File,
    Inspected,
    Inspection,
    Query,
    Request,
    Row,
    Statement,
    Sweep,
)
from secwatch.system import process
from secwatch.system.settings import Detect

Files = Mapping[str, Sequence[File]]


@dataclass(frozen=True)
class Result:
    """Rows of a query: names and SQL types of its columns; truncated when there are more than were asked for.

    `more` rows were counted beyond them; `counted` says whether that is all. `opened` is the number of
    files that could hold what was asked for.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool
    more: int = 0
    counted: bool = True
    opened: int = 0


def query(lake: Path, files: Files, sql: str, *, limit: int, bounds: Detect) -> Result:
    """Return the rows of one SELECT over the tables of the lake.

    Values are JSON's: moments as ISO 8601 texts, structs as objects. Raise SecwatchError for a
    statement that is not exactly one SELECT, fails, needs too much memory or takes too long.
    """
    names: list[str] = []
    types: list[str] = []
    rows: list[tuple[Any, ...]] = []
    ends: list[End] = []

    def take(answer: Answer) -> None:
        if isinstance(answer, Columns):
            names.extend(answer.names)
            types.extend(answer.types)
        elif isinstance(answer, Row):
            rows.append(tuple(answer.values))
        elif isinstance(answer, End):
            ends.append(answer)

    ask(lake, files, Query(sql, limit), bounds, take)
    end = ends[0]
    return Result(tuple(names), tuple(types), tuple(rows), end.truncated, end.more, end.counted, end.opened)


def inspect(statements: Sequence[Statement], *, bounds: Detect) -> Mapping[str, Inspected]:
    """Return for each statement, by id, what it is: parameters, tables, columns, or what is wrong with it."""
    found: dict[str, Inspected] = {}

    def take(answer: Answer) -> None:
        if isinstance(answer, Inspected):
            found[answer.id] = answer

    ask(Path("/nonexistent"), {}, Inspection(list(statements)), bounds, take)
    return found


def evaluate(lake: Path, files: Files, work: Sweep, bounds: Detect, on_answer: Callable[[Answer], None]) -> None:
    """Run a sweep of detections; `on_answer` gets every Stated and Evaluated as it comes.

    Raise SecwatchError when the process fails, needs too much memory or takes too long: what came
    before that stands.
    """
    ask(lake, files, work, bounds, on_answer)


def ask(
    lake: Path,
    files: Files,
    work: Query | Export | Inspection | Sweep,
    bounds: Detect,
    on_answer: Callable[[Answer], None],
    descriptors: Sequence[int] = (),
) -> None:
    """Send one request to a process of its own, which inherits the `descriptors`, and hand over its answers.

    Raise SecwatchError if it fails.
    """
    request = Request(
        str(lake.resolve()), {name: list(of) for name, of in files.items()}, bounds.memory_megabytes, work
    )
    decoder = msgspec.json.Decoder(Answer)
    ended: list[Answer] = []

    def read(line: str) -> None:
        answer: Answer = decoder.decode(line)
        if isinstance(answer, Failed):
            raise SecwatchError(f"the query was refused: {answer.message}", "secwatch flows tables")
        if isinstance(answer, End):
            ended.append(answer)
        on_answer(answer)

    completed = process.run(
        [sys.executable, "-P", "-m", "secwatch.lake.worker"],
        timeout=durations.seconds(bounds.timeout),
        environment={"PYTHONPATH": str(Path(secwatch.__file__).resolve().parents[1]), "TZ": "UTC"},
        on_line=read,
        keep_output=False,
        given=msgspec.json.encode(request),
        die_with_parent=True,
        descriptors=descriptors,
    )
    if not ended:
        raise _explain(completed, bounds)


def _explain(completed: process.Completed, bounds: Detect) -> SecwatchError:
    if completed.timed_out:
        return SecwatchError(
            f"the query took longer than {bounds.timeout} and was stopped",
            "ask for less, or raise [detect] timeout in the configuration",
        )
    last = completed.stderr.strip().rpartition("\n")[2][:300]
    return SecwatchError(
        f"the query engine ended early (code {completed.return_code}){': ' + last if last else ''}",
        "raise [detect] memory_megabytes if it ran out of memory",
    )
