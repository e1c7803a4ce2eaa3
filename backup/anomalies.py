"""What about a run, verification or drill somebody should look at: typed facts with titles in two languages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from backup.model import Anomaly, AnomalyKind, Job, Outcome, Result, RunRecord, SnapshotRecord
from backup.thresholds import Thresholds
from secwatch.core.escape import visible
from secwatch.core.model import Severity, Text

# A run that another run, a person or the clock of a lock held up is no sign of trouble by itself;
# if it stays away too long the recovery point objective tells.
_QUIET = (Result.OK, Result.LOCKED, Result.INTERRUPTED)


def _state(
    job: Job,
    kind: AnomalyKind,
    severity: Severity,
    title: Text,
    response: Text,
    *,
    run: int,
    now: datetime,
    evidence: Mapping[str, Any],
) -> Anomaly:
    return Anomaly(
        kind=kind,
        job=job.name,
        organisation=job.organisation,
        repository=job.repository.name,
        severity=severity,
        title=title,
        response=response,
        fingerprint=f"{kind.value}:{job.name}:{run}",
        seen_at=now,
        evidence=evidence,
        run=run,
    )


def of_run(job: Job, run: int, outcome: Outcome, now: datetime) -> list[Anomaly]:
    """Return what a backup run's outcome states: it failed, or something is missing, empty or unreadable."""
    missing = list(outcome.details.get("missing_sources", ()))
    evidence = {"result": outcome.result.value, "message": outcome.message, "missing_sources": missing}
    if missing:
        return [_source_missing(job, run, missing, evidence, now)]
    if outcome.result in _QUIET:
        return []
    if outcome.result is not Result.PARTIAL:
        return [_failed(job, run, outcome, {**evidence, "hint": outcome.hint}, now)]
    if outcome.details.get("empty"):
        return [_source_empty(job, run, evidence, now)]
    count = outcome.details.get("unreadable", 0)
    if not count and outcome.details.get("missing_snapshots"):
        return []  # stated once, by of_missing_snapshots
    examples = outcome.details.get("unreadable_examples", ())
    return [
        _state(
            job,
            AnomalyKind.UNREADABLE,
            Severity.LOW,
            Text(
                f"备份作业 {job.name} 有 {count} 项未能备份",
                f"backup job {job.name} could not back up {count} entries",
            ),
            Text("检查这些文件的权限和磁盘状态", "look at the permissions of these files and the state of the disk"),
            run=run,
            now=now,
            evidence={**evidence, "unreadable": count, "examples": examples},
        )
    ]


def _failed(job: Job, run: int, outcome: Outcome, evidence: Mapping[str, Any], now: datetime) -> Anomaly:
    reason = visible(outcome.message or "", 200)
    damaged = outcome.result.disproved
    return _state(
        job,
        AnomalyKind.REPOSITORY_DAMAGED if damaged else AnomalyKind.RUN_FAILED,
        Severity.CRITICAL if damaged else Severity.MEDIUM,
        Text(f"备份作业 {job.name} 失败：{reason}", f"backup job {job.name} failed: {reason}"),
        Text(
            f"按提示排除故障后执行 secwatch backup run {job.name}",
            f"follow the hint, then run secwatch backup run {job.name}",
        ),
        run=run,
        now=now,
        evidence=evidence,
    )


def _source_empty(job: Job, run: int, evidence: Mapping[str, Any], now: datetime) -> Anomaly:
    return _state(
        job,
        AnomalyKind.SOURCE_EMPTY,
        Severity.MEDIUM,
        Text(f"备份作业 {job.name} 的数据源是空的", f"the sources of backup job {job.name} are empty"),
        Text("检查数据源是否被清空或未挂载", "check whether the sources were emptied or are not mounted"),
        run=run,
        now=now,
        evidence=evidence,
    )


def _source_missing(job: Job, run: int, missing: Sequence[str], evidence: Mapping[str, Any], now: datetime) -> Anomaly:
    shown = visible(missing[0], 120)
    return _state(
        job,
        AnomalyKind.SOURCE_MISSING,
        Severity.HIGH,
        Text(f"备份作业 {job.name} 的数据源不存在：{shown}", f"a source of backup job {job.name} is missing: {shown}"),
        Text(
            "检查该目录是否被删除、改名或未挂载", "check whether the directory was removed, renamed or is not mounted"
        ),
        run=run,
        now=now,
        evidence=evidence,
    )


def of_dead_run(job: Job, dead: RunRecord, now: datetime) -> Anomaly:
    """Return the anomaly of a run that ended without a word."""
    return _state(
        job,
        AnomalyKind.RUN_INTERRUPTED,
        Severity.LOW,
        Text(f"备份作业 {job.name} 的上一次执行被强行中断", f"the last attempt of backup job {job.name} was killed"),
        Text("查看系统日志（内存不足、重启）", "look at the system's log (out of memory, restart)"),
        run=dead.id,
        now=now,
        evidence={"verb": dead.verb, "started_at": dead.started_at},
    )


