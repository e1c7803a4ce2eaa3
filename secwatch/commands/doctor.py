"""`secwatch doctor`: is everything here that secwatch needs, and if not, what to type."""

from __future__ import annotations

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.core.errors import ExitCode, SecwatchError
from secwatch.core.model import Text
from secwatch.system.console import Output, note, progress, show, table

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
    found = checks.examine(application.place, restic)
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


def _warm(output: Output) -> None:
    from secwatch.sensor import kernels

    with progress("compiling the sensor's kernels (once)", output):
        kernels.warm()
