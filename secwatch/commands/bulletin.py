"""`secwatch bulletin`: the weekly warning bulletin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.core.errors import UsageProblem
from secwatch.core.model import Text
from secwatch.core.moments import in_zone, to_text
from secwatch.system.console import Output, note, show, table

if TYPE_CHECKING:
    from datetime import datetime

    from backup.overview import JobStatus
    from secwatch.bulletin.document import Bulletin
    from secwatch.bulletin.material import Backups, JobState
    from secwatch.bulletin.week import Week
    from secwatch.store.bulletins import Stored

EXIT_CODES = "Exit codes: 0 done, 2 usage, 11 the database is held, 13 configuration invalid."
FORMATS = ["terminal", "html", "markdown"]

format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="terminal", show_default=True, help="How to show it."
)

_YEARS = range(2000, 2200)


@click.group(cls=Group, name="bulletin")
def command() -> None:
    """Compose and show the weekly warning bulletin.

    \b
    Example:
      secwatch bulletin compose
      secwatch bulletin show --lang en
      secwatch bulletin show 2026-W47 --format html -o bulletin.html
    """


@command.command(epilog=EXIT_CODES)
@click.option("--week", "name", metavar="WEEK", help="The week: 2026-W47, this or last. Default: last.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The week that holds this day.")
@format_option
@language_option
@output_options
@pass_application
def compose(application: Application, name: str | None, day: datetime | None, form: str, output: Output) -> None:
    """Compose the bulletin of a week, keep it as a new edition, write it as HTML and show it.

    Earlier editions of the week are kept. The HTML files, one for each language, are in the
    bulletins directory of the workspace's state.

    \b
    Example:
      secwatch bulletin compose
      secwatch bulletin compose --week 2026-W47 --lang en
    """
    from datetime import UTC, datetime

    from secwatch.bulletin.compose import compose as write
    from secwatch.bulletin.compose import keep
    from secwatch.bulletin.gather import gather
    from secwatch.bulletin.rating import load_formula, rating_file
    from secwatch.bulletin.week import named_week, week_holding

    if name and day:
        raise UsageProblem("give either --week or --date", "secwatch bulletin compose --help")
    now = datetime.now(UTC)
    zone = application.zone
    if day and day.year not in _YEARS:
        raise UsageProblem(f"there is no bulletin of the year {day.year}", "secwatch bulletin compose --help")
    week = week_holding(day.date(), zone) if day else named_week(name or "last", now, zone)
    if week.start > now:
        raise UsageProblem(f"the week {week.name} has not begun", "secwatch bulletin compose --week this")
    formula = load_formula(rating_file(application.place))
    backups = _backups(application, week, now)
    material = gather(application.database, week, zone, application.organisations, backups, now)
    stored, bulletin = keep(application.database, write(material, application.settings, formula), material)
    paths = _write_html(application, stored, bulletin)  # first: whoever reads what is shown may leave early
    _show(application, stored, bulletin, form, output)
    for path in paths:
        note(Text(f"已写入 {path}", f"wrote {path}").to(application.language), output)
    if not material.current.known and not (name or day):
        zh = "该周没有观测数据；编制本周的：secwatch bulletin compose --week this"
        en = "nothing was observed in that week; for the running one: secwatch bulletin compose --week this"
        note(Text(zh, en).to(application.language), output)


def _write_html(application: Application, stored: Stored, bulletin: Bulletin) -> list[str]:
    """Both languages, so that a reader need not ask; written beside and renamed."""
    from secwatch.bulletin.render import html
    from secwatch.core.model import Language
    from secwatch.system.paths import prepare

    directory = prepare(application.place.bulletins)
    languages: tuple[Language, Language] = ("zh", "en")
    paths = []
    for language in languages:
        path = directory / f"{bulletin.name}-{bulletin.edition}.{language}.html"
        text = html.render(bulletin, stored.sha256, language)
        show(Output(path=str(path)), {}, text.rstrip("\n"))
        paths.append(str(path))
    return paths


def _show(application: Application, stored: Stored, bulletin: Bulletin, form: str, output: Output) -> None:
    from secwatch.bulletin.render import html, markdown, terminal

    data = _as_data(stored, bulletin)
    language = application.language
    if form == "html":
        show(output, data, html.render(bulletin, stored.sha256, language).rstrip("\n"))
    elif form == "markdown":
        show(output, data, markdown.render(bulletin, stored.sha256, language).rstrip("\n"))
    else:
        show(output, data, *terminal.render(bulletin, stored.sha256, language))


def _as_data(stored: Stored, bulletin: Bulletin) -> dict[str, Any]:
    return {
        "name": bulletin.name,
        "number": bulletin.number("zh"),
        "edition": bulletin.edition,
        "rating": bulletin.rating.key,
        "composed_at": to_text(stored.composed_at),
        "sha256": stored.sha256,
        "bulletin": bulletin,
    }


def _backups(application: Application, week: Week, now: datetime) -> Backups:
    """The jobs as the ledger knows them, in the words of the bulletin, which knows nothing of backups."""
    from backup import ledger
    from backup.jobs import from_settings
    from backup.overview import overview
    from secwatch.bulletin.material import Backups

    jobs = from_settings(application.settings.backup, application.resolve)
    states = tuple(_job_state(status) for status in overview(application.database, jobs, now))
    before = week.before(1, application.zone)
    counts = {"good": 0, "bad": 0, "previous_good": 0, "previous_bad": 0}
    for run in ledger.runs(application.database, verb="run", limit=100_000):
        if run.started_at < before.start:
            break
        if run.started_at >= week.end or run.result is None:
            continue
        prefix = "" if run.started_at >= week.start else "previous_"
        counts[f"{prefix}{'good' if run.result.good else 'bad'}"] += 1
    return Backups(states, counts["good"], counts["bad"], counts["previous_good"], counts["previous_bad"])


def _job_state(status: JobStatus) -> JobState:
    from backup.compliance import Verdict
    from secwatch.bulletin.material import JobState

    def proven(run: Any) -> datetime | None:
        return run.started_at if run is not None and run.result is not None and run.result.good else None

    return JobState(
        job=status.job.name,
        organisation=status.job.organisation,
        last_success=status.last_success.started_at if status.last_success else None,
        rpo_seconds=status.rpo.target_seconds,
        rpo_met=status.rpo.verdict is Verdict.MET,
        verified_at=proven(status.last_verify),
        drilled_at=proven(status.last_drill),
        drill_seconds=status.rto.achieved_seconds,
        rto_seconds=status.rto.target_seconds,
    )


@command.command(name="show", epilog="Exit codes: 0 done, 1 what is stored was changed, 2 there is no such bulletin.")
@click.argument("week", required=False)
@click.option("--edition", type=click.IntRange(1, 2**31), help="This edition. Default: the newest.")
@format_option
@language_option
@output_options
@pass_application
def show_one(application: Application, week: str | None, edition: int | None, form: str, output: Output) -> None:
    """Show a bulletin: the latest, or that of WEEK (2026-W47, this or last).

    \b
    Example:
      secwatch bulletin show
      secwatch bulletin show 2026-W47 --format html -o bulletin.html
    """
    from datetime import UTC, datetime

    from secwatch.bulletin.compose import read
    from secwatch.bulletin.week import named_week
    from secwatch.store import bulletins

    wanted = named_week(week, datetime.now(UTC), application.zone) if week else None
    stored = bulletins.find(
        application.database, wanted.year if wanted else None, wanted.number if wanted else None, edition
    )
    if stored is None:
        option = f" --week {wanted.name}" if wanted else ""
        raise UsageProblem("there is no such bulletin", f"secwatch bulletin compose{option}")
    _show(application, stored, read(stored), form, output)


@command.command(name="list", epilog="Exit codes: 0 done, 1 what is stored was changed, 2 usage.")
@language_option
@output_options
@pass_application
def list_(application: Application, output: Output) -> None:
    """List the bulletins, every edition of every week.

    \b
    Example:
      secwatch bulletin list
    """
    from secwatch.bulletin.compose import read
    from secwatch.store import bulletins

    chinese = application.language == "zh"
    found = [(stored, read(stored)) for stored in bulletins.every(application.database)]
    if not found:
        show(output, {"items": []}, "还没有通报" if chinese else "there is no bulletin yet")
        return
    heads = (
        ["周", "版次", "评价", "编制时间", "校验"] if chinese else ["week", "edition", "rating", "composed", "sha256"]
    )
    rows = [
        (
            bulletin.name,
            bulletin.edition,
            bulletin.rating.label.to(application.language),
            in_zone(stored.composed_at, application.zone),
            stored.sha256[:16],
        )
        for stored, bulletin in found
    ]
    items = [{key: value for key, value in _as_data(*pair).items() if key != "bulletin"} for pair in found]
    show(output, {"items": items}, table(None, heads, rows, right=(heads[1],)))
