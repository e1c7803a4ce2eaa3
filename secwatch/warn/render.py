"""Early warnings as people read them on a terminal: every level in words, colour only on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import RenderableType
from rich.text import Text as Styled

from secwatch.core.model import Alert, EarlyWarning, Language, Level, Text, WarningState
from secwatch.core.moments import in_zone
from secwatch.system.console import Paragraph, harmless, table

UNOWNED = Text("未归属", "unowned")
EXPIRED = Text("已过期", "expired")

_STYLES = {
    Level.NOTICE: "dim",
    Level.BLUE: "bold blue",
    Level.YELLOW: "bold yellow",
    Level.ORANGE: "bold dark_orange",
    Level.RED: "bold red",
}


def level_word(level: Level, language: Language) -> str:
    """Return a level so that it is read without colour: `[橙色]`."""
    return f"[{level.label.to(language)}]"


def state_word(warning: EarlyWarning, now: datetime, language: Language) -> str:
    """Return where a warning stands; one that has run out says so."""
    word = warning.state.label.to(language)
    if warning.state is not WarningState.LIFTED and warning.expires_at <= now:
        return f"{word} ({EXPIRED.to(language)})"
    return word


def owner_word(code: str | None, names: Mapping[str, Text], language: Language) -> str:
    """Return an organisation's name with its code, or that nobody owns it."""
    if code is None:
        return UNOWNED.to(language)
    return f"{names[code].to(language)} ({code})" if code in names else code


def listing(
    warnings: Sequence[EarlyWarning], names: Mapping[str, Text], now: datetime, zone: ZoneInfo, language: Language
) -> RenderableType:
    """Return warnings as a table, one line each."""
    heads = {
        "zh": ["编号", "级别", "状态", "单位", "标题", "告警", "到期"],
        "en": ["number", "level", "state", "owner", "title", "alerts", "expires"],
    }[language]
    rows = [
        (
            warning.number,
            Styled(level_word(warning.level, language), _STYLES[warning.level]),
            state_word(warning, now, language),
            owner_word(warning.organisation, names, language),
            warning.title.to(language),
            len(warning.alerts),
            in_zone(warning.expires_at, zone),
        )
        for warning in warnings
    ]
    return table(None, heads, rows, right=(heads[5],))


def in_full(
    warning: EarlyWarning,
    alerts: Sequence[Alert],
    said: Mapping[int, Text | None],
    names: Mapping[str, Text],
    now: datetime,
    zone: ZoneInfo,
    language: Language,
) -> list[RenderableType]:
    """Return one warning with its facts, its alerts (as many as are given) and what to do.

    said is what was seen, in a sentence, by the number of the alert.
    """

    def say(zh: str, en: str) -> str:
        return zh if language == "zh" else en

    facts = [
        (say("编号", "number"), warning.number),
        (say("状态", "state"), state_word(warning, now, language)),
        (say("单位", "organisation"), owner_word(warning.organisation, names, language)),
        (say("检测项", "detection"), warning.detection),
        (say("首次发现", "first seen"), in_zone(warning.first_seen, zone)),
        (say("最近发现", "last seen"), in_zone(warning.last_seen, zone)),
        (say("告警数", "alerts"), len(warning.alerts)),
        (say("到期", "expires"), f"{in_zone(warning.expires_at, zone)} ({zone.key})"),
    ]
    if warning.state is WarningState.REPORT_UPWARD:
        advice = say("计算级别为红色，须由上级发布", "the level comes out red, which a higher body issues")
        facts.insert(2, (say("上报", "report upward"), advice))
    response = warning.response.to(language)
    return [
        Styled.assemble(
            (level_word(warning.level, language), _STYLES[warning.level]),
            (f" {harmless(warning.title.to(language))}", "bold"),
        ),
        table(None, ["", ""], facts, show_header=False),
        Styled(say("告警", "Alerts"), "bold"),
        _alert_table(alerts, zone, language),
        *_seen(said, language),
        *_rest(len(warning.alerts) - len(alerts), language),
        Styled(say("处置建议", "What to do"), "bold"),
        Paragraph(response or say("（检测项未给出）", "(none given)"), lead="  "),
    ]


def _alert_table(alerts: Sequence[Alert], zone: ZoneInfo, language: Language) -> RenderableType:
    heads = {
        "zh": ["序号", "严重度", "源", "目标", "首次", "最近", "次数"],
        "en": ["id", "severity", "source", "target", "first", "last", "count"],
    }[language]
    rows = [
        (
            alert.id,
            alert.finding.severity.label.to(language),
            alert.finding.source or "",
            alert.finding.target or "",
            in_zone(alert.finding.first_seen, zone),
            in_zone(alert.finding.last_seen, zone),
            alert.finding.count,
        )
        for alert in alerts
    ]
    return table(None, heads, rows, right=(heads[0], heads[6]))


def _seen(said: Mapping[int, Text | None], language: Language) -> list[RenderableType]:
    told = [
        Paragraph(text.to(language), lead=f"{identifier:>5}  ") for identifier, text in said.items() if text is not None
    ]
    return [Styled("所见" if language == "zh" else "What was seen", "bold"), *told] if told else []


def _rest(number: int, language: Language) -> list[RenderableType]:
    if number <= 0:
        return []
    return [Styled(f"另有 {number} 条告警未列出" if language == "zh" else f"and {number} more alerts", "dim")]


def explanation(warning: EarlyWarning, sources: Sequence[Text], language: Language) -> list[RenderableType]:
    """Return every input and rule that made the level, in the order they were applied, and where the rules are from."""
    title = f" {warning.number} {harmless(warning.title.to(language))}"
    reasons = [
        Paragraph(reason.to(language), lead=f"{number:>3}  ") for number, reason in enumerate(warning.reasons, 1)
    ]
    notes = [Paragraph(source.to(language), lead=f"{f'[{number}]':>5}  ") for number, source in enumerate(sources, 1)]
    return [
        Styled.assemble((level_word(warning.level, language), _STYLES[warning.level]), (title, "bold")),
        *reasons,
        Styled("依据" if language == "zh" else "Sources", "bold"),
        *notes,
    ]
