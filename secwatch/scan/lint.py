"""Small checks of rule files: each has a name, says what is wrong, and recommends what to do.

To add one, write a function that takes a `Subject` and yields problems, and give it `@check`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from secwatch.scan.engine import ENGINES, YARA, Compiled, RuleMistake
from secwatch.scan.rule import Rule, rule_of, scale
from secwatch.scan.samples import of_rule, try_rule
from secwatch.scan.sources import RuleFile

# What the rules that ship with secwatch say of themselves, and every rule should.
META = (
    *("title_zh", "title_en", "description", "description_zh", "author", "date", "version", "severity", "confidence"),
    *("aspect", "attack", "false_positives", "false_positives_zh", "response_zh", "response_en"),
    *("reference", "licence"),
)
# The six aspects of a city's protection (information, network, devices, people, transport, management).
ASPECTS = ("info", "network", "device", "personnel", "transport", "management")
MIN_MATCHING, MIN_CLEAN = 2, 1


@dataclass(frozen=True)
class Subject:
    """A rule file under the checks. compiled is None when the reference engine refuses it."""

    file: RuleFile
    compiled: Compiled | None
    rules: Sequence[Rule]


@dataclass(frozen=True)
class Check:
    """One check. problems yields a sentence for each thing that is wrong."""

    name: str
    recommendation: str
    problems: Callable[[Subject], Iterator[str]]


@dataclass(frozen=True)
class Advice:
    """What a check says of a file."""

    check: str
    path: str
    problem: str
    recommendation: str


CHECKS: dict[str, Check] = {}


def check(name: str, recommendation: str) -> Callable[[Callable[[Subject], Iterator[str]]], None]:
    """Register a function as a check."""

    def register(function: Callable[[Subject], Iterator[str]]) -> None:
        CHECKS[name] = Check(name, recommendation, function)

    return register


def lint(files: Sequence[RuleFile]) -> Iterator[Advice]:
    """Yield everything that the checks say of these files, file by file."""
    for file in files:
        subject = _subject(file)
        for item in CHECKS.values():
            for problem in item.problems(subject):
                yield Advice(item.name, file.path, problem, item.recommendation)


def _subject(file: RuleFile) -> Subject:
    if file.problem:
        return Subject(file, None, ())
    try:
        compiled = YARA.compile({file.namespace: file.text})
    except RuleMistake:
        return Subject(file, None, ())
    rules = [rule_of(item, file.namespace, file.path) for item in compiled.declared()]
    return Subject(file, compiled, rules)


@check("compiles", "correct the place named; rules may not include other files")
def _compiles(subject: Subject) -> Iterator[str]:
    """Both engines: what only one takes would be scanned by the slow one, and all other rules with it."""
    if subject.file.problem:
        yield _at(subject.file.line, subject.file.problem)
        return
    for engine in ENGINES.values():
        try:
            engine.compile({subject.file.namespace: subject.file.text})
        except RuleMistake as mistake:
            yield f"{engine.name}: {_at(mistake.line, mistake.message)}"


@check("no-warnings", "make the strings longer or bounded, so that they do not slow every scan down")
def _no_warnings(subject: Subject) -> Iterator[str]:
    if subject.compiled is not None:
        yield from subject.compiled.warnings


@check("one-rule-a-file", "give every rule a file of its own")
def _one_rule(subject: Subject) -> Iterator[str]:
    public = [rule.name for rule in subject.rules if not rule.is_private]
    if subject.compiled is not None and len(public) != 1:
        yield f"the file holds {len(public)} rules"


@check("named-as-file", "rename the file or the rule; use lower case letters, digits and underscores")
def _named(subject: Subject) -> Iterator[str]:
    stem = PurePosixPath(subject.file.path).stem
    if subject.rules and stem not in {rule.name for rule in subject.rules}:
        yield f"no rule here is called {stem}"
    for rule in subject.rules:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", rule.name):
            yield f"the name {rule.name} is not in lower case letters, digits and underscores"


@check("no-global-rule", "write the condition into the rules that need it: a global rule silences the others")
def _no_global(subject: Subject) -> Iterator[str]:
    yield from (f"{rule.name} is global" for rule in subject.rules if rule.is_global)


@check("meta-complete", "an alert needs these words; see docs/guides/add-a-yara-rule.md")
def _meta(subject: Subject) -> Iterator[str]:
    for rule in subject.rules:
        missing = [key for key in META if not rule.text(key).strip()]
        if missing:
            yield f"{rule.name} lacks {', '.join(missing)}"


@check("meta-valid", "correct the value")
def _meta_valid(subject: Subject) -> Iterator[str]:
    for rule in subject.rules:
        for key, problem in _wrong_values(rule.meta):
            yield f"{rule.name}: {key} {problem}"


def _wrong_values(meta: Mapping[str, str | int | bool]) -> Iterator[tuple[str, str]]:
    texts = {key: str(value) for key, value in meta.items()}
    if "severity" in texts and texts["severity"] not in scale().words:
        yield "severity", "is not one of low, medium, high, critical"
    if "aspect" in texts and texts["aspect"] not in ASPECTS:
        yield "aspect", f"is not one of {', '.join(ASPECTS)}"
    if "attack" in texts and not re.fullmatch(r"none|T\d{4}(\.\d{3})?(, T\d{4}(\.\d{3})?)*", texts["attack"]):
        yield "attack", "is neither a list such as T1505.003, T1105 nor none"
    if "date" in texts and not _is_date(texts["date"]):
        yield "date", "is not a day such as 2026-11-23"
    if "confidence" in meta and not _is_percent(meta["confidence"]):
        yield "confidence", "is not a number from 0 to 100"
    for key in ("title_zh", "description_zh", "false_positives_zh", "response_zh"):
        if key in texts and not re.search(r"[\u4e00-\u9fff]", texts[key]):
            yield key, "is not in Chinese"


def _is_percent(value: str | int | bool) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@check("samples", f"put at least {MIN_MATCHING} files that match and {MIN_CLEAN} near miss into samples/RULE/")
def _samples(subject: Subject) -> Iterator[str]:
    for rule in subject.rules:
        found = of_rule(rule.path, rule.name) if not rule.is_private else ()
        matching = sum(sample.must_match for sample in found)
        clean = len(found) - matching
        if not rule.is_private and (matching < MIN_MATCHING or clean < MIN_CLEAN):
            yield f"{rule.name} has {matching} samples that match and {clean} that must not"


@check("samples-hold", "correct the rule, or the sample if it is wrong: secwatch rules test")
def _samples_hold(subject: Subject) -> Iterator[str]:
    for rule in subject.rules:
        for trial in try_rule(rule, subject.file):
            if trial.sample and not trial.passed:
                yield f"{rule.name}, {trial.sample}, engine {trial.engine}: {trial.problem}"


def _at(line: int, text: str) -> str:
    return f"line {line}: {text}" if line else text
