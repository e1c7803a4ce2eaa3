"""Restoring a snapshot for use: into a new or empty directory, never in place, and compared afterwards."""

from __future__ import annotations

import os
from pathlib import Path

from backup import recovery
from backup.manifest import Manifest
from backup.model import Job, Outcome, Result, Snapshot
from backup.progress import OnProgress, ignore_progress
from backup.session import Done, Surroundings, attempt, states_nothing
from secwatch.core.errors import ProofFailed, UsageProblem


def restore_job(
    surroundings: Surroundings,
    job: Job,
    target: Path,
    *,
    snapshot: str = "latest",
    path: str | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Outcome:
    """Restore a job's snapshot, or one absolute path of it, below target and return how it ended."""
    return attempt(
        surroundings,
        job,
        "restore",
        lambda: _restore(surroundings, job, target.absolute(), snapshot, _below(path), on_progress),
        states_nothing,
    )


def _below(path: str | None) -> Path | None:
    if path is None:
        return None
    if not path.startswith("/") or ".." in path.split("/"):
        raise UsageProblem(f"the path {path!r} is not absolute", "name it as it was on the department's machine")
    return Path(os.path.normpath(path))


def _manifest(surroundings: Surroundings, job: Job, snapshot: Snapshot) -> tuple[Manifest | None, str | None]:
    """A manifest that is lost or was changed must not keep people from their data: it comes back, unproven."""
    try:
        return recovery.manifest_of(surroundings, job, snapshot), None
    except ProofFailed as error:
        return None, error.message


def _restore(
    surroundings: Surroundings, job: Job, target: Path, wanted: str, below: Path | None, on_progress: OnProgress
) -> Done:
    restic = surroundings.restic(job)
    recovery.check_target(target)
    snapshot = recovery.choose(surroundings, restic, job, wanted)
    known, unproven = _manifest(surroundings, job, snapshot)
    contents = recovery.look_through(restic, snapshot, below)
    recovery.check_room(target, contents)
    answer = recovery.restore_into(restic, snapshot, target, below=below, verify=known is None, on_progress=on_progress)
    comparison = recovery.compare_with(known, target, below) if known is not None else None
    different = bool((comparison and comparison.difference_count) or answer.problems)
    message = hint = None
    if unproven is not None and not answer.problems:
        message, hint = unproven, "it is in the target, and restic verified it; nothing else could"
    elif different:
        message = recovery.in_words(comparison, answer.problems)
        hint = "what could be restored is in the target; compare it before you use it"
    elif known is None:
        message = "the snapshot has no manifest: restic verified it, nothing else could"
    return Done(
        Result.DIFFERENT if different or unproven else Result.OK,
        snapshot=snapshot.id,
        files=contents.files,
        bytes=contents.bytes,
        message=message,
        hint=hint,
        details={
            "target": str(target),
            "snapshot_time": snapshot.time,
            **recovery.as_details(comparison, answer.problems),
        },
    )
