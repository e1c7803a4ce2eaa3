"""The overall rating: rules from rating.toml over a handful of metrics; the first that holds is the driver."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Literal

import msgspec
from msgspec import Struct

from secwatch.bulletin.document import Rating
from secwatch.bulletin.material import Material
from secwatch.bulletin.outlook import comparable_weeks
from secwatch.core.errors import ConfigurationInvalid
from secwatch.core.model import Level, Text
from secwatch.system.paths import Place, shipped

FILE_NAME = "rating.toml"
MINIMUM_WEEKS = 4
_MAX_BYTES = 1 << 20

Key = Literal["critical", "poor", "fair", "good", "excellent"]


class Rule(Struct, forbid_unknown_fields=True, frozen=True):
    """One rule: it holds when the metric is known and at least the value."""

    rating: Key
    metric: str
    at_least: int
    condition: Text
    reason: Text


class Otherwise(Struct, forbid_unknown_fields=True, frozen=True):
    """What holds when no rule does."""

    rating: Key
    condition: Text
    reason: Text


class Formula(Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file."""

    schema: Literal[1]
    edition: str
    scale: dict[Key, Text]
    otherwise: Otherwise
    rule: tuple[Rule, ...]


def rating_file(place: Place) -> Path:
    """Return the file in force: the city's own beside its configuration, else the shipped one."""
    own = place.configuration / FILE_NAME
    return own if own.is_file() else shipped("rules") / FILE_NAME


def load_formula(path: Path) -> Formula:
    """Return the rules of that file. Raise ConfigurationInvalid naming the file and what is wrong in it."""
    try:
        with path.open("rb") as stream:
            formula = msgspec.convert(tomllib.loads(stream.read(_MAX_BYTES).decode()), Formula)
        unknown = sorted({rule.metric for rule in formula.rule} - METRICS)
        if unknown:
            raise ValueError(f"there is no metric {unknown[0]!r} (known: {', '.join(sorted(METRICS))})")
        missing = {formula.otherwise.rating, *(rule.rating for rule in formula.rule)} - set(formula.scale)
        if missing:
            raise ValueError(f"table [scale] lacks {sorted(missing)[0]!r}")
    except OSError as error:
        raise _invalid(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise _invalid(path, str(error)) from error
    return formula


def _invalid(path: Path, problem: str) -> ConfigurationInvalid:
    text = f"{path}: {problem}"
    return ConfigurationInvalid(
        f"the rating rules have a mistake: {text}", "compare them with the shipped rules/rating.toml", (text,)
    )


def rate(metrics: Mapping[str, int | None], formula: Formula) -> Rating:
    """Return the rating of the first rule that holds, with its reason in words."""
    for rule in formula.rule:
        value = metrics[rule.metric]
        if value is not None and value >= rule.at_least:
            reason = Text(*(Template(text).safe_substitute(value=value) for text in (rule.reason.zh, rule.reason.en)))
            return Rating(rule.rating, formula.scale[rule.rating], reason, rule.metric)
    last = formula.otherwise
    return Rating(last.rating, formula.scale[last.rating], last.reason, "")


def metrics_of(material: Material) -> dict[str, int | None]:
    """Return every metric that a rule may name; None is not known."""
    levels = [warning.computed_level for warning in material.counted]
    jobs = material.backups.jobs
    missed = sum(1 for job in jobs if not job.rpo_met)
    days = material.current.days_observed
    return {
        "warnings_red": levels.count(Level.RED),
        "warnings_orange": levels.count(Level.ORANGE),
        "warnings_yellow": levels.count(Level.YELLOW),
        "warnings_below_yellow": levels.count(Level.BLUE) + levels.count(Level.NOTICE),
        "network_blind": int(not material.current.network_known),
        "network_days_missing": material.days_due - days if days else None,
        "network_above_range": _above_range(material),
        "scans_missing": int(not material.current.scans_known),
        "backups_absent": int(not jobs),
        "backups_missed": missed if jobs else None,
        "backups_missed_percent": missed * 100 // len(jobs) if jobs else None,
        "backups_unproven": sum(1 for job in jobs if not (job.verified_at and job.drilled_at)) if jobs else None,
    }


METRICS = frozenset(
    {
        "warnings_red",
        "warnings_orange",
        "warnings_yellow",
        "warnings_below_yellow",
        "network_blind",
        "network_days_missing",
        "network_above_range",
        "scans_missing",
        "backups_absent",
        "backups_missed",
        "backups_missed_percent",
        "backups_unproven",
    }
)


def _above_range(material: Material) -> int | None:
    """By how much this week's network alerts exceed every complete week of the range; None with too few weeks."""
    counts = [week.network_alerts for week in comparable_weeks(material)]
    if len(counts) < MINIMUM_WEEKS:
        return None
    return max(0, material.current.network_alerts - max(counts))
