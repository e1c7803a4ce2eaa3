"""Jobs out of the configuration: every path absolute, every policy in seconds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from backup.model import FilesSource, Job, Policy, Repository
from secwatch.core.durations import seconds
from secwatch.core.errors import UsageProblem
from secwatch.system import settings

# The back ends of restic (its manual, "Preparing a new repository"); anything else is a directory.
_REMOTE = re.compile(r"^(sftp|rest|s3|rclone|b2|azure|gs|swift):")


def from_settings(backup: settings.Backup, resolve: Callable[[str], Path]) -> dict[str, Job]:
    """Return the jobs by name; `resolve` makes a path of the configuration absolute."""

    def absolute(path: str) -> Path:
        return Path(os.path.normpath(resolve(path)))

    return {
        name: Job(
            name=name,
            organisation=job.organisation,
            repository=_repository(job.repository, backup.repositories[job.repository], absolute),
            sources=tuple(
                FilesSource(tuple(map(absolute, source.paths)), source.exclude, source.one_file_system)
                for source in job.sources
            ),
            policy=_policy(job.policy),
        )
        for name, job in backup.jobs.items()
    }


def _repository(name: str, repository: settings.Repository, absolute: Callable[[str], Path]) -> Repository:
    location = repository.location
    if not _REMOTE.match(location):
        location = str(absolute(location.removeprefix("local:")))
    return Repository(
        name=name,
        location=location,
        password_file=absolute(repository.password_file) if repository.password_file else None,
        password_command=repository.password_command,
        password_credential=repository.password_credential,
    )


def _policy(policy: settings.Policy) -> Policy:
    return Policy(
        every_seconds=seconds(policy.every),
        rpo_seconds=seconds(policy.rpo),
        rto_seconds=seconds(policy.rto),
        compression=policy.compression,
        manifest=policy.manifest,
    )


def choose(jobs: Mapping[str, Job], names: Sequence[str], every: bool) -> tuple[Job, ...]:
    """Return the jobs that a command line names, each once, in its order. Raise UsageProblem if that makes no sense."""
    if not jobs:
        raise UsageProblem(
            "the configuration has no backup jobs", "see how to write one: secwatch config example (section [backup])"
        )
    if every and names:
        raise UsageProblem("name jobs or say --all, not both", "secwatch backup status")
    if not every and not names:
        raise UsageProblem("name a job, or say --all", f"the jobs are: {', '.join(sorted(jobs))}")
    unknown = [name for name in names if name not in jobs]
    if unknown:
        raise UsageProblem(f"there is no backup job {unknown[0]!r}", f"the jobs are: {', '.join(sorted(jobs))}")
    return tuple(jobs.values()) if every else tuple(jobs[name] for name in dict.fromkeys(names))
