"""The ledger: every SQL statement of the backup half, over the shared SQLite file. Typed in, typed out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlite_utils import Database, Migrations

from backup.ledger_schema import BEGINNING
from backup.model import Anomaly, AnomalyKind, Job, Outcome, Result, RunRecord, SnapshotRecord, Verb
from secwatch.core.model import Severity, Text
from secwatch.core.moments import from_text, to_text

MIGRATIONS = Migrations("backup")


@MIGRATIONS(name="0001_beginning")
def beginning(database: Database) -> None:
    """Runs, snapshots, checks, drills, anomalies."""
    for statement in BEGINNING.split(";\n"):
        if statement.strip():
            database.execute(statement)


def start(database: Database, job: Job, verb: Verb, now: datetime) -> int:
    """Open a run and return its number."""
    row = {
        "job": job.name,
        "organisation": job.organisation,
        "repository": job.repository.name,
        "verb": verb,
        "started_at": to_text(now),
    }
    return cast("int", database.table("runs").insert(row).last_pk)


def finish(database: Database, run: int, outcome: Outcome, now: datetime) -> None:
    """Close a run. Call it in the transaction that records what the run made."""
    database.table("runs").update(
        run,
        {
            "ended_at": to_text(now),
            "result": outcome.result.value,
            "message": outcome.message,
            "hint": outcome.hint,
            "seconds": outcome.seconds,
            "snapshot": outcome.snapshot,
            "details": json.dumps(dict(outcome.details), default=str),
        },
    )


def close_died(database: Database, job: str, verbs: Sequence[Verb], now: datetime) -> tuple[RunRecord, ...]:
    """Close the open runs of these verbs as interrupted and return them. Only for the holder of the job's lock."""
    marks = ", ".join("?" for _ in verbs)
    chosen = f"job = ? AND ended_at IS NULL AND verb IN ({marks})"
    message = "it ended without a word: killed, or the machine went down"
    with database.atomic():
        rows = list(database.query(f"SELECT * FROM runs WHERE {chosen} ORDER BY id", [job, *verbs]))  # noqa: S608
        database.execute(
            f"UPDATE runs SET ended_at = ?, result = ?, message = ? WHERE {chosen}",  # noqa: S608
            [to_text(now), Result.INTERRUPTED.value, message, job, *verbs],
        )
    return tuple(_run(row) for row in rows)


def runs(database: Database, job: str | None = None, verb: Verb | None = None, limit: int = 100) -> Sequence[RunRecord]:
    """Return runs, newest first."""
    rows = database.query(
        "SELECT * FROM runs WHERE (:job IS NULL OR job = :job) AND (:verb IS NULL OR verb = :verb)"
        " ORDER BY id DESC LIMIT :limit",
        {"job": job, "verb": verb, "limit": limit},
    )
    return [_run(row) for row in rows]


def last_runs(database: Database, verb: Verb, results: Iterable[Result] | None = None) -> dict[str, RunRecord]:
    """Return each job's last closed run of a verb, or its last one that ended in one of the results."""
    wanted = list(Result) if results is None else list(results)
    marks = ", ".join("?" for _ in wanted)
    rows = database.query(
        "SELECT runs.* FROM runs JOIN (SELECT max(id) AS id FROM runs"  # noqa: S608 - question marks only
        f" WHERE verb = ? AND result IN ({marks}) GROUP BY job) AS last USING (id)",
        [verb, *(result.value for result in wanted)],
    )
    return {row["job"]: _run(row) for row in rows}


def open_runs(database: Database) -> dict[str, RunRecord]:
    """Return each job's run that has not ended, as far as the ledger knows."""
    return {row["job"]: _run(row) for row in database.query("SELECT * FROM runs WHERE ended_at IS NULL ORDER BY id")}


def _run(row: Mapping[str, Any]) -> RunRecord:
    return RunRecord(
        id=row["id"],
        job=row["job"],
        organisation=row["organisation"],
        repository=row["repository"],
        verb=row["verb"],
        started_at=from_text(row["started_at"]),
        ended_at=from_text(row["ended_at"]) if row["ended_at"] else None,
        result=Result(row["result"]) if row["result"] else None,
        message=row["message"],
        hint=row["hint"],
        seconds=row["seconds"],
        snapshot=row["snapshot"],
        details=json.loads(row["details"]),
    )


def record_snapshot(database: Database, snapshot: SnapshotRecord) -> None:
    """Keep a snapshot, or what is now known of it."""
    row = {
        "repository": snapshot.repository,
        "id": snapshot.id,
        "job": snapshot.job,
        "time": to_text(snapshot.time),
        "run": snapshot.run,
        "files": snapshot.files,
        "bytes": snapshot.bytes,
        "bytes_added": snapshot.bytes_added,
        "bytes_added_packed": snapshot.bytes_added_packed,
        "files_new": snapshot.files_new,
        "files_changed": snapshot.files_changed,
        "unreadable": snapshot.unreadable,
        "changed": snapshot.changed,
        "excluded": snapshot.excluded,
        "manifest_sha256": snapshot.manifest_sha256,
        "adopted": int(snapshot.adopted),
    }
    database.table("snapshots").upsert(row, pk=("repository", "id"))


