"""The bridge: the one file that knows both halves. Anomalies of the backups become alerts."""

from __future__ import annotations

from datetime import datetime

from backup import ledger
from backup.model import Anomaly
from secwatch.core.model import Finding, Origin
from secwatch.store import alerts, cursors
from secwatch.store.alerts import Changes
from secwatch.system.database import Database

CURSOR = "backup-anomalies"
_BATCH = 500


def pull_anomalies(database: Database, now: datetime) -> Changes:
    """Make alerts of the anomalies that the ledger got since the last time, and return which.

    Reading, recording and moving the cursor are one transaction: a kill neither loses an anomaly
    nor takes one twice.
    """
    opened: list[int] = []
    updated: list[int] = []
    with database.atomic():
        cursors.claim(database, CURSOR)
        at = cursors.position(database, CURSOR)
        while batch := ledger.anomalies_after(database, at, _BATCH):
            changes = alerts.record(database, (_finding(anomaly) for anomaly in batch), now)
            opened += changes.opened
            updated += changes.updated
            at = batch[-1].id
        cursors.move(database, CURSOR, at)
    return Changes(tuple(opened), tuple(updated))


def _finding(anomaly: Anomaly) -> Finding:
    """An anomaly is a fact stated once, so its fingerprint is the key and nothing is ever added to it.

    The organisation is the one that the job names in the configuration.
    """
    return Finding(
        detection=f"backup-{anomaly.kind}",
        title=anomaly.title,
        origin=Origin.BACKUP,
        severity=anomaly.severity,
        key={"fingerprint": anomaly.fingerprint},
        first_seen=anomaly.seen_at,
        last_seen=anomaly.seen_at,
        count=1,
        new_count=1,
        suppress_seconds=0,
        target=anomaly.job,
        confidence=1.0,
        aspect="management",
        evidence={"job": anomaly.job, "repository": anomaly.repository, "run": anomaly.run, **anomaly.evidence},
        response=anomaly.response,
        organisation=anomaly.organisation,
    )
