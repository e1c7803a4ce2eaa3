"""How rules are shown to people, in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from secwatch.core.model import Language, Text
from secwatch.system.console import table

if TYPE_CHECKING:
    from rich.table import Table

    from secwatch.scan.rule import Rule

_FLAGS = {
    "private": Text("私有", "private"),
    "global": Text("全局", "global"),
    "slow": Text("慢", "slow"),
    "silenced": Text("静默", "silenced"),
}


def flags_in_words(rule: Rule, language: Language) -> str:
    """Return what is unusual about a rule, in words."""
    comma = "，" if language == "zh" else ", "
    return comma.join(_FLAGS[flag].to(language) for flag in rule.flags)


def rules_table(rules: Sequence[Rule], language: Language) -> Table:
    """Return rules as a table, with a column of flags if any has one."""
    columns = ["规则", "级别", "标题", "文件"] if language == "zh" else ["rule", "severity", "title", "file"]
    rows = [(rule.name, rule.severity.label.to(language), rule.title.to(language), rule.namespace) for rule in rules]
    if any(rule.flags for rule in rules):
        columns.append("标记" if language == "zh" else "flags")
        flagged = [flags_in_words(rule, language) for rule in rules]
        return table(None, columns, [(*row, flags) for row, flags in zip(rows, flagged, strict=True)])
    return table(None, columns, rows)
