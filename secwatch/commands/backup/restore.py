"""`secwatch backup restore`: get data back."""

from __future__ import annotations

from pathlib import Path

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.backup import selection
from secwatch.core.durations import in_words
from secwatch.core.errors import ExitCode
from secwatch.core.model import Text
from secwatch.system.console import Output, note


@click.command(
    epilog=f"Exit codes: 0 done, 1 failed, 2 usage, 15 what came back differs from what was backed up, "
    f"{selection.ENDINGS}"
)
@click.argument("job")
@click.option(
    "--target",
    required=True,
    metavar="DIR",
    callback=selection.filled,
    help="A new or empty directory: nothing is written over.",
)
@click.option(
    "--snapshot",
    default="latest",
    show_default=True,
    metavar="ID",
    callback=selection.filled,
    help="The snapshot to restore.",
)
@click.option(
    "--path",
    metavar="PATH",
    callback=selection.filled,
    help="Only this path of it, absolute, as it was when it was backed up.",
)
@output_options
@language_option
@pass_application
def restore(application: Application, job: str, target: str, snapshot: str, path: str | None, output: Output) -> int:
    """Restore a snapshot into a new directory.

    What comes back is compared with what was backed up.

    \b
    Example:
      secwatch backup restore finance-files --target /srv/restored
      secwatch backup restore finance-files --target /tmp/one --path /srv/finance/2026.xlsx
    """
    from backup.restore import restore_job

    (chosen,) = selection.chosen(application, [job])
    surroundings = selection.surroundings(application)
    with selection.progress(job, output) as on_progress:
        outcome = restore_job(surroundings, chosen, Path(target), snapshot=snapshot, path=path, on_progress=on_progress)
    columns = {
        Text("快照", "snapshot"): lambda outcome: (outcome.snapshot or "—")[:8],
        Text("文件", "files"): lambda outcome: selection.number(outcome.files),
        Text("总量", "size"): lambda outcome: selection.size(outcome.bytes),
        Text("差异", "differences"): lambda outcome: selection.number(outcome.details.get("differences")),
        Text("用时", "time"): lambda outcome: in_words(outcome.seconds),
    }
    if outcome.code is ExitCode.DONE and outcome.message:
        note(f"{job}: {outcome.message}", output)
    return selection.finish(application, output, [outcome], Text("恢复", "Restore"), columns)
