"""`secwatch lake`: how full the lake is, small files into large ones, and what is past its time out of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.commands.sizes import in_bytes
from secwatch.core.durations import in_words
from secwatch.core.errors import ExitCode
from secwatch.core.model import Language, Text
from secwatch.core.moments import to_text
from secwatch.system.console import Output, announce, progress, show, table

if TYPE_CHECKING:
    from secwatch.pipeline.compact import Compaction
    from secwatch.pipeline.prune import Pruning

EXIT_CODES = "Exit codes: 0 done, 2 usage, 3 some files could not be merged, 11 another run is at work."
PRUNE_CODES = "Exit codes: 0 done, 2 usage, 11 another run is writing, 16 refused: the law asks to keep it."


@click.group(cls=Group, name="lake")
def command() -> None:
    """Keep the lake: how full it is, merge small files, drop the oldest.

    \b
    Example:
      secwatch lake status
      secwatch lake compact
      secwatch lake prune --dry-run
    """


@command.command(epilog="Exit codes: 0 done, 2 usage.")
@language_option
@output_options
@pass_application
def status(application: Application, output: Output) -> None:
    """Show what the lake holds by table, how full it is, and when it will be full.

    \b
    Example:
      secwatch lake status
      secwatch lake status --json
    """
    from secwatch.commands.lake_shown import standing, standing_data, tables_data, tables_shown
    from secwatch.pipeline.compact import plan
    from secwatch.pipeline.retention import measure
    from secwatch.store.lake_files import held

    now = datetime.now(UTC)
    files = held(application.database)
    settings = application.settings.lake
    fullness = measure(application.place, application.database, settings, now)
    waiting = sum(len(group.files) for group in plan(files, now))
    items = tables_data(files, fullness)
    data = {**standing_data(fullness, settings), "mergeable_files": waiting, "items": items}
    language = application.language
    show(output, data, standing(fullness, settings, waiting, language), tables_shown(items, language))


@command.command(epilog=EXIT_CODES)
@click.option("--all", "everything", is_flag=True, help="Merge files of the present hour and day too.")
@language_option
@output_options
@pass_application
def compact(application: Application, everything: bool, output: Output) -> int:
    """Merge the many small files of past hours and days into few large ones.

    Capture, reading and queries go on meanwhile. Run it every hour (configs/systemd, configs/cron);
    it may be killed at any time.

    \b
    Example:
      secwatch lake compact -q
      secwatch lake compact --all
    """
    from datetime import timedelta

    from secwatch.pipeline.compact import compact as merge_files
    from secwatch.pipeline.retention import watch

    now = datetime.now(UTC)
    with progress("compact", output) as line:
        done = merge_files(
            application.place,
            application.database,
            now + timedelta(days=2) if everything else now,
            on_progress=line.update,
        )
    watch(application.place, application.database, application.settings, now)
    for problem in done.problems:
        application.say(Text(f"未能合并：{problem}", f"not merged: {problem}"))
    announce(output, asdict(done), _compaction(done, application.language))
    return ExitCode.INCOMPLETE if done.problems else ExitCode.DONE


@command.command(epilog=PRUNE_CODES)
@click.option("--older-than", type=click.IntRange(0, 36_500), metavar="DAYS", help="Instead of [lake] keep_days.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--force", is_flag=True, help="Drop also what the law asks to keep.")
@language_option
@output_options
@pass_application
def prune(application: Application, older_than: int | None, dry_run: bool, force: bool, output: Output) -> None:
    """Drop what was read longer ago than [lake] keep_days, by whole files.

    With [lake] drop_beyond_quota the oldest beyond the quota go too. What is younger than six
    months stays in any case, unless --force says otherwise.

    \b
    Example:
      secwatch lake prune --dry-run
      secwatch lake prune --older-than 365
    """
    from secwatch.pipeline.prune import prune as drop
    from secwatch.pipeline.retention import watch

    now = datetime.now(UTC)
    settings = application.settings.lake
    done = drop(
        application.place,
        application.database,
        settings,
        now,
        older_than_days=older_than,
        dry_run=dry_run,
        force=force,
    )
    if not dry_run:
        watch(application.place, application.database, application.settings, now)
    if done.still_beyond:
        size = in_bytes(done.still_beyond)
        zh, en = (
            f"仍超出配额 {size}，见 secwatch lake status",
            f"{size} beyond the quota stay: see secwatch lake status",
        )
        application.say(Text(zh, en), output)
    tell = show if dry_run else announce
    tell(output, _pruning_data(done, dry_run), _pruning(done, dry_run, application.language))


def _compaction(done: Compaction, language: Language) -> Any:
    rows = [
        (Text("合并文件", "files merged"), f"{done.files_before:,} → {done.files_after:,}"),
        (Text("行", "rows"), f"{done.rows:,}"),
        (Text("字节", "bytes"), f"{in_bytes(done.bytes_before)} → {in_bytes(done.bytes_after)}"),
        (Text("清除旧文件", "old files removed"), f"{done.removed:,}"),
        (Text("用时", "time"), in_words(done.seconds)),
    ]
    return table(None, ["", ""], [(label.to(language), value) for label, value in rows], show_header=False)


def _pruning_data(done: Pruning, dry_run: bool) -> dict[str, Any]:
    days = [file.path.split("/")[1].removeprefix("day=") for file in done.files if file.path.count("/") == 2]
    return {
        "dry_run": dry_run,
        "read_before": to_text(done.cutoff),
        "files": len(done.files),
        "files_by_age": len(done.by_age),
        "files_by_quota": len(done.by_quota),
        "rows": sum(file.rows for file in done.files),
        "bytes": sum(file.bytes for file in done.files),
        "first_day": min(days, default=None),
        "last_day": max(days, default=None),
        "inputs": done.inputs,
        "beyond_quota_bytes": done.still_beyond,
        "seconds": round(done.seconds, 3),
    }


def _pruning(done: Pruning, dry_run: bool, language: Language) -> Any:
    data = _pruning_data(done, dry_run)
    went = Text("将清理", "would go") if dry_run else Text("已清理", "dropped")
    files = f"{data['files']:,} ({in_bytes(data['bytes'])})"
    rows = [
        (Text("读入早于", "read before"), f"{done.cutoff:%Y-%m-%d %H:%M} UTC"),
        (Text(f"{went.zh}的文件", f"files that {went.en}" if dry_run else "files dropped"), files),
        (Text("其中因超配额", "of these beyond the quota"), f"{data['files_by_quota']:,}"),
        (Text("行", "rows"), f"{data['rows']:,}"),
        (Text("流量日期", "days of traffic"), f"{data['first_day'] or '-'} … {data['last_day'] or '-'}"),
    ]
    return table(None, ["", ""], [(label.to(language), value) for label, value in rows], show_header=False)
