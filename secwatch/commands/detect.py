"""`secwatch detect`: the detections themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.commands.moments import MOMENT
from secwatch.core.errors import ExitCode, UsageProblem
from secwatch.core.escape import visible
from secwatch.core.model import Severity, Text
from secwatch.core.moments import to_microseconds
from secwatch.system.console import Output, note, progress, show, table

if TYPE_CHECKING:
    from secwatch.detect.definition import Definition, Mistake

EXIT_CODES = "Exit codes: 0 done, 2 usage."
CHECK_CODES = "Exit codes: 0 done, 1 mistakes or failed cases, 2 usage."
RUN_CODES = "Exit codes: 0 done, 3 a detection could not be evaluated, 11 another run is writing."


@click.group(cls=Group, name="detect")
def command() -> None:
    """List, check and test detections.

    \b
    Example:
      secwatch detect list
      secwatch detect lint detections/my_detection.sql
      secwatch detect test
    """


@command.command(name="list", epilog=EXIT_CODES)
@language_option
@output_options
@pass_application
def list_(application: Application, output: Output) -> None:
    """List the detections: those that come with secwatch, and your own in detections/.

    \b
    Example:
      secwatch detect list --lang en
    """
    from secwatch.detect.catalogue import load

    found = load(application.place)
    enabled = {item.id for item in found.enabled(application.settings.detect)}
    _tell(found.mistakes, output)
    chinese = application.language == "zh"
    columns = (
        ["名称", "标题", "严重程度", "ATT&CK", "窗口", "状态"]
        if chinese
        else ["id", "title", "severity", "ATT&CK", "window", "state"]
    )
    on, off = ("启用", "停用") if chinese else ("on", "off")
    rows = [
        (
            item.id,
            item.header.title.text().to(application.language),
            Severity(item.header.severity).label.to(application.language),
            " ".join(item.header.attack),
            f"{item.header.window_seconds} s",
            on if item.id in enabled else off,
        )
        for item in found.definitions
    ]
    items = [{**as_data(item), "enabled": item.id in enabled} for item in found.definitions]
    show(output, {"items": items}, table(None, columns, rows))


@command.command(name="show", epilog=EXIT_CODES)
@click.argument("identifier", metavar="ID")
@language_option
@output_options
@pass_application
def show_one(application: Application, identifier: str, output: Output) -> None:
    """Show one detection whole: what it looks for, its thresholds and their sources, its SQL.

    \b
    Example:
      secwatch detect show port_scan
    """
    from secwatch.detect.catalogue import load

    item = load(application.place).find(identifier)
    language = application.language
    parameters = [
        (f"${name}", parameter.value, parameter.unit, parameter.source)
        for name, parameter in item.header.params.items()
    ]
    words = (Text("参数", "parameter"), Text("取值", "value"), Text("单位", "unit"), Text("出处", "source"))
    heads = [word.to(language) for word in words]
    heading = f"{item.id}  {item.header.title.text().to(language)}\n\n{item.header.description.text().to(language)}\n"
    source = item.path.read_text(encoding="utf-8")
    show(
        output,
        {**as_data(item), "sql": item.sql},
        visible_lines(heading),
        table(None, heads, parameters),
        visible_lines(source),
    )


@command.command(epilog=CHECK_CODES)
@click.argument("path", metavar="[PATH]", required=False, type=click.Path(exists=True, path_type=Path))
@output_options
@pass_application
def lint(application: Application, path: Path | None, output: Output) -> int:
    """Check detections without running them: a file, a directory, or all there are.

    \b
    Example:
      secwatch detect lint
      secwatch detect lint my_detection.sql
    """
    from secwatch.detect.catalogue import load, load_path
    from secwatch.detect.lint import lint as check

    found = load_path(path) if path else load(application.place)
    mistakes = [*found.mistakes, *check(found.definitions, application.settings.detect)]
    items = [{"path": str(item.path), "line": item.line, "message": item.message} for item in mistakes]
    lines = [visible(str(item), 2000) for item in mistakes]
    count = len(found.definitions)
    data = {"detections": count, "items": items}
    show(output, data, *(lines or [f"{count} detection{'s' if count != 1 else ''}, no mistakes"]))
    return ExitCode.FAILED if mistakes else ExitCode.DONE


@command.command(epilog=CHECK_CODES)
@click.argument("identifier", metavar="[ID]", required=False)
@output_options
@pass_application
def test(application: Application, identifier: str | None, output: Output) -> int:
    """Run the test cases of one detection, or of all: what must alert, and what must not.

    The cases are the files tests/<id>/*.toml beside the detection.

    \b
    Example:
      secwatch detect test port_scan
    """
    from secwatch.detect.cases import run_cases
    from secwatch.detect.catalogue import load

    found = load(application.place)
    chosen = [found.find(identifier)] if identifier else list(found.definitions)
    verdicts: list[Any] = []
    problems: list[str] = []
    with progress("detect test", output) as line:
        for number, item in enumerate(chosen):
            line.update(number, len(chosen), item.id)
            results, problem = _run(run_cases, item, application)
            verdicts.extend(results)
            problems.extend(problem)
    items = [
        {"detection": item.detection, "case": item.case, "must_alert": item.must_alert, "problem": item.problem}
        for item in verdicts
    ]
    rows = [
        (item.detection, item.case, "alert" if item.must_alert else "no alert", item.problem or "ok")
        for item in verdicts
    ]
    for problem_text in problems:
        note(f"secwatch: {problem_text}", output)
    show(output, {"items": items, "problems": problems}, table(None, ["detection", "case", "expected", "result"], rows))
    return ExitCode.FAILED if problems or any(item.problem for item in verdicts) else ExitCode.DONE


def _run(run_cases: Any, item: Definition, application: Application) -> tuple[Sequence[Any], list[str]]:
    """A detection must have a case of both kinds: one that only ever alerts proves nothing."""
    from secwatch.detect.definition import Mistaken

    try:
        verdicts = run_cases(item, application.settings.detect)
    except Mistaken as error:
        return [], [str(mistake) for mistake in error.mistakes]
    problems = [
        f"{item.id}: no case {words} in {item.tests}"
        for kind, words in ((True, "that must alert"), (False, "that must not alert"))
        if not any(verdict.must_alert is kind for verdict in verdicts)
    ]
    return verdicts, problems


@command.command(epilog=RUN_CODES)
@click.argument("identifiers", metavar="[ID]...", nargs=-1)
@click.option("--since", type=MOMENT, help="Only what was seen at or after this: 24h, 7d, 2026-11-23.")
@click.option("--until", type=MOMENT, help="Only what was seen before this.")
@language_option
@output_options
@pass_application
def run(
    application: Application,
    identifiers: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    output: Output,
) -> int:
    """Evaluate detections again over what the lake holds; what was counted before is not counted twice.

    \b
    Example:
      secwatch detect run --since 7d
      secwatch detect run my_detection
    """
    from secwatch.detect.catalogue import load
    from secwatch.pipeline.read import reevaluate

    found = load(application.place)
    chosen = [found.find(name) for name in identifiers] or found.enabled(application.settings.detect)
    if since and until and until <= since:
        raise UsageProblem("--until lies before --since", "secwatch detect run --help")
    _tell(found.mistakes, output)
    with progress("detect run", output):
        changes, outcome = reevaluate(
            application.place,
            application.settings,
            application.database,
            application.ownership,
            chosen,
            since=to_microseconds(since) if since else None,
            until=to_microseconds(until) - 1 if until else None,
            now=datetime.now(UTC),
        )
    for problem in outcome.problems:
        application.say(Text(f"未能评估：{problem}", f"not evaluated: {problem}"), output)
    items = [
        {"detection": name, "windows": item.windows, "findings": item.findings, "seconds": round(item.seconds, 3)}
        for name, item in outcome.evaluations.items()
    ]
    data = {
        "opened": list(changes.opened),
        "updated": list(changes.updated),
        "items": items,
        "problems": list(outcome.problems),
    }
    rows = [tuple(item.values()) for item in items]
    heads = {"zh": ["检测", "窗口", "发现", "秒"], "en": ["detection", "windows", "findings", "seconds"]}[
        application.language
    ]
    words = {"zh": "告警: 新增 {}, 更新 {}", "en": "alerts: {} opened, {} added to"}[application.language]
    summary = words.format(len(changes.opened), len(changes.updated))
    show(output, data, table(None, heads, rows), summary)
    return ExitCode.INCOMPLETE if outcome.problems or found.mistakes else ExitCode.DONE


def as_data(item: Definition) -> dict[str, Any]:
    """Return a detection as JSON shows it."""
    header = item.header
    return {
        "id": item.id,
        "title": header.title.zh,
        "title_english": header.title.en,
        "description": header.description.zh,
        "description_english": header.description.en,
        "attack": list(header.attack),
        "aspect": header.aspect,
        "severity": header.severity,
        "confidence": header.confidence,
        "consumes": list(header.consumes),
        "window_seconds": header.window_seconds,
        "every_seconds": header.every_seconds,
        "suppress_seconds": header.suppress_seconds,
        "key": list(header.key),
        "params": {
            name: {"value": parameter.value, "unit": parameter.unit, "source": parameter.source}
            for name, parameter in header.params.items()
        },
        "shipped": item.shipped,
        "path": str(item.path),
    }


def visible_lines(text: str) -> str:
    """Return a text of several lines with every other hidden character shown."""
    return "\n".join(visible(line, 2000) for line in text.splitlines())


def _tell(mistakes: Sequence[Mistake], output: Output) -> None:
    for mistake in mistakes:
        note(f"secwatch: {visible(str(mistake), 1000)}", output)
