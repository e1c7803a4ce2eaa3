"""The overall situation: the rating, what stands, and the key figures of this week and the last."""

from __future__ import annotations

from secwatch.bulletin.document import Cell, Column, Figure, Rating, Section, Table, both
from secwatch.bulletin.material import Material, WeekCounts
from secwatch.core.model import Level, Text

NO_DATA = Text("缺报", "no data")


def situation(material: Material, rating: Rating, figures: tuple[Figure, ...]) -> Section:
    """Return the first section: one sentence for the reader in a hurry, then the numbers."""
    headline = Text(
        f"本周网络安全态势总体评价为“{rating.label.zh}”：{rating.reason.zh}。",
        f"The overall rating of the week is “{rating.label.en}”: {rating.reason.en}.",
    )
    return Section(
        "situation",
        Text("总体态势", "Overall situation"),
        (headline, _standing(material)),
        (figure_table(figures),),
        notes=tuple(_gaps(material)),
    )


def _standing(material: Material) -> Text:
    levels = [warning.computed_level for warning in material.counted]
    if not levels:
        return Text("本周没有预警。", "There was no warning this week.")
    worst_first = [level for level in reversed(Level) if level in levels]
    zh = "、".join(f"{level.label.zh} {levels.count(level)} 项" for level in worst_first)
    en = ", ".join(f"{levels.count(level)} {level.label.en}" for level in worst_first)
    standing = len(material.standing)
    return Text(
        f"本周预警 {len(levels)} 项：{zh}；其中目前有效 {standing} 项。",
        f"Warnings of the week: {len(levels)} ({en}); still standing: {standing}.",
    )


def key_figures(material: Material) -> tuple[Figure, ...]:
    """Return the key figures. A week without data is None, not 0; incomplete weeks are not compared."""
    current, previous = material.current, material.history[0]
    network = (current.network_known, previous.network_known, _complete(current, previous))
    scanned = (current.scans_known, previous.scans_known, current.scans > 0 and previous.scans > 0)
    anything = (current.known, previous.known, _complete(current, previous))
    alert, place = Text("条", "alerts"), Text("个", "")
    rows = (
        ("network_alerts", Text("网络攻击告警", "Network alerts"), alert, network),
        ("network_sources", Text("攻击来源", "Sources of attacks"), place, network),
        ("severe_alerts", Text("高危及以上告警", "Alerts of high severity"), alert, anything),
        ("scan_alerts", Text("恶意程序告警", "Malware alerts"), alert, scanned),
        ("organisations", Text("涉及单位", "Organisations concerned"), place, anything),
        ("new_warnings", Text("新增预警", "New warnings"), Text("项", "warnings"), anything),
    )
    figures = [
        Figure(
            key,
            name,
            unit,
            getattr(current, key) if now_known else None,
            getattr(previous, key) if then_known else None,
            comparable and material.over,
        )
        for key, name, unit, (now_known, then_known, comparable) in rows
    ]
    return (*figures, *_backup_figures(material))


def _complete(current: WeekCounts, previous: WeekCounts) -> bool:
    return current.days_observed == 7 and previous.days_observed == 7


def _backup_figures(material: Material) -> tuple[Figure, ...]:
    backups = material.backups
    ran = backups.good_runs + backups.bad_runs > 0
    ran_before = backups.previous_good_runs + backups.previous_bad_runs > 0
    comparable = ran and ran_before and material.over
    unit = Text("次", "runs")
    return (
        Figure(
            "good_runs",
            Text("备份成功", "Backups that succeeded"),
            unit,
            backups.good_runs if ran else None,
            backups.previous_good_runs if ran_before else None,
            comparable,
        ),
        Figure(
            "bad_runs",
            Text("备份失败", "Backups that failed"),
            unit,
            backups.bad_runs if ran else None,
            backups.previous_bad_runs if ran_before else None,
            comparable,
        ),
    )


def figure_table(figures: tuple[Figure, ...]) -> Table:
    """Return the figures as a table, the change in words."""
    columns = (
        Column(Text("指标", "Figure")),
        Column(Text("本周", "This week"), right=True),
        Column(Text("上周", "Last week"), right=True),
        Column(Text("变化", "Change")),
    )
    rows = tuple(
        (Cell(_with_unit(figure)), Cell(_value(figure.current)), Cell(_value(figure.previous)), Cell(change(figure)))
        for figure in figures
    )
    return Table(columns, rows)


def _with_unit(figure: Figure) -> Text:
    """A unit stands behind the name; English names carry theirs."""
    return Text(f"{figure.name.zh}（{figure.unit.zh}）", figure.name.en)


def _value(number: int | None) -> Text:
    return NO_DATA if number is None else both(number)


def change(figure: Figure) -> Text:
    """Return the change in words: 升, 降, 平, or that the weeks cannot be compared."""
    if figure.current is None or figure.previous is None or not figure.comparable:
        return Text("不可比", "not comparable")
    difference = figure.current - figure.previous
    if difference == 0:
        return Text("平", "unchanged")
    return (
        Text(f"升 {difference}", f"up {difference}")
        if difference > 0
        else Text(f"降 {-difference}", f"down {-difference}")
    )


def _gaps(material: Material) -> list[Text]:
    notes = []
    if not material.over:
        notes.append(
            Text("本周尚未结束，数字为编制时的数字。", "The week is not over: the numbers are those of the moment.")
        )
    days, due = material.current.days_observed, material.days_due
    if days < due:
        notes.append(
            Text(
                f"网络监测：应有 {due} 天数据，实有 {days} 天，数字不完整，不与上周比较。缺报不等于零。",
                f"Network monitoring has data of {days} of {due} days: the numbers are incomplete and not compared. "
                "No data does not mean none.",
            )
        )
    elif material.history[0].days_observed < 7:
        notes.append(
            Text(
                f"网络监测：上周 7 天中 {material.history[0].days_observed} 天有数据，不作比较。",
                f"Network monitoring has data of {material.history[0].days_observed} of 7 days of last week: "
                "not compared.",
            )
        )
    if material.current.scans == 0:
        notes.append(Text("文件扫描：本周没有扫描，按缺报计。", "File scans: none this week, which counts as no data."))
    return notes
