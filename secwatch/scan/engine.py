"""One interface over two YARA engines: yara-python, the reference, and boreal, the fast one.

Both are given bytes, or a file that we have opened (opening.py), never a path of others. Both are held to the same
behaviour: no includes, nothing printed by `console.log`, at most a million matches of a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import yara

from secwatch.core.errors import UsageProblem
from secwatch.scan.contents import Content, Mapped
from secwatch.scan.verdicts import Hit, Snippet
from secwatch.system.signals import Terminated

# What rules may ask about the file besides its content; the names are those of Loki and its rules.
EXTERNALS = ("filename", "filepath", "extension", "filetype", "owner", "md5")

SNIPPET_BYTES = 64
MAX_SNIPPETS = 8
# libyara's YR_MAX_STRING_MATCHES (include/yara/limits.h, 4.5.4). boreal stops at 1,000 unless told,
# and then a rule that counts (`#a > 5000`) holds under one engine only.
MAX_STRING_MATCHES = 1_000_000


class ScanTimeout(Exception):
    """The engine did not finish with a content in time."""


class EngineFailure(Exception):
    """The engine gave a content up."""


class EnginePanic(EngineFailure):
    """The engine came upon a mistake of its own: nobody knows what state it is in."""


class RuleMistake(Exception):
    """A rule file does not compile. line starts at 1; 0 when the engine names none."""

    def __init__(self, message: str, line: int = 0):
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Declared:
    """A rule as the engine read it from its file."""

    name: str
    tags: tuple[str, ...]
    meta: Mapping[str, str | int | bool]
    is_global: bool
    is_private: bool


@dataclass(frozen=True)
class Matched:
    """What matched. `complete` is false when a string had so many matches that counting stopped."""

    hits: tuple[Hit, ...]
    complete: bool = True


class Compiled(Protocol):
    """A compiled rulebook; it may be shared by threads."""

    def match(self, content: Content, externals: Mapping[str, str], timeout: int) -> Matched:
        """Return what matches a content. Raise ScanTimeout after `timeout` seconds, EngineFailure."""

    def save(self) -> bytes | None:
        """Return the compiled form, for `Engine.load` of the very same version; None if it is not kept.

        boreal's is not: 1.4.0 writes forms that it then refuses ("invalid value for
        CompilerProfile", "unknown module to import"). Its compilation takes well under a second.
        """

    def declared(self) -> Iterator[Declared]:
        """Yield the rules in the order of their sources."""

    @property
    def warnings(self) -> Sequence[str]:
        """What the compiler warned of."""


class Engine(Protocol):
    """An engine; `version` names everything that a compiled form depends on."""

    name: str
    version: str

    def compile(self, sources: Mapping[str, str], externals: Sequence[str] = EXTERNALS) -> Compiled:
        """Compile sources by namespace. Raise RuleMistake."""

    def load(self, data: bytes) -> Compiled:
        """Return what `Compiled.save` gave. Raise RuleMistake if it cannot be loaded."""

    def made_of(self, form: bytes, sources: Mapping[str, str]) -> Compiled:
        """Return what the form holds, or if it is empty or cannot be loaded here, the sources. Raise RuleMistake."""


class _Library:
    """What the two libraries, which share one interface, have in common."""

    def __init__(self, name: str, module: Any, version: str, prepare: Callable[[Any], None]):
        self.name = name
        self.version = version
        self._module = module
        self._prepare = prepare

    def compile(self, sources: Mapping[str, str], externals: Sequence[str] = EXTERNALS) -> Compiled:
        try:
            rules = self._module.compile(sources=dict(sources), includes=False, externals=dict.fromkeys(externals, ""))
        except self._module.Error as error:
            raise _mistake(str(error)) from error
        except BaseException as error:
            raise RuleMistake(_panic(error)) from error
        self._prepare(rules)
        return _Rules(self._module, rules)

    def load(self, data: bytes) -> Compiled:
        try:
            rules = self._module.load(file=BytesIO(data))
        except (self._module.Error, ValueError) as error:
            raise RuleMistake(f"the compiled rules cannot be loaded: {error}") from error
        self._prepare(rules)
        return _Rules(self._module, rules)

    def made_of(self, form: bytes, sources: Mapping[str, str]) -> Compiled:
        try:
            return self.load(form) if form else self.compile(sources)
        except RuleMistake:
            return self.compile(sources)


class _Rules:
    """Compiled rules of either library."""

    def __init__(self, module: Any, rules: Any):
        self._module = module
        self._rules = rules

    def match(self, content: Content, externals: Mapping[str, str], timeout: int) -> Matched:
        complete = True

        def warned(_kind: int, _details: object) -> int:
            nonlocal complete
            complete = False
            return int(self._module.CALLBACK_CONTINUE)

        try:
            found = self._rules.match(
                **({"filepath": content.path} if isinstance(content, Mapped) else {"data": content}),
                externals=externals or None,
                timeout=timeout,
                fast=False,
                warnings_callback=warned,
                console_callback=_say_nothing,
            )
        except self._module.TimeoutError as error:
            raise ScanTimeout(str(error)) from error
        except self._module.Error as error:
            raise EngineFailure(str(error)) from error
        except BaseException as error:
            raise EnginePanic(_panic(error)) from error
        return Matched(tuple(_hit(match) for match in found), complete)

    def save(self) -> bytes | None:
        if self._module is not yara:
            return None
        stream = BytesIO()
        self._rules.save(file=stream)
        return stream.getvalue()

    def declared(self) -> Iterator[Declared]:
        for rule in self._rules:
            meta = {key: _plain(value) for key, value in rule.meta.items()}
            yield Declared(rule.identifier, tuple(rule.tags), meta, rule.is_global, rule.is_private)

    @property
    def warnings(self) -> Sequence[str]:
        return [str(text) for text in self._rules.warnings]


def _panic(error: BaseException) -> str:
    """Say what came out of an engine that is no error of its interface, or raise it again if it is none of the engine.

    A panic of Rust code is a BaseException (pyo3_runtime.PanicException): boreal 1.4.0 was seen to panic.
    """
    if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | Terminated):
        raise error
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _say_nothing(_text: str) -> None:
    """Rules may log; without this the libraries print it among our results."""


def _plain(value: object) -> str | int | bool:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, int) else str(value)


def _hit(match: Any) -> Hit:
    snippets = []
    for string in match.strings[:MAX_SNIPPETS]:
        for instance in string.instances[:1]:
            content = bytes(instance.matched_data[:SNIPPET_BYTES])
            snippets.append(Snippet(f"${str(string.identifier).lstrip('$')}", int(instance.offset), content))
    return Hit(str(match.rule), str(match.namespace), tuple(snippets))


# yara: `line 3: syntax error`; boreal: `mem:3:14: error: …` and then an excerpt of the source.
_PLACE = re.compile(r"^(?:line (\d+): |mem:(\d+):\d+: error: )?([^\n]*)")


def _mistake(text: str) -> RuleMistake:
    found = _PLACE.match(text)
    if found is None:
        return RuleMistake(text)
    return RuleMistake(found.group(3), int(found.group(1) or found.group(2) or 0))


def _prepare_yara(_rules: Any) -> None:
    """Nothing to set: libyara's limits are the reference."""


