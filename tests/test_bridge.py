"""The bridge: every anomaly of the backups becomes one alert of its owner, whatever is killed in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from backup import ledger
from backup.model import Anomaly, AnomalyKind
from secwatch.bridge import CURSOR, pull_anomalies
from secwatch.core.model import Origin, Severity, Text
from secwatch.store import alerts, cursors, organisations
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from tests.conftest import Run
from tests.findings import CITY, NOW

ANOMALY = Anomaly(
    kind=AnomalyKind.RPO_BROKEN,
    job="fin-files",
    organisation="FIN",
    repository="fin",
    severity=Severity.HIGH,
    title=Text("备份超出恢复点目标", "backup past its recovery point objective"),
    response=Text("立即备份", "back up now"),
    fingerprint="rpo-broken:fin-files:1",
    seen_at=NOW,
    evidence={"achieved_seconds": 90000},
)


def open_both(path: Path) -> Database:
    """Return a database with the tables of both halves."""
    database = open_database(path / "secwatch.db", (MIGRATIONS, ledger.MIGRATIONS))
    organisations.replace(database, CITY)
    return database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A database with the tables of both halves."""
    return open_both(tmp_path)


def test_an_anomaly_becomes_an_alert_of_its_owner(database: Database) -> None:
    """With the words, the severity and the evidence of the ledger; pulled once."""
    ledger.record_anomalies(database, [ANOMALY])
    (identifier,) = pull_anomalies(database, NOW).opened
    alert = alerts.find(database, identifier)
    assert alert is not None
    assert (alert.organisation, alert.finding.origin, alert.finding.severity) == ("FIN", Origin.BACKUP, Severity.HIGH)
    assert alert.finding.detection == "backup-rpo-broken"
    assert alert.finding.title == ANOMALY.title and alert.finding.response == ANOMALY.response
    assert alert.finding.evidence["achieved_seconds"] == 90000
    assert pull_anomalies(database, NOW) == alerts.Changes()


def test_none_is_lost_however_many_and_however_old(database: Database) -> None:
    """More than a batch; one whose time lies before those already pulled."""
    ledger.record_anomalies(database, [replace(ANOMALY, fingerprint=str(number)) for number in range(1203)])
    assert len(pull_anomalies(database, NOW).opened) == 1203
    ledger.record_anomalies(database, [replace(ANOMALY, fingerprint="late", seen_at=NOW - timedelta(days=9))])
    assert len(pull_anomalies(database, NOW).opened) == 1
    assert cursors.position(database, CURSOR) == 1204


def test_a_failure_moves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts and cursor are one transaction: what failed is pulled the next time."""
    ledger.record_anomalies(database, [ANOMALY])
    move = cursors.move

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cursors, "move", killed)
    with pytest.raises(KeyboardInterrupt):
        pull_anomalies(database, NOW)
    monkeypatch.setattr(cursors, "move", move)
    assert alerts.select(database) == []
    assert len(pull_anomalies(database, NOW).opened) == 1


def test_drafting_pulls_first(secwatch: Callable[..., Run], workspace: Path) -> None:
    """A job that misses its recovery point is warned of by `warn draft` alone."""
    database = open_both(workspace / "state")
    ledger.record_anomalies(database, [ANOMALY])
    database.close()
    drafted = secwatch("-w", workspace, "warn", "draft", "--json").json
    assert [(item["organisation"], item["level"]) for item in drafted["items"]] == [("FIN", "orange")]
    assert secwatch("-w", workspace, "warn", "draft", "--json").json["drafted"] == []
