"""`secwatch init`: a workspace to work in."""

from __future__ import annotations

from pathlib import Path

import click

from secwatch.commands.application import Application, output_options, pass_application
from secwatch.core.errors import UsageProblem
from secwatch.core.model import Text
from secwatch.system.console import Output, announce
from secwatch.system.paths import CONFIGURATION_NAME, prepare, shipped, workspace_at

EXIT_CODES = "Exit codes: 0 done, 2 usage, 16 the directory cannot be made."


@click.command(epilog=EXIT_CODES)
@click.argument("directory", type=click.Path(file_okay=False))
@output_options
@pass_application
def command(application: Application, directory: str, output: Output) -> None:
    """Make a workspace: a directory with a configuration and room for data.

    \b
    Example:
      secwatch init my-city
      cd my-city && secwatch org import organisations.toml
    """
    target = Path(directory)
    if (target / CONFIGURATION_NAME).exists():
        raise UsageProblem(f"{target} is a workspace already", f"use it: secwatch -w {target} status")
    prepare(target)
    place = workspace_at(target)
    for folder in (place.state, place.detections, place.rules):
        prepare(folder)
    for name in (CONFIGURATION_NAME, "organisations.toml"):
        source = shipped("configs") / name
        if not (target / name).exists():
            (target / name).write_bytes(source.read_bytes())
            (target / name).chmod(0o600)
    done = Text(
        f"已建立工作区 {target}；下一步：cd {target}，secwatch doctor",
        f"made the workspace {target}; next: cd {target}, secwatch doctor",
    )
    announce(output, {"workspace": str(place.workspace)}, done.to(application.chosen_language or "en"))
