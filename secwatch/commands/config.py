"""`secwatch config`: check, show and exemplify the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.core.errors import ConfigurationInvalid, ExitCode
from secwatch.core.model import Text
from secwatch.system.console import Output, announce, show, table

EXIT_CODES = "Exit codes: 0 done, 2 usage, 13 the configuration has mistakes."


@click.group(cls=Group, name="config")
def command() -> None:
    """Check and show the configuration.

    \b
    Example:
      secwatch config check
      secwatch config show --effective
      secwatch config example > secwatch.toml
    """


@command.command(epilog=EXIT_CODES)
@language_option
@output_options
@pass_application
def check(application: Application, output: Output) -> int:
    """Report every mistake of the configuration at once.

    \b
    Example:
      secwatch config check
    """
    from secwatch.system.config import candidates

    settings = application.settings
    files = [str(path) for path in candidates(application.place, application.configuration) if path.is_file()]
    problems = _unknown_organisations(application)
    if problems:
        raise ConfigurationInvalid(
            f"the configuration has {len(problems)} mistake{'s' if len(problems) > 1 else ''}: {'; '.join(problems)}",
            "load the registry with: secwatch org import organisations.toml",
            tuple(problems),
        )
    data = {"valid": True, "files": files, "jobs": len(settings.backup.jobs)}
    zh = f"配置有效（{'、'.join(files) or '只有内置默认值'}）"
    en = f"the configuration is valid ({', '.join(files) or 'built-in defaults only'})"
    announce(output, data, Text(zh, en).to(application.language))
    return ExitCode.DONE


def _unknown_organisations(application: Application) -> list[str]:
    jobs = application.settings.backup.jobs
    if not jobs:
        return []
    known = {organisation.code for organisation in application.organisations}
    return [
        f"configuration: table [backup.jobs.{name}], key organisation: "
        f"the registry knows no organisation {job.organisation!r}"
        for name, job in jobs.items()
        if job.organisation not in known
    ]


def _without_absent(table: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no null: a key without a value is left out."""
    return {
        key: _without_absent(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }


@command.command(name="show", epilog=EXIT_CODES)
@click.option("--effective", is_flag=True, help="Show every key with the value in force, defaults included.")
@language_option
@output_options
@pass_application
def show_files(application: Application, effective: bool, output: Output) -> None:
    """Show the configuration files in the order in which they count, or the values in force.

    \b
    Example:
      secwatch config show --effective
    """
    import tomli_w

    from secwatch.system.config import candidates
    from secwatch.system.settings import as_builtins

    if effective:
        values = _without_absent(as_builtins(application.settings))
        show(output, values, tomli_w.dumps(values).rstrip("\n"))
        return
    paths = candidates(application.place, application.configuration)
    data = {"items": [{"path": str(path), "state": "read" if path.is_file() else "not there"} for path in paths]}
    language = application.language
    states = {True: Text("已读", "read").to(language), False: Text("不存在", "not there").to(language)}
    heads = [Text("文件", "file").to(language), Text("状态", "state").to(language)]
    title = Text("配置文件，后者优先", "Configuration files, the later over the earlier").to(language)
    show(output, data, table(title, heads, [(str(path), states[path.is_file()]) for path in paths]))


@command.command(epilog=EXIT_CODES)
@output_options
def example(output: Output) -> None:
    """Print the annotated configuration with every key and its default.

    \b
    Example:
      secwatch config example > secwatch.toml
    """
    from secwatch.system.paths import CONFIGURATION_NAME, shipped

    text = (shipped("configs") / CONFIGURATION_NAME).read_text(encoding="utf-8")
    show(output, {"toml": text}, text.rstrip("\n"))
