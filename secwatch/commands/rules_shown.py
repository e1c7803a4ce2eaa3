"""How rules are shown to people, in Chinese and English."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from secwatch.core.model import Language, Text
from secwatch.system.console import table

if TYPE_CHECKING:
    from rich.table import Table

    from secwatch.scan.rule import Rule
    from secwatch.store.packs import Switch

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


def is_off(rule: Rule, disabled: Collection[tuple[str, str]]) -> bool:
    """Return whether a rule is among those that are switched off, as (file, rule); no file means everywhere."""
    return ("", rule.name) in disabled or (rule.namespace, rule.name) in disabled


def rules_table(rules: Sequence[Rule], language: Language, disabled: Collection[tuple[str, str]] = ()) -> Table:
    """Return rules as a table, with a column of flags if any has one or is among the disabled."""
    columns = ["规则", "级别", "标题", "文件"] if language == "zh" else ["rule", "severity", "title", "file"]
    rows = [(rule.name, rule.severity.label.to(language), rule.title.to(language), rule.namespace) for rule in rules]
    off = Text("停用", "disabled").to(language)
    flagged = [
        " ".join(filter(None, (flags_in_words(rule, language), off if is_off(rule, disabled) else "")))
        for rule in rules
    ]
    if any(flagged):
        columns.append("标记" if language == "zh" else "flags")
        return table(None, columns, [(*row, flags) for row, flags in zip(rows, flagged, strict=True)])
    return table(None, columns, rows)


def switches_table(switches: Sequence[Switch], language: Language) -> Table:
    """Return what is switched off: packs, files and rules."""
    columns = ["停用", "理由", "设置者"] if language == "zh" else ["disabled", "reason", "by"]
    named = (":".join(filter(None, (switch.rule_file, switch.rule))) for switch in switches)
    return table(
        None,
        columns,
        [(name, switch.reason, switch.changed_by) for name, switch in zip(named, switches, strict=True)],
    )
