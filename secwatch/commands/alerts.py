"""`secwatch alerts`: what the detections, scans and backups have stated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.commands.evidence_words import EvidenceWords
from secwatch.commands.moments import MOMENT
from secwatch.core.errors import ExitCode, UsageProblem
from secwatch.core.escape import visible
from secwatch.core.model import Alert, Severity, Text
from secwatch.core.moments import to_text
from secwatch.system.console import Output, Paragraph, show, table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text as Styled

EXIT_CODES = "Exit codes: 0 done, 2 usage, 4 alerts at or above --fail-on."
SHOW_EXIT_CODES = "Exit codes: 0 done, 2 usage, 3 no packets of it can be had any more, or a file of them is damaged."
_STYLES = {Severity.LOW: "", Severity.MEDIUM: "yellow", Severity.HIGH: "red", Severity.CRITICAL: "bold red"}


@click.group(cls=Group, name="alerts")
def command() -> None:
    """Look at alerts.

    \b
    Example:
      secwatch alerts list --since 24h
      secwatch alerts show 1
    """


@command.command(name="list", epilog=EXIT_CODES)
@click.option("--since", type=MOMENT, help="Seen at or after this: 24h, 7d, 2026-11-23.")
@click.option("--severity", type=click.IntRange(1, 4), default=1, help="At least this severity, 1 to 4.")
@click.option("--organisation", metavar="CODE", help="Of this organisation.")
@click.option("--detection", metavar="ID", help="Of this detection.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many.")
@click.option("--fail-on", type=click.IntRange(1, 4), help="End with code 4 if one is at least this severe.")
@language_option
@output_options
@pass_application
def list_(
    application: Application,
    since: datetime | None,
    severity: int,
    organisation: str | None,
    detection: str | None,
    limit: int,
    fail_on: int | None,
    output: Output,
) -> int:
    """List alerts, the newest first.

    \b
    Example:
      secwatch alerts list --since 24h --severity 3
      secwatch alerts list --organisation FIN --json
    """
    from secwatch.store import alerts

    found = alerts.select(
        application.database,
        since=since,
        minimum_severity=severity,
        organisation=organisation,
        detection=detection,
        limit=limit,
    )
    nothing = Text("没有告警", "there are no alerts").to(application.language)
    show(output, {"items": [as_data(alert) for alert in found]}, listing(found, application) if found else nothing)
    worst = max((alert.finding.severity for alert in found), default=0)
    return ExitCode.FINDINGS if fail_on is not None and worst >= fail_on else ExitCode.DONE


@command.command(name="show", epilog=SHOW_EXIT_CODES)
@click.argument("identifier", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@click.option("--packets", is_flag=True, help="Write its packets to -o FILE (alert-ID.pcap here; - for a pipe).")
@click.option(
    "--limit", type=click.IntRange(1, 10_000_000), default=100_000, show_default=True, help="At most so many packets."
)
@language_option
@output_options
@pass_application
def show_one(application: Application, identifier: int, packets: bool, limit: int, output: Output) -> int:
    """Show everything about one alert: facts, evidence, and what to do.

    Its packets are those between its addresses in its time, and 5 seconds around it, from the evidence
    buffer of live capture and from the files it was read from, as far as they are there unchanged.

    \b
    Example:
      secwatch alerts show 1 --lang en
      secwatch alerts show 1 --packets -o scan.pcap
      secwatch alerts show 1 --packets -o - | secwatch sense show -
    """
    from secwatch.store import alerts

    alert = alerts.find(application.database, identifier)
    if alert is None:
        raise UsageProblem(f"there is no alert {identifier}", "secwatch alerts list")
    if packets:
        from secwatch.commands.alert_packets import write_packets

        return write_packets(application, alert, limit, output)
    words = EvidenceWords(application.place)
    says = words.sentence(alert.finding)
    data = as_data(alert, full=True) | {"evidence_text": {"zh": says.zh, "en": says.en} if says else None}
    heading = Paragraph(alert.finding.title.to(application.language), lead=f"{alert.id}  ", style="bold")
    told = _told(Text("所见: ", "What was seen: "), says, application)
    response = _told(Text("处置: ", "What to do: "), alert.finding.response, application)
    show(output, data, heading, _facts(alert, words, application), *told, *response)
    return ExitCode.DONE


def as_data(alert: Alert, *, full: bool = False) -> dict[str, Any]:
    """Return an alert as JSON shows it; with `full` everything that is known of it."""
    finding = alert.finding
    data: dict[str, Any] = {
        "id": alert.id,
        "detection": finding.detection,
        "title": finding.title.zh,
        "title_english": finding.title.en,
        "severity": int(finding.severity),
        "source": finding.source,
        "target": finding.target,
        "first_seen": to_text(finding.first_seen),
        "last_seen": to_text(finding.last_seen),
        "count": finding.count,
        "organisation": finding.organisation,
    }
    if full:
        data |= {
            "origin": finding.origin.value,
            "score": finding.score,
            "confidence": finding.confidence,
            "aspect": finding.aspect,
            "attack": list(finding.attack),
            "key": dict(finding.key),
            "evidence": dict(finding.evidence),
            "response": finding.response.zh,
            "response_english": finding.response.en,
            "created_at": to_text(alert.created_at),
            "updated_at": to_text(alert.updated_at),
        }
    return data


def listing(alerts: Sequence[Alert], application: Application) -> Table:
    """Return alerts as a table for people, times in the configured zone."""
    chinese = application.language == "zh"
    columns = ["编号", "级别", "标题", "来源 > 目标", "单位", "次数", "最近"]
    if not chinese:
        columns = ["id", "severity", "title", "source > target", "org", "count", "last seen"]
    rows = [
        (
            alert.id,
            _severity(alert.finding.severity, application),
            alert.finding.title.to(application.language),
            _ends(alert),
            alert.finding.organisation or "",
            alert.finding.count,
            local(alert.finding.last_seen, application),
        )
        for alert in alerts
    ]
    return table(None, columns, rows, right=(columns[0], columns[5]), whole=(columns[4], columns[5]))


def _ends(alert: Alert) -> Styled:
    """Both ends below each other: two addresses side by side leave no room for the title on 80 columns."""
    from rich.text import Text as Styled

    source, target = (visible(end or "") for end in (alert.finding.source, alert.finding.target))
    return Styled(f"{source}\n>\u00a0{target}" if source and target else source or target)


def local(moment: datetime, application: Application) -> str:
    """Return a moment to the minute in the time zone of the city."""
    from zoneinfo import ZoneInfo

    return f"{moment.astimezone(ZoneInfo(application.settings.general.time_zone)):%Y-%m-%d %H:%M}"


def _severity(severity: Severity, application: Application) -> Styled:
    from rich.text import Text as Styled

    return Styled(severity.label.to(application.language), style=_STYLES[severity])


def _facts(alert: Alert, words: EvidenceWords, application: Application) -> Table:
    language = application.language
    finding = alert.finding
    labels = {
        "detection": Text("检测", "detection"),
        "severity": Text("严重程度", "severity"),
        "confidence": Text("可信度", "confidence"),
        "organisation": Text("责任单位", "organisation"),
        "source": Text("来源", "source"),
        "target": Text("目标", "target"),
        "first_seen": Text("首次", "first seen"),
        "last_seen": Text("最近", "last seen"),
        "count": Text("次数", "count"),
        "score": Text("分值", "score"),
        "attack": Text("ATT&CK", "ATT&CK"),
    }
    data = as_data(alert, full=True)
    data["severity"] = _severity(finding.severity, application)
    data["attack"] = " ".join(finding.attack)
    data |= {name: local(getattr(finding, name), application) for name in ("first_seen", "last_seen")}
    data["organisation"] = _owner(finding.organisation, application)
    rows = [(text.to(language), data[name] if data[name] is not None else "") for name, text in labels.items()]
    rows.extend((f"  {label}", value) for label, value in words.rows(finding, language))
    return table(None, ["", ""], rows, show_header=False)


def _owner(code: str | None, application: Application) -> str:
    for organisation in application.organisations:
        if organisation.code == code:
            return f"{code} {organisation.name.to(application.language)}"
    return code or ""


def _told(label: Text, sentence: Text | None, application: Application) -> list[RenderableType]:
    """A sentence below the facts; it may come from a user's file, and hold what came over the wire."""
    said = sentence.to(application.language) if sentence else ""
    return ["", Paragraph(said, lead=label.to(application.language))] if said else []
