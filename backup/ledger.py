"""The ledger: every SQL statement of the backup half, over the shared SQLite file. Typed in, typed out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlite_utils import Database, Migrations

from backup import ledger_rows
from backup.ledger_schema import BEGINNING
from backup.model import Anomaly, Job, Outcome, Result, RunRecord, SnapshotRecord, Verb
from secwatch.core.escape import storable
from secwatch.core.moments import to_text

MIGRATIONS = Migrations("backup")

_CREDENTIALS = re.compile(r"//\S*@")
# Snapshots belong to a repository by restic's own id of it, so that another location is another
# repository, a moved one the same, and one that was exchanged in its place lacks all it should hold.
_IN_REPOSITORY = (
    "repository = :name AND repository_id IN (SELECT id FROM repositories WHERE name = :name AND location = :location)"
)
_OF_JOB = f"job = :job AND {_IN_REPOSITORY}"


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
            "message": outcome.message and storable(outcome.message),
            "hint": outcome.hint and storable(outcome.hint),
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
    return tuple(ledger_rows.run(row) for row in rows)


def runs(database: Database, job: str | None = None, verb: Verb | None = None, limit: int = 100) -> Sequence[RunRecord]:
    """Return runs, newest first."""
    rows = database.query(
        "SELECT * FROM runs WHERE (:job IS NULL OR job = :job) AND (:verb IS NULL OR verb = :verb)"
        " ORDER BY id DESC LIMIT :limit",
        {"job": job, "verb": verb, "limit": limit},
    )
    return [ledger_rows.run(row) for row in rows]


def last_runs(database: Database, verb: Verb, results: Iterable[Result] | None = None) -> dict[str, RunRecord]:
    """Return each job's last closed run of a verb, or its last one that ended in one of the results."""
    wanted = [] if results is None else [result.value for result in results]
    chosen = "result IS NOT NULL" if results is None else f"result IN ({', '.join('?' for _ in wanted)})"
    rows = database.query(
        "SELECT runs.* FROM runs JOIN (SELECT max(id) AS id FROM runs"  # noqa: S608 - question marks only
        f" WHERE verb = ? AND {chosen} GROUP BY job) AS last USING (id)",
        [verb, *wanted],
    )
    return {row["job"]: ledger_rows.run(row) for row in rows}


def open_runs(database: Database) -> dict[str, RunRecord]:
    """Return each job's run that has not ended, as far as the ledger knows."""
    return {
        row["job"]: ledger_rows.run(row)
        for row in database.query("SELECT * FROM runs WHERE ended_at IS NULL ORDER BY id")
    }


def record_snapshot(database: Database, snapshot: SnapshotRecord, *, adopt: bool = False) -> None:
    """Keep a snapshot, or what is now known of it; with `adopt`, change nothing of one that is known."""
    row = {
        "repository": snapshot.repository,
        "repository_id": snapshot.repository_id,
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
    if adopt:
        database.table("snapshots").insert(row, ignore=True)
    else:
        database.table("snapshots").upsert(row, pk=("repository", "id"))


def record_repository(database: Database, job: Job, identifier: str, now: datetime) -> None:
    """Keep which repository was found where the configuration says. Credentials in its location are not kept."""
    row = {**_place(job), "id": identifier, "seen_at": to_text(now)}
    database.table("repositories").insert(row, replace=True)


def _place(job: Job) -> dict[str, str]:
    return {"name": job.repository.name, "location": _CREDENTIALS.sub("//", job.repository.location)}


def _chosen(job: Job) -> dict[str, str]:
    return {**_place(job), "job": job.name}


def snapshots(database: Database, job: Job, limit: int | None = None) -> Sequence[SnapshotRecord]:
    """Return the snapshots of a job that are in its repository as far as is known, newest first."""
    rows = database.query(
        f"SELECT * FROM snapshots WHERE {_OF_JOB} AND missing_since IS NULL"  # noqa: S608 - a constant
        " ORDER BY time DESC, id DESC LIMIT :limit",
        {**_chosen(job), "limit": -1 if limit is None else limit},
    )
    return [ledger_rows.snapshot(row) for row in rows]


def last_made(database: Database, job: Job, no_later: datetime) -> SnapshotRecord | None:
    """Return the newest snapshot of a job that was seen made, is still there, and is not from the future."""
    rows = database.query(
        f"SELECT * FROM snapshots WHERE {_OF_JOB} AND missing_since IS NULL AND adopted = 0"  # noqa: S608 - a constant
        " AND time <= :no_later ORDER BY time DESC, id DESC LIMIT 1",
        {**_chosen(job), "no_later": to_text(no_later)},
    )
    return next(map(ledger_rows.snapshot, rows), None)


def find_snapshot(database: Database, job: Job, identifier: str) -> SnapshotRecord | None:
    """Return what is known of a snapshot by its whole id."""
    rows = database.query("SELECT * FROM snapshots WHERE repository = ? AND id = ?", [job.repository.name, identifier])
    return next(map(ledger_rows.snapshot, rows), None)


def missing_snapshots(database: Database, job: Job) -> int:
    """Return how many of the job's snapshots have gone from the repository."""
    return _count(database, "missing_since IS NOT NULL", _chosen(job))


def future_snapshots(database: Database, job: Job, later_than: datetime) -> int:
    """Return how many snapshots of the job claim a time after that moment."""
    return _count(
        database,
        "missing_since IS NULL AND time > :later_than",
        {**_chosen(job), "later_than": to_text(later_than)},
    )


def _count(database: Database, condition: str, values: dict[str, str]) -> int:
    rows = database.query(f"SELECT count(*) AS number FROM snapshots WHERE {_OF_JOB} AND {condition}", values)  # noqa: S608
    return int(next(iter(rows))["number"])


def is_used(database: Database, job: Job) -> bool:
    """Say whether any snapshot is known in the job's repository, of whatever job."""
    rows = database.query(f"SELECT 1 FROM snapshots WHERE {_IN_REPOSITORY} LIMIT 1", _place(job))  # noqa: S608 - a constant
    return next(iter(rows), None) is not None


@dataclass(frozen=True)
class Holdings:
    """The repository's own id, and those of a job's snapshots in it.

    gone since the last look, listed again, unknown here; missing is how many lack by now.
    """

    repository_id: str
    gone: tuple[str, ...]
    back: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: int


def holdings(database: Database, job: Job, repository_id: str, listed: Sequence[str]) -> Holdings:
    """Hold the job's snapshots against those that its repository lists; change nothing."""
    rows = database.query(
        f"SELECT id, missing_since FROM snapshots WHERE {_OF_JOB} ORDER BY time DESC, id DESC",  # noqa: S608 - a constant
        _chosen(job),
    )
    known, there = {row["id"]: row["missing_since"] for row in rows}, set(listed)
    return Holdings(
        repository_id=repository_id,
        gone=tuple(item for item, since in known.items() if since is None and item not in there),
        back=tuple(item for item, since in known.items() if since is not None and item in there),
        unknown=tuple(item for item in listed if item not in known),
        missing=sum(item not in there for item in known),
    )


def mark_missing(database: Database, job: Job, held: Holdings, now: datetime) -> None:
    """Keep which snapshots have gone although nobody here removed them, and which are back."""
    for moment, identifiers in ((to_text(now), held.gone), (None, held.back)):
        for identifier in identifiers:
            database.execute(
                "UPDATE snapshots SET missing_since = ? WHERE repository = ? AND id = ?",
                [moment, job.repository.name, identifier],
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
    return tuple(ledger_rows.anomaly(row) for row in rows)
