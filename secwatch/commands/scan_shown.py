"""How scans are shown to people, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from secwatch.commands.sizes import in_bytes
from secwatch.core.durations import in_words
from secwatch.core.escape import visible
from secwatch.core.model import Language, Severity, Text
from secwatch.system.console import table

if TYPE_CHECKING:
    from rich.table import Table

    from secwatch.scan.record import Match, Record, Silenced
    from secwatch.scan.verdicts import Tally
    from secwatch.store.scans import Scan

SHOWN_SILENCED = 10
_STYLES = {Severity.LOW: "", Severity.MEDIUM: "yellow", Severity.HIGH: "red", Severity.CRITICAL: "bold red"}
_VERDICTS = {
    "clean": Text("干净", "clean"),
    "match": Text("命中", "match"),
    "partial": Text("未完整扫描", "partial"),
    "skipped": Text("跳过", "skipped"),
    "timeout": Text("超时", "timeout"),
    "error": Text("错误", "error"),
}
_REASONS = {
    "size": Text("超过大小上限", "larger than the limit"),
    "special": Text("不是普通文件", "not a regular file"),
    "symlink": Text("符号链接", "symbolic link"),
    "excluded": Text("已排除", "excluded"),
    "file-system": Text("其他文件系统", "other file system"),
    "hard-link": Text("同一文件的另一名称", "another name of the same file"),
    "vanished": Text("扫描前已消失", "vanished"),
    "changed": Text("扫描时被修改", "changed while it was read"),
    "too-many-matches": Text("匹配过多，计数中止", "too many matches to count"),
    "missing": Text("不存在", "does not exist"),
    "permission": Text("没有权限", "no permission"),
    "read": Text("无法读取", "cannot be read"),
    "engine": Text("引擎出错", "the engine failed"),
    "crashed": Text("扫描进程因它崩溃", "the scanner crashed on it"),
    "memory": Text("扫描它所需内存过多", "scanning it takes too much memory"),
    "directory": Text("目录无法读取", "the directory cannot be read"),
    "too-deep": Text("目录层级过深", "directories nested too deeply"),
    "interrupted": Text("扫描被中断", "the scan was interrupted"),
}


def matches_table(matches: Sequence[Match], language: Language) -> Table:
    """Return the matches, the worst first."""
    from rich.text import Text as Styled

    columns = ["级别", "规则", "标题", "路径", "单位", "告警"]
    if language == "en":
        columns = ["severity", "rule", "title", "path", "org", "alert"]
    ordered = sorted(matches, key=lambda match: -match.rule.severity)
    rows = [
        (
            Styled(match.rule.severity.label.to(language), style=_STYLES[match.rule.severity]),
            match.rule.name,
            match.rule.title.to(language),
            Styled(visible(match.path, 4096)),
            match.organisation or "",
            match.alert or "",
        )
        for match in ordered
    ]
    return table(None, columns, rows, right=(columns[5],))


def silenced_table(silenced: Sequence[Silenced], language: Language) -> Table:
    """Return examples of matches that were held back, the count of them in the title."""
    number = len(silenced)
    title = Text(f"被抑制的命中（未告警）：{number}", f"matches suppressed, without an alert: {number}").to(language)
    columns = ["规则", "路径", "抑制", "理由"] if language == "zh" else ["rule", "path", "suppression", "reason"]
    rows: list[tuple[object, ...]] = [
        (
            item.judgement.rule.name,
            visible(item.path, 4096),
            item.judgement.suppression or "",
            item.judgement.reason.to(language),
        )
        for item in silenced[:SHOWN_SILENCED]
    ]
    if number > len(rows):
        more = Text(f"另有 {number - len(rows)} 项", f"{number - len(rows)} more").to(language)
        rows.append(("…", more, "", ""))
    return table(title, columns, rows, right=(columns[2],))


def problems_table(tally: Tally, language: Language) -> Table:
    """Return examples of what could not be scanned."""
    title = Text(f"未能完整扫描 {tally.unread} 项", f"{tally.unread} could not be scanned to the end").to(language)
    columns = ["结论", "原因", "路径"] if language == "zh" else ["verdict", "reason", "path"]
    rows = [
        (
            _VERDICTS[row["verdict"]].to(language),
            _REASONS[row["reason"]].to(language) if row["reason"] else "",
            row["path"] or '""',
        )
        for row in problem_rows(tally)
    ]
    if tally.unread > len(rows):
        rows.append(
            ("…", "", Text(f"另有 {tally.unread - len(rows)} 项", f"{tally.unread - len(rows)} more").to(language))
        )
    return table(title, columns, rows)


def problem_rows(tally: Tally) -> list[dict[str, Any]]:
    """Return examples of what could not be scanned, as JSON has them."""
    return [
        {
            "path": visible(examined.path, 4096),
            "verdict": examined.verdict.value,
            "reason": examined.reason.value if examined.reason else None,
        }
        for examined in sorted(tally.problems, key=lambda examined: examined.path)
    ]


def summary_line(record: Record, language: Language) -> str:
    """Return one sentence with every count, so that what was not scanned is never silent."""
    tally = record.tally
    counts = [
        f"{text.to(language)} {tally.verdicts[verdict]}"
        for verdict, text in ((verdict, _VERDICTS[verdict.value]) for verdict in _ordered(tally))
    ]
    comma = "，" if language == "zh" else ", "
    if tally.skipped:
        reasons = (
            f"{_REASONS[reason.value].to(language)} {number}" for reason, number in sorted(tally.skipped.items())
        )
        skipped = f"{_VERDICTS['skipped'].to(language)} {sum(tally.skipped.values())} ({comma.join(reasons)})"
        counts.append(skipped)
    if record.silenced:
        counts.append(Text(f"抑制 {len(record.silenced)}", f"suppressed {len(record.silenced)}").to(language))
    seconds = in_words(record.seconds)
    size = in_bytes(tally.bytes)
    return Text(
        f"已扫描 {tally.files} 个文件，{size}，用时 {seconds}：{'，'.join(counts)}",
        f"scanned {tally.files} files, {size}, in {seconds}: {', '.join(counts)}",
    ).to(language)


def _ordered(tally: Tally) -> list[Any]:
    from secwatch.scan.verdicts import Verdict

    always = (Verdict.CLEAN, Verdict.MATCH)
    return [
        verdict for verdict in Verdict if verdict in always or (tally.verdicts[verdict] and verdict != Verdict.SKIPPED)
    ]


def history_table(scans: Sequence[Scan], zone: ZoneInfo, language: Language) -> Table:
    """Return the scans that were made."""
    columns = ["编号", "开始", "用时", "文件", "命中", "状态", "路径"]
    if language == "en":
        columns = ["id", "started", "took", "files", "matches", "state", "paths"]
    rows = [
        (
            scan.id,
            f"{scan.started_at.astimezone(zone):%Y-%m-%d %H:%M}",
            in_words(scan.summary.get("seconds", 0)),
            scan.summary.get("files", 0),
            scan.summary.get("matched", 0),
            _state(scan.ended_at is not None, scan.summary).to(language),
            " ".join(scan.paths),
        )
        for scan in scans
    ]
    return table(None, columns, rows, right=(columns[0], columns[3], columns[4]))


def _state(ended: bool, summary: Mapping[str, Any]) -> Text:
    if not ended:
        return Text("未结束", "not ended")
    return Text("完整", "complete") if summary.get("complete") else Text("有未读内容", "incomplete")
