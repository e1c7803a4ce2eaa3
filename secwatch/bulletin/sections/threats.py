"""What was seen: attacks in the network, malware in files, and which organisations were concerned."""

from __future__ import annotations

from collections.abc import Sequence

from secwatch.bulletin.document import Cell, Column, Section, Table, both
from secwatch.bulletin.material import Material
from secwatch.core.escape import visible
from secwatch.core.model import Origin, Severity, Text
from secwatch.store.weekly import DetectionCount

ROWS = 15
RANKED = 20
_TITLE_LIMIT = 80

_TONES = {Severity.HIGH: "warn", Severity.CRITICAL: "bad"}


def clip(text: Text, limit: int = _TITLE_LIMIT) -> Text:
    """Return ingested words harmless and short enough for a table."""
    return Text(visible(text.zh, limit), visible(text.en, limit))


def attacks(material: Material) -> Section:
    """Return the attacks in the network by detection."""
    rows = material.of_origin(Origin.NETWORK)
    title = Text("网络攻击", "Attacks in the network")
    days = material.current.days_observed
    if not rows:
        empty = (
            Text("本周未发现网络攻击告警。", "No network alert this week.")
            if days
            else Text(
                "本周没有网络监测数据，不能判断有无攻击。",
                "There is no network data of this week: nothing can be said.",
            )
        )
        return Section("attacks", title, (empty,))
    total = sum(row.alerts for row in rows)
    lead = Text(
        f"新增网络攻击告警 {total} 条，来源 {material.current.network_sources} 个，检测项 {len(rows)} 项。",
        f"New network alerts: {total}, sources: {material.current.network_sources}, kinds: {len(rows)}.",
    )
    return Section("attacks", title, (lead,), (_detections(rows),), notes=_more(len(rows)))


def malware(material: Material) -> Section:
    """Return what the YARA scans found, by rule."""
    rows = material.of_origin(Origin.SCAN)
    title = Text("恶意程序", "Malware")
    scans = material.current.scans
    if not rows:
        empty = (
            Text(f"本周文件扫描 {scans} 次，未发现恶意程序。", f"File scans this week: {scans}. No malware was found.")
            if scans
            else Text(
                "本周没有文件扫描，不能判断有无恶意程序。", "No files were scanned this week: nothing can be said."
            )
        )
        return Section("malware", title, (empty,))
    total = sum(row.alerts for row in rows)
    lead = Text(
        f"文件扫描 {scans} 次，新增恶意程序告警 {total} 条，命中规则 {len(rows)} 条。",
        f"File scans: {scans}, new alerts: {total}, rules that matched: {len(rows)}.",
    )
    return Section("malware", title, (lead,), (_detections(rows),), notes=_more(len(rows)))


def _detections(rows: Sequence[DetectionCount]) -> Table:
    columns = (
        Column(Text("类型", "Kind")),
        Column(Text("严重度", "Severity"), whole=True),
        Column(Text("告警", "Alerts"), right=True),
        Column(Text("次数", "Times"), right=True),
        Column(Text("单位", "Organisations"), right=True),
    )
    return Table(
        columns,
        tuple(
            (
                Cell(clip(row.title)),
                Cell(row.severity.label, _TONES.get(row.severity, "")),
                Cell(both(row.alerts)),
                Cell(both(row.occurrences)),
                Cell(both(row.organisations)),
            )
            for row in rows[:ROWS]
        ),
    )


def _more(number: int) -> tuple[Text, ...]:
    if number <= ROWS:
        return ()
    return (Text(f"另有 {number - ROWS} 项未列出。", f"Not listed: {number - ROWS} more."),)


def organisations(material: Material) -> Section:
    """Return the organisations in the order of their warnings and alerts; what nobody owns comes last."""
    title = Text("单位情况", "Organisations")
    counted = material.counted
    codes = {row.organisation for row in material.organisations} | {warning.organisation for warning in counted}
    if not codes:
        return Section("organisations", title, (Text("本周各单位均无告警。", "No organisation had an alert."),))
    alerts = {row.organisation: (row.alerts, row.severe) for row in material.organisations}
    ranked = []
    for code in codes:
        levels = sorted(
            (warning.level for warning in counted if warning.organisation == code), key=lambda level: level.rank
        )
        ranked.append((code, levels, *alerts.get(code, (0, 0))))
    ranked.sort(key=lambda row: (row[0] is None, -(row[1][-1].rank if row[1] else -1), -row[3], -row[2], row[0] or ""))
    columns = (
        Column(Text("单位", "Organisation")),
        Column(Text("最高预警", "Highest warning"), whole=True),
        Column(Text("预警", "Warnings"), right=True),
        Column(Text("告警", "Alerts"), right=True),
        Column(Text("其中高危", "Severe"), right=True),
    )
    rows = []
    for code, levels, number, severe in ranked[:RANKED]:
        highest = levels[-1] if levels else None
        mark = Cell(_bracketed(highest.label), highest.value) if highest else Cell(Text("无", "none"))
        numbers = (Cell(both(count)) for count in (len(levels), number, severe))
        rows.append((Cell(clip(material.name(code))), mark, *numbers))
    notes = []
    if len(ranked) > RANKED:
        rest = len(ranked) - RANKED
        notes.append(Text(f"另有 {rest} 个单位未列出。", f"Organisations not listed: {rest} more."))
    return Section("organisations", title, (), (Table(columns, tuple(rows)),), notes=tuple(notes))


def _bracketed(label: Text) -> Text:
    return Text(f"[{label.zh}]", f"[{label.en}]")
