"""`secwatch warn`: alerts become early warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.commands.evidence_words import EvidenceWords
from secwatch.core.errors import ExitCode, UsageProblem
from secwatch.core.model import EarlyWarning, Level, Text, WarningState
from secwatch.core.moments import to_text
from secwatch.system.console import Output, note, show

if TYPE_CHECKING:
    from datetime import datetime

    from secwatch.warn.triage import Changes

LEVELS = [level.value for level in Level]
STATES = [state.value for state in WarningState]


@click.group(cls=Group, name="warn")
def command() -> None:
    """Turn alerts into early warnings and look at them.

    \b
    Example:
      secwatch warn draft
      secwatch warn list --level yellow
      secwatch warn explain 2026-0001
    """


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _names(application: Application) -> Mapping[str, Text]:
    return {organisation.code: organisation.name for organisation in application.organisations}


def _as_data(application: Application, warning: EarlyWarning, now: datetime) -> dict[str, Any]:
    return {
        "id": warning.id,
        "number": warning.number,
        "level": warning.level.value,
        "computed_level": warning.computed_level.value,
        "state": warning.state.value,
        "open": warning.is_open(now),
        "organisation": warning.organisation,
        "title": warning.title.to(application.language),
        "title_chinese": warning.title.zh,
        "title_english": warning.title.en,
        "detection": warning.detection,
        "alerts": list(warning.alerts),
        "first_seen": to_text(warning.first_seen),
        "last_seen": to_text(warning.last_seen),
        "created_at": to_text(warning.created_at),
        "expires_at": to_text(warning.expires_at),
    }


def _found(application: Application, name: str) -> EarlyWarning:
    from secwatch.store import warnings

    warning = warnings.find(application.database, name)
    if warning is None:
        raise UsageProblem(f"there is no warning {name!r}", "secwatch warn list --all")
    return warning


@command.command(epilog="Exit codes: 0 done, 2 usage, 11 the database is held, 13 configuration invalid.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be drafted and change nothing.")
@language_option
@output_options
@pass_application
def draft(application: Application, dry_run: bool, output: Output) -> None:
    """Take new alerts into warnings and bring every open warning's level up to date.

    What is strange about the backups becomes an alert first. Alerts of one detection in one
    organisation make one warning. A level rises at once and falls slowly; red is for a higher
    body to issue and becomes a recommendation to report upward.

    \b
    Example:
      secwatch warn draft
      secwatch warn draft --dry-run --json
    """
    from secwatch.bridge import pull_anomalies
    from secwatch.store import warnings
    from secwatch.warn.levels import levels_file, load_levels
    from secwatch.warn.triage import draft as run

    table, now = load_levels(levels_file(application.place)), _now()
    drafted = []
    try:
        with application.database.atomic():
            pull_anomalies(application.database, now)
            changes = run(application.database, application.settings, application.organisations, now, table)
            changed = (*changes.drafted, *changes.updated, *changes.lifted)
            drafted = [warning for number in changed if (warning := warnings.find(application.database, number))]
            if dry_run:
                raise _Undone
    except _Undone:
        note(Text("试运行：未作任何更改", "dry run: nothing was changed").to(application.language), output)
    _show_changes(application, changes, drafted, now, output)


class _Undone(Exception):
    """A dry run takes its transaction back."""


def _show_changes(
    application: Application, changes: Changes, changed: list[EarlyWarning], now: datetime, output: Output
) -> None:
    from secwatch.warn.render import listing

    data = {
        "drafted": list(changes.drafted),
        "updated": list(changes.updated),
        "lifted": list(changes.lifted),
        "alerts": changes.taken_in,
        "orphans": changes.orphans,
        "adopted": changes.adopted,
        "below": changes.below,
        "items": [_as_data(application, warning, now) for warning in changed],
    }
    chinese = application.language == "zh"
    if not changed:
        show(output, data)
        note("没有新的告警，预警无变化" if chinese else "no new alerts, no warning has changed", output)
    else:
        summary = (
            f"新增预警 {len(changes.drafted)} 项，更新 {len(changes.updated)} 项，解除 {len(changes.lifted)} 项；"
            f"纳入告警 {changes.taken_in} 条"
            if chinese
            else f"{len(changes.drafted)} drafted, {len(changes.updated)} updated, {len(changes.lifted)} lifted; "
            f"{changes.taken_in} alerts taken in"
        )
        show(output, data, listing(changed, _names(application), now, application.zone, application.language), summary)
    if changes.orphans and changed:
        note(
            f"{changes.orphans} 条告警未归属任何单位；登记网段后重新运行：secwatch org import FILE"
            if chinese
            else f"{changes.orphans} alerts are owned by nobody; register their networks: secwatch org import FILE",
            output,
        )


@command.command(
    name="list", epilog="Exit codes: 0 done, 2 usage, 4 a warning listed is at or above --fail-on, 13 configuration."
)
@click.option("--level", type=click.Choice(LEVELS), help="Only this level and above, as calculated.")
@click.option("--state", type=click.Choice(STATES), help="Only warnings in this state, open or not.")
@click.option("--organisation", metavar="CODE", help="Only this organisation's.")
@click.option("--unowned", is_flag=True, help="Only those that no organisation owns.")
@click.option("--all", "everything", is_flag=True, help="Lifted and expired ones too.")
@click.option("--fail-on", type=click.Choice(LEVELS), help="Exit with 4 if one listed is at or above this level.")
@language_option
@output_options
@pass_application
def list_(
    application: Application,
    level: str | None,
    state: str | None,
    organisation: str | None,
    unowned: bool,
    everything: bool,
    fail_on: str | None,
    output: Output,
) -> int:
    """List the open warnings, the worst first.

    \b
    Example:
      secwatch warn list
      secwatch warn list --organisation FIN --fail-on orange
    """
    from secwatch.store import warnings
    from secwatch.warn.render import listing

    now = _now()
    found = warnings.select(
        application.database,
        state=WarningState(state) if state else None,
        organisation=organisation,
        unowned=unowned,
        open_at=None if everything or state else now,
    )
    # The calculated level counts here: a red that the city may only issue as orange is found as red.
    least = Level(level).rank if level else 0
    found = sorted(
        (warning for warning in found if warning.computed_level.rank >= least),
        key=lambda warning: -warning.computed_level.rank,
    )
    data = {"items": [_as_data(application, warning, now) for warning in found]}
    empty = "没有符合条件的预警" if application.language == "zh" else "no warnings"
    show(
        output,
        data,
        listing(found, _names(application), now, application.zone, application.language) if found else empty,
    )
    failing = fail_on and any(warning.computed_level.rank >= Level(fail_on).rank for warning in found)
    return ExitCode.FINDINGS if failing else ExitCode.DONE


@command.command(name="show", epilog="Exit codes: 0 done, 2 there is no such warning, 13 configuration invalid.")
@click.argument("number")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many alerts.")
@language_option
@output_options
@pass_application
def show_one(application: Application, number: str, limit: int, output: Output) -> None:
    """Show one warning: level, owner, what happened, its alerts, what to do, when it expires.

    \b
    Example:
      secwatch warn show 2026-0001
    """
    from secwatch.store import warnings
    from secwatch.warn.render import in_full

    now, warning = _now(), _found(application, number)
    alerts = list(warnings.alerts_of(application.database, warning, limit))
    words = EvidenceWords(application.place)
    said = {alert.id: words.sentence(alert.finding) for alert in alerts}
    data = {
        **_as_data(application, warning, now),
        "response": warning.response.to(application.language),
        "response_chinese": warning.response.zh,
        "response_english": warning.response.en,
        "evidence": [
            {
                "id": alert.id,
                "severity": int(alert.finding.severity),
                "source": alert.finding.source,
                "target": alert.finding.target,
                "first_seen": to_text(alert.finding.first_seen),
                "last_seen": to_text(alert.finding.last_seen),
                "count": alert.finding.count,
                "evidence": dict(alert.finding.evidence),
                "evidence_text": {"zh": text.zh, "en": text.en} if (text := said[alert.id]) else None,
            }
            for alert in alerts
        ],
    }
    told = in_full(warning, alerts, said, _names(application), now, application.zone, application.language)
    show(output, data, *told)


@command.command(epilog="Exit codes: 0 done, 2 there is no such warning, 13 configuration invalid.")
@click.argument("number")
@language_option
@output_options
@pass_application
def explain(application: Application, number: str, output: Output) -> None:
    """Explain a warning's level: every input and every rule, in the order they were applied.

    \b
    Example:
      secwatch warn explain 2026-0001
    """
    from secwatch.warn.levels import levels_file, load_levels
    from secwatch.warn.render import explanation

    warning = _found(application, number)
    table = load_levels(levels_file(application.place))
    data = {
        "number": warning.number,
        "level": warning.level.value,
        "computed_level": warning.computed_level.value,
        "inputs": dict(warning.inputs),
        "reasons": [reason.to(application.language) for reason in warning.reasons],
        "reasons_chinese": [reason.zh for reason in warning.reasons],
        "reasons_english": [reason.en for reason in warning.reasons],
        "evaluated_at": to_text(warning.evaluated_at),
        "clean_evaluations": warning.clean_evaluations,
        "sources": [source.to(application.language) for source in table.sources],
    }
    show(output, data, *explanation(warning, table.sources, application.language))
