"""How everything stands, gathered from both halves: what `status` shows, monitors ask for and Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from secwatch.commands.lake_shown import sentence
from secwatch.core.durations import in_words, seconds
from secwatch.core.model import EarlyWarning, Level, Severity, Text, WarningState
from secwatch.core.moments import from_microseconds, to_text
from secwatch.system.metrics import Metric

if TYPE_CHECKING:
    from backup.overview import JobStatus
    from secwatch.commands.application import Application
    from secwatch.commands.sensing import Sensing
    from secwatch.pipeline.retention import Fullness

# Alerts older than this no longer say how things stand now; the bulletin's week is the same length.
RECENT = timedelta(days=7)


class Grade(IntEnum):
    """How bad it is; the numbers are the exit codes that Nagios plugins agree on."""

    GOOD = 0
    ATTENTION = 1
    URGENT = 2

    @property
    def label(self) -> Text:
        """The word for it."""
        return (Text("正常", "good"), Text("注意", "attention"), Text("紧急", "urgent"))[self]


@dataclass(frozen=True)
class Standing:
    """One moment of a whole installation.

    alerts counts those seen in the last seven days by severity; warnings are those in force.
    last_packet is the time of the newest packet that was ever read; a sensor from which nothing has
    come for silent_after is blind. waiting counts groups of alerts that no warning has taken in yet.
    """

    now: datetime
    last_packet: datetime | None
    alerts: Mapping[Severity, int]
    warnings: Sequence[EarlyWarning]
    jobs: Sequence[JobStatus]
    silent_after: timedelta
    waiting: int
    lake: Fullness
    sensing: Sensing

    @property
    def reasons(self) -> Sequence[tuple[Grade, Text]]:
        """Everything that is not good, the worst first. No data is not good."""
        found: list[tuple[Grade, Text]] = []
        for warning in self.warnings:
            grade = Grade.URGENT if _urgent(warning) else Grade.ATTENTION
            if warning.level is not Level.NOTICE:
                level = warning.level.label
                zh = f"预警 {warning.number} [{level.zh}] {warning.title.zh}"
                en = f"warning {warning.number} [{level.en}] {warning.title.en}"
                found.append((grade, Text(zh, en)))
        for job in self.jobs:
            grade = {"green": Grade.GOOD, "yellow": Grade.ATTENTION, "red": Grade.URGENT}[job.state.value]
            if grade is not Grade.GOOD:
                label = job.state.label
                found.append(
                    (grade, Text(f"备份作业 {job.job.name}：{label.zh}", f"backup job {job.job.name}: {label.en}"))
                )
        if not self.jobs:
            found.append((Grade.ATTENTION, Text("没有配置备份作业", "no backup job is configured")))
        if self.last_packet is None:
            found.append((Grade.ATTENTION, Text("从未读取网络流量", "no traffic was ever read")))
        elif self.now - self.last_packet > self.silent_after:
            age = in_words((self.now - self.last_packet).total_seconds())
            found.append((Grade.URGENT, Text(f"网络监测已中断 {age}", f"the sensor has been blind for {age}")))
        for urgent, text in self.sensing.reasons():
            found.append((Grade.URGENT if urgent else Grade.ATTENTION, text))
        if self.waiting:
            zh = f"{self.waiting} 类告警尚未形成预警：secwatch warn draft"
            en = f"{self.waiting} kinds of alerts are in no warning yet: secwatch warn draft"
            found.append((Grade.ATTENTION, Text(zh, en)))
        if self.lake.severity is not None:
            grade = Grade.URGENT if self.lake.severity is Severity.CRITICAL else Grade.ATTENTION
            found.append((grade, sentence(self.lake)))
        return sorted(found, key=lambda item: -item[0])

    @property
    def grade(self) -> Grade:
        """The worst of all."""
        return max((grade for grade, _ in self.reasons), default=Grade.GOOD)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        return {
            "grade": self.grade.name.lower(),
            "reasons": [{"grade": grade.name.lower(), "zh": text.zh, "en": text.en} for grade, text in self.reasons],
            "last_packet": to_text(self.last_packet) if self.last_packet else None,
            "sensor": self.sensing.as_data(),
            "alerts": {severity.label.en: count for severity, count in self.alerts.items()},
            "warnings": {level.value: count for level, count in self.levels().items()},
            "jobs": [job.as_item() for job in self.jobs],
            "lake": {
                "used_bytes": self.lake.used,
                "limit_bytes": self.lake.limit,
                "share": round(self.lake.share, 4),
                "full_at": to_text(self.lake.full_at) if self.lake.full_at else None,
            },
        }

    def levels(self) -> Mapping[Level, int]:
        """Return how many warnings of each level are in force."""
        return {level: sum(warning.level is level for warning in self.warnings) for level in Level}

    def metrics(self) -> Sequence[Metric]:
        """Return it as gauges."""
        packet: list[tuple[Mapping[str, str], float]] = [({}, self.last_packet.timestamp())] if self.last_packet else []
        return (
            Metric("status_timestamp_seconds", "when these metrics were written", [({}, self.now.timestamp())]),
            Metric("status_grade", "0 good, 1 attention, 2 urgent", [({}, float(self.grade))]),
            Metric("sensor_last_packet_timestamp_seconds", "time of the newest packet read", packet),
            Metric(
                "sensor_dropped_packets_recent",
                "packets that live capture had no room for in 24 hours",
                [({}, float(self.sensing.received.dropped))],
            ),
            Metric(
                "sensor_packets_without_evidence",
                "packets that the newest live run captured and did not keep as evidence",
                [({}, float(self.sensing.latest.left_out))] if self.sensing.latest else [],
            ),
            Metric(
                "alerts_recent",
                "alerts seen in the last seven days",
                [({"severity": severity.label.en}, count) for severity, count in self.alerts.items()],
            ),
            Metric(
                "warnings_in_force",
                "early warnings in force",
                [({"level": level.value}, count) for level, count in self.levels().items()],
            ),
            Metric("lake_used_bytes", "bytes of the lake's files", [({}, float(self.lake.used))]),
            Metric("lake_limit_bytes", "its quota, or what the disk has room for", [({}, float(self.lake.limit))]),
            *self._job_metrics(),
        )

    def _job_metrics(self) -> Sequence[Metric]:
        def gauge(name: str, meaning: str, value: Mapping[str, float | None]) -> Metric:
            return Metric(name, meaning, [({"job": job}, found) for job, found in value.items() if found is not None])

        def each(of: Any) -> Mapping[str, float | None]:
            return {job.job.name: of(job) for job in self.jobs}

        def success(job: JobStatus) -> float | None:
            return job.last_success.started_at.timestamp() if job.last_success else None

        grades = {"green": 0.0, "yellow": 1.0, "red": 2.0}
        return (
            gauge("backup_state", "0 good, 1 attention, 2 red", each(lambda job: grades[job.state.value])),
            gauge("backup_last_success_timestamp_seconds", "begin of the last good run", each(success)),
            gauge("backup_age_seconds", "age of the newest snapshot", each(lambda job: job.rpo.achieved_seconds)),
            gauge("backup_rpo_target_seconds", "recovery point objective", each(lambda job: job.rpo.target_seconds)),
            gauge("backup_rto_seconds", "last measured recovery time", each(lambda job: job.rto.achieved_seconds)),
        )


def _urgent(warning: EarlyWarning) -> bool:
    return warning.level.rank >= Level.ORANGE.rank or warning.state is WarningState.REPORT_UPWARD


def gather(application: Application, now: datetime) -> Standing:
    """Return how everything stands."""
    from backup.overview import overview
    from secwatch.commands import sensing
    from secwatch.commands.backup import selection
    from secwatch.pipeline.retention import measure
    from secwatch.store import alerts, lake, warnings

    database = application.database
    last = lake.last_time(database)
    return Standing(
        now=now,
        last_packet=from_microseconds(last) if last is not None else None,
        alerts=alerts.count_by_severity(database, now - RECENT),
        warnings=[item for item in warnings.select(database, open_at=now)],
        jobs=overview(database, selection.configured(application), now),
        silent_after=timedelta(seconds=seconds(application.settings.sensor.silent_after)),
        lake=measure(application.place, database, application.settings.lake, now),
        sensing=sensing.gather(application.place, database, application.settings.sensor, now),
        waiting=len(warnings.pending_groups(database, application.settings.warn.minimum_severity)),
    )
