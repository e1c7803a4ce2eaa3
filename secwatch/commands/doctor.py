"""`secwatch doctor`: is everything here that secwatch needs, and if not, what to type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.core.errors import ExitCode, SecwatchError
from secwatch.core.model import Text
from secwatch.system.console import Output, note, progress, show, table

if TYPE_CHECKING:
    from secwatch.system.checks import Check

EXIT_CODES = "Exit codes: 0 everything that is needed is here, 2 usage, 14 something that is needed is missing."

_WORDS = {
    "good": Text("正常", "good"),
    "limited": Text("受限", "limited"),
    "missing": Text("缺失", "missing"),
}

_NAMES = {
    "python": Text("Python", "Python"),
    "libraries": Text("依赖库", "libraries"),
    "restic": Text("restic", "restic"),
    "capture": Text("抓包权限", "capture"),
    "state": Text("状态目录", "state"),
    "disk": Text("磁盘空间", "disk"),
    "lake": Text("数据湖", "lake"),
    "clock": Text("时钟", "clock"),
    "locale": Text("语言环境", "locale"),
    "terminal": Text("终端", "terminal"),
    "processor": Text("处理器", "processor"),
}


@click.command(epilog=EXIT_CODES)
@click.option("--warm", is_flag=True, help="Compile the sensor's kernels now, so that the first read does not wait.")
@language_option
@output_options
@pass_application
def command(application: Application, warm: bool, output: Output) -> int:
    """Check this machine, and say how to fix what is missing.

    \b
    Example:
      secwatch doctor
      secwatch doctor --warm
    """
    from secwatch.system import checks

    try:
        restic, language = application.settings.backup.restic, application.language
    except SecwatchError as error:  # a doctor works with a broken configuration too
        note(f"the configuration is not used: {error.message}", output)
        restic, language = "restic", "en"
    found = [*checks.examine(application.place, restic), *_lake(application)]
    if warm:
        _warm(output)
    columns = ("项目", "结果", "情况", "处理办法") if language == "zh" else ("check", "result", "found", "fix")
    rows = [
        (
            _NAMES[check.name].to(language),
            _WORDS[check.result].to(language),
            check.found.to(language),
            check.fix.to(language),
        )
        for check in found
    ]
    data = {"items": [{"name": c.name, "result": c.result.value, "found": c.found.en, "fix": c.fix.en} for c in found]}
    show(output, data, table(None, columns, rows))
    return ExitCode.PROGRAM if any(check.result is checks.Result.MISSING for check in found) else ExitCode.DONE


def _lake(application: Application) -> Sequence[Check]:
    """How full the lake is, where there is one and the configuration and the database can be read."""
    from secwatch.commands.lake_shown import sentence
    from secwatch.system.checks import NOTHING, Check, Result

    try:
        if not application.place.database.exists():
            return ()
        from secwatch.pipeline.retention import measure

        fullness = measure(application.place, application.database, application.settings.lake, datetime.now(UTC))
    except SecwatchError:
        return ()  # said elsewhere, and by every other command
    full = fullness.severity is not None
    fix = Text("secwatch lake status", "secwatch lake status") if full else NOTHING
    return (Check("lake", Result.LIMITED if full else Result.GOOD, sentence(fullness), fix),)


def _warm(output: Output) -> None:
    from secwatch.sensor import kernels

    with progress("compiling the sensor's kernels (once)", output):
        kernels.warm()
