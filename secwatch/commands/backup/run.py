"""`secwatch backup run`: back jobs up."""

from __future__ import annotations

from collections.abc import Sequence

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.backup import selection
from secwatch.core.durations import in_words
from secwatch.core.model import Text
from secwatch.system.console import Output


@click.command(
    epilog=f"Exit codes: 0 done, 1 failed, 2 usage, 3 done, but a source or file could not be read, {selection.ENDINGS}"
)
@selection.jobs_argument
@output_options
@language_option
@pass_application
def run(application: Application, names: Sequence[str], every: bool, output: Output) -> int:
    """Back jobs up, and look up that it is so.

    \b
    Example:
      secwatch backup run finance-files
      secwatch backup run --all --quiet        # for cron: says nothing if all went well
    """
    from backup.run import run_job

    jobs = selection.chosen(application, names, every)
    surroundings = selection.surroundings(application)
    outcomes = []
    for job in jobs:
        with selection.progress(job.name, output) as on_progress:
            outcomes.append(run_job(surroundings, job, on_progress))
    columns = {
        Text("快照", "snapshot"): lambda outcome: (outcome.snapshot or "—")[:8],
        Text("文件", "files"): lambda outcome: selection.number(outcome.files),
        Text("总量", "size"): lambda outcome: selection.size(outcome.bytes),
        Text("新增", "added"): lambda outcome: selection.size(outcome.bytes_added),
        Text("用时", "time"): lambda outcome: in_words(outcome.seconds),
    }
    return selection.finish(application, output, outcomes, Text("备份", "Backup"), columns)
