"""`secwatch backup status`: how every job stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.backup import selection
from secwatch.core.durations import in_words
from secwatch.core.errors import ExitCode, UsageProblem
from secwatch.core.model import Language, Text
from secwatch.system.console import Output, show, table

if TYPE_CHECKING:
    from backup.model import RunRecord
    from backup.overview import JobStatus


@click.command(
    epilog="Exit codes: 0 done, 2 usage, 13 configuration invalid, 15 with --check: a job is red.",
)
@click.option("--check", is_flag=True, help="End with 15 if any job is red.")
@output_options
@language_option
@pass_application
def status(application: Application, check: bool, output: Output) -> int:
    """Say how every job stands.

    Last success, age against its objectives, next run, last proofs; no data is red.

    \b
    Example:
      secwatch backup status
      secwatch backup status --check --json
    """
    from backup.overview import State, overview, record_overdue

    jobs = selection.configured(application)
    if not jobs:
        raise UsageProblem(
            "the configuration has no backup jobs", "see how to write one: secwatch config example (section [backup])"
        )
    now = datetime.now(UTC)
    statuses = overview(application.database, jobs, now)
    record_overdue(application.database, statuses, now)
    selection.state_alerts(application)
    language = application.language
    heads = [
        Text("作业", "job"),
        Text("单位", "owner"),
        Text("状态", "state"),
        Text("最近备份", "newest"),
        Text("恢复点目标", "RPO"),
        Text("下次", "next"),
        Text("总量", "size"),
        Text("验证", "verified"),
        Text("演练", "drilled"),
        Text("恢复用时", "RTO"),
    ]
    rows = [_row(item, language, now) for item in statuses]
    title = Text("备份状态", "Backup jobs").to(language)
    picture = table(title, [head.to(language) for head in heads], rows)
    show(output, {"items": [item.as_item() for item in statuses]}, picture, *_notes(statuses, language))
    red = any(item.state is State.RED for item in statuses)
    return int(ExitCode.PROOF if check and red else ExitCode.DONE)


def _notes(statuses: Sequence[JobStatus], language: Language) -> list[str]:
    """What no column has room for."""
    notes = []
    for item in statuses:
        name, missing, future = item.job.name, item.missing_snapshots, item.future_snapshots
        if missing:
            gone = Text(
                f"{name}：{missing} 个快照已从备份库中消失",
                f"{name}: {missing} snapshots have gone from the repository",
            )
            notes.append(gone.to(language))
        if future:
            ahead = Text(
                f"{name}：{future} 个快照的时间在未来，请校正时钟",
                f"{name}: {future} snapshots are dated in the future: set the clock right",
            )
            notes.append(ahead.to(language))
    return notes


def _row(item: JobStatus, language: Language, now: datetime) -> tuple[object, ...]:
    from rich.text import Text as Styled

    from backup.overview import State

    styles = {State.GREEN: "green", State.YELLOW: "yellow", State.RED: "bold red"}
    never = Text("从未", "never").to(language)
    due_now = Text("现在", "now").to(language)
    achieved = item.rto.achieved_seconds
    return (
        item.job.name,
        item.job.organisation,
        Styled(item.state.label.to(language), style=styles[item.state]),
        never if item.rpo.achieved_seconds is None else in_words(item.rpo.achieved_seconds),
        f"{in_words(item.rpo.target_seconds)} {item.rpo.verdict.label.to(language)}",
        due_now if item.due.now else in_words((item.due.at - now).total_seconds()),
        selection.size(item.snapshot.bytes if item.snapshot else None),
        _proof(item.last_verify, language, never),
        _proof(item.last_drill, language, never),
        "—" if achieved is None else in_words(achieved),
    )


def _proof(run: RunRecord | None, language: Language, never: str) -> str:
    if run is None or run.result is None:
        return never
    return f"{run.result.label.to(language)} {run.started_at:%m-%d}"
