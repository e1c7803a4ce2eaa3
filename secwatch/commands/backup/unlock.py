"""`secwatch backup unlock`: remove stale locks."""

from __future__ import annotations

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.backup import selection
from secwatch.core.errors import Locked
from secwatch.core.model import Text
from secwatch.system.console import Output, show, table


@click.command(epilog=f"Exit codes: 0 no lock is left, 1 failed, 2 usage, {selection.ENDINGS}")
@click.argument("job")
@output_options
@language_option
@pass_application
def unlock(application: Application, job: str, output: Output) -> None:
    """Remove stale locks, by evidence.

    Stale is a lock whose process on this machine is dead, or that was not refreshed for 30 minutes.

    \b
    Example:
      secwatch backup unlock finance-files
    """
    from backup.release import unlock_job

    (chosen,) = selection.chosen(application, [job])
    released = unlock_job(selection.surroundings(application), chosen)
    items = [{"job": chosen.name, "repository": chosen.repository.name, **item} for item in released.as_items()]
    language = application.language
    heads = [Text("锁", "lock"), Text("主机", "host"), Text("进程", "process"), Text("处理", "done")]
    rows = [
        (
            str(item["lock"])[:8],
            item["host"],
            item["pid"],
            (Text("已移除", "removed") if item["removed"] else Text("保留", "left")).to(language),
        )
        for item in items
    ]
    title = Text(f"{chosen.repository.name} 的锁：{len(items)}", f"Locks of {chosen.repository.name}: {len(items)}")
    show(output, {"items": items}, table(title.to(language), [head.to(language) for head in heads], rows))
    if released.left:
        first = released.left[0]
        raise Locked(
            f"repository {chosen.repository.name} stays locked by process {first.pid} on {first.host}",
            "it may be at work: wait for it to end, or end it there",
        )
