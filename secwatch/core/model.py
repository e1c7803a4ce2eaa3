"""The nouns that both halves speak of: texts in two languages, organisations, findings, alerts, warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Text:
    """A sentence in Chinese and in English."""

    zh: str
    en: str

    def to(self, language: Language) -> str:
        """Return the sentence in that language."""
        return self.zh if language == "zh" else self.en


class Severity(IntEnum):
    """How bad a finding is by itself, 1 to 4."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> Text:
        """The word for it."""
        return {
            Severity.LOW: Text("低", "low"),
            Severity.MEDIUM: Text("中", "medium"),
            Severity.HIGH: Text("高", "high"),
            Severity.CRITICAL: Text("严重", "critical"),
        }[self]


class Origin(StrEnum):
    """Which half of the house states a finding."""

    NETWORK = "network"
    SCAN = "scan"
    BACKUP = "backup"


@dataclass(frozen=True)
class Organisation:
    """A department or district of the city, as the registry knows it.

    importance is that of the systems it runs: 1 general, 2 important, 3 particularly important
    (the object classes of the warning level matrix). parent is another organisation's code.
    """

    code: str
    name: Text
    parent: str | None = None
    netblocks: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    importance: int = 1


@dataclass(frozen=True)
class Finding:
    """What a detection, a scan or the backup ledger states about one key; it decides nothing.

    key makes findings the same (its canonical JSON is compared). count covers first_seen to
    last_seen; new_count is the part of it that no earlier evaluation has counted. Times are UTC.
    """

    detection: str
    title: Text
    origin: Origin
    severity: Severity
    key: Mapping[str, Any]
    first_seen: datetime
    last_seen: datetime
    count: int
    new_count: int
    suppress_seconds: int
    source: str | None = None
    target: str | None = None
    score: float = 0.0
    confidence: float = 0.5
    aspect: str = "network"
    attack: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    response: Text = Text("", "")
    organisation: str | None = None


@dataclass(frozen=True)
class Alert:
    """A finding as it is kept: numbered, added to while the same key is stated again."""

    id: int
    finding: Finding
    created_at: datetime
    updated_at: datetime

    @property
    def organisation(self) -> str | None:
        """Code of the owning organisation."""
        return self.finding.organisation


class Level(StrEnum):
    """A warning level: what may happen. `NOTICE` is below blue and has no colour.

    RED is never issued by a city: it becomes a recommendation to report upward
    (National Cybersecurity Incident Response Plan, 2017, section on warning release; the edition
    is quoted second-hand, see rules/levels.toml).
    """

    NOTICE = "notice"
    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"

    @property
    def rank(self) -> int:
        """0 for a notice to 4 for red."""
        return list(Level).index(self)

    @property
    def label(self) -> Text:
        """The word for it; readable without colour."""
        return {
            Level.NOTICE: Text("提示", "notice"),
            Level.BLUE: Text("蓝色", "blue"),
            Level.YELLOW: Text("黄色", "yellow"),
            Level.ORANGE: Text("橙色", "orange"),
            Level.RED: Text("红色", "red"),
        }[self]


class WarningState(StrEnum):
    """Where an early warning stands. `REPORT_UPWARD` recommends what only a higher body may issue."""

    DRAFT = "draft"
    REPORT_UPWARD = "report-upward"
    ISSUED = "issued"
    LIFTED = "lifted"

    @property
    def label(self) -> Text:
        """The word for it."""
        return {
            WarningState.DRAFT: Text("草拟", "draft"),
            WarningState.REPORT_UPWARD: Text("建议上报", "report upward"),
            WarningState.ISSUED: Text("已发布", "issued"),
            WarningState.LIFTED: Text("已解除", "lifted"),
        }[self]


@dataclass(frozen=True)
class EarlyWarning:
    """An early warning to one organisation, made of alerts of one kind.

    reasons are the inputs of the level calculation in the order they were applied, and inputs the
    same as numbers; number is `YYYY-NNNN` by year of creation. computed_level is the settled one
    before the cap on what a city may issue, clean_evaluations how many evaluations in a row since
    evaluated_at lay below it. expires_at is mandatory: nothing stays by being forgotten.
    """

    id: int
    number: str
    level: Level
    computed_level: Level
    state: WarningState
    organisation: str | None
    detection: str
    title: Text
    response: Text
    alerts: tuple[int, ...]
    reasons: tuple[Text, ...]
    first_seen: datetime
    last_seen: datetime
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    evaluated_at: datetime
    clean_evaluations: int = 0
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def is_open(self, now: datetime) -> bool:
        """Return whether it stands: neither lifted nor expired."""
        return self.state is not WarningState.LIFTED and self.expires_at > now