def snapshots(database: Database, job: Job, limit: int = 1000) -> Sequence[SnapshotRecord]:
    """Return the snapshots of a job that are in its repository as far as is known, newest first."""
    rows = database.query(
        "SELECT * FROM snapshots WHERE job = ? AND repository = ? AND missing_since IS NULL"
        " ORDER BY time DESC, id DESC LIMIT ?",
        [job.name, job.repository.name, limit],
    )
    return [_snapshot(row) for row in rows]


def last_snapshots(database: Database) -> dict[tuple[str, str], SnapshotRecord]:
    """Return the newest snapshot that was seen made, by (job, repository)."""
    rows = database.query(
        "SELECT *, max(time) FROM snapshots WHERE missing_since IS NULL AND adopted = 0 GROUP BY job, repository"
    )
    return {(row["job"], row["repository"]): _snapshot(row) for row in rows}


def mark_missing(database: Database, job: Job, identifiers: Iterable[str], now: datetime) -> None:
    """Keep that these snapshots are no longer in the repository, although nobody here removed them."""
    for identifier in identifiers:
        database.execute(
            "UPDATE snapshots SET missing_since = ? WHERE repository = ? AND id = ?",
            [to_text(now), job.repository.name, identifier],
        )


def _snapshot(row: Mapping[str, Any]) -> SnapshotRecord:
    names = ("files", "bytes", "bytes_added", "bytes_added_packed", "files_new", "files_changed")
    return SnapshotRecord(
        repository=row["repository"],
        id=row["id"],
        job=row["job"],
        time=from_text(row["time"]),
        run=row["run"],
        **{name: row[name] for name in names},
        unreadable=row["unreadable"],
        changed=row["changed"],
        excluded=row["excluded"],
        manifest_sha256=row["manifest_sha256"],
        adopted=bool(row["adopted"]),
    )


def record_check(database: Database, run: int, subset: str | None, problems: int) -> None:
    """Keep what a verification read (`all`, `n/t`, a percentage, None for no data) and found."""
    database.table("checks").insert({"run": run, "subset": subset, "problems": problems})


def sound_checks(database: Database, job: Job) -> int:
    """Return how many verifications of the job's repository have read a part n/t of the data and found nothing."""
    rows = database.query(
        "SELECT count(*) AS number FROM checks JOIN runs ON runs.id = checks.run"
        " WHERE runs.repository = ? AND checks.subset LIKE '%/%' AND checks.problems = 0",
        [job.repository.name],
    )
    return int(next(iter(rows))["number"])


def record_drill(database: Database, run: int, drill: Mapping[str, Any]) -> None:
    """Keep a drill: snapshot, entries, files_compared, bytes_compared, differences, rto_seconds, rpo_seconds."""
    database.table("drills").insert({"run": run, **drill})


def record_anomalies(database: Database, anomalies: Iterable[Anomaly]) -> None:
    """Keep each anomaly whose fingerprint is not there yet."""
    for anomaly in anomalies:
        row = {
            "fingerprint": anomaly.fingerprint,
            "kind": anomaly.kind.value,
            "job": anomaly.job,
            "organisation": anomaly.organisation,
            "repository": anomaly.repository,
            "severity": int(anomaly.severity),
            "title_zh": anomaly.title.zh,
            "title_en": anomaly.title.en,
            "response_zh": anomaly.response.zh,
            "response_en": anomaly.response.en,
            "evidence": json.dumps(dict(anomaly.evidence), default=str),
            "seen_at": to_text(anomaly.seen_at),
            "run": anomaly.run,
        }
        database.table("anomalies").insert(row, ignore=True)


def anomalies_after(database: Database, cursor: int, limit: int = 1000) -> tuple[Anomaly, ...]:
    """Return anomalies whose id is above the cursor, in the order of their ids.

    Ids only grow and are given in the order of commits, so the last id read is the next cursor.
    """
    rows = database.query("SELECT * FROM anomalies WHERE id > ? ORDER BY id LIMIT ?", [cursor, limit])
    return tuple(_anomaly(row) for row in rows)


def _anomaly(row: Mapping[str, Any]) -> Anomaly:
    return Anomaly(
        kind=AnomalyKind(row["kind"]),
        job=row["job"],
        organisation=row["organisation"],
        repository=row["repository"],
        severity=Severity(row["severity"]),
        title=Text(row["title_zh"], row["title_en"]),
        response=Text(row["response_zh"], row["response_en"]),
        fingerprint=row["fingerprint"],
        seen_at=from_text(row["seen_at"]),
        evidence=json.loads(row["evidence"]),
        run=row["run"],
        id=row["id"],
    )
