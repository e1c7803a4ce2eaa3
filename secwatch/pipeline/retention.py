"""How full the lake is, when it will be full at this rate, and the alert that says so before anything has to go."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from secwatch.core.model import Finding, Origin, Severity, Text
from secwatch.core.moments import to_text
from secwatch.sensor import segments
from secwatch.store import alerts
from secwatch.store.lake_files import bytes_held, bytes_read_since
from secwatch.system.database import Database
from secwatch.system.paths import Place
from secwatch.system.settings import Lake, Settings

# The rate is that of the last days, so that it follows a network that grows; half a day tells too little.
_RATE_DAYS = 7
_RATE_LEAST_DAYS = 0.5
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class Fullness:
    """How full the lake is, in bytes.

    limit is the quota, or less where the disk has no room for it. per_day is what came in a day lately,
    None while there is too little to tell. needed is what keep_days of that take.
    """

    used: int
    quota: int
    limit: int
    keep_days: int
    alert_share: float
    per_day: float | None
    now: datetime

    @property
    def share(self) -> float:
        """The part of the limit that is used."""
        return self.used / self.limit if self.limit else 1.0

    @property
    def needed(self) -> float | None:
        """What is held when as much comes as lately, and everything is kept for keep_days."""
        return None if self.per_day is None else self.per_day * self.keep_days

    @property
    def full_at(self) -> datetime | None:
        """When the limit is reached at the rate of late; None if never, because the oldest leave before that."""
        if self.share >= 1:
            return self.now
        if not self.per_day or self.per_day * self.keep_days <= self.limit:
            return None
        return self.now + timedelta(days=min((self.limit - self.used) / self.per_day, 36_500))

    @property
    def severity(self) -> Severity | None:
        """How bad it is; None below the share at which an alert is raised."""
        if self.share >= 1:
            return Severity.CRITICAL
        if self.share >= max(self.alert_share, (1 + self.alert_share) / 2):
            return Severity.HIGH
        return Severity.MEDIUM if self.share >= self.alert_share else None


def measure(place: Place, database: Database, settings: Lake, now: datetime) -> Fullness:
    """Return how full the lake is. Files on the disk that no row names are on their way out and not counted.

    What live capture keeps as evidence is room of the lake: it is dropped when the disk runs short.
    """
    used = bytes_held(database)
    room = sum(segment.size for segment in segments.listing(place.evidence))
    disk = shutil.disk_usage(_existing(place.lake))
    quota = quota_bytes(settings.quota, disk.total)
    came, first = bytes_read_since(database, now - timedelta(days=_RATE_DAYS))
    days = (now - first) / timedelta(days=1) if first else 0.0
    return Fullness(
        used=used,
        quota=quota,
        limit=min(quota, used + disk.free + room),
        keep_days=settings.keep_days,
        alert_share=settings.alert_percent / 100,
        per_day=came / days if days >= _RATE_LEAST_DAYS else None,
        now=now,
    )


def quota_bytes(text: str, total: int) -> int:
    """Return a quota in bytes: `200G` (powers of 1024), or `80%` of the disk's total."""
    if text.endswith("%"):
        return total * int(text[:-1]) // 100
    found = re.fullmatch(r"(\d+)([KMGT])", text)
    if found is None:
        raise ValueError(f"not a quota: {text!r}")
    return int(found[1]) * _UNITS[found[2]]


def watch(place: Place, database: Database, settings: Settings, now: datetime) -> Sequence[int]:
    """Raise or add to the alert of a lake that is filling up; return the numbers of alerts that changed."""
    found = finding(measure(place, database, settings.lake, now), settings.lake)
    if found is None:
        return ()
    with database.atomic():
        changes = alerts.record(database, [found], now)
    return (*changes.opened, *changes.updated)


def finding(fullness: Fullness, settings: Lake) -> Finding | None:
    """Return what there is to say of a lake that is filling up, once for every hour."""
    severity = fullness.severity
    if severity is None:
        return None
    percent = int(fullness.share * 100)
    hour = fullness.now.replace(minute=0, second=0, microsecond=0)
    full_at = fullness.full_at
    return Finding(
        detection="lake_quota",
        title=Text(f"流量数据湖已用配额的 {percent}%", f"the lake has used {percent} % of its quota"),
        origin=Origin.NETWORK,
        severity=severity,
        key={"lake": "quota"},
        first_seen=hour,
        last_seen=hour,
        count=1,
        new_count=1,
        suppress_seconds=7 * 86_400,
        target="lake",
        score=round(fullness.share, 3),
        confidence=1.0,
        aspect="management",
        evidence={
            "used_bytes": fullness.used,
            "limit_bytes": fullness.limit,
            "quota": settings.quota,
            "bytes_per_day": None if fullness.per_day is None else round(fullness.per_day),
            "full_at": to_text(full_at) if full_at else None,
        },
        response=_response(settings),
    )


def _response(settings: Lake) -> Text:
    dropping = settings.drop_beyond_quota
    zh = "超出配额且已满法定期限的数据会被清理。" if dropping else "数据不会自动丢弃。"
    en = "Beyond the quota, prune drops what is past the legal time." if dropping else "Nothing is dropped by itself."
    return Text(
        "先看用量与预测：secwatch lake status。加大磁盘或 [lake] quota；超过保存期的数据可清理："
        f"secwatch lake prune --dry-run。{zh}",
        "Look at the use and the forecast: secwatch lake status. Enlarge the disk or [lake] quota; what is"
        f" older than the retention can go: secwatch lake prune --dry-run. {en}",
    )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
