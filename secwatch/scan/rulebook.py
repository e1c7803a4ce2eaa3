"""The rulebook: rule files compiled once, each in a namespace of its own, broken ones named and left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec

from secwatch.core.errors import SecwatchError, UnreadableInput
from secwatch.scan import compiled_cache
from secwatch.scan.compiler import Compiler, EngineDied
from secwatch.scan.engine import (
    BOREAL,
    ENGINES,
    EXTERNALS,
    YARA,
    Compiled,
    Engine,
    RuleMistake,
    engine_named,
)
from secwatch.scan.engine_differences import difference
from secwatch.scan.rule import Rule, rule_of, scale
from secwatch.scan.sources import RuleFile

AUTO = "auto"
# Raise it when what is kept changes its form.
FORMAT = 3


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
    """Rules ready to scan with: the compiled form where the engine keeps one, and the sources by namespace."""

    contents: Contents
    form: bytes
    sources: Mapping[str, str]
    from_cache: bool = False
    cache_note: str = ""

    @property
    def engine(self) -> Engine:
        """The engine in use."""
        return ENGINES[self.contents.engine]

    @cached_property
    def compiled(self) -> Compiled:
        """The rules as the engine has them, in this process. A scan makes them in a child instead (crew.py)."""
        return self.engine.made_of(self.form, self.sources)

    def rule(self, namespace: str, name: str) -> Rule:
        """Return a rule by its file's namespace and its name. Raise KeyError."""
        return self._by_name[namespace, name]

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], Rule]:
        return {(rule.namespace, rule.name): rule for rule in self.contents.rules}


def load(files: Sequence[RuleFile], choice: str = AUTO, cache: Path | None = None) -> Rulebook:
    """Return the rulebook of these files, from the cache directory if it holds it, else compiled.

    choice is an engine's name, or auto: boreal when it compiles all that yara does and answers the same, else yara.
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
            note = compiled_cache.save(cache, key, msgspec.json.encode(book.contents), book.form)
    return replace(book, cache_note=note)


def digest(files: Sequence[RuleFile], choice: str) -> str:
    """Return the hash over everything that a compiled rulebook depends on, hexadecimal."""
    parts: list[object] = [FORMAT, choice, repr(scale())]
    parts.extend(engine.version for engine in ENGINES.values() if choice in (AUTO, YARA.name, engine.name))
    parts.extend((file.namespace, file.path, file.sha256, file.problem) for file in files)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _from_cache(found: compiled_cache.Kept, files: Sequence[RuleFile]) -> Rulebook | None:
    """A kept book is not searched for mistakes again; an engine that keeps no compiled form has its sources."""
    try:
        contents = msgspec.json.decode(found.contents, type=Contents)
    except msgspec.MsgspecError:
        return None
    if contents.engine not in ENGINES:
        return None
    return Rulebook(contents, found.compiled, _sources(files, contents.sources), from_cache=True)


def _sources(files: Sequence[RuleFile], good: Iterable[str]) -> dict[str, str]:
    wanted = frozenset(good)
    return {file.namespace: file.text for file in files if file.namespace in wanted}


def _compile(files: Sequence[RuleFile], choice: str, key: str) -> Rulebook:
    """yara-python is the reference: a file that it refuses is broken whatever the other engine says."""
    draft = _Draft(files)
    with Compiler() as compiler:
        draft.describe(compiler)
        if choice not in (AUTO, YARA.name):
            draft.leave_out_refused(compiler, choice)
        draft.insist()
        engine, form, note = _choose(draft, compiler, choice)
    sources = draft.sources
    contents = Contents(
        digest=key,
        engine=engine,
        rules=tuple(rule for namespace in sources for rule in draft.rules[namespace]),
        broken=tuple(draft.broken),
        externals=tuple(name for name in EXTERNALS if name in draft.externals),
        sources=tuple(sources),
        note=note,
    )
    return Rulebook(contents, form, sources)


class _Draft:
    """A rulebook in the making: files are left out as they turn out to be broken."""

    def __init__(self, files: Sequence[RuleFile]):
        self.files = {file.namespace: file for file in files}
        self.broken = [Broken(file.path, file.line, file.problem) for file in files if file.problem]
        self.rules: dict[str, list[Rule]] = {}
        self._asked: dict[str, Sequence[str]] = {}

    @property
    def sources(self) -> dict[str, str]:
        """The files that are good so far."""
        return {namespace: self.files[namespace].text for namespace in self.rules}

    @property
    def externals(self) -> set[str]:
        """What the good files ask for."""
        return {name for namespace in self.rules for name in self._asked[namespace]}

    def describe(self, compiler: Compiler) -> None:
        """Take the rules of every file that the reference engine takes."""
        for file in self.files.values():
            if not file.problem:
                try:
                    described = compiler.describe(file)
                except RuleMistake as mistake:
                    self.broken.append(Broken(file.path, mistake.line, mistake.message))
                else:
                    self.rules[file.namespace] = [
                        rule_of(declared, file.namespace, file.path, slow=declared.name in described.slow)
                        for declared in described.rules
                    ]
                    self._asked[file.namespace] = described.externals

    def leave_out_refused(self, compiler: Compiler, engine: str, *, only_deadly: bool = False) -> int:
        """Leave out every file that an engine refuses, or only those that kill it, and return how many."""
        before = len(self.rules)
        for namespace, text in self.sources.items():
            try:
                compiler.compile(engine, {namespace: text})
            except RuleMistake as mistake:
                if isinstance(mistake, EngineDied) or not only_deadly:
                    self.broken.append(Broken(self.files[namespace].path, mistake.line, mistake.message))
                    del self.rules[namespace]
        return before - len(self.rules)

    def insist(self) -> None:
        """Raise SecwatchError if no file is left."""
        if not self.rules:
            count = len(self.files)
            raise SecwatchError(
                f"not one of the {count} rule files can be used: {self.broken[0]}", "secwatch rules lint"
            )


def _difference(draft: _Draft) -> str:
    """Return why boreal might answer otherwise than yara-python, empty if nothing says so."""
    for namespace, text in draft.sources.items():
        if found := difference(text):
            return f"boreal answers otherwise on {found} ({draft.files[namespace].path})"
    return ""


def _choose(draft: _Draft, compiler: Compiler, choice: str) -> tuple[str, bytes, str]:
    """Return the engine that takes the whole book, its compiled form, and why it is that one."""
    note = ""
    if choice == AUTO and BOREAL is None:
        note = "boreal is not installed"
    elif choice == AUTO and (apart := _difference(draft)):
        note = apart
    elif choice == AUTO and BOREAL is not None:
        try:
            try:
                return BOREAL.name, compiler.compile(BOREAL.name, draft.sources), ""
            except EngineDied:
                if not draft.leave_out_refused(compiler, BOREAL.name, only_deadly=True):
                    raise
                draft.insist()
                return BOREAL.name, compiler.compile(BOREAL.name, draft.sources), ""
        except RuleMistake as mistake:
            note = f"boreal does not compile every rule ({mistake.message})"
    engine = YARA.name if choice == AUTO else choice
    try:
        return engine, compiler.compile(engine, draft.sources), note
    except RuleMistake as mistake:
        raise SecwatchError(
            f"{engine} cannot use the rules together: {mistake.message}", "secwatch rules lint"
        ) from None
