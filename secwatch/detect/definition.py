"""One detection: a SQL file whose leading comment is a TOML header; read into a typed definition."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from secwatch.core.model import Text
from secwatch.core.tables import TABLES

MAX_BYTES = 256 << 10
MAX_LIST_LINES = 100_000
_HEADER = re.compile(r"\A\s*/\*(?P<header>.*?)\*/\s*", re.DOTALL)

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Sentence = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[int, Meta(gt=0, le=31 * 86400)]


class Both(Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence in Chinese and in English."""

    zh: Sentence
    en: Sentence

    def text(self) -> Text:
        """Return it as the model's text."""
        return Text(self.zh, self.en)


class Parameter(Struct, frozen=True, forbid_unknown_fields=True):
    """[params]: a threshold, what it counts, and where it comes from."""

    value: bool | int | float | str
    unit: Sentence
    source: Sentence


class Needed(Struct, frozen=True, forbid_unknown_fields=True):
    """[needs]: what a window must hold before the detection can state anything; others are not evaluated.

    rows names the parameter with the smallest number of rows of the consumed tables, same the columns in
    which those rows agree. With alone, rows that agree with too few others are not even shown: what is stated
    of some must not depend on the rest. It saves time only: a statement about fewer rows would be lost.
    """

    rows: Name
    same: tuple[Name, ...] = ()
    alone: bool = False


class Header(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The header of a detection.

    key names the output columns that make findings the same; owner the columns that are asked, in
    this order, for the organisation; lists the files of names (one a line) that are bound as $name;
    evidence says the columns of the evidence in a sentence, each as {name} (secwatch.core.phrases).
    """

    id: Name
    title: Both
    description: Both
    attack: Annotated[tuple[Annotated[str, Meta(pattern=r"^T[0-9]{4}(\.[0-9]{3})?$")], ...], Meta(min_length=1)]
    aspect: Literal["network", "host", "data"]
    severity: Annotated[int, Meta(ge=1, le=4)]
    confidence: Annotated[float, Meta(ge=0, le=1)]
    consumes: Annotated[tuple[Literal["flows", "dns", "tls", "http"], ...], Meta(min_length=1)]
    window_seconds: Seconds
    every_seconds: Seconds
    key: Annotated[tuple[Name, ...], Meta(min_length=1)]
    suppress_seconds: Seconds
    owner: Annotated[tuple[Literal["target", "source"], ...], Meta(min_length=1)] = ("target", "source")
    false_positives: Both
    response: Both
    evidence: Both | None = None
    reference: Annotated[tuple[Sentence, ...], Meta(min_length=1)]
    params: dict[Name, Parameter]
    needs: Needed | None = None
    lists: dict[Name, Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*\.txt$")]] = {}


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a file, and in which line (from 1)."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class Mistaken(Exception):
    """A file that is no detection; `mistakes` says why."""

    def __init__(self, mistakes: Sequence[Mistake]):
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True)
class Definition:
    """A detection as it runs: header, SELECT, the line its SQL begins in, the values bound to $names."""

    path: Path
    header: Header
    sql: str
    sql_line: int
    parameters: Mapping[str, Any]
    shipped: bool

    @property
    def id(self) -> str:
        """The name of the detection."""
        return self.header.id

    @property
    def tests(self) -> Path:
        """The directory of its test cases."""
        return self.path.parent / "tests" / self.id


def read(path: Path, intel: Sequence[Path], *, shipped: bool) -> Definition:
    """Return the detection in a file; its lists are looked for in the directories `intel`, all that are found count.

    Raise Mistaken for a file that cannot be read or whose header is wrong.
    """
    try:
        raw = path.read_bytes()[: MAX_BYTES + 1]
        content = raw.decode()
    except OSError as error:
        raise Mistaken([Mistake(path, 1, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise Mistaken([Mistake(path, 1, "it is not UTF-8")]) from error
    if len(raw) > MAX_BYTES:
        raise Mistaken([Mistake(path, 1, f"larger than {MAX_BYTES >> 10} KiB")])
    match = _HEADER.match(content)
    if match is None:
        raise Mistaken([Mistake(path, 1, "it must begin with a header: /* … TOML … */")])
    header = _header(path, match.group("header"), content[: match.start("header")].count("\n"))
    if header.id != path.stem:
        raise Mistaken([Mistake(path, line_of(content, "id"), f"id {header.id!r} must be the file's name")])
    _check_needs(path, content, header)
    sql = content[match.end() :].rstrip()
    line = content[: match.end()].count("\n") + 1
    parameters = {name: item.value for name, item in header.params.items()}
    lists = {name: _names(path, content, name, file, intel) for name, file in header.lists.items()}
    return Definition(path, header, sql, line, {**parameters, **lists}, shipped)


def _header(path: Path, text: str, lines_before: int) -> Header:
    try:
        values = tomllib.loads(text)
    except RecursionError as error:
        raise Mistaken([Mistake(path, 1, "the header is nested too deeply")]) from error
    except ValueError as error:  # TOMLDecodeError, and an integer of thousands of digits
        found = re.search(r"at line (\d+)", str(error))
        line = int(found.group(1)) + lines_before if found else 1
        raise Mistaken([Mistake(path, line, f"the header is not TOML: {error}")]) from error
    try:
        return msgspec.convert(values, Header)
    except msgspec.ValidationError as error:
        message = str(error).replace("`", "'")
        key = re.search(r"\$\.([a-z_]+)", message) or re.search(r"unknown field '([^']+)'", message)
        line = line_of(text, key.group(1)) + lines_before if key else 1
        raise Mistaken([Mistake(path, line, f"the header: {message[:1].lower()}{message[1:]}")]) from error


def _check_needs(path: Path, content: str, header: Header) -> None:
    needs = header.needs
    if needs is None:
        return
    line = line_of(content, "needs")
    value = header.params[needs.rows].value if needs.rows in header.params else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        words = f"needs.rows: {needs.rows} is not a parameter that is a whole number from 1 on"
        raise Mistaken([Mistake(path, line, words)])
    if needs.alone and not needs.same:
        raise Mistaken([Mistake(path, line, "needs.alone: needs.same must say which rows belong together")])
    for name in header.consumes:
        unknown = sorted(set(needs.same) - {column.name for column in TABLES[name].columns})
        if unknown:
            raise Mistaken([Mistake(path, line, f"needs.same: the table {name} has no column {unknown[0]}")])


def _names(path: Path, content: str, name: str, file: str, intel: Sequence[Path]) -> list[str]:
    """The user's own file of that name adds to the shipped one."""
    found = [directory / file for directory in intel if (directory / file).is_file()]
    if not found:
        line = line_of(content, name)
        raise Mistaken([Mistake(path, line, f"the list {file} is in none of {', '.join(map(str, intel))}")])
    names: dict[str, None] = {}
    for source in found:
        for text in source.read_text(encoding="utf-8", errors="replace").splitlines()[:MAX_LIST_LINES]:
            entry = text.partition("#")[0].strip().lower()
            if entry:
                names[entry] = None
    return list(names)


def line_of(text: str, key: str) -> int:
    """Return the line (from 1) in which a key of the header is given, 1 if it is missing."""
    match = re.search(rf"^[ \t]*\[?(?:params\.|lists\.)?{re.escape(key)}\b", text, re.MULTILINE)
    return text[: match.start()].count("\n") + 1 if match else 1