def of_size(
    job: Job, run: int, snapshot: SnapshotRecord, before: Sequence[SnapshotRecord], limits: Thresholds, now: datetime
) -> list[Anomaly]:
    """Return the anomaly of a snapshot with far fewer files or bytes than those before it, if it is one.

    before holds the earlier snapshots, newest first; the median of the last ones counts.
    """
    fallen = {}
    for name in ("files", "bytes"):
        history = [value for item in before if (value := getattr(item, name)) is not None][: limits.collapse_runs]
        value = getattr(snapshot, name)
        if value is None or len(history) < limits.collapse_minimum_runs:
            continue
        usual = median(history)
        if usual > 0 and value < usual * limits.collapse_share:
            fallen[name] = {"now": value, "median": usual}
    if not fallen:
        return []
    name = next(iter(fallen))
    words = {"files": Text("文件数", "files"), "bytes": Text("字节数", "bytes")}[name]
    now_is, usual_is = fallen[name]["now"], f"{fallen[name]['median']:.0f}"
    return [
        _state(
            job,
            AnomalyKind.SIZE_COLLAPSE,
            Severity.HIGH,
            Text(
                f"备份作业 {job.name} 的{words.zh}骤降：{now_is}，以往中位数 {usual_is}",
                f"backup job {job.name} shrank: {now_is} {words.en}, median before {usual_is}",
            ),
            Text(
                "核实数据源是否被清空或未挂载；在查明之前不要清理旧快照",
                "check whether the source was emptied or is not mounted; prune no older snapshot before you know",
            ),
            run=run,
            now=now,
            evidence=fallen,
        )
    ]


def of_missing_snapshots(job: Job, run: int, identifiers: Sequence[str], now: datetime) -> list[Anomaly]:
    """Return the anomaly of snapshots that have gone from the repository although nobody here removed them."""
    if not identifiers:
        return []
    count = len(identifiers)
    return [
        _state(
            job,
            AnomalyKind.SNAPSHOT_MISSING,
            Severity.CRITICAL,
            Text(
                f"备份作业 {job.name} 有 {count} 个快照从备份库中消失",
                f"{count} snapshots of backup job {job.name} have gone from its repository",
            ),
            Text(
                "若无人有意删除，按备份被破坏处置：隔离备份库，核查访问记录",
                "if nobody removed them on purpose, treat it as an attack on the backups: isolate the repository",
            ),
            run=run,
            now=now,
            evidence={"snapshots": list(identifiers[:20]), "count": count},
        )
    ]


def of_proof(job: Job, run: int, verb: str, outcome: Outcome, now: datetime) -> list[Anomaly]:
    """Return the anomaly of a verification or drill that did not prove what it should."""
    if outcome.result in _QUIET or outcome.result is Result.PARTIAL:
        return []
    words = {"verify": Text("验证", "verification"), "drill": Text("恢复演练", "recovery drill")}[verb]
    kind = {"verify": AnomalyKind.VERIFY_FAILED, "drill": AnomalyKind.DRILL_FAILED}[verb]
    disproved = outcome.result.disproved
    reason = visible(outcome.message or "", 200)
    return [
        _state(
            job,
            kind,
            Severity.CRITICAL if disproved else Severity.MEDIUM,
            Text(f"备份作业 {job.name} 的{words.zh}未通过：{reason}", f"{words.en} of {job.name} failed: {reason}"),
            Text(
                "备份可能无法恢复：检查备份库磁盘，尽快另做一份完整备份",
                "the backup may not restore: check the repository's disk and make another full backup soon",
            ),
            run=run,
            now=now,
            evidence={"result": outcome.result.value, "message": outcome.message, **outcome.details},
        )
    ]


def of_slow_restore(job: Job, run: int, measured: float, now: datetime) -> list[Anomaly]:
    """Return the anomaly of a drill that took longer than the recovery time objective."""
    if measured <= job.policy.rto_seconds:
        return []
    return [
        _state(
            job,
            AnomalyKind.RTO_BROKEN,
            Severity.MEDIUM,
            Text(
                f"备份作业 {job.name} 的恢复用时 {measured:.0f} 秒，超出目标 {job.policy.rto_seconds} 秒",
                f"restoring {job.name} took {measured:.0f} s, its objective is {job.policy.rto_seconds} s",
            ),
            Text("检查网络和磁盘速度，或调整目标", "check the network and disk, or agree on another objective"),
            run=run,
            now=now,
            evidence={"measured_seconds": measured, "target_seconds": job.policy.rto_seconds},
        )
    ]
