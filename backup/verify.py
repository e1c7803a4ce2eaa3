"""Verifying a repository: restic's check, data read whole or a part at a time, and the snapshots that must be there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

from backup import anomalies, ledger
from backup.model import Anomaly, Job, Outcome, Result
from backup.restic import verbs
from backup.restic.call import Restic
from backup.restic.locks import with_patience
from backup.session import Done, Surroundings, attempt, look_up, now
from backup.thresholds import thresholds


def verify_job(surroundings: Surroundings, job: Job, subset: str | None = None) -> Outcome:
    """Verify a job's repository and return how it ended; damage is the result DIFFERENT.

    subset says how much data is read: `all`, `none`, `n/t`, `p%`; None reads small repositories
    whole and of larger ones the next part, so that every byte is read in turn (thresholds.toml).
    """

    def states(job: Job, run: int, outcome: Outcome, moment: datetime) -> list[Anomaly]:
        return anomalies.of_proof(job, run, "verify", outcome, moment)

    return attempt(surroundings, job, "verify", lambda: _verify(surroundings, job, subset), states)


def _verify(surroundings: Surroundings, job: Job, subset: str | None) -> Done:
    restic = surroundings.restic(job)
    listed = verbs.snapshots(restic, job.tags)
    held = look_up(surroundings, restic, job, listed)
    chosen = subset or next_subset(surroundings, job, restic)
    answer = with_patience(restic, lambda: verbs.check(restic, None if chosen == "none" else chosen))
    problems = list(answer.problems)
    if held.missing:
        problems.append(f"{held.missing} snapshots have gone from the repository")
    elif not listed:
        problems.append(f"the repository holds no snapshot of job {job.name}")

    def record(run: int) -> Sequence[Anomaly]:
        moment = now()
        ledger.record_check(surroundings.database, run, chosen, len(problems))
        ledger.mark_missing(surroundings.database, job, held, moment)
        return anomalies.of_missing_snapshots(job, run, held.gone, moment)

    return Done(
        Result.DIFFERENT if problems else Result.OK,
        snapshot=listed[-1].id if listed and not problems else None,
        message=f"the repository is not sound: {problems[0]}" if problems else None,
        hint="keep the repository as it is, and make another full backup to another place" if problems else None,
        details={
            "read": chosen,
            "snapshots": len(listed),
            "missing_snapshots": held.missing,
            "problems": problems[:20],
        },
        record=record,
    )


def next_subset(surroundings: Surroundings, job: Job, restic: Restic) -> str:
    """Return `all` for a small repository, else the part whose turn it is, such as `3/10`."""
    limits = thresholds()
    if repository_bytes(job, restic) <= limits.verify_whole_bytes:
        return "all"
    turn = ledger.sound_checks(surroundings.database, job) % limits.verify_parts
    return f"{turn + 1}/{limits.verify_parts}"


def repository_bytes(job: Job, restic: Restic) -> int:
    """Return how much data the repository stores: by its files if it is local, else by restic's word."""
    directory = job.repository.directory
    if directory is None or not (directory / "data").is_dir():
        return verbs.stored_bytes(restic)
    total = 0
    for shelf in os.scandir(directory / "data"):
        if shelf.is_dir(follow_symlinks=False):
            with os.scandir(shelf.path) as packs:
                total += sum(pack.stat(follow_symlinks=False).st_size for pack in packs)
    return total
