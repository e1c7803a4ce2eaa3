"""A YARA rule as people see it: its meta in typed words, its severity, where it comes from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from secwatch.core.model import Severity, Text
from secwatch.system.paths import shipped

if TYPE_CHECKING:
    from secwatch.scan.engine import Declared

SEVERITY_FILE = "severity.toml"
# Tags, or keys of the meta that are true, by which a rule's author holds it back.
SILENCED = "silenced"
LOWERED = "lowered"
# What libyara says of a string that has no fixed run of bytes worth searching for.
_SLOW = re.compile(r"^line (\d+): .*may slow down scanning")


@dataclass(frozen=True)
class Rule:
    """One rule of a rulebook. namespace is its file, as `origin/family/file.yar`; path is where that lies."""

    name: str
    namespace: str
    path: str
    tags: tuple[str, ...]
    meta: Mapping[str, str | int | bool]
    severity: Severity
    is_global: bool = False
    is_private: bool = False
    is_slow: bool = False

    @property
    def silenced(self) -> bool:
        """Whether it says of itself, by tag or meta, that its matches are only to be counted."""
        return SILENCED in self.tags or _is_true(self.meta.get(SILENCED))

    @property
    def flags(self) -> tuple[str, ...]:
        """What is unusual about it, in words of the JSON contract."""
        named = (("private", self.is_private), ("global", self.is_global), ("slow", self.is_slow))
        return tuple(name for name, holds in (*named, ("silenced", self.silenced)) if holds)

    def text(self, key: str) -> str:
        """Return a value of the meta as text, empty if there is none."""
        value = self.meta.get(key)
        return "" if value is None else str(value)

    @property
    def detection(self) -> str:
        """The name under which its alerts are kept."""
        return f"yara.{self.name}"

    @property
    def family(self) -> str:
        """The directory that its file lies in."""
        return PurePosixPath(self.namespace).parent.name

    @property
    def title(self) -> Text:
        """What it finds, in few words."""
        plain = self.text("title") or self.text("description") or self.name
        return Text(self.text("title_zh") or plain, self.text("title_en") or plain)

    @property
    def response(self) -> Text:
        """What the admin should do; a rule of others seldom says so, then this does."""
        general = Text(
            "核实该文件的来源和用途；确认恶意后隔离主机、保留样本，并从匹配前的干净快照恢复。",
            "Find out where the file comes from and what it is for; if it is malicious, isolate the host, "
            "keep the file as evidence and restore from a snapshot that is older and clean.",
        )
        return Text(self.text("response_zh") or general.zh, self.text("response_en") or general.en)

    @property
    def licence(self) -> str:
        """The licence that its meta states, in either spelling; empty if none."""
        return self.text("licence") or self.text("license")

    @property
    def attack(self) -> tuple[str, ...]:
        """Identifiers of ATT&CK techniques; the meta says `none` where there is none."""
        parts = (part.strip() for part in self.text("attack").split(","))
        return tuple(part for part in parts if part not in ("", "none"))

    @property
    def confidence(self) -> float:
        """How sure a match is, 0 to 1: meta `confidence` in percent, 50 if it says nothing."""
        value = self.meta.get("confidence")
        return min(max(value, 0), 100) / 100 if isinstance(value, int) else 0.5

    @property
    def score(self) -> float:
        """The meta's score, 0 to 100; 0 if it has none."""
        value = self.meta.get("score")
        return float(min(max(value, 0), 100)) if isinstance(value, int) else 0.0


@dataclass(frozen=True)
class Scale:
    """How meta becomes a severity; read from rules/yara/severity.toml."""

    default: Severity
    score: Mapping[Severity, int]
    words: Mapping[str, Severity]

    def of(self, meta: Mapping[str, str | int | bool], tags: Sequence[str] = ()) -> Severity:
        """Return the severity that the meta of a rule states, one step lower if a tag or its meta says `lowered`."""
        stated = self._stated(meta)
        lower = LOWERED in tags or _is_true(meta.get(LOWERED))
        return Severity(max(stated - 1, Severity.LOW)) if lower else stated

    def _stated(self, meta: Mapping[str, str | int | bool]) -> Severity:
        stated = meta.get("severity")
        if isinstance(stated, str) and stated.strip().lower() in self.words:
            return self.words[stated.strip().lower()]
        number = _number(stated)
        if number is not None and 1 <= number <= 4:
            return Severity(number)
        number = number if number is not None else _number(meta.get("score"))
        if number is None:
            return self.default
        return max((severity for severity, lowest in self.score.items() if number >= lowest), default=Severity.LOW)


def rule_of(declared: Declared, namespace: str, path: str, *, slow: bool = False) -> Rule:
    """Return the rule that an engine declared, in words."""
    return Rule(
        declared.name,
        namespace,
        path,
        declared.tags,
        declared.meta,
        scale().of(declared.meta, declared.tags),
        declared.is_global,
        declared.is_private,
        slow,
    )


def slow_rules(text: str, warnings: Sequence[str]) -> frozenset[str]:
    """Return the names of the rules of this file that the compiler's warnings call slow.

    A warning names a line; the rule is the last one that begins there or before.
    """
    lines = [int(found.group(1)) for found in map(_SLOW.match, warnings) if found]
    if not lines:
        return frozenset()
    begins = [
        (text.count("\n", 0, found.start()) + 1, found.group(1))
        for found in re.finditer(r"\brule[ \t\r\n]+([A-Za-z_]\w*)", text)
    ]
    slow = (max((begin for begin in begins if begin[0] <= line), default=None) for line in lines)
    return frozenset(begin[1] for begin in slow if begin)


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _number(value: object) -> int | None:
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


@cache
def scale() -> Scale:
    """Return the shipped scale."""
    with (shipped("rules") / "yara" / SEVERITY_FILE).open("rb") as stream:
        data: dict[str, Any] = tomllib.load(stream)
    return Scale(
        default=Severity[data["default"].upper()],
        score={Severity[name.upper()]: lowest for name, lowest in data["score"].items()},
        words={word: Severity[name.upper()] for name, words in data["words"].items() for word in words},
    )
