"""Getting a snapshot back into an empty directory, for restores and drills: chosen, looked through, then restored."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backup import ledger, manifest
from backup.capture import in_listing
from backup.comparison import Comparison, compare
from backup.model import Job, Snapshot
from backup.progress import OnProgress
from backup.restic import verbs
from backup.restic.call import Restic
from backup.restic.locks import with_patience
from backup.session import Surroundings, look_up
from secwatch.core.errors import ProofFailed, Refused, SecwatchError, UsageProblem
from secwatch.system.paths import prepare


def choose(surroundings: Surroundings, restic: Restic, job: Job, wanted: str) -> Snapshot:
    """Return the job's snapshot that `latest` or the beginning of an id names.

    Raise UsageProblem if there is none of that name, ProofFailed if all that there were have gone.
    """
    listed = verbs.snapshots(restic, job.tags)
    if not listed and (gone := look_up(surroundings, restic, job, ()).missing):
        raise ProofFailed(
            f"all {gone} known snapshots of job {job.name} have gone from the repository {job.repository.name}",
            "isolate the repository, and look for another copy of it",
        )
    if not listed:
        raise SecwatchError(
            f"the repository {job.repository.name} holds no snapshot of job {job.name}",
            f"make one: secwatch backup run {job.name}",
        )
    if wanted == "latest":
        return listed[-1]
    found = [item for item in listed if len(wanted) >= 4 and item.id.startswith(wanted.lower())]
    if len(found) != 1:
        many = f"{len(found)} snapshots begin" if found else "no snapshot begins"
        raise UsageProblem(
            f"{many} with {wanted!r} (at least 4 digits)", f"list them with: secwatch backup snapshots {job.name}"
        )
    return found[0]


@dataclass(frozen=True)
class Contents:
    """What a snapshot, or the part of it to be restored, holds."""

    entries: int
    files: int
    bytes: int


def look_through(restic: Restic, snapshot: Snapshot, below: Path | None = None) -> Contents:
    """List a snapshot before it is restored.

    Raise Refused if an entry could leave the target: a name with `..`, or one name twice (a link
    and a directory behind it). Raise UsageProblem if `below` is not in it.
    """
    part = None if below is None else in_listing(str(below))
    seen: set[int] = set()
    counts = [0, 0, 0]

    def on_node(path: str, kind: str, size: int) -> None:
        parts = path.split("/")
        if not path.startswith("/") or ".." in parts or ("\ufffd" not in path and hash(path) in seen):
            raise Refused(
                f"snapshot {snapshot.id[:8]} holds an entry that could leave the target: {path}",
                "do not restore it; keep the repository for examination",
            )
        seen.add(hash(path))
        if part is None or path == part or path.startswith(f"{part.rstrip('/')}/"):
            counts[0] += 1
            counts[1] += kind == "file"
            counts[2] += size if kind == "file" else 0

    verbs.ls(restic, snapshot.id, on_node)
    if below is not None and not counts[0]:
        raise UsageProblem(
            f"snapshot {snapshot.id[:8]} holds no {below}", f"it holds: {', '.join(snapshot.paths) or 'nothing'}"
        )
    return Contents(*counts)


def check_target(target: Path) -> None:
    """Make the target directory. Raise Refused unless it is new or empty: nothing is ever written over."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise Refused(f"the target {target} is no directory", "name a new or an empty one: --target DIR")
    prepare(target)
    if any(target.iterdir()):
        raise Refused(f"the target {target} is not empty", "name a new or an empty one: --target DIR")


def check_room(target: Path, contents: Contents) -> None:
    """Raise SecwatchError if what is to be restored cannot fit."""
    free = shutil.disk_usage(target).free
    if contents.bytes > free:
        raise SecwatchError(
            f"{target} has {free >> 20} MiB free, the snapshot needs {contents.bytes >> 20} MiB",
            "free some space, or restore a part of it: secwatch backup restore … --path PATH",
        )


def restore_into(
    restic: Restic,
    snapshot: Snapshot,
    target: Path,
    *,
    below: Path | None = None,
    verify: bool = False,
    on_progress: OnProgress,
) -> verbs.RestoreAnswer:
    """Restore a snapshot that was looked through into an empty target."""
    include = str(below) if below is not None and str(below) != "/" else None
    return with_patience(
        restic,
        lambda: verbs.restore(restic, snapshot.id, target, include=include, verify=verify, on_progress=on_progress),
    )


def manifest_of(surroundings: Surroundings, job: Job, snapshot: Snapshot) -> manifest.Manifest | None:
    """Return the manifest of a snapshot, or None if none was made. Raise ProofFailed if it has gone or was changed."""
    record = ledger.find_snapshot(surroundings.database, job, snapshot.id)
    path = manifest.place(surroundings.manifests(job), snapshot.id)
    try:
        return manifest.read(path, record.manifest_sha256 if record else None)
    except manifest.ManifestDamaged as error:
        gone = isinstance(error, manifest.ManifestGone)
        what = f"has gone: {path}" if gone else f"is damaged: {error}"
        raise ProofFailed(
            f"the manifest of snapshot {snapshot.id[:8]} {what}",
            f"put it back from a copy, or make a new backup: secwatch backup run {job.name}",
        ) from error


def compare_with(known: manifest.Manifest, target: Path, below: Path | None = None) -> Comparison:
    """Return how the restored tree differs. Raise ProofFailed if the manifest cannot be read to its end."""
    try:
        return compare(known, target, below)
    except manifest.ManifestDamaged as error:
        raise ProofFailed(f"the manifest is damaged: {error}", None) from error


def as_details(compared: Comparison | None, problems: Sequence[str]) -> dict[str, object]:
    """Return the JSON fields of a comparison; without one the number of differences is None, not 0."""
    comparison = compared or Comparison()
    return {
        "entries_compared": comparison.entries,
        "files_compared": comparison.files,
        "contents_compared": comparison.files_read,
        "bytes_compared": comparison.bytes_read,
        "changed_meanwhile": comparison.unknown,
        "extra": comparison.extra,
        "differences": comparison.difference_count if compared else None,
        "difference_examples": [
            {"path": item.path, "what": item.what, "expected": item.expected, "found": item.found}
            for item in comparison.differences[:20]
        ],
        "problems": list(problems[:20]),
    }


def in_words(comparison: Comparison | None, problems: Sequence[str]) -> str:
    """Return the sentence of a failed comparison."""
    if comparison is not None and comparison.differences:
        first = comparison.differences[0]
        return (
            f"{comparison.difference_count} differences between what was backed up and what came back,"
            f" first: {first.path} ({first.what})"
        )
    return f"restic could not restore everything: {problems[0]}"
