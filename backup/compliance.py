"""Whether a job keeps its promises: recovery point and recovery time, achieved against target. Pure.

RPO, the recovery point objective, is how much work may be lost: achieved is the age of the newest
good snapshot. RTO, the recovery time objective, is how long a restore may take: achieved is what
the last drill measured. (Terms of GB/T 20988-2025 and NIST SP 800-34 Rev. 1.) No data is red.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from backup.model import Anomaly, AnomalyKind, Job
from secwatch.core.durations import in_words
from secwatch.core.model import Severity, Text
from secwatch.core.moments import to_text

# What clocks of a department and its backup server may differ by; Kerberos (RFC 4120) tolerates as much.
CLOCK_SKEW_SECONDS = 300


class Verdict(StrEnum):
    """How a promise stands."""

    MET = "met"
    BROKEN = "broken"
    NO_DATA = "no-data"

    @property
    def label(self) -> Text:
        """The word for it."""
        return {
            Verdict.MET: Text("达标", "met"),
            Verdict.BROKEN: Text("不达标", "broken"),
            Verdict.NO_DATA: Text("无数据", "no data"),
        }[self]


@dataclass(frozen=True)
class Promise:
    """One objective: seconds promised, seconds achieved (None without data), and the verdict."""

    target_seconds: int
    achieved_seconds: float | None

    @property
    def verdict(self) -> Verdict:
        """Met up to and including the target."""
        if self.achieved_seconds is None:
            return Verdict.NO_DATA
        return Verdict.MET if self.achieved_seconds <= self.target_seconds else Verdict.BROKEN


def latest_credible(now: datetime) -> datetime:
    """Return the latest time that a snapshot may claim."""
    return now + timedelta(seconds=CLOCK_SKEW_SECONDS)


def recovery_point(job: Job, last_good_snapshot: datetime | None, now: datetime) -> Promise:
    """Return the RPO as it stands now. A snapshot from beyond the clocks' difference is no data: its time is wrong."""
    if last_good_snapshot is None or last_good_snapshot > latest_credible(now):
        return Promise(job.policy.rpo_seconds, None)
    return Promise(job.policy.rpo_seconds, max(0.0, (now - last_good_snapshot).total_seconds()))


def recovery_time(job: Job, measured_seconds: float | None) -> Promise:
    """Return the RTO as the last successful drill measured it."""
    return Promise(job.policy.rto_seconds, measured_seconds)


def rpo_anomaly(job: Job, promise: Promise, last_good: datetime | None, now: datetime) -> Anomaly | None:
    """Return the anomaly of a broken recovery point, the same one until there is a new snapshot, or None."""
    if promise.verdict is not Verdict.BROKEN or last_good is None:
        return None
    age, target = in_words(promise.achieved_seconds or 0), in_words(promise.target_seconds)
    return Anomaly(
        kind=AnomalyKind.RPO_BROKEN,
        job=job.name,
        organisation=job.organisation,
        repository=job.repository.name,
        severity=Severity.HIGH,
        title=Text(
            f"备份作业 {job.name} 超出恢复点目标：最近的备份已有 {age}，目标 {target}",
            f"backup job {job.name} is past its recovery point objective: newest snapshot {age} old, target {target}",
        ),
        response=Text(
            f"立即执行 secwatch backup run {job.name}，并查明未按时备份的原因",
            f"run secwatch backup run {job.name} now, and find out why it did not run in time",
        ),
        fingerprint=f"{AnomalyKind.RPO_BROKEN}:{job.name}:{to_text(last_good)}",
        seen_at=now,
        evidence={"achieved_seconds": promise.achieved_seconds, "target_seconds": promise.target_seconds},
    )
