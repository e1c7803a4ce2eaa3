"""`secwatch status`: how everything stands, for people, for monitors, for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.core.errors import SecwatchError
from secwatch.core.escape import visible
from secwatch.core.model import Language, Text
from secwatch.system.console import Output, show, stdout, table

if TYPE_CHECKING:
    from secwatch.commands.standing import Standing

EXIT_CODES = (
    "Exit codes: 0 done, 2 usage, 13 configuration invalid; with --nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."
)
_UNKNOWN = 3
_NAGIOS = ("OK", "WARNING", "CRITICAL")


@click.command(epilog=EXIT_CODES)
@click.option("--nagios", is_flag=True, help="Print one line and end with the codes of a Nagios plugin.")
@click.option("--prometheus", metavar="FILE", help="Write the metrics to this file for node_exporter.")
@language_option
@output_options
@pass_application
def command(application: Application, nagios: bool, prometheus: str | None, output: Output) -> int:
    """Say at one glance how everything stands.

    \b
    Example:
      secwatch status
      secwatch status --nagios
      secwatch status -q --prometheus /var/lib/prometheus/node-exporter/secwatch.prom
    """
    from secwatch.commands.standing import gather

    try:
        standing = gather(application, datetime.now(UTC))
    except Exception as error:
        # A monitor must be told by its own codes, whatever it is that went wrong.
        if not nagios:
            raise
        text = error.message if isinstance(error, SecwatchError) else f"{type(error).__name__}: {error}"
        stdout(output).print(f"SECWATCH UNKNOWN - {visible(text, 300).replace('|', '/')}", soft_wrap=True)
        return _UNKNOWN
    if prometheus:
        from secwatch.system import metrics

        metrics.write(Path(prometheus), standing.metrics())
    if nagios:
        stdout(output).print(_nagios_line(standing), soft_wrap=True)
        return int(standing.grade)
    if not (prometheus and output.quiet):
        _show(standing, application.language, output)
    return 0


def _nagios_line(standing: Standing) -> str:
    # A plugin's first line ends where its performance data begin, at the bar.
    reasons = "; ".join(visible(text.en, 200) for _, text in standing.reasons).replace("|", "/") or "nothing to report"
    levels = standing.levels()
    red = sum(job.state.value == "red" for job in standing.jobs)
    counted = " ".join(f"{level.value}={count}" for level, count in levels.items())
    return f"SECWATCH {_NAGIOS[standing.grade]} - {reasons} | {counted} backup_jobs_red={red}"


def _show(standing: Standing, language: Language, output: Output) -> None:
    from secwatch.commands.lake_shown import sentence

    never = Text("从未", "never").to(language)
    packet = f"{standing.last_packet:%Y-%m-%d %H:%M} UTC" if standing.last_packet else never
    alerts = " ".join(f"{severity.label.to(language)} {count}" for severity, count in standing.alerts.items())
    levels = " ".join(
        f"[{level.label.to(language)}] {n}" for level, n in reversed(list(standing.levels().items())) if n
    )
    good = sum(job.state.value == "green" for job in standing.jobs)
    rows = [
        (Text("总体", "overall").to(language), standing.grade.label.to(language)),
        (Text("最新报文", "newest packet").to(language), packet),
        (Text("近 7 天告警", "alerts, 7 days").to(language), alerts),
        (Text("有效预警", "warnings in force").to(language), levels or "0"),
        (Text("备份作业正常", "backup jobs good").to(language), f"{good} / {len(standing.jobs)}"),
    ]
    rows.append((Text("数据湖", "lake").to(language), sentence(standing.lake).to(language)))
    rows += [(grade.label.to(language), text.to(language)) for grade, text in standing.reasons]
    show(output, standing.as_data(), table(None, ["", ""], rows, show_header=False))
