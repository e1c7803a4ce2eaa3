"""What is asked of the child process that reads the text of rules, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from secwatch.scan.engine import Declared
from secwatch.scan.lint import Advice
from secwatch.scan.rule import Rule
from secwatch.scan.samples import Trial
from secwatch.scan.sources import RuleFile


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Asks for the rules of a file as the reference engine reads them; Described or Mistake."""

    namespace: str
    text: str


class Compile(msgspec.Struct, frozen=True, tag=True):
    """Asks for the compiled form of sources by namespace; Form or Mistake."""

    engine: str
    sources: Mapping[str, str]


class Lint(msgspec.Struct, frozen=True, tag=True):
    """Asks what the checks say of a rule file; Advised."""

    file: RuleFile


class Try(msgspec.Struct, frozen=True, tag=True):
    """Asks for the trials of a rule's samples; Tried."""

    rule: Rule
    file: RuleFile


class Described(msgspec.Struct, frozen=True, tag=True):
    """The rules of a file, the externals that they ask for, and the names of those that are slow."""

    rules: Sequence[Declared]
    externals: Sequence[str]
    slow: frozenset[str] = frozenset()


class Form(msgspec.Struct, frozen=True, tag=True):
    """The sources compile; the form is empty where the engine keeps none."""

    form: bytes


class Mistake(msgspec.Struct, frozen=True, tag=True):
    """The sources do not compile. line is 0 when the engine names none."""

    message: str
    line: int


class Advised(msgspec.Struct, frozen=True, tag=True):
    """What the checks say."""

    items: Sequence[Advice]


class Tried(msgspec.Struct, frozen=True, tag=True):
    """How the trials went."""

    items: Sequence[Trial]


Question = Describe | Compile | Lint | Try
Reply = Described | Form | Mistake | Advised | Tried
