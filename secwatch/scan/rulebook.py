"""The rulebook: rule files compiled once, each in a namespace of its own, broken ones named and left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec

from secwatch.core.errors import SecwatchError, UnreadableInput
from secwatch.scan import compiled_cache
from secwatch.scan.engine import BOREAL, ENGINES, YARA, Compiled, Engine, RuleMistake, engine_named, identifiers_in
from secwatch.scan.rule import Rule, scale
from secwatch.scan.sources import RuleFile

AUTO = "auto"
# Raise it when what is kept changes its form.
FORMAT = 1


@dataclass(frozen=True)
class Broken:
    """A rule file that was left out, and why. line is 0 where there is none to name."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}, line {self.line}" if self.line else self.path
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class Contents:
    """What is known of a rulebook besides its compiled form; `engine` is the one that it was compiled for.

    digest identifies the rules by content and with them the engine: a verdict is good for one
    digest only. externals are those that any rule asks for.
    """

    digest: str
    engine: str
    rules: tuple[Rule, ...]
    broken: tuple[Broken, ...]
    externals: tuple[str, ...]
    sources: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Rulebook:
    """Rules ready to scan with."""

    contents: Contents
    compiled: Compiled
    from_cache: bool = False
    cache_note: str = ""

    @property
    def engine(self) -> Engine:
        """The engine in use."""
        return ENGINES[self.contents.engine]

    def rule(self, namespace: str, name: str) -> Rule:
        """Return a rule by its file's namespace and its name. Raise KeyError."""
        return self._by_name[namespace, name]

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], Rule]:
        return {(rule.namespace, rule.name): rule for rule in self.contents.rules}


def load(files: Sequence[RuleFile], choice: str = AUTO, cache: Path | None = None) -> Rulebook:
    """Return the rulebook of these files, from the cache directory if it holds it, else compiled.

    choice is an engine's name, or auto: boreal when it compiles all that yara does, else yara.
    Raise UnreadableInput when there is no file, SecwatchError when not one of them can be used.
    """
    if choice != AUTO:
        engine_named(choice)
    if not files:
        raise UnreadableInput("there are no YARA rules there", "rule files end in .yar or .yara: secwatch rules list")
    key = digest(files, choice)
    found, note = compiled_cache.load(cache, key) if cache else (None, "")
    book = _from_cache(found, files) if found else None
    if book is None:
        book = _compile(files, choice, key)
        if cache and not note:
            note = compiled_cache.save(cache, key, msgspec.json.encode(book.contents), book.compiled.save() or b"")
    return replace(book, cache_note=note)


def digest(files: Sequence[RuleFile], choice: str) -> str:
    """Return the hash over everything that a compiled rulebook depends on, hexadecimal."""
    parts: list[object] = [FORMAT, choice, repr(scale())]
    parts.extend(engine.version for engine in ENGINES.values() if choice in (AUTO, YARA.name, engine.name))
    parts.extend((file.namespace, file.path, file.sha256, file.problem) for file in files)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _from_cache(found: compiled_cache.Kept, files: Sequence[RuleFile]) -> Rulebook | None:
    """A kept book of an engine that keeps no compiled form is compiled anew, but not searched for mistakes."""
    try:
        contents = msgspec.json.decode(found.contents, type=Contents)
        engine = ENGINES[contents.engine]
        if found.compiled:
            return Rulebook(contents, engine.load(found.compiled), from_cache=True)
        good = frozenset(contents.sources)
        sources = {file.namespace: file.text for file in files if file.namespace in good}
        return Rulebook(contents, engine.compile(sources), from_cache=True)
    except (msgspec.MsgspecError, RuleMistake, KeyError):
        return None


def _compile(files: Sequence[RuleFile], choice: str, key: str) -> Rulebook:
    """yara-python is the reference: a file that it refuses is broken whatever the other engine says."""
    broken = [Broken(file.path, file.line, file.problem) for file in files if file.problem]
    rules: list[Rule] = []
    good: dict[str, RuleFile] = {}
    for file in files:
        if not file.problem:
            try:
                rules.extend(_rules_of(file))
                good[file.namespace] = file
            except RuleMistake as mistake:
                broken.append(Broken(file.path, mistake.line, mistake.message))
    engine, note = _choose(choice, good)
    if engine is not YARA and choice != AUTO:
        refused = _refused_by(engine, good)
        broken.extend(refused.values())
        good = {namespace: file for namespace, file in good.items() if namespace not in refused}
    if not good:
        raise SecwatchError(f"not one of the {len(files)} rule files can be used: {broken[0]}", "secwatch rules lint")
    sources = {namespace: file.text for namespace, file in good.items()}
    contents = Contents(
        digest=key,
        engine=engine.name,
        rules=tuple(rule for rule in rules if rule.namespace in good),
        broken=tuple(broken),
        externals=tuple(identifiers_in(sources)),
        sources=tuple(good),
        note=note,
    )
    return Rulebook(contents, engine.compile(sources))


def _rules_of(file: RuleFile) -> list[Rule]:
    return [
        Rule(
            rule.name,
            file.namespace,
            file.path,
            rule.tags,
            rule.meta,
            scale().of(rule.meta),
            rule.is_global,
            rule.is_private,
        )
        for rule in YARA.compile({file.namespace: file.text}).declared()
    ]


def _choose(choice: str, good: dict[str, RuleFile]) -> tuple[Engine, str]:
    if choice != AUTO:
        return engine_named(choice), ""
    if BOREAL is None:
        return YARA, "boreal is not installed"
    try:
        BOREAL.compile({namespace: file.text for namespace, file in good.items()})
    except RuleMistake as mistake:
        return YARA, f"boreal does not compile every rule ({mistake.message})"
    return BOREAL, ""


def _refused_by(engine: Engine, good: dict[str, RuleFile]) -> dict[str, Broken]:
    refused = {}
    for namespace, file in good.items():
        try:
            engine.compile({namespace: file.text})
        except RuleMistake as mistake:
            refused[namespace] = Broken(file.path, mistake.line, mistake.message)
    return refused
