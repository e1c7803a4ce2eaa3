"""Findings and organisations made by hand, and a database to put them in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from secwatch.core.model import Finding, Organisation, Origin, Severity, Text
from secwatch.store import alerts, organisations
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database

# A Wednesday in week 47 of 2026.
NOW = datetime(2026, 11, 18, 8, 0, tzinfo=UTC)

CITY = (
    Organisation("FIN", Text("市财政局", "Finance Bureau"), netblocks=("192.0.2.0/26",), importance=3),
    Organisation("HEALTH", Text("市卫生健康委", "Health Commission"), netblocks=("192.0.2.64/26",), importance=2),
    Organisation("CIVIL", Text("市民政局", "Civil Affairs Bureau"), netblocks=("192.0.2.128/26",), importance=1),
)

SCAN = Finding(
    detection="port-scan",
    title=Text("端口扫描", "Port scan"),
    origin=Origin.NETWORK,
    severity=Severity.MEDIUM,
    key={"source": "198.51.100.7", "target": "192.0.2.10"},
    first_seen=NOW - timedelta(hours=2),
    last_seen=NOW - timedelta(hours=1),
    count=120,
    new_count=120,
    suppress_seconds=3600,
    source="198.51.100.7",
    target="192.0.2.10",
    response=Text("在边界封堵扫描源。", "Block the scanner at the border."),
    organisation="FIN",
)


def finding(**changes: Any) -> Finding:
    """Return the port scan with some things changed; the key follows source and target."""
    made = replace(SCAN, **changes)
    if "key" not in changes:
        made = replace(made, key={"source": made.source, "target": made.target})
    return made


def city_database(directory: Path) -> Database:
    """Return a new database that knows the three organisations."""
    database = open_database(directory / "secwatch.db", (MIGRATIONS,))
    organisations.replace(database, CITY)
    return database


def record(database: Database, *findings: Finding, now: datetime = NOW) -> alerts.Changes:
    """Record findings in a transaction, as the pipeline does."""
    with database.atomic():
        return alerts.record(database, findings, now)
