"""The warnings of the week, and what to do: the responses of the detections behind them, the worst first."""

from __future__ import annotations

from secwatch.bulletin.document import Cell, Column, Section, Table, both
from secwatch.bulletin.material import Material
from secwatch.bulletin.sections.threats import clip
from secwatch.core.model import EarlyWarning, Text, WarningState

ROWS = 30
ADVICE = 10
_WORDS = 300


def _ordered(warnings: tuple[EarlyWarning, ...]) -> list[EarlyWarning]:
    return sorted(warnings, key=lambda warning: (-warning.computed_level.rank, warning.number))


def warned(material: Material) -> Section:
    """Return the warnings that stood in the week, the worst first."""
    title = Text("预警", "Warnings")
    rows = _ordered(material.warnings)
    if not rows:
        return Section("warnings", title, (Text("本周没有预警。", "There was no warning this week."),))
    upward = sum(1 for warning in rows if warning.state is WarningState.REPORT_UPWARD)
    lead = [
        Text(
            f"本周涉及预警 {len(rows)} 项，其中新增 {material.current.new_warnings} 项，"
            f"目前有效 {len(material.standing)} 项。",
            f"Warnings that concern this week: {len(rows)}, new ones among them: {material.current.new_warnings}; "
            f"still standing: {len(material.standing)}.",
        )
    ]
    if upward:
        lead.append(
            Text(
                f"{upward} 项计算级别为红色。红色预警须由上级发布，建议立即上报。",
                f"Come out red: {upward}. Red is for a higher body to issue: report upward at once.",
            )
        )
    columns = (
        Column(Text("编号", "Number"), whole=True),
        Column(Text("级别", "Level"), whole=True),
        Column(Text("单位", "Owner")),
        Column(Text("内容", "What")),
        Column(Text("告警", "Alerts"), right=True),
        Column(Text("状态", "State")),
    )
    table = Table(columns, tuple(_row(material, warning) for warning in rows[:ROWS]))
    rest = len(rows) - ROWS
    notes = (Text(f"另有 {rest} 项未列出。", f"Not listed: {rest} more."),) if rest > 0 else ()
    return Section("warnings", title, tuple(lead), (table,), notes=notes)


def _row(material: Material, warning: EarlyWarning) -> tuple[Cell, ...]:
    label = warning.level.label
    state = warning.state.label
    if warning.state is not WarningState.LIFTED:
        until = warning.expires_at.astimezone(material.zone).strftime("%m-%d %H:%M")
        state = (
            Text(f"{state.zh}，至 {until}", f"{state.en}, until {until}")
            if warning.expires_at > material.now
            else Text(f"{state.zh}，已过期", f"{state.en}, expired")
        )
    return (
        Cell(both(warning.number)),
        Cell(Text(f"[{label.zh}]", f"[{label.en}]"), warning.level.value),
        Cell(clip(material.name(warning.organisation))),
        Cell(clip(warning.title)),
        Cell(both(len(warning.alerts))),
        Cell(state),
    )


def advice(material: Material) -> Section:
    """Return what to do: each kind of warning's response once, then what is missing from monitoring and recovery."""
    items = [*_responses(material), *_housekeeping(material)]
    title = Text("处置建议", "What to do")
    if not items:
        return Section("advice", title, (Text("本周没有需要处置的事项。", "There is nothing to be done."),))
    return Section("advice", title, items=tuple(items))


def _responses(material: Material) -> list[Text]:
    groups: dict[str, list[EarlyWarning]] = {}
    for warning in _ordered(material.counted):
        groups.setdefault(warning.detection, []).append(warning)
    items = []
    for group in list(groups.values())[:ADVICE]:
        first = group[0]
        title, names = clip(first.title), [clip(material.name(warning.organisation)) for warning in group]
        response = (
            clip(first.response, _WORDS) if first.response.zh else Text("核实情况并处置。", "Look into it and act.")
        )
        label = first.level.label
        items.append(
            Text(
                f"[{label.zh}] {title.zh}（{'、'.join(name.zh for name in names)}）：{response.zh}",
                f"[{label.en}] {title.en} ({', '.join(name.en for name in names)}): {response.en}",
            )
        )
    return items


def _housekeeping(material: Material) -> list[Text]:
    items = []
    missed = [job.job for job in material.backups.jobs if not job.rpo_met]
    unproven = [job.job for job in material.backups.jobs if not (job.verified_at and job.drilled_at)]
    if missed:
        items.append(
            Text(
                f"备份未达到恢复点目标，立即补做并查明原因：{_few(missed, '、')}。",
                f"Back up now what misses its recovery point objective, and find out why: {_few(missed, ', ')}.",
            )
        )
    if unproven:
        items.append(
            Text(
                f"备份尚未验证或演练，安排验证和恢复演练：{_few(unproven, '、')}。",
                f"Verify and drill what is not proven yet: {_few(unproven, ', ')}.",
            )
        )
    if material.orphans:
        items.append(
            Text(
                f"有 {material.orphans} 条告警未归属任何单位，请登记其网段、域名或路径的责任单位。",
                f"Alerts owned by nobody: {material.orphans}. Register who is responsible for their networks.",
            )
        )
    if material.current.days_observed < 7 and material.over:
        items.append(
            Text(
                "网络监测有缺报，检查传感器和抓包文件的报送。",
                "Network monitoring has gaps: check the sensors and the delivery of captures.",
            )
        )
    return items


def _few(names: list[str], separator: str) -> str:
    shown = separator.join(clip(Text(name, name), 40).zh for name in names[:8])
    return shown if len(names) <= 8 else f"{shown}{separator}… ({len(names)})"
