"""Backing a job up: restic's word is taken for nothing that can be looked up again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backup import anomalies, capture, ledger, manifest
from backup.model import (
    Anomaly,
    Job,
    Outcome,
    Result,
    Snapshot,
    SnapshotRecord,
)
from backup.progress import OnProgress, ignore_progress
from backup.restic import verbs
from backup.restic.call import Restic
from backup.restic.failures import ResticFailed
from backup.restic.locks import with_patience
from backup.session import Done, Surroundings, attempt, look_up, now
from backup.sources import files
from backup.thresholds import thresholds
from secwatch.core.errors import ExitCode, Refused


def run_job(surroundings: Surroundings, job: Job, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Back a job up and return how it ended.

    OK means: restic made a snapshot, the repository lists it again, every source is in it, and the
    number of files and bytes is what was seen in the sources, or each that is lacking is explained.
    """
    return attempt(surroundings, job, "run", lambda: _back_up(surroundings, job, on_progress), anomalies.of_run)


@dataclass(frozen=True)
class _Made:
    """A snapshot that was made and listed again."""

    answer: verbs.BackupAnswer
    snapshot: Snapshot
    listed: tuple[Snapshot, ...]
    held: ledger.Holdings
    empty: bool
    captured: capture.Captured
    manifest_sha256: str
    unreadable: int
    vanished: int


def _back_up(surroundings: Surroundings, job: Job, on_progress: OnProgress) -> Done:
    _refuse_circle(job)
    files.refuse_links(job.sources)
    missing = files.missing(job.sources)
    present = [path for path in job.paths if str(path) not in {item.path for item in missing}]
    if not present:
        return Done(
            Result.FAILED,
            message=f"no source of the job is there: {missing[0].path}",
            hint="check whether it is mounted, or correct the job's paths in secwatch.toml",
            exit_code=ExitCode.INCOMPLETE,
            details={"missing_sources": [item.path for item in missing]},
        )
    restic = surroundings.restic(job)
    made = _make(surroundings, job, restic, present, on_progress)
    gone = [item.path for item in files.missing(job.sources)]
    unlisted = [str(path) for path in present if not _listed(path, made.snapshot)]
    return _done(surroundings, job, made, sorted({*gone, *unlisted, *(item.path for item in missing)}))


def _refuse_circle(job: Job) -> None:
    repository = job.repository.directory
    inside = [
        path for path in job.paths if repository is not None and (path == repository or path in repository.parents)
    ]
    if inside:
        raise Refused(
            f"the repository {repository} lies inside the source {inside[0]}: it would back itself up",
            "exclude it by choosing other paths, or move the repository",
        )


def _make(
    surroundings: Surroundings, job: Job, restic: Restic, present: Sequence[Path], on_progress: OnProgress
) -> _Made:
    one_file_system, exclude = files.one_file_system(job.sources, job.name), files.exclude_patterns(job.sources)
    roots = [path for path in files.roots(job.sources) if path in present]
    known = capture.known_hashes(_last_manifest(surroundings, job))
    before = capture.look(roots, one_file_system, known)
    answer = with_patience(
        restic,
        lambda: verbs.backup(
            restic,
            present,
            exclude=exclude,
            one_file_system=one_file_system,
            tags=job.tags,
            compression=job.policy.compression,
            on_progress=on_progress,
        ),
    )
    listed = verbs.snapshots(restic, job.tags)
    snapshot = _listed_again(answer, listed)
    complete = (answer.files, answer.bytes) == (before.files, before.bytes) and not answer.unreadable_count
    held = None if complete else _entries(restic, snapshot)
    sampling = capture.Sampling(job.policy.manifest, thresholds(), os.urandom(32))
    with manifest.ManifestWriter(surroundings.manifests(job), roots) as writer:
        captured = capture.describe(writer, roots, one_file_system, before, known, sampling, held)
        digest = writer.keep(snapshot.id)
    vanished = _vanished(answer)
    unexplained = captured.absent if not exclude and not answer.unreadable_count and not before.unreadable else 0
    unreadable = answer.unreadable_count - vanished + unexplained
    return _Made(
        answer=answer,
        snapshot=snapshot,
        listed=listed,
        held=look_up(surroundings, restic, job, listed),
        empty=not captured.files and captured.entries <= len(roots),
        captured=captured,
        manifest_sha256=digest,
        unreadable=unreadable,
        vanished=vanished,
    )


def _last_manifest(surroundings: Surroundings, job: Job) -> manifest.Manifest | None:
    for record in ledger.snapshots(surroundings.database, job, limit=10):
        try:
            found = manifest.read(manifest.place(surroundings.manifests(job), record.id), record.manifest_sha256)
        except manifest.ManifestDamaged:
            continue  # it is only a short cut here; the drill that needs it says so
        if found is not None:
            return found
    return None


def _listed_again(answer: verbs.BackupAnswer, listed: Sequence[Snapshot]) -> Snapshot:
    found = [snapshot for snapshot in listed if snapshot.id.startswith(answer.snapshot)]
    if len(found) != 1:
        raise ResticFailed(
            f"restic says that it made snapshot {answer.snapshot}, but the repository does not list it",
            "run it again; if it stays so, check the repository: secwatch backup verify",
            Result.UNKNOWN,
        )
    return found[0]


