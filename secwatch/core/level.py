"""The level of an early warning: how important the object is × how bad the damage may be, with every reason.

The steps are those of the project's level algorithm; the matrix, the points and where they come
from are data (rules/levels.toml), handed in as a `LevelTable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from secwatch.core.model import Level, Severity, Text

IMPORTANCES = (1, 2, 3)
DAMAGES = (1, 2, 3, 4)


@dataclass(frozen=True)
class LevelTable:
    """The matrix and the thresholds. `matrix[importance][damage]` is a level; labels are by number.

    highest_issued caps what the city itself may issue. spread_assets is how many assets of one
    organisation count as spread; outbreak_quantile is the quantile of the expected distribution
    above which a week counts as an outbreak. A level goes down after `clean_evaluations`
    evaluations below it, at least `evaluation_spacing` apart. Groups below `drafted_from` make no warning.
    """

    matrix: Mapping[int, Mapping[int, Level]]
    importance_labels: Mapping[int, Text]
    damage_labels: Mapping[int, Text]
    highest_issued: Level
    drafted_from: Level
    spread_assets: int
    outbreak_quantile: float
    clean_evaluations: int
    evaluation_spacing: timedelta
    edition: str
    sources: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """What a level is calculated from. None means that nothing is known: it makes no point, and is said.

    severity is the worst of the alerts, 1-4; importance that of the organisation, 1-3;
    spread_organisations how many organisations have the same kind of warning open, this one
    included; affected_assets how many addresses and hosts of this organisation are concerned.
    outbreak is the quantile of this week's count in its expected distribution, 0-1.
    """

    severity: int
    importance: int
    spread_organisations: int
    spread_threshold: int
    affected_assets: int
    exploited_and_exposed: bool | None = None
    outbreak: float | None = None
    important_data: bool | None = None
    mitigated: bool | None = None


@dataclass(frozen=True)
class Assessment:
    """The outcome of one calculation: damage 1-4, the level of the matrix, and the reasons in order."""

    damage: int
    level: Level
    reasons: tuple[Text, ...]


@dataclass(frozen=True)
class Standing:
    """Where a level stands between evaluations: it rises at once and falls slowly.

    level is the settled one, before the cap; clean counts the evaluations below it in a row.
    """

    level: Level
    clean: int
    evaluated_at: datetime


def assess(inputs: Inputs, table: LevelTable) -> Assessment:
    """Return damage, level and reasons. Raise ValueError for a severity or importance out of range."""
    if inputs.importance not in IMPORTANCES:
        raise ValueError(f"importance is 1 to 3, not {inputs.importance}")
    severity = Severity(inputs.severity)
    points = int(severity)
    word = severity.label
    reasons = [
        Text(
            f"告警最高严重度：{word.zh}，计 {points} 分",
            f"worst severity of the alerts: {word.en}, {points} point{'s' if points > 1 else ''}",
        )
    ]
    for change, reason in (_exploited(inputs), _spread(inputs, table), _data(inputs), _mitigated(inputs)):
        points += change
        reasons.append(reason)
    damage = min(max(points, DAMAGES[0]), DAMAGES[-1])
    level = table.matrix[inputs.importance][damage]
    reasons += _matrix_reasons(points, damage, inputs.importance, level, table)
    return Assessment(damage, level, tuple(reasons))


def _exploited(inputs: Inputs) -> tuple[int, Text]:
    if inputs.exploited_and_exposed is None:
        return 0, Text(
            "是否已有在野利用且暴露于互联网：无资料，不计分", "exploited in the wild and exposed: not known, no point"
        )
    if inputs.exploited_and_exposed:
        return 1, Text("已有在野利用且暴露于互联网，加 1 分", "exploited in the wild and exposed: +1 point")
    return 0, Text("没有同时满足在野利用和互联网暴露，不加分", "not both exploited in the wild and exposed: no point")


def _spread(inputs: Inputs, table: LevelTable) -> tuple[int, Text]:
    organisations, threshold = inputs.spread_organisations, inputs.spread_threshold
    if organisations >= threshold:
        return 1, Text(
            f"同类预警涉及 {organisations} 个单位（达到 {threshold} 个），加 1 分",
            f"the same kind of warning concerns {organisations} organisations ({threshold} or more): +1 point",
        )
    if inputs.affected_assets >= table.spread_assets:
        return 1, Text(
            f"本单位涉及 {inputs.affected_assets} 个资产（达到 {table.spread_assets} 个），加 1 分",
            f"{inputs.affected_assets} assets of the organisation are concerned "
            f"({table.spread_assets} or more): +1 point",
        )
    if inputs.outbreak is not None and inputs.outbreak > table.outbreak_quantile:
        return 1, Text(
            f"本周数量超过预期分布的 {table.outbreak_quantile:.0%} 分位，加 1 分",
            f"this week's count is above the {table.outbreak_quantile:.0%} quantile of what was expected: +1 point",
        )
    return 0, Text(
        f"扩散：涉及 {organisations} 个单位（不足 {threshold} 个）、"
        f"{inputs.affected_assets} 个资产（不足 {table.spread_assets} 个），不加分",
        f"spread: {organisations} organisation{'s' if organisations != 1 else ''} (fewer than {threshold}), "
        f"{inputs.affected_assets} asset{'s' if inputs.affected_assets != 1 else ''} "
        f"(fewer than {table.spread_assets}): no point",
    )


def _data(inputs: Inputs) -> tuple[int, Text]:
    if inputs.important_data is None:
        return 0, Text("是否涉及重要或核心数据：无资料，不计分", "important or core data: not known, no point")
    if inputs.important_data:
        return 1, Text("涉及重要或核心数据，加 1 分", "important or core data is concerned: +1 point")
    return 0, Text("不涉及重要或核心数据，不加分", "no important or core data is concerned: no point")


def _mitigated(inputs: Inputs) -> tuple[int, Text]:
    if inputs.mitigated is None:
        return 0, Text("是否已采取缓解措施：无资料，不减分", "mitigation: not known, no point taken off")
    if inputs.mitigated:
        return -1, Text("已采取缓解措施，减 1 分", "mitigated: -1 point")
    return 0, Text("尚无缓解措施，不减分", "not mitigated: no point taken off")


def _matrix_reasons(points: int, damage: int, importance: int, level: Level, table: LevelTable) -> list[Text]:
    harm, worth = table.damage_labels[damage], table.importance_labels[importance]
    clamped = Text("", "")
    if points != damage:
        clamped = Text(f"（限于 {DAMAGES[0]} 至 {DAMAGES[-1]}）", f" (kept within {DAMAGES[0]} to {DAMAGES[-1]})")
    return [
        Text(
            f"损害程度：合计 {points} 分{clamped.zh}，为“{harm.zh}”",
            f"damage: {points} in all{clamped.en}, which is “{harm.en}”",
        ),
        Text(
            f"保护对象重要程度：{importance}，为“{worth.zh}”", f"importance of the object: {importance}, “{worth.en}”"
        ),
        Text(
            f"按矩阵“{worth.zh}” × “{harm.zh}”，级别为{level.label.zh}",
            f"the matrix gives {level.label.en} for “{worth.en}” × “{harm.en}”",
        ),
    ]


def settle(previous: Standing | None, computed: Level, now: datetime, table: LevelTable) -> Standing:
    """Return where the level stands after an evaluation: up at once, down only after enough clean ones.

    An evaluation below the level is clean. Evaluations closer together than the table's spacing
    count as one, so running twice changes nothing.
    """
    if previous is None or computed.rank > previous.level.rank:
        return Standing(computed, 0, now)
    if computed is previous.level:
        return previous if previous.clean == 0 else Standing(previous.level, 0, now)
    if now - previous.evaluated_at < table.evaluation_spacing:
        return previous
    clean = previous.clean + 1
    return Standing(computed, 0, now) if clean >= table.clean_evaluations else Standing(previous.level, clean, now)


def standing_reasons(computed: Level, standing: Standing, table: LevelTable) -> tuple[Text, ...]:
    """Return what hysteresis and the cap do to a computed level, in words; nothing if they do nothing."""
    reasons = []
    if standing.level.rank > computed.rank:
        reasons.append(
            Text(
                f"降级须连续 {table.clean_evaluations} 次评估较低，已有 {standing.clean} 次，"
                f"暂保持{standing.level.label.zh}",
                f"a level falls after {table.clean_evaluations} lower evaluations in a row, {standing.clean} so far: "
                f"it stays {standing.level.label.en}",
            )
        )
    if standing.level.rank > table.highest_issued.rank:
        highest = table.highest_issued.label
        reasons.append(
            Text(
                f"{standing.level.label.zh}预警须由上级发布：建议上报，本市按{highest.zh}处置",
                f"{standing.level.label.en} is for a higher body to issue: report upward, and act on {highest.en} here",
            )
        )
    return tuple(reasons)


def issued_level(settled: Level, table: LevelTable) -> Level:
    """Return the level that the city may issue itself."""
    return settled if settled.rank <= table.highest_issued.rank else table.highest_issued
