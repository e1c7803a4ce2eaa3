"""Words that every form of a bulletin needs around the document: labels and numbers of sections."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from secwatch.bulletin.document import Bulletin
from secwatch.core.model import Language, Text
from secwatch.core.moments import from_text, in_zone

_NUMERALS = "一二三四五六七八九十"

LABELS = {
    "number": Text("期号", "Number"),
    "period": Text("时段", "Period"),
    "marking": Text("传播范围", "Marking"),
    "issuer": Text("签发", "Issued by"),
    "composed": Text("编制时间", "Composed"),
    "rating": Text("总体评价", "Overall rating"),
    "fingerprint": Text("内容校验 SHA-256", "SHA-256 of the content"),
}


def label(key: str, language: Language) -> str:
    """Return the label of a header line."""
    return LABELS[key].to(language)


def section_number(number: int, language: Language) -> str:
    """Return what stands before a section's title: `一、` or `1. `."""
    return f"{_NUMERALS[number - 1]}、" if language == "zh" else f"{number}. "


def composed(bulletin: Bulletin) -> str:
    """Return when the edition was composed, in its own time zone."""
    return f"{in_zone(from_text(bulletin.composed_at), ZoneInfo(bulletin.time_zone))} ({bulletin.time_zone})"


def period(bulletin: Bulletin, language: Language) -> str:
    """Return first and last day."""
    return f"{bulletin.first_day} {'至' if language == 'zh' else 'to'} {bulletin.last_day}"


def header(bulletin: Bulletin, language: Language) -> list[tuple[str, str]]:
    """Return label and value of every header line, in order."""
    values = {
        "number": bulletin.number(language),
        "period": period(bulletin, language),
        "marking": bulletin.marking,
        "issuer": bulletin.issuer.to(language),
        "composed": composed(bulletin),
    }
    return [(label(key, language), value) for key, value in values.items()]
