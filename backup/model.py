"""The nouns of the backup half: jobs, results, snapshots, runs, checks, drills, anomalies. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from secwatch.core.errors import ExitCode
from secwatch.core.model import Severity, Text


class Result(StrEnum):
    """How an attempt ended; the same classes whatever version of restic did it."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    NO_REPOSITORY = "no-repository"
    LOCKED = "locked"
    AUTH = "auth"
    PROGRAM = "program"
    DAMAGED = "damaged"
    DIFFERENT = "different"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> ExitCode:
        """What the command returns when this is how its one job ended."""
        return _EXIT_CODES.get(self, ExitCode.FAILED)

    @property
    def label(self) -> Text:
        """The word for it."""
        return _LABELS[self]

    @property
    def good(self) -> bool:
        """Whether a snapshot or proof came of it that may be relied on, perhaps with gaps."""
        return self in (Result.OK, Result.PARTIAL)

    @property
    def disproved(self) -> bool:
        """Whether it shows that what was backed up cannot be relied on."""
        return self in (Result.DAMAGED, Result.DIFFERENT)


_EXIT_CODES = {
    Result.OK: ExitCode.DONE,
    Result.PARTIAL: ExitCode.INCOMPLETE,
    Result.NO_REPOSITORY: ExitCode.NO_REPOSITORY,
    Result.LOCKED: ExitCode.LOCKED,
    Result.AUTH: ExitCode.WRONG_PASSWORD,
    Result.PROGRAM: ExitCode.PROGRAM,
    Result.DAMAGED: ExitCode.PROOF,
    Result.DIFFERENT: ExitCode.PROOF,
    Result.REFUSED: ExitCode.REFUSED,
}

_LABELS = {
    Result.OK: Text("成功", "ok"),
    Result.PARTIAL: Text("部分完成", "partial"),
    Result.FAILED: Text("失败", "failed"),
    Result.NO_REPOSITORY: Text("无备份库", "no repository"),
    Result.LOCKED: Text("被锁定", "locked"),
    Result.AUTH: Text("口令错误", "wrong password"),
    Result.PROGRAM: Text("缺少程序", "program missing"),
    Result.DAMAGED: Text("备份库损坏", "damaged"),
    Result.DIFFERENT: Text("验证不符", "proof failed"),
    Result.REFUSED: Text("被拒绝", "refused"),
    Result.INTERRUPTED: Text("被中断", "interrupted"),
    Result.TIMEOUT: Text("超时", "timed out"),
    Result.UNKNOWN: Text("原因不明", "unknown"),
}


@dataclass(frozen=True)
class Repository:
    """Where a department's snapshots are kept. location is absolute, or a URL of restic's.

    Exactly one of the three ways to the password is given.
    """

    name: str
    location: str
    password_file: Path | None = None
    password_command: tuple[str, ...] | None = None
    password_credential: str | None = None

    @property
    def directory(self) -> Path | None:
        """The directory of a local repository; None for a remote one."""
        return Path(self.location) if self.location.startswith("/") else None


@dataclass(frozen=True)
class FilesSource:
    """Directories and files as they are. paths are absolute and normal; exclude are restic patterns.

    A relative pattern counts below this source's own paths only.
    """

    paths: tuple[Path, ...]
    exclude: tuple[str, ...] = ()
    one_file_system: bool = True


@dataclass(frozen=True)
class Policy:
    """Targets of a job, in seconds. manifest says whether every content is hashed or a growing sample."""

    every_seconds: int
    rpo_seconds: int
    rto_seconds: int
    compression: Literal["auto", "off", "max"] = "auto"
    manifest: Literal["sample", "full"] = "sample"


@dataclass(frozen=True)
class Job:
    """What of a department is backed up, where to, and by which policy."""

    name: str
    organisation: str
    repository: Repository
    sources: tuple[FilesSource, ...]
    policy: Policy

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path of every source, in the order of the configuration."""
        return tuple(path for source in self.sources for path in source.paths)

    @property
    def tags(self) -> tuple[str, ...]:
        """What marks this job's snapshots: constant, so that retention can group by it."""
        return ("secwatch", f"job={self.name}")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot as the repository lists it: id has 64 hexadecimal digits, time is UTC."""

    id: str
    time: datetime
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    host: str = ""
    tree: str = ""


@dataclass(frozen=True)
class Unreadable:
    """Something that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class SnapshotRecord:
    """What the ledger knows of a snapshot. Numbers are None for one that was adopted, not seen made.

    repository is the name in the configuration, repository_id restic's own of what that name meant.

    unreadable counts what could not be read, changed what changed while it was backed up (and is
    therefore not in the manifest), excluded what the configuration left out.
    """

    repository: str
    id: str
    job: str
    time: datetime
    run: int | None = None
    files: int | None = None
    bytes: int | None = None
    bytes_added: int | None = None
    bytes_added_packed: int | None = None
    files_new: int | None = None
    files_changed: int | None = None
    unreadable: int = 0
    changed: int = 0
    excluded: int = 0
    manifest_sha256: str | None = None
    adopted: bool = False
    repository_id: str = ""


Verb = Literal["init", "run", "verify", "drill", "restore"]


@dataclass(frozen=True)
class RunRecord:
    """One attempt at one verb for one job. ended_at and result are None while it goes on, or died."""

    id: int
    job: str
    organisation: str
    repository: str
    verb: Verb
    started_at: datetime
    ended_at: datetime | None = None
    result: Result | None = None
    message: str | None = None
    hint: str | None = None
    seconds: float | None = None
    snapshot: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What one verb did for one job, as it is shown. details are further JSON fields of the verb."""

    job: str
    organisation: str
    repository: str
    result: Result
    seconds: float
    snapshot: str | None = None
    bytes_added: int | None = None
    files: int | None = None
    bytes: int | None = None
    message: str | None = None
    hint: str | None = None
    exit_code: ExitCode | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> ExitCode:
        """What the command returns if this was all."""
        return self.result.exit_code if self.exit_code is None else self.exit_code

    def as_item(self) -> dict[str, Any]:
        """Return the item of the JSON contract."""
        return {
            "job": self.job,
            "organisation": self.organisation,
            "result": self.result.value,
            "repository": self.repository,
            "snapshot": self.snapshot,
            "bytes_added": self.bytes_added,
            "files": self.files,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "message": self.message,
            "hint": self.hint,
            **self.details,
        }


class AnomalyKind(StrEnum):
    """What may be wrong with a department's backups."""

    RUN_FAILED = "run-failed"
    RUN_INTERRUPTED = "run-interrupted"
    SOURCE_MISSING = "source-missing"
    SOURCE_EMPTY = "source-empty"
    UNREADABLE = "source-unreadable"
    SIZE_COLLAPSE = "size-collapse"
    REPOSITORY_DAMAGED = "repository-damaged"
    SNAPSHOT_MISSING = "snapshot-missing"
    VERIFY_FAILED = "verify-failed"
    DRILL_FAILED = "drill-failed"
    RPO_BROKEN = "rpo-broken"
    RTO_BROKEN = "rto-broken"


@dataclass(frozen=True)
class Anomaly:
    """A fact that somebody should look at; it decides nothing. id is 0 until the ledger gives one.

    fingerprint makes a fact the same fact: the ledger keeps each once. seen_at is UTC.
    """

    kind: AnomalyKind
    job: str
    organisation: str
    repository: str
    severity: Severity
    title: Text
    response: Text
    fingerprint: str
    seen_at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    run: int | None = None
    id: int = 0
