"""Backups and disaster recovery: every job's last success, its objectives, and whether it is proven."""

from __future__ import annotations

from datetime import datetime

from secwatch.bulletin.document import Cell, Column, Section, Table, both
from secwatch.bulletin.material import JobState, Material
from secwatch.bulletin.sections.threats import clip
from secwatch.core.durations import in_words
from secwatch.core.model import Origin, Text

ROWS = 40
_NEVER = Text("无", "never")


def recovery(material: Material) -> Section:
    """Return the section; jobs that keep their promises least come first."""
    title = Text("备份与灾难恢复", "Backup and disaster recovery")
    jobs = material.backups.jobs
    if not jobs:
        none = Text(
            "没有配置备份作业，恢复能力无从判断。", "No backup job is configured: nothing can be said of recovery."
        )
        return Section("recovery", title, (none, *_anomalies(material)))
    met = sum(1 for job in jobs if job.rpo_met)
    verified = sum(1 for job in jobs if job.verified_at)
    drilled = sum(1 for job in jobs if job.drilled_at)
    lead = Text(
        f"备份作业 {len(jobs)} 个：{met} 个达到恢复点目标，{verified} 个经验证，{drilled} 个经恢复演练。",
        f"Backup jobs: {len(jobs)}, within their recovery point objective: {met}, verified: {verified}, "
        f"drilled: {drilled}.",
    )
    columns = (
        Column(Text("作业", "Job")),
        Column(Text("单位", "Owner")),
        Column(Text("最近成功", "Last success"), whole=True),
        Column(Text("恢复点目标", "RPO"), whole=True),
        Column(Text("最近验证", "Verified"), whole=True),
        Column(Text("最近演练", "Drilled"), whole=True),
    )
    ordered = sorted(jobs, key=lambda job: (job.rpo_met, bool(job.verified_at), bool(job.drilled_at), job.job))
    rows = tuple(_row(material, job) for job in ordered[:ROWS])
    notes = [
        Text(
            "各作业为编制时的状态。恢复点目标：最近一次成功备份距今不超过目标时长。最近演练：括号内为实测恢复用时。",
            "Jobs as they stood when this was composed. RPO: the newest good backup is no older than the objective. "
            "Drilled: in brackets, how long the restore took.",
        ),
    ]
    if len(jobs) > ROWS:
        notes.append(Text(f"另有 {len(jobs) - ROWS} 个作业未列出。", f"Jobs not listed: {len(jobs) - ROWS} more."))
    return Section("recovery", title, (lead, *_anomalies(material)), (Table(columns, rows),), notes=tuple(notes))


def _anomalies(material: Material) -> tuple[Text, ...]:
    number = sum(row.alerts for row in material.of_origin(Origin.BACKUP))
    if not number:
        return ()
    return (Text(f"新增备份异常告警 {number} 条。", f"New alerts of strange backups: {number}."),)


def _row(material: Material, job: JobState) -> tuple[Cell, ...]:
    target = in_words(job.rpo_seconds)
    objective = (
        Text(f"达标（{target}）", f"met ({target})")
        if job.rpo_met
        else Text(f"未达标（{target}）", f"missed ({target})")
    )
    return (
        Cell(clip(Text(job.job, job.job), 40)),
        Cell(clip(material.name(job.organisation))),
        _when(material, job.last_success),
        Cell(objective, "good" if job.rpo_met else "bad"),
        _proof(material, job.verified_at),
        _drill(material, job),
    )


def _when(material: Material, moment: datetime | None) -> Cell:
    if moment is None:
        return Cell(_NEVER, "bad")
    return Cell(both(f"{_day(material, moment)} {moment.astimezone(material.zone):%H:%M}"))


def _proof(material: Material, moment: datetime | None) -> Cell:
    return Cell(_NEVER, "bad") if moment is None else Cell(both(_day(material, moment)))


def _day(material: Material, moment: datetime) -> str:
    """The year stands only where it is not that of the bulletin."""
    local = moment.astimezone(material.zone)
    same = local.year == material.now.astimezone(material.zone).year
    return local.strftime("%m-%d" if same else "%Y-%m-%d")


def _drill(material: Material, job: JobState) -> Cell:
    """A restore that took longer than its objective is marked, like one that never was."""
    cell = _proof(material, job.drilled_at)
    if job.drilled_at is None or job.drill_seconds is None:
        return cell
    took, within = in_words(job.drill_seconds), job.drill_seconds <= job.rto_seconds
    return Cell(Text(f"{cell.text.zh}（{took}）", f"{cell.text.en} ({took})"), "" if within else "bad")
