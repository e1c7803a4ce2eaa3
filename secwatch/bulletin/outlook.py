"""The outlook for next week: honest about its samples, a range until there are enough of them."""

from __future__ import annotations

from secwatch.bulletin.document import Section
from secwatch.bulletin.gather import FORECAST_WEEKS, RANGE_WEEKS
from secwatch.bulletin.material import Material, WeekCounts
from secwatch.core.model import Text

TITLE = Text("下周预报", "Outlook for next week")


def comparable_weeks(material: Material) -> tuple[WeekCounts, ...]:
    """Return the weeks of the range with packets of all seven days, the newest first."""
    return tuple(week for week in material.history[:RANGE_WEEKS] if week.days_observed == 7)


def outlook(material: Material) -> Section:
    """Return the section: how many samples there are, and the range of network alerts in the last complete weeks."""
    weeks = material.complete_weeks
    if weeks < FORECAST_WEEKS:
        samples = Text(
            f"样本不足：有完整监测数据的周共 {weeks} 个，少于 {FORECAST_WEEKS} 个，不作预测，"
            f"只列近 {RANGE_WEEKS} 周的范围。",
            f"Too few samples: {weeks} weeks with complete data, fewer than {FORECAST_WEEKS}. Nothing is forecast; "
            f"only the range of the last {RANGE_WEEKS} weeks is given.",
        )
    else:
        samples = Text(
            f"有完整监测数据的周共 {weeks} 个。本版只列近 {RANGE_WEEKS} 周的范围，不含预测区间。",
            f"There are {weeks} weeks with complete data. This edition gives the range of the last {RANGE_WEEKS} weeks "
            "and no forecast interval.",
        )
    return Section("outlook", TITLE, (samples, _range(material)), notes=(_LIMITS,))


_LIMITS = Text(
    "按周统计的平常水平可以预计，突发情况不可预计。",
    "Weekly counts let the usual level be expected; bursts cannot be.",
)


def _range(material: Material) -> Text:
    counts = [week.network_alerts for week in comparable_weeks(material)]
    if not counts:
        return Text(
            f"近 {RANGE_WEEKS} 周没有数据完整的周，无范围可列。",
            f"None of the last {RANGE_WEEKS} weeks is complete: there is no range to give.",
        )
    low, high = min(counts), max(counts)
    return Text(
        f"网络攻击告警：近 {RANGE_WEEKS} 周中 {len(counts)} 个完整周，每周 {low} 至 {high} 条。",
        f"Network alerts: {low} to {high} a week in the {len(counts)} complete weeks of the last {RANGE_WEEKS}.",
    )
