"""`secwatch rules`: the YARA rules in use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.commands.rules_in_use import packs_in_use, rule_files, switches
from secwatch.commands.rules_packs import import_, packs, remove, update
from secwatch.commands.rules_shown import flags_in_words, is_off, rules_table, switches_table
from secwatch.commands.rules_sign import new_key, sign
from secwatch.commands.rules_suppress import suppress, suppressions, unsuppress
from secwatch.commands.rules_switch import disable, enable
from secwatch.core.errors import ExitCode, UsageProblem
from secwatch.core.escape import visible
from secwatch.core.model import Text
from secwatch.system.console import Output, show, table

if TYPE_CHECKING:
    from secwatch.scan.rule import Rule
    from secwatch.scan.rulebook import Rulebook
    from secwatch.scan.sources import RuleFile
    from secwatch.store.packs import Pack

EXIT_CODES = "Exit codes: 0 done, 1 a rule fails its checks or samples, 2 usage, 3 there are no rules to read."


@click.group(cls=Group, name="rules")
def command() -> None:
    """List, check and test YARA rules.

    \b
    Example:
      secwatch rules list
      secwatch rules lint my-rules/
      secwatch rules test eicar_test_file
    """


for _verb in (import_, update, packs, remove, enable, disable, new_key, sign, suppress, unsuppress, suppressions):
    command.add_command(_verb)


def _book(application: Application, paths: Sequence[str]) -> tuple[Sequence[RuleFile], Rulebook]:
    from secwatch.scan import rulebook

    files = rule_files(application, paths)
    return files, rulebook.load(files, "yara", application.place.cache / "rulebook")


_rules_option = click.option("--rules", metavar="PATH", multiple=True, help="Look at these rules instead.")


@command.command(name="list", epilog=EXIT_CODES)
@_rules_option
@language_option
@output_options
@pass_application
def list_(application: Application, rules: tuple[str, ...], output: Output) -> None:
    """List the rules that a scan uses, and the files that are broken.

    \b
    Example:
      secwatch rules list --lang en
      secwatch rules list --rules signature-base/yara --json
    """
    _, book = _book(application, rules)
    language = application.language
    off = () if rules else switches(application)
    known = packs_in_use(application)
    disabled = {(switch.rule_file, switch.rule) for switch in off}
    parts: list[Any] = [rules_table(book.contents.rules, language, disabled)]
    if book.contents.broken:
        columns = ["无法使用的文件", "行", "原因"] if language == "zh" else ["file that is broken", "line", "reason"]
        rows_broken = [(broken.path, broken.line or "", broken.message) for broken in book.contents.broken]
        parts.append(table(None, columns, rows_broken, right=(columns[1],)))
    broken = [{"path": item.path, "line": item.line, "message": item.message} for item in book.contents.broken]
    if off:
        parts.append(switches_table(off, language))
    items = [_as_data(rule, known, disabled) for rule in book.contents.rules]
    switched = [{"file": item.rule_file or None, "rule": item.rule or None, "reason": item.reason} for item in off]
    show(output, {"items": items, "broken": broken, "disabled": switched}, *parts)


@command.command(name="show", epilog=EXIT_CODES)
@click.argument("name", metavar="RULE")
@_rules_option
@language_option
@output_options
@pass_application
def show_one(application: Application, name: str, rules: tuple[str, ...], output: Output) -> None:
    """Show one rule: what it says of itself, what to do when it matches, and its file.

    \b
    Example:
      secwatch rules show php_request_evaluated
    """
    files, book = _book(application, rules)
    found = [rule for rule in book.contents.rules if rule.name == name]
    if not found:
        raise UsageProblem(f"there is no rule {name!r}", "secwatch rules list")
    texts = {file.namespace: file.text for file in files}
    parts: list[Any] = []
    for rule in found:
        flagged = flags_in_words(rule, application.language)
        rows = [
            ("file", rule.path),
            *([("flags", flagged)] if flagged else []),
            *((key, str(value)) for key, value in rule.meta.items()),
        ]
        parts.append(table(f"{rule.name}  {rule.title.to(application.language)}", ["", ""], rows, show_header=False))
        # Rule files of others are shown as they are except for what could steer a terminal.
        parts.append("\n".join(visible(line.expandtabs(4), 2000) for line in texts[rule.namespace].splitlines()))
    known = packs_in_use(application)
    items = [{**_as_data(rule, known), "meta": dict(rule.meta), "source": texts[rule.namespace]} for rule in found]
    show(output, {"items": items}, *parts)


def _as_data(rule: Rule, packs: Mapping[str, Pack], disabled: Collection[tuple[str, str]] = ()) -> dict[str, Any]:
    from secwatch.scan.findings import provenance

    origin = rule.namespace.partition("/")[0]
    return {
        "rule": rule.name,
        "severity": int(rule.severity),
        "title": rule.title.zh,
        "title_english": rule.title.en,
        "family": rule.family,
        "file": rule.namespace,
        "path": rule.path,
        "attack": list(rule.attack),
        "tags": list(rule.tags),
        "flags": list(rule.flags),
        "enabled": not is_off(rule, disabled),
        "reference": rule.text("reference") or None,
        **{name: text or None for name, text in provenance(rule, packs.get(origin)).items()},
    }


@command.command(epilog=EXIT_CODES)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@language_option
@output_options
@pass_application
def lint(application: Application, paths: tuple[str, ...], output: Output) -> int:
    """Check rule files: every mistake with a recommendation; without PATH the rules in use.

    \b
    Example:
      secwatch rules lint my-rules/
    """
    from secwatch.scan import compiler

    files = _files_or_none(application, paths)
    advice = list(compiler.lint_files(files))
    language = application.language
    columns = ["检查项", "文件", "问题", "建议"] if language == "zh" else ["check", "file", "problem", "recommendation"]
    rows = [(item.check, item.path, item.problem, item.recommendation) for item in advice]
    fine = Text(f"{len(files)} 个规则文件全部通过检查", f"{len(files)} rule files pass every check").to(language)
    items = [asdict(item) for item in advice]
    if advice or output.json or not output.quiet:
        show(output, {"files": len(files), "items": items}, table(None, columns, rows) if advice else fine)
    return ExitCode.FAILED if advice else ExitCode.DONE


def _files_or_none(application: Application, paths: Sequence[str]) -> Sequence[RuleFile]:
    from secwatch.core.errors import UnreadableInput

    files = rule_files(application, paths)
    if not files:
        raise UnreadableInput("there are no YARA rules there", "rule files end in .yar or .yara")
    return files


@command.command(epilog=EXIT_CODES)
@click.argument("names", metavar="[RULE]...", nargs=-1)
@_rules_option
@language_option
@output_options
@pass_application
def test(application: Application, names: tuple[str, ...], rules: tuple[str, ...], output: Output) -> int:
    """Scan the samples of rules under every engine: those that must match, and those that must not.

    \b
    Example:
      secwatch rules test
      secwatch rules test my_rule --rules my-rules/
    """
    from secwatch.scan.compiler import try_rules

    files, book = _book(application, rules)
    known = {rule.name for rule in book.contents.rules}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageProblem(f"there is no rule {unknown[0]!r}", "secwatch rules list")
    by_namespace = {file.namespace: file for file in files}
    chosen = [rule for rule in book.contents.rules if not names or rule.name in names]
    trials = list(try_rules((rule, by_namespace[rule.namespace]) for rule in chosen))
    failed = [trial for trial in trials if not trial.passed]
    untested = sorted({rule.name for rule in chosen} - {trial.rule for trial in trials})
    language = application.language
    parts: list[Any] = []
    if failed:
        columns = ["规则", "样本", "引擎", "问题"] if language == "zh" else ["rule", "sample", "engine", "problem"]
        rows = [(trial.rule, trial.sample, trial.engine, trial.problem) for trial in failed]
        parts.append(table(None, columns, rows))
    parts.append(_tested(len(chosen), len(trials), len(failed), untested).to(language))
    items = [{**asdict(trial), "passed": trial.passed} for trial in trials]
    broken = [str(item) for item in book.contents.broken]
    show(output, {"items": items, "untested": untested, "broken": broken}, *parts)
    return ExitCode.FAILED if failed or book.contents.broken else ExitCode.DONE


def _tested(rules: int, trials: int, failed: int, untested: Sequence[str]) -> Text:
    without = f"; 没有样本: {', '.join(untested)}" if untested else ""
    without_english = f"; without samples: {', '.join(untested)}" if untested else ""
    return Text(
        f"{rules} 条规则, {trials} 次检验, {failed} 次未通过{without}",
        f"{rules} rules, {trials} trials, {failed} failed{without_english}",
    )
