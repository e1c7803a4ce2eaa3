"""Checking detections: every mistake with its file and line, found without running anything on data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from secwatch.core.phrases import gaps, is_whole
from secwatch.detect.definition import Definition, Mistake, line_of
from secwatch.lake.protocol import Inspected, Statement
from secwatch.lake.query import inspect
from secwatch.system.settings import Detect

REQUIRED = ("source", "target", "first_seen", "last_seen", "count", "new_count", "score", "evidence")
_INTEGERS = frozenset(f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")) | {
    "INTEGER",
    "UINTEGER",
}
_KINDS = {
    "source": {"VARCHAR"},
    "target": {"VARCHAR"},
    "first_seen": {"TIMESTAMP"},
    "last_seen": {"TIMESTAMP"},
    "count": _INTEGERS,
    "new_count": _INTEGERS,
    "score": _INTEGERS | {"DOUBLE", "FLOAT", "DECIMAL"},
    "severity": _INTEGERS,
}
_NAME = re.compile(r'"((?:[^"]|"")*)"|([^\s"]+)')


def lint(definitions: Sequence[Definition], bounds: Detect) -> Sequence[Mistake]:
    """Return every mistake of the detections, by file and line."""
    if not definitions:
        return ()
    statements = [Statement(item.id, item.sql, dict(item.parameters)) for item in definitions]
    found = inspect(statements, bounds=bounds)
    mistakes = [mistake for item in definitions for mistake in _check(item, found[item.id])]
    return sorted(mistakes, key=lambda mistake: (mistake.path, mistake.line))


def _check(item: Definition, found: Inspected) -> Iterator[Mistake]:
    header = item.header
    if header.every_seconds > header.window_seconds:
        yield Mistake(item.path, 1, "every_seconds is longer than window_seconds: rows between the windows are lost")
    if not re.match(r"(?i)(with|select)\b", _without_comments(item.sql)):
        yield Mistake(item.path, item.sql_line, "the SQL must begin with SELECT or WITH")
    if found.problem is not None:
        yield Mistake(item.path, item.sql_line + (found.line or 1) - 1, found.problem)
    if found.problem is None or found.parameters:
        yield from _parameters(item, found)
    yield from _tables(item, found)
    if found.problem is None:
        yield from _columns(item, found)


def _parameters(item: Definition, found: Inspected) -> Iterator[Mistake]:
    for name in found.parameters:
        if name not in item.parameters:
            yield Mistake(item.path, _line(item, rf"\${name}\b"), f"${name} is not in [params] or [lists]")
    for name in item.parameters:
        if name not in found.parameters:
            yield Mistake(item.path, 1, f"the parameter {name} is never used")


def _tables(item: Definition, found: Inspected) -> Iterator[Mistake]:
    for name in found.tables:
        if name not in item.header.consumes:
            yield Mistake(item.path, _line(item, rf"\b{name}\b"), f"the table {name} is not in consumes")
    for name in item.header.consumes:
        if found.tables and name not in found.tables:
            yield Mistake(item.path, 1, f"consumes names {name}, which the SQL does not read")


def _columns(item: Definition, found: Inspected) -> Iterator[Mistake]:
    kinds = dict(zip(found.names, found.types, strict=True))
    for name in (*REQUIRED, *item.header.key):
        if name not in kinds:
            yield Mistake(item.path, item.sql_line, f"the output column {name} is missing")
    for name, allowed in _KINDS.items():
        kind = kinds.get(name, "").partition("(")[0]
        if kind and kind not in allowed:
            yield Mistake(
                item.path, item.sql_line, f"the output column {name} is {kind}, not {' or '.join(sorted(allowed))}"
            )
    if "evidence" in kinds and not kinds["evidence"].startswith("STRUCT"):
        yield Mistake(item.path, item.sql_line, "the output column evidence must be a struct: {name: value, …}")
    elif "evidence" in kinds:
        yield from _sentences(item, _fields(kinds["evidence"]))
    for name in kinds:
        if name not in {*REQUIRED, *item.header.key, "severity"}:
            yield Mistake(item.path, item.sql_line, f"the output column {name} is not used: put it into evidence")
    if "fresh" not in item.sql:
        yield Mistake(item.path, item.sql_line, "new_count must count the rows WHERE fresh")


def _sentences(item: Definition, columns: Sequence[str]) -> Iterator[Mistake]:
    """Check that both sentences say every column: what one leaves out, people would see in no language."""
    if item.header.evidence is None:
        return
    text = item.header.evidence.text()
    whole = item.path.read_text(encoding="utf-8", errors="replace")
    for name, sentence in (("evidence.zh", text.zh), ("evidence.en", text.en)):
        said = gaps(sentence)
        problems = [] if is_whole(sentence) else ["a brace stands only around a name, as in {ports}"]
        problems += [f"{{{column}}} is no column of the evidence" for column in sorted(said.difference(columns))]
        problems += [f"{{{column}}} is not said" for column in columns if column not in said]
        yield from (Mistake(item.path, line_of(whole, name), f"{name}: {problem}") for problem in problems)


def _fields(struct: str) -> Sequence[str]:
    """Return the names in the engine's words for a struct: `STRUCT(port INTEGER, "a b" STRUCT(c INTEGER)[])`."""
    names, depth, quoted, start = [], 0, False, 0
    text = struct.removeprefix("STRUCT(")
    for place, letter in enumerate(text):
        quoted ^= letter == '"'
        if quoted:
            continue
        depth += (letter == "(") - (letter == ")")
        if depth < 0 or (depth == 0 and letter == ","):
            names.append(text[start:place].strip())
            start = place + 1
    found = (_NAME.match(name) for name in names)
    return [match[2] or match[1].replace('""', '"') for match in found if match]


def _line(item: Definition, pattern: str) -> int:
    match = re.search(pattern, item.sql, re.IGNORECASE)
    return item.sql_line + (item.sql[: match.start()].count("\n") if match else 0)


def _without_comments(sql: str) -> str:
    return re.sub(r"\A(\s|--[^\n]*\n|/\*.*?\*/)+", "", sql, flags=re.DOTALL)
