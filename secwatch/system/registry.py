"""Reading the registry of organisations from a TOML or CSV file, every mistake reported at once."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from secwatch.core.errors import UnreadableInput
from secwatch.core.model import Organisation, Text

_MAX_BYTES = 16 << 20
_MAX_SHOWN = 20
_LISTS = ("netblocks", "domains", "hosts", "paths")
_NAME = re.compile(r"^(?!-)[\w-]{1,63}(\.[\w-]{1,63})*\.?$")


class _Names(Struct, forbid_unknown_fields=True):
    zh: Annotated[str, Meta(min_length=1)]
    en: str = ""


class _Entry(Struct, forbid_unknown_fields=True):
    code: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    name: _Names
    parent: str | None = None
    importance: Annotated[int, Meta(ge=1, le=3)] = 1
    netblocks: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def read(path: Path, known: Sequence[Organisation] = ()) -> Sequence[Organisation]:
    """Return the organisations of a file; `known` are those that it comes beside, except for the same codes.

    Raise UnreadableInput with every mistake if the file cannot be read or has any.
    """
    entries = _rows(path)
    problems: list[str] = []
    organisations: list[Organisation] = []
    for number, entry in enumerate(entries, 1):
        before = len(problems)
        where = f"organisation {number}"
        try:
            parsed = msgspec.convert(entry, _Entry)
        except msgspec.ValidationError as error:
            text = str(error)
            problems.append(f"{where}: {text[:1].lower() + text[1:]}".replace("`", "'"))
            continue
        problems.extend(f"{where} ({parsed.code}): {text}" for text in _mistakes(parsed))
        if len(problems) == before:
            organisations.append(_organisation(parsed))
    codes = {organisation.code for organisation in organisations}
    others = [organisation for organisation in known if organisation.code not in codes]
    problems.extend(_relations([*others, *organisations]))
    if not entries and not problems:
        problems.append("it names no organisation")
    if problems:
        shown = "; ".join(problems[:_MAX_SHOWN]) + (f"; and {len(problems) - 20} more" if len(problems) > 20 else "")
        raise UnreadableInput(f"{path} was not imported: {shown}", "correct it, then import it again; nothing changed")
    return organisations


def _rows(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except IsADirectoryError as error:
        raise UnreadableInput(f"{path} is a directory", "name a TOML or CSV file") from error
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be read: {error.strerror}", "secwatch org import FILE") from error
    if len(raw) > _MAX_BYTES:
        raise UnreadableInput(f"{path} is larger than {_MAX_BYTES >> 20} MiB", "split it into several files")
    try:
        if path.suffix.lower() == ".csv":
            return _from_csv(_decode(raw))
        return _from_toml(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, csv.Error) as error:
        kind = "CSV" if path.suffix.lower() == ".csv" else "TOML"
        raise UnreadableInput(f"{path} is not {kind} in UTF-8: {error}", "save it as UTF-8") from error
    except RecursionError as error:
        raise UnreadableInput(f"{path} is nested too deeply", "secwatch org import --help") from error


def _decode(raw: bytes) -> str:
    """Return the text of a CSV file: UTF-8, or GB 18030, as spreadsheets in China save it."""
    try:
        return raw.decode("utf-8-sig")  # spreadsheets put a mark at the start
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def _from_toml(text: str) -> Sequence[Mapping[str, Any]]:
    found = tomllib.loads(text).get("organisation", [])
    return found if isinstance(found, list) else [found]


def _from_csv(text: str) -> Sequence[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    head = text.partition("\n")[0]
    delimiter = "," if "," in head else next((mark for mark in ";\t" if mark in head), ",")
    for row in csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True):
        if not any(value and value.strip() for value in row.values() if isinstance(value, str)):
            continue  # spreadsheets leave empty rows behind
        entry: dict[str, Any] = {key: value.strip() for key, value in row.items() if key and value and value.strip()}
        if None in row:
            entry["more cells than columns"] = True
        entry["name"] = {"zh": entry.get("name", ""), "en": entry.pop("name_english", "")}
        for key in _LISTS:
            if key in entry:
                entry[key] = entry[key].split()
        if re.fullmatch("[0-9]{1,9}", entry.get("importance", "")):
            entry["importance"] = int(entry["importance"])
        rows.append(entry)
    return rows


def _mistakes(entry: _Entry) -> Iterator[str]:
    for block in entry.netblocks:
        try:
            ip_network(block)
        except ValueError as error:
            yield f"netblock {block!r}: {error}"
    for name in (*entry.domains, *entry.hosts):
        if not _NAME.match(name):
            yield f"{name!r} is not a domain or host name"
    for path in entry.paths:
        if not path.startswith("/"):
            yield f"path {path!r} does not start with /"


def _relations(organisations: Sequence[Organisation]) -> Iterator[str]:
    parents: dict[str, str | None] = {}
    owners: dict[str, str] = {}
    for organisation in organisations:
        if organisation.code in parents:
            yield f"the code {organisation.code} is given twice"
        parents[organisation.code] = organisation.parent
        for thing in _owned(organisation):
            other = owners.setdefault(thing, organisation.code)
            if other != organisation.code:
                yield f"{thing} belongs to both {other} and {organisation.code}"
    for code, parent in parents.items():
        if parent is not None and parent not in parents:
            yield f"{code}: its parent {parent} is not known"
        elif _in_circle(code, parents):
            yield f"{code}: it stands above itself"


def _owned(organisation: Organisation) -> Iterator[str]:
    """Yield what an organisation owns in the one form in which it is looked up (core/ownership.py)."""
    yield from organisation.netblocks
    yield from (name.lower().rstrip(".") for name in (*organisation.domains, *organisation.hosts))
    yield from (str(PurePosixPath(path)) for path in organisation.paths)


def _in_circle(code: str, parents: Mapping[str, str | None]) -> bool:
    step = parents.get(code)
    for _ in range(len(parents)):
        if step is None or step == code:
            break
        step = parents.get(step)
    return step == code


def _organisation(entry: _Entry) -> Organisation:
    return Organisation(
        code=entry.code,
        name=Text(entry.name.zh, entry.name.en or entry.name.zh),
        parent=entry.parent or None,
        netblocks=tuple(str(ip_network(block)) for block in entry.netblocks),
        domains=entry.domains,
        hosts=entry.hosts,
        paths=entry.paths,
        importance=entry.importance,
    )
