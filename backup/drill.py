"""Drilling a recovery: restore into a scratch directory, hold every entry against the manifest, measure the time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from backup import anomalies, ledger, recovery
from backup.comparison import Comparison
from backup.model import Anomaly, Job, Outcome, Result, Snapshot
from backup.progress import OnProgress, ignore_progress
from backup.removal import remove_tree
from backup.session import Done, Surroundings, attempt, now


def drill_job(
    surroundings: Surroundings, job: Job, *, snapshot: str = "latest", on_progress: OnProgress = ignore_progress
) -> Outcome:
    """Drill the recovery of a job and return how it ended; a difference is the result DIFFERENT.

    RTO is measured from the beginning to the end of the restore; RPO is the snapshot's age at the
    beginning. A snapshot without a manifest is restored and verified by restic alone: PARTIAL.
    """

    def states(job: Job, run: int, outcome: Outcome, moment: datetime) -> list[Anomaly]:
        return anomalies.of_proof(job, run, "drill", outcome, moment)

    def work() -> Done:
        try:
            return _drill(surroundings, job, snapshot, on_progress)
        finally:
            remove_tree(surroundings.scratch(job))

    return attempt(surroundings, job, "drill", work, states)


def _drill(surroundings: Surroundings, job: Job, wanted: str, on_progress: OnProgress) -> Done:
    started, began = time.monotonic(), now()
    # What the cache of this machine holds is not there after a disaster: it must prove nothing.
    restic = replace(surroundings.restic(job), cache=None)
    snapshot = recovery.choose(surroundings, restic, job, wanted)
    known = recovery.manifest_of(surroundings, job, snapshot)
    contents = recovery.look_through(restic, snapshot)
    scratch = surroundings.scratch(job)
    recovery.check_target(scratch)
    recovery.check_room(scratch, contents)
    answer = recovery.restore_into(restic, snapshot, scratch, verify=known is None, on_progress=on_progress)
    rto = time.monotonic() - started
    rpo = max(0.0, (began - snapshot.time).total_seconds())
    comparison = recovery.compare_with(known, scratch) if known is not None else None
    different = bool((comparison and comparison.difference_count) or answer.problems)
    result = Result.DIFFERENT if different else Result.OK if known is not None else Result.PARTIAL
    message = hint = None
    if different:
        message = recovery.in_words(comparison, answer.problems)
        hint = f"check the repository: secwatch backup verify {job.name}"
    elif known is None:
        message = "the snapshot has no manifest: restic verified it, nothing else could"
        hint = f"a new backup has one: secwatch backup run {job.name}"
    return Done(
        result,
        snapshot=snapshot.id,
        files=contents.files,
        bytes=contents.bytes,
        message=message,
        hint=hint,
        details={
            "snapshot_time": snapshot.time,
            "rto_seconds": round(rto, 3),
            "rto_target_seconds": job.policy.rto_seconds,
            "rpo_seconds": round(rpo, 3),
            "rpo_target_seconds": job.policy.rpo_seconds,
            **recovery.as_details(comparison, answer.problems),
        },
        record=lambda run: _record(surroundings, job, run, snapshot, comparison, rto, rpo),
    )


def _record(
    surroundings: Surroundings,
    job: Job,
    run: int,
    snapshot: Snapshot,
    compared: Comparison | None,
    rto: float,
    rpo: float,
) -> Sequence[Anomaly]:
    comparison = compared or Comparison()
    ledger.record_drill(
        surroundings.database,
        run,
        {
            "snapshot": snapshot.id,
            "entries": comparison.entries,
            "files_compared": comparison.files_read,
            "bytes_compared": comparison.bytes_read,
            "differences": comparison.difference_count if compared else None,
            "rto_seconds": rto,
            "rpo_seconds": rpo,
        },
    )
    return anomalies.of_slow_restore(job, run, rto, now())
