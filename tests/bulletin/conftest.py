"""Material for bulletins, made by hand and out of a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database

from secwatch.bulletin.compose import compose
from secwatch.bulletin.document import Bulletin
from secwatch.bulletin.gather import gather
from secwatch.bulletin.material import Backups, JobState, Material
from secwatch.bulletin.rating import Formula, load_formula
from secwatch.bulletin.week import named_week
from secwatch.core.model import Origin, Severity, Text
from secwatch.core.moments import to_microseconds, to_text
from secwatch.system.paths import shipped
from secwatch.system.settings import Settings
from secwatch.warn.levels import load_levels
from secwatch.warn.triage import draft
from tests.findings import CITY, NOW, city_database, finding, record

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY_AFTER = NOW + timedelta(days=5)


@pytest.fixture(scope="session")
def formula() -> Formula:
    """The shipped rating rules."""
    return load_formula(shipped("rules") / "rating.toml")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A database that knows three organisations."""
    return city_database(tmp_path)


def observe(database: Database, first: datetime, last: datetime) -> None:
    """Record that packets of that time were read."""
    number = next(iter(database.query("SELECT COUNT(*) + 1 AS number FROM inputs")))["number"]
    database.table("inputs").insert(
        {
            "identity": f"sha-{number}",
            "quick_identity": f"quick-{number}",
            "name": f"capture-{number}.pcap",
            "read_at": to_text(NOW),
            "first_time": to_microseconds(first),
            "last_time": to_microseconds(last),
            "counters": "{}",
        }
    )


def scanned(database: Database, moment: datetime) -> None:
    """Record that files were scanned then."""
    database.table("scans").insert(
        {"started_at": to_text(moment), "ended_at": to_text(moment), "paths": "[]", "ruleset": "x", "summary": "{}"}
    )


def full_city(database: Database) -> None:
    """Ten observed weeks, attacks of every kind in the last, warnings drafted."""
    for weeks in range(10):
        then = NOW - timedelta(weeks=weeks)
        observe(database, then - timedelta(days=3), then + timedelta(days=4))
        scanned(database, then)
        for number in range(3 + weeks % 3):
            seen = then - timedelta(hours=number)
            record(
                database, finding(source=f"198.51.100.{number}", first_seen=seen, last_seen=seen, suppress_seconds=1)
            )
    record(
        database,
        finding(
            detection="brute-force",
            title=Text("SSH 口令暴力破解（多次尝试）", "SSH brute force with many attempts"),
            target="192.0.2.70",
            organisation="HEALTH",
            severity=Severity.HIGH,
        ),
        finding(
            detection="tunnel", title=Text("DNS 隧道外传", "DNS tunnel"), severity=Severity.CRITICAL, target="192.0.2.9"
        ),
        finding(detection="beacon", title=Text("周期外联", "Beacon"), organisation=None, target="203.0.113.7"),
        finding(
            detection="web_shell",
            origin=Origin.SCAN,
            title=Text("一句话木马", "Web shell"),
            source=None,
            target="/srv/civil/a.php",
            organisation="CIVIL",
            severity=Severity.HIGH,
        ),
    )
    draft(database, Settings(), CITY, NOW, load_levels(shipped("rules") / "levels.toml"))


def job(**changes: Any) -> JobState:
    """Return a job that keeps every promise, with some things changed."""
    proven = JobState("fin-files", "FIN", NOW, 86400, True, NOW, NOW, 42.0, 14400)
    return replace(proven, **changes)


BACKUPS = Backups(
    (job(), job(job="health-records", organisation="HEALTH", rpo_met=False, verified_at=None, drilled_at=None)),
    good_runs=12,
    bad_runs=2,
    previous_good_runs=14,
    previous_bad_runs=0,
)


def material_of(
    database: Database, name: str = "2026-W47", now: datetime = MONDAY_AFTER, backups: Backups = BACKUPS
) -> Material:
    """Return the material of a week as the command would gather it."""
    return gather(database, named_week(name, now, ZONE), ZONE, CITY, backups, now)


@pytest.fixture
def composed(database: Database, formula: Formula) -> Callable[..., Bulletin]:
    """Compose the bulletin of what is in the database."""

    def make(**options: Any) -> Bulletin:
        return compose(material_of(database, **options), Settings(), formula)

    return make
