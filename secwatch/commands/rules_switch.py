"""`secwatch rules disable` and `enable`: packs, files and rules that are not to be used."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.rules_in_use import packs_in_use, rule_files
from secwatch.core.errors import UsageProblem
from secwatch.core.model import Text
from secwatch.system.console import Output, announce

EXIT_CODES = "Exit codes: 0 done, 2 usage, 11 locked."


@click.command(epilog=EXIT_CODES)
@click.argument("target", metavar="TARGET")
@click.option("--reason", metavar="TEXT", default="", help="Why; it is shown by `rules packs` and `rules list`.")
@language_option
@output_options
@pass_application
def disable(application: Application, target: str, reason: str, output: Output) -> None:
    """Do not use a rule, a file of rules or a whole pack any more, until it is enabled again.

    TARGET is a pack, a FILE as `rules list` names it, a RULE (in every file that has one of that
    name) or FILE:RULE. Packs and files are left out before they are compiled; a rule is still
    compiled, because others of its file may need it, and its matches are counted as suppressed.

    \b
    Example:
      secwatch rules disable signature-base --reason "too slow for the file server"
      secwatch rules disable signature-base/gen_case_anomalies.yar:PowerShell_Case_Anomaly
    """
    from secwatch.scan.externals import user_name
    from secwatch.store import packs as store

    file, rule = _parts(application, target)
    _refuse_unknown(application, file, rule)
    switch = store.Switch(file, rule, reason.strip(), user_name(os.getuid()), datetime.now(UTC))
    store.switch_off(application.database, switch)
    done = Text(f"已停用：{target}", f"disabled: {target}")
    announce(output, {"file": file or None, "rule": rule or None, "enabled": False}, done.to(application.language))


@click.command(epilog=EXIT_CODES)
@click.argument("target", metavar="TARGET")
@language_option
@output_options
@pass_application
def enable(application: Application, target: str, output: Output) -> None:
    """Use a rule, a file or a pack again that was disabled; TARGET as it was named then.

    \b
    Example:
      secwatch rules enable signature-base
    """
    from secwatch.store import packs as store

    file, rule = _parts(application, target)
    if not store.switch_on(application.database, file, rule):
        raise UsageProblem(f"{target!r} is not disabled", "secwatch rules list")
    done = Text(f"已启用：{target}", f"enabled: {target}")
    announce(output, {"file": file or None, "rule": rule or None, "enabled": True}, done.to(application.language))


def _parts(application: Application, target: str) -> tuple[str, str]:
    """Return what a target names as a switch has it: file (or pack) and rule."""
    from secwatch.scan.sources import OWN, SECWATCH

    file, colon, rule = target.rpartition(":")
    if colon:
        return file, rule
    if "/" in target or target in (SECWATCH, OWN) or target in packs_in_use(application):
        return target, ""
    return "", target


def _refuse_unknown(application: Application, file: str, rule: str) -> None:
    """Raise UsageProblem for what is not there, and for a global rule: what it withholds would come back."""
    from secwatch.scan import rulebook

    files = rule_files(application, (), switched_off=True)
    if not rule:
        if file not in {known.namespace for known in files} | {known.namespace.partition("/")[0] for known in files}:
            raise UsageProblem(f"no pack and no file of rules is called {file!r}", "secwatch rules list")
        return
    rules = rulebook.load(files, "yara", application.place.cache / "rulebook").contents.rules
    meant = [known for known in rules if known.name == rule and file in ("", known.namespace)]
    if not meant:
        where = f" in {file}" if file else ""
        raise UsageProblem(f"there is no rule {rule!r}{where}", "secwatch rules list")
    for known in meant:
        if known.is_global:
            why = f"{rule!r} is a global rule: it decides about the others of its file, and cannot be left out alone"
            raise UsageProblem(why, f"secwatch rules disable {known.namespace}")
