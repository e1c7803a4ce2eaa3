"""How every job stands: last success, age against the objectives, next run, last proofs. No data is red."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backup import ledger
from backup.compliance import Promise, Verdict, latest_credible, recovery_point, recovery_time, rpo_anomaly
from backup.model import Anomaly, Job, Result, RunRecord, SnapshotRecord
from backup.plan import Due, due
from secwatch.core.model import Text
from secwatch.system.database import Database


class State(StrEnum):
    """A job at one glance."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"

    @property
    def label(self) -> Text:
        """The word for it; readable without colour."""
        return {
            State.GREEN: Text("正常", "good"),
            State.YELLOW: Text("注意", "attention"),
            State.RED: Text("告急", "red"),
        }[self]


@dataclass(frozen=True)
class JobStatus:
    """How a job stands. open_run is a run that has not ended; it may also have died.

    missing_snapshots have gone from the repository; future_snapshots claim a time that has not come.
    """

    job: Job
    last_success: RunRecord | None
    last_attempt: RunRecord | None
    open_run: RunRecord | None
    snapshot: SnapshotRecord | None
    due: Due
    rpo: Promise
    rto: Promise
    last_verify: RunRecord | None
    last_drill: RunRecord | None
    missing_snapshots: int = 0
    future_snapshots: int = 0

    @property
    def state(self) -> State:
        """Red: no success, past the recovery point, snapshots gone, damage. Yellow: gaps, failures, no proof yet."""
        attempts = (self.last_attempt, self.last_verify, self.last_drill)
        failed = any(attempt is not None and attempt.result and attempt.result.disproved for attempt in attempts)
        if self.rpo.verdict is not Verdict.MET or failed or self.missing_snapshots:
            return State.RED
        gaps = any(attempt is None or attempt.result is not Result.OK for attempt in attempts)
        return State.YELLOW if gaps or self.future_snapshots or self.rto.verdict is not Verdict.MET else State.GREEN

    def as_item(self) -> dict[str, object]:
        """Return the item of the JSON contract."""
        return {
            "job": self.job.name,
            "organisation": self.job.organisation,
            "repository": self.job.repository.name,
            "state": self.state.value,
            "last_success": self.last_success.started_at if self.last_success else None,
            "last_result": self.last_attempt.result if self.last_attempt else None,
            "last_message": self.last_attempt.message if self.last_attempt else None,
            "running_since": self.open_run.started_at if self.open_run else None,
            "snapshot": self.snapshot.id if self.snapshot else None,
            "snapshot_time": self.snapshot.time if self.snapshot else None,
            "files": self.snapshot.files if self.snapshot else None,
            "bytes": self.snapshot.bytes if self.snapshot else None,
            "missing_snapshots": self.missing_snapshots,
            "future_snapshots": self.future_snapshots,
            "next_due": self.due.at,
            "due_now": self.due.now,
            "rpo": _promise(self.rpo),
            "rto": _promise(self.rto),
            "last_verify": _proof(self.last_verify),
            "last_drill": _proof(self.last_drill),
        }


def _promise(promise: Promise) -> dict[str, object]:
    return {
        "target_seconds": promise.target_seconds,
        "achieved_seconds": promise.achieved_seconds,
        "verdict": promise.verdict.value,
    }


def _proof(run: RunRecord | None) -> dict[str, object] | None:
    if run is None:
        return None
    return {"at": run.started_at, "result": run.result, "snapshot": run.snapshot, "message": run.message}


def overview(database: Database, jobs: Mapping[str, Job], now: datetime) -> tuple[JobStatus, ...]:
    """Return how each job stands, in the order of the configuration."""
    good = (Result.OK, Result.PARTIAL)
    successes = ledger.last_runs(database, "run", good)
    attempts = ledger.last_runs(database, "run")
    verifications, drills = ledger.last_runs(database, "verify"), ledger.last_runs(database, "drill")
    measured = ledger.last_runs(database, "drill", good)
    open_runs, latest = ledger.open_runs(database), latest_credible(now)
    found = []
    for name, job in jobs.items():
        success, snapshot = successes.get(name), ledger.last_made(database, job, latest)
        drill = measured.get(name)
        found.append(
            JobStatus(
                job=job,
                last_success=success,
                last_attempt=attempts.get(name),
                open_run=open_runs.get(name),
                snapshot=snapshot,
                due=due(job, success.started_at if success else None, now),
                rpo=recovery_point(job, snapshot.time if snapshot else None, now),
                rto=recovery_time(job, drill.details.get("rto_seconds") if drill else None),
                last_verify=verifications.get(name),
                last_drill=drills.get(name),
                missing_snapshots=ledger.missing_snapshots(database, job),
                future_snapshots=ledger.future_snapshots(database, job, latest),
            )
        )
    return tuple(found)


def record_overdue(database: Database, statuses: Sequence[JobStatus], now: datetime) -> tuple[Anomaly, ...]:
    """Write into the ledger which jobs are past their recovery point, each once, and return them."""
    found = []
    for status in statuses:
        moment = status.snapshot.time if status.snapshot else None
        anomaly = rpo_anomaly(status.job, status.rpo, moment, now)
        if anomaly is not None:
            found.append(anomaly)
    with database.atomic():
        ledger.record_anomalies(database, found)
    return tuple(found)
