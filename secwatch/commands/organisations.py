"""`secwatch org`: the registry of organisations."""

from __future__ import annotations

from pathlib import Path

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.core.errors import UsageProblem
from secwatch.core.model import Organisation, Text
from secwatch.system.console import Output, announce, show, table

_LABELS = {
    "code": Text("代码", "code"),
    "name": Text("名称", "name"),
    "name_english": Text("英文名称", "English name"),
    "parent": Text("上级", "parent"),
    "importance": Text("重要性", "importance"),
    "netblocks": Text("网段", "netblocks"),
    "domains": Text("域名", "domains"),
    "hosts": Text("主机", "hosts"),
    "paths": Text("路径", "paths"),
}
EXIT_CODES = "Exit codes: 0 done, 2 usage, 3 the file cannot be read or has mistakes."


@click.group(cls=Group, name="org")
def command() -> None:
    """Keep the registry of organisations: who owns what.

    \b
    Example:
      secwatch org import organisations.toml
      secwatch org list
      secwatch org show FIN
    """


@command.command(name="import", epilog=EXIT_CODES)
@click.argument("path", metavar="FILE", required=False)
@click.option("--replace", is_flag=True, help="Remove organisations that the file does not name.")
@click.option("-n", "--dry-run", is_flag=True, help="Check the file and change nothing.")
@language_option
@output_options
@pass_application
def import_(application: Application, path: str | None, replace: bool, dry_run: bool, output: Output) -> None:
    """Read organisations from a TOML or CSV file into the registry, all of them or none.

    A CSV file has the columns code, name, name_english, parent, importance, netblocks, domains,
    hosts, paths; several values in one cell are separated by blanks.

    \b
    Example:
      secwatch org import organisations.csv
    """
    from secwatch.store import organisations as store
    from secwatch.system.registry import read

    source = Path(path) if path else application.resolve(application.settings.general.organisations)
    known = () if replace else tuple(application.organisations)
    found = read(source, known)
    if not dry_run:
        (store.replace if replace else store.merge)(application.database, found)
    done = Text(f"已导入 {len(found)} 个单位：{source}", f"imported {len(found)} organisations from {source}")
    if dry_run:
        done = Text(f"将导入 {len(found)} 个单位：{source}", f"would import {len(found)} organisations from {source}")
    announce(output, {"imported": len(found), "dry_run": dry_run}, done.to(application.language))


@command.command(name="list", epilog=EXIT_CODES)
@language_option
@output_options
@pass_application
def list_(application: Application, output: Output) -> None:
    """List the organisations of the registry.

    \b
    Example:
      secwatch org list --lang en
    """
    organisations = application.organisations
    chinese = application.language == "zh"
    if not organisations:
        hint = "secwatch org import organisations.toml"
        empty = f"单位名录为空，请先导入：{hint}" if chinese else f"the registry is empty; fill it with: {hint}"
        show(output, {"items": []}, empty)
        return
    columns = ["代码", "名称", "上级", "重要性", "网段"] if chinese else ["code", "name", "parent", "importance", "net"]
    rows = [
        (item.code, item.name.to(application.language), item.parent or "", item.importance, " ".join(item.netblocks))
        for item in organisations
    ]
    show(output, {"items": [as_data(item) for item in organisations]}, table(None, columns, rows))


@command.command(name="show", epilog=EXIT_CODES)
@click.argument("code")
@language_option
@output_options
@pass_application
def show_one(application: Application, code: str, output: Output) -> None:
    """Show everything that the registry knows of one organisation.

    \b
    Example:
      secwatch org show FIN
    """
    from secwatch.store import organisations as store

    found = store.find(application.database, code)
    if found is None:
        raise UsageProblem(f"the registry knows no organisation {code!r}", "secwatch org list")
    data = as_data(found)
    language = application.language
    rows = [
        (_LABELS[key].to(language), " ".join(value) if isinstance(value, list) else value or "")
        for key, value in data.items()
    ]
    show(output, data, table(found.name.to(application.language), ["", ""], rows, show_header=False))


def as_data(organisation: Organisation) -> dict[str, object]:
    """Return an organisation as JSON shows it."""
    return {
        "code": organisation.code,
        "name": organisation.name.zh,
        "name_english": organisation.name.en,
        "parent": organisation.parent,
        "importance": organisation.importance,
        "netblocks": list(organisation.netblocks),
        "domains": list(organisation.domains),
        "hosts": list(organisation.hosts),
        "paths": list(organisation.paths),
    }
