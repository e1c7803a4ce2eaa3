"""Detections over time: each SELECT is evaluated in every window that holds something new.

A window is (end - window_seconds, end], its end a multiple of every_seconds in packet time. The
slot (end - every_seconds, end] is the part of it that no earlier window ended in: a row of a new
file is `fresh` in exactly that one evaluation. Windows with an empty slot state nothing new.

The watches go through time together and take turns, so that none can keep the others from being
evaluated: neither by many windows nor by one that takes for ever, and none is blinded for the rest by one
window that fails or is crowded.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import isnan
from types import TracebackType
from typing import Any

import duckdb

from secwatch.lake.alone import TooMany, drop, gather, sources
from secwatch.lake.conditions import Condition, conditions
from secwatch.lake.engine import Accepted, Unacceptable, accept, explain, run, tables_of
from secwatch.lake.numbers import SECOND
from secwatch.lake.protocol import Answer, End, Evaluated, Reached, Stated, Sweep, Watch, moment_text
from secwatch.lake.schedule import dense, parts, promising, split
from secwatch.lake.shelf import Shelf, at_hand, place, stock

# A turn is this part of a watch's fair share of the time: changing turns may mean reading rows again.
_TURNS = 4
_FETCHED = 2048
_LEAST_SECONDS = 1.0  # a window gets, however short the time


@dataclass
class _Course:
    """How far a watch has come."""

    watch: Watch
    statement: Accepted | None = None
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    parts: deque[Sequence[int]] = field(default_factory=deque)
    ends: deque[int] = field(default_factory=deque)
    windows: int = 0
    seconds: float = 0.0
    problem: str | None = None
    failed: int = 0
    left_out: int = 0
    crowded: int = 0

    @property
    def next(self) -> int | None:
        """The end (µs) of the first window that is left, None if none is; it may turn out to be empty."""
        return self.ends[0] if self.ends else self.parts[0][0] if self.parts else None

    def fail(self, error: Unacceptable | duckdb.Error) -> None:
        """Keep why the first window failed, or with which the watch could not begin."""
        found = error if isinstance(error, Unacceptable) else explain(error)
        words = found.message + (f" (line {found.line} of its SQL)" if found.line else "")
        self.problem = self.problem or words

    def evaluated(self) -> Evaluated:
        """Return the answer that ends the watch here."""
        waiting = len(self.ends) + sum(map(len, self.parts))
        resume_at = 0 if self.next is None else self.next - self.watch.every_seconds * SECOND + 1
        return Evaluated(
            self.watch.id,
            self.windows,
            self.seconds,
            self.problem,
            self.failed,
            self.left_out,
            self.crowded,
            waiting,
            resume_at,
        )


def sweep(connection: duckdb.DuckDBPyConnection, work: Sweep) -> Iterator[Answer]:
    """Yield what every watch states, and for every watch how it ended. Raise Unacceptable on a bug of ours."""
    deadline = time.monotonic() + work.seconds
    share = work.seconds / (len(work.watches) + 1)
    shelf = stock(connection, work)
    courses = [_Course(watch) for watch in work.watches]
    for course in courses:
        started = time.monotonic()
        _begin(shelf, course, work)
        course.seconds += time.monotonic() - started
    with _Watchdog(connection, max(share, _LEAST_SECONDS)) as watchdog:
        while courses:
            # All go forward in time together, so that rows are decoded once for all of them; one that has
            # used up its share of the time goes on when the others are done.
            course = min(courses, key=lambda item: (item.seconds > share, item.next or 0))
            started = time.monotonic()
            yield from _turn(shelf, course, work, min(started + share / _TURNS, deadline), watchdog)
            course.seconds += time.monotonic() - started
            if course.next is None or time.monotonic() >= deadline:
                yield course.evaluated()
                courses.remove(course)
    yield End()


def _begin(shelf: Shelf, course: _Course, work: Sweep) -> None:
    """Find the windows of a watch."""
    try:
        statement = accept(shelf.connection, course.watch.sql)
        _refuse_other_tables(shelf.connection, course.watch)
        course.conditions = conditions(shelf.connection, course.watch) if course.watch.needs else {}
        course.parts.extend(parts(shelf, course.watch, work))
        course.statement = statement
    except (Unacceptable, duckdb.Error) as error:
        course.fail(error)


def _turn(shelf: Shelf, course: _Course, work: Sweep, until: float, watchdog: _Watchdog) -> Iterator[Answer]:
    """Evaluate the next windows of a watch: one, and those for which no row must be decoded, while time allows."""
    end = None
    alone: Mapping[str, str] = {}
    if not course.ends and course.parts:
        end = course.parts[0][-1]
        with watchdog.watching():
            alone = _next_part(shelf, course)
    while course.statement and course.ends:
        end = course.ends.popleft()
        try:
            place(shelf, course.watch, end, work, alone)
            with watchdog.watching():
                rows = _evaluate(shelf.connection, course, course.statement, end, work.rows_per_window)
            yield from rows
            course.windows += 1
        except (Unacceptable, duckdb.Error) as error:
            course.failed += 1
            course.fail(watchdog.explain(error))
        at_once = course.ends and (alone or at_hand(shelf, course.watch, course.ends[0]))
        if time.monotonic() >= until or not at_once:
            break
    if alone:
        # One watch at a time holds rows alone: what is left of its part is prepared anew when it goes on.
        drop(shelf, alone)
        if course.ends:
            course.parts.appendleft(tuple(course.ends))
            course.ends.clear()
    if end is not None and course.next is not None:
        yield Reached(course.watch.id, end)


def _next_part(shelf: Shelf, course: _Course) -> Mapping[str, str]:
    """Find out which windows of the next part to evaluate; return the tables that hold its rows alone, if any do."""
    watch, part = course.watch, course.parts.popleft()
    needs, alone = watch.needs, {}
    if needs is not None and (needs.alone or not dense(shelf, watch, part)):
        lower, upper = part[0] - watch.window_seconds * SECOND, part[-1]
        source = sources(shelf, watch, course.conditions, lower, upper)
        if needs.alone:
            try:
                alone = dict(gather(shelf, watch, needs, source, lower, upper))
            except TooMany as error:
                if len(part) > 1:
                    course.parts.extendleft(reversed(split(part, error.times)))
                    return {}
            source = replace(source, names=alone or source.names)
        part = promising(shelf, watch, needs, source, part)
    course.ends.extend(part)
    return alone


def _refuse_other_tables(connection: duckdb.DuckDBPyConnection, watch: Watch) -> None:
    """A table that a watch does not consume is not placed in its window: its rows would be those of another."""
    others = sorted(set(tables_of(connection, watch.sql)) - set(watch.consumes))
    if others:
        raise Unacceptable(f"it reads {', '.join(others)}, which it does not name in consumes")


def _evaluate(
    connection: duckdb.DuckDBPyConnection, course: _Course, statement: Accepted, end: int, most: int
) -> Sequence[Stated]:
    """Return what the watch states in the window that is set; of more than `most` rows the worst."""
    watch = course.watch
    run(connection, statement, watch.parameters)
    names = [item[0] for item in connection.description or ()]

    def rank(row: tuple[Any, ...]) -> tuple[float, float, float, str]:
        values = dict(zip(names, row, strict=True))
        severity = watch.severity if values.get("severity") is None else values["severity"]
        return (_number(severity), _number(values.get("score")), _number(values.get("count")), repr(row))

    rows: list[tuple[Any, ...]] = []
    total = 0
    while batch := connection.fetchmany(_FETCHED):
        rows.extend(batch)
        total += len(batch)
        if len(rows) > 2 * most:
            rows = heapq.nlargest(most, rows, key=rank)
    if total > most:
        rows = heapq.nlargest(most, rows, key=rank)
        course.crowded += 1
        course.left_out += total - most
    return [Stated(watch.id, end, dict(zip(names, map(moment_text, row), strict=True))) for row in rows]


def _number(value: Any) -> float:
    """What is no number, or none that can be compared, counts as nothing."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return 0.0 if isnan(number) else number


class _Watchdog:
    """Interrupts a statement that takes longer than so many seconds."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: float):
        self._connection = connection
        self._seconds = seconds
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._barked = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Watchdog:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Interrupt what runs in the block when it takes too long."""
        with self._changed:
            self._deadline, self._barked = time.monotonic() + self._seconds, False
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._deadline = None

    def explain(self, error: Unacceptable | duckdb.Error) -> Unacceptable | duckdb.Error:
        """Return the error, or in words that it took too long."""
        return Unacceptable(f"one window took longer than {self._seconds:.0f} s") if self._barked else error

    def _run(self) -> None:
        with self._changed:
            while not self._ended:
                left = None if self._deadline is None else self._deadline - time.monotonic()
                if left is not None and left <= 0:
                    self._barked, self._deadline = True, None
                    self._connection.interrupt()
                else:
                    self._changed.wait(left)