def _prepare_boreal(rules: Any) -> None:
    rules.set_params(string_max_nb_matches=MAX_STRING_MATCHES, use_mmap=True)


def _find_boreal() -> Engine | None:
    """boreal has wheels for x86-64 only; elsewhere the reference engine works alone."""
    try:
        import boreal
    except ImportError:
        return None
    return _Library("boreal", boreal, f"boreal-python {boreal.__version__}", _prepare_boreal)


YARA: Engine = _Library("yara", yara, f"yara-python {yara.__version__}, libyara {yara.YARA_VERSION}", _prepare_yara)
BOREAL: Engine | None = _find_boreal()
ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (YARA, BOREAL) if engine is not None}


def engine_named(name: str) -> Engine:
    """Return the engine of that name. Raise UsageProblem if there is none on this machine."""
    try:
        return ENGINES[name]
    except KeyError as error:
        raise UsageProblem(f"there is no engine {name!r} here", f"one of: auto, {', '.join(ENGINES)}") from error


def identifiers_in(sources: Mapping[str, str]) -> Sequence[str]:
    """Return the externals that these sources need in order to compile.

    The compiler decides, not a search in the text: `md5` is in the meta of most rules and asked
    for by few, and computing it for every file would cost more than the scan.
    """
    needed = []
    for name in EXTERNALS:
        if any(re.search(rf"\b{name}\b", source) for source in sources.values()):
            try:
                YARA.compile(sources, [other for other in EXTERNALS if other != name])
            except RuleMistake:
                needed.append(name)
    return needed
