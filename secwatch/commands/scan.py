"""`secwatch scan`: files against YARA rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.commands.rules_in_use import packs_in_use, rule_files, suppressions
from secwatch.commands.scan_shown import (
    history_table,
    matches_table,
    problem_rows,
    problems_table,
    silenced_table,
    summary_line,
)
from secwatch.commands.sizes import SIZE
from secwatch.core.errors import ExitCode, UnreadableInput, combine
from secwatch.core.escape import visible
from secwatch.core.model import Text
from secwatch.system.console import Output, note, progress, show

if TYPE_CHECKING:
    from secwatch.scan.record import Record
    from secwatch.scan.rulebook import Rulebook
    from secwatch.scan.walk import Walk

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 usage, 3 done but something could not be read or a rule file is broken, "
    "4 matches at or above --fail-on, 11 locked, 13 configuration invalid."
)
FAIL_ON = ("1", "2", "3", "4", "never")
SHOWN_BROKEN = 5


@click.group(cls=Group, name="scan")
def command() -> None:
    """Scan files with YARA rules.

    \b
    Example:
      secwatch scan files /var/www
      secwatch scan history
    """


@command.command(epilog=EXIT_CODES)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--rules", metavar="PATH", multiple=True, help="Use these rules instead of the others: file or folder.")
@click.option("--engine", type=click.Choice(["auto", "yara", "boreal"]), default="auto", help="Engine to scan with.")
@click.option("--exclude", metavar="GLOB", multiple=True, help="Leave out: /path, name, or **/*.iso; repeatable.")
@click.option("--one-file-system", is_flag=True, help="Do not enter other file systems.")
@click.option("--max-size", type=SIZE, help="Leave out larger files: 64M, 1G.")
@click.option("--threads", type=click.IntRange(1, 64), help="Number of threads.")
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON), default="2", show_default=True, help="Lowest severity for code 4."
)
@click.option("-n", "--dry-run", is_flag=True, help="Scan, and record neither alerts nor the scan.")
@language_option
@output_options
@pass_application
def files(
    application: Application,
    paths: tuple[str, ...],
    rules: tuple[str, ...],
    engine: str,
    exclude: tuple[str, ...],
    one_file_system: bool,
    max_size: int | None,
    threads: int | None,
    fail_on: str,
    dry_run: bool,
    output: Output,
) -> int:
    """Scan files and directories; a match becomes an alert of the organisation that owns the path.

    Links are not followed, except a PATH that is one. Nothing that was not read to its end is
    called clean: it is counted as skipped, partial, timeout or error, with the reason.

    \b
    Example:
      secwatch scan files /var/www /srv/shares --exclude '*.iso'
      secwatch scan files upload.php --rules my-rules/ --json
    """
    from secwatch.scan.exclude import Excludes
    from secwatch.scan.walk import Policy, Walk

    settings = application.settings.scan
    policy = Policy(Excludes((*settings.exclude, *exclude)), one_file_system)
    walk = Walk(_existing(paths), policy)
    rulebook = _load_rules(application, rules, engine, output)
    record = _scan(application, walk, rulebook, max_size, threads or settings.threads, paths, dry_run, output)
    _show(record, application, output)
    worst = max((int(match.rule.severity) for match in record.matches), default=0)
    found = fail_on != "never" and worst >= int(fail_on)
    return combine(
        ExitCode.FINDINGS if found else ExitCode.DONE,
        ExitCode.DONE if record.complete else ExitCode.INCOMPLETE,
    )


def _show(record: Record, application: Application, output: Output) -> None:
    # Files are found in any order; the same tree is to give the same list.
    matches = sorted(record.matches, key=lambda match: (match.path, match.rule.namespace, match.rule.name))
    silenced = sorted(record.silenced, key=lambda item: (item.path, item.judgement.rule.name))
    data = {
        **record.summary(),
        "matches": [match.as_data() for match in matches],
        "suppressed_matches": [item.as_data() for item in silenced],
        "problems": problem_rows(record.tally),
        "broken_rules": [visible(str(broken), 1000) for broken in record.rulebook.contents.broken],
    }
    language = application.language
    parts: list[Any] = [matches_table(matches, language)] if matches else []
    if silenced and not output.quiet:
        parts.append(silenced_table(silenced, language))
    if record.tally.problems:
        parts.append(problems_table(record.tally, language))
    if parts or not output.quiet:
        parts.append(summary_line(record, language))
    show(output, data, *parts)


def _existing(paths: tuple[str, ...]) -> tuple[str, ...]:
    """A missing path among others is counted as an error; nothing to scan at all is one."""
    import os

    if not any(os.path.lexists(path) for path in paths):
        why = f"there is nothing to scan at {paths[0]}: no such file or directory"
        raise UnreadableInput(why, "secwatch scan files .")
    return paths


def _load_rules(application: Application, rules: tuple[str, ...], engine: str, output: Output) -> Rulebook:
    from secwatch.scan import rulebook

    files = rule_files(application, rules)
    with progress(Text("准备规则", "prepare rules").to(application.language), output):
        book = rulebook.load(files, engine, application.place.cache / "rulebook")
    contents = book.contents
    if contents.broken:
        # Said under --quiet too: the end of this scan is code 3, and a cron mail must say why.
        count = len(contents.broken)
        broken = Text(f"{count} 个规则文件有误，未使用：", f"{count} rule files are broken and were left out:")
        note(broken.to(application.language))
        for item in contents.broken[:SHOWN_BROKEN]:
            note(f"  {visible(str(item), 1000)}")
        note(Text("全部列出：secwatch rules list", "see them all with: secwatch rules list").to(application.language))
    if application.verbose:
        kept = Text("取自缓存", "from the cache") if book.from_cache else Text("刚刚编译", "compiled now")
        count, version = len(contents.rules), book.engine.version
        zh, en = f"{count} 条规则，{kept.zh}；引擎：{version}", f"{count} rules, {kept.en}; engine: {version}"
        note(Text(zh, en).to(application.language), output)
        for text in filter(None, (contents.note, book.cache_note)):
            note(text, output)
    return book


def _scan(
    application: Application,
    walk: Walk,
    rulebook: Rulebook,
    max_size: int | None,
    threads: int,
    paths: tuple[str, ...],
    dry_run: bool,
    output: Output,
) -> Record:
    import socket

    from secwatch.core import durations
    from secwatch.scan.findings import Scene, linked, ownership_here
    from secwatch.scan.record import Record
    from secwatch.scan.scan_walk import scan
    from secwatch.scan.scanner import Limits

    settings = application.settings.scan
    memory = settings.memory_megabytes << 20
    limits = Limits(max_size or settings.max_megabytes << 20, durations.seconds(settings.timeout), memory)
    organisations = () if dry_run and not application.place.database.exists() else application.organisations
    moment = datetime.now(UTC)
    scene = Scene(
        socket.gethostname(),
        moment,
        ownership_here(organisations),
        linked(paths),
        suppressions(application, moment),
        packs_in_use(application),
    )
    record = Record(rulebook, scene, None if dry_run else application.database)
    record.begin(paths)
    try:
        with progress(Text("扫描", "scan").to(application.language), output) as line:
            for results in scan(walk, rulebook, limits, threads, record.tally, record.add):
                record.add(results)
                line.update(0, None, record.pace())
    except BaseException:
        # A signal or a failure: what was found until now is kept, and the row stays without an end.
        record.flush()
        raise
    record.flush(datetime.now(UTC))
    return record


@command.command(epilog="Exit codes: 0 done, 2 usage.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@language_option
@output_options
@pass_application
def history(application: Application, limit: int, output: Output) -> None:
    """List the scans that were made, the newest first.

    \b
    Example:
      secwatch scan history --limit 5
    """
    from zoneinfo import ZoneInfo

    from secwatch.core.moments import to_text
    from secwatch.store import scans

    found = scans.select(application.database, limit)
    items = [
        {
            "id": scan.id,
            "started_at": to_text(scan.started_at),
            "ended_at": to_text(scan.ended_at) if scan.ended_at else None,
            "paths": list(scan.paths),
            **{name: value for name, value in scan.summary.items() if name != "scan"},
            "complete": scan.ended_at is not None and bool(scan.summary.get("complete")),
        }
        for scan in found
    ]
    zone = ZoneInfo(application.settings.general.time_zone)
    nothing = Text("还没有扫描记录", "no scan has been made yet").to(application.language)
    show(output, {"items": items}, history_table(found, zone, application.language) if found else nothing)
