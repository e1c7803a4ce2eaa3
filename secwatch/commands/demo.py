"""`secwatch demo`: the whole of secwatch once, on sample data; every step is a command that a user can type."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.core.errors import ExitCode
from secwatch.core.model import Language
from secwatch.system.console import Output, show, table

if TYPE_CHECKING:
    from secwatch.commands.demo_steps import Fact

EXIT_CODES = (
    "Exit codes: 0 every step did what it should, 1 one did not, 2 the directory holds something else, "
    "11 another demo runs there, 14 restic is missing."
)


@click.command(epilog=EXIT_CODES)
@click.argument("directory", type=click.Path(file_okay=False), default="secwatch-demo")
@language_option
@output_options
@pass_application
def command(application: Application, directory: str, output: Output) -> int:
    """Carry you through the whole of secwatch on sample data, for real.

    Makes a workspace, sample traffic with attacks in it, files and departments, and runs every step on
    them: sensor, detections, YARA, encrypted backup, drill, early warnings, bulletin. Run again, it starts
    clean. Only what the demo has made itself is ever removed.

    \b
    Example:
      secwatch demo
      secwatch demo /tmp/demo --lang en
    """
    from secwatch.commands import demo_steps
    from secwatch.system.process import find_program

    find_program("restic")
    language: Language = application.chosen_language or "zh"
    demo = demo_steps.Demo(Path(directory), language, output)
    outcome = demo.run()
    rows = [(fact.label.to(language), _shown(fact)) for fact in outcome.facts]
    title = "实测结果" if language == "zh" else "Measured"
    data = {
        "workspace": str(demo.directory),
        "seconds": round(outcome.seconds, 1),
        "steps": [{"command": step.command, "exit_code": step.code, "seconds": step.seconds} for step in outcome.steps],
        "facts": {fact.name: fact.value for fact in outcome.facts},
    }
    show(output, data, table(title, ["", ""], rows, show_header=False), "", demo.next_steps())
    return ExitCode.DONE


def _shown(fact: Fact) -> str:
    if fact.name.endswith("seconds"):
        return f"{fact.value:.1f} s"
    return f"{fact.value:,}" if isinstance(fact.value, int) else str(fact.value)
