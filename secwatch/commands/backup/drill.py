"""`secwatch backup drill`: prove that a job can be recovered, and how fast."""

from __future__ import annotations

from collections.abc import Sequence

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.backup import selection
from secwatch.core.durations import in_words
from secwatch.core.model import Text
from secwatch.system.console import Output


@click.command(
    epilog=f"Exit codes: 0 proven, 1 failed, 2 usage, 3 restored, but there is no manifest to compare with, "
    f"15 what came back differs, {selection.ENDINGS}"
)
@selection.jobs_argument
@click.option(
    "--snapshot",
    default="latest",
    show_default=True,
    metavar="ID",
    callback=selection.filled,
    help="The snapshot to recover.",
)
@output_options
@language_option
@pass_application
def drill(application: Application, names: Sequence[str], every: bool, snapshot: str, output: Output) -> int:
    """Prove that jobs can be recovered, and how fast.

    Restores into a scratch directory, compares it with the manifest made at backup time, measures
    RPO and RTO.

    \b
    Example:
      secwatch backup drill finance-files
    """
    from backup.drill import drill_job

    jobs = selection.chosen(application, names, every)
    surroundings = selection.surroundings(application)
    outcomes = []
    for job in jobs:
        with selection.progress(job.name, output) as on_progress:
            outcomes.append(drill_job(surroundings, job, snapshot=snapshot, on_progress=on_progress))
    columns = {
        Text("快照", "snapshot"): lambda outcome: (outcome.snapshot or "—")[:8],
        Text("比对", "compared"): lambda outcome: selection.size(outcome.details.get("bytes_compared")),
        Text("差异", "differences"): lambda outcome: selection.number(outcome.details.get("differences")),
        Text("实测恢复点", "RPO"): lambda outcome: _against(outcome.details, "rpo"),
        Text("实测恢复时间", "RTO"): lambda outcome: _against(outcome.details, "rto"),
    }
    return selection.finish(application, output, outcomes, Text("恢复演练", "Recovery drill"), columns)


def _against(details: dict[str, float], name: str) -> str:
    if f"{name}_seconds" not in details:
        return "—"
    return f"{in_words(details[f'{name}_seconds'])} / {in_words(details[f'{name}_target_seconds'])}"
