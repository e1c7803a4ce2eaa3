"""The ledger: facts are kept once, in order, and a reader's cursor loses none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup import ledger
from backup.anomalies import of_run
from backup.model import AnomalyKind, FilesSource, Job, Outcome, Policy, Repository, Result, SnapshotRecord
from backup.overview import State, overview, record_overdue
from secwatch.system.database import Database, open_database

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
JOB = Job(
    "finance-files",
    "FIN",
    Repository("finance", "/srv/centre/finance", password_file=Path("/etc/p")),
    (FilesSource((Path("/srv/finance"),)),),
    Policy(every_seconds=86_400, rpo_seconds=86_400, rto_seconds=3_600),
)
BAD = Outcome("finance-files", "FIN", "finance", Result.FAILED, 1.0, message="no disk")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An empty ledger."""
    return open_database(tmp_path / "secwatch.db", (ledger.MIGRATIONS,))


def _run(
    database: Database, verb: str, at: datetime, result: Result, snapshot: str | None = None, **details: object
) -> int:
    run = ledger.start(database, JOB, verb, at)  # type: ignore[arg-type]
    outcome = Outcome(JOB.name, "FIN", "finance", result, 1.0, snapshot=snapshot, details=details)
    ledger.finish(database, run, outcome, at + timedelta(seconds=1))
    if verb == "run" and snapshot:
        ledger.record_repository(database, JOB, "1" * 64, at)
        made = SnapshotRecord("finance", snapshot, JOB.name, at, run=run, files=3, bytes=9, repository_id="1" * 64)
        ledger.record_snapshot(database, made)
    return run


def test_anomalies_come_once_and_in_order(database: Database) -> None:
    """Stating a fact twice changes nothing; the last id read is the next cursor."""
    facts = [of_run(JOB, number, BAD, NOW)[0] for number in (1, 2, 3)]
    runs = [_run(database, "run", NOW, Result.FAILED) for _ in facts]
    assert runs == [1, 2, 3]
    ledger.record_anomalies(database, facts[:2])
    ledger.record_anomalies(database, facts)
    first = ledger.anomalies_after(database, 0, limit=2)
    rest = ledger.anomalies_after(database, first[-1].id)
    assert [item.run for item in (*first, *rest)] == [1, 2, 3]
    assert ledger.anomalies_after(database, rest[-1].id) == ()
    assert replace(first[0], id=0) == facts[0]
    assert first[0].kind is AnomalyKind.RUN_FAILED


def test_open_runs_of_dead_processes_are_closed(database: Database) -> None:
    """Only those of the job and the verbs that the holder of the lock answers for."""
    ledger.start(database, JOB, "run", NOW)
    ledger.start(database, JOB, "restore", NOW)
    ledger.start(database, replace(JOB, name="other"), "run", NOW)
    dead = ledger.close_died(database, JOB.name, ("run", "verify"), NOW)
    assert [run.verb for run in dead] == ["run"]
    assert set(ledger.open_runs(database)) == {JOB.name, "other"}
    assert ledger.last_runs(database, "run")[JOB.name].result is Result.INTERRUPTED


def test_colours_of_the_overview(database: Database) -> None:
    """No data is red, a fresh success without proof is yellow, with proofs green, a failed proof red again."""

    def state(now: datetime = NOW) -> State:
        return overview(database, {JOB.name: JOB}, now)[0].state

    assert state() is State.RED
    _run(database, "run", NOW - timedelta(hours=2), Result.OK, "a" * 64)
    assert state() is State.YELLOW
    _run(database, "verify", NOW, Result.OK)
    _run(database, "drill", NOW, Result.OK, rto_seconds=5.0)
    assert state() is State.GREEN
    _run(database, "run", NOW, Result.FAILED)
    assert state() is State.YELLOW
    assert state(NOW + timedelta(days=2)) is State.RED
    _run(database, "drill", NOW, Result.DIFFERENT)
    assert state() is State.RED


def test_an_overdue_job_is_stated_once(database: Database) -> None:
    """Looking twice makes one fact; a new snapshot ends it, and the next breach is a new fact."""
    late = NOW + timedelta(days=3)
    _run(database, "run", NOW, Result.OK, "a" * 64)
    for moment in (NOW, late, late + timedelta(hours=1)):
        record_overdue(database, overview(database, {JOB.name: JOB}, moment), moment)
    assert [item.kind for item in ledger.anomalies_after(database, 0)] == [AnomalyKind.RPO_BROKEN]
    _run(database, "run", late, Result.OK, "b" * 64)
    record_overdue(database, overview(database, {JOB.name: JOB}, late + timedelta(days=2)), late + timedelta(days=2))
    assert len(ledger.anomalies_after(database, 0)) == 2


def test_a_vanished_snapshot_no_longer_counts(database: Database) -> None:
    """The recovery point is that of what is still there; what was adopted proves nothing."""
    _run(database, "run", NOW - timedelta(hours=5), Result.OK, "a" * 64)
    _run(database, "run", NOW - timedelta(hours=1), Result.OK, "b" * 64)
    held = ledger.holdings(database, JOB, "1" * 64, ["a" * 64])
    assert (held.gone, held.missing) == (("b" * 64,), 1)
    ledger.mark_missing(database, JOB, held, NOW)
    adopted = SnapshotRecord("finance", "c" * 64, JOB.name, NOW, adopted=True, repository_id="1" * 64)
    for _ in range(2):
        ledger.record_snapshot(database, adopted, adopt=True)
    status = overview(database, {JOB.name: JOB}, NOW)[0]
    assert status.rpo.achieved_seconds == 5 * 3600
    assert [item.id[0] for item in ledger.snapshots(database, JOB)] == ["c", "a"]
    assert (status.missing_snapshots, status.state) == (1, State.RED)
    elsewhere = replace(JOB, repository=replace(JOB.repository, location="/srv/other"))
    assert list(ledger.snapshots(database, elsewhere)) == []
