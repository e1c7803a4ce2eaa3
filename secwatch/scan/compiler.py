"""What reads the text of rules, asked through a child process: a rule file that kills it is named, the others go on."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

from secwatch.scan.children import Child
from secwatch.scan.engine import RuleMistake
from secwatch.scan.frames import Gone
from secwatch.scan.lint import Advice
from secwatch.scan.questions import (
    Advised,
    Compile,
    Describe,
    Described,
    Form,
    Lint,
    Mistake,
    Question,
    Reply,
    Tried,
    Try,
)
from secwatch.scan.rule import Rule
from secwatch.scan.samples import Trial
from secwatch.scan.sources import RuleFile

Kind = TypeVar("Kind", bound=Reply)

MODULE = "secwatch.scan.compiling"
# The largest public pack, 12,796 rules, compiles whole in 1.2 s of CPU and with 200 MB; a single file in less.
QUESTION_SECONDS = 120.0
MEMORY_BYTES = 1 << 30
# The largest answer is a compiled rulebook: 16 MB for 5,900 rules of yara-python 4.5.4.
_MAX_REPLY_BYTES = 1 << 30
_LOOK_SECONDS = 0.1


class EngineDied(RuleMistake):
    """The child ended over a question: by a signal, or because it took too long or too much memory."""


class Compiler:
    """The child process, started when something is first asked and again when it has died."""

    def __init__(self, module: str = MODULE):
        self._module = module
        self._child: Child[Reply] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def describe(self, file: RuleFile) -> Described:
        """Return the rules of a file. Raise RuleMistake."""
        return self._ask(Describe(file.namespace, file.text), Described)

    def compile(self, engine: str, sources: Mapping[str, str]) -> bytes:
        """Return the compiled form, empty where the engine keeps none. Raise RuleMistake."""
        return self._ask(Compile(engine, sources), Form).form

    def lint(self, file: RuleFile) -> Sequence[Advice]:
        """Return what the checks say of a file. Raise EngineDied."""
        return self._ask(Lint(file), Advised).items

    def try_rule(self, rule: Rule, file: RuleFile) -> Sequence[Trial]:
        """Return the trials of a rule's samples. Raise EngineDied."""
        return self._ask(Try(rule, file), Tried).items

    def _ask(self, question: Question, kind: type[Kind]) -> Kind:
        """A child that has answered before may have died of what went before: a fresh one is asked again."""
        fresh = self._child is None
        try:
            reply = self._ask_once(question)
        except EngineDied:
            if fresh:
                raise
            reply = self._ask_once(question)
        if isinstance(reply, Mistake):
            raise RuleMistake(reply.message, reply.line)
        if not isinstance(reply, kind):
            raise EngineDied("the engine's process answers what was not asked")
        return reply

    def _ask_once(self, question: Question) -> Reply:
        child = self._child = self._child or Child(self._module, Reply, _MAX_REPLY_BYTES)
        try:
            child.channel.send(question)
            return _await(child)
        except Gone:
            how = child.end()
            self._child = None
            raise EngineDied(f"the engine died of it: {how}") from None
        except _Spent as spent:
            self._close()
            raise EngineDied(str(spent)) from None
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


class _Spent(Exception):
    """A bound was reached."""


def _await(child: Child[Reply]) -> Reply:
    deadline = time.monotonic() + QUESTION_SECONDS
    while (reply := child.channel.next()) is None:
        if select.select([child.channel], [], [], _LOOK_SECONDS)[0]:
            child.channel.fill()
        elif time.monotonic() >= deadline:
            raise _Spent(f"the engine needs more than {QUESTION_SECONDS:.0f} s for it")
        elif child.memory_bytes() > MEMORY_BYTES:
            raise _Spent(f"the engine needs more than {MEMORY_BYTES >> 20} MiB for it")
    return reply


def lint_files(files: Iterable[RuleFile]) -> Iterator[Advice]:
    """Yield everything that the checks say of these files, file by file."""
    with Compiler() as compiler:
        for file in files:
            try:
                yield from compiler.lint(file)
            except EngineDied as died:
                yield Advice("compiles", file.path, died.message, "simplify the file: no engine may be given it")


def try_rules(pairs: Iterable[tuple[Rule, RuleFile]]) -> Iterator[Trial]:
    """Yield the trial of every sample of these rules under every engine of this machine."""
    with Compiler() as compiler:
        for rule, file in pairs:
            try:
                yield from compiler.try_rule(rule, file)
            except EngineDied as died:
                yield Trial(rule.name, "", "", True, died.message)
