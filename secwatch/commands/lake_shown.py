"""The lake in words and numbers: what `secwatch lake status` prints, and the sentence of `status` and `doctor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from secwatch.commands.sizes import in_bytes
from secwatch.core.model import Language, Severity, Text
from secwatch.core.moments import to_text
from secwatch.system.console import table
from secwatch.system.settings import LEGAL_DAYS, Lake

if TYPE_CHECKING:
    from rich.table import Table

    from secwatch.pipeline.retention import Fullness
    from secwatch.store.lake_files import HeldFile


def sentence(fullness: Fullness) -> Text:
    """Return in one sentence how full the lake is."""
    used, limit, percent = in_bytes(fullness.used), in_bytes(fullness.limit), f"{fullness.share * 100:.1f}"
    zh, en = f"数据湖已用 {used}，占 {limit} 的 {percent}%", f"the lake takes {used}, {percent} % of {limit}"
    full_at = fullness.full_at
    if full_at and fullness.share < 1:
        zh, en = f"{zh}，预计 {full_at:%Y-%m-%d} 用满", f"{en}; full on {full_at:%Y-%m-%d} at this rate"
    return Text(zh, en)


def standing_data(fullness: Fullness, settings: Lake) -> dict[str, Any]:
    """Return how full the lake is as JSON shows it."""
    severity, full_at = fullness.severity, fullness.full_at
    return {
        "used_bytes": fullness.used,
        "quota": settings.quota,
        "quota_bytes": fullness.quota,
        "limit_bytes": fullness.limit,
        "share": round(fullness.share, 4),
        "severity": None if severity is None else int(severity),
        "bytes_per_day": None if fullness.per_day is None else round(fullness.per_day),
        "needed_bytes": None if fullness.needed is None else round(fullness.needed),
        "full_at": to_text(full_at) if full_at else None,
        "keep_days": settings.keep_days,
        "keep_less_because": settings.keep_less_because,
        "drop_beyond_quota": settings.drop_beyond_quota,
    }


def standing(fullness: Fullness, settings: Lake, waiting: int, language: Language) -> Table:
    """Return the state of the whole lake as a table of two columns."""
    disk = fullness.limit < fullness.quota
    of = Text("磁盘实际可用", "what the disk has room for") if disk else Text(f"配额 {settings.quota}", settings.quota)
    used = f"{in_bytes(fullness.used)} / {in_bytes(fullness.limit)} ({fullness.share * 100:.1f} %, {of.to(language)})"
    unknown = Text("数据不足半天，尚不能估计", "less than half a day of data: not known yet")
    rate = Text(f"每天 {in_bytes(fullness.per_day or 0)}", f"{in_bytes(fullness.per_day or 0)} a day")
    if fullness.keep_days < LEGAL_DAYS:
        kept = Text(
            f"{settings.keep_days} 天，少于法定六个月：{settings.keep_less_because}",
            f"{settings.keep_days} days, less than the six months of the law: {settings.keep_less_because}",
        )
    else:
        kept = Text(f"{settings.keep_days} 天（法定不少于六个月）", f"{settings.keep_days} days (law: six months)")
    rows = [
        (Text("状态", "state"), _grade(fullness)),
        (Text("已用", "used"), Text(used, used)),
        (Text("保存期", "kept for"), kept),
        (Text("近 7 天增长", "growth, 7 days"), unknown if fullness.per_day is None else rate),
        (Text("预测", "forecast"), unknown if fullness.per_day is None else _forecast(fullness)),
    ]
    if waiting:
        files = Text(f"{waiting:,} 个：secwatch lake compact", f"{waiting:,}: secwatch lake compact")
        rows.append((Text("待合并小文件", "small files to merge"), files))
    shown = [(label.to(language), value.to(language)) for label, value in rows]
    return table(None, ["", ""], shown, show_header=False)


def _grade(fullness: Fullness) -> Text:
    if fullness.severity is None:
        return Text("正常", "good")
    advice = Text("加大磁盘或 [lake] quota，或 secwatch lake prune", "enlarge the disk or [lake] quota, or lake prune")
    if fullness.severity is Severity.CRITICAL:
        return Text(f"紧急：已无余量。{advice.zh}", f"urgent: no room is left; {advice.en}")
    return Text(f"注意：将满。{advice.zh}", f"attention: filling up; {advice.en}")


def _forecast(fullness: Fullness) -> Text:
    needed, days = in_bytes(fullness.needed or 0), fullness.keep_days
    if fullness.full_at is None:
        return Text(f"保存 {days} 天需 {needed}，够用", f"{days} days take {needed}: enough room")
    left = max(0, (fullness.full_at - fullness.now).days)
    return Text(
        f"保存 {days} 天需 {needed}，不够；{fullness.full_at:%Y-%m-%d} 用满（{left} 天后）",
        f"{days} days take {needed}: too much; full on {fullness.full_at:%Y-%m-%d} (in {left} days)",
    )


def tables_data(files: Sequence[HeldFile], fullness: Fullness) -> list[dict[str, Any]]:
    """Return what each table holds as JSON shows it; days are those of the files, in UTC."""
    by_table: dict[str, list[HeldFile]] = {}
    for file in files:
        by_table.setdefault(file.table, []).append(file)
    return [_table_data(name, members, fullness) for name, members in by_table.items()]


def _table_data(name: str, files: Sequence[HeldFile], fullness: Fullness) -> dict[str, Any]:
    from secwatch.lake.layout import day_in, day_name, day_number

    days = {day_in(file.path) or day_name(day_number(file.first_time)) for file in files}
    rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
    return {
        "table": name,
        "days": len(days),
        "files": len(files),
        "rows": rows,
        "bytes": size,
        "bytes_per_row": round(size / rows, 1) if rows else None,
        "first_day": min(days),
        "last_day": max(days),
        "share": round(size / fullness.limit, 4) if fullness.limit else 1.0,
    }


def tables_shown(items: Sequence[Mapping[str, Any]], language: Language) -> Table:
    """Return the tables for people."""
    columns = (
        ("表", "天数", "文件", "行", "大小", "字节/行", "最早", "最晚", "占比")
        if language == "zh"
        else ("table", "days", "files", "rows", "size", "bytes/row", "first", "last", "share")
    )
    rows = [
        (
            item["table"],
            f"{item['days']:,}",
            f"{item['files']:,}",
            f"{item['rows']:,}",
            in_bytes(item["bytes"]),
            item["bytes_per_row"],
            item["first_day"],
            item["last_day"],
            f"{item['share'] * 100:.1f} %",
        )
        for item in items
    ]
    return table(None, columns, rows, right=columns[1:6], whole=columns)
