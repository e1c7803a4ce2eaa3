"""What a scan found is on record in time, also when another process holds the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secwatch.core.model import Organisation, Text
from secwatch.core.ownership import Ownership
from secwatch.scan.findings import Scene, findings_of
from secwatch.scan.record import Record
from secwatch.scan.rulebook import Rulebook
from secwatch.store import alerts, scans
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from tests.scan.conftest import MARKER, RULE, scanner_of

MOMENT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
Make = Callable[..., Rulebook]


def _scene() -> Scene:
    name = Text("数据局", "Data Office")
    owners = (
        Organisation("DAT", name, hosts=("web1.example.gov",)),
        Organisation("FIN", name, paths=("/srv/fin",)),
    )
    return Scene("web1.example.gov", MOMENT, Ownership(owners))


@pytest.mark.parametrize(("path", "owner"), [("/srv/fin/a.php", "FIN"), ("/srv/other/a.php", "DAT")])
def test_the_owner_is_that_of_the_path_or_else_of_the_host(path: str, owner: str, book: Make) -> None:
    made = book(marker=RULE)
    ((judgement, finding),) = findings_of(scanner_of(made).examine_content(path, MARKER), made, _scene())
    assert (finding.organisation, finding.target, judgement.rule.name) == (owner, path, "marker")
    assert finding.key.keys() == {"path", "rule_file", "rule", "sha256"}
    assert finding.response.zh
    assert finding.response.en


def test_a_database_that_is_held_is_tried_again_and_nothing_is_lost(book: Make, tmp_path: Path) -> None:
    made = book(marker=RULE)
    database = open_database(tmp_path / "secwatch.db", (MIGRATIONS,))
    database.execute("PRAGMA busy_timeout = 0")
    record = Record(made, _scene(), database)
    record.begin(["/srv"])
    examined = scanner_of(made).examine_content("/srv/fin/a.php", MARKER)
    record.tally.add(examined)
    record.add([examined])
    with closing(sqlite3.connect(tmp_path / "secwatch.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        record.flush()
        assert record.matches[0].alert is None
        with pytest.raises(sqlite3.OperationalError):
            record.flush(MOMENT)
        other.execute("ROLLBACK")
    assert alerts.select(database) == []
    record.flush()
    (scan,) = scans.select(database, 10)
    assert (scan.ended_at, scan.summary["matched"], scan.summary["complete"]) == (None, 1, False)
    record.flush(MOMENT)
    (scan,) = scans.select(database, 10)
    assert (scan.ended_at, scan.summary["complete"]) == (MOMENT, True)
    (alert,) = alerts.select(database)
    assert record.matches[0].alert == alert.id
    assert alert.finding.count == 1
    database.close()
