"""The appendix: where the numbers come from, how they are counted, what is missing, how the rating is made."""

from __future__ import annotations

from secwatch.bulletin.document import Cell, Column, Section, Table
from secwatch.bulletin.material import Material
from secwatch.bulletin.rating import Formula
from secwatch.core.model import Text
from secwatch.core.moments import in_zone


def appendix(material: Material, formula: Formula) -> Section:
    """Return the last section."""
    return Section(
        "appendix",
        Text("附录：数据来源、口径与缺报", "Appendix: sources, counting and gaps"),
        _sources(material),
        (_rating_table(formula),),
        notes=(
            Text(
                f"评价规则版本 {formula.edition}，为本项目约定，自上而下取第一条成立的规则。"
                "优、良、中、差、危的名称与 CNCERT 周报相同，其计算方法未公开，二者不可直接比较。",
                f"Rating rules, edition {formula.edition}, are this project's own; the first that holds counts. "
                "CNCERT's weekly reports use the same words, but how they arrive at them is not published.",
            ),
        ),
    )


def _sources(material: Material) -> tuple[Text, ...]:
    start, end = in_zone(material.week.start, material.zone), in_zone(material.week.end, material.zone)
    zone, current = material.zone.key, material.current
    return (
        Text(
            f"统计时段：{start} 至 {end}（{zone}，不含终点）。",
            f"Period: {start} to {end} ({zone}, end not included).",
        ),
        Text(
            f"网络监测：抓包输入 {material.inputs} 份，覆盖 {current.days_observed} 天"
            "（首包至末包之间的日子计为覆盖）。",
            f"Network: {material.inputs} captures, {current.days_observed} days covered "
            "(a day between first and last packet counts).",
        ),
        Text(
            f"文件扫描：{current.scans} 次。备份：配置作业 {len(material.backups.jobs)} 个，"
            f"本周运行 {material.backups.good_runs + material.backups.bad_runs} 次。",
            f"File scans: {current.scans}. Backups: {len(material.backups.jobs)} jobs configured, "
            f"{material.backups.good_runs + material.backups.bad_runs} runs this week.",
        ),
        Text(
            "口径：一条告警为同一检测项、同一对象的一次持续情况，计入首次发现所在的周；次数为其观测累计。",
            "Counting: an alert is one lasting state of one detection and object, counted in the week it began; "
            "times are its observations so far.",
        ),
        Text(
            "缺报不作零处理；两周均有 7 天数据方作比较。",
            "Missing data is not taken for zero; weeks are compared only if both have data of all seven days.",
        ),
    )


def _rating_table(formula: Formula) -> Table:
    columns = (Column(Text("评价", "Rating")), Column(Text("条件", "Condition")))
    rules = [(formula.scale[rule.rating], rule.condition) for rule in formula.rule]
    rules.append((formula.scale[formula.otherwise.rating], formula.otherwise.condition))
    rows = tuple((Cell(label), Cell(condition)) for label, condition in rules)
    return Table(columns, rows, Text("总体评价规则", "Rules of the overall rating"))