def _listed(path: Path, snapshot: Snapshot) -> bool:
    return capture.name_in_listing(str(path)) in {capture.name_in_listing(item) for item in snapshot.paths}


def _entries(restic: Restic, snapshot: Snapshot) -> set[int]:
    held: set[int] = set()
    verbs.ls(restic, snapshot.id, lambda path, _kind, _size: held.add(capture.name_in_listing(path)))
    return held


def _vanished(answer: verbs.BackupAnswer) -> int:
    """A file that was removed while the backup ran is no failure: busy systems do it all the time."""
    if answer.unreadable_count != len(answer.unreadable):
        return 0
    return sum(1 for item in answer.unreadable if item.path.startswith("/") and not os.path.lexists(item.path))


def _done(surroundings: Surroundings, job: Job, made: _Made, missing: list[str]) -> Done:
    answer, captured = made.answer, made.captured
    vanished_only = made.vanished > 0 and not made.unreadable and not missing
    lacking = bool(missing or made.unreadable or made.empty or made.held.missing)
    partial = lacking or (answer.result is Result.PARTIAL and not vanished_only)
    message, hint = _explain(job, made, missing) if partial else (None, None)
    examples = [{"path": item.path, "reason": item.reason} for item in answer.unreadable[:20]]
    if not examples and made.unreadable:
        examples = [{"path": path, "reason": "not in the snapshot"} for path in captured.examples]
    return Done(
        Result.PARTIAL if partial else Result.OK,
        snapshot=made.snapshot.id,
        bytes_added=answer.bytes_added,
        files=answer.files,
        bytes=answer.bytes,
        message=message,
        hint=hint,
        details={
            "bytes_added_packed": answer.bytes_added_packed,
            "files_new": answer.files_new,
            "files_changed": answer.files_changed,
            "missing_sources": missing,
            "unreadable": made.unreadable,
            "unreadable_examples": examples,
            "empty": made.empty,
            "missing_snapshots": made.held.missing,
            "changed_meanwhile": captured.changed + made.vanished,
            "excluded": captured.absent if not made.unreadable else 0,
            "manifest_entries": captured.entries,
            "manifest_files": captured.files,
            "manifest_files_hashed": captured.files_hashed,
            "manifest_bytes_hashed": captured.bytes_hashed,
            "adopted": [item.id for item in _unknown(made)],
        },
        record=lambda run: _record(surroundings, job, made, run, now()),
    )


def _explain(job: Job, made: _Made, missing: Sequence[str]) -> tuple[str, str]:
    """The worst first: what was there before has gone, then what could not be added."""
    if made.held.missing:
        return (
            f"{made.held.missing} snapshots have gone from the repository; a new one was made",
            "if nobody removed them on purpose, isolate the repository; see: secwatch alerts list",
        )
    mounted = "check whether it is mounted, or correct the job's paths in secwatch.toml"
    if missing:
        return f"a source is missing: {missing[0]}", mounted
    if made.empty:
        return f"there is nothing in it: {', '.join(map(str, job.paths[:3]))}", mounted
    return (
        f"{made.unreadable} entries could not be backed up",
        f"see them with: secwatch backup run {job.name} --json",
    )


def _unknown(made: _Made) -> list[Snapshot]:
    unknown = set(made.held.unknown)
    return [item for item in made.listed if item.id in unknown and item.id != made.snapshot.id]


def _record(surroundings: Surroundings, job: Job, made: _Made, run: int, moment: datetime) -> list[Anomaly]:
    database = surroundings.database
    earlier = ledger.snapshots(database, job, limit=100)
    record = _record_of(job, made, run)
    for item in _unknown(made):
        adopted = SnapshotRecord(
            job.repository.name, item.id, job.name, item.time, adopted=True, repository_id=made.held.repository_id
        )
        ledger.record_snapshot(database, adopted, adopt=True)
    ledger.record_snapshot(database, record)
    ledger.mark_missing(database, job, made.held, moment)
    whole = [item for item in earlier if not item.adopted]
    return [
        *anomalies.of_size(job, run, record, whole, thresholds(), moment),
        *anomalies.of_missing_snapshots(job, run, made.held.gone, moment),
    ]


def _record_of(job: Job, made: _Made, run: int) -> SnapshotRecord:
    answer = made.answer
    return SnapshotRecord(
        repository=job.repository.name,
        id=made.snapshot.id,
        job=job.name,
        time=made.snapshot.time,
        run=run,
        files=answer.files,
        bytes=answer.bytes,
        bytes_added=answer.bytes_added,
        bytes_added_packed=answer.bytes_added_packed,
        files_new=answer.files_new,
        files_changed=answer.files_changed,
        unreadable=made.unreadable,
        changed=made.captured.changed,
        excluded=made.captured.absent,
        manifest_sha256=made.manifest_sha256,
        repository_id=made.held.repository_id,
    )
