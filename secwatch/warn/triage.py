"""Alerts become early warnings: one warning for each organisation and kind of alert, its level kept up to date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from secwatch.core import durations
from secwatch.core.level import (
    Inputs,
    LevelTable,
    Standing,
    assess,
    issued_level,
    settle,
    standing_reasons,
)
from secwatch.core.model import EarlyWarning, Level, Organisation, Text, WarningState
from secwatch.core.ownership import Ownership
from secwatch.store import alerts, warnings
from secwatch.store.warnings import Facts, Group
from secwatch.system.database import Database
from secwatch.system.settings import Settings

_UNOWNED = Text(
    "未归属任何已登记单位，重要程度按最低计", "owned by no registered organisation: the lowest importance is taken"
)
_EMPTIED = Text("告警已改归其他单位，本预警解除", "its alerts belong to another organisation now: lifted")


@dataclass(frozen=True)
class Changes:
    """What one run did: numbers of warnings, and counts of alerts.

    taken_in counts alerts that a warning took in, orphans those of open warnings that nobody owns,
    adopted those that have found an owner since, below the groups whose level is too low for a warning.
    """

    drafted: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()
    taken_in: int = 0
    orphans: int = 0
    adopted: int = 0
    below: int = 0


@dataclass(frozen=True)
class _Desk:
    """What every step of one run looks at."""

    database: Database
    settings: Settings
    importance: Mapping[str, int]
    ownership: Ownership
    now: datetime
    table: LevelTable
    spread: Mapping[str, int]


def draft(
    database: Database, settings: Settings, organisations: Iterable[Organisation], now: datetime, table: LevelTable
) -> Changes:
    """Take pending alerts into warnings and evaluate every open warning, in one transaction.

    A group of alerts with an open warning adds to it, another one drafts a new warning. Running it
    again at the same time changes nothing.
    """
    organisations = list(organisations)
    with database.atomic():
        warnings.claim(database)
        ownership = Ownership(organisations)
        adopted = _adopt(database, ownership)
        warnings.release_moved(database)
        standing = warnings.select(database, open_at=now)
        groups = warnings.pending_groups(database, settings.warn.minimum_severity)
        importance = {organisation.code: organisation.importance for organisation in organisations}
        spread = _spread(standing, groups)
        desk = _Desk(database, settings, importance, ownership, now, table, spread)
        changes = _run(desk, {Group(item.organisation, item.detection): item for item in reversed(standing)}, groups)
    return replace(changes, adopted=adopted)


def _adopt(database: Database, ownership: Ownership) -> int:
    """An alert older than its owner's entry in the registry finds that owner now.

    Whether source or target decides is the detection's to say; where they belong to two
    organisations nothing is guessed, so that nobody is shown what concerns another.
    """
    adopted = 0
    for alert in alerts.unowned(database):
        ends = (alert.finding.target, alert.finding.source)
        owners = {owner for owner in map(ownership.of, ends) if owner is not None}
        if len(owners) == 1:
            alerts.assign(database, alert.id, owners.pop())
            adopted += 1
    return adopted


def _spread(standing: Iterable[EarlyWarning], groups: Iterable[Group]) -> Mapping[str, int]:
    """Count the organisations that have each kind of alert; only the number leaves, never who they are."""
    found: dict[str, set[str]] = defaultdict(set)
    concerned = [Group(warning.organisation, warning.detection) for warning in standing]
    for group in (*concerned, *groups):
        if group.organisation is not None:
            found[group.detection].add(group.organisation)
    return {detection: len(organisations) for detection, organisations in found.items()}


def _run(desk: _Desk, standing: Mapping[Group, EarlyWarning], groups: Iterable[Group]) -> Changes:
    drafted: list[str] = []
    updated: list[str] = []
    lifted: list[str] = []
    taken_in = below = orphans = 0
    fresh: set[Group] = set()
    for group in groups:
        if group in standing:
            taken_in += warnings.take_in(desk.database, standing[group].id, group)
            fresh.add(group)
            continue
        warning = _new_warning(desk, group)
        if warning is None:
            below += 1
            continue
        identifier = warnings.insert(desk.database, warning)
        number = warnings.take_in(desk.database, identifier, group)
        taken_in += number
        orphans += number if group.organisation is None else 0
        drafted.append(warning.number)
    for group, warning in standing.items():
        facts = warnings.taken_facts(desk.database, warning.id)
        evaluated = _evaluate(desk, warning, facts, extend=group in fresh)
        orphans += facts.alerts if facts and group.organisation is None else 0
        if evaluated != warning or group in fresh:
            warnings.update(desk.database, replace(evaluated, updated_at=desk.now))
            (lifted if evaluated.state is WarningState.LIFTED else updated).append(warning.number)
    return Changes(tuple(drafted), tuple(updated), tuple(lifted), taken_in, orphans, 0, below)


def _new_warning(desk: _Desk, group: Group) -> EarlyWarning | None:
    facts = warnings.pending_facts(desk.database, group)
    if facts is None:
        return None
    blank = EarlyWarning(
        id=0,
        number=warnings.next_number(desk.database, desk.now.astimezone(ZoneInfo(desk.settings.general.time_zone)).year),
        level=Level.NOTICE,
        computed_level=Level.NOTICE,
        state=WarningState.DRAFT,
        organisation=group.organisation,
        detection=group.detection,
        title=facts.leading.finding.title,
        response=facts.leading.finding.response,
        alerts=(),
        reasons=(),
        first_seen=facts.first_seen,
        last_seen=facts.last_seen,
        created_at=desk.now,
        updated_at=desk.now,
        expires_at=desk.now,
        evaluated_at=desk.now,
    )
    warning = _level(desk, blank, facts, None)
    if warning.computed_level.rank < desk.table.drafted_from.rank:
        return None
    return replace(warning, expires_at=desk.now + _lifetime(desk.settings, warning.level))


def _evaluate(desk: _Desk, warning: EarlyWarning, facts: Facts | None, *, extend: bool) -> EarlyWarning:
    if facts is None:
        return replace(warning, state=WarningState.LIFTED, reasons=(*warning.reasons, _EMPTIED))
    previous = Standing(warning.computed_level, warning.clean_evaluations, warning.evaluated_at)
    result = _level(desk, warning, facts, previous)
    if extend or result.level is not warning.level:
        result = replace(result, expires_at=desk.now + _lifetime(desk.settings, result.level))
    return result


def _level(desk: _Desk, warning: EarlyWarning, facts: Facts, previous: Standing | None) -> EarlyWarning:
    """Return the warning as its alerts and the table make it now."""
    inputs = Inputs(
        severity=facts.severity,
        importance=desk.importance.get(warning.organisation or "", 1),
        spread_organisations=desk.spread.get(warning.detection, 0),
        spread_threshold=desk.settings.warn.spread_organisations,
        affected_assets=_assets(desk.ownership, warning.organisation, facts),
    )
    assessment = assess(inputs, desk.table)
    standing = settle(previous, assessment.level, desk.now, desk.table)
    reasons = assessment.reasons
    if warning.organisation not in desk.importance:
        reasons = (_UNOWNED, *reasons)
    state = warning.state
    if state in (WarningState.DRAFT, WarningState.REPORT_UPWARD):
        above = standing.level.rank > desk.table.highest_issued.rank
        state = WarningState.REPORT_UPWARD if above else WarningState.DRAFT
    known: dict[str, Any] = {name: value for name, value in asdict(inputs).items() if value is not None}
    return replace(
        warning,
        level=issued_level(standing.level, desk.table),
        computed_level=standing.level,
        state=state,
        title=facts.leading.finding.title,
        response=facts.leading.finding.response,
        reasons=(*reasons, *standing_reasons(assessment.level, standing, desk.table)),
        first_seen=facts.first_seen,
        last_seen=facts.last_seen,
        evaluated_at=standing.evaluated_at,
        clean_evaluations=standing.clean,
        inputs={**known, "damage": assessment.damage, "matrix_level": assessment.level.value},
    )


def _assets(ownership: Ownership, organisation: str | None, facts: Facts) -> int:
    """Count the addresses and hosts that the alerts name and the organisation owns.

    Paths are no assets: a thousand files of one server are one server. Of alerts that nobody owns
    only the targets count, since their sources are the attackers.
    """
    if organisation is None:
        return len({target for _, target in facts.ends if target and not target.startswith("/")})
    named = {end for ends in facts.ends for end in ends if end and not end.startswith("/")}
    return sum(1 for end in named if ownership.of(end) == organisation)


def _lifetime(settings: Settings, level: Level) -> timedelta:
    """A notice lives as long as a blue warning; what is to be reported upward as long as orange."""
    text = {
        Level.NOTICE: settings.warn.blue_expires,
        Level.BLUE: settings.warn.blue_expires,
        Level.YELLOW: settings.warn.yellow_expires,
        Level.ORANGE: settings.warn.orange_expires,
        Level.RED: settings.warn.orange_expires,
    }[level]
    return timedelta(seconds=durations.seconds(text))
