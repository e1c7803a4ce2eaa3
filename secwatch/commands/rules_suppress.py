"""`secwatch rules suppress`, `unsuppress`, `suppressions`: matches that are held back, why and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.core import durations
from secwatch.core.errors import UsageProblem
from secwatch.core.model import Language, Severity, Text
from secwatch.system.console import Output, announce, note, show, table

if TYPE_CHECKING:
    from rich.table import Table

    from secwatch.store.suppressions import Suppression

EXIT_CODES = "Exit codes: 0 done, 2 usage, 11 locked, 13 configuration invalid."


class _Duration(click.ParamType[int]):
    """`30d`, `12w`: seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds; fail as a usage mistake if the text is no duration."""
        try:
            return value if isinstance(value, int) else durations.seconds(value)
        except ValueError:
            self.fail(f"{value!r} is not a duration such as 30d or 12w", param, ctx)


@click.command(epilog=EXIT_CODES)
@click.argument("rule", metavar="[RULE]", required=False)
@click.option("--tag", metavar="TAG", help="Rules that have this tag.")
@click.option("--path", metavar="GLOB", help="Files there: /path with all below it, a name, or **/*.log.")
@click.option("--hash", "digest", metavar="SHA256", help="Files of exactly this content.")
@click.option("--lower", type=click.Choice(["1", "2", "3"]), help="Report it, with this severity at most.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it is shown wherever this takes effect.")
@click.option("--for", "seconds", type=_Duration(), default="90d", show_default=True, help="How long: 30d, 12w.")
@click.option("-n", "--dry-run", is_flag=True, help="Check it and keep nothing.")
@language_option
@output_options
@pass_application
def suppress(
    application: Application,
    rule: str | None,
    tag: str | None,
    path: str | None,
    digest: str | None,
    lower: str | None,
    reason: str,
    seconds: int,
    dry_run: bool,
    output: Output,
) -> None:
    """Silence or lower matches by rule, tag, path and hash: all that are given must hold.

    What is silenced makes no alert; every scan still counts it and names the reason. RULE may be
    FILE:RULE, as `rules list` names the file, where several files have a rule of that name.

    \b
    Example:
      secwatch rules suppress php_request_evaluated --path /srv/lab --reason "training material, ticket 812"
      secwatch rules suppress --tag hunting --lower 1 --reason "for analysts only" --for 180d
    """
    import os

    from secwatch.scan.externals import user_name
    from secwatch.scan.suppressions import refuse_mistaken
    from secwatch.store import suppressions as store

    now = datetime.now(UTC)
    wanted = store.Suppression(
        reason=reason.strip(),
        created_by=user_name(os.getuid()),
        created_at=now,
        expires_at=now + timedelta(seconds=seconds),
        rule=rule,
        tag=tag,
        path=path,
        sha256=digest.lower() if digest else None,
        lowered_to=int(lower) if lower else None,
    )
    refuse_mistaken(wanted, seconds / 86_400)
    if rule is not None or tag is not None:
        _warn_of_unknown(application, rule, tag, output)
    identifier = None if dry_run else store.add(application.database, wanted)
    until = f"{wanted.expires_at.astimezone(application.zone):%Y-%m-%d %H:%M}"
    done = Text(
        f"{'将抑制' if dry_run else f'抑制 {identifier}'}：{_meant(wanted, 'zh')}，至 {until}",
        f"{'would suppress' if dry_run else f'suppression {identifier}'}: {_meant(wanted, 'en')}, until {until}",
    )
    announce(output, {**as_data(wanted, now), "id": identifier, "dry_run": dry_run}, done.to(application.language))


def _warn_of_unknown(application: Application, rule: str | None, tag: str | None, output: Output) -> None:
    """A suppression may be older than the pack it is for, so an unknown name is said and not refused."""
    from secwatch.commands.rules_in_use import rule_files
    from secwatch.scan import rulebook

    rules = rulebook.load(rule_files(application, ()), "yara", application.place.cache / "rulebook").contents.rules
    if rule is not None and not any(rule in (known.name, f"{known.namespace}:{known.name}") for known in rules):
        note(f"no rule in use is called {rule!r}: secwatch rules list", output)
    if tag is not None and not any(tag in known.tags for known in rules):
        note(f"no rule in use has the tag {tag!r}: secwatch rules list --json", output)


@click.command(epilog=EXIT_CODES)
@click.argument("identifier", metavar="NUMBER", type=click.IntRange(1))
@language_option
@output_options
@pass_application
def unsuppress(application: Application, identifier: int, output: Output) -> None:
    """End a suppression now: from the next scan on its matches are reported.

    \b
    Example:
      secwatch rules unsuppress 3
    """
    from secwatch.store import suppressions as store

    now = datetime.now(UTC)
    ended = store.end(application.database, identifier, now)
    if ended is None:
        raise UsageProblem(f"no suppression {identifier} is in force", "secwatch rules suppressions")
    done = Text(
        f"抑制 {identifier} 已结束：{_meant(ended, 'zh')}", f"suppression {identifier} ended: {_meant(ended, 'en')}"
    )
    announce(output, {**as_data(ended, now), "ended": True}, done.to(application.language))


@click.command(epilog=EXIT_CODES)
@click.option("--all", "with_ended", is_flag=True, help="Those that have ended too.")
@language_option
@output_options
@pass_application
def suppressions(application: Application, with_ended: bool, output: Output) -> None:
    """List the suppressions in force: what is held back, why, by whom and until when.

    \b
    Example:
      secwatch rules suppressions --all
    """
    from secwatch.store import suppressions as store

    now = datetime.now(UTC)
    found = store.every(application.database) if with_ended else store.in_force(application.database, now)
    nothing = Text("没有抑制", "nothing is suppressed").to(application.language)
    shown = _table(found, now, application) if found else nothing
    show(output, {"items": [as_data(item, now) for item in found]}, shown)


def _table(found: Sequence[Suppression], now: datetime, application: Application) -> Table:
    chinese = application.language == "zh"
    columns = ["编号", "对象", "至", "状态", "理由", "设置者"]
    if not chinese:
        columns = ["id", "what", "until", "state", "reason", "by"]
    states = (Text("生效", "in force"), Text("已结束", "ended"))
    rows = [
        (
            item.id,
            _meant(item, application.language),
            f"{item.expires_at.astimezone(application.zone):%Y-%m-%d %H:%M}",
            states[item.expires_at <= now].to(application.language),
            item.reason,
            item.created_by,
        )
        for item in found
    ]
    return table(None, columns, rows, right=(columns[0],))


def _meant(item: Suppression, language: Language) -> str:
    """Return what a suppression is about, in words."""
    parts = ((Text("规则", "rule"), item.rule), (Text("标签", "tag"), item.tag), (Text("路径", "path"), item.path))
    words = [
        f"{name.to(language)} {value}" for name, value in (*parts, (Text("SHA-256", "SHA-256"), item.sha256)) if value
    ]
    if item.lowered_to is not None:
        label = Severity(item.lowered_to).label.to(language)
        words.append(Text(f"降为{label}", f"lowered to {label}").to(language))
    return ("，" if language == "zh" else ", ").join(words)


def as_data(item: Suppression, now: datetime) -> dict[str, Any]:
    """Return a suppression as JSON shows it."""
    from secwatch.core.moments import to_text

    return {
        "id": item.id,
        "rule": item.rule,
        "tag": item.tag,
        "path": item.path,
        "sha256": item.sha256,
        "lowered_to": item.lowered_to,
        "reason": item.reason,
        "created_by": item.created_by,
        "created_at": to_text(item.created_at),
        "expires_at": to_text(item.expires_at),
        "in_force": item.expires_at > now,
    }
