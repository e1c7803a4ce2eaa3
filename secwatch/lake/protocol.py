"""What the query engine's process is asked and answers: one JSON request on its input, JSON lines on its output."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from secwatch.core.moments import to_text


class File(msgspec.Struct, frozen=True):
    """A Parquet file: path below the lake, time range in µs; `new` when the sweep at hand has just read it.

    Of a file that holds rows of inputs that are gone, only those count whose lake_part is in `parts`.
    """

    path: str
    first_time: int
    last_time: int
    new: bool = False
    parts: tuple[int, ...] | None = None


class Query(msgspec.Struct, frozen=True, tag="query"):
    """One SELECT; at most `limit` rows come back."""

    sql: str
    limit: int


class Export(msgspec.Struct, frozen=True, tag="export"):
    """One SELECT whose rows, at most `limit` of them, are written as Parquet into an inherited pipe."""

    sql: str
    descriptor: int
    limit: int | None = None


class Statement(msgspec.Struct, frozen=True):
    """A SELECT with the values of its named parameters."""

    id: str
    sql: str
    parameters: dict[str, Any]


class Inspection(msgspec.Struct, frozen=True, tag="inspection"):
    """Statements to be looked at, not run."""

    statements: list[Statement]


class Needs(msgspec.Struct, frozen=True):
    """What a window must hold before a watch can state anything: so many rows that agree in the columns `same`.

    alone: what it states of rows that agree does not depend on the others.
    """

    rows: int
    same: list[str]
    alone: bool = False


class Watch(msgspec.Struct, frozen=True):
    """A SELECT to be evaluated in windows that end at multiples of every_seconds in packet time.

    severity is that of a row that gives none. Windows that hold less than `needs` are not evaluated.
    """

    id: str
    sql: str
    parameters: dict[str, Any]
    consumes: list[str]
    window_seconds: int
    every_seconds: int
    severity: int = 1
    needs: Needs | None = None


class Sweep(msgspec.Struct, frozen=True, tag="sweep"):
    """Evaluate the watches in every window that holds a row from first_time to last_time (µs, both included).

    rows_in_memory bounds how many rows of one table are held decoded; more are read from the files.
    rows_per_window bounds what a watch may state in one window: the worst stay. After `seconds` every
    watch stops where it is. Rows up to fresh_after (µs) are not `fresh`: they were counted before.
    """

    watches: list[Watch]
    first_time: int
    last_time: int
    rows_in_memory: int
    rows_per_window: int
    seconds: float
    fresh_after: int = 0


class Request(msgspec.Struct, frozen=True):
    """Everything the process gets to know. Files of a table not named here do not exist for it."""

    lake: str
    files: dict[str, list[File]]
    memory_megabytes: int
    work: Query | Export | Inspection | Sweep


class Columns(msgspec.Struct, frozen=True, tag="columns"):
    """Names and SQL types of the rows that follow."""

    names: list[str]
    types: list[str]


class Row(msgspec.Struct, frozen=True, tag="row"):
    """One row of a query's result."""

    values: list[Any]


class Inspected(msgspec.Struct, frozen=True, tag="inspected"):
    """What a statement is. problem says, with its line in the statement if known, why it cannot be run."""

    id: str
    parameters: list[str]
    tables: list[str]
    names: list[str]
    types: list[str]
    problem: str | None = None
    line: int | None = None


class Stated(msgspec.Struct, frozen=True, tag="stated"):
    """One row that a watch gave in the window that ends at window_end (µs)."""

    id: str
    window_end: int
    row: dict[str, Any]


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """A watch has been evaluated up to and with the window that ends at window_end (µs), and goes on later."""

    id: str
    window_end: int


class Evaluated(msgspec.Struct, frozen=True, tag="evaluated"):
    """A watch ends: how many windows it was evaluated in, and how long that took.

    left_out rows were more than rows_per_window in `crowded` windows. problem says why it could not be
    evaluated in `failed` windows (0: in none at all); what it stated elsewhere stands. `waiting` windows
    were not reached in time, the first of which begins its slot at resume_at (µs).
    """

    id: str
    windows: int
    seconds: float
    problem: str | None = None
    failed: int = 0
    left_out: int = 0
    crowded: int = 0
    waiting: int = 0
    resume_at: int = 0


class End(msgspec.Struct, frozen=True, tag="end"):
    """The work is done; truncated when there were more rows than the limit.

    `more` were counted beyond it, `counted` says whether that is all of them. `opened` is how many files
    of the lake could be read for it: the others hold nothing of the time that was asked for. `rows` were
    exported.
    """

    truncated: bool = False
    more: int = 0
    counted: bool = True
    opened: int = 0
    rows: int = 0


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The work could not be done."""

    message: str


Answer = Columns | Row | Inspected | Stated | Reached | Evaluated | End | Failed


def moment_text(value: Any) -> Any:
    """Return a moment as ISO 8601 in UTC, also inside lists and structs; everything else as it is."""
    if isinstance(value, datetime):
        return to_text(value.replace(tzinfo=value.tzinfo or UTC))
    if isinstance(value, list | tuple):
        return [moment_text(item) for item in value]
    if isinstance(value, dict):
        return {moment_text(name): moment_text(item) for name, item in value.items()}
    return value
